from common import *
# Two nodes whose clocks are 50 s apart (a minute is allowed). The thief resets on the one ahead, and sets an app up on the other.
s = stage_of(DEFAULT); l=s.link()
s.clock.advance(seconds=50); print(s.redeem(ResetLink(l))); s.clock.advance(timedelta(seconds=-50))
t=s.act("sign_in", HOME, NEW); app=__import__("acctsec.testing.doubles",fromlist=["Authenticator"]).Authenticator(s.act("enroll_totp", t.session))
print(type(s.act("confirm_factor", app.ticket, app.code(s.clock()))).__name__)
s.clock.advance(timedelta(minutes=30))
print("owner:", s.act("veto", s.veto_from(WORK)), s.record.contest)
s.app=app; a=s.by_mail(HOME, NEWER); print("thief by mail", a)
if isinstance(a, FactorRequired): print("thief by mail and his own app:", s.redeem(s.prove(a, s.code()), NEWER))
