"""
What is seen across accounts: how a stranger's attempt is met, and what is counted when it was wrong.

A watch never decides: one that fails, or answers something else, is told and counts for nothing. Budgets hold without it.
"""

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from acctsec import events
from acctsec._flows.core import EPOCH, Core
from acctsec._flows.hashes import Password
from acctsec._flows.ports import port
from acctsec._values import Value
from acctsec.attacks.networks import Networks, networks
from acctsec.attacks.posture import Change, Posture
from acctsec.attacks.watching import Looked, Seen
from acctsec.context import Source
from acctsec.errors import PortError
from acctsec.steps import Scene


class Met(Value, frozen=True):
    """A stranger's attempt, and the *posture* that it meets."""

    seen: Seen
    posture: Posture

    @property
    def challenged(self) -> bool:
        """Whether a challenge is due before anything is compared."""
        return self.posture >= Posture.CHALLENGE

    @property
    def tightened(self) -> bool:
        """Whether what a source may do is narrower than usual."""
        return self.posture >= Posture.TIGHTEN


class Watching:
    """Puts strangers' attempts to the watch. ``look`` does not know whether anybody has a name; of ``wrong`` nobody sees it."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def look(self, scene: Scene, source: Source, *, typed: bytes, password: Password) -> Met:
        """How an attempt is met, before anything is charged or compared."""
        core, tenant = self.core, scene.tenant
        oldest = core.keyring.index_count - 1  # nodes that take up a new key one by one go on counting together
        digest = core.keyring.digest
        seen = Seen(
            tenant=tenant,
            networks=networks_of(core, scene, source),
            candidate=digest("watched password", tenant, password.text, key=oldest),
            account=digest("watched name", tenant, typed, key=oldest),
        )
        looked = await _asked(core.ports.watch.look(core.policy.attacks, seen, core.instant_of(scene.now)))
        if isinstance(looked, Looked) and type(looked.posture) is Posture and self._tell(scene, looked.changes):
            return Met(seen, looked.posture)
        self._failed(scene)
        return Met(seen, Posture.NORMAL)

    async def wrong(self, scene: Scene, met: Met) -> None:
        """Count a wrong password. Who typed the right one in vain, at a disabled account or in a closed lane, was as wrong."""
        core, known = self.core, scene.account is not None
        call = core.ports.watch.wrong(core.policy.attacks, met.seen, known_name=known, now=core.instant_of(scene.now))
        changes = await _asked(call)
        if not self._tell(scene, changes):
            self._failed(scene)

    def _failed(self, scene: Scene) -> None:
        """A watch that does not answer, or not what it should: the attempt is met as if there were none."""
        self.core.observe(events.PortFailed(**scene.head(), port="watch"))

    def _tell(self, scene: Scene, changes: object) -> bool:
        """Observe changes of postures; False for what are none."""
        try:
            told = [posture_changed(scene.tenant, change) for change in changes]  # type: ignore[attr-defined]
        except Exception:  # noqa: BLE001 - whatever a watch answers, the attempt goes on
            return False
        for event in told:
            self.core.observe(event)
        return True


def networks_of(core: Core, scene: Scene, source: Source) -> Networks:
    """The networks of a source. A resolver that fails is told, and its part is left out."""
    resolver = core.ports.resolver
    try:
        return networks(source, resolver)
    except Exception:  # noqa: BLE001 - nobody may be kept from signing in by a table of addresses
        core.observe(events.PortFailed(**scene.head(), port="resolver"))
        return networks(source)


async def _asked(call: Coroutine[Any, Any, object]) -> object:
    """What the watch answers; None for one that raises."""
    try:
        return await port("watch", call)
    except PortError:
        return None


def posture_changed(tenant: str, change: Change) -> events.PostureChanged:
    """A change as the event of it."""
    return events.PostureChanged(
        tenant=tenant,
        subject="",
        at=EPOCH + timedelta(microseconds=change.at),
        detector=change.detector.value,
        scope=change.detector.scope.value,
        name=change.name,
        before=change.before.name.lower(),
        after=change.after.name.lower(),
        level=change.level,
    )
