"""Time steps: all that are near are looked at, none is accepted twice, and a clock that drifts is followed so far and no further."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st
from tests.mfa.forms import FORMS, INSTANTS, SECRETS, theirs

from acctsec.mfa import MfaPolicy, OtpForm, otp, totp
from acctsec.mfa.proving import Proven, TotpMatch
from acctsec.record import Factors, Totp

CAPS, WINDOWS = st.integers(0, 10), st.integers(0, 3)


def at(step, form):
    return datetime.fromtimestamp(step * form.period.seconds, UTC)


@given(SECRETS, FORMS, INSTANTS, WINDOWS, st.integers(-10, 10), st.integers(-15, 15))
@example(bytes(20), OtpForm(), datetime.fromtimestamp(0, UTC), 1, 0, 0)
def test_a_code_matches_the_steps_around_now_and_the_drift_that_have_it(secret, form, now, window, drift, away):
    """Seen beside a second implementation, step by step."""
    centre = totp.step_of(now, form) + drift
    code = totp.code_at(secret, max(0, centre + away), form)

    found = totp.matching_steps(secret, code, now=now, window=window, form=form, drift=drift)

    near = range(centre - window, centre + window + 1)
    assert found == tuple(step for step in near if near[0] >= 0 and theirs(secret, step, form) == code)
    if abs(away) <= window <= centre:
        assert centre + away in found


@given(SECRETS, FORMS, INSTANTS, WINDOWS, st.sampled_from([2**63, 2**64, -(2**63), 10**30]) | st.integers())
def test_no_drift_whatever_breaks_the_arithmetic(secret, form, now, window, drift):
    """A number that a record or a caller got wrong finds nothing, and raises nothing."""
    code = "0" * form.digits

    assert isinstance(totp.matching_steps(secret, code, now=now, window=window, form=form, drift=drift), tuple)


@given(SECRETS, FORMS, INSTANTS)
def test_every_step_is_computed_for_a_right_code_and_a_wrong_one(secret, form, now):
    """The work tells nobody how near he was."""
    now += timedelta(minutes=10)
    step = totp.step_of(now, form)
    computed = []

    class Counted:
        def generate_otp(self, count):
            computed.append(count)
            return made(count)

    real = otp.generator
    made = real(secret, form).generate_otp
    codes = [made(step - 1), made(step + 1), made(step), "0" * form.digits]
    try:
        otp.generator = lambda secret, form: Counted()
        for code in codes:
            totp.matching_steps(secret, code, now=now, window=1, form=form)
    finally:
        otp.generator = real

    assert computed == [step - 1, step, step + 1] * 4


@given(st.integers(-15, 15) | st.integers(), st.integers(-15, 15) | st.integers(), CAPS)
def test_the_learned_drift_goes_one_step_nearer_and_never_past_the_cap(drift, offset, cap):
    learned = totp.learned(drift, offset=offset, cap=cap)

    assert -cap <= learned <= cap
    if abs(drift) <= cap:
        assert abs(learned - drift) <= 1
        assert abs(learned - offset) <= abs(drift - offset)
        if offset != drift and abs(offset) <= cap:
            assert abs(learned - offset) == abs(drift - offset) - 1
    assert totp.learned(learned, offset=learned, cap=cap) == learned


@given(CAPS, st.integers(1, 3), st.lists(st.integers(-1, 1), max_size=60))
def test_a_clock_that_drifts_slowly_is_followed_as_far_as_the_cap(cap, window, moves):
    """One step between two sign-ins, and a window of one: never lost while within the cap."""
    secret, form, drift, ahead = bytes(20), OtpForm(), 0, 0
    for number, move in enumerate(moves):
        ahead = max(-cap, min(cap, ahead + move))
        step = 50_000_000 + number * 100
        code = totp.code_at(secret, step + ahead, form)

        found = totp.matching_steps(secret, code, now=at(step, form), window=window, form=form, drift=drift)

        assert step + ahead in found
        drift = totp.learned(drift, offset=ahead, cap=cap)
        assert abs(drift - ahead) <= 1


@given(st.lists(st.sampled_from([0, -1]), max_size=60))
def test_who_types_slowly_is_never_locked_out_by_what_is_learned(late):
    """A code of the step before is a slow hand as often as a slow clock (RFC 6238 section 5.2)."""
    drift = 0
    for number, offset in enumerate(late):
        step = 50_000_000 + number * 100
        code = totp.code_at(bytes(20), step + offset)
        assert step + offset in totp.matching_steps(bytes(20), code, now=at(step, otp.CLASSIC), window=1, drift=drift)
        drift = totp.learned(drift, offset=offset, cap=3)


@given(CAPS, WINDOWS, st.lists(st.integers(-8, 8), max_size=40))
def test_no_code_is_accepted_outside_the_cap_and_the_window(cap, window, offsets):
    """What somebody saw over a shoulder is worth that long at most, whatever was accepted in between."""
    drift = 0
    for number, offset in enumerate(offsets):
        step = 50_000_000 + number * 100
        found = totp.matching_steps(
            bytes(20), totp.code_at(bytes(20), step + offset), now=at(step, otp.CLASSIC), window=window, drift=drift
        )
        assert all(abs(one - step) <= cap + window for one in found)
        if found:
            drift = totp.learned(drift, offset=found[-1] - step, cap=cap)


@given(
    secret=SECRETS,
    form=FORMS,
    window=WINDOWS,
    cap=CAPS,
    tries=st.lists(st.tuples(st.integers(-2, 3), st.integers(-12, 12)), max_size=40),
)
def test_m121_m122_accepted_steps_only_go_up_under_any_clock_window_and_drift(secret, form, window, cap, tries):
    """Codes of any steps, typed in any order, ours or the authenticator's clock going back and forth: none works twice."""
    policy, drift, step, accepted, shown = MfaPolicy(), 0, 50_000_000, [], []
    factors = Factors(totp=(Totp(id="one", name="", sealed=b"", created=at(0, form), last_step=-1),))
    for moved, away in tries:
        step += moved
        code = totp.code_at(secret, step + away, form)
        steps = totp.matching_steps(secret, code, now=at(step, form), window=window, form=form, drift=drift)
        proof = policy.prove(factors, TotpMatch("one", steps) if steps else None)
        if isinstance(proof, Proven):
            factors = proof.factors
            accepted.append(factors.totp[0].last_step)
            shown.append(code)
            drift = totp.learned(drift, offset=accepted[-1] - step, cap=cap)

    assert accepted == sorted(set(accepted))
    assert [theirs(secret, one, form) for one in accepted] == shown


def test_m122_a_code_is_not_good_once_more_in_the_next_step():
    """Remembered is the step of the code, not the step it came in."""
    secret, policy = bytes(range(20)), MfaPolicy()
    factors = Factors(totp=(Totp(id="one", name="", sealed=b"", created=at(0, otp.CLASSIC), last_step=-1),))

    def accepted(factors, code, step):
        steps = totp.matching_steps(secret, code, now=at(step, otp.CLASSIC), window=1)
        return policy.prove(factors, TotpMatch("one", steps) if steps else None)

    first = accepted(factors, totp.code_at(secret, 1000), 1000)
    assert isinstance(first, Proven)
    assert not isinstance(accepted(first.factors, totp.code_at(secret, 1000), 1001), Proven)
    second = accepted(first.factors, totp.code_at(secret, 1001), 1001)
    assert isinstance(second, Proven)
    assert not isinstance(accepted(second.factors, totp.code_at(secret, 1000), 1001), Proven)
