from common import *
from acctsec._codec import encode_record
s = stage_of(DEFAULT)
try:
    print(s.calls.admin.withdraw_address(SUBJECT, WORK, actor="x"*20000))
except Exception as e: print(type(e).__name__, str(e)[:100])
print(len(encode_record(s.record)))
