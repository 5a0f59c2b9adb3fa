"""An engine that is watched: every call of its ports and every hash is written down, and ports fail as they are told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from attrs import frozen

from acctsec.attacks.watching import AsyncAttackWatch
from acctsec.engine import AsyncEngine, Engine
from acctsec.hashing import Comparison, HashingPolicy
from acctsec.testing._costs import cost_of
from acctsec.testing._troubles import CALM, HASHED, Trouble
from acctsec.testing.doubles import CHALLENGE, CORPUS, MESSENGER, POPULARITY, SINK, STORE, WATCH, WRITABLE, ManualClock
from acctsec.testing.world import World

PORTS: Mapping[str, Sequence[str]] = {
    "records": ("load", "commit", "drain", "ack", "scan"),
    "meters": ("charge", "settle", "read"),
    "directory": WRITABLE,
    "messenger": MESSENGER,
    "sink": SINK,
    "corpus": CORPUS,
    "popularity": POPULARITY,
    "challenge": CHALLENGE,
    "watch": WATCH,
}
OBJECTS: Mapping[str, Sequence[str]] = {"store": STORE, **{name: PORTS[name] for name in list(PORTS)[2:]}}


@frozen
class Called:
    """
    One call of a port. *detail* is what of it may not depend on whether somebody exists: no key and no value, but every number.

    *cost* is set for hashes: the scheme and what it takes.
    """

    name: str
    detail: object = None
    cost: str | None = None

    def __str__(self) -> str:
        return f"{self.name}({self.cost or self.detail or ''})"


class Watch:
    """
    Writes down what the engine of a world, and whoever holds its ports, asks of them; from when it is made on.

    It stands between the engine and its ports, whoever built that engine. *trouble* is what is wrong with them now. While
    *idle* nothing is hashed, only written down.
    """

    def __init__(self, world: World[Any]) -> None:
        self.calls: list[Called] = []
        self.trouble: Trouble = CALM
        self.idle = False
        self._met = 0
        self._clock: ManualClock = world.clock
        self._held: list[tuple[object, str]] = []
        engine: Engine | AsyncEngine = world.engine
        core = engine._flows.core  # noqa: SLF001 - the kit looks inside, so that whoever uses it need not
        originals = {name: getattr(world, name, None) for name in OBJECTS}
        core.ports.watch = _Still(core.ports.watch)
        for name, methods in PORTS.items():
            port = getattr(core.ports, name)
            if port is not None:
                setattr(core.ports, name, _Watched(self, name, port, methods))
        core.ports.hash = self.watched("hash permit", core.ports.hash)
        # Nobody sleeps, and a wait is as long for everybody: how often a crowd is asked again must not hang on chance.
        core.ports.pause = self.watched("pause", _pass)
        core.jitter = _long  # type: ignore[assignment, method-assign]
        core.hashes.policy = _WatchedHashing(self, core.hashes.policy)  # type: ignore[assignment]
        for name, port in originals.items():
            if port is not None:
                self._watch_object(name, port)

    def _watch_object(self, name: str, port: object) -> None:
        """A port as a request handler may hold it: what is asked of it past the engine is seen as well."""
        for method in OBJECTS[name]:
            call = getattr(port, method, None)
            if call is None:
                continue
            watched = self.watched if iscoroutinefunction(call) else self._watched_blocking
            try:
                setattr(port, method, watched(f"{name}.{method} by your own code", call))
            except AttributeError:  # of slots: only what the engine asks is seen
                return
            self._held.append((port, method))

    def let_go(self) -> None:
        """Leave the ports as they were: a store may be one that others use."""
        for port, method in self._held:
            delattr(port, method)
        self._held.clear()

    def watched(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        """An awaited call, written down with what it answered, or with the class of what it raised."""

        @wraps(call)
        async def asked(*args: Any, **kwargs: Any) -> Any:
            try:
                failure = self._failure(name)
                if failure is None or self.trouble.late:
                    answer = await call(*args, **kwargs)
                if failure is not None:
                    answer = _instead(failure)
            except Exception as error:
                self.calls.append(Called(name, type(error).__name__))
                raise
            self.calls.append(Called(name, _shape(name, args, answer)))
            return answer

        return asked

    def _watched_blocking(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def asked(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(Called(name))
            self.before(name)
            return call(*args, **kwargs)

        return asked

    def begin(self) -> None:
        """Another operation begins: what was seen of the last one is forgotten."""
        self.calls.clear()
        self._met = 0

    def before(self, name: str) -> None:
        """What happens to a call before it is made: nothing, or the trouble of the hour."""
        failure = self._failure(name)
        if failure is not None:
            _instead(failure)

    def _failure(self, name: str) -> Callable[[], object] | None:
        """What comes of a call in place of its answer, if the trouble of the hour meets this one."""
        trouble = self.trouble
        if name.startswith(trouble.slow):
            self._clock.advance(seconds=trouble.seconds)
        failure = next((what for prefix, what in trouble.raises.items() if name.startswith(prefix)), None)
        if failure is None:
            return None
        self._met += 1
        return failure if trouble.at in (0, self._met) else None


def _instead(failure: Callable[[], object]) -> object:
    """What a call answers in place of its own, or the raising of it."""
    came = failure()
    if isinstance(came, Exception):
        raise came
    return came


async def _pass(_: float) -> None:
    pass


def _long(_: int) -> float:
    return 60.0


class _Still:
    """
    A watch across accounts as it was when all began.

    What is guessed from now on is not counted: whoever came later would meet a harder posture, whoever he tried.
    """

    def __init__(self, watch: AsyncAttackWatch) -> None:
        self.look = watch.look

    async def wrong(self, *_: object, **__: object) -> tuple[()]:
        return ()


class _Watched:
    """A port whose calls are written down."""

    def __init__(self, watch: Watch, name: str, port: object, methods: Sequence[str]) -> None:
        for method in methods:
            if hasattr(port, method):  # a directory may have no apply
                setattr(self, method, watch.watched(f"{name}.{method}", getattr(port, method)))


class _WatchedHashing:
    """A hashing policy whose every hash is written down with its cost. That a decoy is compared shows nowhere outside."""

    def __init__(self, watch: Watch, hashing: HashingPolicy) -> None:
        self._watch = watch
        self._hashing = hashing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hashing, name)

    def verify(self, stored: str, password: str) -> Comparison:
        self._note("verify", stored)
        return Comparison.DIFFERENT if self._watch.idle else self._hashing.verify(stored, password)

    def spend(self, stored: str, password: str) -> None:
        self._note("verify", stored)
        if not self._watch.idle:
            self._hashing.spend(stored, password)

    def hash(self, password: str, *, salt: bytes) -> str:
        self._note("hash", self._hashing.decoy())
        return self._hashing.hash(password, salt=salt)

    def _note(self, deed: str, stored: str) -> None:
        self._watch.calls.append(Called(HASHED + deed, cost=cost_of(self._hashing, stored)))
        self._watch.before(HASHED + deed)


def _shape(name: str, args: tuple[Any, ...], answer: Any) -> object:
    """
    What of a call is compared.

    Of charges the meters' classes, ladders and readings, of settlements the verdicts, of
    commits how many entries go to the outbox.
    """
    if name == "meters.charge":
        pairs = zip(args[0], answer, strict=False)
        return tuple((one.meter[:1] == b"!", repr(one.ladder), type(read).__name__) for one, read in pairs)
    if name == "records.commit":
        return len(args[3])
    if name == "meters.settle":
        return tuple(one.verdict.value for one in args[0])
    return None
