from common import *
s = stage_of(GUARDED); w=s.by_mail(); s.mail(); 
t=s.act("sign_in", HOME, PASSWORD); ev=len(s.world.sink.events); s.act("sign_out_everywhere", SUBJECT, by=FreshSession(t.session))
print("mails", [m.purpose.value for m in s.mail()], "events", [type(e).__name__ for e in s.world.sink.events[ev:]], "left", s.record.changes)
