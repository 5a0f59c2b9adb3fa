"""
What the record hears of guesses: every tenth of a lane or budget, each rung, and each one while the meters do not answer.

A phantom has no record. It pays the same flush, so that a guess takes as long for both.
"""

from collections.abc import Callable

from acctsec import events
from acctsec._flows.core import NOBODY, Core, Loaded
from acctsec._values import Value, evolve
from acctsec.events import Event
from acctsec.identifiers import Identifier
from acctsec.lockout import LADDERED, Admitted, Lane, SecretClass, month_of
from acctsec.outcomes import TryAgain
from acctsec.record import Record
from acctsec.steps import (
    Done,
    No,
    Notice,
    Scene,
    Step,
    count_alone,
    count_guesses,
    give_back,
    reach_rung,
    reached,
)


class Who(Value, frozen=True, kw_only=True):
    """Whose secret is guessed: a subject, or the phantom of an unknown identifier, which is metered and looked at like one."""

    names: tuple[bytes | str, ...]
    loaded: Loaded | None = None

    @property
    def record(self) -> Record | None:
        """The subject's record; a phantom has none."""
        return self.loaded.record if self.loaded else None

    @property
    def stored(self) -> Loaded | None:
        """The record, if there is one in the store."""
        return self.loaded if self.loaded is not None and self.loaded.version else None


def known(scene: Scene, loaded: Loaded) -> Who:
    """
    A subject as the owner of meters: named with its incarnation and meter generation.

    A record in which no password was ever set names nobody: it is made by what anybody can ask for, such as a reset, and meters
    that began anew with it would tell an account from a phantom, whose meters go on.
    """
    record = loaded.record
    life = record.incarnation if record.epoch else b""
    names = ("subject", scene.tenant, scene.subject, life, record.meters.to_bytes(8, "big"))
    return Who(names=names, loaded=loaded)


def phantom(tenant: str, identifier: Identifier, loaded: Loaded) -> Who:
    """An unknown identifier as the owner of meters, with the record that it has not: what is asked of one takes time."""
    return Who(names=("phantom", tenant, identifier.kind.value, identifier.value), loaded=loaded)


class Counting:
    """Writes guesses down where they outlast the meters."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def count(self, scene: Scene, who: Who, due: dict[str, int]) -> Who | TryAgain:
        """
        Let the record know of every tenth failure, before the secret is compared.

        Answers whose secret it is, with the record as it is now: what is committed next must not lose a race against this.
        TryAgain where it cannot be written down: then nothing may be compared, and the next attempt is the tenth again.
        """
        if not due:
            return who
        counted = tuple(events.GuessesCounted(**scene.head(), lane=name, count=count) for name, count in due.items())
        past = (who.stored or NOBODY).record
        done, who = await self._written(scene, who, lambda record: count_guesses(record, counted=counted, past=past), counted)
        return done.verdict if isinstance(done.verdict, TryAgain) else who

    async def count_alone(
        self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, admitted: Admitted
    ) -> tuple[Who, bool] | TryAgain:
        """
        Count a guess in the record, as the meters do not answer; answers whether the lane has stopped.

        A repeat of a wrong secret counts no more here than elsewhere, and is stopped like everything else.
        """
        core, policy = self.core, self.core.policy
        if not admitted.new:
            record = who.record
            return who, record is not None and policy.lockout.stopped(record, kind, lane, now=scene.now)
        # It had to wait for its turn: what it read before is old, and would lose the race.
        stored = who.stored or NOBODY
        latest = await core.load(stored.key, fresh=b"")
        there = stored.version is not None and latest.version is not None
        names = policy.lockout.remembered(kind, lane)
        done, counted = await self._written(
            scene,
            evolve(who, loaded=latest if there else None),
            lambda record: count_alone(policy, record, scene=scene, kind=kind, lane=lane, past=stored.record),
            tuple(events.GuessesCounted(**scene.head(), lane=one, count=admitted.ordinal) for one in names),
        )
        if isinstance(done.verdict, TryAgain):
            return done.verdict
        return (counted, isinstance(done.verdict, No)) if there else (who, stored.version is not None)

    async def give_back(self, scene: Scene, who: Who, kind: SecretClass, lane: Lane) -> None:
        """Take back what was counted alone: nothing was compared, or it was right."""
        policy, past = self.core.policy, (who.stored or NOBODY).record
        await self._written(scene, who, lambda record: give_back(policy, record, kind=kind, lane=lane, past=past), ())

    async def reach(self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, count: int, *, month: int) -> None:
        """Say that a failure brought the lane to its next rung, which a record says once; or used the month up, at *month*."""
        if month:
            await self._written(scene, who, unchanged, reached(scene, rung="stopped", lane=month_of(kind), count=month))
        policy, past = self.core.policy, (who.stored or NOBODY).record
        opened = who.record.checkpoint(lane.name(kind)).opened if who.record else 0
        rung = policy.lockout.rung(kind, lane, count, opened)
        if not rung or rung == policy.lockout.rung(kind, lane, count - 1, opened):
            return
        if kind in LADDERED and who.stored:
            await self._written(
                scene,
                who,
                lambda record: reach_rung(policy, record, scene=scene, kind=kind, lane=lane, count=count, past=past),
                (),
            )
            return
        await self._written(scene, who, unchanged, reached(scene, rung=rung, lane=lane.name(kind), count=count))

    async def _written(
        self, scene: Scene, who: Who, step: Callable[[Record], Step], said: tuple[Event | Notice, ...]
    ) -> tuple[Step, Who]:
        """Commit what a step changes in a record; where there is none, *said* alone, in as many calls whatever comes of them."""
        stored = who.stored
        if stored is None:
            done, _ = await self.core.applied(scene, NOBODY, unchanged, said=said)
            return done, who
        done, loaded = await self.core.applied(scene, stored, step, said=said)
        return done, evolve(who, loaded=loaded)


def unchanged(record: Record) -> Step:
    """The step of whoever has nothing to write down."""
    return Step(Done(), record)
