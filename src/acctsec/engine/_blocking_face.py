"""Engine: the blocking face."""

from collections.abc import Callable, Mapping
from threading import Event as Flag
from threading import Thread
from typing import Literal

from acctsec import _ports
from acctsec._blocking import Awaitable, Threads, awaitable
from acctsec._flows.ports import Ports
from acctsec.attacks.networks import OriginResolver
from acctsec.attacks.watching import AttackWatch
from acctsec.engine._admin import AdminActs
from acctsec.engine._face import Blocking
from acctsec.engine._operations import Operations
from acctsec.engine._wiring import (
    CHALLENGE,
    METERS,
    OUTBOX,
    OUTSIDE,
    OWN_ROWS,
    POPULARITY,
    RECORDS,
    WATCH,
    Flows,
    check_form,
    check_outside,
    check_passkeys,
    check_resolver,
    check_wiring,
    directory_methods,
    forms,
    governor,
    shows_outbox,
)
from acctsec.events import EventSink
from acctsec.keyring import Keyring
from acctsec.policy import Policy
from acctsec.protocols import (
    BreachCorpus,
    Challenge,
    Clock,
    Directory,
    Entropy,
    Messenger,
    OutsideFactor,
    PasskeyVerifier,
    PopularityCounter,
    Store,
)
from acctsec.stores.memory import MemoryStore
from acctsec.stores.watch import MemoryWatch

DELIVERY_PAUSE = 1.0


class Engine(Operations, Blocking):
    """
    Enforces one policy over one store, blocking. Thread-safe; share one a process.

    Args:
        policy: what is decided. ``Policy()`` is the preset SOCIAL_DEFAULT.
        store: records and meters, such as ``SqliteStore(path)``. It must not take part in the host's transactions.
        directory: the platform's user table.
        keyring: the deployment's secrets.
        messenger: hands messages to people. Without one name ``outbox="manual"``: another process delivers.
        sink: takes events.
        corpus: knows leaked passwords; without one that rule has nothing to say.
        popularity: counts how many accounts share a password, for ``PasswordPolicy.popularity_cap``.
        challenge: the puzzle that is put to a suspicious sign-in, such as ``acctsec.challenges.ProofOfWork()``. Without one
            nobody is asked.
        outside: who checks the factors that ``MfaPolicy.outside`` names, by those names.
        watch: remembers what was guessed wrong across accounts, for ``Policy.attacks``. Default: a ``MemoryWatch``, which sees
            this process alone.
        resolver: tells whose an address is, such as ``acctsec.attacks.maxmind.MaxMind``.
        passkeys: checks what passkeys sign. Default: the library ``webauthn`` (``pip install acctsec[passkeys]``), loaded when it
            is first needed.
        deliver_in_background: call ``deliver`` every second from a thread, for small deployments. Otherwise a worker of
            yours must call it: reset mails wait in the outbox until then.
        clock, entropy: for tests.

    Raises ConfigError for a port of the wrong form.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        store: Store,
        directory: Directory,
        keyring: Keyring,
        messenger: Messenger | None = None,
        sink: EventSink | None = None,
        corpus: BreachCorpus | None = None,
        popularity: PopularityCounter | None = None,
        challenge: Challenge | None = None,
        outside: Mapping[str, OutsideFactor] | None = None,
        watch: AttackWatch | None = None,
        resolver: OriginResolver | None = None,
        passkeys: PasskeyVerifier | None = None,
        outbox: Literal["delivered", "manual"] = "delivered",
        deliver_in_background: bool = False,
        clock: Clock = _ports.clock,
        entropy: Entropy = _ports.entropy,
    ) -> None:
        check_wiring(policy, keyring, messenger, popularity, outbox)
        for name, port, methods in forms(store, directory, messenger, sink, corpus, popularity, challenge, watch):
            check_form(name, port, methods, wants_async=False)
        check_resolver(resolver)
        check_outside(policy, outside or {}, wants_async=False)
        check_passkeys(policy, passkeys)
        pool = governor(policy)
        ports = Ports(
            records=Awaitable(store, *RECORDS),  # type: ignore[arg-type]
            outbox=Awaitable(store, *OUTBOX) if shows_outbox(store, wants_async=False) else None,  # type: ignore[arg-type]
            meters=Awaitable(store, *METERS),  # type: ignore[arg-type]
            own_meters=Awaitable(MemoryStore(most_rows=OWN_ROWS), *METERS),  # type: ignore[arg-type]
            own_devices=Awaitable(MemoryStore(most_rows=OWN_ROWS), *METERS),  # type: ignore[arg-type]
            directory=Awaitable(directory, *directory_methods(directory)),  # type: ignore[arg-type]
            messenger=None if messenger is None else Awaitable(messenger, "send"),  # type: ignore[arg-type]
            sink=None if sink is None else Awaitable(sink, "record"),  # type: ignore[arg-type]
            corpus=None if corpus is None else Awaitable(corpus, "count"),  # type: ignore[arg-type]
            popularity=None if popularity is None else Awaitable(popularity, *POPULARITY),  # type: ignore[arg-type]
            challenge=None if challenge is None else Awaitable(challenge, *CHALLENGE),  # type: ignore[arg-type]
            outside={name: Awaitable(one, *OUTSIDE) for name, one in (outside or {}).items()},  # type: ignore[misc]
            watch=Awaitable(MemoryWatch() if watch is None else watch, *WATCH),  # type: ignore[arg-type]
            resolver=resolver,
            passkeys=passkeys,
            hash=awaitable(pool.run),
            offload=awaitable(_inline),
            later=Threads(),
            pause=awaitable(_ports.pause),
            clock=clock,
            entropy=entropy,
        )
        self._flows = Flows(policy, keyring, ports)
        self.admin: Admins = Admins(self._flows)
        self._stop = Flag()
        if deliver_in_background:
            Thread(target=self._deliver_forever, name="acctsec-delivery", daemon=True).start()

    def close(self) -> None:
        """Stop delivering in the background. The store is the caller's to close."""
        self._stop.set()

    def _deliver_forever(self) -> None:
        while not self._stop.wait(DELIVERY_PAUSE):
            try:
                while self.deliver().left:
                    pass
            except Exception as error:  # noqa: BLE001 - a broken world now may be whole in a second; the entries stay
                _complain(error)


class Admins(AdminActs, Blocking):
    """What an operator does to a subject; each act names its actor and is an event."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows


def _inline(work: Callable[[], object]) -> object:
    return work()


def _complain(error: Exception) -> None:
    import logging

    logging.getLogger("acctsec").error("Delivery in the background failed: %s", type(error).__name__)
