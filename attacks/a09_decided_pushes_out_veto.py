from common import *
# mailbox + nothing else under SLOW: the weak change that can be vetoed is pushed out by one of an address.
s = stage_of(SLOW, addresses=(HOME, WORK))
w = s.by_mail(HOME); 
s.clock.advance(timedelta(hours=1))
thief = s.act("sign_in", HOME, PASSWORD)
p = s.act("add_address", thief.session, "mallory@evil.example"); s.world.deliver()
print(s.act("verify_address", AddressLink(s.world.messenger.address_link), session=thief.session))
s.clock.advance(w.until - s.clock())
print(s.redeem(ResumeTicket(w.ticket), NEW)); v = s.veto_from(WORK)
t = s.act("sign_in", HOME, NEW)
for a in ("x1@evil.example","x2@evil.example"): print(s.act("add_address", t.session, a))
print(s.by_mail(HOME, NEWER))
print([ (c.kind, c.made is not None, c.weak) for c in s.record.changes])
print(s.act("remove_address", t.session, "mallory@evil.example"))
print([ (c.kind, c.made is not None, c.weak) for c in s.record.changes])
print("owner's veto:", s.act("inspect_veto", v), s.act("veto", v))
