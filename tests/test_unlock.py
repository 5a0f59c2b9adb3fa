"""What guessing has stopped: the month that nothing but time refills, and the owner's ways to open the lane of strangers."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import count
from threading import Event

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL
from tests.test_without_meters import Meters

from acctsec import (
    CHEAPEST,
    ConfigError,
    FactorRequired,
    Keyring,
    LockOpened,
    LockoutPolicy,
    MemoryStore,
    MessagePurpose,
    PasswordChanged,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    SplitStore,
    TotpCode,
    UnlockFactor,
    UnlockLink,
    UnlockPending,
)
from acctsec._codec import decode_record
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.budgets import Budget, Rungs
from acctsec.claims import FreshSession, UnlockClaims
from acctsec.events import GuessesCounted, GuessingReopened, GuessingStopped, NoticeWithheld, Unlocked
from acctsec.keyring import frame
from acctsec.lockout import BY_TIME, OPENED, UNLOCK_LIFETIME, Outage, era
from acctsec.mfa import Algorithm, totp
from acctsec.outcomes import ProofAccepted
from acctsec.protocols import Status
from acctsec.record import MAX_DEVICES, MAX_FACTORS
from acctsec.steps import count_guesses
from acctsec.testing import async_world, world
from acctsec.testing.doubles import InstrumentedHashing
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
        openings = self.w.policy.lockout.unlocks.limit
        for times, limit in ((sorted(self.compared.values()), most), (self.openings, openings)):
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
@example(steps=[*FLOOD, ("reset", 0), *FLOOD, ("reset", 0), ("lose", 0), *FLOOD, ("reset", 0), *FLOOD])
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


@pytest.mark.parametrize("away", ["before", "at", "after", "always"])
def test_the_month_outlives_a_reset_while_the_meters_are_away(away):
    """What processes counted alone is in the record, and goes on there; at most nine are lost between the two counts."""
    policy = evolve(SHORT, lockout=evolve(SHORT.lockout, on_outage=Outage.LOCAL))
    meters, records = Meters(), MemoryStore()
    w = world(policy=policy, store=SplitStore(records=records, meters=meters))
    w.sign_up()
    compared = 0
    for number in range(5):
        meters.down = {"charge", "settle"} if (away == "always" or (away == "before" and number == 0)) else set()
        meters.down = meters.down or ({"charge", "settle"} if away == "after" and number else set())
        for guessed in range(12):
            w.clock.advance(minutes=16)
            w.restart()
            compared += guess(w, number * 100 + guessed)
        meters.down = {"charge", "settle"} if away in {"at", "always"} else meters.down
        w.clock.advance(minutes=29)
        reset(w, f"{PASSWORD} {number}")
    assert compared <= MONTH + 9, compared
    if away in {"always", "at"}:
        assert compared == MONTH


def test_an_administrator_forgets_the_month_as_well(w):
    for first in (0, 100):
        assert stop(w, first) == STOP
        reset(w, f"{PASSWORD} {first}")
    assert not guess(w, 200)
    w.calls.admin.unlock("u1", actor="root")
    assert record(w).checkpoints == ()
    assert stop(w, 300) == STOP


def test_a_guess_that_a_reset_overtakes_counts_in_the_month_and_in_no_lane(w):
    """What was charged before goes on in the month; the lane that it was charged to is gone."""
    past = record(w)
    now, head = w.clock(), {"tenant": "", "subject": "u1", "at": w.clock()}
    counted = [GuessesCounted(**head, lane=lane, count=10) for lane in ("password/strangers", "password/month")]
    for record_now in (past.with_fresh_lanes(kept=BY_TIME), past.with_opening(OPENED, now=now)):
        done = count_guesses(record_now, counted=counted, past=past)
        assert [event.lane for event in done.effects] == ["password/month"]
        assert done.record.checkpoint("password/strangers").count == 0
    assert count_guesses(past.with_fresh_meters(), counted=counted, past=past).effects == ()


def test_a_last_guess_that_a_reset_overtakes_does_not_stop_the_new_lane(w):
    """It was compared before the reset and is told after it: what it brings to its stop is the lane of before."""
    for number in range(STOP - 1):
        assert guess(w, number)
        w.clock.advance(minutes=3)
    link = w.reset_link()

    def overtake():
        done = w.calls.redeem_reset(ResetLink(link), f"{PASSWORD} 2", context=w.context("203.0.113.7"))
        assert isinstance(done, PasswordChanged)

    w.comparisons.all = Overtaken(overtake)
    guess(w, 50)
    assert record(w).checkpoint(OPENED).rung == ""
    assert isinstance(w.calls.sign_in(IDENTIFIER, f"{PASSWORD} 2", context=w.context("203.0.113.8")), SignedIn)


class Overtaken(list):
    """Comparisons, after the first of which something happens."""

    def __init__(self, then):
        super().__init__()
        self.then = then

    def append(self, one):
        super().append(one)
        then, self.then = self.then, None
        if then:
            then()


# --- by a mailed link -------------------------------------------------------------------------------------------------


def test_a_mailed_link_opens_the_lane_and_signs_nobody_in(w):
    link = stopped(w)
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1")), Refused)
    sessions = w.calls.admin.export("u1").sessions
    for _ in range(3):  # a scanner opens it
        assert w.calls.inspect_unlock(link, context=w.context("203.0.113.2")) == UnlockPending(expires(w))
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1")), Refused)
    assert w.calls.unlock(UnlockLink(link), context=w.context("203.0.113.3")) == LockOpened()
    assert w.calls.admin.export("u1").sessions == sessions
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1")), SignedIn)
    w.deliver()
    told = w.sink.of(GuessingReopened)
    assert [(one.lane, one.by, one.source) for one in told] == [
        ("password/strangers", "link", w.context("203.0.113.3").source.key)
    ]
    assert not w.sink.of(Unlocked)


def expires(w):
    return w.messenger.of(MessagePurpose.GUESSING_STOPPED)[-1].at + UNLOCK_LIFETIME


def refused(w, link):
    """The link neither looks good nor is."""
    before = w.calls.admin.export("u1")
    looked = w.calls.inspect_unlock(link, context=w.context())
    assert looked == Refused() == w.calls.unlock(UnlockLink(link), context=w.context())
    assert w.calls.admin.export("u1") == before
    return True


def test_a_link_opens_once_also_when_the_lane_has_stopped_anew(w):
    link = stopped(w)
    assert w.calls.unlock(UnlockLink(link), context=w.context()) == LockOpened()
    assert refused(w, link)
    assert stop(w, 100, OPEN) == OPEN
    assert refused(w, link)
    w.clock.advance(hours=1)
    assert w.calls.unlock(UnlockFactor(IDENTIFIER, TotpCode("123456")), context=w.context()) == Refused()


def test_a_link_opens_once_also_when_a_success_came_between(w):
    """The lane is as it was before the link was used: only its number tells."""
    link = stopped(w)
    w.calls.unlock(UnlockLink(link), context=w.context())
    w.sign_in(address="203.0.113.1")
    assert stop(w, 100) == STOP
    assert refused(w, link)


def test_every_address_gets_a_link_and_one_of_them_opens(w):
    w.directory.change("u1", addresses=(IDENTIFIER, "alice@example.net"))
    stopped(w)
    first, second = (one.link for one in w.messenger.of(MessagePurpose.GUESSING_STOPPED))
    assert w.calls.unlock(UnlockLink(second), context=w.context()) == LockOpened()
    assert refused(w, first)


def changed_password(w):
    session = w.sign_in(device=w.device).session
    done = w.calls.set_password("u1", f"{PASSWORD} 2", by=FreshSession(session), context=w.context())
    assert isinstance(done, PasswordChanged)


def erased(w):
    w.calls.admin.erase("u1", actor="root")
    w.sign_up()
    assert stop(w, 500) == STOP


def regained(w):
    w.restart(keyring=Keyring(sealing=[w.seal], index=[w.index], entropy=w.entropy, generation=1))


ENDS = {
    "a change of the password": changed_password,
    "a reset": lambda w: (reset(w, f"{PASSWORD} 2"), stop(w, 500)),
    "an administrator": lambda w: (w.calls.admin.unlock("u1", actor="root"), stop(w, 500)),
    "an erased life": erased,
    "a raised generation": regained,
    "an address that is gone": lambda w: w.directory.change("u1", addresses=("alice@example.net",)),
    "a disabled account": lambda w: w.directory.change("u1", status=Status.DISABLED),
    "a day": lambda w: w.clock.advance(UNLOCK_LIFETIME),
    "a clock from before": lambda w: w.clock.advance(-DAY),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_link_ends_with_what_it_was_made_for(end):
    w = world(policy=SHORT)
    w.seal, w.index = w.entropy(32), w.entropy(32)
    w.restart(keyring=Keyring(sealing=[w.seal], index=[w.index], entropy=w.entropy))
    w.sign_up()
    w.device = w.sign_in().device
    link = stopped(w)
    ENDS[end](w)
    assert refused(w, link)


def test_a_link_is_of_its_tenant_and_its_purpose(w):
    link = stopped(w)
    assert w.calls.unlock(UnlockLink(link), context=w.context(tenant="other")) == Refused()
    assert w.calls.inspect_unlock(link, context=w.context(tenant="other")) == Refused()
    other = w.reset_link()
    assert refused(w, other)
    assert isinstance(w.calls.redeem_reset(ResetLink(link), f"{PASSWORD} 2", context=w.context()), Refused)
    for spelling in (link[:-1], link + "=", link + "A", link.swapcase(), f" {link}", link[:-2] + "AA"):
        assert refused(w, spelling)
    assert w.calls.unlock(UnlockLink(link), context=w.context()) == LockOpened()


@given(st.text(max_size=64), st.text(max_size=64), st.integers(0, 2**40), st.integers(0, 2**40))
def test_links_have_one_length_whatever_is_in_them(tenant, subject, epoch, number):
    if max(len(one.encode("utf-8", "replace")) for one in (tenant, subject)) > 64:
        return
    w = world(policy=SHORT)
    tokens = Tokens(w.keyring)
    claims = {"recipient": bytes(16), "issued": w.clock(), "expires": w.clock() + DAY}
    long = UnlockClaims(tenant=tenant, subject=subject, binds=(bytes(16), epoch, number, number, number), **claims)
    short = UnlockClaims(tenant="", subject="u", binds=(bytes(16), 0, 0, 0, 0), **claims)
    assert len(tokens.seal(Purpose.UNLOCK, long)) == len(tokens.seal(Purpose.UNLOCK, short))
    assert tokens.open(Purpose.UNLOCK, tokens.seal(Purpose.UNLOCK, long), UnlockClaims) == long


def test_no_store_ever_holds_a_link(place):
    w = world(policy=SHORT, store=place.open())
    w.sign_up()
    assert stop(w) == STOP
    before = place.dump()
    w.deliver()
    link = w.messenger.unlock_link
    assert link.encode() not in before + place.dump()
    assert link not in repr(w.messenger.messages)


def test_no_mail_has_a_link_that_would_open_nothing():
    """A factor's lane has stopped, or the owner got in meanwhile: the news goes out all the same."""
    w = world(policy=SHORT)
    w.sign_up()
    app, _ = w.enroll(w.sign_in().session)
    ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    for number in range(20):
        w.calls.verify_factor(ticket, app.wrong(w.clock(), number), context=w.context(f"198.18.0.{number + 1}"))
        w.clock.advance(seconds=20)
        if number % 6 == 5:
            w.clock.advance(minutes=2)
        ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket if number % 20 == 19 else ticket
    w.deliver()
    (news,) = w.messenger.of(MessagePurpose.GUESSING_STOPPED)
    assert news.link is None
    assert news.expires is None


# --- by a second factor -----------------------------------------------------------------------------------------------


@pytest.fixture
def guarded():
    w = world(policy=SHORT)
    w.sign_up()
    signed_in = w.sign_in()
    w.device = signed_in.device
    w.app, session = w.enroll(signed_in.session)
    w.codes = w.calls.issue_recovery_codes(session, context=w.context()).codes
    return w


def test_a_live_factor_opens_the_lane_and_is_used_up_by_it(guarded):
    w = guarded
    assert stop(w) == STOP
    code = w.app.code(w.clock())
    assert w.calls.unlock(UnlockFactor(IDENTIFIER, code), context=w.context("203.0.113.3")) == LockOpened()
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1"))
    assert isinstance(due, FactorRequired)
    assert isinstance(w.calls.verify_factor(due.ticket, code, context=w.context("203.0.113.1")), Refused)
    w.clock.advance(seconds=30)
    assert isinstance(w.calls.verify_factor(due.ticket, w.app.code(w.clock()), context=w.context("203.0.113.1")), SignedIn)
    w.deliver()
    assert [one.by for one in w.sink.of(GuessingReopened)] == ["totp"]


def test_a_printed_code_opens_the_lane_too_and_its_owner_is_told(guarded):
    w = guarded
    stop(w)
    proof = UnlockFactor(IDENTIFIER, RecoveryCode(w.codes[0]))
    assert w.calls.unlock(proof, context=w.context()) == LockOpened()
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RECOVERY_CODE_USED)) == 1
    assert stop(w, 100, OPEN) == OPEN
    assert w.calls.unlock(proof, context=w.context("203.0.113.9")) == Refused()


def test_where_nothing_is_stopped_a_right_code_is_refused_and_still_good(guarded):
    w = guarded
    code = w.app.code(w.clock())
    assert w.calls.unlock(UnlockFactor(IDENTIFIER, code), context=w.context()) == Refused()
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(w.calls.verify_factor(due.ticket, code, context=w.context()), SignedIn)


def test_what_strangers_try_here_uses_up_nothing_else(guarded):
    """Twenty wrong codes from everywhere: the sign-in with its factor, the reset and its factor, the link go on as before."""
    w = guarded
    link = stopped(w)
    handle = w.calls.request_reset(IDENTIFIER, context=w.context("203.0.113.1")).handle
    for number in range(20):
        w.calls.unlock(UnlockFactor(IDENTIFIER, w.app.wrong(w.clock(), number)), context=w.context(f"198.18.9.{number + 1}"))
        w.clock.advance(minutes=16)
    assert w.calls.unlock(UnlockFactor(IDENTIFIER, w.app.code(w.clock())), context=w.context("203.0.113.2")) == Refused()
    lanes = {lane.lane: lane.failures for lane in w.calls.admin.lock_status("u1")}
    assert lanes["factor/strangers"] == 0
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.GUESSING_STOPPED)) == 1, "nobody is told of a door that nobody misses"
    assert handle
    assert w.calls.unlock(UnlockLink(link), context=w.context()) == LockOpened()
    reset(w, f"{PASSWORD} 2")


def test_the_doors_of_the_owner_never_touch_what_counts_elsewhere(guarded):
    """Neither the factor's lane, nor a device's, nor a reset code's, nor the month."""
    w = guarded
    handle = w.calls.request_reset(IDENTIFIER, context=w.context("203.0.113.1")).handle
    w.deliver()
    ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    for number in range(3):
        w.calls.redeem_reset(ResetCode(handle, f"{number:08d}"), "x", context=w.context(f"198.18.8.{number + 1}"))
        w.calls.verify_factor(ticket, w.app.wrong(w.clock(), number), context=w.context(f"198.18.8.{number + 1}"))
    w.calls.sign_in(IDENTIFIER, "wrong at home", context=w.context(device=w.device))
    stop(w)
    before = tallies(w)
    assert w.calls.unlock(UnlockFactor(IDENTIFIER, w.app.code(w.clock())), context=w.context("203.0.113.2")) == LockOpened()
    after = tallies(w)
    assert [name for name in before if before[name] != after[name]] == [b"password/strangers"]
    assert before[b"password/month"] == STOP
    assert (before[b"reset-code/strangers"], before[b"factor/strangers"]) == (3, 3)


def tallies(w):
    """Every meter of the subject, in the era that the record names."""
    (row,) = [row.meters for row in w.store._rows.values() if b"!password/month" in row.meters]
    found = {name.removeprefix(b"!").partition(b"@")[0]: 0 for name in row}
    for name, meter in row.items():
        bare, _, past = name.removeprefix(b"!").partition(b"@")
        if past == era(record(w), bare.decode()).removeprefix("@").encode():
            found[bare] = meter.count
    return found


CODES = {
    "right": lambda w: w.app.code(w.clock()),
    "wrong": lambda w: w.app.wrong(w.clock()),
    "printed": lambda w: RecoveryCode(w.codes[0]),
    "not printed": lambda w: RecoveryCode("0000-0000-0000-0000"),
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", [IDENTIFIER, "plain@example.org", "nobody@example.org"])
def test_nobody_learns_here_who_there_is_or_what_a_code_was_worth(guarded, name, code, monkeypatch):
    """Where nothing is stopped: the same answer, calls to stores and work, whoever is named and whatever is right."""
    w = guarded
    w.sign_up("u2", "plain@example.org")
    store, work = w.store, Counter()
    calls = []
    for port in ("load", "commit", "charge", "settle"):
        monkeypatch.setattr(store, port, watched(getattr(store, port), calls, port))
    for where, what in ((Keyring, "open"), (totp, "matching_steps")):
        monkeypatch.setattr(where, what, counted(getattr(where, what), work, what))
    w.restart()
    for number in range(12):
        del calls[:]
        work.clear()
        outcome = w.calls.unlock(UnlockFactor(name, CODES[code](w)), context=w.context(f"198.18.7.{number + 1}"))
        assert outcome == Refused()
        # A code that was seen is compared again and is free; the sixth new one would rest.
        assert calls in (["load", "charge", "settle"], ["load", "charge"]), calls
        by_app = Counter(open=MAX_FACTORS, matching_steps=len(Algorithm) * MAX_FACTORS)
        assert work == (by_app if code in {"right", "wrong"} else Counter(open=1))


def watched(call, calls, name):
    def ask(*args):
        calls.append(name)
        return call(*args)

    return ask


def counted(call, work, name):
    def ask(*args, **kwargs):
        work[name] += name == "open" or totp.is_code(args[1])
        return call(*args, **kwargs)

    return ask


# --- how much ---------------------------------------------------------------------------------------------------------


def test_a_success_in_an_opened_lane_takes_no_further_device(w):
    """It gives the room of the opening back, and the browser that signed in comes into it."""
    devices = [w.sign_in().device for _ in range(MAX_DEVICES)]
    assert w.calls.unlock(UnlockLink(stopped(w)), context=w.context()) == LockOpened()
    assert len(record(w).devices) == MAX_DEVICES - 1
    signed_in = w.sign_in(address="203.0.113.5")
    known = w.calls.list_devices(signed_in.session, context=w.context()).devices
    assert len(known) == len(record(w).devices) == MAX_DEVICES
    for one in devices[1:]:
        w.sign_in(device=one)
    assert len(record(w).devices) == MAX_DEVICES


def test_an_opened_lane_is_as_narrow_as_a_device_until_a_success(w):
    link = stopped(w)
    w.calls.unlock(UnlockLink(link), context=w.context())
    assert stop(w, 100, OPEN) == OPEN
    w.deliver()
    stops = w.sink.of(GuessingStopped)
    assert [(one.lane, one.count) for one in stops] == [("password/strangers", STOP), ("password/strangers", OPEN)]
    w.clock.advance(hours=1)
    w.calls.admin.unlock("u1", actor="root")  # the month of these ladders is used up soon
    assert stop(w, 200) == STOP


def test_after_a_success_the_lane_is_as_wide_as_ever(w):
    link = stopped(w)
    w.calls.unlock(UnlockLink(link), context=w.context())
    w.sign_in(address="203.0.113.1")
    assert stop(w, 100) == STOP


def test_a_policy_bounds_how_often_owners_open():
    """A budget in any window, whichever door."""
    lockout = evolve(SHORT.lockout, month=LockoutPolicy().month, unlocks=Budget(limit=2, window=10 * DAY))
    w = world(policy=evolve(SHORT, lockout=lockout))
    w.sign_up()
    w.app, _ = w.enroll(w.sign_in().session)
    times = []
    for number in range(60):
        stop(w, number * 100)
        proof = UnlockFactor(IDENTIFIER, w.app.code(w.clock()))
        if w.calls.unlock(proof, context=w.context(f"203.0.113.{number + 1}")) == LockOpened():
            times.append(w.clock())
            due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("192.0.2.99"))
            w.clock.advance(seconds=30)
            assert isinstance(w.calls.verify_factor(due.ticket, w.app.code(w.clock()), context=w.context("192.0.2.99")), SignedIn)
        w.clock.advance(hours=20)
    assert all(end - begin >= 10 * DAY for begin, end in zip(times, times[2:], strict=False))
    assert len(times) > 6
    assert len(record(w).openings) <= 5


@pytest.mark.parametrize("limit", [0, 6, 100])
def test_more_openings_than_devices_are_refused_when_the_policy_is_built(limit):
    with pytest.raises(ConfigError):
        LockoutPolicy(unlocks=Budget(limit=limit, window=DAY))


@pytest.mark.parametrize("devices", [0, 2, 5])
def test_all_lanes_together_stay_within_a_hundred_failures(devices):
    """SP 800-63B-4 section 3.2.2, with every opening there is: an opened lane takes the room of a device."""
    lockout = LockoutPolicy(unlocks=Budget(limit=5, window=30 * DAY), month=evolve(LockoutPolicy().month, stop=500, free=500))
    w = world(policy=evolve(CHEAPEST, lockout=lockout))
    w.sign_up()
    known = [w.sign_in(address=f"203.0.113.{n + 1}").device for n in range(devices)]
    w.app, _ = w.enroll(w.sign_in(device=known[0]).session if known else w.sign_in().session)
    w.comparisons.clear()
    for number in range(8):
        for n in range(70):
            guess(w, number * 100 + n)
            w.clock.advance(minutes=31)
        w.calls.unlock(UnlockFactor(IDENTIFIER, w.app.code(w.clock())), context=w.context(f"203.0.113.{number + 9}"))
    openings = record(w).openings
    assert len(openings) == 5
    for number, device in enumerate(known):
        for n in range(20):
            guess(w, 5000 + number * 100 + n, device=device)
            w.clock.advance(minutes=16)
    assert len(w.comparisons.evaluated) <= 100
    assert len(w.comparisons.evaluated) == 50 + 5 * 10


def test_many_resets_leave_a_row_of_meters_that_is_bounded(place):
    w = world(policy=SHORT, store=place.open())
    w.sign_up()
    for number in range(80):
        guess(w, number)
        reset(w, f"{PASSWORD} {number}")
        w.clock.advance(DAY * 3)
    assert max(meters for _, meters in place.rows()) <= 64


def test_a_row_that_overflows_keeps_the_month_and_the_present_lane(w):
    compared = 0
    for number in range(80):
        w.clock.advance(minutes=29)
        reset(w, f"{PASSWORD} {number}")
        compared += guess(w, number)
    assert compared == MONTH
    assert tallies(w)[b"password/month"] == MONTH


# --- everywhere, at once ----------------------------------------------------------------------------------------------


def test_an_opening_holds_in_every_process_at_once(place):
    w = world(policy=SHORT, store=place.open())
    w.sign_up()
    here = w.engine
    link = stopped(w)
    w.store = place.open()
    there = w.restart()
    assert isinstance(here.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1")), Refused)
    assert there.unlock(UnlockLink(link), context=w.context("203.0.113.2")) == LockOpened()
    assert isinstance(here.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1")), SignedIn)
    assert here.unlock(UnlockLink(link), context=w.context("203.0.113.2")) == Refused()


def test_of_many_who_open_at_once_one_does(place):
    from concurrent.futures import ThreadPoolExecutor

    w = world(policy=SHORT, store=place.open())
    w.sign_up()
    link = stopped(w)
    engines = [w.engine]
    w.store = place.open()
    engines.append(w.restart())
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(engines[n % 2].unlock, UnlockLink(link), context=w.context()) for n in range(6)]
    outcomes = [one.result() for one in asked]
    assert sum(one == LockOpened() for one in outcomes) == 1, outcomes
    assert len(record(w).openings) == 1


def test_the_async_face_opens_too():
    w = async_world(policy=SHORT)
    try:
        w.sign_up()
        link = stopped(w)
        assert w.calls.inspect_unlock(link, context=w.context()) == UnlockPending(expires(w))
        assert w.calls.unlock(UnlockLink(link), context=w.context()) == LockOpened()
        w.sign_in(address="203.0.113.1")
    finally:
        w.close()


# --- news of it -------------------------------------------------------------------------------------------------------


def told(w):
    return Counter(one.address for one in w.messenger.of(MessagePurpose.GUESSING_STOPPED))


def test_each_opening_brings_an_address_one_more_link(w):
    """Only the owner opens a lane, so no stranger makes a mail of it; and whoever opened one has the next link, within the hour too."""
    w.directory.change("u1", addresses=(IDENTIFIER, "alice@example.net"))
    first = stopped(w)
    assert told(w) == {IDENTIFIER: 1, "alice@example.net": 1}
    assert w.calls.unlock(UnlockLink(first), context=w.context()) == LockOpened()
    assert stop(w, 100, OPEN) == OPEN
    w.deliver()
    assert told(w) == {IDENTIFIER: 2, "alice@example.net": 2}
    assert w.calls.unlock(UnlockLink(first), context=w.context()) == Refused()
    assert w.calls.unlock(UnlockLink(w.messenger.unlock_link), context=w.context()) == LockOpened()


def test_strangers_bring_an_address_one_mail_an_hour_of_what_no_link_opens(w):
    """The lane stops, and the month with it: that is one mail, the rest an observation, and what is seen from outside is the same."""
    w.directory.change("u1", addresses=(IDENTIFIER, "alice@example.net"))
    w.calls.unlock(UnlockLink(stopped(w)), context=w.context())
    assert stop(w, 100, OPEN) == OPEN
    w.deliver()
    w.calls.unlock(UnlockLink(w.messenger.unlock_link), context=w.context())
    assert stop(w, 200, OPEN) == OPEN  # twelve in all: the month as well
    w.deliver()
    assert told(w) == {IDENTIFIER: 3, "alice@example.net": 3}
    withheld = [one.purpose for one in w.sink.observations if isinstance(one, NoticeWithheld)]
    assert withheld == ["guessing-stopped"] * 2


def test_a_month_that_is_used_up_is_news(place):
    """The owner signs in from new browsers meanwhile, so no lane stops: he hears why he is refused, once, and no link would help."""
    w = world(policy=SHORT, store=place.open())
    w.sign_up()
    for number in range(MONTH):
        assert isinstance(w.sign_in(), SignedIn)  # reserves the last of it too, and gives it back: no news
        assert guess(w, number)
        w.clock.advance(minutes=3)
    assert not guess(w, 100)
    w.deliver()
    assert [(one.lane, one.count) for one in w.sink.of(GuessingStopped)] == [("password/month", MONTH)]
    (news,) = w.messenger.of(MessagePurpose.GUESSING_STOPPED)
    assert news.link is None


def test_after_an_hour_there_is_another_one():
    lockout = evolve(SHORT.lockout, month=LockoutPolicy().month)
    w = world(policy=evolve(SHORT, lockout=lockout))
    w.sign_up()
    for number in range(3):
        stop(w, number * 100, STOP if not number else OPEN)
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.GUESSING_STOPPED)) == number + 1
        assert w.calls.unlock(UnlockLink(w.messenger.unlock_link), context=w.context()) == LockOpened()
        w.clock.advance(minutes=68)  # a budget forgets in eighths of its window


def test_who_hangs_up_at_the_last_guess_closes_no_lane_in_silence(monkeypatch):
    """His room lapses, and no later attempt is counted: the news and the link come all the same."""
    w = async_world(policy=SHORT)
    began, end, verify = Event(), Event(), InstrumentedHashing.verify

    def slow(self, stored, password):
        began.set()
        end.wait(10)
        return verify(self, stored, password)

    async def hang_up():
        call = asyncio.ensure_future(w.engine.sign_in(IDENTIFIER, "the last guess", context=w.context("203.0.113.77")))
        assert await asyncio.to_thread(began.wait, 10)
        call.cancel()
        await asyncio.wait([call])
        end.set()
        await asyncio.sleep(0.05)
        return call.cancelled()

    try:
        w.sign_up()
        for number in range(STOP - 1):
            assert guess(w, number)
            w.clock.advance(minutes=3)
        monkeypatch.setattr(InstrumentedHashing, "verify", slow)
        assert w._run(hang_up())
        w.clock.advance(minutes=3)
        assert not guess(w, 100)
        w.deliver()
        assert w.calls.unlock(UnlockLink(w.messenger.unlock_link), context=w.context()) == LockOpened()
        assert len(w.sink.of(GuessingStopped)) == 1
    finally:
        w.close()


def test_a_mail_that_failed_comes_again_and_is_not_counted_twice(w):
    stop(w)
    w.messenger.failure = RuntimeError("down")
    w.deliver()
    w.messenger.failure = None
    w.clock.advance(minutes=5)
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.GUESSING_STOPPED)) == 1
    assert w.messenger.unlock_link


def test_news_that_opens_nothing_takes_no_link_from_the_owner(guarded):
    """Strangers stop the reset code first, whose news has no link; the lane's comes all the same."""
    w = guarded
    handle = w.calls.request_reset(IDENTIFIER, context=w.context("203.0.113.1")).handle
    for number in range(10):
        w.calls.redeem_reset(ResetCode(handle, f"{number:08d}"), "x", context=w.context(f"198.18.8.{number + 1}"))
        w.clock.advance(minutes=17)
        handle = w.calls.request_reset(IDENTIFIER, context=w.context(f"203.0.113.{number + 1}")).handle
    w.deliver()
    stop(w)
    w.deliver()
    links = [bool(one.link) for one in w.messenger.of(MessagePurpose.GUESSING_STOPPED)]
    assert links == [False, True]


def test_what_the_owner_does_himself_is_always_told(w):
    for number in range(3):
        reset(w, f"{PASSWORD} {number}")
        w.deliver()
    assert len(w.messenger.of(MessagePurpose.PASSWORD_CHANGED)) == 3
