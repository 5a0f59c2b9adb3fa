"""What comes out where somebody means a password and his fingers slip once."""

from collections.abc import Iterator
from itertools import islice

KEYS = "etaoinshrdlucmfwypvbgkjqxz0123456789ETAOINSHRDLUCMFWYPVBGKJQXZ -_.!@#$%&*+=?/,:;'\"()<>[]{}\\|^~`"
"""Every character of a usual keyboard, those that are hit most first."""

MOST = 4096
"""Enough for every slip up to twenty characters; of a longer password those by rarer keys are left out."""


def slips(password: str) -> frozenset[str]:
    """
    What is one slip away from *password*, at most 4096 texts: some 2,500 for twelve characters.

    Caps lock, the first letter's case, a character left out, two changed places, one hit twice, and one of `KEYS` too many or
    in another's place: of the wrong passwords of owners about one in ten is such a slip (Chatterjee et al., IEEE S&P 2016). A
    line break at the end is none: no password has one, so it is refused before it is counted.
    """
    return frozenset(islice(_slips(password), MOST)) - {password}


def _slips(password: str) -> Iterator[str]:
    """The likely ones first; some come twice."""
    yield password.swapcase()
    yield password[:1].swapcase() + password[1:]
    for at in range(len(password)):
        before, one, after = password[:at], password[at], password[at + 1 :]
        yield before + after
        yield before + one + one + after
        yield before + after[:1] + one + after[1:]
    for key in KEYS:
        for at in range(len(password)):
            yield password[:at] + key + password[at:]
            yield password[:at] + key + password[at + 1 :]
        yield password + key
