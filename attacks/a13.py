"""told=0: two removals at once leave no address."""
from broken import broken
from datetime import timedelta
from attrs import evolve
from acctsec import *
from acctsec.recovery import Delays
from acctsec.testing import world, RACING
w=world(policy=evolve(RACING,recovery=RecoveryPolicy(delays=Delays(address_changed=timedelta(0)),told=timedelta(0))))
w.sign_up(addresses=("alice@example.org","b@example.org")); s=w.sign_in().session
b=broken(w); b.fails=RuntimeError("slow")
for a in ("alice@example.org","b@example.org"):
    try: print(w.calls.remove_address(s,a,context=w.context()))
    except Exception as e: print(repr(e)[:70])
    w.clock.advance(seconds=1)
b.fails=None
for _ in range(3): w.clock.advance(minutes=30); w.deliver()
print(w.directory.get("","u1").addresses)
