"""Who calls what in which order for an address that is known and one that is not; inspect and verify with foreign tokens."""
from acctsec import *
from acctsec.testing import world
from acctsec._flows.tokens import Purpose
w=world(); w.sign_up(); s=w.sign_in().session; w.deliver()
w.calls.add_address(s,"mine@example.net",context=w.context()); w.deliver()
m=[x for x in w.messenger.messages if x.purpose=="prove-address"][-1]
# other kinds of tokens in every address operation
others={"session":s,"reset":w.reset_link(),"address":m.link}
for n,t in others.items():
    for op in ("inspect_address","inspect_reset","inspect_share","inspect_veto"):
        if n=="address" and op=="inspect_address" or n=="reset" and op=="inspect_reset" or not hasattr(w.calls,op): continue
        try: print(n,op,type(getattr(w.calls,op)(t,context=w.context())).__name__)
        except Exception as e: print(n,op,repr(e)[:80])
print(repr(AddressLink(m.link)),repr(AddressCode("a"*32,"123456")),repr(m)[:300])
# disabled between
w.calls.admin.disable("u1",actor="x"); print(w.calls.verify_address(AddressLink(m.link),context=w.context()), w.calls.inspect_address(m.link,context=w.context()))
w.calls.admin.enable("u1",actor="x"); print(w.calls.verify_address(AddressLink(m.link),context=w.context()))
# clock back by a day
w=world(); w.sign_up(); s=w.sign_in().session; w.deliver()
p=w.calls.add_address(s,"mine@example.net",context=w.context()); w.deliver(); m=[x for x in w.messenger.messages if x.purpose=="prove-address"][-1]
from datetime import timedelta
w.clock.advance(timedelta(days=1)); print("late",w.calls.verify_address(AddressLink(m.link),session=s,context=w.context()))
try: w.clock.advance(timedelta(days=-1)); print("back",w.calls.verify_address(AddressLink(m.link),session=s,context=w.context()))
except Exception as e: print(repr(e)[:80])
