from common import *
from acctsec.keyring import Keyring
s = stage_of(DEFAULT)
s.told_a_while(OLD)
print(s.by_mail(HOME))
k = s.world.keyring
# rotate the index key, both in force
import secrets
seal=[secrets.token_bytes(32)]; i1,i2=secrets.token_bytes(32),secrets.token_bytes(32)
s2 = stage_of(DEFAULT)
ring1 = Keyring(sealing=seal,index=[i1]); s2.world.restart(keyring=ring1)
# fresh subject state under ring1
s2.world.store = MemoryStore(); s2.world.restart(keyring=ring1)
s2.act("set_password", SUBJECT, PASSWORD, by=Initial())
s2.told_a_while(OLD)
s2.world.restart(keyring=Keyring(sealing=seal,index=[i2,i1]))
print(s2.by_mail(HOME))
print("veto of removed address while keys rotate", s2.act("veto", s2.veto_from(OLD)))
