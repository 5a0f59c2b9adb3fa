"""
What a form says before and while a password is chosen: sentences for ``aria-describedby`` and for a live region.

Whoever hears a form instead of seeing it learns what is asked before typing, and what came of it without searching for it.
"""

from collections.abc import Iterator
from enum import StrEnum

from acctsec.outcomes import PasswordAccepted, PasswordRejected
from acctsec.password.banned import BannedTerms
from acctsec.password.classes import CharacterClass, Classes
from acctsec.password.feedback import Advice
from acctsec.password.hints import hints, parts_of
from acctsec.password.policy import PasswordPolicy
from acctsec.password.rules import Blocklist, Breached, ContextWords, MinimumStrength


class Said(StrEnum):
    """The keys of these sentences in the catalogues."""

    LENGTH = "ask-length"  # {minimum}
    LETTER = "ask-letter"
    LOWER = "ask-lower"
    UPPER = "ask-upper"
    DIGIT = "ask-digit"
    OTHER = "ask-other"
    CLASSES = "ask-classes"  # {minimum}
    NO_CONTEXT = "ask-no-context"
    NO_BANNED_TERMS = "ask-no-banned-terms"
    NOT_COMMON = "ask-not-common"
    HARD_TO_GUESS = "ask-hard-to-guess"
    NOT_LEAKED = "ask-not-leaked"
    NOT_USED_BEFORE = "ask-not-used-before"
    ACCEPTED = "live-accepted"
    REFUSED = "live-refused"  # {count}


_BY_RULE = (
    (ContextWords, Said.NO_CONTEXT),
    (BannedTerms, Said.NO_BANNED_TERMS),
    (Blocklist, Said.NOT_COMMON),
    (MinimumStrength, Said.HARD_TO_GUESS),
    (Breached, Said.NOT_LEAKED),
)
_BY_CLASS = {
    CharacterClass.LETTER: Said.LETTER,
    CharacterClass.LOWER: Said.LOWER,
    CharacterClass.UPPER: Said.UPPER,
    CharacterClass.DIGIT: Said.DIGIT,
    CharacterClass.OTHER: Said.OTHER,
}


def describe(policy: PasswordPolicy, *, mfa: bool = False) -> tuple[Advice, ...]:
    """
    What *policy* asks of a new password, each demand once, for the element that ``aria-describedby`` names.

    *mfa* as for ``check``. Of a composed policy the strictest demand of its parts. A rule of your own says nothing here.
    """
    return tuple(_asked(policy, mfa=mfa))


def announce(outcome: PasswordAccepted | PasswordRejected) -> Advice:
    """
    What came of a check, for a live region (``role="status"``): one short sentence, so that typing is not talked over.

    The sentences of ``feedback`` belong beside the field.
    """
    if isinstance(outcome, PasswordAccepted):
        return Advice(Said.ACCEPTED.value)
    return Advice(Said.REFUSED.value, {"count": len(outcome.objections)})


def _asked(policy: PasswordPolicy, *, mfa: bool) -> Iterator[Advice]:
    rules = [rule for part in parts_of(policy) for rule in part.rules]
    yield Advice(Said.LENGTH.value, {"minimum": hints(policy, mfa=mfa).minlength})
    demands = [rule for rule in rules if isinstance(rule, Classes)]
    wanted = {one for rule in demands for one in rule.required}
    yield from (Advice(said.value) for one, said in _BY_CLASS.items() if one in wanted)
    minimum = max((rule.minimum for rule in demands), default=0)
    if minimum > 1:
        yield Advice(Said.CLASSES.value, {"minimum": minimum})
    yield from (Advice(said.value) for kind, said in _BY_RULE if any(isinstance(rule, kind) for rule in rules))
    if policy.history:
        yield Advice(Said.NOT_USED_BEFORE.value)
