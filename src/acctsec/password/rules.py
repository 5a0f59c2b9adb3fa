"""
The rules a password can be held to: small values, each with one question.

A rule judges a prepared password beside facts that were gathered for it; it asks nobody and keeps nothing.
"""

from typing import Protocol

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection, Strength
from acctsec.password.blocklist import common_passwords
from acctsec.password.codes import Code
from acctsec.password.context import remainder, undone


@frozen(kw_only=True)
class Facts:
    """
    What is known beside the password itself.

    *words* belong to the subject or the service. *breach_count* says how often leaks held the password, None that
    nobody could tell. *mfa* says that the password is never enough by itself.
    """

    words: tuple[str, ...] = field(repr=False)
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
        _whole("minimum_with_mfa", self.minimum_with_mfa, 1, 64)
        _whole("minimum", self.minimum, self.minimum_with_mfa, 64)
        _whole("maximum", self.maximum, 64, 4096)

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
    Names, addresses and words of the service count for nothing.

    Args:
        minimum_rest: characters that must be left without them and the digits around them. Default 8: the floor of
            SP 800-63B-4 section 3.1.1.2, asked of the part that nobody can look up. A longer passphrase may hold a name.
    """

    minimum_rest: int = 8

    def __attrs_post_init__(self) -> None:
        _whole("minimum_rest", self.minimum_rest, 1, 64)

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:
        """Take the words out and see what stands; which word it was is not told."""
        rest = remainder(password, facts.words)
        return () if rest is None or rest >= self.minimum_rest else (Objection(Code.CONTEXT_WORD.value),)


@frozen(kw_only=True)
class Blocklist:
    """
    The whole password is none of the 19,640 most used ones, whatever its case.

    Args:
        variants: also compare it without its outer digits and punctuation, and with usual substitutions undone. Default
            False: the benefit of the list was measured without.

    Compared as a whole, never as a part (SP 800-63B-4 section 3.1.1.2); ASVS 5.0 6.2.4 asks for 3,000 of them.
    """

    variants: bool = False

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Look the password up."""
        spellings = {password.casefold(), *(undone(password) if self.variants else ())}
        return () if common_passwords().isdisjoint(spellings) else (Objection(Code.COMMON.value),)


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
        _whole("minimum_count", self.minimum_count, 1, 10**9)

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Compare the count that was looked up."""
        count = facts.breach_count
        if count is None or count < self.minimum_count:
            return ()
        return (Objection(Code.BREACHED.value, {"count": count}),)


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number from {low} to {high}.")
