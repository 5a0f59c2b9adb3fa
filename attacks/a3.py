"""A directory that fails: what is decided piles up in the record."""
from broken import broken
from acctsec.testing import world
from acctsec._codec import decode_record
w=world(); w.sign_up(); s=w.sign_in().session
core=w.engine._flows.core; b=broken(w); b.fails=RuntimeError("down")
ident=w.directory.get("","u1").identifiers[0]
def show(i):
    v=w.store.load(core.record_key("","u1"))[0]; print("  ",i,"bytes",len(v),"changes",len(decode_record(v).changes))
for i in range(60):
    try: r=w.calls.change_identifier(s,ident,"nameofhers%d"%i + "x"*200,context=w.context(f"10.{i}.0.1"))
    except Exception as e: r=repr(e)[:120]
    if i<6 or i>56: print(i,r)
    if i<8 or i%10==0: show(i)
b.fails=None; w.clock.advance(minutes=1)
for _ in range(5):
    print(w.deliver()); w.clock.advance(minutes=30)
show("end"); print(w.directory.get("","u1").identifiers[0][:20])
