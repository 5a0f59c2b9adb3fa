from common import *
from acctsec._codec import encode_record
s = stage_of(DEFAULT)
def broken(change): raise RuntimeError("down")
s.world.directory.apply=broken
err=None
for i in range(60):
    s.clock.advance(timedelta(minutes=7))
    if i%4==0: t=s.sign_in().session
    try: r=s.act("change_identifier", t, HOME, f"name{i}")
    except Exception as e: err=type(e).__name__+str(e)[:60]; r=None
    if i%10==9 or i<2: print(i, r, err, len(s.record.changes), len(encode_record(s.record)))
