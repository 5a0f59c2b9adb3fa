"""Answers of second factors: charged, and matched against what the record holds."""

from attrs import frozen

from acctsec._flows.core import Core, Loaded
from acctsec._flows.guesses import Guess, Guesses, known
from acctsec.claims import FactorAnswer, RecoveryCode, Ticket, TotpCode
from acctsec.context import Context
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.mfa import recovery, totp
from acctsec.mfa.policy import FactorMatch, RecoveryMatch, TotpMatch
from acctsec.outcomes import FactorInfo, FactorKind, Refused, TryAgain
from acctsec.record import Factors
from acctsec.steps import Scene


@frozen(kw_only=True)
class Checked:
    """An answer that was charged and compared; *match* is None where it fits nothing."""

    scene: Scene
    loaded: Loaded
    guess: Guess
    match: FactorMatch | None


class Answers:
    """Checks answers; who may answer, and what follows, is the steps' to say."""

    def __init__(self, core: Core, guesses: Guesses) -> None:
        self.core = core
        self.guesses = guesses

    async def check(self, ticket: Ticket, answer: FactorAnswer, context: Context) -> Checked | Refused | TryAgain:
        """Charge an answer to the factors of the ticket's subject, then compare it with all of them."""
        core = self.core
        scene, loaded = await core.enter(ticket.tenant, ticket.subject, context.source.key)
        typed, secret = frame(ticket.subject), answer.code
        guess = await self.guesses.begin(
            "verify_factor", scene, known(scene, loaded), SecretClass.FACTOR, context, typed=typed, secret=secret
        )
        if not isinstance(guess, Guess):
            return guess
        if not guess.admitted:
            return await guess.fail("lane")
        return Checked(scene=scene, loaded=loaded, guess=guess, match=self.match(scene, loaded.record.factors, answer))

    def match(self, scene: Scene, factors: Factors, answer: FactorAnswer) -> FactorMatch | None:
        """What an answer fits. Every authenticator is tried, whichever matches."""
        core = self.core
        found: FactorMatch | None = None
        if isinstance(answer, TotpCode):
            for one in factors.totp:
                secret = core.keyring.open("totp", one.sealed, scene.tenant, scene.subject, one.id)
                if secret is None:
                    continue  # sealed under a key that is gone: it can prove nothing
                steps = totp.matching_steps(secret, answer.code, now=scene.now, window=core.policy.mfa.window)
                fresh = tuple(step for step in steps if step > one.last_step)
                if fresh:
                    found = TotpMatch(one.id, fresh)
            return found
        codes = factors.recovery
        if codes is None:
            return None
        stored = core.keyring.open("recovery", codes.sealed, scene.tenant, scene.subject, str(codes.generation))
        index = None if stored is None else recovery.find(stored, answer.code)
        return None if index is None else RecoveryMatch(codes.generation, index)


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
