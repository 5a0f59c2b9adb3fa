"""
What a risk policy compares with: one owner's sign-ins, and those of everybody.

Places are paths from wide to narrow, each name a keyed digest: country, network, prefix, address. No address is kept as such.
"""

import hashlib
from collections.abc import Callable

from acctsec.attacks.networks import Networks
from acctsec.attacks.recent import RecentCounts
from acctsec.attacks.risk import Facts, Level, Place, Seen
from acctsec.errors import ConfigError
from acctsec.record import MAX_PLACES, MAX_SIGN_INS, History, Path

__all__ = ["MAX_PLACES", "MAX_SIGN_INS", "History", "Path", "Traffic", "path"]


def path(networks: Networks, digest: Callable[[str], bytes]) -> Path:
    """The names of a place, wide to narrow, as far as they are known; *digest* is keyed, and has the tenant in it."""
    named = [
        (Level.COUNTRY, networks.country),
        (Level.ASN, f"AS{networks.asn}" if networks.asn is not None else ""),
        # Of two prefixes of IPv6 the wider one: between a home and a site is nothing to learn.
        (Level.PREFIX, networks.prefixes[-1] if networks.prefixes else ""),
        (Level.ADDRESS, networks.address),
    ]
    return tuple((level.value, digest(f"{level}/{name}")[:16]) for level, name in named if name)


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
            places.append(Place(Level(level), seen, within))
            within = seen
        return Facts(
            places=tuple(places),
            sign_ins=history.sign_ins,
            known=history.known,
            hours=tuple(history.hours),
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
