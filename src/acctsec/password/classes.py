"""
Classes of characters, for those whom a standard binds to them. Off by default: they make passwords worse.

A list of 20,000 common passwords keeps out more guesses than three classes of four do, and SP 800-63B-4 section 3.1.1.2 and ASVS
5.0 6.2.5 forbid classes. PCI DSS and China's MLPS ask for them: whoever has to keep both sides apart names a group for it.
"""

from collections.abc import Iterable
from enum import StrEnum
from unicodedata import category

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection
from acctsec.password.codes import Code
from acctsec.password.rules import Facts, whole


class CharacterClass(StrEnum):
    """A class of characters, of every script. A letter without case, as in Chinese or Arabic, counts as lower case."""

    LETTER = "letter"
    LOWER = "lower"
    UPPER = "upper"
    DIGIT = "digit"
    OTHER = "other"


_OBJECTIONS = {
    CharacterClass.LETTER: Code.MISSING_LETTER,
    CharacterClass.LOWER: Code.MISSING_LOWER,
    CharacterClass.UPPER: Code.MISSING_UPPER,
    CharacterClass.DIGIT: Code.MISSING_DIGIT,
    CharacterClass.OTHER: Code.MISSING_OTHER,
}
_COUNTED = frozenset(CharacterClass) - {CharacterClass.LETTER}


def _as_classes(given: Iterable[CharacterClass]) -> tuple[CharacterClass, ...]:
    wanted = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (None,)
    if not all(isinstance(one, CharacterClass) for one in wanted):
        raise ConfigError("required is not several CharacterClass.", remedy="Give required=(CharacterClass.LETTER, ...).")
    return tuple(one for one in CharacterClass if one in wanted)


@frozen(kw_only=True)
class Classes:
    """
    A password has characters of certain classes, whatever its script. Not among the default rules.

    Args:
        required: each of these has to be there. Default: a letter and a digit (PCI DSS 4.0.1 requirement 8.3.6, which also wants
            twelve characters: Length(minimum=12, minimum_with_mfa=12)).
        minimum: how many of lower case, upper case, digits and others have to be there. Default 1: nothing beyond *required*.
            3 is what assessors commonly read into China's MLPS (GB/T 22239-2019 section 8.1.4.1 a), which asks for complexity
            and names no number.
    """

    required: tuple[CharacterClass, ...] = field(default=(CharacterClass.LETTER, CharacterClass.DIGIT), converter=_as_classes)
    minimum: int = 1

    def __attrs_post_init__(self) -> None:
        whole("minimum", self.minimum, 1, len(_COUNTED))

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Name each required class that is missing, and the number of classes where that is too small."""
        found = classes(password)
        objections = [Objection(_OBJECTIONS[one].value) for one in self.required if one not in found]
        counted = len(found & _COUNTED)
        if counted < self.minimum:
            objections.append(Objection(Code.TOO_FEW_CLASSES.value, {"minimum": self.minimum, "found": counted}))
        return tuple(objections)


def classes(password: str) -> frozenset[CharacterClass]:
    """The classes that *password* has. Accents that stand beside a letter are a part of it."""
    found = {kind for character in set(password) for kind in _classes_of(character)}
    return frozenset(found)


def _classes_of(character: str) -> tuple[CharacterClass, ...]:
    kind = category(character)
    if kind in {"Lu", "Lt"}:
        return CharacterClass.LETTER, CharacterClass.UPPER
    if kind[0] == "L":
        return CharacterClass.LETTER, CharacterClass.LOWER
    if kind == "Nd":
        return (CharacterClass.DIGIT,)
    return () if kind[0] == "M" else (CharacterClass.OTHER,)
