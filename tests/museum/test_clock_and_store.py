"""Clocks that leap, stores that fail, keys that change, processes that die between two calls (I36, I37, I38)."""

import asyncio
import itertools
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.museum.artefacts import ARTEFACTS
from tests.museum.guesses import asked_code, wrong
from tests.museum.harness import NEW, OTHERS, SHORT, Traced, address, close, exhibit, other_node
from tests.places import MemoryPlace

from acctsec import (
    AcctsecError,
    Admin,
    AsyncEngine,
    CurrentPassword,
    Keyring,
    MemoryStore,
    PasswordChanged,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetCode,
    ResetLink,
    SessionValid,
    SignedIn,
    StoreError,
)
from acctsec._codec import decode_record
from acctsec.errors import CommitUnknown
from acctsec.keyring import frame
from acctsec.testing import explore, race_world
from acctsec.testing.doubles import DIRECTORY, MESSENGER, as_async
from acctsec.testing.stores import check_store
from acctsec.testing.world import IDENTIFIER, PASSWORD

DAY = 86_400


# --- clocks -----------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.lists(st.integers(-DAY, DAY), min_size=60, max_size=160))
def test_m209_no_walk_of_the_clock_buys_guesses(steps):
    """Back and forth by up to a day between guesses: fifty comparisons until the stop, and no wait outlasts its cap."""
    w = exhibit(MemoryPlace())
    w.sign_up()
    w.clock.advance(days=400)
    w.comparisons.clear()
    for number, step in enumerate(steps):
        w.clock.advance(seconds=step)
        outcome = w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number % 3)))
        assert isinstance(outcome, Refused)
        assert outcome.retry_after is None or timedelta(0) <= outcome.retry_after <= timedelta(minutes=15)
        for lane in w.engine.admin.lock_status("u1"):
            assert lane.until is None or lane.until - w.clock() <= timedelta(minutes=30)

    assert len(w.comparisons.guesses) <= 50


@settings(max_examples=40)
@given(st.lists(st.integers(-DAY // 4, DAY // 4), min_size=40, max_size=80))
def test_m209_a_day_of_codes_is_a_day_of_monotone_time(steps):
    """Ten tries at a code in any day of time that only goes forward, however the clock goes."""
    w = exhibit(MemoryPlace())
    w.sign_up()
    w.clock.advance(days=400)
    latest, admitted = datetime.min.replace(tzinfo=UTC), []
    for number, step in enumerate(steps):
        w.clock.advance(seconds=step)
        handle, _ = asked_code(w) if number % 5 == 0 else (w.last, None)
        w.last, mark = handle, len(w.trace)
        w.engine.redeem_reset(ResetCode(handle, f"{number:08d}"), NEW, context=w.context(address(number)))
        if any(call[0] == "charge" for call in w.trace[mark:]):  # the meter knows of no time at which it was not asked
            latest = max(latest, w.clock())
        admitted += [latest] * w.admitted("reset-code", mark)

    assert all(last - first >= timedelta(days=1) for first, last in zip(admitted, admitted[10:], strict=False))


LAST_OF_VALKEY = 2**52 // 10**6  # it counts microseconds in doubles: until 2112


@pytest.mark.parametrize("second", [-1, 0, 29, 31, 2**31 - 1, 2**31, 2**33, 253_370_764_800, 253_402_300_799])
def test_m211_a_clock_anywhere_denies_or_works(w, place, second):
    """Before the epoch, in its first step, past 2038, 2106 and in the year 9999: a declared error, or the usual answer."""
    last = LAST_OF_VALKEY if "valkey" in place.kind else 253_370_764_800
    w.clock.now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    try:
        w.sign_up()
        app, session = w.enroll(w.sign_in().session)
        issued = w.engine.issue_recovery_codes(session, context=w.context())
        outcome = w.engine.verify_factor(w.ticket(), app.code(w.clock()), context=w.context())
    except AcctsecError:
        assert not 0 < second < last
    except AssertionError:
        assert second < 60  # a step before the first one has no code: nothing is confirmed with it
    else:
        assert isinstance(issued, RecoveryCodes)
        assert isinstance(outcome, SignedIn)


# --- cancelled calls --------------------------------------------------------------------------------------------------


def test_m214_a_cancelled_call_hands_its_answer_to_nobody(place, w):
    """Cancelled after every number of turns of the loop: V and B afterwards get their own sessions, and nobody else's."""
    w.sign_up()
    w.sign_up("u2", "bob@example.org", NEW)

    async def play():
        store = place.open_async()
        ports = {"directory": as_async(w.directory, DIRECTORY), "messenger": as_async(w.messenger, MESSENGER)}
        engine = AsyncEngine(policy=w.policy, store=store, keyring=w.keyring, clock=w.clock, entropy=w.entropy, **ports)
        for turns in (*range(12), *range(12, 60, 6)):
            here = w.context(address(turns))
            task = asyncio.create_task(engine.sign_in(IDENTIFIER, PASSWORD, context=here))
            other = asyncio.create_task(engine.sign_in("bob@example.org", NEW, context=here))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            mine, theirs = (*(await asyncio.gather(task, return_exceptions=True)), await other)
            assert isinstance(theirs, SignedIn)
            checked = await engine.check_session(theirs.session, context=here)
            assert checked.session.subject == "u2"
            if isinstance(mine, SignedIn):
                assert (await engine.check_session(mine.session, context=here)).session.subject == "u1"
            else:
                assert isinstance(mine, asyncio.CancelledError)
            w.clock.advance(minutes=31)
        after = await engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(99)))
        await close(store)
        return after

    assert asyncio.run(play()).info.subject == "u1"


# --- interleavings ----------------------------------------------------------------------------------------------------

OPERATIONS = {
    "sign in": lambda w: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(1))),
    "guess": lambda w: w.engine.sign_in(IDENTIFIER, OTHERS[0], context=w.context(address(2))),
    "answer the factor": lambda w: w.engine.verify_factor(w.waiting, w.code, context=w.context(address(3))),
    "use a recovery code": lambda w: w.engine.verify_factor(w.waiting, w.printed, context=w.context(address(4))),
    "change the password": lambda w: w.engine.set_password(
        "u1", NEW, by=CurrentPassword(PASSWORD, w.session), context=w.context(address(5))
    ),
    "print codes": lambda w: w.engine.issue_recovery_codes(w.session, context=w.context(address(6))),
    "remove the factor": lambda w: w.engine.remove_factor(w.session, w.factor, context=w.context(address(7))),
    "sign out everywhere": lambda w: w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context(address(8))),
    "disable": lambda w: w.engine.admin.disable("u1", actor="root"),
}


def crowded_world():
    """A subject with a factor, a pending sign-in and a session, over a store whose calls can be put in any order."""
    w = race_world(policy=SHORT)
    w.__class__ = type("Crowd", (type(w),), {})
    w.sign_up()
    app, session = w.enroll(w.sign_in().session)
    issued = w.calls.issue_recovery_codes(session, context=w.context())
    w.session, w.printed = issued.session, RecoveryCode(issued.codes[0])
    w.factor = w.calls.list_factors(w.session, context=w.context()).factors[0].id
    w.waiting = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    w.code = app.code(w.clock())
    return w


def state(w):
    """What the record of u1 says, but for chance."""
    value, _ = w.store.store.load(frame("subject", "", "u1"))
    record = decode_record(value)
    codes = record.factors.recovery
    return (
        record.epoch,
        record.verifier.born,
        len(record.sessions),
        len(record.devices),
        tuple(one.last_step for one in record.factors.totp),
        codes and (codes.generation, codes.used),
        record.disabled,
        len(record.spent),
    )


def one_after_the_other(first, second):
    """What two operations come to in that order: the sort of each answer, and the state they leave."""
    w = crowded_world()
    answers = []
    for name in (first, second):
        flow = OPERATIONS[name](w)
        while True:
            try:
                request = flow.send(None)
            except StopIteration as end:
                answers.append(type(end.value).__name__)
                break
            assert request
    return answers, state(w)


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations_with_replacement(OPERATIONS, 2)])
def test_m215_any_two_operations_interleave_as_if_one_came_first(one, other):
    """Under every order of their store calls, answers and record are those of the one order or of the other."""
    forth, (back, left) = one_after_the_other(one, other), one_after_the_other(other, one)
    serial = [forth, (back[::-1], left)]

    def check(w, answers):
        came = [type(answer).__name__ for answer in answers], state(w)
        assert came in serial, (came, serial)

    assert explore(crowded_world, lambda w: [OPERATIONS[one](w), OPERATIONS[other](w)], check).schedules >= 2


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [StoreError, CommitUnknown])
@pytest.mark.parametrize("when", ["before", "after"])
def test_m216_no_success_is_told_whose_write_is_missing(place, when, kind):
    """Whichever store call of a change fails, before or after its effect: "changed" is said if, and only if, it is so."""
    for k in range(12):
        w = exhibit(place, seed=k + 1)
        subject, identifier = f"u{k}", f"user{k}@example.org"
        w.sign_up(subject, identifier)
        calls, failing = iter(range(100)), [True]

        def fail(name, _, calls=calls, failing=failing, k=k):
            if failing and next(calls) == k:
                failing.clear()
                raise (kind if name == "commit" else StoreError)("lost", remedy="None: it is a test.")

        setattr(w.store, when, fail)
        try:
            outcome = w.engine.set_password(subject, NEW, by=CurrentPassword(PASSWORD), context=w.context(address(k)))
        except StoreError as error:
            outcome = error
        w.store.before = w.store.after = lambda *_: None
        w.clock.advance(minutes=31)
        works = [
            isinstance(w.engine.sign_in(identifier, p, context=w.context(address(50 + k))), SignedIn) for p in (PASSWORD, NEW)
        ]
        assert works in ([True, False], [False, True])
        if not isinstance(outcome, StoreError):
            assert works[1] is isinstance(outcome, PasswordChanged)
        if failing:
            break
    assert not isinstance(outcome, StoreError)


class Lagging(Traced):
    """A store that reads from a replica which is one commit of a record behind."""

    def __init__(self, store, trace):
        super().__init__(store, trace)
        self.past = {}
        load, commit = self.load, self.commit

        def late(key):
            known = self.past.setdefault(key, deque([None], maxlen=2))
            return known[0] if len(known) == 2 else load(key)

        def remember(key, *rest):
            before = self.store.load(key)
            answer = commit(key, *rest)
            self.past.setdefault(key, deque(maxlen=2)).extend((before, self.store.load(key)))
            return answer

        self.load, self.commit = late, remember


def test_m217_a_replica_that_lags_is_no_store():
    """The public check refuses a store that does not read its own writes."""
    with pytest.raises(AssertionError):
        check_store(lambda: Lagging(MemoryStore(), []))


def test_m217_over_a_replica_that_lags_nothing_is_used_twice(place):
    """Even on such a store, what was consumed is consumed: the version of the primary decides each commit."""
    w = exhibit(place)
    w.sign_up()
    link = w.reset_link()
    stale = exhibit(place, seed=1)
    stale.directory.put(w.directory.get("", "u1"))
    stale.keyring = w.keyring
    stale.store = Lagging(place.open(), stale.trace)
    stale.restart()
    assert isinstance(stale.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)

    for password in OTHERS[:2]:
        outcome = stale.engine.redeem_reset(ResetLink(link), password, context=w.context())
        assert not isinstance(outcome, PasswordChanged)
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)


@pytest.mark.parametrize("bump", ["password", "everywhere", "disable", "codes", "factor", "erase"])
def test_m218_no_node_remembers_what_has_changed(w, place, bump):
    """After each change that ends sessions, the very next check, in this process and in another, sees it."""
    app, _, session = w.guarded()
    node = other_node(w, place)
    fresh = w.fully(app).session
    for engine in (w.engine, node):
        assert all(isinstance(engine.check_session(one, context=w.context()), SessionValid) for one in (session, fresh))

    factor = w.engine.list_factors(fresh, context=w.context()).factors[0].id
    {
        "password": lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()),
        "everywhere": lambda: w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context()),
        "disable": lambda: w.engine.admin.disable("u1", actor="root"),
        "codes": lambda: w.engine.issue_recovery_codes(fresh, context=w.context()),
        "factor": lambda: w.engine.remove_factor(fresh, factor, context=w.context()),
        "erase": lambda: w.engine.admin.erase("u1", actor="root"),
    }[bump]()

    for engine in (w.engine, node):
        assert not any(isinstance(engine.check_session(one, context=w.context()), SessionValid) for one in (session, fresh))


# --- keys -------------------------------------------------------------------------------------------------------------

FRESH = tuple(bytes((number * 37 + k) % 256 for number in range(32)) for k in (1, 2))


def rotated(w, *, keep_old: bool) -> Keyring:
    """The keyring after a rotation, with or without the keys of before."""
    old = w.keys if keep_old else ((), ())
    sealing, index = ([new, one] if keep_old else [new] for new, one in zip(FRESH, old, strict=True))
    return Keyring(sealing=sealing, index=index, entropy=w.entropy)


@pytest.mark.parametrize("name", ARTEFACTS)
def test_m220_a_rotation_with_overlap_ends_nothing(place, name):
    """While the old keys stay on the ring, everything handed out before goes on working to its end."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    w.restart(keyring=rotated(w, keep_old=True))
    w.clock.advance(artefact.lifetime(w.policy) - timedelta(seconds=1))

    assert artefact.use(w, token)


@pytest.mark.parametrize("name", ARTEFACTS)
def test_m220_a_removed_key_ends_exactly_what_it_sealed(place, name):
    """After the overlap the old key goes: what it sealed is dead, what the new one sealed lives."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    old = artefact.make(w)
    w.restart(keyring=rotated(w, keep_old=False))
    assert not artefact.use(w, old) or name == "device"
    for subject in ("u1", "u7", "u8"):  # the owner, and the contacts of a share
        w.engine.admin.erase(subject, actor="root")
    w.clock.advance(days=1)

    fresh = artefact.make(w)

    assert artefact.use(w, fresh)


def test_m220_who_signed_in_during_the_overlap_loses_nothing(w):
    """Verifier, authenticator and recovery codes are sealed anew on use: when the old key is gone they still work."""
    app, codes, _ = w.guarded()
    w.restart(keyring=rotated(w, keep_old=True))
    assert isinstance(w.fully(app), SignedIn)
    ticket = w.ticket()
    assert isinstance(w.engine.verify_factor(ticket, RecoveryCode(codes[0]), context=w.context()), SignedIn)

    w.restart(keyring=rotated(w, keep_old=False))

    assert isinstance(w.fully(app), SignedIn)
    assert isinstance(w.engine.verify_factor(w.ticket(), RecoveryCode(codes[1]), context=w.context()), SignedIn)
    assert w.engine.verify_factor(w.ticket(), RecoveryCode(codes[0]), context=w.context()) == Refused()


def test_m220_a_rotation_refills_no_budget(w):
    """With old and new index keys together: a lane with one guess left has one left, requests that were used up stay so."""
    w.sign_up()
    for number in range(9):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))
    for _ in range(3):
        w.engine.request_reset(IDENTIFIER, context=w.context(address(40)))
    w.deliver()
    sent = len(w.messenger.handed)
    w.comparisons.clear()

    w.restart(keyring=rotated(w, keep_old=True))
    for number in range(20):
        w.engine.sign_in(IDENTIFIER, wrong(100 + number), context=w.context(address(100 + number)))
        w.engine.request_reset(IDENTIFIER, context=w.context(address(60 + number)))
    w.deliver()

    assert len(w.comparisons.evaluated) == 1
    assert len(w.messenger.handed) == sent
