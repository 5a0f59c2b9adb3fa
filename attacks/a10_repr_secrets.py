from common import *
import re, itertools
# Every outcome, claim and event: no token, code or address in its repr.
s = stage_of(SLOW, factor=True, codes=True)
seen=[]
def keep(x): seen.append(x); return x
h=keep(s.act("request_reset", HOME)); s.world.deliver()
link=s.world.messenger.messages[-1].link; code=s.world.messenger.messages[-1].code
keep(ResetLink(link)); keep(ResetCode(h.handle, code)); keep(RecoveryCode(s.codes[0], h.handle) if True else 0)
a=keep(s.act("redeem_reset", ResetLink(link), NEW)); p=keep(s.act("verify_factor", a.ticket, RecoveryCode(s.codes[0])))
w=keep(s.act("redeem_reset", keep(ResumeTicket(p.ticket)), NEW))
s.world.deliver(); v=s.veto_from()
keep(s.act("inspect_veto", v))
s2=stage_of(DEFAULT); t=s2.sign_in(); keep(t)
pend=keep(s2.act("add_address", t.session, "new@x.example")); s2.world.deliver(); al=s2.world.messenger.address_link
keep(AddressLink(al)); ac=AddressCode(pend.change, s2.world.messenger.messages[-1].code); keep(ac); keep(s2.act("verify_address", ac, session=t.session))
secrets=[link, code, a.ticket, p.ticket, w.ticket, v, NEW, PASSWORD, s.codes[0], h.handle, al, t.session, ac.code, HOME, WORK, PHONE, "new@x.example"]
objs = seen + list(s.world.sink.events if hasattr(s.world.sink,'events') else s.world.sink.__dict__.get('recorded',[])) + list(s2.world.sink.events if hasattr(s2.world.sink,'events') else [])
objs += [s.record, s2.record]+ list(s.world.messenger.messages)
print(len(objs), [x for x in dir(s.world.sink) if not x.startswith('_')])
for o in objs:
    for x in secrets:
        if x and x in repr(o): print("LEAK", type(o).__name__, x[:20], repr(o)[:200])
