"""What many workers were answered: histories that one order of calls explains pass, all others are caught and explained."""

import asyncio
import itertools
import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.linear.worker import last_calls, play, work

from acctsec._values import evolve as changed
from acctsec.errors import CommitUnknown, ConfigError, StoreError, StoreUnavailable
from acctsec.protocols import (
    Charge,
    Committed,
    Conflict,
    Drained,
    Filled,
    Granted,
    Ladder,
    Resting,
    Settle,
    Settlement,
    Stopped,
    Tally,
    Untouched,
)
from acctsec.stores import AsyncMemoryStore, MemoryStore, SqliteStore
from acctsec.testing import (
    Failed,
    History,
    NotLinearizable,
    Recorded,
    TooManyOrders,
    check_history,
    check_store,
    read_history,
)
from acctsec.testing.doubles import STORE

ROOT = Path(__file__).resolve().parent.parent
SECOND = 1_000_000
NOW = 1_750_000_000 * SECOND
LADDER = Ladder(free=2, first=SECOND, longest=60 * SECOND, stop=9, window=0, lease=30 * SECOND)
DAY = datetime(2026, 1, 5, tzinfo=UTC)
LEASE = timedelta(minutes=1)


def call(begin, end, method, *arguments, answer=None, worker=None):
    return Recorded(worker or f"w{begin}", method, arguments, begin, end, answer)


def commit(begin, end, version, expected=None, *, value=b"value", outbox=(), answer=None, key=b"key"):
    answer = answer or (Committed(version if value is not None else None) if end else None)
    return call(begin, end, "commit", key, expected, value, tuple(outbox), version, answer=answer)


def load(begin, end, version, *, value=b"value", key=b"key"):
    return call(begin, end, "load", key, answer=version and (value, version))


def charge(begin, end, *readings, candidates=(1,), slot=b"slot", now=NOW, holds=None):
    holds = holds or [b"%d" % candidate for candidate in candidates]
    charges = tuple(Charge(slot, b"m", LADDER, one, hold) for one, hold in zip(candidates, holds, strict=True))
    return call(begin, end, "charge", charges, now, answer=readings if end else None)


def settle(begin, end, hold, verdict, now=NOW):
    return call(begin, end, "settle", (Settlement(b"slot", b"m", LADDER, hold, verdict),), now)


def read(begin, end, count, pending, ready=0, now=NOW, seen=()):
    answer = (Tally(count, pending, ready, seen),)
    return call(begin, end, "read", ((b"slot", b"m", LADDER),), now, answer=answer)


def drain(begin, end, *drained, limit=9, now=DAY):
    return call(begin, end, "drain", limit, now, LEASE, answer=tuple(drained) if end else None)


def mail(number, attempts=0, id_=None):
    return Drained(id_ or b"id %d" % number, b"mail %d" % number, attempts)


def granted(hold, ordinal):
    return Granted(hold, ordinal, new=True)


def rejected(*calls):
    """The error, which must stand although the answers to all but the calls that it names are forgotten, from the first on."""
    with pytest.raises(NotLinearizable) as found:
        check_history(calls)
    named = {id(one) for one in found.value.calls}
    begin = min(one.begin for one in found.value.calls)
    with pytest.raises(NotLinearizable):
        check_history([one if id(one) in named or one.begin < begin else evolve(one, end=None, answer=None) for one in calls])
    return found.value


def dying(number=1, begin=100):
    """An entry that is handed out ten times, each as the lease before is over, and so is dead; and when that is."""
    now, drains = DAY, []
    for attempt in range(10):
        drains.append(drain(begin + 10 * attempt, begin + 10 * attempt + 9, mail(number, attempt), now=now))
        now += LEASE * 2**attempt
    return drains, now


DYING, LATER = dying()
COMMITTED = commit(0, 9, b"1", outbox=[b"mail 1"])


def revive(begin, end, answer, *ids):
    return call(begin, end, "revive", ids or (b"id 1",), answer=answer if end else None)


# --- histories written by hand ----------------------------------------------------------------------------------------

ACCEPTED = {
    "nothing": [],
    "a load that meets a commit sees either": [
        commit(0, 9, b"1"),
        commit(10, 90, b"2", b"1"),
        load(11, 80, b"1"),
        load(12, 81, b"2"),
    ],
    "one of two swaps wins, the other conflicts": [
        commit(0, 9, b"1"),
        commit(10, 50, b"2", b"1", answer=Conflict()),
        commit(11, 49, b"3", b"1"),
        load(60, 61, b"3"),
    ],
    "a lost commit happened late": [
        commit(0, 9, b"1"),
        commit(10, None, b"2", b"1"),
        load(20, 21, b"1"),
        load(30, 31, b"2"),
    ],
    "a lost commit never happened": [commit(0, None, b"1"), load(20, 21, None)],
    "instants that touch overlap": [commit(0, 10, b"1"), load(10, 10, None)],
    "a failed commit did nothing": [commit(0, 9, b"1", answer=Failed()), load(10, 11, None)],
    "a record goes and comes": [
        commit(0, 9, b"1"),
        commit(10, 19, b"2", b"1", value=None),
        load(20, 21, None),
        commit(30, 39, b"3"),
        load(40, 41, b"3"),
    ],
    "charges that meet are counted in some order": [
        charge(0, 90, granted(b"1", 2)),
        charge(1, 91, granted(b"2", 1), candidates=(2,)),
        charge(2, 92, Filled(), candidates=(3,)),
        read(95, 96, 0, 2),
    ],
    "a lost charge holds room": [
        charge(0, None),
        charge(10, 11, granted(b"2", 2), candidates=(2,)),
        charge(20, 21, Filled(), candidates=(3,)),
    ],
    "a lost settlement came late": [
        charge(0, 1, granted(b"1", 1)),
        settle(2, None, b"1", Settle.FAILED),
        read(4, 5, 0, 1),
        read(6, 7, 1, 0, seen=(1,)),
    ],
    "a drain meets the commit whose entry it hands out": [
        commit(10, 50, b"1", outbox=[b"mail 1"]),
        drain(20, 30, mail(1)),
        load(60, 61, b"1"),
    ],
    "an entry returns after its lease": [
        commit(0, 9, b"1", outbox=[b"mail 1"]),
        drain(10, 19, mail(1)),
        drain(20, 29),
        drain(30, 39, mail(1, 1), now=DAY + LEASE),
        call(40, 49, "ack", (b"id 1",)),
        drain(50, 59, now=DAY + 99 * LEASE),
    ],
    "a lost drain took an entry": [
        commit(0, 9, b"1", outbox=[b"mail 1"]),
        drain(10, None),
        drain(20, 29),
        drain(30, 39, mail(1, 1), now=DAY + LEASE),
    ],
    "a drain may skip what another may hold": [
        commit(0, 9, b"1", outbox=[b"mail 1"]),
        drain(10, None),
        drain(20, 29),
        drain(30, 39, mail(1)),
    ],
    "a letter is dead after ten, and due again when it is revived": [
        COMMITTED,
        *DYING,
        drain(300, 309, now=LATER),
        revive(310, 319, 1),
        drain(320, 329, mail(1), now=LATER),
        revive(330, 339, 0),
        drain(340, 349, mail(1, 1), now=LATER + LEASE),
    ],
    "of two who revive a letter one is told": [
        COMMITTED,
        *DYING,
        revive(300, 390, 0),
        revive(301, 391, 1),
        drain(400, 409, mail(1), now=LATER),
    ],
    "a revival whose answer was lost came late": [
        COMMITTED,
        *DYING,
        revive(300, None, None),
        drain(310, 319, now=LATER),
        drain(320, 329, mail(1), now=LATER),
    ],
    "one of two letters was dead": [
        COMMITTED,
        *DYING,
        revive(300, 309, 1, b"id 1", b"unknown"),
        drain(310, 319, mail(1), now=LATER),
    ],
    "entries of a deleted record go with it": [
        commit(0, 9, b"1", outbox=[b"mail 1"]),
        commit(10, 19, b"2", b"1", value=None, outbox=[b"mail 2"]),
        drain(20, 29, mail(2)),
    ],
    "a commit that is sent twice happens once": [
        commit(0, None, b"1", outbox=[b"mail 1"]),
        commit(10, 19, b"1", outbox=[b"mail 1"], answer=Conflict()),
        load(20, 29, b"1"),
        drain(30, 39, mail(1)),
    ],
    "a commit whose answer was lost is sent twice": [
        commit(0, None, b"1", outbox=[b"mail 1"]),
        commit(10, 19, b"1", outbox=[b"mail 1"]),
        drain(30, 39, mail(1)),
        drain(40, 49),
    ],
}


@pytest.mark.parametrize("calls", ACCEPTED.values(), ids=ACCEPTED)
def test_what_an_order_explains_is_accepted(calls):
    """Whatever the order in which the calls were written down."""
    checked = check_history(calls)

    assert (checked.calls, checked.lost) == (len(calls), sum(one.end is None for one in calls))
    assert check_history(calls[::-1]).steps == checked.steps


REJECTED = {
    "a stale read": (
        [commit(0, 9, b"1"), commit(10, 19, b"2", b"1"), load(20, 29, b"1")],
        "record b'key'.* load answered .b'value', b'1'.*would have to answer .b'value', b'2'",
        {10, 20},
    ),
    "a lost update": (
        [commit(0, 9, b"1"), commit(10, 30, b"2", b"1"), commit(11, 31, b"3", b"1"), load(40, 41, b"3")],
        r"record b'key'",
        {10, 11},
    ),
    "a version of nobody": ([commit(0, 9, b"1"), load(20, 29, b"7")], "load answered", {20}),
    "another value under a version": ([commit(0, 9, b"1"), load(20, 29, b"1", value=b"else")], "load answered", {20}),
    "two readers who disagree": (
        [commit(0, 9, b"1"), commit(10, 90, b"2", b"1"), load(20, 29, b"2"), load(30, 39, b"1")],
        "record",
        {20, 30},
    ),
    "a lost commit that comes and goes": (
        [commit(0, 9, b"1"), commit(10, None, b"2", b"1"), load(20, 29, b"2"), load(30, 39, b"1")],
        "record",
        {20, 30},
    ),
    "a failed commit that happened": ([commit(0, 9, b"1", answer=Failed()), load(20, 29, b"1")], "load", {0, 20}),
    "a conflict with nobody": ([commit(0, 9, b"1", answer=Conflict()), load(20, 29, None)], "would have to answer", {0}),
    "a charge too many": (
        [
            charge(0, 90, granted(b"1", 1)),
            charge(1, 91, granted(b"2", 2), candidates=(2,)),
            charge(2, 92, granted(b"3", 3), candidates=(3,)),
        ],
        r"slot b'slot'.*Filled\(\)",
        None,
    ),
    "two that were first": (
        [charge(0, 90, granted(b"1", 1)), charge(1, 91, granted(b"2", 1), candidates=(2,))],
        "slot b'slot'",
        {0, 1},
    ),
    "room that was refused": ([charge(0, 9, Filled())], r"would have to answer \[Granted", {0}),
    "a settlement that vanished": (
        [charge(0, 9, granted(b"1", 1)), settle(10, 19, b"1", Settle.FAILED), read(20, 29, 0, 1)],
        "slot",
        {0, 10, 20},
    ),
    "a failure that nobody settled": ([charge(0, 9, granted(b"1", 1)), read(20, 29, 1, 0)], "slot", None),
    "an entry without a commit": ([drain(10, 19, mail(1))], "handed out under 1 ids, and 0 commits", {10}),
    "an entry of a commit that lost": (
        [commit(0, 9, b"9"), commit(10, 19, b"1", outbox=[b"mail 1"], answer=Conflict()), drain(20, 29, mail(1))],
        "handed out under 1 ids, and 0 commits",
        {10, 20},
    ),
    "an entry of a lost commit that never happened": (
        [commit(0, None, b"1", outbox=[b"mail 1"]), drain(10, 19, mail(1)), load(20, 29, None)],
        "record b'key'.*never answered, but drain by w10 showed that it happened",
        {0, 10, 20},
    ),
    "an entry before its commit": (
        [drain(0, 9, mail(1)), commit(10, 19, b"1", outbox=[b"mail 1"])],
        "handed out under 1 ids, and 0 commits",
        None,
    ),
    "a commit without its entry": (
        [commit(0, 9, b"1", outbox=[b"mail 1"]), drain(10, 19)],
        "entry b'mail 1'.*drain answered left out.*attempt 0",
        {0, 10},
    ),
    "a lost commit that was read, without its entry": (
        [commit(0, None, b"1", outbox=[b"mail 1"]), load(10, 19, b"1"), drain(20, 29)],
        "entry b'mail 1'.*never answered, but load by w10 showed that it happened",
        {0, 10, 20},
    ),
    "an entry handed to two at once": (
        [commit(0, 9, b"1", outbox=[b"mail 1"]), drain(10, 30, mail(1)), drain(11, 31, mail(1))],
        "entry b'mail 1'",
        {10, 11},
    ),
    "an entry that was acknowledged": (
        [
            commit(0, 9, b"1", outbox=[b"mail 1"]),
            drain(10, 19, mail(1)),
            call(20, 29, "ack", (b"id 1",)),
            drain(30, 39, mail(1, 1), now=DAY + LEASE),
        ],
        "entry b'mail 1'",
        None,
    ),
    "an entry before its lease was over": (
        [commit(0, 9, b"1", outbox=[b"mail 1"]), drain(10, 19, mail(1)), drain(20, 29, mail(1, 1))],
        "entry b'mail 1'",
        None,
    ),
    "an entry of a deleted record": (
        [
            commit(0, 9, b"1", outbox=[b"mail 1"]),
            commit(10, 19, b"2", b"1", value=None),
            drain(20, 29, mail(1)),
        ],
        "entry b'mail 1'",
        {0, 10, 20},
    ),
    "an entry under two ids": (
        [commit(0, 9, b"1", outbox=[b"mail 1"]), drain(10, 19, mail(1)), drain(20, 29, mail(1, id_=b"x"))],
        "under 2 ids, and 1 commits",
        None,
    ),
    "an older entry after a younger one": (
        [
            commit(0, 9, b"1", outbox=[b"mail 1"]),
            commit(10, 19, b"2", outbox=[b"mail 2"], key=b"other"),
            drain(20, 29, mail(2), mail(1)),
        ],
        "the oldest come first",
        None,
    ),
    "a dead letter that is handed out": (
        [COMMITTED, *DYING, drain(300, 309, mail(1, 10), now=LATER + LEASE * 2**11)],
        "entry b'mail 1'",
        None,
    ),
    "a dead letter that lives again by itself": (
        [COMMITTED, *DYING, revive(300, 309, 0), drain(310, 319, mail(1), now=LATER)],
        "entry b'mail 1'",
        None,
    ),
    "a revival of what lives": (
        [COMMITTED, DYING[0], revive(300, 309, 1)],
        "In no order revive by w300 is right: it would have to answer left out",
        None,
    ),
    "a letter that is revived twice": ([COMMITTED, *DYING, revive(300, 390, 1), revive(301, 391, 1)], "entry b'mail 1'", None),
    "a revived letter that has not all its tries": (
        [COMMITTED, *DYING, revive(300, 309, 1), drain(310, 319, mail(1, 9), now=LATER)],
        "entry b'mail 1'",
        None,
    ),
    "a revival of what nobody knows": (
        [COMMITTED, revive(300, 309, 1, b"unknown")],
        "A revival met 1 dead letters, and only 0 of its ids are known",
        None,
    ),
    "fewer than were asked for": (
        [evolve(read(0, 9, 0, 0), answer=())],
        "Reading 1 meters answered 0",
        None,
    ),
    "one id for two entries": (
        [commit(0, 9, b"1", outbox=[b"mail 1", b"mail 2"]), drain(10, 19, mail(1), mail(2, id_=b"id 1"))],
        "one id twice",
        None,
    ),
    "more than was asked for": (
        [commit(0, 9, b"1", outbox=[b"mail 1", b"mail 2"]), drain(10, 19, mail(1), mail(2), limit=1)],
        "at most 1 handed out 2",
        None,
    ),
}


def test_a_revived_letter_that_stays_dead_is_found():
    """It is known by its id, which the drains before showed; so their answers belong to the contradiction, named or not."""
    with pytest.raises(NotLinearizable, match="entry b'mail 1'"):
        check_history([COMMITTED, *DYING, revive(300, 309, 1), drain(310, 319, now=LATER)])


@pytest.mark.parametrize(("calls", "words", "named"), REJECTED.values(), ids=REJECTED)
def test_what_no_order_explains_is_rejected(calls, words, named):
    """The error names the object, the calls that contradict each other, and what would have been right."""
    error = rejected(*calls)

    assert named is None or {one.begin for one in error.calls} == named
    with pytest.raises(NotLinearizable, match=f"(?s){words}"):
        check_history(calls)


def two_slots(*readings):
    charges = [Charge(b"a", b"m", LADDER, 1, b"1"), Charge(b"b", b"m", LADDER, 2, b"2"), Charge(b"a", b"m", LADDER, 3, b"3")]
    charges.append(changed(charges[0], slot=b"c"))
    return call(10, 19, "charge", tuple(charges), NOW, answer=readings)


def test_slots_are_taken_in_turn():
    """All of a slot or none, and after a refusal nothing is touched: also nothing that only others could see."""
    full = call(0, 9, "charge", (Charge(b"b", b"m", LADDER, 8, b"8"), Charge(b"b", b"m", LADDER, 9, b"9")), NOW)
    full = evolve(full, answer=(granted(b"8", 1), granted(b"9", 2)))
    right = two_slots(granted(b"1", 1), Filled(), granted(b"3", 2), Untouched())
    untouched = call(20, 29, "read", ((b"a", b"m", LADDER), (b"c", b"m", LADDER)), NOW)

    check_history([full, right, evolve(untouched, answer=(Tally(0, 2, 0), Tally(0, 0, 0)))])
    rejected(full, right, evolve(untouched, answer=(Tally(0, 2, 0), Tally(0, 1, 0))))
    rejected(full, two_slots(granted(b"1", 1), Filled(), granted(b"3", 2), granted(b"1", 1)))
    rejected(full, two_slots(granted(b"1", 1), Untouched(), granted(b"3", 2), Untouched()))
    rejected(full, two_slots(granted(b"1", 1), Filled(), Untouched(), Untouched()))
    rejected(full, two_slots(granted(b"1", 1), Filled()))


def test_the_given_instant_counts():
    """A meter lives by the instants it is given, whatever the order in which the calls came."""
    spent = charge(0, 9, granted(b"1", 1))
    lapsed = read(10, 19, 1, 0, now=NOW + LADDER.lease)
    assert check_history([spent, lapsed, read(20, 29, 0, 1)]).objects == 1

    woken = charge(20, 29, granted(b"2", 2), candidates=(2,), now=NOW + LADDER.lease)
    check_history([spent, woken, read(30, 39, 1, 1)])
    rejected(spent, woken, read(30, 39, 0, 2))


# --- histories made by an object that is right, and what a fault makes of them ----------------------------------------


def simulated(seed, *, calls=60, workers=4, lost=0.0, outage=0, most=4000):
    """
    Calls of several workers on a right store, one after the other, each somewhere within an interval of its own.

    Of all answers *lost* go astray, half of them to calls that were made; and then there is an *outage* of so many calls, of
    which a tenth were made.
    """
    chance, store, number = random.Random(seed), MemoryStore(), itertools.count()
    works = [work(f"w{one}", seed + one, 1, 2, lambda: NOW + next(number) // 9 * SECOND) for one in range(workers)]
    asked = [next(one) for one in works]
    history = []
    for turn in range(calls):
        one = chance.randrange(workers)
        method, arguments = asked[one]
        begin, end = 1000 * turn - chance.randrange(most), 1000 * turn + chance.randrange(most)
        out = calls // 3 <= turn < calls // 3 + outage
        if out or chance.random() < lost:
            if chance.random() < (0.1 if out else 0.5):
                getattr(store, method)(*arguments)
            history.append(call(begin, None, method, *arguments, worker=f"w{one}"))
            asked[one] = works[one].send(None)
            continue
        answer = getattr(store, method)(*arguments)
        history.append(call(begin, end, method, *arguments, answer=answer, worker=f"w{one}"))
        asked[one] = works[one].send(answer)
    return history


@given(st.integers(0, 2**32), st.sampled_from((0.0, 0.05, 0.2)))
def test_every_history_of_a_right_store_is_accepted(seed, lost):
    """However its calls overlap, and whichever answers got lost."""
    history = simulated(seed, lost=lost)

    assert check_history(history).lost == sum(one.end is None for one in history)


def wrong_answers(one):
    """Answers that no right store gives to a call of `simulated`, whatever came before."""
    match one.method, one.answer:
        case "load", _:
            return [(b"value by nobody", b"nobody/1")]
        case "commit", Committed():
            return [Conflict()] if one.arguments[1] is None and one.arguments[2] is None else []
        case "drain", found:
            return [(*found, Drained(b"id", b"mail by nobody", 0))]
        case "charge", found:
            more = [changed(reading, ordinal=reading.ordinal + 1000) for reading in found if isinstance(reading, Granted)]
            return [found[:-1], *([more + [one for one in found if not isinstance(one, Granted)]] if more else [])]
        case "read", found:
            return [(*found[:-1], Tally(found[-1].count + 1000, 0, 0))]
        case _:
            return []


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_one_wrong_answer_is_enough(seed, place):
    """Wherever it is among many that are right."""
    history = simulated(seed)
    wrong = [(number, answer) for number, one in enumerate(history) for answer in wrong_answers(one)]
    number, answer = wrong[place % len(wrong)]
    history[number] = evolve(history[number], answer=answer)

    rejected(*history)


def lost_update(history):
    """Two commits from one version, both told that they won."""
    for number, one in enumerate(history):
        if one.method == "commit" and one.answer == Conflict() and one.arguments[1] is not None:
            won = [other for other in history if other.answer == Committed(other.arguments[-1]) and other.method == "commit"]
            if any(other.arguments[1] == one.arguments[1] for other in won):
                return number, Committed(one.arguments[4])
    return None


def stale_read(history):
    """A record as it was before the commit that a later one came after."""
    loads = [(number, one) for number, one in enumerate(history) if one.method == "load" and one.answer]
    for (_, early), (number, late) in itertools.combinations(loads, 2):
        if early.answer != late.answer:
            return number, early.answer
    return None


def granted_too_many(history):
    """Room where there was none."""
    for number, one in enumerate(history):
        if one.method == "charge" and len(one.answer) == 1 and one.answer[0] == Filled():
            return number, (granted(one.arguments[0][0].hold, 1),)
    return None


def entry_of_a_loser(history):
    """What a commit that lost appended, handed out."""
    lost = [entry for one in history if one.answer == Conflict() for entry in one.arguments[3]]
    drains = [number for number, one in enumerate(history) if one.method == "drain" and len(one.answer) < one.arguments[0]]
    if lost and drains:
        return drains[-1], (*history[drains[-1]].answer, Drained(b"id", lost[0], 0))
    return None


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from((lost_update, stale_read, granted_too_many, entry_of_a_loser)))
def test_a_plausible_wrong_answer_is_caught(seed, fault):
    """Where calls do not overlap, there is one right answer."""
    history = simulated(seed, calls=150, most=1)
    changed = fault(history)
    if changed:
        number, answer = changed
        history[number] = evolve(history[number], answer=answer)
        rejected(*history)


def explained(calls, order=()):
    """The same question, asked by brute force: a fresh MemoryStore for every beginning of every order."""
    store = MemoryStore()
    for one in order:
        answer = getattr(store, one.method)(*one.arguments)
        if one.end is not None and answer != one.answer:
            return False
    left = [one for one in calls if not any(one is other for other in order)]
    if all(one.end is None for one in left):
        return True
    return any(
        explained(calls, (*order, one))
        for one in left
        if not any(other.end is not None and other.end < one.begin for other in left)
    )


VERSIONS = (b"1", b"2")
ASKED = st.one_of(
    st.tuples(st.just("load"), st.tuples(st.just(b"key"))),
    st.tuples(
        st.just("commit"),
        st.tuples(
            st.just(b"key"),
            st.sampled_from((None, *VERSIONS)),
            st.sampled_from((b"value", None)),
            st.just(()),
            st.sampled_from(VERSIONS),
        ),
    ),
    st.builds(
        lambda one, now, weight: ("charge", ((Charge(b"slot", b"m", LADDER, one, b"%d" % one, weight=weight),), now)),
        st.integers(1, 4),
        st.sampled_from((NOW, NOW + 31 * SECOND)),
        st.sampled_from((1, 1, 2)),
    ),
    st.builds(
        lambda one, verdict: ("settle", ((Settlement(b"slot", b"m", LADDER, b"%d" % one, verdict, one),), NOW)),
        st.integers(1, 4),
        st.sampled_from(Settle),
    ),
    st.just(("read", (((b"slot", b"m", LADDER),), NOW))),
)
MISTAKES = {
    "load": (None, (b"value", b"1"), (b"value", b"2")),
    "commit": (Conflict(), Committed(None), Committed(b"1"), Committed(b"2")),
    "charge": ((Filled(),), (granted(b"1", 1),), (granted(b"2", 2),), (Granted(None, 1, new=False),)),
    "settle": (None,),
    "read": ((Tally(0, 1, 0),), (Tally(1, 0, 0),), (Tally(1, 0, 0, (1,)),), (Tally(0, 2, 0),)),
}


@given(st.lists(st.tuples(ASKED, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_the_search_agrees_with_brute_force(asked):
    """On short histories, right or wrong, a search through all orders on a real store comes to the same verdict."""
    store, history = MemoryStore(), []
    for instant, ((method, arguments), before, after, fate) in enumerate(asked):
        answer = getattr(store, method)(*arguments) if fate != 1 else None
        if fate in {2, 3, 4}:
            answer = MISTAKES[method][fate % len(MISTAKES[method])]
        end = None if fate in {0, 1} else 4 * instant + after
        history.append(call(4 * instant - before, end, method, *arguments, answer=answer if fate > 1 else None))

    if explained(history):
        check_history(history)
    else:
        rejected(*history)


# --- stores at work ---------------------------------------------------------------------------------------------------


def worked(store, *, threads=8, calls=150, seed=0, keys=2, patience=None):
    """The history of a store that many threads work at once, as fast as they can change."""
    history, epoch = History(), time.monotonic_ns()
    clock = lambda: NOW + (time.monotonic_ns() - epoch) // 10_000_000 * SECOND
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        play(
            history.record(store),
            [work(f"w{one}", seed + one, keys, 2, clock) for one in range(threads)],
            calls,
            patience=patience,
        )
    finally:
        sys.setswitchinterval(usual)
    play(history.record(store), [last_calls(keys, 2, clock)])
    return history.calls


def overlaps(calls):
    ordered = sorted(calls, key=lambda one: one.begin)
    return sum(earlier.end is None or later.begin < earlier.end for earlier, later in itertools.pairwise(ordered))


class Unhurried(MemoryStore):
    """Lets others go first at the beginning and at the end of every call."""

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name not in STORE:
            return found

        def call(*arguments):
            time.sleep(0)
            answer = found(*arguments)
            time.sleep(0)
            return answer

        return call


def test_threads_on_a_memory_store():
    """Eight threads, every call explained."""
    calls = worked(Unhurried())

    assert overlaps(calls) > 50
    checked = check_history(calls)
    assert (checked.calls, checked.lost) == (len(calls), 0)


def test_threads_on_a_sqlite_store(tmp_path):
    """Eight threads on one file."""
    with SqliteStore(tmp_path / "accounts.db") as store:
        calls = worked(store, calls=60)

    assert overlaps(calls) > 50
    assert check_history(calls).objects > 50


def test_tasks_on_an_async_store():
    """The same recorder and the same worker, awaited."""
    history, ticks = History(), itertools.count(NOW)

    class Slow(AsyncMemoryStore):
        async def commit(self, *arguments):
            await asyncio.sleep(0)
            answer = await super().commit(*arguments)
            await asyncio.sleep(0)
            return answer

    play(history.record(Slow()), [work(f"w{one}", one, 1, 1, lambda: next(ticks)) for one in range(4)], 40)

    assert overlaps(history.calls) > 20
    assert check_history(history.calls).calls == 160


class SlotBySlot(MemoryStore):
    """Keeps each slot on another server."""

    def charge(self, charges, now):
        from acctsec.stores._rows import in_turn

        def one(slot, asked):
            time.sleep(0)
            return list(super(SlotBySlot, self).charge(asked, now))

        return in_turn(charges, one)


def test_the_slot_is_the_unit_of_atomicity():
    """A store that takes slot after slot, others in between, keeps the contract."""
    check_history(worked(SlotBySlot()))


class RacesOnCommit(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        found = self._records.get(key)
        if value is None or (found and found[1]) != expected:
            return super().commit(key, expected, value, outbox, commit_id)
        time.sleep(0.0001)
        with self._lock:
            self._records.pop(key, None)
        return super().commit(key, None, value, outbox, commit_id)


class ReadsFromACopy(MemoryStore):
    def load(self, key):
        found = self.copy.get(key) if hasattr(self, "copy") else None
        self.copy = dict(self._records)
        return found


class RacesOnCharge(MemoryStore):
    def charge(self, charges, now):
        before = {slot: dict(row.meters) for slot, row in list(self._rows.items())}
        time.sleep(0.0001)
        for slot, meters in before.items():
            self._rows[slot].meters = meters
        return super().charge(charges, now)


class SettlesLater(MemoryStore):
    def settle(self, settlements, now):
        held_back, self.held_back = getattr(self, "held_back", []), list(settlements)
        super().settle(held_back, now)


class ReservesAfterARefusal(MemoryStore):
    def charge(self, charges, now):
        readings = super().charge(charges, now)
        super().charge([one for one, reading in zip(charges, readings, strict=True) if reading == Untouched()], now)
        return readings


class SendsOnConflict(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        answer = super().commit(key, expected, value, outbox, commit_id)
        if answer == Conflict():
            super().commit(key, None, None, outbox, commit_id)
        return answer


class LosesEntries(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key, expected, value, outbox if commit_id[-1] % 2 else (), commit_id)


class DrainsForTwo(MemoryStore):
    def drain(self, limit, now, lease):
        drained = super().drain(limit, now, lease)
        for one in drained:
            entry = self._outbox.get(one.id)
            if entry and one.attempts == 0:
                entry.attempts, entry.due = 0, None
        return drained


class KeepsEntriesOfTheDeleted(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        before = dict(self._outbox)
        answer = super().commit(key, expected, value, outbox, commit_id)
        if value is None and expected is not None:
            self._outbox = before | self._outbox
        return answer


class SaysItFailed(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        answer = super().commit(key, expected, value, outbox, commit_id)
        if commit_id[-1] % 4 == 0:
            raise StoreError("The disk is full.", remedy="Make room.")
        return answer


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (RacesOnCommit, "The record"),
        (ReadsFromACopy, "The record"),
        (SaysItFailed, "The record|The outbox entry"),
        (RacesOnCharge, "The slot"),
        (SettlesLater, "The slot"),
        (ReservesAfterARefusal, "The slot"),
        (SendsOnConflict, "The outbox entry"),
        (LosesEntries, "The outbox entry"),
        (DrainsForTwo, "The outbox entry"),
        (KeepsEntriesOfTheDeleted, "The outbox entry"),
    ],
)
def test_a_broken_store_is_caught_at_work(store, words):
    """Nobody tells the checker what to look at: it sees what eight threads were answered."""
    with pytest.raises(NotLinearizable, match=words) as found:
        check_history(worked(store(), patience=0))

    assert len(found.value.calls) <= 12


class NeverSays(MemoryStore):
    """Not broken: a call that raised may be made, later, or never."""

    def settle(self, settlements, now):
        held_back, self.held_back = getattr(self, "held_back", []), list(settlements)
        if len(held_back) % 2:
            super().settle(held_back, now)
        raise StoreUnavailable("It did not answer in time.", remedy="Ask again.")

    def commit(self, key, expected, value, outbox, commit_id):
        if commit_id[-1] % 3:
            return super().commit(key, expected, value, outbox, commit_id)
        if commit_id[-1] % 2:
            super().commit(key, expected, value, outbox, commit_id)
        raise CommitUnknown("The connection broke.", remedy="Read the record.")


def test_lost_answers_are_no_excuse_and_no_accusation():
    """A store that loses answers keeps the contract, and one that is broken besides is caught all the same."""

    class AndRaces(NeverSays, RacesOnCommit):
        pass

    checked = check_history(worked(NeverSays(), threads=4, calls=80, patience=0))
    assert checked.lost > 20
    with pytest.raises(NotLinearizable, match="The record"):
        check_history(worked(AndRaces(), threads=4, patience=0))


# --- processes --------------------------------------------------------------------------------------------------------


class Process:
    """One process of `tests.linear.worker`."""

    def __init__(self, history, **given):
        self.history = history
        asked = json.dumps({"history": str(history), **given})
        command = [sys.executable, "-m", "tests.linear.worker", asked]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self):
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def lines(self):
        return self.history.read_bytes().count(b"\n")

    def end(self):
        self.process.communicate(timeout=60)
        return self.process.returncode


def fought_over(tmp_path, *, survivors, victims, threads, calls, seed=0):
    """The history of one SQLite file and many processes; victims are killed once they wrote so many lines each."""
    path = tmp_path / "accounts.db"
    shared = {"store": "acctsec.stores:SqliteStore", "args": [str(path)], "epoch": time.monotonic_ns(), "threads": threads}
    processes = [
        Process(
            tmp_path / f"{number}.jsonl",
            name=f"p{number}",
            seed=seed + 10 * number,
            calls=None if number < len(victims) else calls,
            skew=number * SECOND,
            **shared,
        )
        for number in range(len(victims) + survivors)
    ]
    try:
        for process in processes:
            process.wait_until_ready()
        for process in processes:
            process.go()
        until = time.monotonic() + 60
        for lines, process in sorted(zip(victims, processes, strict=False), key=lambda one: one[0]):
            while process.lines() < lines and time.monotonic() < until:
                time.sleep(0.001)
            process.process.kill()
        ends = [process.end() for process in processes]
    finally:
        for process in processes:
            process.process.kill()
    assert all(ends[: len(victims)])
    assert not any(ends[len(victims) :])
    rest = History()
    with SqliteStore(path) as store:
        play(rest.record(store), [last_calls(2, 2, lambda: NOW + 7 * 86_400 * SECOND)])
    return [*read_history(*sorted(tmp_path.glob("*.jsonl"))), *rest.calls]


def test_processes_on_a_sqlite_store_and_one_is_killed(tmp_path):
    """Four processes of two threads share one file; one is killed in the middle of what it does."""
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        calls = fought_over(folder, survivors=3, victims=(60,), threads=2, calls=80, seed=1000 * number)

        checked = check_history(calls)

        assert checked.lost <= 2
        assert checked.calls == len(calls) > 3 * 2 * 80
        if overlaps(calls) > 50:  # on a busy machine they may take turns
            return
    pytest.fail("They were never in each other's way.")


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(10))
def test_many_processes_and_half_of_them_are_killed(tmp_path, seed):
    """Eight processes of three threads, four of them killed one after the other."""
    chance = random.Random(seed)
    victims = [chance.randrange(10, 400) for _ in range(4)]
    calls = fought_over(tmp_path, survivors=4, victims=victims, threads=3, calls=150, seed=1000 * seed)

    assert check_history(calls).lost <= 12


def test_a_killed_process_shows_what_it_was_doing(tmp_path):
    """The call is in the file before it is made; half a line is none."""
    program = (
        "import sys, time\n"
        "from acctsec.stores import MemoryStore\n"
        "from acctsec.testing.linearizability import History\n"
        "class Hangs(MemoryStore):\n"
        "    def load(self, key):\n"
        "        print('hangs', flush=True)\n"
        "        time.sleep(60)\n"
        "store = History(sys.argv[1], worker='killed ').record(Hangs())\n"
        "store.commit(b'key', None, b'value', [b'mail'], b'1')\n"
        "store.load(key=b'key')\n"
    )
    path = tmp_path / "history.jsonl"
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "hangs\n"
        process.kill()
    with path.open("ab") as file:
        file.write(b'{"call": 2, "worker": "killed", "met')

    first, second = read_history(path)

    assert (first.method, first.answer) == ("commit", Committed(b"1"))
    assert (second.method, second.arguments, second.end) == ("load", (b"key",), None)
    assert first.worker == second.worker
    assert first.worker.startswith("killed ")


# --- recording --------------------------------------------------------------------------------------------------------


def test_a_file_holds_what_memory_holds(tmp_path):
    """Every argument and every answer comes back as it was."""
    history = History(tmp_path / "a.jsonl", worker="a ")
    store, clock = MemoryStore(), lambda: NOW
    for name in ("v", "w"):
        play(history.record(store), [work(name, 3, 2, 2, clock)], 300)
    play(history.record(store), [last_calls(2, 2, clock)])
    history.close()
    History().close()
    calls = read_history(tmp_path / "a.jsonl")

    again = MemoryStore()
    kinds = set()
    for one in calls:
        assert getattr(again, one.method)(*one.arguments) == (one.answer if one.method not in {"ack", "settle"} else None)
        kinds |= {type(reading) for reading in one.answer} if one.method == "charge" else {type(one.answer)}
    assert kinds >= {Committed, Conflict, Granted, Resting, Filled, Untouched, tuple}
    assert check_history(calls).calls == len(calls) > 400
    assert history.calls == ()


def test_what_no_other_call_holds_comes_back_too(tmp_path):
    """The rest of what stores take and answer."""

    class Says(MemoryStore):
        def charge(self, charges, now):
            return [Stopped(9)]

        def commit(self, *arguments):
            raise StoreError("The disk is full.", remedy="Make room.")

    history = History(tmp_path / "a.jsonl")
    store = history.record(Says())
    charges = [Charge(b"\xff\0", b"", LADDER, None, b"h", 3, 4)]
    store.charge(charges, now=NOW)
    charges.clear()
    with pytest.raises(StoreError):
        store.commit(b"key", None, b"value", [b"mail"], b"1")
    history.close()
    charged, failed = read_history(tmp_path / "a.jsonl")

    assert charged.arguments == ((Charge(b"\xff\0", b"", LADDER, None, b"h", 3, 4),), NOW)
    assert charged.answer == (Stopped(9),)
    assert failed.answer == Failed()
    assert failed.end > failed.begin > charged.end


def test_only_a_commit_says_that_it_did_nothing():
    """Of any other call that raised nobody knows, nor of a commit whose answer was lost."""

    class Raises(MemoryStore):
        error = StoreError

        def commit(self, *arguments):
            raise self.error("No.", remedy="None.")

        charge = settle = ack = commit

    history = History()
    raises = Raises()
    store = history.record(raises)
    for method, arguments in (("commit", (b"key", None, b"v", (), b"1")), ("settle", ((), NOW)), ("ack", ([b"1"],))):
        with pytest.raises(StoreError):
            getattr(store, method)(*arguments)
    for raises.error in (CommitUnknown, StoreUnavailable):
        with pytest.raises(StoreError):
            store.commit(b"key", None, b"v", (), b"1")

    assert [one.answer for one in history.calls] == [Failed(), None, None, None, None]
    assert [one.end is None for one in history.calls] == [False, True, True, True, True]
    assert repr(history) == "<history of 5 calls>"


def test_an_async_commit_says_so_too():
    """Cancelled, it says nothing."""

    class Raises(AsyncMemoryStore):
        async def commit(self, key, *arguments):
            if key == b"slow":
                await asyncio.sleep(60)
            raise StoreError("No.", remedy="None.")

    history = History()
    store = history.record(Raises())

    async def both():
        with pytest.raises(StoreError):
            await store.commit(b"key", None, b"v", (), commit_id=b"1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.commit(b"slow", None, b"v", (), b"2"), 0.01)

    asyncio.run(both())
    assert [one.answer for one in history.calls] == [Failed(), None]
    assert [one.end is None for one in history.calls] == [False, True]


def test_a_recorded_store_is_as_good_as_the_store(tmp_path):
    """It has the same methods in the same form, and keeps the contract."""
    check_store(lambda: History().record(MemoryStore()))
    store = History().record(SqliteStore(tmp_path / "accounts.db"))
    store.close()
    with pytest.raises(StoreError):
        store.load(b"key")
    assert not hasattr(History().record(ReadsOnly()), "commit")


class ReadsOnly:
    def load(self, key):
        return None


def test_a_damaged_file_is_refused(tmp_path):
    """It says which line of which file, and nothing of what is in it."""
    path = tmp_path / "a.jsonl"
    for line in (b"nonsense\n", b'{"call": 7, "end": 3, "answer": null}\n', b'{"call": {"Spell": []}, "begin": 1}\n', b"[]\n"):
        path.write_bytes(line)
        with pytest.raises(ConfigError, match=r"Line 1 of a\.jsonl is not a line of a history"):
            read_history(path)


def test_what_a_history_cannot_keep_is_refused(tmp_path):
    """The store must not be called and then be missing from its history."""

    class Answers(MemoryStore):
        def load(self, key):
            return 3.5

    history = History(tmp_path / "a.jsonl")
    with pytest.raises(ConfigError, match="holds a float"):
        history.record(Answers()).load(b"key")
    history.close()


# --- what cannot be judged --------------------------------------------------------------------------------------------


def test_too_many_orders_prove_nothing():
    """It says so rather than pass."""
    calls = [charge(number, 99, granted(b"%d" % number, 1), candidates=(number,)) for number in range(9)]

    with pytest.raises(TooManyOrders, match=r"The slot b'slot': 20 steps .* nothing is proven\. Raise limit\."):
        check_history(calls, limit=20)


def test_what_is_no_call_is_refused():
    """A mistake in a history written by hand is no fault of the store."""
    for wrong in (call(0, 1, "save", b"key"), call(0, 1, "load"), load(3, 2, b"1")):
        with pytest.raises(ConfigError, match="is no call on a store"):
            check_history([wrong])


def test_clocks_that_went_too_far_are_refused():
    """A store may have collected an idle meter, and nobody knows when."""
    day = 86_400 * SECOND
    month_ago = charge(0, 9, granted(b"1", 1))
    check_history([month_ago, charge(10, 19, granted(b"2", 2), candidates=(2,), now=NOW + 1)])

    with pytest.raises(ConfigError, match="may collect an idle meter"):
        check_history([month_ago, charge(10, 19, granted(b"2", 1), candidates=(2,), now=NOW + 60 * day)])


def test_clocks_that_leap_age_a_store_with_every_look():
    """An hour a look: so much a store may take for passed."""
    windowed = changed(LADDER, window=3600 * SECOND)
    slots = [b"%d" % number for number in range(6)]
    leaps = [
        call(10 * number, 10 * number + 9, "charge", (Charge(slot, b"m", windowed, 1, b"h"),), NOW + number % 2 * 4000 * SECOND)
        for number, slot in enumerate(slots)
    ]
    leaps = [evolve(one, answer=(granted(b"h", 1),)) for one in leaps]

    assert check_history(leaps[:2]).objects == 2
    with pytest.raises(ConfigError, match="may age by 21600000000 µs"):
        check_history(leaps)


@pytest.mark.parametrize("seed", range(4))
def test_an_outage_is_judged_in_time(seed):
    """Eighty calls at once whose answers nobody heard, and most of which were never made."""
    checked = check_history(simulated(seed, calls=600, workers=8, outage=80, most=6000), limit=200_000)

    assert checked.lost == 80


def test_long_histories_are_judged_in_time():
    """Thousands of calls on few names: what matters is how many overlap, not how many there are."""
    checked = check_history(simulated(7, calls=2500, workers=8))

    assert checked.steps < 20 * checked.calls
