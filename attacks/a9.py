"""Four names that the table cannot take: the owner's reset finds no room, for ever."""
from broken import broken
from acctsec import *
from acctsec.testing import world
from acctsec.protocols import MessagePurpose
import sys
w=world(); w.sign_up(); s=w.sign_in().session; w.deliver()
b=broken(w); b.fails=ValueError("Data too long for column")
ident=w.directory.get("","u1").identifiers[0]
for i in range(int(sys.argv[1]) if len(sys.argv)>1 else 4):
    try: r=w.calls.change_identifier(s,ident,"thief%d"%i+"x"*200,context=w.context(f"10.{i}.0.1"))
    except Exception as e: r=repr(e)[:60]
    print(r)
w.clock.advance(days=30); 
def go():
    w.calls.request_reset("alice@example.org",context=w.context("10.77.0.1"))
    try: w.deliver()
    except Exception as e: print("deliver",repr(e)[:100])
    m=[x for x in w.messenger.messages if x.purpose==MessagePurpose.RESET]
    if not m: return print("no mail")
    try: print("redeem",w.calls.redeem_reset(ResetLink(m[-1].link),"ten brave badgers 733",context=w.context("10.77.0.1")))
    except Exception as e: print("redeem",repr(e)[:150])
    try: print("signin",str(w.calls.sign_in("alice@example.org","ten brave badgers 733",context=w.context("10.77.0.1")))[:60])
    except Exception as e: print("signin",repr(e)[:150])
go()
