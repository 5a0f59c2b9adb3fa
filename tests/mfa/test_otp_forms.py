"""A form is one that authenticators have, and each of its codes has one spelling."""

import base64
import hashlib
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mfa.forms import FORMS, SECRETS, VARIANTS, hostile, theirs

from acctsec import ConfigError
from acctsec.mfa import Algorithm, OtpForm, hotp, otp, totp

VECTORS = Path(__file__).parent.parent / "vectors"
RFC4226, RFC6238 = (json.loads((VECTORS / name).read_text(encoding="utf-8")) for name in ("rfc4226.json", "rfc6238.json"))


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC4226["codes"])))
def test_hotp_gives_the_codes_of_rfc_4226(counter, code):
    secret = bytes.fromhex(RFC4226["secret"])

    assert hotp.code_at(secret, counter) == code
    assert hotp.matching_counter(secret, code, counter=counter, look_ahead=0) == counter


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("row", RFC6238["codes"], ids=lambda row: str(row["seconds"]))
def test_totp_gives_the_codes_of_rfc_6238(row, algorithm):
    """The last two rows are past 2^31 seconds or near it: the counter has 64 bits (section 4.2)."""
    secret, form = bytes.fromhex(RFC6238["secrets"][algorithm]), OtpForm(algorithm=algorithm, digits=8)
    now = datetime.fromtimestamp(row["seconds"], UTC)
    step = totp.step_of(now, form)

    assert totp.code_at(secret, step, form) == row[algorithm]
    assert totp.matching_steps(secret, row[algorithm], now=now, window=0, form=form) == (step,)
    assert len(secret) == form.secret_bytes == getattr(hashlib, algorithm.lower())().digest_size


@given(SECRETS, st.integers(0, otp.LAST_COUNT), FORMS)
def test_codes_are_those_of_pyotp_and_of_cryptography(secret, count, form):
    """Whoever computes them: every hash, number of digits and secret."""
    key = base64.b32encode(secret).decode()
    peer = pyotp.HOTP(key, digits=form.digits, digest=getattr(hashlib, form.algorithm.lower()))

    assert totp.code_at(secret, count, form) == hotp.code_at(secret, count, form) == theirs(secret, count, form)
    assert hotp.code_at(secret, count, form) == peer.at(count)


@given(SECRETS, st.integers(0, 2**40), FORMS)
def test_a_code_of_a_form_has_one_spelling(secret, count, form):
    code = hotp.code_at(secret, count, form)
    now = datetime.fromtimestamp((count % 2**30 + 1) * form.period.seconds, UTC)
    step = totp.step_of(now, form)
    shown = totp.code_at(secret, step, form)

    assert otp.is_code(code, form.digits)
    assert not any(otp.is_code(code, other) for other in {6, 7, 8} - {form.digits})
    for variant in VARIANTS:
        assert not otp.is_code(variant(code), form.digits)
        assert hotp.matching_counter(secret, variant(code), counter=count, look_ahead=2, form=form) is None
        assert totp.matching_steps(secret, variant(shown), now=now, window=1, form=form) == ()


@given(st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.floats()), st.integers(6, 8))
def test_what_is_a_code_is_ascii_digits_of_the_length(given, digits):
    wanted = isinstance(given, str) and len(given) == digits and set(given) <= set("0123456789")

    assert otp.is_code(given, digits) == wanted


@pytest.mark.parametrize(
    "digits",
    hostile(None, True, False, 0, 5, 9, -6, 6.0, math.nan, math.inf, "6", b"6", [6], 2**64, 10**5000, timedelta(seconds=30)),
)
def test_m127_digits_outside_6_to_8_are_refused(digits):
    with pytest.raises(ConfigError) as refused:
        OtpForm(digits=digits)
    assert "from 6 to 8" in refused.value.remedy


@pytest.mark.parametrize(
    "period",
    hostile(
        None,
        30,
        True,
        30.0,
        math.nan,
        "30",
        10**5000,
        timedelta(0),
        timedelta(seconds=-30),
        timedelta(seconds=14, microseconds=999_999),
        timedelta(seconds=60, microseconds=1),
        timedelta(seconds=30, microseconds=1),
        timedelta(days=1, seconds=30),
        timedelta.max,
        timedelta.min,
    ),
)
def test_m127_a_period_outside_15_to_60_whole_seconds_is_refused(period):
    with pytest.raises(ConfigError) as refused:
        OtpForm(period=period)
    assert refused.value.remedy


@pytest.mark.parametrize("algorithm", hostile("SHA1", "MD5", "SHA384", "sha1", "", None, 1, True, 10**5000, hashlib.sha1))
def test_m127_an_algorithm_that_is_no_algorithm_is_refused(algorithm):
    with pytest.raises(ConfigError) as refused:
        OtpForm(algorithm=algorithm)
    assert "Algorithm" in refused.value.remedy


@pytest.mark.parametrize("secret", hostile(b"", bytes(15), bytes(129), bytes(10**6), "a" * 20, bytearray(20), None, 20))
def test_m127_a_secret_that_is_short_or_huge_is_never_shown(secret):
    """And what is wrong with it is said without it."""
    for make in (totp.provisioning_uri, hotp.provisioning_uri):
        with pytest.raises(ConfigError) as refused:
            make(secret, account="ada", issuer="here")
        assert "secret_bytes" in refused.value.remedy
        assert "aaaa" not in str(refused.value)


def test_the_default_form_is_the_one_that_every_app_speaks():
    assert OtpForm() == otp.CLASSIC == OtpForm(algorithm=Algorithm.SHA1, digits=6, period=timedelta(seconds=30))
    assert (totp.DIGITS, totp.PERIOD, totp.SECRET_BYTES) == (6, 30, 20)
