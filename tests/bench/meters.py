"""P4, P5, P21: meters, in a store and as plain arithmetic."""

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tests.bench import peers, raw, world
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, interleaved

from acctsec import Account, MemoryStore, Policy, SqliteStore
from acctsec.lockout import Attempt, Lane, SecretClass
from acctsec.meters import charge_row, settle_row
from acctsec.protocols import Charge, Ladder, Settle
from acctsec.record import Record, Verifier
from acctsec.steps import Compared, Drawn, Scene, sign_in

ENDLESS = Ladder(10**9, 0, 0, 10**9, 3_600_000_000, 3_600_000_000)
NOW = 1_800_000_000_000_000
SECOND = 1_000_000


def attempts(number: int, *, kind: SecretClass = SecretClass.PASSWORD):
    """Guesses of strangers, each from a source of its own, five at one subject."""
    for one in range(number):
        subject, source = (one // 5).to_bytes(16, "big"), one.to_bytes(16, "little")
        yield Attempt(
            kind=kind,
            lane=Lane(),
            subject=subject,
            source=source,
            pair=b"pair" + one.to_bytes(12, "big"),
            candidate=one,
            outside=one,
            hold=os.urandom(16),
        )


def decisions(store, size: int):
    """Charge the four meters of a stranger's guess, in two rows of which one is new every time."""
    policy, at = Policy().lockout, count()
    charges = [policy.charges(attempt) for attempt in attempts(size)]
    return lambda: store.charge(charges[next(at) % size], NOW)


@BENCH.row("P4")
def decision(pace: Pace):
    """A lockout decision over four scopes, beside one call of the same driver."""
    size = pace.of(20_000, 20)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        alternatives = {
            "one": raw.counter(folder / "counter"),
            "sqlite": decisions(stack.enter_context(SqliteStore(folder / "store")), size),
            "memory": decisions(MemoryStore(), size),
        }
        if peers.has("limits"):
            alternatives["limits"] = _limits(4)
        timed = interleaved(pace, alternatives)
    ratio = timed.ratio("sqlite", "one")
    yield Row(
        id="P4",
        what="four meters charged, one transaction ÷ one raw upsert, SQLite",
        ours=si(timed.seconds("sqlite")),
        floor=si(timed.seconds("one")),
        ratio=f"{ratio:.2f}",
        figure=ratio,
        goal="≤ 2.5",
        met=ratio <= 2.5,
    )
    limits = "limits" in alternatives
    yield Row(
        id="P4",
        what="four meters charged ÷ four hits of limits, memory",
        ours=si(timed.seconds("memory")),
        peer=si(timed.seconds("limits")) if limits else "not installed",
        ratio=f"{timed.ratio('memory', 'limits'):.2f}" if limits else "-",
        figure=timed.ratio("memory", "limits") if limits else None,
    )


def _limits(hits: int):
    """Hits of limits' cheapest strategy on as many keys, in memory."""
    from limits import RateLimitItemPerHour
    from limits.storage import MemoryStorage
    from limits.strategies import FixedWindowRateLimiter

    limiter, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerHour(10**9)
    keys = [f"key{number}" for number in range(hits)]

    def hit() -> None:
        for key in keys:
            limiter.hit(item, key)

    return hit


@BENCH.row("P5")
def charge(pace: Pace):
    """One unit of one budget spent, in memory."""
    store, at = MemoryStore(), count()
    asked = (Charge(b"row", b"!meter", ENDLESS, None, b"hold"),)
    guesses = MemoryStore()
    alternatives = {
        "ours": lambda: store.charge(asked, NOW + next(at)),
        "guess": lambda: _guess(guesses, next(at)),
        "floor": raw.gcra(),
    }
    if peers.has("limits"):
        alternatives["limits"] = _limits(1)
    timed = interleaved(pace, alternatives)
    limits = "limits" in alternatives
    for name, what in (("ours", "one charge of one meter"), ("guess", "one guess: reserved, then settled")):
        ratio = timed.ratio(name, "limits") if limits else 0
        counts = limits and name == "ours"
        yield Row(
            id="P5",
            what=f"{what} ÷ one hit of limits, memory",
            ours=si(timed.seconds(name)),
            floor=si(timed.seconds("floor")),
            peer=si(timed.seconds("limits")) if limits else "not installed",
            ratio=f"{ratio:.2f}" if limits else "-",
            figure=ratio,
            goal="≤ 0.4" if name == "ours" else "-",
            met=ratio <= 0.4 if counts else None,
        )


def _guess(store, number: int) -> None:
    from acctsec.protocols import Settlement

    hold = number.to_bytes(16, "big")
    store.charge((Charge(b"row", b"!meter", ENDLESS, number, hold),), NOW + number)
    store.settle((Settlement(b"row", b"!meter", ENDLESS, hold, Settle.FAILED),), NOW + number)


# --- pure steps -------------------------------------------------------------------------------------------------------


@BENCH.row("P21")
def steps(pace: Pace):
    """The steps that a simulation takes, without any store."""
    policy = Policy()
    timed = interleaved(pace, {"meter": _one_meter(), "guess": _four_meters(policy), "sign-in": _sign_in(policy)})
    for name, what in (
        ("meter", "a meter's step: one failure admitted and counted"),
        ("sign-in", "a sign-in step: one record to the next"),
        ("guess", "a lockout step: four charges, judged and settled"),
    ):
        rate = timed.of(lambda one: 1 / one[name])  # noqa: B023
        yield Row(
            id="P21",
            what=f"{what}, one core",
            ours=si(timed.seconds(name)),
            ratio=f"{rate:,.0f}/s",
            figure=rate,
            goal="≥ 100,000/s",
            met=rate >= 100_000,
        )


def _one_meter():
    row, at = {}, count()

    def step() -> None:
        number = next(at)
        changed, _ = charge_row(row, (Charge(b"row", b"!meter", ENDLESS, None, b"hold"),), NOW + number)
        row.update(changed)

    return step


def _four_meters(policy):
    some = list(attempts(2000))
    rows, at = {}, count()

    def step() -> None:
        number = next(at)
        attempt = some[number % 2000]
        now = NOW + number * 600 * SECOND
        charges = policy.lockout.charges(attempt)
        subject, source = rows.setdefault(attempt.subject, {}), rows.setdefault(attempt.source, {})
        changed, others = charge_row(source, charges[:2], now)
        source.update(changed)
        changed, own = charge_row(subject, charges[2:], now)
        subject.update(changed)
        readings = (*others, *own)
        policy.lockout.judge(charges, readings)
        settlements = policy.lockout.settlements(charges, readings, Settle.FAILED)
        for row in (subject, source):
            mine = [one for one in settlements if one.slot == (attempt.subject if row is subject else attempt.source)]
            row.update(settle_row(row, mine, now))

    return step


def _sign_in(policy):
    now = datetime.now(UTC)
    verifier = Verifier(sealed=bytes(150), born=1, preparation=1, since=now)
    record = Record(incarnation=bytes(16), epoch=1, verifier=verifier)
    scene = Scene(tenant="", subject="subject", account=Account(subject="subject"), now=now)
    compared = Compared(record.incarnation, 1, matched=True)
    facts = {"scene": scene, "compared": compared, "lane": Lane(), "renewed": None}
    return lambda: sign_in(policy, record, drawn=Drawn(session=os.urandom(16), device=os.urandom(16)), **facts)
