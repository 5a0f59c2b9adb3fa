"""Answers of second factors: charged, and matched against what the record holds."""

from collections.abc import Mapping, Sequence

from acctsec import events
from acctsec._flows.asking import within_budget
from acctsec._flows.core import BRIEF, Core, Loaded
from acctsec._flows.counting import known
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.kinds import (
    DeliveredCodes,
    HotpTokens,
    Kind,
    OutsideFactors,
    Passkeys,
    Pretending,
    PrintedCodes,
    PushApps,
    TotpApps,
    meant,
)
from acctsec._flows.kinds.delivered import LABEL, renamed
from acctsec._flows.kinds.totp import is_digits
from acctsec._values import Value, evolve
from acctsec.assurance import Method
from acctsec.claims import (
    Enrollment,
    FactorAnswer,
    NewFactorAnswer,
    OutsideAnswer,
    PushApproval,
    RecoveryCode,
    Ticket,
    TotpCode,
)
from acctsec.context import Context
from acctsec.errors import ConfigError, PortError
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.mfa import recovery
from acctsec.mfa.delivered import masked
from acctsec.mfa.policy import method_of
from acctsec.outcomes import ApprovalPending, FactorInfo, FactorKind, Refused, TryAgain
from acctsec.protocols import Settle
from acctsec.record import Factors, Record
from acctsec.steps import FactorFound, Scene, opens

FOR_A_TICKET = frozenset({FactorKind.DELIVERED, FactorKind.OUTSIDE})
"""Kinds of which the same answer means something else for another ticket, and so is another guess."""


class Checked(Value, frozen=True, kw_only=True):
    """An answer that was charged and compared, and what it fits."""

    scene: Scene
    loaded: Loaded
    guess: Guess
    found: FactorFound


class Answers:
    """Checks answers; who may answer, and what follows, is the steps' to say."""

    def __init__(self, core: Core, guesses: Guesses, kinds: Sequence[Kind] = ()) -> None:
        self.core = core
        self.guesses = guesses
        apps, printed = TotpApps(core), PrintedCodes(core)
        self.outside: OutsideFactors = OutsideFactors(core)
        self.push: PushApps = PushApps(core)
        ours = (apps, HotpTokens(core), DeliveredCodes(core), self.push, Passkeys(core), self.outside)
        self.kinds: tuple[Kind, ...] = (*ours, *kinds, printed)
        self._typed: dict[type, Pretending] = {TotpCode: apps, RecoveryCode: printed}
        self._by_answer: dict[type, Kind] = {answer: kind for kind in self.kinds for answer in kind.answers}

    async def check(
        self, ticket: Ticket, answer: FactorAnswer, context: Context, *, kind: SecretClass
    ) -> Checked | ApprovalPending | Refused | TryAgain:
        """
        Charge an answer to the factors of the ticket's subject, then compare it with all of them.

        A ticket that is dead or spent charges nothing: whoever kept one could stop the owner's factors with it. Nor does asking
        whether a prompt was answered: nothing is guessed.
        """
        core, kind_of = self.core, self.kind_of(answer)
        scene, loaded = await core.enter(ticket.tenant, ticket.subject, context.source.key)
        scene = core.signing(scene, context)
        if not opens(loaded.record, ticket, scene.now):
            core.refused(scene, "verify_factor", "evaluated", "ticket")
            return Refused()
        scene = evolve(scene, sim_changed=context.sim_changed)
        guessed = kind_of.guess(answer, scene)
        early = self.early(scene, loaded, answer, ticket)
        if early is not None:
            return early
        guess = await self.guesses.begin(
            "verify_factor",
            scene,
            known(scene, loaded),
            kind,
            context,
            typed=frame(ticket.subject),
            secret=meant(loaded.record.factors, ticket) + guessed if kind_of.kind in FOR_A_TICKET else guessed,
        )
        if not isinstance(guess, Guess):
            return guess
        if not guess.admitted:
            return await guess.fail("lane")
        loaded = guess.latest(loaded)
        try:
            found = await self.find(scene, loaded.record.factors, answer, ticket)
        except PortError:
            stranger = self.is_stranger(scene, loaded.record, ticket, context)
            return await self.unanswered(guess, context, answer, stranger=stranger)
        return Checked(scene=scene, loaded=loaded, guess=guess, found=found)

    def early(
        self, scene: Scene, loaded: Loaded, answer: NewFactorAnswer, ticket: Ticket | Enrollment
    ) -> ApprovalPending | Refused | None:
        """What is answered before anything is charged, as a prompt waits or is over; None for every other answer."""
        if not isinstance(answer, PushApproval):
            return None
        record = loaded.record
        early = self.push.early(scene, record.factors, ticket.id) if scene.active(record) else Refused()
        if isinstance(early, Refused):
            self.core.refused(scene, "verify_factor", "evaluated", "prompt")
        return early

    async def find(self, scene: Scene, factors: Factors, answer: FactorAnswer, ticket: Ticket | None = None) -> FactorFound:
        """What an answer fits, and what is due to be sealed under the newest key."""
        match = await self.kind_of(answer).find(scene, factors, answer, ticket)
        return FactorFound(match, self._anew(scene, factors) if match else {})

    def is_stranger(self, scene: Scene, record: Record, ticket: Ticket | Enrollment, context: Context) -> bool:
        """Whether somebody shows no more than a password: no session, no recovery, no known device."""
        if ticket.session or (isinstance(ticket, Ticket) and ticket.reset):
            return False
        return self.core.tokens.known_device(context.device, scene, record) is None

    async def unanswered(self, guess: Guess, context: Context, answer: NewFactorAnswer, *, stranger: bool) -> Refused | TryAgain:
        """
        Who has to check an answer said nothing that can be relied on: nothing was proven, and nothing is charged.

        So often a day, that is. One that raises where it should decline would give guesses away; they count from then on.
        """
        core, scene = self.core, guess.scene
        who = f"outside.{answer.method}" if isinstance(answer, OutsideAnswer) else self.kind_of(answer).kind.value
        core.observe(events.PortFailed(**scene.head(), port=who))
        if await within_budget(core, guess.operation, scene, context, stranger=stranger) is not None:
            return await guess.fail("port")
        await guess.settle(Settle.VOID)
        return TryAgain(BRIEF)

    async def find_or_pretend(self, scene: Scene, factors: Factors, answer: FactorAnswer) -> FactorFound:
        """
        The same where anybody may ask of anybody: as much work where there is nobody as where there are as many as may be. Only
        what somebody types may be asked so.
        """
        found = await self.find(scene, factors, answer)
        self._typed[type(answer)].pretend(scene, factors)
        return found

    def _anew(self, scene: Scene, factors: Factors) -> dict[bytes, bytes]:
        """Everything of the factors that an older key sealed, sealed again: a key may go once nobody needs it."""
        keyring, anew = self.core.keyring, renamed(self.core, scene, factors)
        for label, old, name in (each for kind in self.kinds for each in kind.sealed(factors)):
            plain = None if keyring.sealed_by_newest(old) else keyring.open(label, old, scene.tenant, scene.subject, name)
            if plain is not None:
                anew[old] = keyring.seal(label, plain, scene.tenant, scene.subject, name)
        return anew

    # --- the kinds ---

    @property
    def passkeys(self) -> Passkeys:
        """The kind that can be answered without a password as well."""
        return next(kind for kind in self.kinds if isinstance(kind, Passkeys))

    def kind_of(self, answer: object) -> Kind:
        """The kind of factor that this answers. Raises ConfigError for what is no answer of a factor."""
        kind = self._by_answer.get(type(answer))
        if kind is None:
            raise ConfigError("`answer` is not a factor's answer.", remedy="Give TotpCode(text) or the like.")
        return kind

    def is_answer(self, answer: object) -> bool:
        """Whether an answer has the one form of its kind; anything else is refused before any store is read."""
        kind = self._by_answer.get(type(answer))
        return kind is not None and kind.is_form(answer)

    def kind(self, name: str) -> Kind:
        """The kind of that name."""
        return next(kind for kind in self.kinds if kind.kind == name)


def is_typed(answer: object) -> bool:
    """Whether an answer is one that somebody types who is not known yet: of an app, or a printed code."""
    return (type(answer) is TotpCode and is_digits(answer.code)) or (
        type(answer) is RecoveryCode and recovery.is_code(answer.code)
    )


def masks(core: Core, whose: Scene | Ticket, factors: Factors) -> dict[str, str]:
    """Where the codes of factors go that are sent, as much as may be shown of it, by the ids of the factors."""
    opened = ((one.id, core.keyring.open(LABEL, one.sealed, whose.tenant, whose.subject, one.id)) for one in factors.delivered)
    return {name: masked(address.decode()) for name, address in opened if address is not None}


def factor_infos(
    factors: Factors, *, ways: Sequence[frozenset[str]] | None = None, masks: Mapping[str, str] | None = None
) -> tuple[FactorInfo, ...]:
    """
    What may be shown of the factors: of all, or, where *ways* say which methods help, of those that do. One that was reported
    helps nobody. *masks* are what `masks` says.
    """
    shown = masks or {}
    infos = [
        FactorInfo(
            one.id,
            one.KIND,
            one.name,
            one.created,
            method=method_of(one),
            reported=one.reported,
            address=shown.get(one.id, ""),
        )
        for one in factors
    ]
    if factors.recovery and factors.recovery.left:
        left, method = factors.recovery.left, Method.RECOVERY_CODE.value
        infos.append(FactorInfo("recovery", FactorKind.RECOVERY_CODE, "", None, left, method=method))
    if ways is None:
        return tuple(infos)
    helpful = frozenset[str]().union(*ways)
    return tuple(one for one in infos if not one.reported and (not helpful or one.method in helpful))
