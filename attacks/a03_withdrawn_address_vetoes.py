from common import *
s = stage_of(DEFAULT)
print(s.by_mail(HOME))
v = s.veto_from(WORK)
print("withdraw", s.calls.admin.withdraw_address(SUBJECT, WORK, actor="op"))
s.world.deliver()
print("inspect", s.act("inspect_veto", v)); print("veto by withdrawn address", s.act("veto", v))
