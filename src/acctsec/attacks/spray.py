"""
Spraying and stuffing: one password at many accounts, many accounts from one network.

Both are wrong guesses that no single account finds strange. They are counted by the account they went to, so one person's
bad day is one account, and a client with a stale password as well.
"""

import hashlib

from attrs import field, frozen

from acctsec._values import Value
from acctsec.attacks.networks import Networks
from acctsec.attacks.signals import Detector, Signal, opaque
from acctsec.attacks.spread import Spread, SpreadPolicy
from acctsec.checks import kind


class Guessed(Value, frozen=True):
    """
    One wrong password: keyed digests of it and of the name it was tried at, and where it came from.

    The names need not exist. Take the digests under the index key with a purpose of their own, and the tenant in them: each
    *tenant* is watched for itself.
    """

    candidate: bytes
    account: bytes
    networks: Networks
    tenant: str = ""


class Sprays(Value, frozen=True):
    """What both detectors remember."""

    candidates: Spread = Spread()
    networks: Spread = Spread()


@frozen(kw_only=True)
class SprayPolicy:
    """
    What is watched for sprays: passwords, and prefixes.

    Args:
        candidates: how many passwords are watched, and for how long. Default 512 for a day: of all wrong guesses one in 512
            has to be the same password for it to be sure of a place.
        prefixes: the same for networks. Default 2,048 for a day, since they are many in quiet times.

    What follows from a number of accounts is in the ``PosturePolicy``.
    """

    candidates: SpreadPolicy = field(default=SpreadPolicy(), validator=kind(SpreadPolicy))
    prefixes: SpreadPolicy = field(default=SpreadPolicy(keys=2_048), validator=kind(SpreadPolicy))

    @property
    def most_bytes(self) -> int:
        """The most memory that one state takes in CPython."""
        return self.candidates.most_bytes + self.prefixes.most_bytes

    def step(self, state: Sprays, guess: Guessed, *, now: int) -> tuple[Sprays, tuple[Signal, ...]]:
        """
        Note one wrong password; returns how many accounts its password and its networks have touched.

        A known device is not to be put here. Pure; *now* is in microseconds.
        """
        candidates, accounts = self.candidates.touch(state.candidates, guess.candidate, guess.account, now=now)
        signals = [Signal(Detector.SPRAY, opaque(guess.candidate), accounts)]
        networks = state.networks
        for prefix in guess.networks.prefixes:
            networks, accounts = self.prefixes.touch(networks, named(prefix, guess.tenant), guess.account, now=now)
            signals.append(Signal(Detector.CROWD, prefix, accounts))
        return Sprays(candidates, networks), tuple(signals)


def named(prefix: str, tenant: str = "") -> bytes:
    """A prefix as a tenant sees it, as a key: no address is kept as such."""
    return hashlib.blake2b(f"{prefix} {tenant}".encode(), digest_size=16, person=b"acctsec/prefix").digest()
