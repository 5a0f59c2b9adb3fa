"""
What a risk policy compares with: one owner's sign-ins, and those of everybody.

Places are paths from wide to narrow, each name a keyed digest: country, network, prefix, address. No address is kept as such.
"""

import hashlib
from collections.abc import Callable

from acctsec._values import Value
from acctsec.attacks.networks import Networks
from acctsec.attacks.recent import RecentCounts
from acctsec.attacks.risk import Facts, Level, Place, Seen
from acctsec.errors import ConfigError

MAX_PLACES = 24
MAX_SIGN_INS = 256  # above, all is halved: who moved house is known in the new one after as many sign-ins
Path = tuple[tuple[Level, bytes], ...]


def path(networks: Networks, digest: Callable[[str], bytes]) -> Path:
    """The names of a place, wide to narrow, as far as they are known; *digest* is keyed, and has the tenant in it."""
    named = [
        (Level.COUNTRY, networks.country),
        (Level.ASN, f"AS{networks.asn}" if networks.asn is not None else ""),
        # Of two prefixes of IPv6 the wider one: between a home and a site is nothing to learn.
        (Level.PREFIX, networks.prefixes[-1] if networks.prefixes else ""),
        (Level.ADDRESS, networks.address),
    ]
    return tuple((level, digest(f"{level}/{name}")[:16]) for level, name in named if name)


class History(Value, frozen=True):
    """What is remembered of one owner's sign-ins: how many, on known devices, at which hours (UTC) and from which places."""

    sign_ins: int = 0
    known: int = 0
    hours: tuple[int, ...] = (0,) * 24
    places: tuple[tuple[Path, int], ...] = ()

    def learned(self, at: Path, *, hour: int, known_device: bool) -> "History":
        """
        One full sign-in more, with every step that was asked for: who only guessed a password must teach nothing.

        At most 24 places are kept; the one least used goes, the older first.
        """
        if type(hour) is not int or not 0 <= hour < 24:
            raise ConfigError(f"hour is {hour!r}.", remedy="Give the hour of the sign-in in UTC, 0 to 23.")
        past = self._halved() if self.sign_ins >= MAX_SIGN_INS else self
        counts = dict(past.places)
        count = counts.pop(at, 0) + 1
        if len(counts) >= MAX_PLACES:
            del counts[min(counts, key=counts.__getitem__)]
        counts[at] = count
        hours = tuple(number + (hour == index) for index, number in enumerate(past.hours))
        return History(past.sign_ins + 1, past.known + known_device, hours, tuple(counts.items()))

    def under(self, beginning: Path) -> int:
        """How many sign-ins came from below a place."""
        return sum(count for place, count in self.places if place[: len(beginning)] == beginning)

    def _halved(self) -> "History":
        places = tuple((place, count // 2) for place, count in self.places if count > 1)
        return History(self.sign_ins // 2, self.known // 2, tuple(number // 2 for number in self.hours), places)


class Traffic:
    """
    How often a place was seen lately: in full sign-ins of everybody, and in attacks.

    Both counters are of bounded memory and may tell a little too much. What is an attack is yours to say: wrong passwords
    at unknown names, or of a source or a password whose posture is raised, rather than everybody's typing errors.
    """

    def __init__(self, *, everybody: RecentCounts, attacks: RecentCounts) -> None:
        if everybody is attacks:
            raise ConfigError("Sign-ins and attacks are counted by one counter.", remedy="Make two.")
        self._everybody, self._attacks = everybody, attacks

    def signed_in(self, at: Path, *, now: int) -> None:
        """A full sign-in came from this place."""
        _add(self._everybody, at, now)

    def attacked(self, at: Path, *, now: int) -> None:
        """An attack came from this place."""
        _add(self._attacks, at, now)

    def facts(self, history: History, at: Path, *, hour: int, known_device: bool, now: int) -> Facts:
        """All that a risk policy is told of one sign-in, for which the password was right."""
        within = Seen(history.under(()), self._everybody.count(_key(()), now=now), self._attacks.count(_key(()), now=now))
        places = []
        for length, (level, _) in enumerate(at, 1):
            key = _key(at[:length])
            # A sketch may tell more of a part than of the whole.
            everybody = min(self._everybody.count(key, now=now), within.everybody)
            attacks = min(self._attacks.count(key, now=now), within.attacks)
            seen = Seen(history.under(at[:length]), everybody, attacks)
            places.append(Place(level, seen, within))
            within = seen
        return Facts(
            places=tuple(places),
            sign_ins=history.sign_ins,
            known=history.known,
            hours=history.hours,
            hour=hour,
            known_device=known_device,
        )


def _add(counts: RecentCounts, at: Path, now: int) -> None:
    for length in range(len(at) + 1):
        counts.add(_key(at[:length]), now=now)


def _key(beginning: Path) -> bytes:
    whole = hashlib.blake2b(digest_size=32, person=b"acctsec/place")
    for level, name in beginning:
        whole.update(level.encode().ljust(16, b"\0") + name)
    return whole.digest()
