"""What a commit appends to the outbox: the entries that come of a step's effects."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from acctsec._flows.entries import (
    AddressRequest,
    CodeRequest,
    Entry,
    Following,
    Happened,
    Mail,
    PromptRequest,
    ResetRequest,
    Told,
    key,
)
from acctsec.events import Event
from acctsec.record import Record
from acctsec.steps import Carry, Effect, Issue, Notice, Prove, Ring, Scene, SendCode, Word, is_new

if TYPE_CHECKING:
    from acctsec._flows.core import Core


def entries_of(core: "Core", scene: Scene, effects: Sequence[Effect], commit_id: bytes, record: Record) -> list[Entry]:
    """
    Events as they are; and for each notice a message to every verified address, and to those removed lately.

    What delivery has to look further into is left to it.
    """
    made: list[Entry] = []
    for effect in effects:
        if isinstance(effect, Notice):
            for address in core.told(scene, record):
                made.append(_mail(core, scene, effect, key(commit_id, len(made)), record, address))
        else:
            made.append(_entry(scene, effect, key(commit_id, len(made)), record))
    return made


def _entry(scene: Scene, effect: Event | Word | Issue | Ring | SendCode | Prove | Carry, named: str, record: Record) -> Entry:
    match effect:
        case Event():
            return Happened(named, effect)
        case Issue():
            return _issue(scene, effect)
        case Word():
            return _word(scene, effect, named, record)
        case Ring():
            return _prompt(scene, effect, named, record)
        case SendCode():
            return _code(scene, effect, named, record)
        case Prove():
            return _proof(scene, effect, named, record)
        case Carry():
            return _carry(scene, effect, record)


def _mail(core: "Core", scene: Scene, notice: Notice, named: str, record: Record, address: str) -> Mail:
    """A message to one address. One that came lately into the place of another has no veto with it."""
    change = notice.change
    vetoes = change is not None and change.weak and not _is_newcomer(core, scene, record, address)
    return Mail(
        key=named,
        purpose=notice.purpose,
        tenant=scene.tenant,
        subject=scene.subject,
        address=address,
        at=scene.now,
        locale=_locale(scene),
        incarnation=record.incarnation,
        change=change.id if change and vetoes else b"",
        until=change.until if change and not change.made else notice.until,
        expires=change.expires if change else None,
    )


def _is_newcomer(core: "Core", scene: Scene, record: Record, address: str) -> bool:
    new = [one for one in record.addresses if is_new(core.policy, one, scene.now)]
    return any(one.named(core.recipients(scene, address)) for one in new)


def _issue(scene: Scene, effect: Issue) -> ResetRequest:
    return ResetRequest(
        tenant=scene.tenant,
        identifier=effect.to,
        handle=effect.handle,
        at=scene.now,
        source=scene.source,
        seed=effect.seed,
        subject=scene.subject,
        proofs=effect.proofs,
        gives=effect.gives,
    )


def _word(scene: Scene, effect: Word, named: str, record: Record) -> Told:
    return Told(
        key=named,
        purpose=effect.purpose,
        tenant=scene.tenant,
        subject=scene.subject,
        incarnation=record.incarnation,
        contact=effect.contact.subject,
        number=effect.contact.id,
        at=scene.now,
        change=effect.change.id if effect.change else b"",
        expires=effect.change.expires if effect.change else None,
    )


def _prompt(scene: Scene, ring: Ring, named: str, record: Record) -> PromptRequest:
    prompt = ring.prompt
    return PromptRequest(
        key=named,
        tenant=scene.tenant,
        subject=scene.subject,
        incarnation=record.incarnation,
        epoch=record.epoch,
        prompt=prompt.id,
        address=ring.address,
        at=scene.now,
        expires=prompt.expires,
        source=scene.source,
        action=ring.action,
        agent=ring.agent,
        known=ring.known,
        locale=_locale(scene),
    )


def _code(scene: Scene, effect: SendCode, named: str, record: Record) -> CodeRequest:
    return CodeRequest(
        key=named,
        tenant=scene.tenant,
        subject=scene.subject,
        incarnation=record.incarnation,
        epoch=record.epoch,
        factor=effect.factor,
        ticket=effect.ticket,
        seed=effect.seed,
        channel=effect.channel,
        address=effect.address,
        action=effect.action,
        at=scene.now,
    )


def _proof(scene: Scene, effect: Prove, named: str, record: Record) -> AddressRequest:
    return AddressRequest(
        key=named,
        tenant=scene.tenant,
        subject=scene.subject,
        incarnation=record.incarnation,
        change=effect.change.id,
        seed=effect.seed,
        at=scene.now,
        source=scene.source,
        locale=_locale(scene),
    )


def _carry(scene: Scene, effect: Carry, record: Record) -> Following:
    return Following(
        tenant=scene.tenant, subject=scene.subject, incarnation=record.incarnation, change=effect.change.id, at=scene.now
    )


def _locale(scene: Scene) -> str:
    return scene.account.locale if scene.account else ""
