"""A contact whose account is contested after it has agreed: does its word count?"""
from tests.circles import *
from acctsec.testing import world
from acctsec import *
c=Circle(world()); asked=c.ask()
for one in ("u2","u3"): print(c.vouch(one))
from acctsec._codec import decode_record, encode_record
from acctsec._values import evolve
core=c.w.engine._flows.core
k=core.record_key("","u2"); v,ver=c.w.store.load(k)
r=decode_record(v).contested(since=c.w.clock(),proofs=("link","code"))
r=evolve(r.with_epoch(),)
c.w.store.commit(k,ver,encode_record(r),[],c.w.entropy(16))
print("contested contact counts:", c.redeem(asked))
