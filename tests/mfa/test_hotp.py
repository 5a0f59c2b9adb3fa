"""A counter only goes up, and is found again as far as a span."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.mfa.forms import FORMS, SECRETS, hostile, theirs

from acctsec import ConfigError
from acctsec.mfa import hotp, otp

COUNTERS, AHEAD = st.integers(0, otp.LAST_COUNT), st.integers(0, 12)


@given(SECRETS, FORMS, COUNTERS, AHEAD, st.integers(-3, 15))
def test_a_code_matches_the_last_counter_ahead_that_has_it(secret, form, counter, ahead, away):
    """Seen beside a second implementation, counter by counter; never one below."""
    assume(counter + away >= 0)
    code = hotp.code_at(secret, counter + away, form)

    found = hotp.matching_counter(secret, code, counter=counter, look_ahead=ahead, form=form)

    having = [one for one in range(counter, counter + ahead + 1) if theirs(secret, one, form) == code]
    assert found == (having[-1] if having else None)
    if 0 <= away <= ahead:
        assert found is not None and found >= counter + away


@given(SECRETS, FORMS, st.integers(0, 2**40), AHEAD, st.lists(st.integers(0, 30), max_size=30))
def test_no_code_works_twice_and_the_counter_only_goes_up(secret, form, counter, ahead, presses):
    """Codes typed in any order, earlier ones again and again."""
    begun, accepted = counter, []
    for press in presses:
        code = hotp.code_at(secret, begun + press, form)
        found = hotp.matching_counter(secret, code, counter=counter, look_ahead=ahead, form=form)
        if found is not None:
            accepted.append(found)
            counter = found + 1
            assert hotp.matching_counter(secret, code, counter=counter, look_ahead=0, form=form) != found

    assert accepted == sorted(set(accepted))


@given(SECRETS, FORMS, COUNTERS, st.integers(0, 100), st.integers(-3, 110), st.integers(-2, 2))
def test_two_codes_in_a_row_find_the_counter_and_others_do_not(secret, form, counter, span, away, apart):
    assume(counter + min(away, away + apart) >= 0)
    first, second = (hotp.code_at(secret, one, form) for one in (counter + away, counter + away + apart))

    found = hotp.resynchronised(secret, first, second, counter=counter, span=span, form=form)

    shown = [theirs(secret, one, form) for one in range(counter, counter + span + 1)]
    pairs = [at + 1 for at in range(span) if (shown[at], shown[at + 1]) == (first, second)]
    assert found == (counter + pairs[-1] if pairs else None)
    if apart == 1 and 0 <= away < span:
        assert found == counter + away + 1 or len(pairs) > 1


def test_a_token_pressed_too_often_is_found_again_and_goes_on():
    """From lost, by two codes in a row, to the next one as if nothing had been (RFC 4226 section 7.4)."""
    secret, counter = bytes(range(20)), 10
    code = [hotp.code_at(secret, 70 + one) for one in range(3)]
    assert hotp.matching_counter(secret, code[0], counter=counter, look_ahead=10) is None

    found = hotp.resynchronised(secret, code[0], code[1], counter=counter, span=100)

    assert found == 71
    assert hotp.resynchronised(secret, code[0], code[1], counter=found + 1, span=100) is None
    assert hotp.matching_counter(secret, code[1], counter=found + 1, look_ahead=10) is None
    assert hotp.matching_counter(secret, code[2], counter=found + 1, look_ahead=0) == 72


def test_a_code_that_two_counters_share_is_used_up_with_the_later_one():
    """Or whoever saw it typed could type it again."""
    secret, counter, later = shared_code()
    code = hotp.code_at(secret, counter)

    found = hotp.matching_counter(secret, code, counter=counter, look_ahead=100)

    assert found == later
    assert hotp.matching_counter(secret, code, counter=found + 1, look_ahead=0) is None


def shared_code():
    """A secret, and two counters within a hundred that have one code."""
    secret, seen = bytes(range(20)), {}
    for counter in range(100_000):
        code = hotp.code_at(secret, counter)
        if counter - seen.get(code, -1_000) <= 100:
            return secret, seen[code], counter
        seen[code] = counter
    raise AssertionError


@pytest.mark.parametrize("place", ["right at once", "right at the end", "wrong"])
def test_every_counter_is_computed_whatever_the_code(monkeypatch, place):
    secret, computed = bytes(range(20)), []
    first = {"right at once": 5, "right at the end": 104, "wrong": 300}[place]
    codes = [hotp.code_at(secret, first), hotp.code_at(secret, first + 1)]
    made = otp.generator(secret, otp.CLASSIC).generate_otp

    class Counted:
        def generate_otp(self, count):
            computed.append(count)
            return made(count)

    monkeypatch.setattr(otp, "generator", lambda secret, form: Counted())
    hotp.matching_counter(secret, codes[0], counter=5, look_ahead=99)
    hotp.resynchronised(secret, *codes, counter=5, span=99)

    assert computed == [*range(5, 105)] * 2


@pytest.mark.parametrize("wrong", hostile(-1, True, None, 1.0, math.nan, "1", 2**63, 10**5000, 101))
def test_counters_and_spans_out_of_bounds_are_refused(wrong):
    """A hundred codes is what one request may cost."""
    secret = bytes(20)
    with pytest.raises(ConfigError) as refused:
        hotp.matching_counter(secret, "123456", counter=0, look_ahead=wrong)
    assert "0 to 100" in refused.value.remedy
    with pytest.raises(ConfigError):
        hotp.resynchronised(secret, "123456", "123456", counter=0, span=wrong)
    if wrong != 101:
        with pytest.raises(ConfigError):
            hotp.matching_counter(secret, "123456", counter=wrong, look_ahead=0)
        with pytest.raises(ConfigError):
            hotp.provisioning_uri(secret, account="ada", issuer="here", counter=wrong)


def test_the_last_counter_of_all_can_be_looked_past():
    """Eight bytes hold it and a hundred more."""
    code = hotp.code_at(bytes(20), otp.LAST_COUNT)

    assert hotp.matching_counter(bytes(20), code, counter=otp.LAST_COUNT, look_ahead=100) == otp.LAST_COUNT
