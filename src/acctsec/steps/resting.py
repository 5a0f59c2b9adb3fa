"""Factors that rest on an address of the account, and what becomes of them when it goes."""

from collections.abc import Sequence
from hmac import compare_digest

from acctsec import events
from acctsec._values import evolve
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Delivered, Factors, Record
from acctsec.steps.effects import Effect, Notice
from acctsec.steps.reports import without_proof
from acctsec.steps.scene import Scene

WITHDRAWN = "withdrawn"
"""Why a factor proves nothing whose address somebody else took off."""


def resting_on(record: Record, names: Sequence[bytes]) -> tuple[Delivered, ...]:
    """The factors whose codes go to an address, by its names under each index key."""
    return tuple(one for one in record.factors.delivered if any(compare_digest(one.digest, name) for name in names))


def without_resting(policy: Policy, record: Record, scene: Scene, names: Sequence[bytes]) -> Factors | None:
    """
    The factors without those that rest on an address; None where the policy needs one of them: then another one is due first. A
    new number is a new factor (SP 800-63B-4 section 3.1.3.3), so none moves along with a replacement.
    """
    factors: Factors | None = record.factors
    for one in resting_on(record, names):
        factors = None if factors is None else policy.mfa.remove(factors, one.id, groups=scene.groups)
    return factors


def fall(
    policy: Policy, record: Record, scene: Scene, names: Sequence[bytes], *, withdrawn: bool
) -> tuple[Record, tuple[Effect, ...]]:
    """
    The record without the factors of an address that has gone, and what is told of it.

    Where somebody else *withdrew* it, or the policy needs the factor by now, it stays and proves nothing: it goes on guarding the
    account, which nobody opens by taking a number away. Nor does a session or a browser rest on it any longer: whoever took the
    number over may have come in by it.
    """
    resting = resting_on(record, names)
    if not resting:
        return record, ()
    left = None if withdrawn else without_resting(policy, record, scene, names)
    if left is not None:
        after = evolve(record, factors=left, accepted=record.accepted if left.live else b"")
        fallen = tuple(events.FactorDropped(**scene.head(), factor=one.id, kind=one.KIND) for one in resting)
        return after, (*fallen, Notice(MessagePurpose.FACTOR_REMOVED))
    after, told = record, tuple[Effect, ...]()
    for one in resting:
        if one.reported:
            continue
        sent = tuple(each for each in after.factors.sent if each.factor != one.id)
        factors = evolve(after.factors, sent=sent).with_factor(evolve(one, reported=WITHDRAWN))
        after = without_proof(policy, after, factors, one)
        told += (events.FactorInvalidated(**scene.head(), factor=one.id, kind=one.KIND, why=WITHDRAWN),)
    return after, told
