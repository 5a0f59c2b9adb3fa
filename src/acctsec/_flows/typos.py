"""
Typos: what an owner mistyped before he got it right is taken back, where no stranger can see that it was.

Only in the month of the strangers. The meters of a source and of a pair are seen by whoever is behind them: a refund would tell
him that a guess was near. A lane is cleared by the success itself. And a phantom never succeeds, so there is nothing to imitate.
"""

from collections.abc import Sequence
from contextlib import suppress

from acctsec._flows.core import Core
from acctsec._flows.guesses import Guess, Guesses
from acctsec.hashing.job import Job
from acctsec.lockout import SecretClass, month_of
from acctsec.password.slips import slips
from acctsec.protocols import Charge, Granted, Settle, Settlement
from acctsec.record import Record
from acctsec.steps import forgive

Found = Sequence[tuple[Charge, tuple[int, ...]]]
"""Months, and the candidates of each that were slips."""


class Typos:
    """Forgives slips after a full success."""

    def __init__(self, guesses: Guesses) -> None:
        self.core: Core = guesses.core
        self.guesses = guesses

    def forgive_later(self, guess: Guess, typed: str) -> None:
        """
        Take back the slips of a month, while the sign-in that proved the password goes on.

        The password as it was *typed* is in memory for as long as that takes and nowhere else. Where too much is under way, or
        meters do not answer, nothing is forgiven: what was counted is counted.
        """
        reserved = guess.reserved
        months = () if reserved.alone else self.core.policy.lockout.forgivable(reserved.charges, reserved.readings)
        if months:
            self.core.ports.later(lambda: self._try(guess, months, typed))

    async def _try(self, guess: Guess, months: tuple[Charge, ...], typed: str) -> None:
        with suppress(Exception):  # nobody is there to be told
            found = await self._found(guess, months, typed)
            if any(candidates for _, candidates in found):
                await self._forgive(guess, found)

    async def _found(self, guess: Guess, months: tuple[Charge, ...], typed: str) -> Found:
        """The slips among what each month remembers as wrong."""
        seen = await self._seen(months)
        if not any(seen):
            return ()
        scene, who, candidate = guess.scene, guess.who, self.guesses.candidate

        def search() -> Found:
            near, found = slips(typed), []
            for key, (month, remembered) in enumerate(zip(months, seen, strict=True)):
                mistyped = {candidate(scene, who, one, key=key) for one in near} if remembered else set()
                found.append((month, tuple(one for one in remembered if one in mistyped)))
            return found

        return await self.core.ports.offload(Job(search, key=scene.source))  # type: ignore[no-any-return]

    async def _seen(self, months: Sequence[Charge]) -> list[tuple[int, ...]]:
        tallies = await self.core.ports.meters.read([(one.slot, one.meter, one.ladder) for one in months], self.core.instant())
        return [tally.seen for tally in tallies]

    async def _forgive(self, guess: Guess, found: Found) -> None:
        """
        Forgive what was found, and let the record know, or it would bring it back once the meters are lost.

        The record is read first: where it has changed by the time it is told, it knows better, or knows too much. So nothing is
        taken from it twice, and a crash in between leaves it knowing too much.
        """
        core, who = self.core, guess.who
        if who.loaded is None:
            return
        loaded = await core.load(who.loaded.key, fresh=b"")
        past, name = loaded.record, month_of(SecretClass.PASSWORD)
        if _names(past) != _names(who.loaded.record):
            return
        forgiven = [await self._forgive_in(month, candidates) for month, candidates in found]
        number, left = min(number for number, _ in forgiven), max(left for _, left in forgiven)
        if number and past.checkpoint(name).count:
            await core.apply(guess.scene, loaded, lambda record: forgive(record, lane=name, number=number, left=left, past=past))

    async def _forgive_in(self, month: Charge, candidates: tuple[int, ...]) -> tuple[int, int]:
        """Forgive as many as may still be, those that failed last first; how many, and how many are left."""
        core, lockout = self.core, self.core.policy.lockout
        budget = lockout.forgiving(month, 1)
        wanted = [(budget.slot, budget.meter, budget.ladder), (month.slot, month.meter, month.ladder)]
        spent, now = await core.ports.meters.read(wanted, core.instant())
        left = budget.ladder.stop - spent.count
        chosen = [one for one in candidates if one in now.seen][-left:] if left > 0 else []
        if not chosen:
            return 0, now.count
        (reading,) = await core.ports.meters.charge((lockout.forgiving(month, len(chosen)),), core.instant())
        if not isinstance(reading, Granted):
            return 0, now.count
        settlements = [Settlement(month.slot, month.meter, month.ladder, b"", Settle.FORGIVE, one) for one in chosen]
        await core.ports.meters.settle(settlements, core.instant())
        return len(chosen), max(now.count - len(chosen), 0)


def _names(record: Record) -> tuple[object, ...]:
    """What candidates and meters are named by."""
    return record.incarnation, record.meters, record.epoch
