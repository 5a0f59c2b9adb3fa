"""Authenticators of every form and with every clock, through the engine: each step once, only going up (I20)."""

from contextlib import closing
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mfa.forms import SECRETS, VARIANTS
from tests.mfa.otp_stage import (
    Clocked,
    a_racing_world,
    a_world,
    enrolled,
    failures,
    from_started,
    policy,
    record,
    shown,
    ticket,
    verify,
)
from tests.museum.harness import kinds, par
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    ConfigError,
    EnrollmentStarted,
    FactorAdded,
    MemoryStore,
    Policy,
    Refused,
    ResetLink,
    SignedIn,
    TokenRejected,
    TotpCode,
    UnlockFactor,
)
from acctsec.mfa import Algorithm, MfaPolicy, OtpForm, totp
from acctsec.outcomes import UriFlaw
from acctsec.record import MAX_FACTORS
from acctsec.testing import explore
from acctsec.testing.world import IDENTIFIER, world

PERIODS = (15, 30, 45, 60)
FORMS = st.builds(
    OtpForm,
    algorithm=st.sampled_from(Algorithm),
    digits=st.integers(6, 8),
    period=st.sampled_from(PERIODS).map(lambda seconds: timedelta(seconds=seconds)),
)
ODD = OtpForm(algorithm=Algorithm.SHA512, digits=8, period=timedelta(seconds=60))
SECRET = bytes(range(64))
ZEROS = b"zeros" + (1_001_232).to_bytes(15, "big")
"""A secret whose code is all zeros a minute after the clock of a world begins; found by search."""


@pytest.fixture(params=[one if one in USUAL else pytest.param(one, marks=pytest.mark.deep) for one in STORES])
def w(request, places):
    """A world on each kind of store."""
    with closing(places.fresh(request.param)) as place:
        yield a_world(place.open())


# --- forms ------------------------------------------------------------------------------------------------------------


@given(form=FORMS)
@settings(max_examples=40)
def test_apps_are_set_up_in_the_form_of_the_policy_and_answer_in_it(form):
    w = a_world(totp=form)
    started = w.calls.enroll_totp(w.sign_in().session, context=w.context())
    app = from_started(started)
    assert (app.form, len(app.secret)) == (form, form.secret_bytes)
    assert isinstance(w.calls.confirm_factor(started.ticket, app.code(w.clock()), context=w.context()), FactorAdded)
    w.clock.advance(seconds=60)

    assert isinstance(verify(w, app.code(w.clock())), SignedIn)

    (kept,) = record(w).factors.totp
    assert (kept.algorithm, kept.digits, kept.period) == (form.algorithm.value, form.digits, form.period.seconds)


@given(form=FORMS, secret=SECRETS)
@settings(max_examples=40)
def test_a_token_that_came_with_its_secret_answers_in_its_own_form(form, secret):
    w = a_world()
    token = Clocked(secret, form)
    enrolled(w, token)
    assert isinstance(verify(w, token.code(w.clock())), SignedIn)


def test_who_has_another_form_keeps_it_when_the_policy_changes():
    w = a_world()
    app, _ = w.enroll(w.sign_in().session)
    w.restart(policy(totp=ODD))
    assert isinstance(verify(w, app.code(w.clock())), SignedIn)


@pytest.mark.parametrize("seconds", [20, 31, 59])
def test_a_period_in_which_guesses_cannot_be_counted_is_refused(seconds):
    form = OtpForm(period=timedelta(seconds=seconds))
    with pytest.raises(ConfigError, match="period"):
        MfaPolicy(totp=form)
    w = a_world()
    token = Clocked(SECRET[:20], form)
    assert w.calls.enroll_totp(w.sign_in().session, otpauth=token.uri, context=w.context()) == TokenRejected(UriFlaw.FORM)


@pytest.mark.parametrize(
    ("uri", "flaw"),
    [
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=5", UriFlaw.FORM),
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=1000000000", UriFlaw.FORM),
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&period=0", UriFlaw.FORM),
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&period=86400", UriFlaw.FORM),
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=MD5", UriFlaw.FORM),
        ("otpauth://totp/x?secret=GEZDGNBV", UriFlaw.SECRET),
        ("otpauth://totp/x?secret=" + "A" * 900, UriFlaw.SECRET),
        ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0", UriFlaw.SHAPE),
        ("", UriFlaw.SHAPE),
        (b"otpauth://totp/x", UriFlaw.SHAPE),
        (7, UriFlaw.SHAPE),
    ],
)
def test_m127_a_token_with_hostile_parameters_is_not_set_up(uri, flaw):
    w = a_world()
    rejected = w.calls.enroll_totp(w.sign_in().session, otpauth=uri, context=w.context())
    assert rejected == TokenRejected(flaw)
    assert not record(w).factors.live


def test_whoever_may_not_set_one_up_learns_nothing_of_his_uri():
    w = a_world()
    for uri in (None, Clocked(SECRET[:20], OtpForm()).uri, "nonsense"):
        assert w.calls.enroll_totp("no session", otpauth=uri, context=w.context()) == Refused()
        assert w.calls.enroll_hotp("no session", otpauth=uri, context=w.context()) == Refused()


@pytest.mark.parametrize("variant", [pytest.param(one, id=str(number)) for number, one in enumerate(VARIANTS)])
def test_a_code_of_eight_digits_has_one_spelling(variant):
    w = a_world()
    token = Clocked(SECRET, ODD)
    enrolled(w, token)
    code = token.code(w.clock()).code
    assert verify(w, TotpCode(variant(code))) == Refused()
    assert failures(w) in {0, 1}
    assert isinstance(verify(w, TotpCode(code)), SignedIn)


def test_a_code_of_one_length_proves_nothing_of_another():
    """The first six of eight digits are no code, nor are six digits with zeros before them."""
    w = a_world()
    long, short = Clocked(SECRET, ODD), Clocked(SECRET[:20], OtpForm())
    session = enrolled(w, long)
    enrolled(w, short, session=session)
    now = w.clock()
    code, other = long.code(now).code, short.code(now).code
    for typed in (code[:6], code[2:], "00" + other, other + "00"):
        assert verify(w, TotpCode(typed), address="198.18.0.1") == Refused()
    assert isinstance(verify(w, TotpCode(code)), SignedIn)
    assert isinstance(verify(w, TotpCode(other)), SignedIn)


def test_where_zeros_are_right_by_chance_more_of_them_are_not():
    """A code of another length is computed with as zeros; it must not pass for them."""
    w = a_world()
    token = Clocked(ZEROS, OtpForm())
    enrolled(w, token)
    assert token.code(w.clock()).code == "000000"
    for typed in ("0000000", "00000000"):
        assert verify(w, TotpCode(typed)) == Refused()
    assert isinstance(verify(w, TotpCode("000000")), SignedIn)


# --- what is guessed --------------------------------------------------------------------------------------------------


def test_the_same_wrong_code_is_one_guess_in_a_quarter_of_a_minute_and_another_in_the_next():
    w = a_world()
    app, _ = w.enroll(w.sign_in().session)
    wrong = app.wrong(w.clock())
    for expected in (1, 1, 2, 2, 3):
        assert verify(w, wrong) == Refused()
        assert failures(w) == expected
        w.clock.advance(seconds=8)


@given(form=FORMS, at=st.integers(0, 10**6), code=st.integers(0, 10**6 - 1))
@settings(max_examples=200)
def test_within_one_grain_no_code_comes_up_and_none_goes(form, at, code):
    """So who repeats a guess for free repeats the very same guess, whatever the period."""
    w = a_world()
    begin = w.clock() + timedelta(seconds=at)
    begin -= timedelta(seconds=int(begin.timestamp()) % 15, microseconds=begin.microsecond)
    end = begin + timedelta(seconds=14, microseconds=999_999)
    typed = f"{code:0{form.digits}d}"
    ours = [totp.matching_steps(SECRET, typed, now=one, window=1, form=form) for one in (begin, end)]
    assert ours[0] == ours[1]


def test_neither_the_number_nor_the_forms_of_authenticators_show_in_the_work_of_an_unlock(monkeypatch):
    """Codes are computed with each hash as often for nobody, for one app and for as many mixed ones as may be."""
    done = []

    def counted(secret, code, *, now, window, form, drift=0):
        done.append((form.algorithm, len(secret) > 0))
        return real(secret, code, now=now, window=window, form=form, drift=drift)

    real = totp.matching_steps
    monkeypatch.setattr(totp, "matching_steps", counted)
    seen = []
    for number in (0, 1, MAX_FACTORS):
        w = a_world()
        session = w.sign_in().session
        for one in range(number):
            form = OtpForm(algorithm=list(Algorithm)[one % 3], digits=6 + one % 3)
            session = enrolled(w, Clocked(SECRET[one : one + 20], form), session=session)
        for name in (IDENTIFIER, "nobody@example.org"):
            done.clear()
            w.calls.unlock(UnlockFactor(name, TotpCode("123456")), context=w.context())
            seen.append(sorted(map(repr, done)))
    assert all(one == seen[0] for one in seen)
    assert len(seen[0]) == 3 * MAX_FACTORS


def test_digits_and_window_are_counted_in_what_luck_a_guesser_has():
    with pytest.raises(ConfigError, match="an app's code"):
        Policy(lockout=_codes(40), mfa=MfaPolicy(window=1))
    # More digits of new ones help no guesser to fewer tries: older ones have six.
    with pytest.raises(ConfigError, match="an app's code"):
        Policy(lockout=_codes(40), mfa=MfaPolicy(window=1, totp=OtpForm(digits=8)))
    # Nor does a drift make a guess any easier.
    Policy(lockout=_codes(33), mfa=MfaPolicy(window=1, drift=10))


def _codes(stop):
    return evolve(CHEAPEST.lockout, codes=evolve(CHEAPEST.lockout.codes, stop=stop))


# --- drift ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [-1, 1])
def test_a_clock_that_goes_off_by_a_step_between_sign_ins_is_followed_to_the_cap_and_no_further(way):
    w = a_world(drift=2)
    token = Clocked(SECRET[:20], OtpForm())
    enrolled(w, token)
    offs = []
    for _ in range(3):
        token.seconds += way * 30
        w.clock.advance(seconds=90)
        assert isinstance(verify(w, token.code(w.clock())), SignedIn)
        offs.append(record(w).factors.totp[0].drift)
    assert offs == [way, 2 * way, 2 * way]
    token.seconds += way * 30
    w.clock.advance(seconds=90)
    assert verify(w, token.code(w.clock())) == Refused()


def test_without_drift_a_clock_two_steps_off_is_lost():
    w = a_world(drift=0)
    token = Clocked(SECRET[:20], OtpForm())
    enrolled(w, token)
    token.seconds = 30
    assert isinstance(verify(w, token.code(w.clock())), SignedIn)
    assert record(w).factors.totp[0].drift == 0
    token.seconds = 60
    w.clock.advance(seconds=90)
    assert verify(w, token.code(w.clock())) == Refused()


def test_a_cap_that_was_lowered_holds_for_what_was_learned_before():
    w = a_world(drift=5)
    token = Clocked(SECRET[:20], OtpForm())
    enrolled(w, token)
    for off in range(30, 151, 30):
        token.seconds = off
        w.clock.advance(seconds=90)
        assert isinstance(verify(w, token.code(w.clock())), SignedIn)
    assert record(w).factors.totp[0].drift == 5
    w.restart(policy(drift=1))
    w.clock.advance(seconds=180)
    assert verify(w, token.code(w.clock())) == Refused()
    token.seconds = 60
    w.clock.advance(seconds=180)
    assert isinstance(verify(w, token.code(w.clock())), SignedIn)
    assert record(w).factors.totp[0].drift == 1


def test_the_first_code_already_tells_of_a_clock_that_is_off():
    w = a_world()
    token = Clocked(SECRET[:20], OtpForm(), seconds=30)
    enrolled(w, token)
    assert record(w).factors.totp[0].drift == 1


# --- each step once, only going up (I20) ------------------------------------------------------------------------------


class Nodes:
    """One store and two engines whose clocks are 60 seconds apart, and a token with a clock of its own."""

    def __init__(self, form, drift, window):
        self.store = MemoryStore()
        self.first = a_world(self.store, drift=drift, window=window)
        self.second = world(policy=self.first.policy, store=self.store, outside={"toy": self.first.toy})
        self.second.directory, self.second.keyring = self.first.directory, self.first.keyring
        self.second.restart()
        self.token = Clocked(SECRET, form)
        enrolled(self.first, self.token)
        self.second.clock.advance(seconds=120)  # of which the other took 60 to enrol
        self.codes: list[TotpCode] = []
        self.steps: list[int] = [record(self.first).factors.totp[0].last_step]

    def clocks(self, seconds):
        for node in (self.first, self.second):
            node.clock.advance(seconds=seconds)


@given(
    form=FORMS,
    drift=st.integers(0, 10),
    window=st.integers(0, 1),
    moves=st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.integers(0, 200)),
            st.tuples(st.just("set back"), st.integers(1, 200)),
            st.tuples(st.just("token off"), st.integers(-120, 120)),
            st.tuples(st.just("type"), st.tuples(st.booleans(), st.integers(-3, 3))),
            st.tuples(st.just("replay"), st.tuples(st.booleans(), st.integers(0, 30))),
        ),
        min_size=4,
        max_size=20,
    ),
)
@settings(max_examples=60)
def test_i20_steps_only_go_up_on_two_nodes_whatever_clocks_do(form, drift, window, moves):
    nodes = Nodes(form, drift, window)
    used = set()
    for move, by in moves:
        if move == "wait":
            nodes.clocks(by)
        elif move == "set back":
            nodes.clocks(-by)
        elif move == "token off":
            nodes.token.seconds = by
        else:
            node = nodes.first if by[0] else nodes.second
            if move == "replay" and not nodes.codes:
                continue
            code = nodes.codes[by[1] % len(nodes.codes)] if move == "replay" else nodes.token.code(node.clock(), step=by[1])
            nodes.codes.append(code)
            node.calls.admin.unlock("u1", actor="test")
            outcome = verify(node, code, address="203.0.113.9")
            last = record(node).factors.totp[0].last_step
            if isinstance(outcome, SignedIn):
                assert last > nodes.steps[-1]
                assert totp.code_at(SECRET, last, form) == code.code
                assert last not in used
                used.add(last)
                ours = totp.step_of(node.clock(), form)
                assert abs(last - ours) <= drift + window, "an older code than cap and window together let through"
                nodes.steps.append(last)
            else:
                assert last == nodes.steps[-1]
            assert abs(record(node).factors.totp[0].drift) <= drift


def test_m121_m122_a_code_works_once_in_every_form_and_at_every_drift(w):
    token = Clocked(SECRET, ODD, seconds=-60)
    enrolled(w, token)
    token.seconds = -120
    w.clock.advance(seconds=180)
    code, earlier = token.code(w.clock()), token.code(w.clock(), step=-1)
    assert isinstance(verify(w, code), SignedIn)
    for moved in (0, 60, 60):
        w.clock.advance(seconds=moved)
        assert verify(w, code, address="198.18.0.1") == Refused()
        assert verify(w, earlier, address="198.18.0.2") == Refused()


def test_a_code_that_was_used_is_a_wrong_one_and_counts():
    w = a_world()
    token = Clocked(SECRET, ODD)
    enrolled(w, token)
    code = token.code(w.clock())
    assert isinstance(verify(w, code), SignedIn)
    w.clock.advance(seconds=30)
    assert verify(w, code) == Refused()
    assert failures(w) == 1


def test_m124_one_code_on_eight_tickets_at_once_is_accepted_once_on_every_store(w):
    token = Clocked(SECRET, ODD)
    enrolled(w, token)
    tickets, code = [ticket(w, f"198.18.0.{n}") for n in range(1, 9)], token.code(w.clock())

    outcomes = par(*(lambda n=n, t=t: verify(w, code, on=t, address=f"198.18.0.{n}") for n, t in enumerate(tickets, 1)))

    assert kinds(outcomes)["SignedIn"] == 1
    assert set(kinds(outcomes)) <= {"SignedIn", "Refused", "TryAgain"}


def test_in_every_order_a_code_and_the_one_before_it_are_accepted_at_most_in_turn():
    """Two nodes, two tickets, codes of neighbouring steps: never the older one after the newer, and the newer one always."""

    def make():
        w = a_racing_world()
        w.token = Clocked(SECRET[:20], OtpForm())
        enrolled(w, w.token)
        w.tickets = [ticket(w) for _ in range(2)]
        w.before = record(w).factors.totp[0].last_step
        return w

    def flows(w):
        codes = [w.token.code(w.clock(), step=step) for step in (-1, 0)]
        return [w.engine.verify_factor(one, code, context=w.context()) for one, code in zip(w.tickets, codes, strict=True)]

    def check(w, answers):
        newest = w.token.step(w.clock())
        assert record(w).factors.totp[0].last_step == newest
        assert isinstance(answers[1], SignedIn), answers

    assert explore(make, flows, check).schedules > 1


def test_a_reset_is_guarded_by_a_token_of_any_form(w):
    token = Clocked(SECRET, ODD)
    enrolled(w, token)
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "violet staple under the harbour 63", context=w.context())
    assert [one.method for one in due.factors] == ["totp"]
    assert type(verify(w, shown(w, token), on=due.ticket)).__name__ == "ProofAccepted"


def test_nothing_of_a_token_is_shown_or_stored_in_the_clear(places):
    with closing(places.fresh("sqlite")) as place:
        w = a_world(place.open())
        token = Clocked(SECRET, ODD)
        started = w.calls.enroll_totp(w.sign_in().session, otpauth=token.uri, context=w.context())
        assert isinstance(started, EnrollmentStarted)
        w.calls.confirm_factor(started.ticket, token.code(w.clock()), context=w.context())
        assert SECRET not in place.dump()
        assert SECRET[:16] not in place.dump()
        assert SECRET.hex()[:16] not in repr(started)
