"""Choosing, setting and changing passwords."""

from datetime import timedelta

from attrs import field, frozen

from acctsec import events
from acctsec._flows.core import Core, Loaded, operation
from acctsec._flows.counting import known
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.hashes import Password
from acctsec._flows.likely import looked_at
from acctsec._flows.ports import port
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import (
    Admin,
    ChangeTicket,
    CurrentPassword,
    FreshSession,
    Initial,
    PasswordClaim,
    SessionClaims,
    Ticket,
)
from acctsec.context import Context
from acctsec.errors import ConfigError, Overloaded, PortError
from acctsec.hashing.job import Job
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    CheckPasswordOutcome,
    Objection,
    PasswordAccepted,
    PasswordChanged,
    PasswordRejected,
    Refused,
    SetPasswordOutcome,
    Strength,
    TryAgain,
)
from acctsec.password import Outage
from acctsec.password.codes import Code
from acctsec.protocols import Account, AsyncBreachCorpus, Settle
from acctsec.record import MAX_HISTORY, RAPID
from acctsec.steps import Changed, ChangeProof, Scene, Stale, Step, change_password, change_refusal, lapsed, too_soon

ANYBODY = "anybody"  # a key of jobs that no source has: a form that is open to everybody has one turn among them
_KNOWN = "An administrator would know this password."
_UNKNOWN = (
    "Mail a link with engine.admin.initial_password(subject, actor=...), or say yes to it: "
    "ResetPolicy(passwords_by_administrators=True)."
)


@frozen
class Typed:
    """A current password that is still to be compared, and the session shown beside it."""

    password: Password = field(repr=False)
    session: SessionClaims | None


@frozen
class Chosen:
    """A new password that all rules accept, and how strong it is."""

    password: Password = field(repr=False)
    strength: Strength


class Passwords:
    """The flows around a password of one's own."""

    def __init__(self, core: Core, guesses: Guesses) -> None:
        self.core = core
        self.guesses = guesses

    async def check_password(self, password: str, *, account: Account | None = None, tenant: str = "") -> CheckPasswordOutcome:
        """Judge a password by rules alone; see Engine.check_password."""
        if account is not None and not isinstance(account, Account):
            raise ConfigError("`account` is not an Account.", remedy="Give one, or leave it out.")
        if type(tenant) is not str:
            raise ConfigError("`tenant` is not a str.", remedy="Give the tenant's name, or leave it out.")
        guarded = account is not None and self.core.policy.mfa.requires(account.groups)
        try:
            chosen = await self.choose(password, account=account, tenant=tenant, guarded=guarded, source=ANYBODY)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))
        return PasswordAccepted(chosen.strength) if isinstance(chosen, Chosen) else chosen

    async def choose(
        self, password: object, *, account: Account | None, tenant: str, guarded: bool, source: str
    ) -> Chosen | PasswordRejected:
        """Judge a new password by every rule that needs no secret of the subject. Sources take turns where it is offloaded."""
        core, policy = self.core, self.core.policy.for_account(account, tenant=tenant).password
        prepared = core.prepared(password)
        corpus = core.ports.corpus
        breaches = None if prepared is None or corpus is None else await sightings(core, corpus, prepared.text)
        words = context_words(account)
        judged: PasswordAccepted | PasswordRejected = await core.ports.offload(
            Job(lambda: policy.check(password, words=words, breach_count=breaches, mfa=guarded), key=source)
        )
        found = () if isinstance(judged, PasswordAccepted) else judged.objections
        if prepared is None:
            return PasswordRejected(found, judged.strength)
        if corpus is not None and breaches is None and policy.on_outage is Outage.REFUSE:
            found = (*found, Objection(Code.UNCHECKED.value))
        return PasswordRejected(found, judged.strength) if found else Chosen(prepared, judged.strength)

    @operation
    async def set_password(self, subject: str, password: str, *, by: PasswordClaim, context: Context) -> SetPasswordOutcome:
        """Set a password on a claim; see Engine.set_password."""
        for _ in range(2):
            outcome = await self._set(subject, password, by, context)
            if outcome is not None:
                return outcome
        return TryAgain(timedelta(seconds=1))

    async def _set(self, subject: str, password: str, by: PasswordClaim, context: Context) -> SetPasswordOutcome | None:
        core = self.core
        claim = self._claimed(subject, by, context)
        if isinstance(claim, Refused):
            return claim
        scene, loaded = await core.enter(context.tenant, subject, context.source.key)
        policy = core.policy.for_account(scene.account, tenant=scene.tenant)
        if isinstance(claim, ChangeProof | Typed) and claim.session is not None:
            await core.catch(scene, loaded, claim.session)
        try:
            proven = await self._compared(scene, loaded, claim, context) if isinstance(claim, Typed) else claim
            if not isinstance(proven, ChangeProof):
                return proven
            refusal = change_refusal(policy, loaded.record, scene=scene, proof=proven)
            if refusal:
                core.refused(scene, "set_password", "evaluated", refusal)
                return Refused()
            wait = too_soon(policy, loaded.record, scene=scene, proof=proven)
            if wait:
                return TryAgain(wait)
            guarded = core.guarded(scene, loaded.record)
            chosen = await self.choose(password, account=scene.account, tenant=scene.tenant, guarded=guarded, source=scene.source)
            if not isinstance(chosen, Chosen):
                return chosen
            refused = await self.popular(scene, chosen)
            if refused is not None:
                return refused
            new = await looked_at(core, scene, await core.hashes.hashed(scene, chosen.password), chosen.password)
            reused = await self.reused(scene, loaded, chosen, context)
            if reused is not None:
                return reused
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))
        device = core.draw(16)
        done = await core.apply(
            scene,
            loaded,
            lambda record: change_password(policy, record, scene=scene, proof=proven, new=new, device=device),
        )
        return await self.changed(done, scene, "set_password", chosen)

    async def changed(
        self, done: Step, scene: Scene, operation: str, chosen: Chosen
    ) -> PasswordChanged | Refused | TryAgain | None:
        """What a change of password answers; None when it has to begin again."""
        verdict = done.verdict
        if isinstance(verdict, Changed):
            await self._count(scene, chosen)
            browser = verdict.device
            return PasswordChanged(None if browser is None else self.core.tokens.device(scene, done.record, browser))
        return None if isinstance(verdict, Stale) else self.core.declined(scene, operation, verdict)

    # --- claims ---

    def _claimed(self, subject: str, by: PasswordClaim, context: Context) -> ChangeProof | Typed | Refused:
        """
        Turn a claim into what the step has to find true, before anything is read: rubbish costs nothing. No claim is
        trusted before the step has looked at the record.
        """
        core = self.core
        match by:
            case Initial():
                return ChangeProof(by="initial", initial=True)
            case Admin(actor=actor):
                if not core.policy.reset.passwords_by_administrators:
                    raise ConfigError(_KNOWN, remedy=_UNKNOWN)
                return ChangeProof(by="administrator", actor=actor)
            case ChangeTicket(ticket=text):
                ticket = core.tokens.open(Purpose.CHANGE, text, Ticket)
                if ticket is None or (ticket.tenant, ticket.subject) != (context.tenant, subject):
                    return Refused()
                return ChangeProof(by="change-ticket", ticket=ticket)
            case FreshSession(token=text):
                session = self._session(subject, text, context)
                return Refused() if session is None else ChangeProof(by="fresh-session", session=session, fresh=True)
            case CurrentPassword(password=current, session=text):
                session, prepared = None if text is None else self._session(subject, text, context), core.prepared(current)
                if prepared is None or (text is not None and session is None):
                    return Refused()
                return Typed(prepared, session)
            case _:
                raise ConfigError("`by` is not a claim.", remedy="Give one of acctsec.claims.PasswordClaim.")

    def _session(self, subject: str, text: object, context: Context) -> SessionClaims | None:
        claims = self.core.session(text, context)
        return claims if claims is not None and claims.subject == subject else None

    async def _compared(self, scene: Scene, loaded: Loaded, claim: Typed, context: Context) -> ChangeProof | Refused | TryAgain:
        """Compare the current password: a guess like any other, in the same budget as a sign-in."""
        guess = await self.guesses.begin(
            "set_password",
            scene,
            known(scene, loaded),
            SecretClass.PASSWORD,
            context,
            typed=frame(scene.subject),
            secret=claim.password.typed,
            password=claim.password,
        )
        if not isinstance(guess, Guess):
            return guess
        done = await guess.compare(loaded.record.verifier, claim.password)
        shut = loaded.record.contest or lapsed(self.core.policy, loaded.record, scene.now)
        if not done.compared.matched or not guess.admitted or not scene.active(loaded.record) or shut:
            return await guess.fail("wrong password")
        await guess.settle(Settle.VOID)
        return ChangeProof(by="current-password", compared=done.compared, session=claim.session)

    # --- reuse ---

    async def reused(
        self, scene: Scene, loaded: Loaded, chosen: Chosen, context: Context, *, reset: bytes = b""
    ) -> PasswordRejected | Refused | TryAgain | None:
        """
        Whether a new password is the current one or one of the history; None where it is not.

        Asking tells something about a stored password, so it is charged: in a budget of its own that no lock of the password
        can close, and for a *reset* in one that nobody but its bearer can use up. It comes last, after every other rule and the
        hash of the new one: where something refused afterwards, whoever asked could ask again, and nothing would have been
        charged for it.
        """
        core, record = self.core, loaded.record
        past = [] if record.verifier is None else [record.verifier]
        policy = core.policy.for_account(scene.account, tenant=scene.tenant).password
        past += record.earlier(policy.history, scene.now)
        if not past:
            return None
        if not reset and len(past) > MAX_HISTORY and scene.now < past[-2].since + RAPID:
            return TryAgain(past[-2].since + RAPID - scene.now)  # one change more, and a password of today would be forgotten
        who = known(scene, loaded)
        who = evolve(who, names=(*who.names, reset))
        guess = await self.guesses.begin(
            "reuse", scene, who, SecretClass.REUSE, context, typed=frame(scene.subject), secret=chosen.password.typed
        )
        if not isinstance(guess, Guess):
            return guess
        if not guess.admitted:
            await guess.settle(Settle.VOID)
            return self.guesses.wait(guess)
        found = False
        for verifier in past:
            for spelling in core.hashes.spellings(verifier, chosen.password):
                found = (await guess.compare(verifier, spelling)).compared.matched or found
        # Where it is not in use the change goes through: nobody asks twice for nothing.
        await guess.settle(Settle.FAILED if found else Settle.VOID)
        return PasswordRejected((Objection(Code.REUSED.value),), chosen.strength) if found else None

    # --- popularity ---

    async def popular(self, scene: Scene, chosen: Chosen) -> PasswordRejected | None:
        """
        Whether as many accounts as the policy allows have this password already; None where they do not.

        While an index key is rotated, what was counted under either counts; with the old key its counts are gone.
        """
        core, counter = self.core, self.core.ports.popularity
        policy = core.policy.for_account(scene.account, tenant=scene.tenant).password
        if counter is None or policy.popularity_cap is None:
            return None
        counts: list[object] = []
        try:
            for key in range(core.keyring.index_count):
                digest = core.keyring.digest("popularity", scene.tenant, chosen.password.text, key=key)
                counts.append(await port("popularity.count", counter.count(digest)))
        except PortError:
            counts = [None]
        known = [count for count in counts if type(count) is int and count >= 0]
        if known != counts:
            core.observe(events.PortFailed(**scene.head(), port="popularity"))
            if policy.on_outage is Outage.REFUSE:
                return PasswordRejected((Objection(Code.UNCHECKED.value),), chosen.strength)
        if sum(known) < policy.popularity_cap:
            return None
        return PasswordRejected((Objection(Code.POPULAR.value),), chosen.strength)

    async def _count(self, scene: Scene, chosen: Chosen) -> None:
        """Count a password that was set. What is lost with the process or the counter is not counted: the change stands."""
        core, counter = self.core, self.core.ports.popularity
        if counter is None:
            return
        try:
            await port("popularity.add", counter.add(core.keyring.digest("popularity", scene.tenant, chosen.password.text)))
        except PortError:
            core.observe(events.PortFailed(**scene.head(), port="popularity"))


async def sightings(core: Core, corpus: AsyncBreachCorpus, password: str) -> int | None:
    """How often a password leaked; None when the corpus cannot tell, which is observed."""
    try:
        count = await port("corpus.count", corpus.count(password))
    except PortError:
        count = -1
    if type(count) is int and count >= 0:
        return count
    core.observe(events.PortFailed(tenant="", subject="", at=core.now(), port="corpus"))
    return None


def context_words(account: Account | None) -> tuple[str, ...]:
    """What a password must not be made of: the account's names and addresses."""
    return () if account is None else (*account.words, *account.identifiers, *account.addresses)
