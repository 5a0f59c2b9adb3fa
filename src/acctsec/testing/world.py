"""
Worlds: an engine wired to doubles, ready to be played with.

``world()`` is a blocking engine on a memory store, ``async_world()`` an async one; everything in it can be replaced.
The policy's hashing should be the cheapest there is, as in the preset CHEAPEST.
"""

from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from inspect import iscoroutine
from typing import Any, Generic, TypeVar, cast

from attrs import define, field

from acctsec.claims import ChallengeAnswer, Initial
from acctsec.context import Context
from acctsec.engine import AsyncEngine, Engine
from acctsec.keyring import Keyring
from acctsec.outcomes import FactorAdded, PasswordChanged, SignedIn
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST
from acctsec.protocols import Account, AsyncStore, Store
from acctsec.stores import AsyncMemoryStore, MemoryStore
from acctsec.testing.doubles import (
    CHALLENGE,
    CORPUS,
    DIRECTORY,
    MESSENGER,
    OUTSIDE,
    POPULARITY,
    SINK,
    WATCH,
    WRITABLE,
    Authenticator,
    Comparisons,
    ManualClock,
    MemoryDirectory,
    RecordingMessenger,
    RecordingSink,
    SeededEntropy,
    as_async,
    instrumented,
)

EngineT = TypeVar("EngineT", Engine, AsyncEngine)
WorldT = TypeVar("WorldT", bound="World[Any]")

PASSWORD = "seven quiet otters 418"  # noqa: S105 - the password of everybody here
IDENTIFIER = "alice@example.org"
SOURCE = "192.0.2.7"


def world(
    *,
    policy: Policy = CHEAPEST,
    store: Store | None = None,
    seed: int = 0,
    corpus: object = None,
    popularity: object = None,
    challenge: object = None,
    outside: Mapping[str, object] | None = None,
    watch: object = None,
    resolver: object = None,
) -> "World[Engine]":
    """
    A blocking engine and its doubles.

    >>> w = world()
    >>> w.sign_up("u1", "alice@example.org").subject
    'u1'
    >>> type(w.engine.sign_in("Alice@Example.org", PASSWORD, context=w.context())).__name__
    'SignedIn'
    """
    store = MemoryStore() if store is None else store
    more: dict[str, Any] = {"corpus": corpus, "popularity": popularity, "challenge": challenge, "watch": watch}
    more |= {"outside": outside, "resolver": resolver}
    return built(World, Engine, store, policy=policy, seed=seed, **more)


def async_world(
    *,
    policy: Policy = CHEAPEST,
    store: AsyncStore | None = None,
    seed: int = 0,
    corpus: object = None,
    popularity: object = None,
    challenge: object = None,
    outside: Mapping[str, object] | None = None,
    watch: object = None,
    resolver: object = None,
) -> "World[AsyncEngine]":
    """
    An async engine and its doubles; *corpus*, *popularity*, *challenge* and *watch*, if any, in their blocking form. Close it
    when it is no longer used.
    """
    store = AsyncMemoryStore() if store is None else store
    more: dict[str, Any] = {"corpus": corpus, "popularity": popularity, "challenge": challenge, "watch": watch}
    more |= {"outside": outside, "resolver": resolver}
    return built(World, AsyncEngine, store, policy=policy, seed=seed, **more)


def built(
    kind: type[WorldT],
    face: type,
    store: Any,
    *,
    policy: Policy,
    seed: int,
    corpus: object = None,
    popularity: object = None,
    challenge: object = None,
    outside: Mapping[str, object] | None = None,
    watch: object = None,
    resolver: object = None,
) -> WorldT:
    """A world of that kind around that face and store."""
    policy, comparisons = instrumented(policy)
    entropy = SeededEntropy(seed)
    keyring = Keyring(sealing=[entropy(32)], index=[entropy(32)], entropy=entropy)
    return kind(
        face=face,
        policy=policy,
        store=store,
        keyring=keyring,
        entropy=entropy,
        comparisons=comparisons,
        corpus=corpus,
        popularity=popularity,
        challenge=challenge,
        outside=outside,
        watch=watch,
        resolver=resolver,
    )


@define(kw_only=True, slots=False)
class World(Generic[EngineT]):
    """
    One engine, everything around it, and short ways to bring it where a test begins.

    ``engine`` is the face that was asked for. ``calls`` has the same operations and answers them at once, whichever
    face it is, so that one test can be run with both.
    """

    face: type[EngineT]
    policy: Policy
    store: Any
    keyring: Keyring
    entropy: SeededEntropy
    comparisons: Comparisons
    corpus: Any = None
    popularity: Any = None
    challenge: Any = None
    outside: Any = None
    watch: Any = None
    resolver: Any = None
    clock: ManualClock = field(factory=ManualClock)
    directory: MemoryDirectory = field(factory=MemoryDirectory)
    messenger: RecordingMessenger = field(factory=RecordingMessenger)
    sink: RecordingSink = field(factory=RecordingSink)
    engine: EngineT = field(init=False)
    calls: Engine = field(init=False)
    _runner: Any = None

    def __attrs_post_init__(self) -> None:
        self.restart()

    def restart(self, policy: Policy | None = None, keyring: Keyring | None = None) -> EngineT:
        """A new engine on the same store: what a process forgets is forgotten. Policy and keys may be others from now on."""
        if policy is not None:
            self.policy, self.comparisons = instrumented(policy)
        self.keyring = keyring or self.keyring
        wants_async = self.face is AsyncEngine
        form: Callable[..., Any] = as_async if wants_async else _as_it_is
        ports: dict[str, Any] = {
            "policy": self.policy,
            "store": self.store,
            "keyring": self.keyring,
            "directory": form(self.directory, WRITABLE if hasattr(self.directory, "apply") else DIRECTORY),
            "messenger": form(self.messenger, MESSENGER),
            "sink": form(self.sink, SINK),
            "corpus": None if self.corpus is None else form(self.corpus, CORPUS),
            "popularity": None if self.popularity is None else form(self.popularity, POPULARITY),
            "challenge": None if self.challenge is None else form(self.challenge, CHALLENGE),
            "outside": {name: form(one, OUTSIDE) for name, one in (self.outside or {}).items()},
            "watch": None if self.watch is None else form(self.watch, WATCH),
            "resolver": self.resolver,
            "clock": self.clock,
            "entropy": self.entropy,
        }
        self.engine = self.face(**ports)
        self.calls = cast("Engine", AtOnce(self.engine, self._run) if wants_async else self.engine)
        return self.engine

    def close(self) -> None:
        """Close the store, if it can be closed, and give back the event loop of an async world."""
        close = getattr(self.store, "close", None)
        closing = None if close is None else close()
        if iscoroutine(closing):
            self._run(closing)
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if self._runner is None:
            from asyncio import Runner

            self._runner = Runner()
        return self._runner.run(coroutine)

    # --- short ways ---

    def context(
        self,
        address: object = SOURCE,
        *,
        device: str | None = None,
        tenant: str = "",
        challenge: ChallengeAnswer | None = None,
    ) -> Context:
        """The facts of a request."""
        return Context.of(address, device=device, tenant=tenant, challenge=challenge)

    def sign_up(
        self, subject: str = "u1", identifier: str = IDENTIFIER, password: str | None = PASSWORD, **fields: Any
    ) -> Account:
        """Add an account, reachable under its identifier where that is an e-mail address, and set its first password."""
        fields.setdefault("addresses", (identifier,) if "@" in identifier else ())
        account = self.directory.put(Account(subject=subject, identifiers=(identifier,), **fields))
        if password is not None:
            changed = self.calls.set_password(subject, password, by=Initial(), context=self.context())
            assert isinstance(changed, PasswordChanged), changed
        return account

    def sign_in(self, identifier: str = IDENTIFIER, password: str = PASSWORD, **facts: Any) -> SignedIn:
        """Sign in with a password that is enough by itself."""
        outcome = self.calls.sign_in(identifier, password, context=self.context(**facts))
        assert isinstance(outcome, SignedIn), outcome
        return outcome

    def enroll(self, session: str, *, name: str = "phone") -> tuple[Authenticator, str]:
        """Set an authenticator up and confirm it; answers it and the new session. The clock moves on to its next code."""
        started = self.calls.enroll_totp(session, name=name, context=self.context())
        app = Authenticator(started)  # type: ignore[arg-type]
        added = self.calls.confirm_factor(app.ticket, app.code(self.clock()), context=self.context())
        assert isinstance(added, FactorAdded), added
        self.clock.advance(seconds=30)
        return app, added.session

    def reset_link(self, identifier: str = IDENTIFIER) -> str:
        """Ask for a reset, deliver it, and open the mail."""
        self.calls.request_reset(identifier, context=self.context())
        self.deliver()
        return self.messenger.link

    def deliver(self) -> None:
        """Deliver everything that is due, and what that brings about."""
        while self.calls.deliver().sent:
            pass


def _as_it_is(port: object, _: object) -> object:
    return port


class AtOnce:
    """An async face, driven from outside a loop."""

    def __init__(self, face: object, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._face = face
        self._run = run

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._face, name)
        if name == "admin":
            return AtOnce(found, self._run)
        if not callable(found):
            return found

        @wraps(found)
        def answer(*args: Any, **kwargs: Any) -> Any:
            return self._run(found(*args, **kwargs))

        return answer
