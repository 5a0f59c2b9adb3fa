"""The room: thief in a session fills what he can; does an owner with two mailboxes still find room for a recovery that waits?"""
from tests.recovery.stage import *
from acctsec.testing.world import *
from acctsec.testing import world
from acctsec import *
from broken import broken
w=world(policy=SLOW); w.sign_up(addresses=("alice@example.org","b@example.org")); s=w.sign_in().session; w.deliver()
b=broken(w); b.fails=RuntimeError()
for i in range(3):
    try: print(w.calls.change_identifier(s,"alice@example.org","thief%d"%i,context=w.context()))
    except Exception as e: print("stuck")
for i in range(3): print(type(w.calls.add_address(s,"x%d@evil.example"%i,context=w.context())).__name__)
from acctsec._codec import decode_record
k=w.engine._flows.core.record_key("","u1"); print([ (c.kind,bool(c.made)) for c in decode_record(w.store.load(k)[0]).changes])
r=w.calls.redeem_reset(ResetLink(w.reset_link()),"ten brave badgers 733",context=w.context("10.1.1.1")); print(type(r).__name__, r)
