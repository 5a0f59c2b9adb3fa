from common import *
# AAL1, two mailboxes; the thief reads WORK. The owner resets by mail at home, sets up an app and codes. The thief vetoes what the owner did.
s = stage_of(DEFAULT)
print(s.by_mail(HOME)); v=s.veto_from(WORK)
t=s.act("sign_in", HOME, NEW); s.app,sess=s.world.enroll(t.session); c=s.act("issue_recovery_codes", sess); print(type(c).__name__)
s.codes=list(c.codes); s.session=c.session
# and recovers once more, at the full level, with his app
print("full:", s.by_mail_and_app(NEWER))
print("thief:", s.act("veto", v), s.record.contest)
r=s.by_mail(HOME, "another long phrase of hers 55"); print("owner with mail, app and codes:", r)
