"""Withdrawn while the same address is under way: it comes back."""
from broken import broken
from acctsec import *
from acctsec.testing import world
from acctsec.protocols import MessagePurpose
w=world(); w.sign_up(); s=w.sign_in().session
w.calls.add_address(s,"wrong@evil.example",context=w.context()); w.deliver()
m=[x for x in w.messenger.messages if x.purpose==MessagePurpose.PROVE_ADDRESS][-1]
b=broken(w); b.fails=RuntimeError("table is down")
try: print(w.calls.verify_address(AddressLink(m.link),session=s,context=w.context()))
except Exception as e: print(repr(e)[:100])
b.fails=None
print(w.calls.admin.withdraw_address("u1","wrong@evil.example",actor="root")) if hasattr(w.calls.admin,"withdraw_address") else print([x for x in dir(w.calls.admin) if x[0]!="_"])
print("after withdraw",w.directory.get("","u1").addresses)
for _ in range(3): w.clock.advance(minutes=30); w.deliver()
print("after delivery",w.directory.get("","u1").addresses)
b.fails=RuntimeError("down")
try: print(w.calls.admin.withdraw_address("u1",w.directory.get("","u1").addresses[-1],actor="root"))
except Exception as e: print(repr(e)[:100])
try: print(w.calls.admin.export("u1").changes)
except Exception as e: print("EXPORT", repr(e)[:200])
try: print(w.calls.list_changes(s,context=w.context()))
except Exception as e: print("LIST", repr(e)[:200])
