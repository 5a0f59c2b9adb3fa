"""Domains that only fold to another one: straße.de is not strasse.de to a mailer of IDNA2008."""
from acctsec._flows.naming import deliverable, objection_to
from acctsec.identifiers import canonical
from acctsec.testing import world
from acctsec import *
for a in ["alice@straße.de","alice@ｅxample.org","alice@example.org.","alice@exämple.org","alice@example。org","alice@ⓔxample.org","alice@βόλος.com","alice@exa_mple!x|y.org", "alice@faß.de", "alice@EXÄMPLE.org", "a@xn--strae-oqa.de","-oQ/tmp/x@example.org","a%b@x.org","alice@K.org"]:
    print(a, deliverable(a), canonical(a) and canonical(a).value)
w=world(); w.sign_up()
s=w.sign_in().session
r=w.calls.add_address(s,"victim@straße.de",context=w.context())
w.deliver()
m=[x for x in w.messenger.messages if x.link and x.purpose=="prove-address"]
print(r,[x.address for x in m])
if m:
    print(w.calls.verify_address(AddressLink(m[-1].link),session=s,context=w.context()))
    a=w.directory.get("","u1"); print(a)
    print(w.calls.change_identifier(s,a.identifiers[0],"victim@strasse.de",context=w.context()), w.directory.get("","u1").identifiers)
