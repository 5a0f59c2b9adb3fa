"""The owner's ways to open the lane of strangers, once guessing has stopped it."""

from acctsec._flows.answers import Answers, is_typed
from acctsec._flows.core import Core, Loaded, operation
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.sign_in import behind
from acctsec._flows.tokens import Purpose
from acctsec.claims import RecoveryCode, TotpCode, UnlockClaims, UnlockFactor, UnlockLink, UnlockProof
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import LockOpened, Refused, TryAgain, UnlockOutcome, UnlockPending
from acctsec.protocols import Settle
from acctsec.steps import Done, No, Scene, open_by_factor, open_by_link, opens_lane


class Unlocking:
    """The flows of a lane that has stopped."""

    def __init__(self, core: Core, guesses: Guesses, answers: Answers) -> None:
        self.core = core
        self.guesses = guesses
        self.answers = answers

    @operation
    async def inspect_unlock(self, link: str, *, context: Context) -> UnlockPending | Refused:
        """Look at a link without touching anything; see Engine.inspect_unlock."""
        found = await self._behind(link, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        refusal = opens_lane(self.core.policy, loaded.record, scene=scene, claims=claims)
        return Refused() if refusal else UnlockPending(claims.expires)

    @operation
    async def unlock(self, proof: UnlockProof, *, context: Context) -> UnlockOutcome:
        """Open the lane of strangers; see Engine.unlock."""
        match proof:
            case UnlockLink():
                return await self._by_link(proof, context)
            case UnlockFactor() if isinstance(proof.answer, TotpCode | RecoveryCode):
                return await self._by_factor(proof, context)
            case UnlockFactor():
                raise ConfigError("`answer` is not a factor's answer.", remedy="Give TotpCode(text) or RecoveryCode(text).")
            case _:
                raise ConfigError("`proof` is not a proof.", remedy="Give UnlockLink or UnlockFactor.")

    async def _behind(self, link: object, context: Context) -> tuple[UnlockClaims, Scene, Loaded] | None:
        core = self.core
        claims = core.tokens.open(Purpose.UNLOCK, link, UnlockClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await core.enter(claims.tenant, claims.subject, context.source.key)
        return claims, core.reaching(scene), loaded

    async def _by_link(self, link: UnlockLink, context: Context) -> UnlockOutcome:
        core = self.core
        found = await self._behind(link.token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        done = await core.apply(scene, loaded, lambda record: open_by_link(core.policy, record, scene=scene, claims=claims))
        return LockOpened() if isinstance(done.verdict, Done) else core.declined(scene, "unlock", done.verdict)

    async def _by_factor(self, proof: UnlockFactor, context: Context) -> UnlockOutcome:
        """
        A factor's answer without the password, which anybody may try on anybody: charged in a class of its own, the same work
        for nobody, and a right one that opens nothing counts and answers like a wrong one.
        """
        core, name = self.core, canonical(proof.identifier)
        if name is None or not is_typed(proof.answer):
            return Refused()
        scene, loaded, who = await behind(core, context, name, await core.find(context.tenant, name))
        typed, secret = frame(name.kind.value, name.value), self.answers.kind_of(proof.answer).guess(proof.answer, scene)
        guess = await self.guesses.begin("unlock", scene, who, SecretClass.UNLOCK, context, typed=typed, secret=secret)
        if not isinstance(guess, Guess):
            return guess
        loaded = guess.latest(loaded)
        found = await self.answers.find_or_pretend(scene, loaded.record.factors, proof.answer)
        if found.match is None or not guess.admitted:
            return await guess.fail("wrong code")
        done = await core.apply(
            scene, loaded, lambda record: guess.right(open_by_factor(core.policy, record, scene=scene, found=found))
        )
        if isinstance(done.verdict, Done | TryAgain):
            await guess.settle(Settle.VOID)
            return LockOpened() if isinstance(done.verdict, Done) else done.verdict
        return await guess.fail(done.verdict.reason if isinstance(done.verdict, No) else "")
