from common import *
from acctsec.stores import MemoryStore
from acctsec.errors import CommitUnknown
# A store that loses answers at each commit, in both ways, for every operation of recovery that matters: nothing half, nothing twice.
class Lossy:
    def __init__(self, inner): self.inner, self.at, self.n, self.landed = inner, None, 0, True
    def commit(self, *a, **k):
        self.n += 1
        if self.n == self.at:
            if self.landed: self.inner.commit(*a, **k)
            raise CommitUnknown("lost", remedy="again")
        return self.inner.commit(*a, **k)
    def __getattr__(self, n): return getattr(self.inner, n)
def fresh(policy, **account):
    store=Lossy(MemoryStore()); return Stage(built(World, Engine, store, policy=policy, seed=7), **account), store
def arm(store, k, landed): store.at, store.landed = store.n+k, landed
def run(name, prepare, act, check):
    for landed in (True, False):
        for k in (1,2,3):
            s, store = prepare(); arm(store,k,landed)
            try: r=act(s)
            except Exception as e: r=type(e).__name__
            store.at=None; s.world.deliver()
            c=check(s)
            print(name, landed, k, type(r).__name__ if not isinstance(r,str) else r, c)
def p1():
    s,st=fresh(SLOW); s.l=s.link(); return s,st
run("begin", p1, lambda s: s.redeem(ResetLink(s.l)), lambda s: (len(s.record.changes), len(s.record.resets), sum(m.purpose is MessagePurpose.CHANGE_WAITING for m in s.world.messenger.messages)))
def p2():
    s,st=fresh(SLOW); s.w=s.by_mail(); s.world.deliver(); s.clock.advance(s.w.until-s.clock()); return s,st
run("claim", p2, lambda s: s.redeem(ResumeTicket(s.w.ticket)), lambda s: ([(c.kind,c.made is not None) for c in s.record.changes], sum(m.purpose is MessagePurpose.PASSWORD_CHANGED for m in s.world.messenger.messages), len(s.record.history)))
def p3():
    s,st=fresh(DEFAULT); s.by_mail(); s.v=s.veto_from(); return s,st
run("veto", p3, lambda s: s.act("veto", s.v), lambda s: (s.record.contest is not None, sum(m.purpose is MessagePurpose.CONTESTED for m in s.world.messenger.messages)))
