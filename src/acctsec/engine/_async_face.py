"""AsyncEngine: the face for asyncio."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, cast

from acctsec import _ports
from acctsec._flows.ports import Ports
from acctsec.attacks.networks import OriginResolver
from acctsec.attacks.watching import AsyncAttackWatch
from acctsec.engine._admin import AdminActs
from acctsec.engine._face import Awaited
from acctsec.engine._operations import Operations
from acctsec.engine._wiring import (
    OWN_ROWS,
    Flows,
    check_form,
    check_outside,
    check_passkeys,
    check_resolver,
    check_wiring,
    forms,
    governor,
    shows_outbox,
)
from acctsec.events import AsyncEventSink
from acctsec.keyring import Keyring
from acctsec.policy import Policy
from acctsec.protocols import (
    AsyncBreachCorpus,
    AsyncChallenge,
    AsyncDirectory,
    AsyncMessenger,
    AsyncOutboxStore,
    AsyncOutsideFactor,
    AsyncPopularityCounter,
    AsyncStore,
    Clock,
    Entropy,
    PasskeyVerifier,
)
from acctsec.stores.memory import AsyncMemoryStore
from acctsec.stores.watch import AsyncMemoryWatch


class Tasks:
    """Begins flows that nobody waits for, each as a task of the running loop, at most a hundred at once."""

    MOST = 100

    def __init__(self) -> None:
        self._running: set[object] = set()  # a loop keeps no task alive by itself

    def __call__(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Begin a flow; False where too many are under way."""
        if len(self._running) >= self.MOST:
            return False
        from asyncio import get_running_loop

        task = get_running_loop().create_task(begin())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True


class AsyncEngine(Operations, Awaited):
    """
    Enforces one policy over one store, for asyncio. The same operations as Engine, awaited, over async ports.

    See Engine for the arguments; ``deliver_in_background`` has no async form: await ``deliver`` from a task of yours.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        store: AsyncStore,
        directory: AsyncDirectory,
        keyring: Keyring,
        messenger: AsyncMessenger | None = None,
        sink: AsyncEventSink | None = None,
        corpus: AsyncBreachCorpus | None = None,
        popularity: AsyncPopularityCounter | None = None,
        challenge: AsyncChallenge | None = None,
        outside: Mapping[str, AsyncOutsideFactor] | None = None,
        watch: AsyncAttackWatch | None = None,
        resolver: OriginResolver | None = None,
        passkeys: PasskeyVerifier | None = None,
        outbox: Literal["delivered", "manual"] = "delivered",
        clock: Clock = _ports.clock,
        entropy: Entropy = _ports.entropy,
    ) -> None:
        check_wiring(policy, keyring, messenger, popularity, outbox)
        for name, port, methods in forms(store, directory, messenger, sink, corpus, popularity, challenge, watch):
            check_form(name, port, methods, wants_async=True)
        check_resolver(resolver)
        check_outside(policy, outside or {}, wants_async=True)
        check_passkeys(policy, passkeys)
        pool = governor(policy)
        ports = Ports(
            records=store,
            outbox=cast("AsyncOutboxStore", store) if shows_outbox(store, wants_async=True) else None,
            meters=store,
            own_meters=AsyncMemoryStore(most_rows=OWN_ROWS),
            own_devices=AsyncMemoryStore(most_rows=OWN_ROWS),
            directory=directory,
            messenger=messenger,
            sink=sink,
            corpus=corpus,
            popularity=popularity,
            challenge=challenge,
            outside=dict(outside or {}),
            watch=AsyncMemoryWatch() if watch is None else watch,
            resolver=resolver,
            passkeys=passkeys,
            hash=pool.arun,
            offload=pool.arun,
            later=Tasks(),
            pause=_sleep,
            clock=clock,
            entropy=entropy,
        )
        self._flows = Flows(policy, keyring, ports)
        self.admin: AsyncAdmins = AsyncAdmins(self._flows)


class AsyncAdmins(AdminActs, Awaited):
    """What an operator does to a subject; each act names its actor and is an event."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)
