"""Trusted contacts: naming them, asking them, and what one of them says."""

from acctsec._flows.asking import within_budget
from acctsec._flows.core import Core, Loaded, operation
from acctsec._flows.factors import FactorFlows
from acctsec._flows.resets import Resets
from acctsec._flows.tokens import Purpose
from acctsec._flows.vouching import contact
from acctsec.claims import FreshSession, ShareClaims
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.outcomes import (
    ContactInfo,
    ContactNamed,
    ContactRemoved,
    Contacts,
    ContactsAsked,
    Refused,
    SharePending,
    TryAgain,
    Vouched,
    Waiting,
)
from acctsec.protocols import MAX_NAME_BYTES
from acctsec.record import Record
from acctsec.steps import (
    Begun,
    Done,
    Held,
    No,
    Scene,
    Step,
    ask_contacts,
    counts_from,
    guarded,
    live_session,
    name_contact,
    remove_contact,
    share_refusal,
    vouch,
)


class ContactFlows:
    """Other subjects whose word counts for one that has lost its factors."""

    def __init__(self, core: Core, factors: FactorFlows, resets: Resets) -> None:
        self.core = core
        self.factors = factors
        self.resets = resets

    # --- the owner's own ---

    @operation
    async def name_contact(self, token: str, contact: str, *, context: Context) -> ContactNamed | Refused | TryAgain:
        """Name a trusted contact; see Engine.name_contact. Whether there is such an account is not looked at."""
        found = await self.factors.session(token, context)
        if found is None or not _is_subject(contact):
            return Refused()
        claims, scene, loaded = found
        policy = self.core.policy
        if live_session(policy, loaded.record, claims, scene.now) is None:
            return self.core.declined(scene, "name_contact", No("session"))
        refused = await within_budget(self.core, "name_contact", scene, context)
        if refused is not None:
            return refused

        def step(record: Record) -> Step:
            return name_contact(policy, record, scene=scene, claims=claims, subject=contact)

        done = await self.core.apply(scene, loaded, step)
        if not isinstance(done.verdict, Done):
            return self.core.declined(scene, "name_contact", done.verdict)
        named = next(one for one in done.record.contacts if one.subject == contact)
        return ContactNamed(counts_from(policy, named))

    @operation
    async def list_contacts(self, token: str, *, context: Context) -> Contacts | Refused:
        """The trusted contacts of the subject; see Engine.list_contacts."""
        found = await self.factors.session(token, context)
        if found is None or live_session(self.core.policy, found[2].record, found[0], found[1].now) is None:
            return Refused()
        policy = self.core.policy
        known = found[2].record.contacts
        return Contacts(
            tuple(ContactInfo(subject=one.subject, since=one.since, counts=counts_from(policy, one)) for one in known)
        )

    @operation
    async def remove_contact(
        self, token: str, contact: str, *, context: Context
    ) -> ContactRemoved | Waiting | Refused | TryAgain:
        """Remove a trusted contact; see Engine.remove_contact."""
        found = await self.factors.session(token, context)
        if found is None or not _is_subject(contact):
            return Refused()
        claims, scene, loaded = found
        policy = self.core.policy

        def step(record: Record) -> Step:
            return remove_contact(policy, record, scene=scene, claims=claims, subject=contact)

        done = await self.core.apply(scene, loaded, step)
        if isinstance(done.verdict, Held):
            return Waiting(done.verdict.until)
        return ContactRemoved() if isinstance(done.verdict, Done) else self.core.declined(scene, "remove_contact", done.verdict)

    # --- asking ---

    @operation
    async def ask_contacts(self, ticket: str, *, context: Context) -> ContactsAsked | Refused | TryAgain:
        """Ask the trusted contacts to agree; see Engine.ask_contacts. Who they are, and who can be reached, does not show."""
        core, shown = self.core, await self.resets.proofs.unfinished(ticket, context)
        if shown is None:
            return Refused()
        scene, recovery, change = shown.scene, shown.recovery, core.draw(16)
        done = await core.apply(
            scene,
            shown.loaded,
            lambda record: ask_contacts(core.policy, record, scene=scene, recovery=recovery, change_id=change),
        )
        if not isinstance(done.verdict, Begun):
            return self.core.declined(scene, "ask_contacts", done.verdict)
        begun = done.verdict.change
        onward = self.resets.onward(scene, done.record, begun)
        return ContactsAsked(onward, change=begun.id.hex(), expires=begun.expires)

    # --- what a contact says ---

    @operation
    async def inspect_share(self, token: str, *, context: Context) -> SharePending | Refused:
        """Look at a share without using it; see Engine.inspect_share."""
        found = await self._shared(token, context)
        if found is None:
            return Refused()
        share, scene, loaded = found
        refusal = share_refusal(self.core.policy, loaded.record, scene=scene, share=share)
        change = loaded.record.change_of(share.change)
        if refusal or change is None:
            return Refused()
        return SharePending(owner=share.subject, change=change.id.hex(), asked=change.asked, expires=change.expires)

    @operation
    async def vouch(self, token: str, *, by: FreshSession, context: Context) -> Vouched | Refused | TryAgain:
        """Agree, as the very contact that was asked; see Engine.vouch."""
        core = self.core
        if not isinstance(by, FreshSession):
            raise ConfigError("`by` is not a claim.", remedy="Give FreshSession(the contact's own session).")
        session = core.session(by.token, context)
        found = None if session is None else await self._shared(token, context)
        if found is None or session is None:
            return Refused()
        share, scene, loaded = found
        theirs, their_record = await contact(core, scene, share.contact)
        own = (session.tenant, session.subject) == (share.tenant, share.contact)
        same = their_record.record.incarnation == share.life
        if own:
            await core.catch(theirs, their_record, session)
        if not own or not same or guarded(core.policy, their_record.record, scene=theirs, claims=session) is None:
            core.refused(scene, "vouch", "evaluated", "session")
            return Refused()
        done = await core.apply(scene, loaded, lambda record: vouch(core.policy, record, scene=scene, share=share))
        return Vouched(done.verdict.count) if isinstance(done.verdict, Done) else self.core.declined(scene, "vouch", done.verdict)

    async def _shared(self, token: object, context: Context) -> tuple[ShareClaims, Scene, Loaded] | None:
        share = self.core.tokens.open(Purpose.SHARE, token, ShareClaims)
        if share is None or share.tenant != context.tenant:
            return None
        scene, loaded = await self.core.enter(share.tenant, share.subject, context.source.key)
        return share, scene, loaded


def _is_subject(text: object) -> bool:
    """Whether something can be the id of a subject at all. It is kept and shown to the owner, so nothing in it is unseen."""
    return type(text) is str and text.isprintable() and 0 < len(text.encode()) <= MAX_NAME_BYTES
