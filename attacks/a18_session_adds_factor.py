from common import *
# The password alone, no factor: the thief adds one. Is there any way for the owner with both mailboxes and the number?
s = stage_of(DEFAULT)
t=s.act("sign_in", HOME, PASSWORD); app,sess=s.world.enroll(t.session); s.world.deliver()
print("told:", {(m.purpose.value, m.veto) for m in s.mail() if 'factor' in m.purpose.value})
print("owner by mail:", s.by_mail(WORK)); print("drop:", s.act("remove_lost_factors", ResetLink(s.link(WORK))))
h=s.act("request_reset", PHONE); s.world.deliver(); print("text", s.redeem(ResetCode(h.handle, s.world.messenger.messages[-1].code)))
