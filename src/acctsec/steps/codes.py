"""Codes that are sent to a factor: whether one goes out, and what the record keeps of it."""

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import Enrollment, Ticket
from acctsec.mfa.policy import BY_CHANNEL
from acctsec.policy import Policy
from acctsec.protocols import Channel
from acctsec.record import Delivered, Record, Sent
from acctsec.reset import Redeemable
from acctsec.steps.effects import SendCode, Step
from acctsec.steps.factors import may_begin
from acctsec.steps.recovery import find_reset, leads_on, trusted
from acctsec.steps.scene import Scene, opens
from acctsec.steps.verdicts import Done, Held, No


def code_refusal(
    policy: Policy, record: Record, *, scene: Scene, ticket: Ticket | Enrollment, factor: str, channel: str, recovering: bool
) -> str | None:
    """
    Why nothing is sent for a ticket, or None. Only what goes on by a code gets one: no session that ended, no factor that was
    reported lost, no recovery that has no path from there.
    """
    if not opens(record, ticket, scene.now) or not scene.active(record):
        return "ticket"
    if ticket.session and record.session(ticket.session) is None:
        return "session"
    if policy.mfa.delivered.is_frozen(channel, sim_changed=scene.sim_changed, now=scene.now):
        return "sim"
    if isinstance(ticket, Enrollment):
        begins = ticket.session or may_begin(policy, record, scene=scene, methods=ticket.methods, risky=ticket.risky)
        return None if begins and factor == ticket.id.hex() else "ticket"
    found = (trusted(record) if recovering else record.factors).factor(factor)
    if not isinstance(found, Delivered) or found.reported or found.channel != channel:
        return "factor"
    if recovering and not leads_on(policy, record, scene=scene, method=BY_CHANNEL[channel]):
        return "no path"
    alive = not recovering or not ticket.reset or isinstance(find_reset(policy, record, ticket.reset, scene.now), Redeemable)
    return None if alive else "dead"


def send_factor_code(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    ticket: Ticket | Enrollment,
    recovering: bool,
    sent: Sent,
    message: SendCode,
) -> Step:
    """
    Keep the digest of a code and let its message go out, in one commit. Earlier codes of the ticket stay good until they are
    over, since texts come late; nothing that was counted begins anew.
    """
    refusal = code_refusal(
        policy, record, scene=scene, ticket=ticket, factor=sent.factor, channel=message.channel, recovering=recovering
    )
    if refusal:
        return Step(No(refusal), record)
    rules, now = policy.mfa.delivered, scene.now
    until = rules.due(record.factors, factor=sent.factor, ticket=sent.ticket, now=now)
    if until:
        return Step(Held(until), record)
    kept = rules.room(record.factors, sent, now=now)
    if kept is None:
        return Step(No("room"), record)
    event = events.CodeIssued(**scene.head(), factor=sent.factor, channel=Channel(message.channel), action=message.action)
    return Step(Done(), evolve(record, factors=evolve(record.factors, sent=kept)), (event, message))
