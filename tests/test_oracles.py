"""assert_no_oracle: the library passes under many policies, and every oracle that is planted is found and named."""

import sys
from itertools import count

import pytest
from attrs import evolve, frozen

from acctsec import CHEAPEST, AsyncSqliteStore, LockoutPolicy, MfaPolicy, Refused, SqliteStore
from acctsec._flows.guesses import Guess
from acctsec._flows.hashes import Comparing, Hashes
from acctsec.errors import CommitUnknown, Overloaded
from acctsec.hashing import Argon2Parameters, Comparison, HashingPolicy, Wrapped
from acctsec.hashing.foreign import Argon2, Bcrypt
from acctsec.lockout import Outage
from acctsec.protocols import Status
from acctsec.steps import Compared
from acctsec.testing import OracleFound, assert_no_oracle, async_world, engine_operations, oracles, world
from acctsec.testing._watched import CALM, Trouble, Watch
from acctsec.testing.oracles import KINDS, Kind
from acctsec.testing.world import PASSWORD
from tests.places import STORES

SALT = bytes(range(16))
OLD = CHEAPEST.hashing.hash("anything", salt=SALT)
DEARER = evolve(CHEAPEST.hashing, time_cost=2)
NEW = DEARER.hash("anything", salt=SALT)


def hashed_by(hashing, **families):
    """CHEAPEST with that hashing."""
    return evolve(CHEAPEST, hashing=hashing, **families)


def foreign(*formats):
    return hashed_by(evolve(CHEAPEST.hashing, foreign=formats))


POLICIES = {
    "foreign hashes": foreign(Bcrypt(cost=4, share=0.4), Wrapped(Bcrypt(cost=4), share=0.2)),
    "nothing but foreign hashes": foreign(Bcrypt(cost=4, share=1)),
    "a factor for everybody": evolve(CHEAPEST, mfa=MfaPolicy(required=True)),
    "counting alone in an outage": evolve(CHEAPEST, lockout=LockoutPolicy(on_outage=Outage.LOCAL)),
}
USUAL = {"foreign hashes", "counting alone in an outage"}


# --- the library -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in POLICIES])
def test_no_policy_lets_an_outsider_tell_somebody_from_nobody(name):
    if name == "nothing but foreign hashes":
        # Who has signed in since has an Argon2 hash, and no unknown name ever looks like him: such a share is wrong.
        with pytest.raises(OracleFound, match="that has a password from nobody"):
            assert_no_oracle(lambda: world(policy=POLICIES[name]))
        return
    assert_no_oracle(lambda: world(policy=POLICIES[name]))


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in POLICIES if "nothing" not in one])
@pytest.mark.deep
def test_neither_does_the_async_face(name):
    assert_no_oracle(lambda: async_world(policy=POLICIES[name]))


def test_neither_does_the_async_face_of_the_default_policy():
    assert_no_oracle(async_world)


def test_neither_does_sqlite(tmp_path):
    numbers = count()
    assert_no_oracle(lambda: world(store=SqliteStore(tmp_path / f"{next(numbers)}.db")))


@pytest.mark.deep
def test_neither_does_async_sqlite(tmp_path):
    numbers = count()
    assert_no_oracle(lambda: async_world(store=AsyncSqliteStore(tmp_path / f"{next(numbers)}.db")))


@pytest.mark.deep
@pytest.mark.parametrize("store", STORES)
def test_no_store_lets_an_outsider_tell_somebody_from_nobody(store, places):
    opened = []

    def make():
        for place in opened:
            place.close()
        opened[:] = [places.fresh(store)]
        return world(policy=POLICIES["foreign hashes"], store=opened[0].open())

    assert_no_oracle(make)
    opened[0].close()
