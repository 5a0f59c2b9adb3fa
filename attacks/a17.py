"""A clerk, or two administrators, mail an owner without bound; factors issued again and again by a thief in a session."""
from acctsec.testing import world
w=world(); w.sign_up(); s=w.sign_in().session; w.deliver(); n=len(w.messenger.messages)
for i in range(50): w.calls.admin.initial_password("u1",actor="clerk")
w.deliver(); print("initial passwords mailed",len(w.messenger.messages)-n); n=len(w.messenger.messages)
app,s=w.enroll(s)
for i in range(50):
    r=w.calls.issue_recovery_codes(s,context=w.context(f"10.{i}.0.1")); s=getattr(r,"session",s)
w.deliver(); print("notices of codes",len(w.messenger.messages)-n)
