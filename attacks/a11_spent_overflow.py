from common import *
# RESET ticket of a printed code alone: used to begin a wait; 24 things are spent afterwards; used again?
P = evolve(RACING, name="p", recovery=RecoveryPolicy(paths=(RecoveryPath({Proof.MAIL}),RecoveryPath({Proof.RECOVERY_CODE, Proof.FACTOR}, level=AAL2, wait=DAY),RecoveryPath({Proof.MAIL,Proof.FACTOR}, level=AAL2, wait=2*DAY))))
s = stage_of(P, factor=True, codes=True)
h=s.act("request_reset", HOME); s.world.deliver()
a=s.redeem(RecoveryCode(s.codes[0], h.handle)) if True else 0
print(a)
p=s.prove(a, s.code()); print(p)
w=s.redeem(p); print(w)
for i in range(30): 
    s.clock.advance(seconds=5) if False else None
    print(type(s.sign_in()).__name__, end=" ") if i<1 else s.sign_in()
print(len(s.record.spent), [c.kind for c in s.record.changes])
print("again", s.redeem(p)); 
