from common import *
# SOCIAL_GUARDED, no factor: any change of a credential by the password thief ends what the owner waits for.
s = stage_of(GUARDED); w=s.by_mail()
print(s.act("set_password", SUBJECT, NEW, by=CurrentPassword(PASSWORD))); s.clock.advance(w.until-s.clock()); print("owner claims", s.redeem(ResumeTicket(w.ticket), NEWER))
s.mail(); 
w=s.by_mail(); t=s.act("sign_in", HOME, NEW); print(s.act("sign_out_everywhere", SUBJECT, by=FreshSession(t.session))); s.clock.advance(w.until-s.clock()); print("owner claims", s.redeem(ResumeTicket(w.ticket), NEWER)); print("owner was told of that:", [m.purpose.value for m in s.mail(HOME)])
