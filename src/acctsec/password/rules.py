"""
The rules a password can be held to: small values, each with one question.

A rule judges a prepared password beside facts that were gathered for it; it asks nobody and keeps nothing.
"""

from functools import cached_property
from typing import Protocol

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection, Strength
from acctsec.password.blocklist import FUZZY_FROM, LISTED, common_passwords, nearly_common
from acctsec.password.codes import Code
from acctsec.password.context import counted, undone
from acctsec.password.nearby import Nearby
from acctsec.password.words import MAX_WORD_LENGTH


@frozen(kw_only=True)
class Facts:
    """
    What is known beside the password itself.

    *words* belong to the subject or the service. *rest* is what is left of the password without them, None where it holds none
    of them. *breach_count* says how often leaks held the password, None that nobody could tell. *mfa* says that the password is
    never enough by itself. *strength* is that of the rest, where it is less and a rule ``ContextWords`` asks.
    """

    words: tuple[str, ...] = field(repr=False)
    rest: str | None = field(repr=False)
    breach_count: int | None
    strength: Strength
    mfa: bool


class Rule(Protocol):
    """One demand on passwords. Must be deterministic, and must never put the password or a word into an objection."""

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:
        """Answer every objection to *password*, none when it is fine."""


@frozen(kw_only=True)
class Length:
    """
    A password has a minimum length, less of it where a second factor stands beside.

    Args:
        minimum: in code points, where the password is the only factor. Default 15 (SP 800-63B-4 section 3.1.1.2: SHALL).
        minimum_with_mfa: the same beside a second factor. Default 8 (SP 800-63B-4 section 3.1.1.2, ASVS 5.0 6.2.1).
        maximum: in code points. Default 256; never below 64, which SP 800-63B-4 section 3.1.1.2 wants permitted.

    Raises ConfigError where these contradict each other.
    """

    minimum: int = 15
    minimum_with_mfa: int = 8
    maximum: int = 256

    def __attrs_post_init__(self) -> None:
        whole("minimum_with_mfa", self.minimum_with_mfa, 1, 64)
        whole("minimum", self.minimum, self.minimum_with_mfa, 64)
        whole("maximum", self.maximum, 64, 4096)

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:
        """Count code points, each for one character (SP 800-63B-4 section 3.1.1.2)."""
        minimum = self.minimum_with_mfa if facts.mfa else self.minimum
        length = len(password)
        if length < minimum:
            return (Objection(Code.TOO_SHORT.value, {"minimum": minimum, "length": length}),)
        if length > self.maximum:
            return (Objection(Code.TOO_LONG.value, {"maximum": self.maximum, "length": length}),)
        return ()


@frozen(kw_only=True)
class ContextWords:
    """
    Names, addresses, numbers and dates of the person and words of the service count for nothing; what remains is judged.

    Args:
        minimum_rest: characters that must be left without them and the digits around them. Default 8: the floor of
            SP 800-63B-4 section 3.1.1.2, asked of the part that nobody can look up. A longer passphrase may hold a name.

    They are found in any case, reversed, with substitutions undone, as initials, and Chinese names in pinyin; numbers by their
    last four to eight digits, dates in the usual orders. Beside this rule the strength of a password is that of what remains.
    """

    minimum_rest: int = 8

    def __attrs_post_init__(self) -> None:
        whole("minimum_rest", self.minimum_rest, 1, 64)

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Count what stands without the words; which of them it was is not told."""
        left = None if facts.rest is None else counted(facts.rest)
        return () if left is None or left >= self.minimum_rest else (Objection(Code.CONTEXT_WORD.value),)


MOST_NEARBY = 100_000
"""Characters of all words of a Blocklist that are looked for with an edit: some 40 MB."""


@frozen(kw_only=True)
class Blocklist:
    """
    The whole password is none of the most used ones, whatever its case.

    Args:
        size: how many of the 19,640 ranked passwords count, the most used first. Default: all, as the benefit was measured; ASVS
            5.0 6.2.4 asks for 3,000 of those that the policy would take.
        words: of your own, to be refused like these; at most 10,000 of at most 256 characters. Default: none. For terms that
            should not be a part of a password either, see ``BannedTerms``.
        variants: also compare it without its outer digits and punctuation, and with usual substitutions undone. Default
            False: the benefit of the list was measured without.
        distance: 1 also refuses what one inserted, deleted or replaced character makes of a listed password of seven
            characters or more. Default 0, as measured; with 1 some 11 MB are held.

    Compared as a whole, never as a part (SP 800-63B-4 section 3.1.1.2). The list is read on first use.
    """

    size: int = LISTED
    words: tuple[str, ...] = field(default=(), repr=False)
    variants: bool = False
    distance: int = 0

    def __attrs_post_init__(self) -> None:
        whole("size", self.size, 1, LISTED)
        whole("distance", self.distance, 0, 1)
        texts("words", self.words, 10_000)
        if self.distance and sum(map(len, self.words)) > MOST_NEARBY:
            message = f"The words have more than {MOST_NEARBY:,} characters, each of which takes some 400 bytes at distance 1."
            raise ConfigError(message, remedy="List fewer or shorter words, or leave distance at 0.")

    @cached_property
    def _own(self) -> frozenset[str] | Nearby:
        own = frozenset(word.casefold() for word in self.words)
        return Nearby(own, fuzzy_from=FUZZY_FROM) if self.distance else own

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Look the password up."""
        spellings = {password.casefold(), *(undone(password) if self.variants else ())}
        known = nearly_common(self.size) if self.distance else common_passwords(self.size)
        own = self._own
        found = any(one in known or one in own for one in spellings)
        return (Objection(Code.COMMON.value),) if found else ()


@frozen(kw_only=True)
class MinimumStrength:
    """
    Guessing the password takes many tries.

    Args:
        guesses_log10: the power of ten of the tries it must stand. Default 8: a leaked Argon2id hash of default cost then
            costs more than it yields. Use 6 where hashes cannot leak, 10 for privileged accounts; 6 is the least that
            throttling needs (Florencio, Herley and van Oorschot 2014).
    """

    guesses_log10: float = 8.0

    def __attrs_post_init__(self) -> None:
        if type(self.guesses_log10) not in {int, float} or not 0 < self.guesses_log10 <= 30:
            raise ConfigError(f"guesses_log10 is {self.guesses_log10!r}.", remedy="Give a power of ten above 0, up to 30.")

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Compare the estimate; its 0 to 4 score would throw most of it away."""
        if facts.strength.guesses_log10 >= self.guesses_log10:
            return ()
        return (Objection(Code.TOO_WEAK.value, {"minimum_guesses": round(10**self.guesses_log10)}),)


@frozen(kw_only=True)
class Breached:
    """
    The password was not seen in leaks.

    Args:
        minimum_count: so many sightings refuse it. Default 1: one sighting is one list an attacker has (ASVS 5.0 6.2.12).

    What happens when nobody can tell is decided by whoever asks the corpus, not here.
    """

    minimum_count: int = 1

    def __attrs_post_init__(self) -> None:
        whole("minimum_count", self.minimum_count, 1, 10**9)

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Compare the count that was looked up."""
        count = facts.breach_count
        if count is None or count < self.minimum_count:
            return ()
        return (Objection(Code.BREACHED.value, {"count": count}),)


def whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number from {low} to {high}.")


def texts(name: str, terms: object, most: int) -> tuple[str, ...]:
    """A lone str is a sequence of letters; taken for words it would refuse them one by one."""
    if not isinstance(terms, tuple) or not all(isinstance(one, str) and 0 < len(one) <= MAX_WORD_LENGTH for one in terms):
        raise ConfigError(
            f"{name} is not a tuple of texts of 1 to {MAX_WORD_LENGTH} characters.", remedy=f'Give {name}=("...",).'
        )
    if len(terms) > most:
        raise ConfigError(f"{name} has {len(terms):,} texts.", remedy=f"Give at most {most:,}, the likeliest.")
    return terms
