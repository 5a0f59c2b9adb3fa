"""The index key that named the replaced address is retired while the replacement waits."""
from acctsec import *
from acctsec.testing import world
w=world(); seal,a,b=w.entropy(32),w.entropy(32),w.entropy(32)
w.restart(keyring=Keyring(sealing=[seal],index=[a],entropy=w.entropy))
w.sign_up(); s=w.sign_in().session; w.deliver()
print(w.calls.add_address(s,"thief@evil.example",replaces="alice@example.org",context=w.context())); w.deliver()
m=[x for x in w.messenger.messages if x.purpose=="prove-address"][-1]
p=w.calls.verify_address(AddressLink(m.link),session=s,context=w.context()); print(p)
for ring in ([b,a],[b]):
    w.restart(keyring=Keyring(sealing=[seal],index=ring,entropy=w.entropy)); 
w.clock.advance(p.until-w.clock())
print(w.calls.verify_address(ResumeTicket(p.ticket),session=s,context=w.context()),w.directory.get("","u1").addresses)
# sealing key retired while something is under way
w=world(); w.restart(keyring=Keyring(sealing=[seal],index=[a],entropy=w.entropy)); w.sign_up(); s=w.sign_in().session
from broken import broken
b_=broken(w); b_.fails=RuntimeError("x")
try: w.calls.change_identifier(s,"alice@example.org","newname",context=w.context())
except Exception as e: print(repr(e)[:60])
w.restart(keyring=Keyring(sealing=[w.entropy(32)],index=[a],entropy=w.entropy)); b_=broken(w)
w.clock.advance(minutes=10)
try: print(w.deliver())
except Exception as e: print("deliver",repr(e)[:100])
try: print(w.calls.list_changes(s,context=w.context()))
except Exception as e: print(repr(e)[:100])
