"""P19 where hashes of another system are about: unknown identifiers take as long as known ones, as a whole population."""

import os
import random
from datetime import UTC, datetime
from hashlib import pbkdf2_hmac
from time import perf_counter

from attrs import frozen
from tests.bench import world
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Figure, Pace

from acctsec import HashingPolicy, MemoryStore
from acctsec._codec import encode_record
from acctsec.hashing import Argon2Parameters
from acctsec.hashing.compact import packed
from acctsec.keyring import frame
from acctsec.password.preparation import AS_TYPED
from acctsec.record import Record, Verifier

CRITICAL = 1.63  # of Kolmogorov and Smirnov: two samples of one population are further apart once in a hundred times


@frozen
class Slow:
    """Another system's hash: three in ten accounts have it, and it takes some times as long as our own."""

    name: str = "slow"
    share: float = 0.3

    def reads(self, stored: str) -> bool:
        """Whether a stored hash is one of these."""
        return stored.startswith("slow$")

    def verify(self, stored: str, password: str) -> bool:
        """Compute it; nobody's password is the right one here."""
        return pbkdf2_hmac("sha256", password.encode(), b"salt", 1500).hex() == stored[5:]

    def decoy(self) -> str:
        """One that nobody has."""
        return "slow$" + "0" * 64


@BENCH.row("P19")
def mixed(pace: Pace):
    """Wrong passwords for known and unknown identifiers in turn, a few tries each."""
    cheap = {"memory_kib": 8, "time_cost": 1, "floor": Argon2Parameters(memory_kib=8, time_cost=1)}
    rules = world.policy(HashingPolicy(**cheap, foreign=(Slow(),)))
    people, tries = pace.of(700, 5), 4
    store, keys = MemoryStore(), world.keyring()
    _adopt(store, keys, rules, people)
    engine = world.engine(store, world.Users(people), keys=keys, rules=rules)
    contexts, taken = world.sources(), {"known": [], "unknown": []}
    for number in range(people * tries):
        names = {"known": world.name(number // tries), "unknown": f"n{world.name(number // tries)[1:]}"}
        for kind in random.sample(list(taken), 2):
            context = next(contexts)
            began = perf_counter()
            engine.sign_in(names[kind], f"wrong password {number}", context=context)
            taken[kind].append(perf_counter() - began)
    known, unknown = taken["known"], taken["unknown"]
    apart, bound = _apart(known, unknown), CRITICAL * (2 / len(known)) ** 0.5
    # Each name is drawn once and tried some times: it is names that are a sample, not tries.
    bound *= tries**0.5
    yield Row(
        id="P19",
        what=f"how far apart the times of {people} known and as many unknown identifiers are, three in ten hashed by another system",
        ours=f"{apart:.3f}",
        peer=f"known {si(Figure.of(known))}, unknown {si(Figure.of(unknown))}",
        goal=f"≤ {bound:.3f}",
        met=apart <= bound,
    )


def _adopt(store, keys, rules, people: int) -> None:
    now, own = datetime.now(UTC), rules.hashing.hash(world.RIGHT, salt=bytes(rules.hashing.salt_bytes))
    for number in range(people):
        subject, foreign = world.account(number).subject, number % 10 < 3
        stored = "slow$" + os.urandom(32).hex() if foreign else own
        sealed = keys.seal("verifier", packed(stored), "", subject)
        verifier = Verifier(sealed=sealed, born=1, preparation=AS_TYPED if foreign else world.PREPARATION, since=now)
        record = Record(incarnation=os.urandom(16), epoch=1, verifier=verifier)
        store.commit(frame("subject", "", subject), None, encode_record(record), (), os.urandom(16))


def _apart(one: list[float], other: list[float]) -> float:
    """The greatest distance between the two cumulative distributions."""
    steps = sorted([(value, 1 / len(one)) for value in one] + [(value, -1 / len(other)) for value in other])
    height = greatest = 0.0
    for _, step in steps:
        height += step
        greatest = max(greatest, abs(height))
    return greatest
