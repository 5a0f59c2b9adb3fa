"""How a message leaves: through the messenger, and within what its address gets."""

from acctsec._flows.core import Core
from acctsec._flows.ports import port
from acctsec.budgets import Budget
from acctsec.errors import PortError
from acctsec.protocols import Charge, Granted, Message
from acctsec.steps import Scene


async def send(core: Core, message: Message) -> None:
    """Hand a message to the messenger."""
    if core.ports.messenger is None:
        raise PortError("There is no messenger.", remedy="Deliver with an engine that has one.")
    await port("messenger.send", core.ports.messenger.send(message))


async def within_budget(core: Core, scene: Scene, recipient: str, meter: bytes, budget: Budget, hold: bytes) -> bool:
    """Spend one of the messages an address of the subject gets; what fills one mailbox takes nothing from another."""
    ladder = budget.ladder()
    charges = []
    for key in range(core.keyring.index_count):
        row = core.keyring.digest("message row", scene.tenant, scene.subject, recipient, key=key)[:16]
        charges.append(Charge(row, meter, ladder, None, hold))
    readings = await core.charge(scene, charges)
    if readings is None:
        readings = await core.charge_own(charges)
    return all(isinstance(reading, Granted) for reading in readings)
