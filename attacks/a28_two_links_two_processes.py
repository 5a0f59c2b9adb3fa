from common import *
import threading
# Two engines on one store: claim and veto, claim and claim, at the same moment, a hundred times.
for what in ("veto","claim"):
    res={}
    for i in range(60):
        s=stage_of(SLOW); w=s.by_mail(); v=s.veto_from(); s.clock.advance(w.until-s.clock())
        out=[None,None]; ctx=[s.at(),s.at()]
        def one(): out[0]=s.calls.redeem_reset(ResumeTicket(w.ticket), NEW, context=ctx[0])
        def two(): out[1]=s.calls.veto(v, context=ctx[1]) if what=="veto" else s.calls.redeem_reset(ResumeTicket(w.ticket), NEWER, context=ctx[1])
        ts=[threading.Thread(target=f) for f in (one,two)]; [t.start() for t in ts]; [t.join() for t in ts]
        k=(type(out[0]).__name__,type(out[1]).__name__, s.record.contest is not None, s.record.sessions==()); res[k]=res.get(k,0)+1
    print(what,res)
