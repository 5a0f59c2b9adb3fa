"""A provisioning URI is read as it was meant, or refused: never half, never with an exception."""

import base64
from datetime import timedelta
from urllib.parse import quote

import pyotp
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.mfa.forms import FORMS, SECRETS

from acctsec.mfa import Algorithm, OtpForm, hotp, otp, totp
from acctsec.mfa.provisioning import MAX_CHARACTERS, OtpKind, Provisioning, UnreadableUri, UriFlaw, read_uri

KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SECRET = b"12345678901234567890"
GOOD = f"otpauth://totp/Example:ada%40example.org?secret={KEY}&issuer=Example"
COUNTING = f"otpauth://hotp/Example:ada?secret={KEY}&issuer=Example&counter=7"
NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=20)


@given(SECRETS, FORMS, NAMES, NAMES)
def test_what_is_written_for_an_app_is_read_the_same(secret, form, account, issuer):
    written = totp.provisioning_uri(secret, account=account, issuer=issuer, form=form)
    assume(len(written) <= MAX_CHARACTERS)

    assert read_uri(written) == Provisioning(
        kind=OtpKind.TOTP, secret=secret, form=form, counter=0, issuer=issuer, account=account
    )


@given(SECRETS, st.sampled_from(Algorithm), st.integers(6, 8), NAMES, NAMES, st.integers(0, otp.LAST_COUNT))
def test_what_is_written_for_a_token_is_read_the_same(secret, algorithm, digits, account, issuer, counter):
    form = OtpForm(algorithm=algorithm, digits=digits)
    written = hotp.provisioning_uri(secret, account=account, issuer=issuer, counter=counter, form=form)
    assume(len(written) <= MAX_CHARACTERS)

    assert read_uri(written) == Provisioning(
        kind=OtpKind.HOTP, secret=secret, form=form, counter=counter, issuer=issuer, account=account
    )


@given(SECRETS, FORMS)
def test_a_uri_says_only_what_an_app_does_not_expect(secret, form):
    """Many apps ignore what they do not expect, and some refuse the picture."""
    written = totp.provisioning_uri(secret, account="ada", issuer="here", form=form)

    said = {part.partition("=")[0] for part in written.partition("?")[2].split("&")}
    different = {"algorithm": form.algorithm != Algorithm.SHA1, "digits": form.digits != 6, "period": form.period.seconds != 30}
    assert said == {"secret", "issuer", *(name for name, is_so in different.items() if is_so)}
    assert "%3D" not in written and "==" not in written


@given(SECRETS, FORMS)
def test_pyotp_reads_what_is_written_and_shows_the_same_codes(secret, form):
    read = pyotp.parse_uri(totp.provisioning_uri(secret, account="ada", issuer="here", form=form))

    assert read.generate_otp(1_000) == totp.code_at(secret, 1_000, form)
    assert (read.interval, read.digits, read.name, read.issuer) == (form.period.seconds, form.digits, "ada", "here")
    token = pyotp.parse_uri(hotp.provisioning_uri(secret, account="ada", issuer="here", counter=3, form=form))
    assert token.at(4) == hotp.code_at(secret, 7, form)


def test_the_key_is_typed_as_it_is_read():
    assert totp.key_text(SECRET).replace(" ", "") == KEY
    assert totp.key_text(bytes(32)).split(" ")[-1] == "AAAA"
    assert "=" not in totp.key_text(bytes(64))


@pytest.mark.parametrize(
    ("text", "issuer", "account"),
    [
        (GOOD, "Example", "ada@example.org"),
        (GOOD.replace(KEY, KEY.lower()), "Example", "ada@example.org"),
        (GOOD.replace("Example:", "Example%3A%20"), "Example", "ada@example.org"),
        (GOOD.replace("&issuer=Example", ""), "Example", "ada@example.org"),
        (GOOD.replace("Example:", ""), "Example", "ada@example.org"),
        (f"otpauth://totp/ada?secret={KEY}", "", "ada"),
        (f"otpauth://totp/My%20Club:ada+tag?secret={KEY}&issuer=My+Club", "My Club", "ada+tag"),
        (GOOD + "&digits=6&algorithm=SHA1&period=30&image=https%3A%2F%2Fexample.org%2Fa.png", "Example", "ada@example.org"),
        (f"otpauth://totp/{quote('例')}:{quote('张伟')}?issuer={quote('例')}&secret={KEY}", "例", "张伟"),
    ],
)
def test_other_peoples_uris_are_read(text, issuer, account):
    """As apps and services write them: order, case of the key, colon and spaces differ."""
    assert read_uri(text) == Provisioning(
        kind=OtpKind.TOTP, secret=SECRET, form=OtpForm(), counter=0, issuer=issuer, account=account
    )


def test_padding_is_there_in_full_or_not_at_all():
    key = base64.b32encode(bytes(32)).decode()
    uri = f"otpauth://totp/ada?secret={key}"
    for text in (uri, uri.replace("=" * 4, "%3D" * 4), uri.rstrip("=")):
        assert read_uri(text).secret == bytes(32)
    for text in (uri[:-1], uri + "=", GOOD.replace(KEY, KEY + "=" * 8)):
        assert read_uri(text) == UnreadableUri(UriFlaw.SECRET)


@pytest.mark.parametrize(
    ("flaw", "text"),
    [
        *[
            (UriFlaw.SHAPE, text)
            for text in (
                None,
                b"otpauth://totp/a?secret=" + KEY.encode(),
                7,
                "",
                KEY,
                " " + GOOD,
                GOOD + "\n",
                GOOD.replace("otpauth", "http"),
                GOOD.replace("totp", "TOTP"),
                GOOD.replace("totp", "steam"),
                GOOD.replace("totp/", "totp@evil/"),
                GOOD + "#fragment",
                GOOD.partition("?")[0],
                f"otpauth://totp/?secret={KEY}",
                GOOD.replace("ada", "ád"),
                GOOD + "&image=" + "a" * MAX_CHARACTERS,
            )
        ],
        *[
            (UriFlaw.LABEL, text)
            for text in (
                GOOD.replace("issuer=Example", "issuer=Other"),
                GOOD.replace("Example:ada", "a:b:c"),
                GOOD.replace("Example:", "%3A"),
                GOOD.replace("ada%40example.org", ""),
                GOOD.replace("ada", "%zz"),
                GOOD.replace("ada", "%4"),
                GOOD.replace("ada", "%ff"),
                GOOD.replace("ada", "%00"),
                GOOD.replace("ada", "%E2%80%AE"),  # written from right to left
                GOOD.replace("ada", "a" * 255),
                f"otpauth://totp/ada?secret={KEY}&issuer=a%3Ab",
                f"otpauth://totp/ada?secret={KEY}&issuer=%0A",
            )
        ],
        *[
            (UriFlaw.PARAMETER, text)
            for text in (
                GOOD + f"&secret={KEY}",
                GOOD + "&issuer=Example",
                GOOD + "&digits=6&digits=8",
                GOOD + "&digits=",
                GOOD + "&digits",
                GOOD + "&",
                GOOD + "&encoder=steam",
                GOOD + "&Digits=6",
                GOOD + "&%64igits=8",
                GOOD + "&counter=0",
                GOOD + "&digits=%ff",
                COUNTING + "&period=30",
            )
        ],
        *[
            (UriFlaw.SECRET, text)
            for text in (
                GOOD.replace(f"secret={KEY}&", ""),
                GOOD.replace(KEY, KEY[:24]),  # 120 bits
                GOOD.replace(KEY, "A" * 208),  # 1,040 bits
                GOOD.replace(KEY, KEY[:-1] + "1"),
                GOOD.replace(KEY, KEY + "A"),
                GOOD.replace(KEY, KEY + "AB"),  # stray bits
                GOOD.replace(KEY, KEY[:-1] + "%20"),
                GOOD.replace(KEY, KEY[:-1] + "+"),
                GOOD.replace(KEY, KEY[:-1] + "%C5%BF"),  # a long s, whose capital is S
                GOOD.replace(KEY, "========"),
            )
        ],
        *[
            (UriFlaw.FORM, GOOD + "&" + text)
            for text in (
                *("digits=5", "digits=9", "digits=06", "digits=+6", "digits=-6", "digits=6.0", "digits=%206", "digits=NaN"),
                *("digits=%D9%A6", "digits=1e1", "digits=0", "digits=" + "9" * 19, "digits=" + "9" * 400),
                *("period=14", "period=61", "period=0", "period=-30", "period=30.5", "period=" + "9" * 19, "period=inf"),
                *("algorithm=MD5", "algorithm=sha1", "algorithm=SHA-1", "algorithm=SHA384", "algorithm=SHA1%00"),
            )
        ],
        *[
            (UriFlaw.COUNTER, COUNTING.replace("&counter=7", text))
            for text in ("", "&counter=-1", "&counter=07", f"&counter={2**63}", "&counter=" + "9" * 300, "&counter=0x7")
        ],
    ],
)
def test_m127_what_is_outside_the_bounds_is_refused(flaw, text):
    assert read_uri(text) == UnreadableUri(flaw)


PIECES = st.sampled_from(
    [
        *("otpauth://", "totp", "hotp", "/", "?", "&", "=", "%", "%3A", ":", "secret=", KEY, "issuer=", "digits=", "period="),
        *("algorithm=", "counter=", "image=", "SHA512", "SHA1", "6", "8", "30", "0", "-", "+", "%ff", "%E4%BE%8B", "\0", "é"),
        *("ada", "#", "9" * 30),
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=24).map("".join), st.binary(), st.integers(), st.none()))
@example(GOOD)
@example(COUNTING)
def test_whatever_is_given_is_read_or_refused(given):
    _is_read_or_refused(given)


@given(st.sampled_from([GOOD, COUNTING]), st.data())
def test_no_edit_of_a_good_uri_raises(good, data):
    where, cut = data.draw(st.integers(0, len(good))), data.draw(st.integers(0, 6))

    _is_read_or_refused(good[:where] + data.draw(st.one_of(PIECES, st.text(max_size=3))) + good[where + cut :])


def _is_read_or_refused(given):
    """And what is read is within all bounds and works."""
    match read_uri(given):
        case UnreadableUri(flaw):
            assert flaw in UriFlaw
        case read:
            assert given.isascii() and len(given) <= MAX_CHARACTERS
            assert 16 <= len(read.secret) <= 128 and 0 <= read.counter <= otp.LAST_COUNT
            assert 6 <= read.form.digits <= 8 and timedelta(seconds=15) <= read.form.period <= timedelta(seconds=60)
            assert otp.is_code(hotp.code_at(read.secret, read.counter, read.form), read.form.digits)


def test_no_secret_and_no_account_is_in_what_is_shown():
    assert KEY not in repr(read_uri(GOOD)) and repr(SECRET) not in repr(read_uri(GOOD)) and "ada" not in repr(read_uri(GOOD))
    assert KEY not in repr(read_uri(GOOD + "&digits=9"))
