"""Trusted contacts: naming and removing them, asking them, and what one of them says."""

from itertools import product

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import SessionClaims, ShareClaims
from acctsec.mfa.actions import Action
from acctsec.outcomes import AssuranceLevel, ChangeKind, TryAgain
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Change, Contact, Record
from acctsec.recovery import Capability, Enough, Proof
from acctsec.steps.changes import held
from acctsec.steps.effects import Notice, Step, Word
from acctsec.steps.recovery import Begun, Recovery, recovery_refusal, weigh
from acctsec.steps.scene import Scene, spend, with_method
from acctsec.steps.standing import guarded
from acctsec.steps.verdicts import Done, Held, No
from acctsec.steps.vouching import GATHERING, counts_from, gathers, in_time, trusted_contacts, vouching

CAPABILITIES = (Capability.PASSWORD, Capability.FACTORS)
"""What contacts can help to get back."""


def name_contact(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, subject: str) -> Step:
    """
    Have the word of another subject count for this one, once it has settled. Naming it again changes nothing: its time runs on.
    """
    if guarded(policy, record, scene=scene, claims=claims, action=Action.CHANGE_CONTACTS) is None:
        return Step(No("session"), record)
    if not scene.proven:  # a squatter's friends would stay when the address is proven by another
        return Step(No("no verified address"), record)
    if not _of_use(policy, scene):
        return Step(No("no path"), record)
    if subject in ("", scene.subject):
        return Step(No("nobody else"), record)
    if any(one.subject == subject for one in record.contacts):
        return Step(Done(), record)
    after = record.with_contact(subject, scene.now)
    if after is None:
        return Step(No("too many contacts"), record)
    new = after.contacts[-1]
    event = events.ContactAdded(**scene.head(), contact=subject, counts=counts_from(policy, new))
    told = (Notice(MessagePurpose.CONTACT_NAMED), Word(MessagePurpose.NAMED_AS_CONTACT, new))
    return Step(Done(), after, (event, *told))


def _of_use(policy: Policy, scene: Scene) -> bool:
    """Whether contacts can ever help the subject, with a second factor or without."""
    return any(
        Proof.CONTACTS in one.proofs
        for gives, level in product(CAPABILITIES, (AssuranceLevel.AAL1, AssuranceLevel.AAL2))
        for one in policy.recovery.allowed(gives=gives, level=level, groups=scene.groups)
    )


def remove_contact(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, subject: str) -> Step:
    """Have the word of a contact count no more, nor what it has agreed to already."""
    if guarded(policy, record, scene=scene, claims=claims, action=Action.CHANGE_CONTACTS) is None:
        return Step(No("session"), record)
    contact = next((one for one in record.contacts if one.subject == subject), None)
    if contact is None:
        return Step(No("no such contact"), record)
    until = held(record, since=contact.since, now=scene.now)
    if until:
        return Step(Held(until), record)
    event = events.ContactDropped(**scene.head(), contact=subject)
    return Step(Done(), record.without_contact(contact), (event, Notice(MessagePurpose.CONTACT_REMOVED)))


def ask_contacts(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery, change_id: bytes) -> Step:
    """
    Ask every contact that counts to agree, and tell every address. The reset and the ticket are used up: the change stands for
    what they proved.

    Contacts come last: what is lacking besides has to be shown before anybody is bothered. Asked again from the same address, it
    begins anew.
    """
    refusal = recovery_refusal(policy, record, scene=scene, recovery=recovery)
    if refusal or recovery.change:
        return Step(No(refusal or "asked already"), record)
    recovery = _alone(recovery)
    if not _are_due(policy, record, scene=scene, recovery=recovery):
        return Step(No("no path"), record)
    asked = trusted_contacts(policy, record, scene.now)
    if len(asked) < policy.recovery.contacts_needed:
        return Step(No("too few contacts"), record)
    spent = record if recovery.ticket is None else spend(record, recovery.ticket, scene.now)
    if spent is None:
        return Step(No("tickets"), record)
    about = next((one.recipient for one in record.resets if one.id == recovery.reset), b"")
    kept = tuple(one for one in spent.changes if not gathers(one) or one.about != about)
    after = evolve(spent.without_reset(recovery.reset), changes=kept)
    change = Change(
        id=change_id,
        kind=ChangeKind.CONTACTS.value,
        proofs=recovery.methods,
        asked=scene.now,
        until=scene.now + GATHERING,
        expires=scene.now + GATHERING,
        about=about,
    )
    waiting = after.with_change(change, scene.now)
    if waiting is None:
        return Step(TryAgain(min(one.expires for one in after.changes) - scene.now), record)
    event = events.VouchingBegan(**scene.head(), change=change_id.hex(), methods=change.proofs, expires=change.expires)
    words = (Word(MessagePurpose.CONTACT_SHARE, one, change) for one in asked)
    return Step(Begun(change), waiting, (event, Notice(MessagePurpose.CONTACTS_ASKED), *words))


def _alone(recovery: Recovery) -> Recovery:
    """Without what administrators agreed to: that was for one thing, and contacts are asked for any."""
    return evolve(recovery, methods=tuple(one for one in recovery.methods if one != Proof.ADMINISTRATORS))


def _are_due(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery) -> bool:
    """Whether the word of contacts is all that is lacking; in a contest, whether it would settle that."""
    for gives in CAPABILITIES:
        alone = evolve(recovery, gives=gives)
        beside = evolve(alone, methods=with_method(alone.methods, Proof.CONTACTS.value))
        lacks = not isinstance(weigh(policy, record, scene=scene, recovery=alone), Enough)
        if lacks and isinstance(weigh(policy, record, scene=scene, recovery=beside), Enough):
            return True
    return False


def share_refusal(policy: Policy, record: Record, *, scene: Scene, share: ShareClaims) -> str | None:
    """Why a share decides nothing now, or None."""
    if not scene.active(record):
        return "disabled"
    change = record.change_of(share.change)
    if record.incarnation != share.incarnation or change is None or not gathers(change) or not in_time(change, scene.now):
        return "dead"
    if _sharing(policy, record, change, share) is None:
        return "contact"
    return "used" if change.vouched >> share.number & 1 else None


def _sharing(policy: Policy, record: Record, change: Change, share: ShareClaims) -> Contact | None:
    counting = trusted_contacts(policy, record, change.asked)
    return next((one for one in counting if (one.id, one.subject) == (share.number, share.contact)), None)


def vouch(policy: Policy, record: Record, *, scene: Scene, share: ShareClaims) -> Step:
    """One contact agrees; that it was this contact the flow has seen. Told is the owner once enough have."""
    refusal, change = share_refusal(policy, record, scene=scene, share=share), record.change_of(share.change)
    if refusal or change is None:
        return Step(No(refusal or "dead"), record)
    new = evolve(change, vouched=change.vouched | 1 << share.number)
    after = evolve(record, changes=tuple(new if one.id == new.id else one for one in record.changes))
    lacking = policy.recovery.contacts_needed - len(vouching(policy, after, new))
    event = events.ContactVouched(**scene.head(), change=new.id.hex(), contact=share.contact, left=max(lacking, 0))
    told = (Notice(MessagePurpose.CONTACTS_AGREED),) if lacking == 0 else ()
    return Step(Done(count=max(lacking, 0)), after, (event, *told))
