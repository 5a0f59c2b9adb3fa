"""Challenges: a puzzle that has to be solved before an operation goes on, and the ticket that makes its answer good once."""

import hmac
from datetime import timedelta
from hashlib import sha256

from acctsec import events
from acctsec._flows.core import BRIEF, EPOCH, Core
from acctsec._flows.ports import port
from acctsec._flows.tokens import Purpose
from acctsec.budgets import Budget
from acctsec.claims import ChallengeAnswer, ChallengeClaims
from acctsec.context import Context
from acctsec.errors import ConfigError, PortError, StoreBusy
from acctsec.keyring import frame
from acctsec.outcomes import ChallengeRequired, Refused, TryAgain
from acctsec.protocols import AsyncChallenge, Charge, Granted, Reading, Resting, Solved, Unsolved
from acctsec.record import SKEW
from acctsec.steps import Scene

MAX_PUZZLE_BYTES = 256
MAX_ANSWER = 8_192  # the longest tokens of CAPTCHA services take about half of it
OPERATION = "sign_in"
ONCE = Budget(limit=1, window=timedelta(hours=1) + 2 * SKEW)
"""
How often a ticket is good. It is remembered for longer than any ticket lives, on every clock that may open it; a store
keeps the row for twice as long, which is more than the hour that its own idea of the time may be behind.
"""

Asked = ChallengeRequired | Refused | TryAgain
"""What stands in the way: a puzzle, a source that sends too many answers, a store that has no room for the call."""


class Challenges:
    """
    Asks for answers, and looks at each once.

    Everything here follows from the request alone: nothing is loaded, so it is the same for every account and for none.
    """

    def __init__(self, core: Core) -> None:
        self.core = core

    async def gate(
        self, scene: Scene, context: Context, typed: bytes | str, *, due: bool, device: bytes | None = None
    ) -> Asked | None:
        """
        What has to be solved before the operation goes on; None where nothing has.

        None means that no challenge is *due*, that the engine has none to ask, or that the answer in *context* is right: it is
        spent now, so call this once an operation with *due*. *typed* is how the subject was named. The answers of a
        known *device* are counted by themselves: its neighbours must not use up what it needs.
        """
        challenge = self.core.ports.challenge
        if not due or challenge is None:
            return None
        given = context.challenge
        if given is None:
            return await self.ask(scene, context, typed, reason="due")
        claims = self._opened(given, scene, context, typed)
        if claims is None:
            return await self.ask(scene, context, typed, reason="ticket")
        try:
            readings = await self._spend(claims, scene, context, device)
        except StoreBusy:  # a crowd at the store: nothing was looked at
            return TryAgain(BRIEF)
        source, ticket = readings[: len(readings) // 2], readings[len(readings) // 2 :]
        if any(type(reading) is not Granted for reading in source):
            self.core.refused(scene, OPERATION, "budget", "challenges")
            return Refused(_wait(source, scene))
        if any(type(reading) is not Granted for reading in ticket):
            return await self.ask(scene, context, typed, reason="spent")
        if not await self._solved(challenge, claims, given, scene, context):
            return await self.ask(scene, context, typed, reason="unsolved")
        return None

    async def ask(self, scene: Scene, context: Context, typed: bytes | str, *, reason: str) -> ChallengeRequired:
        """
        Ask for a puzzle to be solved; nothing is written for it. *reason* is for operators.

        Raises PortError where the challenge cannot make one: who cannot be asked is not let in.
        """
        core, challenge = self.core, self.core.ports.challenge
        core.refused(scene, OPERATION, "challenge", reason)
        if challenge is None:
            raise ConfigError("There is no challenge to ask.", remedy="Give the engine one, such as ProofOfWork().")
        drawn = core.draw(32)
        puzzle = await port("challenge.puzzle", challenge.puzzle(drawn[16:]))
        if not _is_puzzle(puzzle):
            message = f"challenge.puzzle did not answer with text of 1 to {MAX_PUZZLE_BYTES} bytes."
            raise PortError(message, remedy="Answer what the platform shows: a puzzle, or a site key.")
        claims = ChallengeClaims(
            bound=_bound(scene, context, typed),
            id=drawn[:16],
            issued=scene.now,
            expires=scene.now + core.policy.lockout.challenge_lifetime,
            puzzle=puzzle,
        )
        return ChallengeRequired(core.tokens.seal(Purpose.CHALLENGE, claims), puzzle=puzzle)

    def _opened(self, given: ChallengeAnswer, scene: Scene, context: Context, typed: bytes | str) -> ChallengeClaims | None:
        """The ticket of an answer, if it is in time and for this very call."""
        if type(given.answer) is not str or not 0 < len(given.answer) <= MAX_ANSWER:
            return None
        claims = self.core.tokens.open(Purpose.CHALLENGE, given.ticket, ChallengeClaims)
        if claims is None or not (claims.issued <= scene.now + SKEW and scene.now < claims.expires):
            return None
        return claims if hmac.compare_digest(claims.bound, _bound(scene, context, typed)) else None

    async def _spend(self, claims: ChallengeClaims, scene: Scene, context: Context, device: bytes | None) -> tuple[Reading, ...]:
        """
        Spend a ticket, before its answer is looked at: of calls that race with it one is granted.

        A spent one leaves a meter behind. So its source is charged first, and one that is over its budget leaves none.
        """
        core, lockout = self.core, self.core.policy.lockout
        once = ONCE.ladder()
        each, digest, keys = lockout.challenges.ladder(), core.keyring.digest, range(core.keyring.index_count)
        row = ("source row", scene.tenant, context.source.key) if device is None else ("device row", scene.tenant, device)
        rows = [digest(*row, key=key)[:16] for key in keys]
        slots = [digest("challenge ticket", claims.id, key=key)[:16] for key in keys]
        charges = [Charge(one, b"!challenges", each, None, claims.id) for one in rows]
        charges += [Charge(one, b"!spent", once, None, claims.id) for one in slots]
        readings = await core.charge(scene, charges)
        if readings is None:
            readings = await core.charge_own(charges)
        if len(readings) != len(charges):
            raise PortError("The meter store answered too few charges.", remedy="Run acctsec.testing.check_store on it.")
        return readings

    async def _solved(
        self, challenge: AsyncChallenge, claims: ChallengeClaims, given: ChallengeAnswer, scene: Scene, context: Context
    ) -> bool:
        """Whether the port says so, in so many words; one that fails has not."""
        try:
            judged = await port("challenge.verify", challenge.verify(claims.puzzle, given.answer, source=context.source.key))
        except PortError:
            judged = None
        if type(judged) is not Solved and type(judged) is not Unsolved:
            self.core.observe(events.PortFailed(**scene.head(), port="challenge"))
        return type(judged) is Solved


def _bound(scene: Scene, context: Context, typed: bytes | str) -> bytes:
    """All that a ticket is good for: this operation, for this name, from this source. It lies under seal."""
    return sha256(frame(OPERATION, scene.tenant, context.source.key, typed)).digest()[:16]


def _is_puzzle(puzzle: object) -> bool:
    try:
        return type(puzzle) is str and 0 < len(puzzle.encode()) <= MAX_PUZZLE_BYTES
    except UnicodeEncodeError:
        return False


def _wait(readings: tuple[Reading, ...], scene: Scene) -> timedelta:
    until = max((reading.until for reading in readings if isinstance(reading, Resting)), default=0)
    return max(timedelta(microseconds=until) - (scene.now - EPOCH), BRIEF)
