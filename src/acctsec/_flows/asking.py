"""How often somebody in a session may ask for what messages go out for, to others or to the owner."""

from datetime import timedelta

from acctsec._flows.core import EPOCH, Core
from acctsec.budgets import Budget
from acctsec.context import Context
from acctsec.outcomes import Refused
from acctsec.protocols import Charge, Granted, Resting
from acctsec.steps import Scene

PER_SUBJECT = Budget(limit=30, window=timedelta(days=1))
"""More than one source spends within an hour, so that a thief in a session does not at once keep the owner from asking."""


async def within_budget(core: Core, operation: str, scene: Scene, context: Context, *, stranger: bool = False) -> Refused | None:
    """
    Spend one of the messages and questions of the source, and one of the subject: each goes to somebody who may not want it, or
    asks whether a name is taken. One account behind many networks must not have texts sent to as many numbers. A *stranger*, who
    knows the password and no more, spends none of what the owner has.
    """
    per_source, per_subject, hold = core.policy.reset.per_source.ladder(), PER_SUBJECT.ladder(), core.draw(16)
    charges = []
    for key in range(core.keyring.index_count):
        source = core.keyring.digest("source row", context.tenant, context.source.key, key=key)[:16]
        subject = core.keyring.digest("stranger asking row" if stranger else "asking row", scene.tenant, scene.subject, key=key)[
            :16
        ]
        charges.append(Charge(source, b"!addresses", per_source, None, hold))
        charges.append(Charge(subject, b"!addresses", per_subject, None, hold))
    readings = await core.charge(scene, charges)
    if readings is None:
        readings = await core.charge_own(charges)
    if all(isinstance(reading, Granted) for reading in readings):
        return None
    core.refused(scene, operation, "budget", "source")
    until = max((one.until for one in readings if isinstance(one, Resting)), default=0)
    left = EPOCH + timedelta(microseconds=until) - scene.now
    return Refused(left) if left > timedelta(0) else Refused()
