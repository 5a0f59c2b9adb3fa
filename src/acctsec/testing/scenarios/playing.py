"""Playing a scenario: what its actors do is done to an engine, and what it expects is looked at."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from attrs import evolve

from acctsec.engine import Engine
from acctsec.errors import AcctsecError
from acctsec.outcomes import Refused
from acctsec.testing._faces import Face
from acctsec.testing.scenarios.acting import Acting
from acctsec.testing.scenarios.checking import names
from acctsec.testing.scenarios.figures import Consequences, Moment, Played, checks_of
from acctsec.testing.scenarios.policies import duration, shift
from acctsec.testing.scenarios.reading import Loaded
from acctsec.testing.scenarios.schema import Account, Scenario
from acctsec.testing.scenarios.shaky import ShakyDirectory, ShakyStore
from acctsec.testing.scenarios.staging import move_in
from acctsec.testing.scenarios.steps import AnyStep, Hands, Operation, Person
from acctsec.testing.scenarios.telling import announced, happened, is_reason, reasons, seen_of, wait_of
from acctsec.testing.world import World


def play(loaded: Loaded, world: World[Engine]) -> Played:
    """
    Play a scenario in a fresh world, made under ``loaded.policy``.

    Raises AssertionError with every expectation that is not met, each named by its key.
    """
    played = perform(loaded, world)
    faults = [f"{check.key}: {check.wanted}, but it was {check.found}" for check in played.checks if not check.held]
    if faults:
        raise AssertionError("\n".join((f"{loaded.path.name}: {loaded.scenario.title}", *faults)))
    return played


def perform(loaded: Loaded, world: World[Engine]) -> Played:
    """Play a scenario as ``play`` does, and leave it to the caller whether what was expected came about."""
    stage = Stage(loaded, world)
    stage.set_up()
    outcomes = [stage.run(number, step) for number, step in enumerate(loaded.scenario.steps)]
    played = stage.played(outcomes)
    return evolve(played, checks=tuple(checks_of(loaded.scenario, played)))


class Stage:
    """A scenario and the world it happens in."""

    def __init__(self, loaded: Loaded, world: World[Engine]) -> None:
        self.scenario: Scenario = loaded.scenario
        self.world: World[Engine] = world
        self.accounts: dict[str, Account] = names(loaded.scenario)
        self.people: dict[str, Person] = {}
        self.hands: dict[str, Hands] = {}
        self.moments: list[Moment] = []
        self.consequences: list[Consequences] = []
        self.began: datetime = world.clock()
        self.mails: int = 0
        self.events: int = 0
        self.mails_at_first: int = 0
        self.events_at_first: int = 0
        self.since: dict[str, datetime | None] = {}
        if any(step.trouble for step in self.scenario.steps):
            world.store, world.directory = ShakyStore(world.store), ShakyDirectory()
            world.restart()

    def set_up(self) -> None:
        """Bring the accounts to where the attack finds them."""
        world = self.world
        for number, (name, account) in enumerate(self.accounts.items()):
            self.people[name] = move_in(world, name, account, number)
        world.deliver()
        world.clock.advance(hours=2)  # whatever was charged or asked for on the way is long past
        world.comparisons.clear()
        for name, actor in self.scenario.actors.items():
            device = self.people[actor.device].device if actor.device else None
            passkey = self.people[actor.passkey].passkey if actor.passkey else None
            self.hands[name] = Hands(device=device, passkey=passkey)
        self.began = world.clock()
        self.mails = self.mails_at_first = len(world.messenger.messages)
        self.events = self.events_at_first = len(world.sink.handed)
        self.since = {name: self._export(name).password_since for name in self.accounts}

    # --- steps ---

    def run(self, at: int, step: AnyStep) -> Counter[str]:
        """Do a step as often as it says, deliver what it left behind, and count the outcomes."""
        self.world.clock.advance(shift(step.after))
        with self._trouble(step.trouble):
            if not isinstance(step, Operation):
                step.perform(Acting(self, step.by, 1))
                found = []
            elif step.at_once:
                found = Face(self).together([("act", (at, step, number)) for number in range(1, step.times + 1)])
                found = self._explained(found)
            else:
                found = list(self._in_turn(at, step))
        self.world.deliver()
        self.moments += found
        self.consequences.append(self._left_behind())
        return Counter(moment.outcome for moment in found)

    def _in_turn(self, at: int, step: Operation) -> Iterator[Moment]:
        for number in range(1, step.times + 1):
            if number > 1 and step.every:
                self.world.deliver()
                self.world.clock.advance(duration(step.every))
            known = len(self._reasons())
            moment = self.act(at, step, number)
            yield evolve(moment, why=(*moment.why, *self._reasons()[known:]))

    def _explained(self, found: list[Moment]) -> list[Moment]:
        """What happened at once, each refusal with one of the reasons that were observed: which is whose, nobody knows."""
        left = self._reasons()
        return [evolve(one, why=(left.pop(0),)) if one.outcome.startswith("Refused") and left else one for one in found]

    def act(self, at: int, step: Operation, number: int) -> Moment:
        """Do a step once."""
        acting, before = Acting(self, step.by, number), len(self.world.comparisons.all)
        try:
            outcome: object = step.perform(acting)
        except AcctsecError as error:
            outcome = error
        acting.keep(outcome)
        label = type(outcome).__name__
        if isinstance(outcome, Refused) and outcome.retry_after is not None:
            label = "Refused(retry_after)"
        hashes = 0 if step.at_once else len(self.world.comparisons.all) - before
        return Moment(
            step=at,
            number=number,
            since=self.world.clock() - self.began,
            by=step.by,
            source=acting.context.source.key,
            outcome=label,
            why=reasons(outcome),
            wait=wait_of(outcome),
            seen=seen_of(outcome, hashes),
        )

    @contextmanager
    def _trouble(self, trouble: str | None) -> Iterator[None]:
        world = self.world
        if trouble == "restart":
            world.deliver()
            world.restart()
        elif trouble == "meters-lost":
            world.store.lose_meters()
        elif trouble == "messenger-down":
            world.messenger.failure = RuntimeError("down")
        elif trouble == "directory-down":
            world.directory.down = True  # type: ignore[attr-defined]
        elif trouble is not None:
            world.store.trouble = trouble
        yield
        if trouble == "messenger-down":
            world.deliver()
            world.messenger.failure = None
        if trouble is not None:
            world.store.trouble = None
            world.directory.down = False  # type: ignore[attr-defined]

    def _reasons(self) -> list[str]:
        observed = self.world.engine._flows.core.observations  # noqa: SLF001 - a look inside: each refusal is told beside its attempt
        return [happened(one) for one in list(observed) if is_reason(one)]

    def _left_behind(self) -> Consequences:
        world = self.world
        mails, events = world.messenger.messages[self.mails :], world.sink.handed[self.events :]
        self.mails, self.events = self.mails + len(mails), self.events + len(events)
        once = list({key or number: event for number, (key, event) in enumerate(events)}.values())
        return Consequences(
            events=tuple(happened(event) for event in once if not is_reason(event)),
            messages=tuple(announced(mail) for mail in mails),
        )

    # --- what is looked at ---

    def played(self, outcomes: list[Counter[str]]) -> Played:
        """The figures at the end."""
        world, people = self.world, self.people
        lanes = {(one.name, lane.lane): lane for one in people.values() for lane in self._lanes(one)}
        passwords = {name: lanes[name, "password/strangers"] for name in people}
        factors = {name: lanes[name, "factor/strangers"] for name in people}
        exports = {name: self._export(name) for name in people}
        rows = {name: world.directory.get(one.tenant, one.subject) for name, one in people.items()}
        return Played(
            moments=tuple(self.moments),
            consequences=tuple(self.consequences),
            outcomes=tuple(outcomes),
            compared=len(world.comparisons.evaluated),
            guesses=len(world.comparisons.guesses),
            hashed=len(world.comparisons.all),
            messages=Counter(message.purpose for message in world.messenger.messages[self.mails_at_first :]),
            events=self._events(),
            sessions=Counter({name: hands.sessions for name, hands in self.hands.items()}),
            failures=Counter({name: lane.failures for name, lane in passwords.items() if lane.failures}),
            factor_failures=Counter({name: lane.failures for name, lane in factors.items() if lane.failures}),
            factors={name: tuple(factor.kind.value for factor in one.factors) for name, one in exports.items()},
            addresses={name: row.addresses if row else () for name, row in rows.items()},
            stopped=tuple(name for name, lane in passwords.items() if lane.stopped),
            changed=tuple(name for name, since in self.since.items() if exports[name].password_since != since),
            contested=tuple(name for name, one in exports.items() if one.contested),
            disabled=tuple(name for name, one in exports.items() if one.disabled),
        )

    def _events(self) -> Counter[str]:
        handed = self.world.sink.handed[self.events_at_first :]
        once = {key: event for key, event in handed if key}
        return Counter(type(one).__name__ for one in (*once.values(), *(event for key, event in handed if not key)))

    def _lanes(self, person: Person) -> Any:
        return self.world.calls.admin.lock_status(person.subject, tenant=person.tenant)

    def _export(self, name: str) -> Any:
        person = self.people[name]
        return self.world.calls.admin.export(person.subject, tenant=person.tenant)
