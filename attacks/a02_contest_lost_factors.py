from common import *
# The phone is stolen: text + app wait a day. The owner vetoes from his mailbox, and takes the lost factors off by mail and a printed code.
s = stage_of(DEFAULT, factor=True, codes=True)
h = s.act("request_reset", PHONE); s.world.deliver(); code = s.world.messenger.messages[-1].code
asked = s.redeem(ResetCode(h.handle, code)); proof = s.prove(asked, s.code()); print("thief", s.redeem(proof))
print("veto", s.act("veto", s.veto_from(WORK)), s.record.contest.proofs)
w = s.by_mail_and_code("remove_lost_factors"); print("owner removes lost factors:", w)
if isinstance(w, Waiting):
    s.clock.advance(w.until - s.clock()); print(s.act("remove_lost_factors", ResumeTicket(w.ticket)))
    print("and now?", s.by_mail(HOME, NEWER), "codes left", s.record.factors)
