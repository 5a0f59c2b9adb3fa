from common import *
# A thief with the password only, of an account without a factor, under SOCIAL_GUARDED.
s = stage_of(GUARDED)
w = s.by_mail()
print("owner begins", w)
first = s.act("sign_in", HOME, PASSWORD)           # thief: new device
print("after one sign-in", [c.kind for c in s.record.changes])
second = s.act("sign_in", HOME, PASSWORD, device=first.device)   # thief again, now 'known'
print("after two sign-ins", [c.kind for c in s.record.changes])
w = s.by_mail(); 
third = s.act("sign_in", HOME, PASSWORD)
for c in s.act("list_changes", third.session).changes:
    print("cancel", s.act("cancel_change", c.id, by=FreshSession(third.session)))
print("after cancel", [c.kind for c in s.record.changes])
