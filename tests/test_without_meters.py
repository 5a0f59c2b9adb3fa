"""What is left of every budget while the meters do not answer, and after they were lost."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from attrs import evolve

from acctsec import (
    CHEAPEST,
    ConfigError,
    Engine,
    FactorRequired,
    LockoutPolicy,
    MemoryStore,
    RecoveryCode,
    Refused,
    SignedIn,
    SplitStore,
    StoreUnavailable,
    TotpCode,
    TryAgain,
)
from acctsec._codec import decode_record
from acctsec.budgets import Budget, Rungs
from acctsec.errors import StoreBusy
from acctsec.events import GuessesCounted, GuessingStopped, PortFailed
from acctsec.keyring import frame
from acctsec.lockout import STEP, Outage
from acctsec.protocols import MessagePurpose
from acctsec.testing import FAILURES, RACING, explore, race_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

ALONE = evolve(CHEAPEST, lockout=LockoutPolicy(on_outage=Outage.LOCAL))


class Meters:
    """Meters that can be taken away, and emptied."""

    def __init__(self):
        self.real = MemoryStore()
        self.down = set()
        self.trips = []

    def _asked(self, name, *args):
        self.trips.append(name)
        if name in self.down:
            raise StoreUnavailable("The meters are away.", remedy="Bring them back.")
        return getattr(self.real, name)(*args)

    def charge(self, charges, now):
        return self._asked("charge", charges, now)

    def settle(self, settlements, now):
        return self._asked("settle", settlements, now)

    def read(self, meters, now):
        return self._asked("read", meters, now)

    def lose(self):
        self.real = MemoryStore()


class Records(MemoryStore):
    """Records that count their round trips."""

    def __init__(self):
        super().__init__()
        self.trips = []

    def load(self, key):
        self.trips.append("load")
        return super().load(key)

    def commit(self, *args):
        self.trips.append("commit")
        return super().commit(*args)


def split(policy=CHEAPEST):
    """A world with records in one place and meters in another, and an account in it."""
    meters, records = Meters(), Records()
    w = world(policy=policy, store=SplitStore(records=records, meters=meters))
    w.meters, w.records = meters, records
    w.sign_up()
    w.comparisons.clear()
    return w


def node(w):
    """Another process of the same deployment: meters of its own, everything else shared."""
    ports = {"keyring": w.keyring, "directory": w.directory, "messenger": w.messenger, "sink": w.sink}
    return Engine(policy=w.policy, store=w.store, clock=w.clock, entropy=w.entropy, **ports)


def guess(w, number, engine=None, identifier=IDENTIFIER, **facts):
    """One wrong password, from a source of its own."""
    facts.setdefault("address", f"198.18.{number // 250}.{number % 250 + 1}")
    return (engine or w.engine).sign_in(identifier, f"wrong number {number}", context=w.context(**facts))


def compared(w):
    """Distinct wrong passwords that were compared with the real verifier."""
    return len({one.password for one in w.comparisons.guesses})


def record(w):
    return decode_record(w.records.load(frame("subject", "", "u1"))[0])


# --- round trips ------------------------------------------------------------------------------------------------------


def trips(w, operation):
    w.meters.trips.clear()
    w.records.trips.clear()
    outcome = operation()
    return outcome, [*w.records.trips], [*w.meters.trips]


def test_a_sign_in_takes_two_round_trips_to_each_store():
    w = split()
    outcome, records, meters = trips(w, lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()))
    assert isinstance(outcome, SignedIn)
    assert (records, meters) == (["load", "commit"], ["charge", "settle"])


@pytest.mark.parametrize("identifier", [IDENTIFIER, "nobody@example.org"])
def test_a_failed_sign_in_takes_one_trip_to_the_records_and_two_to_the_meters(identifier):
    w = split()
    outcome, records, meters = trips(w, lambda: guess(w, 1, identifier=identifier))
    assert isinstance(outcome, Refused)
    assert (records, meters) == (["load"], ["charge", "settle"])


def test_a_second_factor_takes_two_round_trips_to_each_store():
    w = split()
    app, _ = w.enroll(w.sign_in().session)
    ticket = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    code = app.code(w.clock())
    outcome, records, meters = trips(w, lambda: w.engine.verify_factor(ticket, code, context=w.context()))
    assert isinstance(outcome, SignedIn)
    assert (records, meters) == (["load", "commit"], ["charge", "settle"])


# --- an outage --------------------------------------------------------------------------------------------------------


def test_without_meters_nothing_is_compared():
    """The default: no budget can be kept, so nobody gets in, and everybody hears why."""
    w = split()
    w.meters.down = {"charge"}
    for attempt in (lambda: guess(w, 1), lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())):
        with pytest.raises(StoreUnavailable):
            attempt()
    assert w.comparisons.all == []
    w.meters.down = set()
    w.deliver()
    assert [event.port for _, event in w.sink.handed if isinstance(event, PortFailed)] == ["meters", "meters"]


@pytest.mark.parametrize("policy", [CHEAPEST, ALONE], ids=["refuse", "local"])
def test_what_cannot_be_settled_was_decided_all_the_same(policy):
    """The session is there, so its owner gets it; the reservation lapses and is one failure too many, never too few."""
    w = split(policy)
    w.meters.down = {"settle"}
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)
    assert isinstance(guess(w, 1), Refused)
    w.meters.down = set()
    w.clock.advance(minutes=1)
    assert [lane.failures for lane in w.engine.admin.lock_status("u1") if lane.lane == "password/strangers"] == [2]


def test_alone_each_process_gives_its_narrow_budget():
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    nodes = [node(w) for _ in range(3)]
    for number in range(24):
        assert isinstance(guess(w, number, nodes[number % 3]), Refused)
    assert compared(w) == 3 * 3
    assert record(w).checkpoint("password/strangers").total == 9


def test_alone_the_same_wrong_password_is_one_guess_and_the_owner_gets_in():
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    for _ in range(20):
        assert isinstance(w.engine.sign_in(IDENTIFIER, "stale password 1", context=w.context()), Refused)
    assert record(w).checkpoint("password/strangers").total == 1
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)
    assert record(w).checkpoint("password/strangers").total == 0


def test_alone_the_stop_holds_over_all_processes_and_restarts():
    """However many processes, each new, and however long it takes: not one comparison more than the stop."""
    w = split(ALONE)
    device = w.sign_in().device
    w.meters.down = {"charge", "settle"}
    for number in range(120):
        assert isinstance(guess(w, number, node(w)), Refused)
    assert compared(w) == w.policy.lockout.strangers.stop == 50
    assert isinstance(node(w).sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.5")), Refused)
    assert isinstance(node(w).sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device)), SignedIn)
    w.deliver()
    assert [event.count for event in w.sink.of(GuessesCounted) if event.lane == "password/strangers"][:50] == list(range(1, 51))
    assert len(w.sink.of(GuessingStopped)) == 1
    assert len(w.messenger.of(MessagePurpose.GUESSING_STOPPED)) == 1


def test_alone_known_and_unknown_cost_the_same_trips():
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    for number in range(60):
        known = trips(w, partial(guess, w, number, node(w)))
        unknown = trips(w, partial(guess, w, number, node(w), "nobody@example.org"))
        assert known == unknown == (Refused(), ["load", "load", "commit"], ["charge"]), number


def test_alone_nothing_gets_past_the_stop_by_being_typed_twice():
    """What was refused uncompared is not remembered as wrong, and what is repeated meets the stop like everything else."""
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    for number in range(60):
        guess(w, number, node(w))
    assert compared(w) == 50
    engine = node(w)
    for _ in range(3):
        for number in range(100, 104):
            guess(w, number, engine)
        outcome = engine.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.9"))
        assert isinstance(outcome, Refused)
        w.clock.advance(minutes=16)
    assert compared(w) == 50


def test_alone_what_is_tried_at_a_stop_uses_the_narrow_budget_up():
    """As at a name that nobody has: after three of them nothing is written down any more, for either."""
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    for number in range(60):
        guess(w, number, node(w))
    engine = node(w)
    for number in range(100, 106):
        known = trips(w, partial(guess, w, number, engine))
        unknown = trips(w, partial(guess, w, number, engine, "nobody@example.org"))
        assert known == unknown, number


def test_alone_what_was_tried_at_a_stop_is_no_free_repeat_once_that_ends():
    few = Rungs(free=5, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=5, window=timedelta(days=30))
    w = split(evolve(ALONE, lockout=evolve(ALONE.lockout, month=few)))
    w.meters.down = {"charge", "settle"}
    engine = w.engine
    for number in range(5):
        guess(w, number, engine)
        w.clock.advance(minutes=6)
    w.clock.advance(timedelta(days=30) - timedelta(minutes=11))
    for number in (100, 101):
        guess(w, number, engine)
    assert compared(w) == 5
    w.clock.advance(minutes=6)  # the month has refilled, and the narrow budget has room for one
    for number in (100, 101):
        guess(w, number, engine)
    assert compared(w) == 6
    assert record(w).checkpoint("password/month").within(few.window, w.clock()).alone == 1


def test_where_one_process_is_cut_off_and_another_is_not_the_stop_is_one():
    """What is counted alone and what is counted by the meters adds up, but for what the record has not heard of yet."""
    for first in ("alone", "meters"):
        w = split(ALONE)
        for number in range(140):
            w.meters.down = {"charge", "settle"} if (number % 2 == 0) is (first == "alone") else set()
            guess(w, number, node(w))
            w.clock.advance(minutes=31)
        assert 50 <= compared(w) <= 50 + STEP - 1
        assert [lane.stopped for lane in w.engine.admin.lock_status("u1") if lane.lane == "password/strangers"] == [True]


def test_alone_the_month_is_counted_whatever_succeeds_meanwhile():
    w = split(ALONE)
    device = w.sign_in().device
    w.meters.down = {"charge", "settle"}
    for number in range(200):
        guess(w, number, node(w))
        if number % 8 == 7:
            assert isinstance(node(w).sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device)), SignedIn)
            w.engine = node(w)
    assert compared(w) <= 100
    w.meters.down = set()
    for number in range(300, 400):
        guess(w, number)
        w.clock.advance(minutes=31)
    assert compared(w) <= 100


@pytest.mark.parametrize("identifier", [IDENTIFIER, "nobody@example.org"])
def test_alone_attempts_at_one_name_take_turns_in_a_process(identifier):
    """Known and unknown make the same calls also when many come at once: none races another for its place in the record."""
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    w.records.trips.clear()
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda number: guess(w, number, identifier=identifier), range(3)))
    assert outcomes == [Refused()] * 3
    assert sorted(w.records.trips) == ["commit"] * 3 + ["load"] * 6


def test_alone_right_passwords_count_nothing():
    """A factor is still due, or the queue for a hash was full: what was counted before the comparison is taken back."""
    w = split(ALONE)
    device = w.sign_in().device
    w.enroll(w.sign_in(device=device).session)
    w.meters.down = {"charge", "settle"}
    for _ in range(20):
        for facts in ({"device": device}, {}):
            outcome = node(w).sign_in(IDENTIFIER, PASSWORD, context=w.context(**facts))
            assert isinstance(outcome, FactorRequired)
    assert {point.total for point in record(w).checkpoints} <= {0}
    w.deliver()
    assert w.sink.of(GuessingStopped) == []


def test_alone_what_nobody_can_guess_keeps_its_budget():
    """Anybody can begin with a recovery code; three wrong ones must not keep the owner from his."""
    w = split(ALONE)
    _, session = w.enroll(w.sign_in().session)
    codes = w.engine.issue_recovery_codes(session, context=w.context()).codes
    w.meters.down = {"charge", "settle"}
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    for number in range(10):
        wrong = RecoveryCode(codes[0][:-1] + "0123456789"[number], handle)
        w.engine.redeem_reset(wrong, "another wholly new phrase", context=w.context(f"198.18.9.{number + 1}"))
    outcome = w.engine.redeem_reset(RecoveryCode(codes[1], handle), "another wholly new phrase", context=w.context("203.0.113.4"))
    assert isinstance(outcome, FactorRequired)


def test_a_crowd_is_no_outage():
    """Whoever sends many requests at once must not be able to begin counting alone."""
    w = split(ALONE)

    def busy(charges, now):
        raise StoreBusy("All connections are in use.", remedy="Give the store more of them.")

    w.meters.charge = busy
    w.restart()
    assert isinstance(guess(w, 1), TryAgain)
    assert w.comparisons.all == []


def test_alone_strangers_cannot_fill_the_memory_of_known_devices(monkeypatch):
    monkeypatch.setattr("acctsec.engine._blocking_face.OWN_ROWS", 100)
    w = split(ALONE)
    device = w.sign_in().device
    w.meters.down = {"charge", "settle"}
    w.restart()
    for number in range(300):
        with suppress(StoreUnavailable):
            guess(w, number, identifier="nobody@example.org")
    with pytest.raises(StoreUnavailable):
        guess(w, 301, identifier="somebody@example.org")
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device)), SignedIn)
    for number in range(400, 500):
        w.clock.advance(minutes=3)
        with suppress(StoreUnavailable):
            guess(w, number, identifier="nobody@example.org")
    assert isinstance(guess(w, 501), Refused), "some hours later there is room again"


@pytest.mark.parametrize("down", [set(), {"charge", "settle"}])
def test_counting_a_guess_does_not_bring_an_erased_subject_back(down):
    w = split(ALONE)
    for number in range(9):
        guess(w, number)
    w.clock.advance(minutes=31)
    w.meters.down = down
    real = w.records.commit

    def commit(key, expected, value, outbox, commit_id):
        if value is not None and w.records.load(key) is not None:
            w.records.commit = real
            w.engine.admin.erase("u1", actor="root")
        return real(key, expected, value, outbox, commit_id)

    w.records.commit = commit
    w.store = SplitStore(records=w.records, meters=w.meters)
    w.restart()
    assert isinstance(guess(w, 50), Refused)
    assert w.records.load(frame("subject", "", "u1")) is None


def test_a_sign_in_that_is_counted_loses_no_race_against_its_own_count():
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    outcome, records, _ = trips(w, lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()))
    assert isinstance(outcome, SignedIn)
    assert records == ["load", "load", "commit", "commit"]


def test_alone_a_source_is_still_a_source():
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    outcomes = [guess(w, n, identifier=f"user{n}@example.org", address="192.0.2.77") for n in range(60)]
    assert sum(outcome.retry_after is not None for outcome in outcomes) == 10


def test_alone_codes_are_counted_in_the_record_too():
    """Six digits beside a reset link: all processes together give what the policy allows a day."""
    w = split(ALONE)
    app, _ = w.enroll(w.sign_in().session)
    tickets = [w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket for _ in range(3)]
    w.meters.down = {"charge", "settle"}
    right = app.code(w.clock()).code
    codes = [f"{number:06d}" for number in range(200) if f"{number:06d}" != right]
    for number in range(40):
        context = w.context(f"198.18.7.{number + 1}")
        assert isinstance(node(w).verify_factor(tickets[0], TotpCode(codes[number]), context=context), Refused)
    assert record(w).checkpoint("factor/strangers").total == 40
    for number in range(40, 60):
        assert isinstance(node(w).verify_factor(tickets[0], TotpCode(codes[number]), context=w.context()), Refused)
    assert record(w).checkpoint("factor/strangers").total == 50
    assert isinstance(node(w).verify_factor(tickets[0], TotpCode(right), context=w.context("203.0.113.9")), Refused)


def test_alone_resets_go_on_within_the_budget_of_the_process():
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    limit = w.policy.reset.per_source.limit
    for _ in range(limit + 5):
        w.engine.request_reset(IDENTIFIER, context=w.context())
    w.meters.down = set()
    assert len(w.records._outbox) == 1 + limit  # and the event of the sign-up


def test_when_the_meters_come_back_little_was_gained():
    """The meter of before goes on from where it was, and the record adds what it missed: but for what no checkpoint told."""
    for before in (0, 9, 19, 29):
        for away in (3, 12, 24):
            w = split(ALONE)
            for number in range(before):
                guess(w, number)
                w.clock.advance(minutes=31)
            w.meters.down = {"charge", "settle"}
            for number in range(away):
                guess(w, 1000 + number, node(w))
            w.meters.down = set()
            for number in range(80):
                guess(w, 2000 + number)
                w.clock.advance(minutes=31)
            assert compared(w) <= 50 + STEP - 1, (before, away, compared(w))


def test_meters_of_a_process_are_bounded():
    """Whoever types a million names fills the room, and then nobody gets one more free guess."""
    store = MemoryStore(most_rows=100)
    w = world(store=SplitStore(records=MemoryStore(), meters=store))
    for number in range(50):
        guess(w, number, identifier=f"user{number}@example.org")
    for number in range(50, 200):
        with pytest.raises(StoreUnavailable, match="100 rows"):
            guess(w, number, identifier=f"user{number}@example.org")
    assert len(store._rows) == 100


def test_what_is_wrong_is_no_outage():
    """Damage denies, whatever the policy says of outages."""
    w = split(ALONE)

    def charge(charges, now):
        raise ValueError("broken")

    w.meters.charge = charge
    w.restart()
    with pytest.raises(ValueError, match="broken"):
        guess(w, 1)
    assert w.comparisons.all == []


@pytest.mark.parametrize("knob", [{"on_outage": "local"}, {"alone": 3}])
def test_outage_knobs_are_typed(knob):
    with pytest.raises(ConfigError):
        LockoutPolicy(**knob)


# --- a loss -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost_before", range(0, 50, 1))
def test_a_loss_of_all_meters_costs_at_most_nine_guesses(lost_before):
    """The meters vanish before guess number *lost_before*: the count goes on from the last checkpoint."""
    w = split()
    for number in range(90):
        if number == lost_before:
            w.meters.lose()
        guess(w, number)
        w.clock.advance(minutes=31)
    assert 50 <= compared(w) <= 50 + STEP - 1
    assert compared(w) == 50 + lost_before % STEP


def test_losses_add_up_and_no_more():
    w = split()
    for number in range(150):
        if number % 7 == 6:
            w.meters.lose()
        guess(w, number)
        w.clock.advance(minutes=31)
    losses = 150 // 7
    assert compared(w) <= 50 + losses * (STEP - 1)


def test_a_budget_that_refills_by_time_survives_a_loss():
    """Somebody signs in between, so no lane stops; the month remembers all the same, but for nine."""
    month = Rungs(free=30, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=30, window=timedelta(days=30))
    for lost in (5, 10, 19, 25, 29):
        w = split(evolve(CHEAPEST, lockout=LockoutPolicy(month=month)))
        for number in range(60):
            if number == lost:
                w.meters.lose()
            guess(w, number)
            if number % 4 == 3 and number < 28:
                w.sign_in(address=f"203.0.113.{number + 1}")
            w.clock.advance(minutes=31)
        assert compared(w) == 30 + lost % STEP


def test_a_budget_that_refilled_stays_refilled():
    """What the record remembers of a month ends with its window, also where the meters were lost meanwhile."""
    month = Rungs(free=30, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=30, window=timedelta(days=30))
    w = split(evolve(CHEAPEST, lockout=LockoutPolicy(month=month)))
    for number in range(30):
        guess(w, number)
        w.clock.advance(minutes=31)
        if number % 4 == 3:
            w.sign_in(address=f"203.0.113.{number + 1}")
    assert record(w).checkpoint("password/month").count == 30
    w.meters.lose()
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.200")), Refused)
    w.clock.advance(days=31)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.201")), SignedIn)


def test_unlocking_lets_no_checkpoint_come_back():
    w = split()
    for number in range(15):
        guess(w, number)
        w.clock.advance(minutes=31)
    w.engine.admin.unlock("u1", actor="root")
    assert record(w).checkpoints == ()
    w.meters.lose()
    for number in range(9):
        guess(w, 100 + number)
        w.clock.advance(minutes=31)
    assert record(w).checkpoints == ()


def test_budget_and_factor_outcomes_are_what_they_were():
    """Nothing of this shows where the meters answer: a second factor is still asked for."""
    w = split(ALONE)
    w.enroll(w.sign_in().session)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)
    assert w.policy.lockout.alone == Budget(limit=3, window=timedelta(minutes=15))
    assert not isinstance(guess(w, 1), TryAgain)


# --- every order, every call lost --------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [2, pytest.param(3, marks=pytest.mark.deep)])
def test_whichever_call_is_lost_every_guess_is_counted_somewhere(most):
    """Two guesses at once, store calls failing or answering to nobody: each comparison is in the meters or in the record."""

    def begin():
        w = race_world(policy=evolve(RACING, lockout=evolve(RACING.lockout, on_outage=Outage.LOCAL)))
        w.sign_up()
        w.comparisons.clear()
        return w

    def flows(w):
        return [w.engine.sign_in(IDENTIFIER, f"wrong guess number {n}", context=w.context()) for n in range(2)]

    def check(w, answers):
        guesses = len({one.password for one in w.comparisons.guesses})
        w.restart()
        w.clock.advance(minutes=1)
        lanes = {lane.lane: lane.failures for lane in w.calls.admin.lock_status("u1")}
        told = decode_record(w.store.store.load(frame("subject", "", "u1"))[0]).checkpoint("password/strangers").total
        assert guesses <= lanes["password/strangers"] + told, (guesses, lanes, told)
        assert not any(isinstance(answer, SignedIn) for answer in answers)

    explored = explore(begin, flows, check, fates=FAILURES, most=most)
    assert explored.schedules > 100


def test_alone_reset_mails_are_made_all_the_same():
    """What an address gets is counted by the process that delivers; an outage of the meters makes no mail wait."""
    w = split(ALONE)
    w.meters.down = {"charge", "settle"}
    for _ in range(9):
        w.engine.request_reset(IDENTIFIER, context=w.context())
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RESET)) == w.policy.reset.per_subject.limit
