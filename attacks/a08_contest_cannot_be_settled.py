from common import *
s = stage_of(DEFAULT)
print("thief resets by HOME", s.by_mail(HOME)); print("and vetoes himself", s.act("veto", s.veto_from(HOME)))
r = s.by_mail(WORK, NEWER); print("owner by the other mailbox:", r)
h = s.act("request_reset", PHONE); s.world.deliver()
code = s.world.messenger.messages[-1].code
r2 = s.redeem(ResetCode(h.handle, code), NEWER); print("owner by text:", r2)
print("explain says the way out:", [[sorted(x.value for x in p) for p in w.paths] for w in s.world.policy.recovery.explain().ways_out if w.level==AssuranceLevel.AAL1])
for t in (r.ticket, r2.ticket):
    print(s.redeem(ResumeTicket(t), NEWER))
