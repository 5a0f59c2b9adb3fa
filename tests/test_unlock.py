"""What guessing has stopped: the month that nothing but time refills, and the owner's ways to open the lane of strangers."""

import re
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Account,
    ConfigError,
    FactorRequired,
    Keyring,
    LockoutPolicy,
    LockOpened,
    MessagePurpose,
    PasswordChanged,
    RecoveryCode,
    Refused,
    ResetLink,
    SignedIn,
    TotpCode,
    UnlockFactor,
    UnlockLink,
    UnlockPending,
)
from acctsec._codec import decode_record
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.budgets import Budget, Rungs
from acctsec.claims import FreshSession, UnlockClaims
from acctsec.events import GuessingReopened, GuessingStopped, NoticeWithheld, Unlocked
from acctsec.keyring import frame
from acctsec.lockout import UNLOCK_LIFETIME
from acctsec.outcomes import ProofAccepted
from acctsec.claims import ResumeTicket
from acctsec.protocols import Status
from acctsec.testing import async_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SHORT = evolve(
    CHEAPEST,
    lockout=LockoutPolicy(
        strangers=Rungs(free=4, first=MINUTE, longest=2 * MINUTE, stop=6),
        device=Rungs(free=2, first=MINUTE, longest=2 * MINUTE, stop=3),
        month=Rungs(free=12, first=MINUTE, longest=MINUTE, stop=12, window=30 * DAY),
    ),
)
"""Ladders so short that a few guesses climb them."""
STOP, OPEN, MONTH = 6, 3, 12
KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]


@pytest.fixture(params=KINDS)
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w():
    w = world(policy=SHORT)
    w.sign_up()
    return w


def addresses():
    return (f"198.18.{number // 250 % 250}.{number % 250 + 1}" for number in count())


def guess(w, number, engine=None, **facts):
    """One distinct wrong password of a stranger, from an address of his own; whether it was really compared."""
    before = len(w.comparisons.evaluated)
    context = w.context(f"198.18.{number // 250 % 250}.{number % 250 + 1}", **facts)
    (engine or w.calls).sign_in(IDENTIFIER, f"wrong guess number {number}", context=context)
    return len(w.comparisons.evaluated) > before


def stop(w, first=0, most=STOP):
    """Guess until the lane of strangers has stopped; how many were compared."""
    compared = 0
    for number in range(first, first + 3 * most):
        compared += guess(w, number)
        w.clock.advance(minutes=3)
    return compared


def stopped(w):
    """A lane that has stopped, and the link that was mailed."""
    assert stop(w) == STOP
    w.deliver()
    return w.messenger.unlock_link


def record(w):
    return decode_record(w.store.load(frame("subject", "", "u1"))[0])


def reset(w, password):
    """The owner resets his password by mail, and by his authenticator where he has one."""
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), password, context=w.context())
    if isinstance(due, FactorRequired):
        proof = w.calls.verify_factor(due.ticket, w.app.code(w.clock()), context=w.context())
        w.clock.advance(seconds=30)
        assert isinstance(proof, ProofAccepted)
        due = w.calls.redeem_reset(ResumeTicket(proof.ticket), password, context=w.context())
    assert isinstance(due, PasswordChanged), due
    return due.device


# --- the month --------------------------------------------------------------------------------------------------------

LONG = 30 * DAY
WAITS = (MINUTE, 3 * MINUTE, timedelta(hours=5), DAY, 4 * DAY, 11 * DAY, 29 * DAY)
GUESSES = st.tuples(st.just("guess"), st.integers(1, 8))
STEPS = GUESSES | st.sampled_from(
    [
        *(("wait", one) for one in WAITS),
        *((one, 0) for one in ("again", "reset", "by_link", "by_factor", "as_known", "as_stranger", "new_key")),
    ]
)
FLOOD = [("guess", 8), ("wait", 3 * MINUTE)] * 4
OPENED_AND_RESET = [
    *FLOOD,
    ("by_link", 0),
    *FLOOD,
    ("reset", 0),
    *FLOOD,
    ("wait", 11 * DAY),
    ("reset", 0),
    *FLOOD,
    ("new_key", 0),
    ("reset", 0),
    *FLOOD,
    ("wait", 29 * DAY),
    *FLOOD,
    ("by_factor", 0),
    *FLOOD,
]


class Month:
    """An owner with an authenticator, strangers who guess at him, and when each of their guesses was compared first."""

    def __init__(self, w, lose=None):
        self.w, self.lose_meters, self.losses = w, lose, 0
        self.sealing, self.index = w.entropy(32), [w.entropy(32)]
        self.key()
        w.sign_up()
        signed_in = w.sign_in()
        w.app, _ = w.enroll(signed_in.session)
        self.device, self.password = signed_in.device, PASSWORD
        self.numbers = count(1000)
        self.compared, self.openings = {}, []

    def play(self, steps):
        for act, what in steps:
            getattr(self, act)(what)
            self.check()

    def check(self):
        """No thirty days hold more than the month allows, nor more openings than the policy does."""
        most = MONTH + 9 * self.losses
        for times, limit in ((self.compared.values(), most), (self.openings, self.w.policy.lockout.unlocks.limit)):
            times = sorted(times)
            for begin, end in zip(times, times[limit:], strict=False):
                assert end - begin >= LONG, f"{limit + 1} within {end - begin}"

    def guess(self, many):
        for _ in range(many):
            self.attempt(f"wrong guess number {next(self.numbers)}")

    def again(self, _):
        """The same wrong password once more is compared, and is no other guess."""
        for wrong, _ in list(self.compared)[-1:]:
            self.attempt(wrong)

    def attempt(self, wrong):
        w, number = self.w, next(self.numbers)
        before = len(w.comparisons.evaluated)
        w.calls.sign_in(IDENTIFIER, wrong, context=w.context(f"198.18.{number // 250 % 250}.{number % 250 + 1}"))
        if len(w.comparisons.evaluated) > before:
            self.compared.setdefault((wrong, self.password), w.clock())

    def wait(self, long):
        self.w.clock.advance(long)

    def reset(self, _):
        self.w.clock.advance(minutes=29)
        self.password = f"{PASSWORD} {next(self.numbers)}"
        self.device = reset(self.w, self.password)

    def by_link(self, _):
        self.w.deliver()
        sent = [one.link for one in self.w.messenger.of(MessagePurpose.GUESSING_STOPPED) if one.link]
        if sent:
            self.opened(self.w.calls.unlock(UnlockLink(sent[-1]), context=self.w.context()))

    def by_factor(self, _):
        answer = self.w.app.code(self.w.clock())
        self.opened(self.w.calls.unlock(UnlockFactor(IDENTIFIER, answer), context=self.w.context("203.0.113.4")))
        self.w.clock.advance(seconds=30)

    def opened(self, outcome):
        if isinstance(outcome, LockOpened):
            self.openings.append(self.w.clock())

    def as_known(self, _):
        self.sign_in(self.device)

    def as_stranger(self, _):
        self.sign_in(None)

    def sign_in(self, device):
        """The owner signs in, if he is let."""
        w = self.w
        context = w.context("203.0.113.5", device=device)
        due = w.calls.sign_in(IDENTIFIER, self.password, context=context)
        if isinstance(due, FactorRequired):
            w.calls.verify_factor(due.ticket, w.app.code(w.clock()), context=context)
            w.clock.advance(seconds=30)

    def new_key(self, _):
        """A newer index key comes in beside those that are in force."""
        self.index = [self.w.entropy(32), *self.index][:3]
        self.key()

    def key(self):
        self.w.restart(keyring=Keyring(sealing=[self.sealing], index=self.index, entropy=self.w.entropy))

    def lose(self, _):
        self.lose_meters()
        self.losses += 1


@given(steps=st.lists(STEPS, max_size=30))
@example(steps=OPENED_AND_RESET)
@settings(suppress_health_check=list(HealthCheck))
def test_no_thirty_days_hold_more_than_a_month_of_guesses(steps):
    """Whatever is reset, opened, proven or rotated meanwhile."""
    Month(world(policy=SHORT)).play(steps)


@given(steps=st.lists(STEPS | st.just(("lose", 0)), max_size=30))
@example(steps=[*FLOOD, ("reset", 0), ("lose", 0), *FLOOD, ("reset", 0), *FLOOD])
@settings(suppress_health_check=list(HealthCheck))
def test_a_loss_of_the_meters_costs_the_month_nine_guesses_and_no_more(steps):
    w = world(policy=SHORT)
    Month(w, lambda: lose(w.store)).play(steps)


def lose(store):
    store._rows.clear()
    store._round.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_no_store_lets_a_reset_begin_the_month_anew(kind, places):
    @given(steps=st.lists(STEPS, min_size=5, max_size=15))
    @example(steps=OPENED_AND_RESET)
    @settings(max_examples=6, suppress_health_check=list(HealthCheck))
    def story(steps):
        place = places.fresh(kind)
        try:
            Month(world(policy=SHORT, store=place.open())).play(steps)
        finally:
            place.close()

    story()


def test_the_month_refills_by_time_whatever_was_reset():
    """Never a day later than its window: a reset carries nothing over that would begin it anew."""
    month = Month(world(policy=SHORT))
    for _ in range(3):
        for _ in range(4):
            month.guess(3)
            month.wait(3 * MINUTE)
        month.reset(0)
    assert len(month.compared) == MONTH
    month.wait(29 * DAY)
    month.guess(3)
    assert len(month.compared) == MONTH
    month.wait(30 * DAY / 8 + DAY)  # a window is forgotten in eighths
    month.guess(3)
    assert len(month.compared) == MONTH + 3


def test_an_owner_whose_month_is_used_up_gets_in_by_a_reset_and_where_he_is_known():
    month = Month(world(policy=SHORT))
    w = month.w
    month.play(OPENED_AND_RESET[:20])
    due = w.calls.sign_in(IDENTIFIER, month.password, context=w.context("203.0.113.8"))
    assert isinstance(due, Refused)
    month.reset(0)
    context = w.context("203.0.113.8", device=month.device)
    assert isinstance(w.calls.sign_in(IDENTIFIER, month.password, context=context), FactorRequired)


def test_an_administrator_forgets_the_month_as_well(w):
    for first in (0, 100):
        assert stop(w, first) == STOP
        reset(w, f"{PASSWORD} {first}")
    assert not guess(w, 200)
    w.calls.admin.unlock("u1", actor="root")
    assert record(w).checkpoints == ()
    assert stop(w, 300) == STOP
