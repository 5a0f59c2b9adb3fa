"""One account and many networks: texts to as many numbers as one likes (toll fraud)."""
from acctsec.testing import world
w=world(); w.sign_up(); s=w.sign_in().session; w.deliver(); n=len(w.messenger.messages)
for i in range(200):
    r=w.calls.add_address(s,"+4479009%05d"%i,context=w.context(f"10.{i}.0.1")); w.deliver()
new=w.messenger.messages[n:]
print(r,"texts",sum(x.purpose=="prove-address" for x in new),"notices to the owner",sum(x.purpose=="address-pending" for x in new))
