"""Settings of an operator in a hurry, and actors that are no names."""
from datetime import timedelta
from acctsec import *
from acctsec.recovery import *
from acctsec.claims import Admin
for x in ["x"*20000,"a\nb"," ","","\u200b","root\u202e","\u2800"]:
    try: print(repr(x[:5]),len(Admin(x).actor))
    except Exception as e: print(repr(x[:5]),repr(e)[:90])
DAY=timedelta(days=1)
def tryit(name,f):
    try: f(); print(name,"accepted")
    except Exception as e: print(name,repr(e)[:110])
tryit("no paths",lambda: RecoveryPolicy(paths=()))
tryit("contacts_needed=1",lambda: RecoveryPolicy(contacts_needed=1))
tryit("settle=0",lambda: RecoveryPolicy(contacts_settle=timedelta(0)))
tryit("lately=0",lambda: RecoveryPolicy(delays=Delays(lately=timedelta(0))))
tryit("lately<address_changed",lambda: RecoveryPolicy(delays=Delays(lately=DAY,address_changed=3*DAY)))
tryit("address_changed=0",lambda: RecoveryPolicy(delays=Delays(address_changed=timedelta(0))))
tryit("path contacts+admins",lambda: RecoveryPolicy(paths=(RecoveryPath({Proof.CONTACTS,Proof.ADMINISTRATORS},level=AssuranceLevel.AAL2,wait=DAY),)))
tryit("path contacts alone AAL1",lambda: RecoveryPolicy(paths=(RecoveryPath({Proof.CONTACTS}),)))
tryit("links same page",lambda: Links(origin="https://example.org",reset="/a",veto="/a",vouch="/a",verify="/a",unlock="/a"))
for o in ["https://example.org/","https://EXAMPLE.org","https://example.org@evil.org","https://example.org:0","https://example.org:70000","http://example.org","https://example.org#","https://exa_mple.org","https://1.2.3.4","https://xn--e1afmkfd.xn--p1ai","https://xn--a-","https://example.org.","https://-a.org","http://localhost.evil.org","https://a.b.0x7f","https://example.org\n"]:
    tryit(repr(o),lambda: Links(origin=o))
for p in ["//evil.org","/a//b","/a/../b","/%2e","/a?x","a","/a\\b","/a/./b","/.","/a;b","/\u0430"]:
    tryit(repr(p),lambda: Links(origin="https://example.org",reset=p))
