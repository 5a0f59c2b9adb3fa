from common import *
# contacts: can a thief spoil the way out, get a share to himself, use one twice, after removal, of another tenant?
P=evolve(RACING, name="c", recovery=RecoveryPolicy(paths=(RecoveryPath({Proof.MAIL}),RecoveryPath({Proof.MAIL,Proof.CONTACTS},level=AAL2,wait=3*DAY),RecoveryPath({Proof.MAIL,Proof.CONTACTS},gives=Capability.FACTORS,level=AAL2,wait=3*DAY))))
s=stage_of(P, factor=True); w=s.world
for i in (2,3):
    w.directory.put(Account(subject=f"u{i}", identifiers=(f"f{i}@example.org",), addresses=(f"f{i}@example.org",)))
    s.act("set_password", f"u{i}", PASSWORD, by=Initial())
tok=s.sign_in().session
for i in (2,3): print(s.act("name_contact", tok, f"u{i}"))
w.deliver(); s.clock.advance(8*DAY)
r=s.by_mail(); print(r)
t=getattr(r,'ticket',None)
a=s.act("ask_contacts", t); print(a); w.deliver()
shares=[(m.subject,m.link) for m in w.messenger.messages if m.purpose.value.startswith('contact-share')]
print([x for x,_ in shares])
fs={}
for i in (2,3): fs[f"u{i}"]=s.act("sign_in", f"f{i}@example.org", PASSWORD).session
for who,l in shares: print(who, s.act("vouch", l, by=FreshSession(fs[who])), s.act("vouch", l, by=FreshSession(fs[who])))
g=s.redeem(ResumeTicket(a.ticket)); print("after both", g)
print([ (c.kind,c.weak,c.proofs) for c in s.record.changes])
f=s.act("remove_lost_factors", ResumeTicket(a.ticket)); print("and the same agreement for the factors?", f)
if isinstance(g,Waiting):
    f=s.act("remove_lost_factors", ResumeTicket(g.ticket)); print("…with the waiting one", f)
