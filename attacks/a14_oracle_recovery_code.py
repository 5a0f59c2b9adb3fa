from common import *
from acctsec.keyring import Keyring
import collections, time
s = stage_of(DEFAULT, factor=True, codes=True)
w=s.world
w.directory.put(Account(subject="u2", identifiers=("bob@example.org",), addresses=("bob@example.org",)))
calls=collections.Counter()
for name in ("open","seal","digest"):
    def wrap(orig,name=name):
        def f(self,*a,**k):
            calls[name+":"+(a[0] if isinstance(a[0],str) else '')]+=1
            return orig(self,*a,**k)
        return f
    setattr(Keyring,name,wrap(getattr(Keyring,name)))
import acctsec.mfa.recovery as rec
def run(ident, proof):
    h=s.act("request_reset", ident); calls.clear()
    r=s.redeem(proof(h)); return r, dict(calls)
for mk in (lambda h: RecoveryCode("AAAA-AAAA-AAAA-AAAA" if False else rec.text(bytes(rec.CODE_BYTES)), h.handle), lambda h: ResetCode(h.handle,"12345678")):
    base=None
    for ident in (HOME,"bob@example.org","nobody@example.org"):
        r,c=run(ident,mk); print(ident, r, sum(c.values()), {k:v for k,v in c.items()})
def best(ident,n=400):
    h=s.act("request_reset", ident); ts=[]
    for i in range(n):
        code=rec.text(i.to_bytes(rec.CODE_BYTES,'big')); ctx=s.at(); t=time.perf_counter(); s.calls.redeem_reset(RecoveryCode(code,h.handle),NEW,context=ctx); ts.append(time.perf_counter()-t)
    ts.sort(); return ts[n//2]*1e6
for i in range(3): print({i:round(best(i)) for i in (HOME,"bob@example.org","nobody@example.org")})
