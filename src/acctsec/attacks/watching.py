"""
The port of whoever watches: where scores, sprays, rises and postures are remembered between attempts.

``MemoryWatch`` is one of a process. One for many processes shares what they saw; it may be late and inexact, since what it says
only raises a posture.
"""

from typing import Protocol

from acctsec._values import Value
from acctsec.attacks.networks import Networks
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Change, Posture


class Seen(Value, frozen=True, kw_only=True):
    """
    What is known of an attempt before its password is looked at.

    *candidate* and *account* are keyed digests of 32 bytes, of the password and of the name as it was typed, each with the
    *tenant* in it. A watch keeps nothing else of either, and lets nothing of one tenant count in another.
    """

    tenant: str
    networks: Networks
    candidate: bytes
    account: bytes


class Looked(Value, frozen=True):
    """The highest *posture* that holds for an attempt, and what came down while it was looked at."""

    posture: Posture
    changes: tuple[Change, ...] = ()


class AsyncAttackWatch(Protocol):
    """
    Looks across accounts, for strangers; known devices are never put to it. An instant is an integer of microseconds.

    Each call answers soon, or raises StoreUnavailable: then the attempt goes on as if there were no watch.
    """

    async def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked:
        """
        The posture that an attempt meets: of its networks, its password and its tenant.

        It answers alike whether or not anybody has that name, for it cannot know. Postures whose time is over come down here.
        """

    async def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]:
        """
        Count one wrong password; returns what changed.

        A repeat, the same password at the same name from the same source, is not put here. *known_name* counts for
        ``Detector.UNKNOWN`` alone, and nothing that ``look`` answers may depend on it: not its posture, and not what is
        remembered or driven out.
        """


class AttackWatch(Protocol):
    """The blocking form of AsyncAttackWatch."""

    def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked: ...

    def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]: ...
