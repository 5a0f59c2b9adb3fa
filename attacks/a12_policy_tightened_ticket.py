from common import *
# A change waits by mail alone; then the policy asks for a factor as well; the address is taken off in between.
s = stage_of(SLOW, factor=True, codes=True)
a=s.act("redeem_reset", ResetLink(s.link(WORK)), NEW); p=s.prove(a, RecoveryCode(s.codes.pop())); w=s.redeem(p); print(w)
s.clock.advance(w.until-s.clock())
T = evolve(SLOW, name="t", recovery=RecoveryPolicy(paths=(RecoveryPath({Proof.MAIL,Proof.FACTOR,Proof.RECOVERY_CODE}, level=AAL2),)))
s.world.restart(policy=T)
r=s.redeem(ResumeTicket(w.ticket)); print("tightened:", r)
acc=s.world.directory.put(evolve(s.world.calls and Account(subject=SUBJECT, identifiers=ADDRESSES, addresses=(HOME,PHONE))))
q=s.prove(r, s.code()); print(q)
print("address is gone, ticket w/o change:", s.redeem(q))
