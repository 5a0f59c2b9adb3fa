from common import *
s = stage_of(SLOW, factor=True, codes=True)
short = "kx9!vq2m"
r = s.by_mail_and_app(short); print("set with factor", r)
out = s.act("sign_in", HOME, short); out = s.act("verify_factor", out.ticket, s.code()); print(type(out).__name__)
print("accepted", s.record.accepted.hex()[:8], s.record.deadline)
f = s.act("list_factors", out.session).factors
s.clock.advance(timedelta(days=4))
out = s.act("sign_in", HOME, short); out = s.act("verify_factor", out.ticket, s.code())
print(s.act("remove_factor", out.session, f[0].id))
o = s.act("sign_in", HOME, short); print("signs in with", short, "alone:", type(o).__name__, getattr(o,'password_due',None), s.record.change, s.record.deadline)
print("rules say", s.calls.check_password(short))
