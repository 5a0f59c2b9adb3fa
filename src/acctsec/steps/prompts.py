"""The life of a prompt: pushed for one ticket, answered with its number or denied in the app, used once."""

from collections.abc import Sequence
from hmac import compare_digest

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import Enrollment, PromptClaims, Ticket
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Prompt, Push, Record
from acctsec.reset import Redeemable
from acctsec.steps.administration import without_device
from acctsec.steps.effects import Effect, Notice, Ring, Step
from acctsec.steps.recovery import find_reset
from acctsec.steps.scene import Scene, opens
from acctsec.steps.verdicts import Done, Held, No


def prompt_refusal(
    policy: Policy, record: Record, *, scene: Scene, ticket: Ticket | Enrollment, prompt: Prompt
) -> No | Held | None:
    """Why a prompt may not be pushed now, or None. Whoever sees it has shown a password, or more."""
    rules, factor = policy.mfa.push, record.factors.factor(prompt.factor)
    if not opens(record, ticket, scene.now) or not scene.active(record):
        return No("ticket")
    # A denial ended what had asked: nothing is pushed for it again, or it would have ended nothing.
    if ticket.session and record.session(ticket.session) is None:
        return No("session")
    if isinstance(ticket, Ticket):
        if ticket.reset and not isinstance(find_reset(policy, record, ticket.reset, scene.now), Redeemable):
            return No("dead")
        if not isinstance(factor, Push) or factor.reported:
            return No("factor")
        if rules.frozen(record.factors, scene.now) and not prompt.asker:
            return No("frozen")
    until = rules.in_the_way(record.factors, prompt, scene.now)
    return Held(until) if until else None


def push_prompt(policy: Policy, record: Record, *, scene: Scene, ticket: Ticket | Enrollment, prompt: Prompt, ring: Ring) -> Step:
    """Let one prompt be outstanding, and have it pushed; what it replaces is over."""
    refusal = prompt_refusal(policy, record, scene=scene, ticket=ticket, prompt=prompt)
    if refusal:
        return Step(refusal, record)
    pushed = events.PromptPushed(**scene.head(), factor=prompt.factor, action=ring.action, known=ring.known)
    return Step(Done(), evolve(record, factors=evolve(record.factors, prompt=prompt)), (pushed, ring))


def find_prompt(policy: Policy, record: Record, *, scene: Scene, claims: PromptClaims) -> Prompt | None:
    """The prompt that an app's token is for, while it is outstanding."""
    prompt = policy.mfa.push.outstanding(record.factors, scene.now)
    return prompt if prompt is not None and _is_of(record, prompt, claims) and scene.active(record) else None


def answer_prompt(policy: Policy, record: Record, *, scene: Scene, claims: PromptClaims, digests: Sequence[bytes]) -> Step:
    """
    A number was typed in the app; *digests* are what the record may know of it, one under each index key. Typed again after the
    right one, it is right still: an app whose connection broke asks again.
    """
    prompt = find_prompt(policy, record, scene=scene, claims=claims)
    if prompt is None:
        return Step(No("prompt"), record)
    right = any(compare_digest(prompt.digest, one) for one in digests)
    if prompt.approved:
        return Step(Done() if right else No("answered"), record)
    if right:
        answered = events.PromptAnswered(**scene.head(), factor=prompt.factor)
        factors = evolve(record.factors, prompt=evolve(prompt, approved=True))
        return Step(Done(), evolve(record, factors=factors), (answered,))
    left = max(policy.mfa.push.tries - prompt.tries - 1, 0)
    after = evolve(prompt, tries=prompt.tries + 1) if left else None
    mistyped = events.PromptMistyped(**scene.head(), factor=prompt.factor, left=left)
    return Step(No("wrong number"), evolve(record, factors=evolve(record.factors, prompt=after)), (mistyped,))


def deny_prompt(policy: Policy, record: Record, *, scene: Scene, claims: PromptClaims) -> Step:
    """
    Who has the app says that it was not he who asked: the prompt is over, approved or late as it may be, and nothing is pushed
    for strangers for a while. Whoever was none is one from now on: the device is known no more, the session or the reset is over.
    """
    prompt = record.factors.prompt
    if prompt is None or not _is_of(record, prompt, claims):
        return Step(No("prompt"), record)
    factors = evolve(record.factors, prompt=None)
    if record.factors.factor(prompt.factor) is None:  # nobody had to show a password for it: an app was being set up
        denied = events.PromptRejected(**scene.head(), factor=prompt.factor)
        return Step(Done(), evolve(record, factors=factors), (denied,))
    until = scene.now + policy.mfa.push.freeze
    told: tuple[Effect, ...] = (events.PromptRejected(**scene.head(), factor=prompt.factor, until=until),)
    after, asker = evolve(record, factors=evolve(factors, frozen=until)).without_reset(prompt.asker), prompt.asker
    if record.device(asker):
        after = without_device(after, asker)
        told += (events.DeviceRevoked(**scene.head(), device=asker.hex()),)
    if record.session(asker):
        after = after.without_session(asker)
        told += (events.SessionClosed(**scene.head(), session=asker.hex()),)
    return Step(Done(), after, (*told, Notice(MessagePurpose.PROMPT_DENIED)))


def _is_of(record: Record, prompt: Prompt, claims: PromptClaims) -> bool:
    same = (record.incarnation, record.epoch) == (claims.incarnation, claims.epoch)
    return same and compare_digest(prompt.id, claims.id)
