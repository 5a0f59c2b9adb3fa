"""
What people choose for a password, first, second and third.

The words come from lists of leaked passwords, names and common words, in the order of their use. Which habit a person has is
an assumption (the shares below), and stated as one wherever it is shown.
"""

import gzip
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate
from random import Random

from attrs import define, frozen

from acctsec import Account

SEED = 20261124
TRIES = 3
SKEW = 0.78
"""Leaked passwords follow a power law: the one at rank r is used in proportion to r ** -SKEW (after Wang et al. 2017)."""


@frozen
class Choice:
    """A password somebody types, and the habit behind it."""

    password: str
    habit: str


@define
class Person:
    """Somebody at the sign-up form; every choice is decided by the seed."""

    chance: Random
    given: str
    family: str
    born: int
    account: Account

    @classmethod
    def number(cls, number: int) -> "Person":
        """One of many, always the same for the same number."""
        chance = Random(f"{SEED}/{number}")
        given = chance.choice(_names("female_names", 400) + _names("male_names", 300))
        family, born = chance.choice(_names("surnames", 1500)), chance.randint(1950, 2012)
        mail = f"{given}.{family}{number}@example.com"
        words = (given.title(), family.title(), f"{given}{family[0]}")
        return cls(
            chance, given, family, born, Account(subject=f"person-{number}", identifiers=(mail,), addresses=(mail,), words=words)
        )

    def first(self) -> Choice:
        """What comes to mind."""
        return self._by(FIRST, "")

    def again(self, refused: Choice, after: int) -> Choice | None:
        """A better one after *after* refusals, or None from somebody who gives up."""
        shares = SECOND if after == 1 else THIRD
        return None if self.chance.random() < GIVES_UP else self._by(shares, refused.password)

    def _by(self, shares: "Shares", earlier: str) -> Choice:
        way = self.chance.choices(list(shares), list(shares.values()))[0]
        return Choice(way(self, earlier), HABITS[way])


Way = Callable[[Person, str], str]
Shares = dict[Way, int]


def _popular(who: Person, _: str) -> str:
    return _ranked(who.chance, who.chance.choice([_listed("passwords"), _blocked()]))


def _dressed(who: Person, _: str) -> str:
    word = _ranked(who.chance, _listed("passwords"))
    return word.capitalize() + who.chance.choice(["1", "123", "!", str(who.born), str(who.born)[2:], "2026", "2026!"])


def _own(who: Person, _: str) -> str:
    birthday = f"{who.chance.randint(1, 28):02d}{who.chance.randint(1, 12):02d}{who.born}"
    sign = who.chance.choice(["", ".", "_", "!"])
    return who.given.capitalize() + sign + who.chance.choice([who.family.capitalize(), ""]) + birthday


def _long(who: Person, _: str) -> str:
    word = _ranked(who.chance, _listed("passwords"))
    keys = ["qwertyuiopasdfgh", "1q2w3e4r5t6y7u8i", "1234567890123456", "abcdefghijklmnop", "zxcvbnmasdfghjkl"]
    return who.chance.choice([(word * 16)[:16], f"{word}{word}{who.born}", who.chance.choice(keys)])


def _phrase(who: Person, _: str) -> str:
    words = who.chance.sample(_words(), 4)
    phrase = who.chance.choice([" ", "-", " "]).join(words)
    return phrase if len(phrase) >= 15 else f"{phrase} {who.chance.choice(_words())}"


def _manager(who: Person, _: str) -> str:
    return "".join(who.chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.!", k=20))


def _stretched(who: Person, earlier: str) -> str:
    word = _ranked(who.chance, _listed("passwords"))
    endings = [str(who.born), f"{word}{who.born}", f" {word} {who.chance.randint(10, 99)}", "!!", "123456789"]
    return earlier + who.chance.choice(endings)


HABITS: dict[Way, str] = {
    _popular: "a password from the lists",
    _dressed: "a listed one with a number",
    _own: "own name and birthday",
    _long: "long but simple",
    _phrase: "four words",
    _manager: "a password manager",
    _stretched: "the refused one, longer",
}
FIRST: Shares = {_popular: 40, _dressed: 22, _own: 12, _long: 8, _phrase: 10, _manager: 8}
SECOND: Shares = {_stretched: 50, _phrase: 33, _manager: 17}
THIRD: Shares = {_stretched: 20, _phrase: 54, _manager: 26}
GIVES_UP = 0.03


@cache
def _listed(name: str) -> list[str]:
    """One of the ranked lists that zxcvbn ships, most used first."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

    return list(FREQUENCY_LISTS[name])


@cache
def _blocked() -> list[str]:
    """The blocklist of the library itself, most used first."""
    packed = files("acctsec.password").joinpath("data/common-passwords.txt.gz").read_bytes()
    return gzip.decompress(packed).decode().split()


@cache
def _words() -> list[str]:
    """Words a passphrase is made of."""
    return [word for word in _listed("english_wikipedia")[200:8000] if word.isalpha() and 4 <= len(word) <= 9]


def _names(listed: str, most: int) -> list[str]:
    return _listed(listed)[:most]


def _ranked(chance: Random, listed: Sequence[str]) -> str:
    """One of a list, the popular ones more often."""
    return chance.choices(listed, cum_weights=_weights(len(listed)))[0]


@cache
def _weights(length: int) -> list[float]:
    return list(accumulate(rank**-SKEW for rank in range(1, length + 1)))


def most_used(many: int) -> list[str]:
    """The passwords an attacker tries first."""
    return _blocked()[:many]
