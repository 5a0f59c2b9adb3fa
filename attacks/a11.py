"""Purge as a weapon: the last address was withdrawn, a thief with a session proves another one elsewhere."""
from acctsec import *
from acctsec.testing import world
from acctsec.testing.world import PASSWORD
from acctsec._codec import decode_record
w=world(); w.sign_up(); s=w.sign_in().session
app,s=w.enroll(s); w.deliver()
print(w.calls.admin.withdraw_address("u1","alice@example.org",actor="root"))
print("addresses",w.directory.get("","u1").addresses)
print(w.calls.add_address(s,"thief@evil.example",context=w.context())); w.deliver()
m=[x for x in w.messenger.messages if x.purpose=="prove-address"][-1]
print(w.calls.verify_address(AddressLink(m.link),context=w.context()))
r=decode_record(w.store.load(w.engine._flows.core.record_key("","u1"))[0]); print("factors",len(r.factors.totp),"password",r.verifier is not None)
# an account with a platform that took the row off itself for a moment
w=world(); w.sign_up(); s=w.sign_in().session; app,s=w.enroll(s); w.deliver()
print(w.calls.add_address(s,"other@evil.example",context=w.context())); w.deliver()
m=[x for x in w.messenger.messages if x.purpose=="prove-address"][-1]
w.directory.change("u1",addresses=())
print("platform took them off between:",w.calls.verify_address(AddressLink(m.link),context=w.context()))
