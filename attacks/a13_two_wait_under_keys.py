from common import *
from acctsec.keyring import Keyring
import secrets
seal=[secrets.token_bytes(32)]; i1,i2=secrets.token_bytes(32),secrets.token_bytes(32)
def fresh(policy):
    s=stage_of(policy); s.world.store=MemoryStore(); s.world.restart(keyring=Keyring(sealing=seal,index=[i1]))
    s.act("set_password", SUBJECT, PASSWORD, by=Initial()); return s
s=fresh(SLOW)
w=s.by_mail(); s.world.restart(keyring=Keyring(sealing=seal,index=[i2,i1]))
w2=s.by_mail(); print("waiting for one address:", len(s.record.changes))
s.clock.advance(w.until-s.clock())
print("claim of the first:", s.redeem(ResumeTicket(w.ticket)))
s=fresh(SLOW); w=s.by_mail(); v=s.veto_from()
s.world.restart(keyring=Keyring(sealing=seal,index=[i2]))
print("old index key dropped: veto", s.act("veto", v)); s.clock.advance(w.until-s.clock()); print(s.redeem(ResumeTicket(w.ticket)))
