"""What a recovery policy gives to whom, and what a thief of each kind can do."""

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from acctsec.recovery.policy import RecoveryPolicy


@frozen(kw_only=True)
class Explained:
    """What `RecoveryPolicy.explain` answers."""

    policy: "RecoveryPolicy"


def explain(policy: "RecoveryPolicy") -> Explained:
    """What `RecoveryPolicy.explain` answers."""
    return Explained(policy=policy)
