"""The stage of EngineMachine: the world, two people, what is remembered of them, and how the whole story is judged."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from acctsec import events
from acctsec.budgets import Budget, Rungs
from acctsec.context import Context
from acctsec.engine import AsyncEngine, Engine
from acctsec.mfa import Action
from acctsec.outcomes import AssuranceLevel, Refused, TryAgain
from acctsec.password import Age, AtSignIn, Breached
from acctsec.policy import Policy
from acctsec.protocols import Account, MessagePurpose
from acctsec.record import SKEW
from acctsec.stores import AsyncMemoryStore, MemoryStore
from acctsec.testing.doubles import MemoryDirectory
from acctsec.testing.machine._model import CHANGES, NOTICES, Family, Generation, Person, Reset, Session, Ticket
from acctsec.testing.turns import RACING
from acctsec.testing.world import World, built

T = TypeVar("T")

MINUTE = timedelta(minutes=1)
OFTEN = Budget(limit=50, window=20 * MINUTE)
HASTY = evolve(
    RACING,
    name="hasty",
    password=evolve(RACING.password, rules=(*RACING.password.rules, Breached())),
    mfa=evolve(RACING.mfa, required_groups=frozenset({"staff"}), recovery_codes=4),
    reset=evolve(RACING.reset, per_source=OFTEN, per_subject=OFTEN, passwords_by_administrators=True),
    lockout=evolve(
        RACING.lockout,
        strangers=Rungs(free=3, first=MINUTE, longest=5 * MINUTE, stop=6),
        device=Rungs(free=2, first=MINUTE, longest=5 * MINUTE, stop=3),
    ),
)
"""RACING with ladders so short that a few steps climb them, resets that are asked for often, and staff who need a factor."""

AGING = evolve(
    HASTY,
    name="aging",
    password=evolve(HASTY.password, max_age=timedelta(days=1), on_age=Age.FORCE, min_age=10 * MINUTE),
)
"""HASTY for those whom a standard binds to ages: a password changes after ten minutes at the earliest, after a day at last."""

FOR_GOOD = (Action.EXPORT_DATA, Action.DELETE_ACCOUNT, Action.CREATE_CREDENTIAL)
NUMBER = st.integers(0, 10_000)
WHO = st.integers(0, 1)
AT_ONCE = st.sampled_from((True, True, False))


def granted(outcome: object, kind: type[T], *or_else: type, allowed: bool) -> T | None:
    """*outcome* if it is of *kind*, which it may be only where the model allows it; otherwise it must be one of *or_else*."""
    if isinstance(outcome, kind):
        assert allowed, f"the model does not allow {outcome!r}"
        return outcome
    assert isinstance(outcome, or_else or (Refused, TryAgain)), f"unexpected {outcome!r}"
    return None


def pick(things: Sequence[T], number: int) -> T | None:
    """One of several things, the newest for 0."""
    return things[-1 - number % len(things)] if things else None


class Leaks:
    """A breach corpus that passwords fall into as the story goes on."""

    def __init__(self) -> None:
        self.leaked: set[str] = set()

    def count(self, password: str) -> int:
        """Once, or never."""
        return int(password in self.leaked)


class Stage(RuleBasedStateMachine):
    """The world of an EngineMachine."""

    face: ClassVar[type] = Engine
    policy: ClassVar[Policy] = HASTY

    # --- to override ---

    def make_store(self) -> Any:
        """A fresh store of the form that ``face`` wants."""
        return AsyncMemoryStore() if self.face is AsyncEngine else MemoryStore()

    def make_directory(self) -> Any:
        """A fresh user table, which also takes rows by ``put(account)`` and ``change(subject, **fields)``."""
        return MemoryDirectory()

    def lose_meters(self) -> bool:
        """Let the store forget its meters, as after a failure; False where it cannot be made to."""
        store = getattr(self.world.store, "_store", self.world.store)
        if not isinstance(store, MemoryStore):
            return False
        store._rows.clear()  # noqa: SLF001 - as no store of ours would by itself
        store._round.clear()  # noqa: SLF001
        return True

    def dump(self) -> bytes:
        """Everything that the store keeps, to look for secrets in."""
        store = getattr(self.world.store, "_store", self.world.store)
        kept = (store._records, store._outbox, store._rows) if isinstance(store, MemoryStore) else ()  # noqa: SLF001
        return repr(kept).encode()

    # --- beginning and end ---

    def __init__(self) -> None:
        super().__init__()
        self.leaks: Leaks = Leaks()
        self.world: World[Any] = built(World, self.face, self.make_store(), policy=self.policy, seed=1, corpus=self.leaks)
        self.world.directory = self.make_directory()
        self.world.restart()
        self.secrets: list[str] = []
        self.shown: list[str] = []
        self.happened: Counter[type] = Counter()
        self.told: Counter[MessagePurpose] = Counter()
        self.opened: int = 0
        self.numbers: int = 0
        self.people: list[Person] = [
            Person("u1", "alice@example.org", "Alice@example.org"),
            Person("u2", "b\u00f6rge", "staff@example.org", required=True),
        ]
        for person in self.people:
            account = Account(
                subject=person.subject,
                identifiers=(person.identifier,),
                addresses=(person.address,),
                groups=frozenset({"staff"} if person.required else ()),
            )
            self.world.directory.put(account)

    def teardown(self) -> None:
        """Deliver what is left and hold the whole story against the model."""
        try:
            if sys.exc_info()[0] is None:  # otherwise the story broke off, and that is the news
                self.world.restart()
                self.world.clock.advance(timedelta(days=1))
                self.world.deliver()
                self.check_story()
        finally:
            self.world.close()

    def check_story(self) -> None:
        """One event and one notice a change, none twice, and no secret anywhere."""
        found = Counter(type(event) for event in self.world.sink.events)
        for kind in CHANGES:
            assert found[kind] == self.happened[kind], f"{found[kind]} events {kind.__name__} of {self.happened[kind]} changes"
        sent = Counter(message.purpose for message in self.world.messenger.messages)
        for one in NOTICES:
            assert sent[one] == self.told[one], f"{sent[one]} messages {one.value} of {self.told[one]} changes"
        written = repr(self.world.sink.handed) + repr(self.world.messenger.handed) + "".join(self.shown)
        kept = self.dump()
        for secret in self.secrets:
            assert secret not in written, f"a secret was shown: {secret}"
            assert secret.encode() not in kept, f"a secret is stored: {secret}"

    # --- short ways ---

    def leaked(self, password: str) -> bool:
        """Whether the policy demands a change of that password as it is signed in with."""
        rules = self.policy.password
        looks = rules.looks_up_at_sign_in and rules.at_sign_in is AtSignIn.CHECK
        return looks and rules.refuses_leaked(self.leaks.count(password))

    @property
    def now(self) -> datetime:
        """The present of the world."""
        return self.world.clock.now

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Ask the engine; what it answers must not show a secret. A copied session token ends its session, whatever it is for."""
        copied = [one for one in self.presented((*args, *kwargs.values())) if self.is_copied(*one)]
        outcome = getattr(self.world.calls, name)(*args, **kwargs)
        self.shown.append(repr(outcome))
        for _, session in copied:
            session.end()
            self.happens(events.SessionCopied, MessagePurpose.SESSION_COPIED)
        return outcome

    def presented(self, given: Sequence[object]) -> list[tuple[Person, Session]]:
        """The session whose token is among what is given, if there is one."""
        texts = {getattr(one, name, one) for one in given for name in ("token", "session")}
        return [(person, one) for person in self.people for one in person.sessions if one.text in texts][-1:]

    def is_copied(self, person: Person, session: Session) -> bool:
        """Whether the model takes a token for one of two copies."""
        rules = self.policy.sessions
        return person.lives(session, self.now, rules) and session.is_copy(self.now, rules.grace)

    def context(self, device: str | None = None) -> Context:
        """A request from a network that nobody used before, so that no source is ever over its budget."""
        self.numbers += 1
        return self.world.context(f"10.{self.numbers >> 16}.{self.numbers >> 8 & 255}.{self.numbers & 255}", device=device)

    def invent(self, kind: str) -> str:
        """A password that occurs nowhere else."""
        self.numbers += 1
        return self.hide(f"{kind} canary {self.numbers} marmalade")

    def hide(self, *secrets: str) -> str:
        """Remember secrets that must not be found anywhere."""
        self.secrets += secrets
        return secrets[0]

    def happens(self, kind: type, *notices: MessagePurpose) -> None:
        """A change was committed: foretell its event and notices."""
        self.happened[kind] += 1
        self.told.update(notices)

    def session_given(
        self,
        person: Person,
        text: str,
        level: AssuranceLevel,
        *,
        authenticated: datetime | None = None,
        made: datetime | None = None,
        generation: Generation | None = None,
    ) -> Session:
        """Remember a session that was given out."""
        session = Session(
            text=self.hide(text),
            life=person.life,
            epoch=person.epoch,
            made=made or self.now,
            expires=(made or self.now) + self.policy.sessions.absolute,
            level=level,
            authenticated=authenticated or self.now,
            active=self.now,
            family=Family(generation=generation or Generation()),
            generation=generation or Generation(),
        )
        person.sessions.append(session)
        return session

    def ticket(
        self, person: Person, text: str, *, proofs: frozenset[str] = frozenset({"password"}), reset: Reset | None = None
    ) -> Ticket:
        """A ticket that was given out."""
        signs_in = "password" in proofs
        lasts = self.policy.sessions.ticket_lifetime if signs_in else self.policy.reset.resume_lifetime
        ticket: Ticket = person.mint(Ticket, self.hide(text), now=self.now, lasts=lasts, proofs=proofs, reset=reset)
        return ticket

    def live(self, person: Person, session: Session) -> bool:
        """Whether the model lets a session stand."""
        return person.live(session, self.now, self.policy.sessions)

    def must_change(self, person: Person) -> bool:
        """Whether the model lets nobody in before the password is changed: it was demanded, or is of age."""
        rules = self.policy.password
        due = rules.due(person.since) if person.password and person.since and rules.on_age is Age.FORCE else None
        return person.demanded(self.now) or (due is not None and due <= self.now)

    def lapsed(self, person: Person) -> bool:
        """Whether the model lets nobody in with a password that an administrator set, and nobody replaced in time."""
        if person.since is None or not person.set_for_it:
            return False
        return not -SKEW <= self.now - person.since < self.policy.reset.initial_lifetime

    def too_soon(self, person: Person) -> bool:
        """Whether the model lets a change without cause wait for the minimum age."""
        if person.password is None or person.since is None or person.change or self.must_change(person):
            return False
        return -SKEW <= self.now - person.since < self.policy.password.min_age

    def may_change(self, person: Person, session: Session) -> bool:
        """Whether the model lets a session change a credential."""
        return person.may_change(session, self.now, self.policy.sessions)

    def may(self, person: Person, session: Session, action: str) -> bool:
        """Whether the model lets a session do what asks for fresh proof; what is for good waits while a veto may come."""
        return self.may_change(person, session) and (action not in FOR_GOOD or person.may_for_good(self.now))
