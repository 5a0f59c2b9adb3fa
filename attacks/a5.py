"""Contacts named and removed without end: mails to the owner."""
from datetime import timedelta
from acctsec import *
from acctsec.testing import world
w=world(); w.sign_up(); s=w.sign_in().session; w.deliver(); n=len(w.messenger.messages)
for i in range(100):
    a=w.calls.name_contact(s,"u2",context=w.context()); b=w.calls.remove_contact(s,"u2",context=w.context())
print(a,b); w.deliver(); print("mails in a minute:",len(w.messenger.messages)-n)
n=len(w.messenger.messages)
for i in range(100):
    r=w.calls.add_address(s,"x%d@evil.example"%i,context=w.context(f"10.{i}.0.1"))
print(r); w.deliver(); new=w.messenger.messages[n:]; print("to owner:",sum(x.purpose=="address-pending" for x in new),"to strangers",sum(x.purpose=="prove-address" for x in new))
