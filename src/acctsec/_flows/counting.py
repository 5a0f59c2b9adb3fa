"""
What the record hears of guesses: every tenth of a lane or budget, each rung, and each one while the meters do not answer.

A phantom has no record. It pays the same flush, so that a guess takes as long for both.
"""

from acctsec import events
from acctsec._flows.core import Core, Loaded
from acctsec._values import Value, evolve
from acctsec.errors import CommitUnknown
from acctsec.events import Event
from acctsec.identifiers import Identifier
from acctsec.keyring import frame
from acctsec.lockout import LADDERED, Admitted, Lane, SecretClass
from acctsec.outcomes import TryAgain
from acctsec.record import Record
from acctsec.steps import No, Notice, Scene, count_alone, count_guesses, give_back, reach_rung, reached

PHANTOM = frame("phantom")


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

    async def count(self, scene: Scene, who: Who, due: dict[str, int]) -> Who:
        """
        Let the record know of every tenth failure, before the secret is compared.

        Answers whose secret it is, with the record as it is now: what is committed next must not lose a race against this.
        """
        if not due:
            return who
        counted = tuple(events.GuessesCounted(**scene.head(), lane=name, count=count) for name, count in due.items())
        stored = who.stored
        if stored is None:
            await self._say(scene, counted)
            return who
        past = stored.record
        done, loaded = await self.core.applied(scene, stored, lambda record: count_guesses(record, counted=counted, past=past))
        if not done.effects:
            await self._say(scene, counted)
        return evolve(who, loaded=loaded)

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
        stored = who.stored
        latest = await core.load(stored.key if stored else PHANTOM, fresh=b"")
        if stored is not None and latest.version:
            past = stored.record
            done, loaded = await core.applied(
                scene, latest, lambda record: count_alone(policy, record, scene=scene, kind=kind, lane=lane, past=past)
            )
            if isinstance(done.verdict, TryAgain):
                return done.verdict
            who = evolve(who, loaded=loaded)
            if not isinstance(done.verdict, No):
                return who, False
        names = policy.lockout.remembered(kind, lane)
        await self._say(scene, tuple(events.GuessesCounted(**scene.head(), lane=one, count=admitted.ordinal) for one in names))
        return who, stored is not None

    async def give_back(self, scene: Scene, who: Who, kind: SecretClass, lane: Lane) -> None:
        """Take back what was counted alone: nothing was compared, or it was right."""
        stored, policy = who.stored, self.core.policy
        if stored is None:
            await self._say(scene, ())
            return
        past = stored.record
        await self.core.apply(scene, stored, lambda record: give_back(policy, record, kind=kind, lane=lane, past=past))

    async def reach(self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, count: int) -> None:
        """Say that a failure brought the lane to its next rung."""
        core, stored, lockout = self.core, who.stored, self.core.policy.lockout
        opened = who.record.checkpoint(lane.name(kind)).opened if who.record else 0
        rung = lockout.rung(kind, lane, count, opened)
        if not rung or rung == lockout.rung(kind, lane, count - 1, opened):
            return
        if stored is not None and kind in LADDERED:
            past = stored.record
            await core.apply(
                scene,
                stored,
                lambda record: reach_rung(core.policy, record, scene=scene, kind=kind, lane=lane, count=count, past=past),
            )
            return
        await self._say(scene, reached(scene, rung=rung, lane=lane.name(kind), count=count))

    async def _say(self, scene: Scene, effects: tuple[Event | Notice, ...]) -> None:
        """Commit effects without a record."""
        core, absent = self.core, Loaded(PHANTOM, Record(incarnation=b""), None)
        try:
            await core.commit(scene, absent, None, effects, core.draw(16))
        except CommitUnknown:  # who has a record looks again whether it happened
            await core.ports.pause(core.jitter(1))
            await core.load(absent.key, fresh=b"")
