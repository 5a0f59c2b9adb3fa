from common import *
# The thief reads the FIRST address. The owner, on the phone, convinces two administrators; where does the link go?
s = stage_of(DEFAULT)
print(s.by_mail(HOME)); print(s.act("veto", s.veto_from(WORK)))     # the owner vetoes from WORK
p=s.calls.admin.propose_recovery(SUBJECT, Capability.PASSWORD, actor="ada"); s.calls.admin.approve_recovery(SUBJECT, p.change, actor="bob"); s.world.deliver()
m=[m for m in s.world.messenger.messages if m.link][-1]; print("link to", m.address); print("thief:", s.redeem(ResetLink(m.link), "the thief has it all 99"))
