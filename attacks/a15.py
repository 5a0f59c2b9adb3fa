"""Carried on for an account that is gone or erased and created again; a proposal and a share under a changed policy; a late worker."""
from broken import broken
from acctsec import *
from acctsec.testing import world
from acctsec.protocols import *
for end in ("gone","erased","anew","disabled"):
    w=world(); w.sign_up(); s=w.sign_in().session; w.deliver()
    w.calls.add_address(s,"mine@example.net",context=w.context()); w.deliver()
    m=[x for x in w.messenger.messages if x.purpose=="prove-address"][-1]
    b=broken(w); b.fails=RuntimeError()
    try: w.calls.verify_address(AddressLink(m.link),session=s,context=w.context())
    except Exception as e: pass
    b.fails=None
    if end=="gone": w.directory.remove("u1")
    if end in("erased","anew"): w.calls.admin.erase("u1",actor="r"); 
    if end=="anew": w.directory.remove("u1"); w.sign_up()
    if end=="disabled": w.calls.admin.disable("u1",actor="r")
    for _ in range(3):
        w.clock.advance(minutes=30)
        try: w.deliver()
        except Exception as e: print("deliver",repr(e)[:80])
    a=w.directory.get("","u1"); print(end,a and a.addresses, [x.kind for x in w.calls.admin.dead_letters(b"",limit=10).letters] if hasattr(w.calls.admin,"dead_letters") else "")
    try: print("   link again", w.calls.verify_address(AddressLink(m.link),session=s,context=w.context()))
    except Exception as e: print("   ",repr(e)[:80])
# contested: does a waiting address survive the veto, can a link of a contested account add?
from tests.recovery.stage import *
