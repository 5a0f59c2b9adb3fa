"""Answers of second factors: charged, and matched against what the record holds."""

from acctsec._flows.core import Core, Loaded
from acctsec._flows.counting import known
from acctsec._flows.guesses import Guess, Guesses
from acctsec._values import Value
from acctsec.claims import FactorAnswer, RecoveryCode, Ticket, TotpCode
from acctsec.context import Context
from acctsec.keyring import OVERHEAD, frame
from acctsec.lockout import SecretClass
from acctsec.mfa import recovery, totp
from acctsec.mfa.policy import RecoveryMatch, TotpMatch
from acctsec.outcomes import FactorInfo, FactorKind, Refused, TryAgain
from acctsec.record import MAX_FACTORS, Factors
from acctsec.steps import FactorFound, Scene, opens


class Checked(Value, frozen=True, kw_only=True):
    """An answer that was charged and compared, and what it fits."""

    scene: Scene
    loaded: Loaded
    guess: Guess
    found: FactorFound


class Answers:
    """Checks answers; who may answer, and what follows, is the steps' to say."""

    def __init__(self, core: Core, guesses: Guesses) -> None:
        self.core = core
        self.guesses = guesses

    async def check(
        self, ticket: Ticket, answer: FactorAnswer, context: Context, *, kind: SecretClass
    ) -> Checked | Refused | TryAgain:
        """
        Charge an answer to the factors of the ticket's subject, then compare it with all of them.

        A ticket that is dead or spent charges nothing: whoever kept one could stop the owner's factors with it.
        """
        core = self.core
        scene, loaded = await core.enter(ticket.tenant, ticket.subject, context.source.key)
        scene = core.signing(scene, context)
        if not opens(loaded.record, ticket, scene.now):
            core.refused(scene, "verify_factor", "evaluated", "ticket")
            return Refused()
        guess = await self.guesses.begin(
            "verify_factor",
            scene,
            known(scene, loaded),
            kind,
            context,
            typed=frame(ticket.subject),
            secret=guessed(answer, scene),
        )
        if not isinstance(guess, Guess):
            return guess
        if not guess.admitted:
            return await guess.fail("lane")
        loaded = guess.latest(loaded)
        return Checked(scene=scene, loaded=loaded, guess=guess, found=self.find(scene, loaded.record.factors, answer))

    def find(self, scene: Scene, factors: Factors, answer: FactorAnswer) -> FactorFound:
        """What an answer fits, and what is due to be sealed under the newest key. Every authenticator is tried."""
        match = self._totp(scene, factors, answer) if isinstance(answer, TotpCode) else self._code(scene, factors, answer)
        return FactorFound(match, self._anew(scene, factors) if match else {})

    def find_or_pretend(self, scene: Scene, factors: Factors, answer: FactorAnswer) -> FactorFound:
        """The same where anybody may ask of anybody: as much work where there is nobody as where there are five."""
        found = self.find(scene, factors, answer)
        known = len(factors.totp) if isinstance(answer, TotpCode) else int(factors.recovery is not None)
        by_app = isinstance(answer, TotpCode)
        nothing = self._nothing(totp.SECRET_BYTES if by_app else len(recovery.DECOY))
        for _ in range(known, MAX_FACTORS if by_app else 1):
            self.core.keyring.open("totp" if by_app else "recovery", nothing, scene.tenant, scene.subject, "")
            if by_app:
                totp.matching_steps(bytes(totp.SECRET_BYTES), answer.code, now=scene.now, window=self.core.policy.mfa.window)
        return found

    def _nothing(self, size: int) -> bytes:
        """What the newest key would have to have sealed, and has not: it takes as long to find out."""
        return bytes.fromhex(self.core.keyring.sealing_ids[0]).ljust(OVERHEAD + size, b"\0")

    def _totp(self, scene: Scene, factors: Factors, answer: TotpCode) -> TotpMatch | None:
        found = None
        for one in factors.totp:
            secret = self.core.keyring.open("totp", one.sealed, scene.tenant, scene.subject, one.id)
            if secret is None:
                continue  # sealed under a key that is gone: it can prove nothing
            steps = totp.matching_steps(secret, answer.code, now=scene.now, window=self.core.policy.mfa.window)
            fresh = tuple(step for step in steps if step > one.last_step)
            if fresh:
                found = TotpMatch(one.id, fresh)
        return found

    def _code(self, scene: Scene, factors: Factors, answer: RecoveryCode) -> RecoveryMatch | None:
        codes, keyring = factors.recovery, self.core.keyring
        stored = codes and keyring.open("recovery", codes.sealed, scene.tenant, scene.subject, str(codes.generation))
        index = recovery.find(stored or recovery.DECOY, answer.code)  # the same work where there are none
        return RecoveryMatch(codes.generation, index) if codes and stored and index is not None else None

    def _anew(self, scene: Scene, factors: Factors) -> dict[bytes, bytes]:
        """Everything of the factors that an older key sealed, sealed again: a key may go once nobody needs it."""
        keyring, anew = self.core.keyring, dict[bytes, bytes]()
        sealed = [("totp", one.sealed, one.id) for one in factors.totp]
        if factors.recovery:
            sealed.append(("recovery", factors.recovery.sealed, str(factors.recovery.generation)))
        for label, old, name in sealed:
            plain = None if keyring.sealed_by_newest(old) else keyring.open(label, old, scene.tenant, scene.subject, name)
            if plain is not None:
                anew[old] = keyring.seal(label, plain, scene.tenant, scene.subject, name)
        return anew


def guessed(answer: FactorAnswer, scene: Scene) -> str:
    """
    What a guess is: a time-based code is another guess in every time step, or nine wrong ones could be repeated for free
    until one of them comes up.
    """
    return f"{totp.step_of(scene.now)}:{answer.code}" if isinstance(answer, TotpCode) else answer.code


def is_answer(answer: object) -> bool:
    """Whether an answer has the one form of its kind; anything else is refused before any store is read."""
    if type(answer) is TotpCode:
        return totp.is_code(answer.code)
    return type(answer) is RecoveryCode and recovery.is_code(answer.code)


def factor_infos(factors: Factors) -> tuple[FactorInfo, ...]:
    """What may be shown of the factors."""
    infos = [FactorInfo(one.id, FactorKind.TOTP, one.name, one.created) for one in factors.totp]
    if factors.recovery and factors.recovery.left:
        infos.append(FactorInfo("recovery", FactorKind.RECOVERY_CODE, "", None, factors.recovery.left))
    return tuple(infos)
