"""
What can be proven at a sign-in, and how much proofs are worth together.

A level follows from the methods alone, by one function: nothing else in the library says what AAL2 is.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import field, frozen

from acctsec.checks import kind
from acctsec.outcomes import AssuranceLevel


class Method(StrEnum):
    """
    What somebody proved. A passkey is four methods: whether its owner was verified (by PIN or finger), and whether its key is
    bound to one device or may be synced.
    """

    PASSWORD = "password"  # noqa: S105 - a method, not a password
    TOTP = "totp"
    HOTP = "hotp"
    RECOVERY_CODE = "recovery-code"
    TEXT = "text-code"
    VOICE = "voice-code"
    MAIL = "mail-code"
    PUSH = "push"
    PASSKEY = "passkey"
    PASSKEY_BOUND = "passkey-bound"
    PASSKEY_TOUCH = "passkey-touch"
    PASSKEY_TOUCH_BOUND = "passkey-touch-bound"
    REMEMBERED = "remembered-device"


@frozen(kw_only=True)
class Traits:
    """
    What one method proves.

    Args:
        possession: something the subject has (SP 800-63B-4 section 2.2.1). A code by e-mail is none (section 3.1.3.1), nor is a
            remembered browser (section 5.1).
        verified: the authenticator verified its owner by PIN or finger, so it is two factors by itself.
        phishing_resistant: the proof is of no use at another site (section 3.2.5); whatever a person types is not.
        bound: the key cannot leave its device, as AAL3 demands (section 2.3.2).
        restricted: over the telephone network, to be offered beside something better only (section 3.2.9).
    """

    possession: bool = field(default=True, validator=kind(bool))
    verified: bool = field(default=False, validator=kind(bool))
    phishing_resistant: bool = field(default=False, validator=kind(bool))
    bound: bool = field(default=False, validator=kind(bool))
    restricted: bool = field(default=False, validator=kind(bool))


TRAITS: Mapping[str, Traits] = {
    Method.PASSWORD: Traits(possession=False),
    Method.TOTP: Traits(),
    Method.HOTP: Traits(),
    Method.RECOVERY_CODE: Traits(),
    Method.TEXT: Traits(restricted=True),
    Method.VOICE: Traits(restricted=True),
    Method.MAIL: Traits(possession=False),
    Method.PUSH: Traits(),
    Method.PASSKEY: Traits(verified=True, phishing_resistant=True),
    Method.PASSKEY_BOUND: Traits(verified=True, phishing_resistant=True, bound=True),
    Method.PASSKEY_TOUCH: Traits(phishing_resistant=True),
    Method.PASSKEY_TOUCH_BOUND: Traits(phishing_resistant=True, bound=True),
    Method.REMEMBERED: Traits(possession=False),
}
"""The traits of the methods that the library knows; ``MfaPolicy.outside`` adds those of others."""

AS_GOOD: Mapping[str, frozenset[str]] = {
    Method.PASSKEY: frozenset({Method.PASSKEY_BOUND}),
    Method.PASSKEY_TOUCH: frozenset({Method.PASSKEY, Method.PASSKEY_BOUND, Method.PASSKEY_TOUCH_BOUND}),
    Method.PASSKEY_TOUCH_BOUND: frozenset({Method.PASSKEY_BOUND}),
}
"""What stands for a method as well: whoever asks for a passkey does not mean to turn a better one away."""

NOTHING = Traits(possession=False)
FIRST = frozenset({Method.PASSWORD.value, Method.REMEMBERED.value})
"""What guards nothing beside itself: a second factor is anything else."""


def level_of(methods: Iterable[str], traits: Mapping[str, Traits] = TRAITS) -> AssuranceLevel:
    """
    The assurance level that these methods amount to together (SP 800-63B-4 sections 2.1 to 2.3).

    AAL3 is a phishing-resistant key that cannot leave its device, beside a password or with its owner verified; AAL2 is a
    password beside something that the subject has, or something that verifies him; anything else is AAL1.
    """
    known = set(methods)
    found = [traits.get(one, NOTHING) for one in known]
    with_password = Method.PASSWORD in known
    if any(one.phishing_resistant and one.bound and (with_password or one.verified) for one in found):
        return AssuranceLevel.AAL3
    if any(one.possession and (with_password or one.verified) for one in found):
        return AssuranceLevel.AAL2
    return AssuranceLevel.AAL1


def is_complete(methods: Iterable[str], traits: Mapping[str, Traits] = TRAITS) -> bool:
    """Whether a second factor is among the methods, beside a password or verifying its owner by itself."""
    known = set(methods)
    return any(Method.PASSWORD in known or traits.get(one, NOTHING).verified for one in known if one not in FIRST)
