"""What a risk policy may remember of an owner's sign-ins."""

from typing import Self

from acctsec._values import evolve
from acctsec.errors import ConfigError
from acctsec.record._part import Part
from acctsec.record.limits import MAX_PLACES, MAX_SIGN_INS

Path = tuple[tuple[str, bytes], ...]
"""A place from wide to narrow: at each level, country, network, prefix and address, a keyed digest of its name."""

NAME_BYTES = 4
"""
Of a digest. One in 180 million places of strangers looks like one of 24 known ones, and nobody can compute which: the digests
are keyed. Two bytes more of each took 192 of a record.
"""


class History(Part, frozen=True, kw_only=True, array_like=True):
    """
    What a risk policy is told of the owner's sign-ins: how many, on known devices, at which hours (UTC) and from which places.
    """

    sign_ins: int = 0
    known: int = 0
    hours: bytes = bytes(24)  # a count each
    places: tuple[tuple[bytes, int], ...] = ()  # the names of its levels alone, shortened, one after the other

    def __repr__(self) -> str:
        return f"History(sign_ins={self.sign_ins}, known={self.known}, places={len(self.places)})"

    def learned(self, at: Path, *, hour: int, known_device: bool) -> Self:
        """
        One full sign-in more, with every step that was asked for: who only guessed a password must teach nothing.

        At most 24 places are kept; the one least used goes, the older first.
        """
        if type(hour) is not int or not 0 <= hour < 24:
            raise ConfigError(f"hour is {hour!r}.", remedy="Give the hour of the sign-in in UTC, 0 to 23.")
        past = self._halved() if self.sign_ins >= MAX_SIGN_INS else self
        counts = dict(past.places)
        names = _names(at)
        count = counts.pop(names, 0) + 1
        if len(counts) >= MAX_PLACES:
            del counts[min(counts, key=counts.__getitem__)]
        counts[names] = count
        hours = bytes(number + (hour == index) for index, number in enumerate(past.hours))
        places = tuple(counts.items())
        return evolve(past, sign_ins=past.sign_ins + 1, known=past.known + known_device, hours=hours, places=places)

    def under(self, beginning: Path) -> int:
        """How many sign-ins came from below a place."""
        names = _names(beginning)
        return sum(count for place, count in self.places if place.startswith(names))

    def _halved(self) -> Self:
        places = tuple((place, count // 2) for place, count in self.places if count > 1)
        hours = bytes(number // 2 for number in self.hours)
        return evolve(self, sign_ins=self.sign_ins // 2, known=self.known // 2, hours=hours, places=places)


def _names(at: Path) -> bytes:
    """Each digest has its level in it, so that a place without one of them is another place."""
    return b"".join(name[:NAME_BYTES] for _, name in at)
