"""
Counter-based one-time passwords (RFC 4226), for tokens with a button and no clock: the counter only goes up.

*counter* is always the first one that may still be used. What matched is answered; the caller stores the answer + 1.
"""

from hmac import compare_digest

from attrs import field, frozen

from acctsec.checks import kind, whole
from acctsec.errors import ConfigError
from acctsec.mfa import otp
from acctsec.mfa.otp import CLASSIC, OtpForm

MAX_SPAN = 100  # RFC 4226 section 7.4: as small as usable; each counter more is a guess more, and an HMAC


@frozen(kw_only=True)
class HotpPolicy:
    """
    How tokens with a button are answered, where ``FactorKind.HOTP`` is among ``MfaPolicy.kinds``.

    Args:
        form: of those that are set up with a secret of ours. Default: SHA-1 and six digits, all that RFC 4226 knows of hashes.
        look_ahead: how often the button may be pressed for nothing. Each is one more code that is right at once. Default 4 (RFC
            4226 section 7.4: as few as are usable; Keycloak looks 1 ahead, privacyIDEA 10), up to 10.
        span: how far ahead two codes in a row are looked for; both have to fit, so they are no easier to guess than twelve
            digits. Default 50, up to 100.
    """

    form: OtpForm = field(default=CLASSIC, validator=kind(OtpForm))
    look_ahead: int = field(default=4, validator=whole(0, 10))
    span: int = field(default=50, validator=whole(10, MAX_SPAN))


def code_at(secret: bytes, counter: int, form: OtpForm = CLASSIC) -> str:
    """The code of one counter."""
    return otp.generator(secret, form).generate_otp(counter)  # type: ignore[no-any-return]


def matching_counter(secret: bytes, code: object, *, counter: int, look_ahead: int, form: OtpForm = CLASSIC) -> int | None:
    """
    Which counter from *counter* to *counter* + *look_ahead* has this code, or None; never one below.

    All are computed and compared, so right and wrong take the same time. A code that two of them share by chance is used up
    with the later one: it must not work twice. *look_ahead* is how often the button may be pressed for nothing; a guess is as
    many times easier (RFC 4226 section 7.4, appendix A).
    """
    counters = _counters(counter, look_ahead)
    if not otp.is_code(code, form.digits):
        return None
    found, given = None, str(code).encode()
    codes = otp.generator(secret, form)
    for one in counters:
        if compare_digest(codes.generate_otp(one).encode(), given):
            found = one
    return found


def resynchronised(
    secret: bytes, first: object, second: object, *, counter: int, span: int, form: OtpForm = CLASSIC
) -> int | None:
    """
    The counter of *second*, where two codes follow each other at *counter* to *counter* + *span*, or None.

    For a token whose button was pressed too often: two codes in a row are as hard to guess as one of twice the digits, so the
    span may be wide (RFC 4226 section 7.4), 100 at most. All codes are computed and compared, whichever match.
    """
    counters = _counters(counter, span)
    if not (otp.is_code(first, form.digits) and otp.is_code(second, form.digits)):
        return None
    found, before, after = None, str(first).encode(), str(second).encode()
    codes = otp.generator(secret, form)
    opened = False
    for one in counters:
        shown = codes.generate_otp(one).encode()
        if compare_digest(shown, after) & opened:
            found = one
        opened = compare_digest(shown, before)
    return found


def provisioning_uri(secret: bytes, *, account: str, issuer: str, counter: int = 0, form: OtpForm = CLASSIC) -> str:
    """The otpauth URI of a token that begins at *counter*. It holds the secret: never log it."""
    from pyotp import HOTP

    _counters(counter, 0)
    codes = HOTP(otp.base32(otp.check_secret(secret)), digits=form.digits, digest=otp.hash_of(form), initial_count=counter)
    return codes.provisioning_uri(name=account, issuer_name=issuer)


def _counters(counter: int, beyond: int) -> range:
    if type(counter) is not int or not 0 <= counter <= otp.LAST_COUNT:
        raise ConfigError("The counter is none.", remedy=f"Give a whole number from 0 to {otp.LAST_COUNT}.")
    if type(beyond) is not int or not 0 <= beyond <= MAX_SPAN:
        raise ConfigError("The counters looked at are too many.", remedy=f"Look from 0 to {MAX_SPAN} counters ahead.")
    return range(counter, counter + beyond + 1)
