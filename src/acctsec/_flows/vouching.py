"""Which of the contacts who agreed are still somebody: looked up when it is counted."""

from acctsec._flows.core import Core, Loaded
from acctsec.record import Change, Record
from acctsec.steps import Scene, vouching


async def contact(core: Core, owner: Scene, subject: str) -> tuple[Scene, Loaded]:
    """A contact as it is now, at the instant of the operation on its owner."""
    account = await core.get(owner.tenant, subject)
    scene = Scene(tenant=owner.tenant, subject=subject, account=account, now=owner.now, source=owner.source)
    return scene, await core.load(core.record_key(owner.tenant, subject), fresh=b"")


async def standing(core: Core, scene: Scene, record: Record, change: Change) -> frozenset[str]:
    """
    Of the contacts who agreed to a change, those whose accounts are in order: neither disabled, nor erased, nor contested. Who
    spoke for a contested one may not have been its owner.
    """
    found = set()
    for one in vouching(core.policy, record, change):
        theirs, loaded = await contact(core, scene, one.subject)
        if loaded.version is not None and theirs.active(loaded.record) and loaded.record.contest is None:
            found.add(one.subject)
    return frozenset(found)
