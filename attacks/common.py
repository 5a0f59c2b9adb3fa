"""What the attack scripts share: run with PYTHONPATH=src:. from the worktree."""
import sys
sys.path[:0] = ["/tmp/w/review1", "/tmp/w/review1/src", "/tmp/w/review1/tests"]
from datetime import timedelta
from attrs import evolve
from acctsec import *
from acctsec.recovery import *
from acctsec.testing.turns import RACING
from acctsec.testing.world import PASSWORD, World, built
from acctsec.stores import MemoryStore
from tests.recovery.stage import *

def stage_of(policy=DEFAULT, addresses=None, **account):
    s = Stage(built(World, Engine, MemoryStore(), policy=policy, seed=7), **account)
    if addresses:
        s.world.directory.put(evolve(s.world.directory.get("", SUBJECT), addresses=addresses))
    return s
GUARDED = evolve(RACING, name="guarded", recovery=SOCIAL_GUARDED.recovery)
WORK_P = evolve(RACING, name="work", mfa=WORKFORCE_DEFAULT.mfa, recovery=WORKFORCE_DEFAULT.recovery)
