"""Time-based one-time passwords (RFC 6238): one spelling a code, each step accepted once, steps only going up."""

from datetime import datetime, timedelta
from hmac import compare_digest

from acctsec.mfa import otp
from acctsec.mfa.otp import CLASSIC, OtpForm

DIGITS = CLASSIC.digits
PERIOD = int(CLASSIC.period.total_seconds())
SECRET_BYTES = CLASSIC.secret_bytes
GRAIN = timedelta(seconds=15)
"""
What every period in use is a multiple of: a wrong code is another guess in each grain, and no code comes up or goes away inside
one.
"""


def code_at(secret: bytes, step: int, form: OtpForm = CLASSIC) -> str:
    """The code of one time step."""
    return otp.generator(secret, form).generate_otp(step)  # type: ignore[no-any-return]


def matching_steps(
    secret: bytes, code: object, *, now: datetime, window: int, form: OtpForm = CLASSIC, drift: int = 0
) -> tuple[int, ...]:
    """
    The time steps within *window* of *now* whose code this is, oldest first; usually one or none.

    *drift* is by how many steps this authenticator's clock was seen to be ahead of ours (``learned``): the window lies around
    that. Every step is computed and compared, so right and wrong take the same time. Which step may still be accepted is the
    caller's to say: only one above every step accepted before, whatever the drift.
    """
    centre = step_of(now, form) + drift
    if not window <= centre <= otp.LAST_COUNT - window or not otp.is_code(code, form.digits):
        return ()
    codes = otp.generator(secret, form)
    given = str(code).encode()
    steps = range(centre - window, centre + window + 1)
    return tuple([step for step in steps if compare_digest(codes.generate_otp(step).encode(), given)])


def learned(drift: int, *, offset: int, cap: int) -> int:
    """
    The *drift* to keep after a code was accepted *offset* steps ahead of ours: one step nearer, never past *cap* either way.

    *offset* is counted from our own step (``accepted - step_of(now)``), not from the middle of the window. One step at a time:
    a single late code moves little, and the next one in time moves it back. The cap is RFC 6238 section 6's bound, and so
    also how old a code can be that somebody else has seen. A drift that a lower cap has left outside comes inside at once.
    """
    moved = drift + max(-1, min(1, offset - drift))
    return bounded(moved, cap)


def step_of(now: datetime, form: OtpForm = CLASSIC) -> int:
    """The time step that *now* is in."""
    return int(now.timestamp()) // form.period.seconds


def is_fit(form: OtpForm) -> bool:
    """Whether guesses of this form can be counted: its period is 15, 30, 45 or 60 seconds, as that of every token we know of."""
    return not form.period % GRAIN


def bounded(drift: int, cap: int) -> int:
    """A *drift* that was learned, within the *cap* of today."""
    return max(-cap, min(cap, drift))


def is_code(code: object, digits: int = DIGITS) -> bool:
    """Whether this is one spelling of a code at all."""
    return otp.is_code(code, digits)


def key_text(secret: bytes) -> str:
    """The secret as people type it: base32 in groups of four."""
    encoded = otp.base32(secret)
    return " ".join(encoded[at : at + 4] for at in range(0, len(encoded), 4))


def provisioning_uri(secret: bytes, *, account: str, issuer: str, form: OtpForm = CLASSIC) -> str:
    """
    The otpauth URI an authenticator app reads, mostly as a QR picture. It holds the secret: never log it.

    What is as every app expects it is left out: many apps ignore algorithm, digits and period, and some refuse them.
    """
    from pyotp import TOTP

    key = otp.base32(otp.check_secret(secret))
    codes = TOTP(key, digits=form.digits, digest=otp.hash_of(form), interval=form.period.seconds)
    return codes.provisioning_uri(name=account, issuer_name=issuer)
