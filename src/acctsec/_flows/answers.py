"""Answers of second factors: charged, and matched against what the record holds."""

from attrs import frozen

from acctsec._flows.core import Core, Loaded, Reserved
from acctsec.claims import FactorAnswer, RecoveryCode, Ticket, TotpCode
from acctsec.context import Context
from acctsec.keyring import frame
from acctsec.lockout import Admitted, Lane, OverBudget, SecretClass
from acctsec.mfa import recovery, totp
from acctsec.mfa.policy import FactorMatch, RecoveryMatch, TotpMatch
from acctsec.outcomes import FactorInfo, FactorKind, Refused, TryAgain
from acctsec.protocols import Settle
from acctsec.record import Factors
from acctsec.steps import Scene


@frozen(kw_only=True)
class Checked:
    """An answer that was charged and compared; *match* is None where it fits nothing."""

    scene: Scene
    loaded: Loaded
    lane: Lane
    reserved: Reserved
    match: FactorMatch | None


class Answers:
    """Checks answers; who may answer, and what follows, is the steps' to say."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def check(self, ticket: Ticket, answer: FactorAnswer, context: Context) -> Checked | Refused | TryAgain:
        """Charge an answer to the factors of the ticket's subject, then compare it with all of them."""
        core = self.core
        account = await core.get(ticket.tenant, ticket.subject)
        scene = Scene(
            tenant=ticket.tenant, subject=ticket.subject, account=account, now=core.now(), source=context.source.key
        )
        loaded = await core.load(core.record_key(ticket.tenant, ticket.subject), fresh=core.draw(16))
        who = core.known(ticket.tenant, ticket.subject, loaded)
        lane = core.lane(context, who, ticket.subject)
        typed = frame(ticket.tenant, ticket.subject)
        reserved = await core.reserve(who, SecretClass.FACTOR, lane, context, typed=typed, secret=answer.code)
        if isinstance(reserved, TryAgain):
            return reserved
        judgement = reserved.judgement
        if not isinstance(judgement, Admitted):
            if not isinstance(judgement, OverBudget):
                await core.settle(reserved, Settle.FAILED)
            core.refused(scene, "verify_factor", "budget" if isinstance(judgement, OverBudget) else "evaluated", "lane")
            return core.refusal(judgement, lane, scene.now)
        await core.count(who, scene, SecretClass.FACTOR, lane, judgement)
        match = self.match(scene, loaded.record.factors, answer)
        return Checked(scene=scene, loaded=loaded, lane=lane, reserved=reserved, match=match)

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
