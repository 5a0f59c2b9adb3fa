from common import *
A,B="a@old.example","b@old.example"
s = stage_of(DEFAULT, addresses=(HOME, WORK, A, B))
def go():
    t=s.sign_in().session
    return t
for x in (A,B):
    w=s.act("remove_address", go(), x); s.clock.advance(w.until-s.clock()); print(s.act("remove_address", go(), x)); s.world.deliver()
s.clock.advance(100*DAY)
print([ (r.told, bool(r.sealed)) for r in s.record.addresses])
# thief with the password takes WORK off
w=s.act("remove_address", go(), WORK); s.clock.advance(w.until-s.clock()); print(s.act("remove_address", go(), WORK)); s.world.deliver()
print([ (r.told and r.told.isoformat(), bool(r.sealed)) for r in s.record.addresses])
s.mail()
print(s.by_mail(HOME)); print("told of the reset:", sorted({m.address for m in s.mail()}))
print([(m.purpose.value, m.address, bool(m.veto), m.subject) for m in s.world.messenger.messages[-6:]])
print([ (r.told and r.told.isoformat(), bool(r.sealed)) for r in s.record.addresses], s.clock())
