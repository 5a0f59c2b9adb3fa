"""One administrator under two spellings that cannot be seen."""
from acctsec.steps.proposals import same_person
for x in ["\u034f","\u115f","\u1160","\u3164","\u2800","\ufe0f","\U000e0100","\u180b","\u17b4","\u200b","\xad","\u0301"]:
    print(repr(x), same_person("mallory","mal"+x+"lory"))
from acctsec.claims import Admin
print(Admin("mallory\u2800"))
from acctsec.password.identity import identity
class S(str): pass
from datetime import datetime
print("str subclass", identity(S("a"))==identity(S("b")), "datetime", identity(datetime(2020,1,1))==identity(datetime(2021,1,1)), "bytearray", identity(bytearray(b"a"))==identity(bytearray(b"b")))
from decimal import Decimal; from pathlib import Path; from functools import partial
print("Decimal",identity(Decimal(1))==identity(Decimal(2)),"Path",identity(Path("a"))==identity(Path("b")),"partial",identity(partial(int,base=2))==identity(partial(int,base=3)))
from array import array
from collections import deque
print("deque",identity(deque("a"))==identity(deque("b")), "range", identity(range(3))==identity(range(4)))
