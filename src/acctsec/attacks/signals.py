"""What a detector says: how much of what it looks for it has found, and where."""

import hashlib
from enum import StrEnum

from acctsec._values import Value


class Scope(StrEnum):
    """What a posture holds for."""

    ADDRESS = "address"
    PREFIX = "prefix"
    ASN = "asn"
    PASSWORD = "password"  # noqa: S105 - a scope: whoever tries this one, at any account
    TENANT = "tenant"


class Detector(StrEnum):
    """
    What looks: the reputation of three kinds of networks, guesses at names that nobody has, one password or network at many
    accounts, a rise of failures.

    UNKNOWN alone knows whether a name exists. So what it leads to is told to operators and seen by nobody else.
    """

    ADDRESS = "address-reputation"
    PREFIX = "prefix-reputation"
    ASN = "asn-reputation"
    UNKNOWN = "unknown-names"
    SPRAY = "password-spray"
    CROWD = "many-accounts-from-prefix"
    SURGE = "rise-of-failures"

    @property
    def scope(self) -> Scope:
        """What its signals are about."""
        return _SCOPES[self]


_SCOPES = {
    Detector.ADDRESS: Scope.ADDRESS,
    Detector.PREFIX: Scope.PREFIX,
    Detector.ASN: Scope.ASN,
    Detector.UNKNOWN: Scope.ADDRESS,
    Detector.SPRAY: Scope.PASSWORD,
    Detector.CROWD: Scope.PREFIX,
    Detector.SURGE: Scope.TENANT,
}


class Signal(Value, frozen=True):
    """
    How far one detector has come at one place. *level* is whole: points, accounts, or hundredths of a ban (see ``surge``).

    *name* is the network or the tenant; of a password only what ``opaque`` makes.
    """

    detector: Detector
    name: str
    level: int


def opaque(candidate: bytes) -> str:
    """A name for a password's keyed digest that may stand in an event: 32 bits, which lead back to neither."""
    return hashlib.blake2b(candidate, digest_size=4, person=b"acctsec/opaque").hexdigest()
