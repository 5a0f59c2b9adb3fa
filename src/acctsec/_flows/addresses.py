"""Addresses and identifiers: asking, proving, taking off. What is decided is carried out by ``carrying``."""

from datetime import datetime
from hmac import compare_digest

from acctsec._flows.asking import within_budget
from acctsec._flows.carrying import Carrying
from acctsec._flows.changes import id_of
from acctsec._flows.core import BRIEF, Core, Loaded, channel_of, operation
from acctsec._flows.counting import known
from acctsec._flows.factors import FactorFlows
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.naming import deliverable, objection_to, stored_among
from acctsec._flows.tokens import Purpose
from acctsec._values import Value
from acctsec.claims import AddressClaims, AddressCode, AddressLink, AddressProof, Admin, ResumeTicket, SessionClaims, Ticket
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    Acted,
    AddressPending,
    AddressRemoved,
    AddressTaken,
    AddressVerified,
    ChangeIdentifierOutcome,
    IdentifierChanged,
    IdentifierRejected,
    IdentifierTaken,
    Refused,
    RemoveAddressOutcome,
    TryAgain,
    VerifyAddressOutcome,
    Waiting,
)
from acctsec.protocols import (
    Channel,
    Settle,
    Taken,
)
from acctsec.record import MAX_ADDRESSES, MAX_REMOVED, Change, Record
from acctsec.steps import (
    Begun,
    Held,
    Making,
    No,
    Scene,
    Step,
    ask_address,
    change_identifier,
    live_session,
    opens,
    prove_address,
    remove_address,
    withdraw_address,
)
from acctsec.steps.addresses import ADDED, ADMINISTRATOR, IDENTIFIER, REMOVED, is_proven, purged
from acctsec.steps.changes import gives_address

MOST = MAX_ADDRESSES - MAX_REMOVED


class Proven(Value, frozen=True, kw_only=True):
    """A proof that holds: of which change, by what, and beside which session."""

    scene: Scene
    loaded: Loaded
    change: bytes
    method: str
    session: SessionClaims | None


class Addresses:
    """The flows of addresses and identifiers."""

    def __init__(self, core: Core, guesses: Guesses, factors: FactorFlows, carrying: Carrying) -> None:
        self.core = core
        self.carrying = carrying
        self.guesses = guesses
        self.factors = factors

    # --- adding ---

    @operation
    async def add_address(
        self, token: str, address: str, *, replaces: str | None = None, context: Context
    ) -> AddressPending | Refused | TryAgain:
        """Send what proves a new address; see Engine.add_address."""
        core = self.core
        core.check_writable()
        new, found = deliverable(address), await self.factors.session(token, context)
        if new is None or found is None or found[1].account is None:
            return Refused()
        claims, scene, loaded = found
        if live_session(core.policy, loaded.record, claims, scene.now) is None:
            return self.core.declined(scene, "add_address", No("session"))
        own = found[1].account.addresses
        gone, same = stored_among(own, replaces), stored_among(own, new)
        if (replaces is not None and gone is None) or (same is not None and same != gone) or (gone is None and len(own) >= MOST):
            return self.core.declined(scene, "add_address", No("address"))
        refused = await within_budget(core, "add_address", scene, context)
        if refused is not None:
            return refused
        about = [new] if gone is None else [new, self.carrying.name(scene, gone)]
        drawn = core.draw(32)
        change_id, seed = drawn[:16], drawn[16:]
        change = Change(
            id=change_id,
            kind=ADDED,
            proofs=(),
            asked=scene.now,
            until=scene.now,
            expires=scene.now,
            weak=False,
            about=self.carrying.sealed(scene, *about),
        )

        def step(record: Record) -> Step:
            earlier = self.carrying.changes_of(scene, record, new)
            alike = (one for one in record.changes if one.kind == ADDED and not one.made and scene.now < one.expires)
            alike = (one for one in alike if not gives_address(one))
            known_as = next((one.id for one in alike if self.carrying.about(scene, one) == about), b"")
            return ask_address(
                core.policy,
                record,
                scene=scene,
                claims=claims,
                change=change,
                seed=seed,
                replaces=gone is not None,
                known=known_as,
                same=earlier,
            )

        done = await core.apply(scene, loaded, step)
        if isinstance(done.verdict, TryAgain):
            return done.verdict
        if not isinstance(done.verdict, Begun):
            return self.core.declined(scene, "add_address", done.verdict)
        begun = done.verdict.change
        return AddressPending(begun.id.hex(), begun.expires, begun.until if begun.until > scene.now else None)

    @operation
    async def inspect_address(self, link: str, *, context: Context) -> AddressPending | Refused:
        """Look at a link without touching anything; see Engine.inspect_address."""
        found = await self._by_link(AddressLink(link), None, context)
        if found is None:
            return Refused()
        change, now = found.loaded.record.change_of(found.change), found.scene.now
        if change is None or now >= change.expires or change.made or not found.scene.active(found.loaded.record):
            return Refused()
        return AddressPending(change.id.hex(), change.expires, change.until if change.until > now else None)

    @operation
    async def verify_address(self, proof: AddressProof, *, session: str | None = None, context: Context) -> VerifyAddressOutcome:
        """Prove a new address; see Engine.verify_address."""
        core = self.core
        core.check_writable()
        match proof:
            case AddressLink():
                found = await self._by_link(proof, session, context)
            case AddressCode():
                by_code = await self._by_code(proof, session, context)
                if not isinstance(by_code, Proven):
                    return by_code
                found = by_code
            case ResumeTicket():
                found = await self._by_ticket(proof, session, context)
            case _:
                raise ConfigError("`proof` is not a proof.", remedy="Give AddressLink, AddressCode or ResumeTicket.")
        return Refused() if found is None else await self._prove(found)

    async def _prove(self, found: Proven) -> VerifyAddressOutcome:
        core, scene = self.core, found.scene
        about = self.carrying.about(scene, found.loaded.record.change_of(found.change))
        if not about:
            return self.core.declined(scene, "verify_address", No("dead"))
        new, gone = self.carrying.named(scene, about[0]), self.carrying.gone(scene, about)

        def step(record: Record) -> Step:
            return prove_address(
                core.policy,
                record,
                scene=core.reaching(scene),
                change_id=found.change,
                method=found.method,
                claims=found.session,
                new=new,
                gone=gone,
            )

        done = await core.apply(scene, found.loaded, step)
        match done.verdict:
            case Making(change):
                followed = await self.carrying.carry_out(scene, change)
                if isinstance(followed, TryAgain):
                    return followed
                if isinstance(followed, Taken):
                    return AddressTaken()
                return AddressVerified(purged(done.record, change, new))
            case Held(until):
                return Waiting(until, self._ticket(scene, done.record, found.change, until), change=found.change.hex())
            case TryAgain() as again:
                return again
            case verdict:
                return self.core.declined(scene, "verify_address", verdict)

    def _ticket(self, scene: Scene, record: Record, change: bytes, until: datetime) -> str:
        """What stands for the proof while it waits; it holds no code."""
        ticket = Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=self.core.draw(16),
            issued=scene.now,
            expires=until + self.core.policy.recovery.claim,
            methods=(),
            change=change,
        )
        return self.core.tokens.seal(Purpose.RESUME, ticket)

    # --- proofs ---

    def _session(self, session: object, context: Context, subject: str) -> SessionClaims | None:
        claims = self.core.session(session, context)
        return claims if claims is not None and claims.subject == subject else None

    async def _by_link(self, link: AddressLink, session: object, context: Context) -> Proven | None:
        claims = self.core.tokens.open(Purpose.ADDRESS, link.token, AddressClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await self.core.enter(claims.tenant, claims.subject, context.source.key)
        if loaded.record.incarnation != claims.incarnation or scene.now >= claims.expires:
            return None
        beside = self._session(session, context, claims.subject)
        if beside is not None:
            await self.core.catch(scene, loaded, beside)
        return Proven(scene=scene, loaded=loaded, change=claims.change, method="link", session=beside)

    async def _by_ticket(self, resume: ResumeTicket, session: object, context: Context) -> Proven | None:
        ticket = self.core.tokens.open(Purpose.RESUME, resume.ticket, Ticket)
        if ticket is None or ticket.tenant != context.tenant:
            return None
        scene, loaded = await self.core.enter(ticket.tenant, ticket.subject, context.source.key)
        change = loaded.record.change_of(ticket.change)
        if not opens(loaded.record, ticket, scene.now) or change is None or change.kind != ADDED or not is_proven(change):
            return None
        beside = self._session(session, context, ticket.subject)
        if beside is not None:
            await self.core.catch(scene, loaded, beside)
        return Proven(scene=scene, loaded=loaded, change=ticket.change, method="", session=beside)

    async def _by_code(self, proof: AddressCode, session: object, context: Context) -> Proven | Refused | TryAgain:
        """A code is typed where it was asked for, beside a session: charged to the subject, whichever change it is for."""
        core, change_id = self.core, id_of(proof.change)
        if change_id is None or not self._is_code(proof.code):
            return Refused()
        found = await self.factors.session(session, context)
        if found is None or live_session(core.policy, found[2].record, found[0], found[1].now) is None:
            return Refused()
        claims, scene, loaded = found
        guess = await self.guesses.begin(
            "verify_address",
            scene,
            known(scene, loaded),
            SecretClass.ADDRESS,
            context,
            typed=frame(scene.subject),
            secret=change_id.hex() + proof.code,
        )
        if not isinstance(guess, Guess):
            return guess
        loaded = guess.latest(loaded)
        change = loaded.record.change_of(change_id)
        coded = [self.carrying.coded(scene, change_id, proof.code, key=key) for key in range(core.keyring.index_count)]
        right = sum([compare_digest(change.code if change else b"", one) for one in coded])
        about = self.carrying.about(scene, change)
        if (
            not guess.admitted
            or not right
            or change is None
            or not about
            or scene.now >= self.carrying.code_ends(change.asked, about[0])
        ):
            return await guess.fail("code")
        await guess.settle(Settle.VOID)
        method = "text" if channel_of(about[0]) is Channel.TEXT else "code"
        return Proven(scene=scene, loaded=loaded, change=change_id, method=method, session=claims)

    def _is_code(self, code: object) -> bool:
        digits = self.core.policy.reset.code_digits
        return type(code) is str and len(code) == digits and code.isascii() and code.isdigit()

    # --- taking off ---

    @operation
    async def remove_address(self, token: str, address: str, *, context: Context) -> RemoveAddressOutcome:
        """Take an address off; see Engine.remove_address."""
        core = self.core
        core.check_writable()
        found = await self.factors.session(token, context)
        if found is None or found[1].account is None or canonical(address) is None:
            return Refused()
        claims, scene, loaded = found
        own = found[1].account.addresses
        wanted = stored_among(own, address) or address
        old, change = self.carrying.named(scene, wanted), self._change(scene, REMOVED, wanted)

        def step(record: Record) -> Step:
            going = [self.carrying.about(scene, one)[:1] for one in record.changes if one.kind == REMOVED and one.under_way]
            others = [self.carrying.named(scene, one) for one in own if one != wanted and [one] not in going]
            asked = self.carrying.changes_of(scene, record, wanted)
            known_as = next((one for one, kind in asked.items() if kind == REMOVED), b"")
            if wanted not in own and not known_as:
                return Step(No("address"), record)
            return remove_address(
                core.policy, record, scene=scene, claims=claims, change=change, known=known_as, old=old, others=others
            )

        done = await core.apply(scene, loaded, step)
        match done.verdict:
            case Making(made):
                followed = await self.carrying.carry_out(scene, made)
                return followed if isinstance(followed, TryAgain) else AddressRemoved()
            case Begun(begun):
                return Waiting(begun.until, change=begun.id.hex())
            case Held(until):
                return Waiting(until)
            case TryAgain() as again:
                return again
            case verdict:
                return self.core.declined(scene, "remove_address", verdict)

    async def withdraw(self, subject: str, address: str, *, actor: str, tenant: str) -> Acted | TryAgain:
        """Take an address off that is its owner's no more; see Engine.admin."""
        core, admin = self.core, Admin(actor)
        core.check_writable()
        scene, loaded = await core.enter(tenant, subject)
        # What is decided goes first: carried out later, it would bring the address back.
        for one in loaded.record.changes:
            if one.under_way and one.kind == ADDED and one.id in self.carrying.changes_of(scene, loaded.record, address):
                if isinstance(followed := await self.carrying.carry_out(scene, one), TryAgain):
                    return followed
                scene, loaded = await core.enter(tenant, subject)
        account = await core.get(tenant, subject)  # after the record: what that knows no more has come to the table by now
        own = account.addresses if account else ()
        stored = stored_among(own, address)
        if canonical(address) is None or (stored is None and not self.carrying.changes_of(scene, loaded.record, address)):
            return Acted()
        old = self.carrying.named(scene, stored or address)
        change = self._change(scene, REMOVED, stored or address, proofs=(ADMINISTRATOR, admin.actor))

        def step(record: Record) -> Step:
            same = self.carrying.changes_of(scene, record, address)
            return withdraw_address(core.policy, record, scene=scene, change=change, same=same, old=old)

        done = await core.apply(scene, loaded, step)
        if not isinstance(done.verdict, Making):
            return TryAgain(BRIEF)
        followed = await self.carrying.carry_out(scene, done.verdict.change)
        return followed if isinstance(followed, TryAgain) else Acted()

    # --- identifiers ---

    @operation
    async def change_identifier(self, token: str, old: str, new: str, *, context: Context) -> ChangeIdentifierOutcome:
        """Give the account another identifier; see Engine.change_identifier."""
        core = self.core
        core.check_writable()
        name, found = canonical(new), await self.factors.session(token, context)
        if found is None or found[1].account is None or canonical(old) is None:
            return Refused()
        claims, scene, loaded = found
        account = found[1].account
        if live_session(core.policy, loaded.record, claims, scene.now) is None:
            return self.core.declined(scene, "change_identifier", No("session"))
        rejected = objection_to(name, account)
        if name is None or rejected is not None:
            return IdentifierRejected(rejected or "form")
        stored = stored_among(account.identifiers, old) or old
        refused = await within_budget(core, "change_identifier", scene, context)
        if refused is not None:
            return refused
        change = self._change(scene, IDENTIFIER, name.value, self.carrying.name(scene, stored))

        def step(record: Record) -> Step:
            asked = self.carrying.changes_of(scene, record, name.value)
            known_as = next((one for one, kind in asked.items() if kind == IDENTIFIER), b"")
            if stored not in account.identifiers and not known_as:
                return Step(No("identifier"), record)
            return change_identifier(core.policy, record, scene=scene, claims=claims, change=change, known=known_as)

        done = await core.apply(scene, loaded, step)
        match done.verdict:
            case Making(made):
                followed = await self.carrying.carry_out(scene, made)
                if isinstance(followed, TryAgain):
                    return followed
                return IdentifierTaken() if isinstance(followed, Taken) else IdentifierChanged()
            case Held(until):
                return Waiting(until)
            case TryAgain() as again:
                return again
            case verdict:
                return self.core.declined(scene, "change_identifier", verdict)

    # --- what they share ---

    def _change(self, scene: Scene, kind: str, *about: str, proofs: tuple[str, ...] = ("session",)) -> Change:
        sealed = self.carrying.sealed(scene, *about)
        now = scene.now
        return Change(
            id=self.core.draw(16), kind=kind, proofs=proofs, asked=now, until=now, expires=now, weak=False, about=sealed
        )
