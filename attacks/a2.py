"""An owner who moved lately is stripped at once by a thief with a session, and hears nothing afterwards."""
from datetime import timedelta
from acctsec import *
from acctsec.testing import world
from acctsec.protocols import MessagePurpose
DAY=timedelta(days=1)
w=world(); w.sign_up()
s=w.sign_in().session
old=w.directory.get("","u1").addresses
print("old",old)
def prove(w,s,addr):
    w.deliver(); m=[x for x in w.messenger.messages if x.link and x.address==addr and x.purpose==MessagePurpose.PROVE_ADDRESS]
    return w.calls.verify_address(AddressLink(m[-1].link),session=s,context=w.context())
print(w.calls.add_address(s,"new@home.example",replaces=old[0],context=w.context()))
p=prove(w,s,"new@home.example"); print(p)
w.clock.advance(p.until-w.clock())
print(w.calls.verify_address(ResumeTicket(p.ticket),session=s,context=w.context()))
print(w.directory.get("","u1"))
# thief, later that day: session of his own by stolen password
w.clock.advance(DAY)
t=w.sign_in("alice").session if False else w.calls.sign_in(w.directory.get("","u1").identifiers[0],__import__("acctsec.testing.world",fromlist=["x"]).PASSWORD,context=w.context("10.9.9.9")).session
print(w.calls.add_address(t,"thief@evil.example",context=w.context("10.9.9.9")))
print(prove(w,t,"thief@evil.example"))
print(w.calls.remove_address(t,"new@home.example",context=w.context("10.9.9.9")))
w.deliver(); n=len(w.messenger.messages)
print(w.directory.get("","u1"))
print(w.calls.request_reset("new@home.example",context=w.context("10.1.1.1")))
w.clock.advance(4*DAY)
print(w.calls.request_reset("thief@evil.example",context=w.context("10.9.9.9")))
w.deliver(); print([(x.address,x.purpose,bool(x.veto)) for x in w.messenger.messages[n:]])
