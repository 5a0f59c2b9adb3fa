from common import *
s = stage_of(DEFAULT)
n0=len(s.mail())
out = s.sign_in(); tok=out.session
s.mail()
ctx = s.at()
for i in range(100):
    r=s.calls.remove_address(tok, WORK, context=ctx)
    s.calls.cancel_change(r.change, by=FreshSession(tok), context=ctx)
print("AAL1 session, one source, no time: mails to HOME", len(s.mail(HOME)))
s = stage_of(DEFAULT, factor=True)
tok=s.sign_in().session; s.mail(); ctx=s.at()
for i in range(100):
    r=s.calls.issue_recovery_codes(tok, context=ctx); tok=r.session
print("AAL2 session: issue codes x100: mails to HOME", len(s.mail(HOME)), "sessions", len(s.record.sessions))
