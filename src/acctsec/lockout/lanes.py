"""Lanes: what is guessed, where an attempt is counted, and what a charge of it comes to."""

from datetime import timedelta
from enum import StrEnum

from acctsec._values import Value
from acctsec.lockout import hits as mass
from acctsec.meters import KEEP
from acctsec.record import Record

MONTH = "/month"


class SecretClass(StrEnum):
    """What is being guessed. Each class of a subject has budgets of its own; all second factors share one."""

    PASSWORD = "password"  # noqa: S105 - a class, not a password
    FACTOR = "factor"
    RESET_CODE = "reset-code"
    RESET_FACTOR = "reset-factor"  # a second factor beside a proven reset: never closed by what failed at the sign-in
    RECOVERY = "recovery"  # a recovery code as the first proof of a reset: anybody can begin there
    ENROLLMENT = "enrollment"
    ADDRESS = "address-code"  # the code that proves a new address: any session can ask for one, and must use up nothing else
    UNLOCK = "unlock"  # a second factor that opens the lane of strangers: anybody can begin there, and use up nothing else
    REUSE = "reuse"  # asking, by proposing it as the new one, whether a password is or was in use


LADDERED = frozenset({SecretClass.PASSWORD, SecretClass.FACTOR})
"""Classes with lanes and a hard stop; the others have a budget a day."""


class Lane(Value, frozen=True):
    """Where an attempt is counted: with all strangers, with those in one known network, or with one known device."""

    device: bytes | None = None
    network: bytes | None = None

    @property
    def known(self) -> bool:
        """Whether this is the lane of a known device. A network is shared: who stands in one is a stranger still."""
        return self.device is not None

    def name(self, kind: SecretClass) -> str:
        """The lane's name in the record and in the meters of its subject."""
        if self.device is not None:
            return f"{kind.value}/{self.device.hex()}"
        return f"{kind.value}/{'strangers' if self.network is None else f'network-{self.network.hex()}'}"


STRANGERS = Lane()
OPENED = STRANGERS.name(SecretClass.PASSWORD)
"""The lane that its owner may open once it has stopped."""

UNLOCK_LIFETIME = timedelta(hours=24)
"""How long a mailed link opens that lane: as long as a recovery code by e-mail may live (SP 800-63B-4 section 4.2.1.2)."""


def month_of(kind: SecretClass) -> str:
    """The name of the budget that refills by time, in the record and in the meters of a subject."""
    return kind.value + MONTH


UNNOTICED = STRANGERS.name(SecretClass.UNLOCK)
"""Where strangers can stop nothing that an owner misses: nobody is told."""

BY_TIME = frozenset((mass.NAME, *(month_of(kind) for kind in LADDERED)))
"""Budgets that refill by time alone."""


def era(record: Record, lane: str) -> str:
    """
    What the failures of a lane are counted in; those of an earlier era are of no account.

    A redeemed reset begins a new one of every lane, an opening by the owner one of the strangers' passwords. What refills by time
    alone has but one, until an administrator begins all meters anew.
    """
    number = record.openings[-1].number if lane == OPENED and record.openings else 0
    return f"@{record.lanes}.{number}" if lane not in BY_TIME and (record.lanes or number) else ""


class Attempt(Value, frozen=True, kw_only=True):
    """
    One wish to compare a secret, with the names its meters go by.

    *subject* and *source* name rows; *pair* names the meter of this source against what was typed. *era* is what the lane's
    failures are counted in, *opened* how often its owner opened it.
    """

    kind: SecretClass
    lane: Lane
    subject: bytes
    source: bytes
    pair: bytes
    candidate: int
    outside: int  # the same for the source's meters, without anything of the subject: what a source sees must not tell
    hold: bytes
    known: int = 0  # failures the record remembers of this lane
    floor: int = 0  # the same, read again because the meter knows of fewer
    tightened: bool = False  # what looks across accounts asks for narrower budgets
    month: int = 0  # failures the record remembers of the month
    era: str = ""
    opened: int = 0
    weight: int = 0  # what the guess takes of the hit count
    mass: int = 0  # what the record remembers to be used up of it


class Admitted(Value, frozen=True):
    """The secret may be compared. *ordinal* is the lane's count with this attempt; settle with *settlements*."""

    ordinal: int
    new: bool


class Crowded(Value, frozen=True):
    """All room is held by attempts under way, of the same source or on a known device: wait a moment and charge again."""


class OverBudget(Value, frozen=True):
    """The caller's own source has to wait until this instant (microseconds); nothing is compared."""

    until: int


class Closed(Value, frozen=True):
    """
    The lane rests, has stopped, or is full of strangers' guesses under way: do the work of a comparison and answer like a wrong
    secret. *until* is for known devices.
    """

    until: int | None
    stopped: bool


Judgement = Admitted | Crowded | OverBudget | Closed


def without_era(meter: bytes) -> bytes:
    """What a meter is called in every era."""
    return meter.removeprefix(KEEP).partition(b"@")[0]
