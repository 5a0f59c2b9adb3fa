from common import *
s = stage_of(SLOW)
w=s.by_mail(); v=s.veto_from()
ctx=s.world.context(tenant="other")
print("other tenant", s.calls.redeem_reset(ResumeTicket(w.ticket), NEW, context=ctx), s.calls.veto(v, context=ctx), s.calls.cancel_change(w.change, by=ResumeTicket(w.ticket), context=ctx))
print(s.calls.admin.erase(SUBJECT, actor="op")); s.act("set_password", SUBJECT, PASSWORD, by=Initial())
s.clock.advance(w.until-s.clock())
print("erased", s.redeem(ResumeTicket(w.ticket)), s.act("veto", v), s.act("cancel_change", w.change, by=ResumeTicket(w.ticket)))
# ticket as other things
s = stage_of(SLOW); w=s.by_mail()
for name,args in (("verify_address",(ResumeTicket(w.ticket),)),("remove_lost_factors",(ResumeTicket(w.ticket),)),("list_changes",(w.ticket,)),("verify_factor",(w.ticket,TotpCode("123456"))),("enroll_totp",(w.ticket,)),("veto",(w.ticket,)),("inspect_reset",(w.ticket,))):
    print(name, s.act(name,*args))
s.clock.advance(w.until-s.clock()); print("twice", s.redeem(ResumeTicket(w.ticket)), s.redeem(ResumeTicket(w.ticket), NEWER))
