"""
What a form tells browsers and password managers, and passwords that are drawn by the same rules.

A manager that knows no rules draws what a policy then refuses, or stays silent; the person invents something instead.
"""

from enum import StrEnum
from hashlib import shake_256
from math import ceil

from attrs import frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import PasswordAccepted
from acctsec.password.banned import BannedTerms
from acctsec.password.classes import CharacterClass, Classes
from acctsec.password.policy import PasswordPolicy
from acctsec.password.rules import Blocklist, Breached, ContextWords, Length, MinimumStrength
from acctsec.password.strength import StrengthEstimator, estimate

MIN_ENTROPY_BYTES = 16

_DRAWS = 64
_KNOWN = (BannedTerms, Blocklist, Breached, Classes, ContextWords, Length, MinimumStrength)

# What managers draw by default: 71 bits in 20 characters. And of 1,500 drawn passwords of any length from 20 to 40 the
# weakest stood 10 ** (0.9 * length) guesses: so many characters a power of ten keep clear of chance.
_DRAWN_LENGTH = 20
_CHARACTERS_PER_POWER = 4 / 3

_DRAWN_CLASSES = 3

_GROUP = 5
_LOWER, _UPPER, _DIGITS = "abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"
_ALPHABET = _LOWER + _UPPER + _DIGITS  # without the look-alikes 0 O 1 I l: such a password is read out and typed
_FAIR = 256 // len(_ALPHABET) * len(_ALPHABET)  # bytes from here on would make some characters likelier


class FormField(StrEnum):
    """The fields of a form, each by its ``autocomplete`` tokens (HTML Standard, autofill)."""

    NEW_PASSWORD = "new-password"  # noqa: S105 - a token of HTML
    CURRENT_PASSWORD = "current-password"  # noqa: S105 - a token of HTML
    ONE_TIME_CODE = "one-time-code"
    USERNAME = "username webauthn"


@frozen(kw_only=True)
class HintSpec:
    """
    Attributes for the fields of sign-up, sign-in and change: what lets a manager fill them, and draw what is accepted.

    *minlength* is the policy's, in code points, which HTML counts in UTF-16 code units: never fewer, but for 81
    characters that Unicode's composed form takes apart and few keyboards type. There is no ``maxlength``: browsers cut what is
    pasted without a word, and the person never signs in again. *passwordrules* is Apple's grammar; None where nobody can
    say what the policy accepts, and *reason* says why then.
    """

    minlength: int
    passwordrules: str | None
    reason: str | None = None

    def attributes(self, field: FormField = FormField.NEW_PASSWORD, *, described_by: str | None = None) -> dict[str, str]:
        """
        The attributes of one ``input``, by name; escape the values as your templates escape every attribute.

        A length and rules are for a new password only: an old one may be older than they. *described_by* is the id of the element
        with the sentences of ``describe``, which screen readers then read with the field.
        """
        found = {"autocomplete": field.value, "autocapitalize": "none", "spellcheck": "false"}
        if described_by is not None:
            found["aria-describedby"] = described_by
        if field is FormField.NEW_PASSWORD:
            found["minlength"] = str(self.minlength)
            if self.passwordrules is not None:
                found["passwordrules"] = self.passwordrules
        return found


def hints(policy: PasswordPolicy, *, mfa: bool = False) -> HintSpec:
    """
    What forms say about *policy*; *mfa* where the password is never enough by itself, as for ``check``.

    The rules ask for 20 characters or what the policy wants, of letters, digits and hyphens, three classes of them and
    no three alike in a row: a stricter choice than the policy's, since only generators read it. Every password they permit
    can only be refused for being common, weak, leaked, used before or built on a word of the person or the organisation.
    """
    parts = parts_of(policy)
    lengths = [rule for part in parts for rule in part.rules if isinstance(rule, Length)]
    minlength = max(rule.minimum_with_mfa if mfa else rule.minimum for rule in lengths)
    reason = _unknown(parts)
    if reason is not None:
        return HintSpec(minlength=minlength, passwordrules=None, reason=reason)
    maximum = min(policy.max_bytes, *(rule.maximum for rule in lengths))  # ASCII: a byte is a character
    hyphen = "required" if _needs_other(parts) else "allowed"
    rules = (
        f"minlength: {max(_DRAWN_LENGTH, minlength, _strong(parts))}; maxlength: {maximum}; "
        f"required: lower; required: upper; required: digit; {hyphen}: [-]; max-consecutive: 2;"
    )
    return HintSpec(minlength=minlength, passwordrules=rules)


def generate_password(policy: PasswordPolicy, entropy: bytes) -> str:
    """
    A password that *policy* accepts as the only factor, drawn from *entropy*: the same from the same.

    Groups of five letters and digits without look-alikes, joined by hyphens; four groups, or what the policy wants, with
    all three classes and no three alike in a row: 116 bits from as many of *entropy*. It is as secret as that: 16 bytes or
    more, fresh from the system, used for nothing else.

    Raises ConfigError below 16 bytes, and where the policy refuses 64 of them in a row; PortError as ``check`` does.
    """
    if not isinstance(entropy, bytes) or len(entropy) < MIN_ENTROPY_BYTES:
        raise ConfigError("The entropy is not 16 bytes or more.", remedy="Give bytes drawn by the system for this password only.")
    parts = parts_of(policy)
    minimum = max(rule.minimum for part in parts for rule in part.rules if isinstance(rule, Length))
    size = max(4 * (_GROUP + 1) - 1, minimum, _strong(parts))
    for draw in range(_DRAWS):
        password = _drawn(size, bytes([draw]) + entropy)
        if password is not None and isinstance(policy.check(password), PasswordAccepted):
            return password
    raise ConfigError(
        f"The policy refuses {_DRAWS} random passwords of {size} characters.",
        remedy="Find the rule that refuses them with policy.check; it asks for what no generator can know.",
    )


def parts_of(policy: PasswordPolicy) -> tuple[PasswordPolicy, ...]:
    """The policies that have to accept a password together."""
    return (policy, *policy.also)


def _needs_other(parts: tuple[PasswordPolicy, ...]) -> bool:
    """Whether letters and digits are not enough, of which every drawn password has three classes."""
    asked = [rule for part in parts for rule in part.rules if isinstance(rule, Classes)]
    return any(CharacterClass.OTHER in rule.required or rule.minimum > _DRAWN_CLASSES for rule in asked)


def _unknown(parts: tuple[PasswordPolicy, ...]) -> str | None:
    """The first thing of which nobody can say what it accepts."""
    for part in parts:
        for rule in part.rules:
            if type(rule) not in _KNOWN:
                return f"Nobody can say which passwords the rule {type(rule).__qualname__} accepts."
        judged = any(isinstance(rule, MinimumStrength) for rule in part.rules)
        if judged and part.estimator is not estimate and type(part.estimator) is not StrengthEstimator:
            return "Nobody can say which passwords the estimator finds strong enough."
    return None


def _strong(parts: tuple[PasswordPolicy, ...]) -> int:
    """How many characters, drawn at random, stand the guesses that the policy wants; at most 40."""
    wanted = [rule.guesses_log10 for part in parts for rule in part.rules if isinstance(rule, MinimumStrength)]
    return ceil(max(wanted, default=0.0) * _CHARACTERS_PER_POWER)


def _drawn(size: int, seed: bytes) -> str | None:
    """*size* characters from *seed*, or None where they lack a class, repeat or ran out."""
    stream = shake_256(b"acctsec generated password\0" + seed).digest(4 * size)
    fair = (_ALPHABET[byte % len(_ALPHABET)] for byte in stream if byte < _FAIR)
    drawn = ["-" if at % (_GROUP + 1) == _GROUP and at < size - 1 else next(fair, "") for at in range(size)]
    password = "".join(drawn)
    classes = all(not kind.isdisjoint(drawn) for kind in map(frozenset, (_LOWER, _UPPER, _DIGITS)))
    alike = any(password[at] == password[at + 1] == password[at + 2] for at in range(len(password) - 2))
    return password if classes and not alike and len(password) == size else None
