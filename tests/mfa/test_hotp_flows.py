"""Tokens with a button, through the engine: the counter only goes up, whoever answers at once (RFC 4226)."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mfa.forms import SECRETS, VARIANTS
from tests.mfa.otp_stage import (
    Counting,
    a_racing_world,
    a_world,
    enrolled,
    failures,
    from_started,
    record,
    ticket,
    verify,
)
from tests.museum.harness import kinds, par
from tests.places import STORES, USUAL

from acctsec import (
    ConfigError,
    EnrollmentStarted,
    FactorAdded,
    HotpCode,
    MfaPolicy,
    Policy,
    ProofAccepted,
    Refused,
    ResetLink,
    SignedIn,
    TokenRejected,
    TotpCode,
)
from acctsec._values import evolve
from acctsec.assurance import Method
from acctsec.mfa import Algorithm, OtpForm, hotp
from acctsec.mfa.hotp import HotpPolicy
from acctsec.mfa.otp import LAST_COUNT
from acctsec.mfa.proving import HotpMatch, Proven, Unproven
from acctsec.outcomes import AssuranceLevel, FactorKind, UriFlaw
from acctsec.record import Factors, Hotp
from acctsec.testing import explore
from acctsec.testing.world import world

SECRET = bytes(range(20))
FORMS = st.builds(OtpForm, algorithm=st.sampled_from(Algorithm), digits=st.integers(6, 8))


@pytest.fixture(params=[one if one in USUAL else pytest.param(one, marks=pytest.mark.deep) for one in STORES])
def w(request, places):
    """A world on each kind of store."""
    with closing(places.fresh(request.param)) as place:
        yield a_world(place.open())


def counter(w):
    return record(w).factors.hotp[0].counter


# --- setting up -------------------------------------------------------------------------------------------------------


@given(form=FORMS, secret=SECRETS, start=st.integers(0, LAST_COUNT - 1000))
@settings(max_examples=40)
def test_a_token_is_set_up_from_its_uri_and_goes_on_from_its_counter(form, secret, start):
    w = a_world()
    token = Counting(secret, start, form)
    enrolled(w, token)
    assert counter(w) == start + 1
    signed_in = verify(w, token.press())
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.info.level, counter(w)) == (AssuranceLevel.AAL2, start + 2)
    assert Method.HOTP in signed_in.info.methods


@given(form=FORMS)
@settings(max_examples=20)
def test_an_app_that_counts_is_set_up_with_a_secret_of_ours(form):
    w = a_world(hotp=HotpPolicy(form=form))
    started = w.calls.enroll_hotp(w.sign_in().session, name="counting", context=w.context())
    app = from_started(started)
    assert (app.form.digits, app.form.algorithm, app.counter, len(app.secret)) == (
        form.digits,
        form.algorithm,
        0,
        form.secret_bytes,
    )
    assert isinstance(w.calls.confirm_factor(started.ticket, app.press(), context=w.context()), FactorAdded)
    assert isinstance(verify(w, app.press()), SignedIn)


def test_nobody_sets_up_a_token_where_the_policy_does_not_name_them():
    w = world()
    w.sign_up()
    assert FactorKind.HOTP not in w.policy.mfa.kinds
    uri = Counting(SECRET).uri
    assert w.calls.enroll_hotp(w.sign_in().session, otpauth=uri, context=w.context()) == Refused()


@pytest.mark.parametrize(
    ("uri", "flaw"),
    [
        ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", UriFlaw.COUNTER),
        ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=-1", UriFlaw.COUNTER),
        ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=9223372036854775808", UriFlaw.COUNTER),
        ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0&digits=9", UriFlaw.FORM),
        ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0&period=30", UriFlaw.PARAMETER),
        ("otpauth://hotp/x?secret=GE&counter=0", UriFlaw.SECRET),
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", UriFlaw.SHAPE),
        (7, UriFlaw.SHAPE),
    ],
)
def test_m127_a_token_with_hostile_parameters_is_not_set_up(uri, flaw):
    w = a_world()
    assert w.calls.enroll_hotp(w.sign_in().session, otpauth=uri, context=w.context()) == TokenRejected(flaw)
    assert not record(w).factors.live


def test_a_token_that_was_pressed_in_a_drawer_is_confirmed_by_two_codes():
    w = a_world()
    token = Counting(SECRET)
    started = w.calls.enroll_hotp(w.sign_in().session, otpauth=token.uri, context=w.context())
    assert isinstance(started, EnrollmentStarted)
    token.press(30)
    assert w.calls.confirm_factor(started.ticket, token.press(), context=w.context()) == Refused()
    assert isinstance(w.calls.confirm_factor(started.ticket, token.two(), context=w.context()), FactorAdded)
    assert counter(w) == token.counter


# --- proving ----------------------------------------------------------------------------------------------------------


def test_a_code_works_once_and_those_before_it_never_on_every_store(w):
    token = Counting(SECRET)
    enrolled(w, token)
    skipped, code = token.press(), token.press()
    assert isinstance(verify(w, code), SignedIn)
    for old in (code, skipped):
        assert verify(w, old, address="198.18.0.1") == Refused()
    w.clock.advance(days=2)
    for old in (code, skipped):
        assert verify(w, old, address="198.18.0.2") == Refused()
    assert isinstance(verify(w, token.press()), SignedIn)


@pytest.mark.parametrize("look_ahead", [0, 1, 4])
def test_so_many_presses_for_nothing_are_forgiven_and_one_more_is_not(look_ahead):
    for pressed in (look_ahead, look_ahead + 1):
        w = a_world(hotp=HotpPolicy(look_ahead=look_ahead))
        token = Counting(SECRET)
        enrolled(w, token)
        token.press(pressed) if pressed else None
        outcome = verify(w, token.press())
        assert isinstance(outcome, SignedIn if pressed == look_ahead else Refused)


def test_two_codes_in_a_row_bring_the_counters_together_within_the_span_on_every_store(w):
    token = Counting(SECRET)
    enrolled(w, token)
    token.press(40)
    two = token.two()
    assert verify(w, HotpCode(two.code), address="198.18.0.1") == Refused()
    assert verify(w, HotpCode(two.next, two.code), address="198.18.0.2") == Refused()
    assert isinstance(verify(w, two), SignedIn)
    assert counter(w) == token.counter
    w.clock.advance(seconds=30)
    assert verify(w, two, address="198.18.0.3") == Refused()
    assert verify(w, HotpCode(two.next), address="198.18.0.4") == Refused()
    assert isinstance(verify(w, token.press()), SignedIn)


def test_beyond_the_span_two_codes_are_no_proof():
    w = a_world(hotp=HotpPolicy(span=10))
    token = Counting(SECRET)
    enrolled(w, token)
    token.press(10)
    assert verify(w, token.two()) == Refused()


@pytest.mark.parametrize("variant", [pytest.param(one, id=str(number)) for number, one in enumerate(VARIANTS)])
def test_a_code_has_one_spelling(variant):
    w = a_world()
    token = Counting(SECRET)
    enrolled(w, token)
    first, second = token.press().code, token.press().code
    assert verify(w, HotpCode(variant(first))) == Refused()
    assert verify(w, HotpCode(first, variant(second))) == Refused()
    assert isinstance(verify(w, HotpCode(first, second)), SignedIn)


def test_a_code_of_one_kind_proves_no_other():
    w = a_world()
    token = Counting(SECRET)
    enrolled(w, token)
    code = token.press().code
    assert verify(w, TotpCode(code)) == Refused()
    assert isinstance(verify(w, HotpCode(code)), SignedIn)


def test_a_wrong_code_is_one_guess_each_quarter_of_a_minute():
    """Between two of them the owner may have pressed his button, and other codes are right."""
    w = a_world()
    token = Counting(SECRET)
    enrolled(w, token)
    right = {hotp.code_at(SECRET, one) for one in range(20)}
    wrong = HotpCode(next(code for code in map("{:06d}".format, range(100)) if code not in right))
    for expected in (1, 1, 2):
        assert verify(w, wrong) == Refused()
        assert failures(w) == expected
        w.clock.advance(seconds=8)


def test_a_token_at_its_end_proves_nothing_and_breaks_nothing():
    w = a_world()
    token = Counting(SECRET, LAST_COUNT - 1)
    enrolled(w, token)
    assert isinstance(verify(w, token.press()), SignedIn)
    assert counter(w) == LAST_COUNT + 1
    assert verify(w, token.press()) == Refused()


def test_a_token_that_was_reported_lost_proves_nothing():
    w = a_world()
    token = Counting(SECRET)
    enrolled(w, token)
    factors = record(w).factors
    lost = factors.with_factor(evolve(factors.hotp[0], reported="lost"))
    assert isinstance(HotpMatch(factors.hotp[0].id, 5).use(lost), Unproven)


@given(start=st.integers(0, 50), counters=st.lists(st.integers(0, 60), max_size=20))
def test_whatever_is_accepted_in_whatever_order_the_counter_only_goes_up(start, counters):
    one = Hotp(id="x", name="", sealed=b"", created=datetime(2027, 1, 1, tzinfo=UTC), counter=start)
    factors, used = Factors(hotp=(one,)), []
    for each in counters:
        before = factors.hotp[0].counter
        done = HotpMatch("x", each).use(factors)
        if isinstance(done, Proven):
            factors = done.factors
            used.append(each)
            assert factors.hotp[0].counter == each + 1 > before
        else:
            assert each < before
    assert used == sorted(set(used))


# --- at once ----------------------------------------------------------------------------------------------------------


def test_one_code_on_eight_tickets_at_once_is_accepted_once_on_every_store(w):
    token = Counting(SECRET)
    enrolled(w, token)
    tickets, code = [ticket(w, f"198.18.0.{n}") for n in range(1, 9)], token.press()

    outcomes = par(*(lambda n=n, t=t: verify(w, code, on=t, address=f"198.18.0.{n}") for n, t in enumerate(tickets, 1)))

    assert kinds(outcomes)["SignedIn"] == 1
    assert set(kinds(outcomes)) <= {"SignedIn", "Refused", "TryAgain"}
    assert counter(w) == token.counter


def a_pair(*, codes):
    def make():
        w = a_racing_world()
        w.token = Counting(SECRET)
        enrolled(w, w.token)
        w.tickets = [ticket(w) for _ in range(2)]
        w.typed = codes(w.token)
        return w

    def flows(w):
        return [w.engine.verify_factor(one, code, context=w.context()) for one, code in zip(w.tickets, w.typed, strict=True)]

    return make, flows


def test_in_every_order_one_code_typed_twice_signs_in_once():
    def check(w, answers):
        assert sum(isinstance(one, SignedIn) for one in answers) == 1, answers
        assert counter(w) == w.token.counter

    make, flows = a_pair(codes=lambda token: [token.press()] * 2)
    assert explore(make, flows, check).schedules > 1


def test_in_every_order_the_newer_of_two_codes_signs_in_and_the_counter_ends_above_it():
    def check(w, answers):
        assert isinstance(answers[1], SignedIn), answers
        assert counter(w) == w.token.counter

    make, flows = a_pair(codes=lambda token: [token.press(), token.press()])
    assert explore(make, flows, check).schedules > 1


# --- around it --------------------------------------------------------------------------------------------------------


def test_a_token_guards_a_reset_and_is_a_second_factor_there(w):
    token = Counting(SECRET)
    enrolled(w, token)
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "violet staple under the harbour 63", context=w.context())
    assert [one.method for one in due.factors] == ["hotp"]
    assert isinstance(verify(w, token.press(), on=due.ticket), ProofAccepted)


def test_as_many_codes_as_are_right_at_once_are_counted_in_what_luck_a_guesser_has():
    kinds_ = {FactorKind.TOTP, FactorKind.HOTP}
    Policy(mfa=MfaPolicy(kinds=kinds_, hotp=HotpPolicy(look_ahead=9)))
    with pytest.raises(ConfigError, match="a token's code"):
        Policy(mfa=MfaPolicy(kinds=kinds_, hotp=HotpPolicy(look_ahead=10)))
    Policy(mfa=MfaPolicy(hotp=HotpPolicy(look_ahead=10)))  # there are none


@pytest.mark.parametrize("knobs", [{"look_ahead": 11}, {"look_ahead": -1}, {"look_ahead": True}, {"span": 101}, {"span": 9}])
def test_what_no_policy_should_say_is_refused(knobs):
    with pytest.raises(ConfigError):
        HotpPolicy(**knobs)
