"""A directory that lies: Taken for a removal."""
from broken import broken
from acctsec import *
from acctsec.testing import world
from acctsec.protocols import *
from acctsec._codec import decode_record
w=world(); w.sign_up(addresses=("alice@example.org","b@example.org")); s=w.sign_in().session
b=broken(w); b.says=Taken()
r=w.calls.remove_address(s,"b@example.org",context=w.context()); print(r)
w.clock.advance(days=3)
s=w.sign_in().session
print(w.calls.remove_address(s,"b@example.org",context=w.context()), w.directory.get("","u1").addresses)
w.deliver(); print([(x.purpose,x.address) for x in w.messenger.messages][-4:])
print(w.calls.admin.withdraw_address("u1","b@example.org",actor="r"), w.directory.get("","u1").addresses)
