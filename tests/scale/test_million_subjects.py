"""
A million subjects on PostgreSQL and Valkey cost no more than a thousand: not in time, not at the tail, not in work.

Two platforms, each with servers of its own, are used in turn, call by call, so that a slow moment of the machine hits both. What
is compared is what the library and its stores add: hashes do no work, and no commit waits for the disk. Run with `-s`, it prints
what it measured.
"""

from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from statistics import quantiles
from time import perf_counter, process_time

import pytest
from attrs import define, field
from tests.bench import meters, servers, world
from tests.bench.table import si
from tests.servers import Postgres, Valkey

from acctsec import PasswordChanged, Policy, Refused, ResetLink, SignedIn, SplitStore
from acctsec.protocols import Settle
from acctsec.stores.valkey import ValkeyStore

MANY, FEW = 1_000_000, 1_000
ROUNDS, CALLS = 15, 66  # so that nobody comes twice to do the same, on the smaller one neither
FLAT = 1.3
CHANGED = "another good password"


class Users:
    """The platform's user table, as large as one likes: an account is made when it is asked for."""

    def find(self, tenant: str, identifier: str):
        """Look an account up by what was typed."""
        return world.account(int(identifier.removeprefix("user").partition("@")[0]))

    def get(self, tenant: str, subject: str):
        """Look an account up by its subject."""
        return world.account(int(subject.removeprefix("subject-")))


class Platform(ExitStack):
    """So many subjects with passwords in PostgreSQL, a tenth as many rows of meters in Valkey, and an engine over both."""

    def __init__(self, subjects: int) -> None:
        super().__init__()
        self.postgres = self.enter_context(Postgres(durable=True, settings=servers.SETTINGS))
        self.valkey = self.enter_context(Valkey())
        self.database = self.enter_context(servers.database(self.postgres))
        keys, self.mailbox = world.keyring(), world.Mailbox()
        started = perf_counter()
        self.database.fill(world.adopted(keys, world.policy(), subjects + 1))
        self.loading = perf_counter() - started
        counted = self.enter_context(ValkeyStore(self.valkey.url()))
        _count_guesses(counted, subjects // 10)
        store = SplitStore(records=self.enter_context(self.database.store()), meters=counted)
        self.engine = world.engine(store, Users(), keys=keys, mailbox=self.mailbox)
        self.contexts = world.sources()
        self.changed = set()
        self.people = {kind: iter(Random(kind).sample(range(subjects), ROUNDS * CALLS)) for kind in KINDS}
        self.spent = {kind: Spent() for kind in KINDS}

    def sign_in(self, name: str) -> None:
        """The right password, from a browser that is not known."""
        password = CHANGED if name in self.changed else world.RIGHT
        assert isinstance(self.engine.sign_in(name, password, context=next(self.contexts)), SignedIn)

    def fail(self, name: str) -> None:
        """A wrong one."""
        assert isinstance(self.engine.sign_in(name, "not the password", context=next(self.contexts)), Refused)

    def reset(self, name: str) -> None:
        """A link is asked for, delivered and redeemed."""
        context = next(self.contexts)
        self.engine.request_reset(name, context=context)
        self.deliver()
        link = ResetLink(self.mailbox.latest[name].link)
        assert isinstance(self.engine.redeem_reset(link, CHANGED, context=context), PasswordChanged)
        self.changed.add(name)
        self.deliver()

    def deliver(self) -> None:
        """Mail what is to be mailed."""
        while self.engine.deliver(10).left:
            pass

    def work(self) -> float:
        """Seconds of a processor that its servers have taken."""
        return servers.taken_by(self.postgres) + servers.taken_by(self.valkey)

    def scans(self) -> tuple[int, int]:
        """How often its records were read from end to end, and how often by key."""
        self.database.run("SELECT pg_stat_force_next_flush()")
        [found] = self.database.run(
            "SELECT sum(seq_scan)::int8, coalesce(sum(idx_scan), 0)::int8 FROM pg_stat_user_tables WHERE relname LIKE 'records%'"
        )
        return found


KINDS: dict[str, Callable[[Platform, str], None]] = {
    "sign-in": Platform.sign_in,
    "failed sign-in": Platform.fail,
    "reset": Platform.reset,
}


@define
class Spent:
    """What the calls of one kind took on one platform."""

    times: list[float] = field(factory=list)
    ours: float = 0.0
    theirs: float = 0.0

    @property
    def figures(self) -> dict[str, float]:
        """What has to stay flat."""
        percentiles = quantiles(self.times, n=100, method="inclusive")
        return {"p50": percentiles[49], "p99": percentiles[98], "work": (self.ours + self.theirs) / len(self.times)}


def _count_guesses(store: ValkeyStore, rows: int) -> None:
    """Leave so many rows of meters behind, as failed guesses do."""
    policy = Policy().lockout
    for attempt in meters.attempts(rows * 5 // 6):
        charges = policy.charges(attempt)
        store.settle(policy.settlements(charges, store.charge(charges, meters.NOW), Settle.FAILED), meters.NOW)


def _one(platform: Platform, kind: str) -> None:
    name, spent = world.name(next(platform.people[kind])), platform.spent[kind]
    work, started = process_time(), perf_counter()
    KINDS[kind](platform, name)
    spent.times.append(perf_counter() - started)
    spent.ours += process_time() - work


@pytest.mark.deep
def test_a_million_subjects_cost_no_more_than_a_thousand():
    """Records are found by key whatever their number, and nothing that is done once a call grows with it."""
    with Platform(MANY) as many, Platform(FEW) as few:
        platforms, chance = (many, few), Random(7)
        for platform in platforms:
            for call in KINDS.values():  # one more subject, for what is prepared and opened on first use
                call(platform, world.name(MANY if platform is many else FEW))
        before = many.scans()
        for _ in range(ROUNDS):
            for kind in KINDS:
                work = [platform.work() for platform in platforms]
                for _ in range(CALLS):
                    for platform in chance.sample(platforms, 2):
                        _one(platform, kind)
                for platform, begun in zip(platforms, work, strict=True):
                    platform.spent[kind].theirs += platform.work() - begun
        whole, by_key = (now - then for now, then in zip(many.scans(), before, strict=True))
        told = f"{MANY:,} records loaded in {many.loading:.0f} s, {many.database.size('records') / 2**20:,.0f} MiB"
    print(f"\n{told}; read {by_key:,} times by key, {whole} from end to end")
    ratios = {}
    for kind in KINDS:
        large, small = many.spent[kind].figures, few.spent[kind].figures
        for figure in large:
            ratios[kind, figure] = large[figure] / small[figure]
            print(f"{kind:14} {figure:4}  {si(large[figure]):>8} ÷ {si(small[figure]):>8} = {ratios[kind, figure]:.2f}")

    assert not whole, "a statement reads all records"
    assert {name: ratio for name, ratio in ratios.items() if ratio > FLAT} == {}
