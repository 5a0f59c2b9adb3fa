"""Passkeys beyond what every factor has: setting one up, and signing in with one alone."""

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve

from acctsec._flows.core import BRIEF, EPOCH, Core, Loaded, operation
from acctsec._flows.counting import known
from acctsec._flows.factors import FactorFlows
from acctsec._flows.guesses import Guesses, Reserved
from acctsec._flows.kinds.passkeys import Passkeys, challenges
from acctsec._flows.sign_in import SignIn
from acctsec._flows.tokens import Purpose
from acctsec.claims import PasskeyAssertion, PasskeyClaims, Ticket
from acctsec.context import Context
from acctsec.errors import AcctsecError, ConfigError, PortError, StoreBusy
from acctsec.lockout import SOURCE, Lane
from acctsec.mfa.passkeys import (
    PasskeyMatch,
    PasskeyPolicy,
    Rejected,
    UserVerification,
    creation_options,
    request_options,
    subject_of,
)
from acctsec.outcomes import FactorKind, PasskeyChallenge, PasskeyEnrollmentStarted, Refused, SignInOutcome, TryAgain
from acctsec.protocols import Charge, Filled, Resting, Settle
from acctsec.protocols import Granted as Admitted
from acctsec.record import SKEW, Record
from acctsec.steps import Granted, No, Scene, Step, Visit, Weighed, sign_in_by_passkey

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks


class PasskeyFlows:
    """The flows of passkeys alone."""

    def __init__(self, core: Core, guesses: Guesses, factors: FactorFlows, sign_in: SignIn) -> None:
        self.core = core
        self.guesses = guesses
        self.factors = factors
        self.sign_in = sign_in
        self.risks: Risks | None = sign_in.risks
        self.passkeys: Passkeys = factors.answers.passkeys

    @operation
    async def enroll_passkey(
        self, token: str, *, name: str, replaces: str = "", context: Context
    ) -> PasskeyEnrollmentStarted | Refused:
        """Begin to set up a passkey; see Engine.enroll_passkey. The record learns of it only when it is confirmed."""
        core, rules = self.core, self.passkeys.rules
        begun = await self.factors.begun(
            "enroll_passkey", token, FactorKind.PASSKEY, name=name, replaces=replaces, context=context
        )
        if isinstance(begun, Refused):
            return begun
        scene, enrollment, record = begun
        account = scene.account.identifiers[0] if scene.account and scene.account.identifiers else scene.subject
        present = [one for one in record.factors.passkeys if one.id != replaces]
        options = creation_options(
            rules,
            challenge=challenges(core, enrollment)[0],
            subject=scene.subject,
            account=account,
            display=account,
            exclude=[(one.credential, one.transports) for one in present],
        )
        return PasskeyEnrollmentStarted(core.tokens.seal(Purpose.CONFIRM, enrollment), options=options)

    @operation
    async def begin_passkey_sign_in(self, *, context: Context) -> PasskeyChallenge:
        """Ask for any passkey; see Engine.begin_passkey_sign_in. Nothing is read, charged or stored."""
        core, now = self.core, self.core.now()
        ticket = PasskeyClaims(
            tenant=context.tenant, id=core.draw(16), issued=now, expires=now + core.policy.sessions.ticket_lifetime
        )
        options = request_options(self._rules, challenge=challenges(core, ticket)[0])
        return PasskeyChallenge(core.tokens.seal(Purpose.PASSKEY, ticket), options=options)

    @cached_property
    def _rules(self) -> PasskeyPolicy:
        """What comes alone has to be two factors by itself."""
        return evolve(self.passkeys.rules, user_verification=UserVerification.REQUIRED)

    @operation
    async def sign_in_with_passkey(self, ticket: str, answer: PasskeyAssertion, *, context: Context) -> SignInOutcome:
        """
        Sign in with a passkey alone; see Engine.sign_in_with_passkey.

        Whoever has no passkey here learns nothing: the account that a response names is looked up, and a signature computed,
        whether there is one or not.
        """
        core, rules = self.core, self._rules
        if not isinstance(answer, PasskeyAssertion):
            raise ConfigError("`answer` is not a passkey's.", remedy="Give PasskeyAssertion(what the browser sent).")
        claims = core.tokens.open(Purpose.PASSKEY, ticket, PasskeyClaims)
        named = self.passkeys.named(answer)
        subject = None if named is None else subject_of(named[1])
        if claims is None or claims.tenant != context.tenant or subject is None or core.lacks_key(context):
            return Refused()
        scene, loaded = await core.enter(claims.tenant, subject, context.source.key)
        scene = core.signing(scene, context)
        if not (claims.issued <= scene.now + SKEW and scene.now < claims.expires):
            return Refused()
        lane = self.guesses.lane(context, known(scene, loaded), scene)
        reserved = await self._charge(scene, context, lane)
        if not isinstance(reserved, Reserved):
            return reserved
        found = self.passkeys.signed(scene, loaded.record.factors, answer, rules=rules, ticket=claims)
        if isinstance(found, Rejected):
            self.passkeys.rejected(scene, "sign_in_with_passkey", found)
            return await self._refused(scene, reserved, f"passkey: {found.reason.value}")
        match = PasskeyMatch(factor=found[0].id, rules=rules, asserted=found[1])
        return await self._proven(scene, loaded, reserved, lane, claims, match, context)

    async def _proven(
        self,
        scene: Scene,
        loaded: Loaded,
        reserved: Reserved,
        lane: Lane,
        ticket: PasskeyClaims,
        match: PasskeyMatch,
        context: Context,
    ) -> SignInOutcome:
        """The signature is right: commit, and say what follows."""
        core, drawn = self.core, self.core.drawn()
        policy = core.policy.for_account(scene.account, tenant=scene.tenant)
        visit = None if self.risks is None else self.risks.visit(scene, context, known_device=lane.known)
        try:
            weighed = self._weighed(scene, loaded.record, visit)
        except AcctsecError:
            await self.guesses.settle(reserved, Settle.VOID)
            raise

        def step(record: Record) -> Step:
            return sign_in_by_passkey(
                policy,
                record,
                scene=scene,
                ticket=ticket,
                match=match,
                lane=lane,
                drawn=drawn,
                visit=visit,
                weighed=weighed,
            )

        done = await core.apply(scene, loaded, step)
        verdict = done.verdict
        if isinstance(verdict, No):
            return await self._refused(scene, reserved, verdict.reason)
        await self.guesses.settle(reserved, Settle.VOID)
        if isinstance(verdict, TryAgain):
            return verdict
        if isinstance(verdict, Granted):
            if self.risks is not None and visit is not None:
                self.risks.signed_in(scene, visit)
            return self.sign_in.granting.granted(scene, verdict, done.record)
        onward = Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=done.record.incarnation,
            epoch=done.record.epoch,
            id=core.draw(16),
            issued=scene.now,
            expires=scene.now + core.policy.sessions.ticket_lifetime,
            methods=(),
        )
        return self.sign_in.granting.due(done.record, verdict, onward)

    def _weighed(self, scene: Scene, record: Record, visit: Visit | None) -> Weighed | None:
        """Where sign-ins are weighed, the rules for strange ones hold here as well; no puzzle is more than a passkey."""
        if self.risks is None or visit is None:
            return None
        return Weighed(assessment=self.risks.assess(scene, record, visit), solved=True)

    # --- charges ---

    async def _charge(self, scene: Scene, context: Context, lane: Lane) -> Reserved | Refused | TryAgain:
        """
        Charge the source alone, or the known device. A signature cannot be guessed, so there is nothing of the subject to
        protect, and nobody can stop an owner's passkey; what is bounded is how many a source may have computed in vain.
        """
        core, lockout = self.core, self.core.policy.lockout
        ladder, hold, digest = lockout.source.ladder(lockout.lease), core.draw(16), core.keyring.digest
        row = ("device row", scene.tenant, lane.device) if lane.device else ("source row", scene.tenant, context.source.key)
        rows = [digest(*row, key=key)[:16] for key in range(core.keyring.index_count)]
        candidate = int.from_bytes(hold[:4], "big")  # no two are equal: a repeat costs as much to look at
        charges = [Charge(one, SOURCE, ladder, candidate, hold) for one in rows]
        try:
            readings = await core.charge(scene, charges)
        except StoreBusy:
            return TryAgain(BRIEF)
        alone = readings is None
        meters = core.ports.own_meters if alone else core.ports.meters
        readings = await core.charge_own(charges) if readings is None else readings
        if len(readings) != len(charges):
            raise PortError("The meter store answered too few charges.", remedy="Run acctsec.testing.check_store on it.")
        reserved = Reserved(charges=tuple(charges), readings=readings, meters=meters)
        if all(isinstance(reading, Admitted) for reading in readings):
            return reserved
        await self.guesses.settle(reserved, Settle.VOID)
        if any(isinstance(reading, Filled) for reading in readings):
            return TryAgain(BRIEF)
        core.refused(scene, "sign_in_with_passkey", "budget", "source")
        until = max((reading.until for reading in readings if isinstance(reading, Resting)), default=0)
        return Refused(max(timedelta(microseconds=until) - (scene.now - EPOCH), BRIEF))

    async def _refused(self, scene: Scene, reserved: Reserved, reason: str) -> Refused:
        await self.guesses.settle(reserved, Settle.FAILED)
        self.core.refused(scene, "sign_in_with_passkey", "evaluated", reason)
        return Refused()
