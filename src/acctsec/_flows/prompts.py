"""Prompts on their way: asked for in a browser, pushed to an app, answered or denied there."""

from attrs import evolve as with_facts

from acctsec._flows.core import BRIEF, Core, Loaded, operation
from acctsec._flows.counting import known
from acctsec._flows.factors import MAX_ID, FactorFlows
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.kinds import PushApps
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import Enrollment, PromptClaims, Ticket
from acctsec.context import Context
from acctsec.errors import StoreBusy
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.mfa.actions import Action
from acctsec.mfa.push import MAX_ADDRESS_BYTES
from acctsec.outcomes import (
    FactorKind,
    PromptApproved,
    PromptDenied,
    PromptPending,
    PromptSent,
    PushEnrollmentStarted,
    Refused,
    TryAgain,
)
from acctsec.protocols import Charge, Granted, Settle
from acctsec.record import Prompt, Push, Record
from acctsec.steps import (
    Done,
    Held,
    No,
    Ring,
    Scene,
    answer_prompt,
    deny_prompt,
    find_prompt,
    prompt_refusal,
    push_prompt,
)

RESET, SET_UP = "reset", "set-up"
STRANGERS, SESSIONS, RESETS = "strangers", "sessions", "resets"
MAX_ACTION = 64
MAX_AGENT = 120
"""Characters of a user agent that are shown: those that name browser and system stand first."""


class Prompts:
    """The flows of prompts."""

    def __init__(self, core: Core, guesses: Guesses, factors: FactorFlows) -> None:
        self.core = core
        self.guesses = guesses
        self.factors = factors
        self.kind: PushApps = PushApps(core)

    @operation
    async def enroll_push(
        self, token: str, address: str, *, name: str, replaces: str, context: Context
    ) -> PushEnrollmentStarted | Refused | TryAgain:
        """Begin to set up an app; see Engine.enroll_push."""
        core = self.core
        if not _is_address(address):
            return Refused()
        begun = await self.factors.begin("enroll_push", token, FactorKind.PUSH, name=name, replaces=replaces, context=context)
        if isinstance(begun, Refused):
            return begun
        scene, enrollment = begun
        enrollment = evolve(enrollment, secret=address.encode())
        loaded = await core.load(core.record_key(scene.tenant, scene.subject), fresh=b"")
        sent = await self._push("enroll_push", scene, loaded, enrollment, enrollment.id.hex(), address, SET_UP, context)
        if not isinstance(sent, PromptSent):
            return sent
        return PushEnrollmentStarted(core.tokens.seal(Purpose.CONFIRM, enrollment), sent.number, expires=sent.expires)

    @operation
    async def push_prompt(self, ticket: str, factor_id: str, *, context: Context) -> PromptSent | Refused | TryAgain:
        """Have an app prompted; see Engine.push_prompt."""
        core, found, action = self.core, None, ""
        for purpose, what in ((Purpose.SIGN_IN, Action.SIGN_IN.value), (Purpose.RESET, RESET), (Purpose.STEP_UP, "")):
            found = core.tokens.open(purpose, ticket, Ticket)
            if found is not None:
                action = what or found.action
                break
        if found is None or found.tenant != context.tenant or type(factor_id) is not str or len(factor_id) > MAX_ID:
            return Refused()
        scene, loaded = await core.enter(found.tenant, found.subject, context.source.key)
        factor = loaded.record.factors.factor(factor_id)
        address = self.kind.address(scene, factor) if isinstance(factor, Push) else None
        if address is None:
            return core.declined(scene, "push_prompt", No("factor"))
        return await self._push("push_prompt", scene, loaded, found, factor_id, address, action, context)

    async def _push(
        self,
        operation: str,
        scene: Scene,
        loaded: Loaded,
        ticket: Ticket | Enrollment,
        factor_id: str,
        address: str,
        action: str,
        context: Context,
    ) -> PromptSent | Refused | TryAgain:
        """Charge, then commit the digest of a number with the message. What comes to nothing anyway spends no prompt."""
        core, rules, drawn = self.core, self.core.policy.mfa.push, self.core.draw(32)
        number, (asker, lane) = rules.number(drawn[16:]), self._asker(scene, loaded.record, ticket, context)
        prompt = Prompt(
            id=drawn[:16],
            factor=factor_id,
            ticket=ticket.id,
            digest=self._digest(scene, drawn[:16], number),
            expires=min(scene.now + rules.lifetime, ticket.expires),
            asker=asker,
        )
        ring = Ring(
            prompt=prompt,
            address=address,
            action=action[:MAX_ACTION],
            agent=_printable(context.user_agent),
            known=bool(asker) and lane != RESETS,
        )
        refusal: object = prompt_refusal(core.policy, loaded.record, scene=scene, ticket=ticket, prompt=prompt)
        try:
            if refusal is None and not await self._within_budget(scene, loaded.record, prompt, lane):
                refusal = No("budget")
        except StoreBusy:  # a crowd at the store
            return TryAgain(BRIEF)
        if refusal is None:
            done = await core.apply(
                scene,
                loaded,
                lambda record: push_prompt(core.policy, record, scene=scene, ticket=ticket, prompt=prompt, ring=ring),
            )
            if isinstance(done.verdict, Done):
                return PromptSent(number, expires=prompt.expires)
            refusal = done.verdict
        if isinstance(refusal, Held):
            return TryAgain(max(refusal.until - scene.now, BRIEF))
        return core.declined(scene, operation, refusal)

    def _asker(self, scene: Scene, record: Record, ticket: Ticket | Enrollment, context: Context) -> tuple[bytes, str]:
        """
        Who asks, and who is counted with him. Somebody who shows the password alone is a stranger; a known device, a session and
        a reset have shown more, and nobody who knows the password takes their prompts away.
        """
        device = self.core.tokens.known_device(context.device, scene, record)
        if device is not None:
            return device.id, device.id.hex()
        if ticket.session:
            return ticket.session, SESSIONS
        reset = ticket.reset if isinstance(ticket, Ticket) else b""
        return reset, RESETS if reset else STRANGERS

    async def _within_budget(self, scene: Scene, record: Record, prompt: Prompt, lane: str) -> bool:
        """
        Spend a prompt of a lane. The row is of a life of the record and no more: neither a success nor
        a recovery, a reset or an unlocking gives any back.
        """
        core, ladder = self.core, self.core.policy.mfa.push.prompts.ladder()
        charges = []
        for key in range(core.keyring.index_count):
            names = ("prompt row", scene.tenant, scene.subject, record.incarnation, lane)
            row = core.keyring.digest(*names, key=key)[:16]
            charges.append(Charge(row, b"!prompts", ladder, None, prompt.id))
        readings = await core.charge(scene, charges)
        if readings is None:
            readings = await core.charge_own(charges)
        return len(readings) == len(charges) and all(isinstance(reading, Granted) for reading in readings)

    def _digest(self, scene: Scene, prompt: bytes, number: str, *, key: int = 0) -> bytes:
        """What the record knows of a number: it is good for one prompt."""
        return self.core.keyring.digest("push number", scene.tenant, scene.subject, prompt, number, key=key)

    # --- in the app ---

    async def _opened(self, token: object, context: Context) -> tuple[PromptClaims, Scene, Loaded] | None:
        claims = self.core.tokens.open(Purpose.PROMPT, token, PromptClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await self.core.enter(claims.tenant, claims.subject, context.source.key)
        return claims, scene, loaded

    @operation
    async def inspect_prompt(self, token: str, *, context: Context) -> PromptPending | Refused:
        """Look at a prompt; see Engine.inspect_prompt. One load, no write."""
        found = await self._opened(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        prompt = find_prompt(self.core.policy, loaded.record, scene=scene, claims=claims)
        if prompt is None or prompt.approved:
            return Refused()
        return PromptPending(
            asked=claims.asked,
            expires=prompt.expires,
            action=claims.action,
            source=claims.source,
            agent=claims.agent,
            known=claims.known,
        )

    @operation
    async def answer_prompt(self, token: str, number: str, *, context: Context) -> PromptApproved | Refused | TryAgain:
        """Type the number of a prompt; see Engine.answer_prompt."""
        core = self.core
        found = await self._opened(token, context) if core.policy.mfa.push.is_number(number) else None
        if found is None:
            return Refused()
        claims, scene, loaded = found
        prompt = find_prompt(core.policy, loaded.record, scene=scene, claims=claims)
        if prompt is None:  # charges nothing: whoever kept an old one could stop the owner's factors with it
            return core.declined(scene, "answer_prompt", No("prompt"))
        guess = await self.guesses.begin(
            "answer_prompt",
            scene,
            known(scene, loaded),
            _class(loaded.record, prompt),
            self._lane(scene, loaded.record, prompt, context),
            typed=frame(scene.subject),
            secret=prompt.id.hex() + number,
        )
        if not isinstance(guess, Guess):
            return guess
        if not guess.admitted:
            return await guess.fail("lane")
        digests = [self._digest(scene, prompt.id, number, key=key) for key in range(core.keyring.index_count)]
        done = await core.apply(
            scene,
            guess.latest(loaded),
            lambda record: answer_prompt(core.policy, record, scene=scene, claims=claims, digests=digests),
        )
        if isinstance(done.verdict, Done):
            await guess.settle(Settle.VOID)  # half of a proof: what it clears is cleared when it is used
            return PromptApproved()
        if done.verdict == No("wrong number"):
            return await guess.fail("wrong number")
        await guess.settle(Settle.VOID)
        return core.declined(scene, "answer_prompt", done.verdict)

    def _lane(self, scene: Scene, record: Record, prompt: Prompt, context: Context) -> Context:
        """
        The context of an answer, which counts in the lane of the browser that asked: what strangers guess must not close the
        lane that an owner's known device answers for, and the phone has no device token of its own.
        """
        device = record.device(prompt.asker)
        return with_facts(context, device=None if device is None else self.core.tokens.device(scene, record, device))

    @operation
    async def deny_prompt(self, token: str, *, context: Context) -> PromptDenied | Refused | TryAgain:
        """Deny a prompt; see Engine.deny_prompt."""
        core, found = self.core, await self._opened(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        done = await core.apply(scene, loaded, lambda record: deny_prompt(core.policy, record, scene=scene, claims=claims))
        return PromptDenied() if isinstance(done.verdict, Done) else core.declined(scene, "deny_prompt", done.verdict)


def _class(record: Record, prompt: Prompt) -> SecretClass:
    """Where wrong numbers count: with what else is typed for the same flow, and there alone."""
    if record.factors.factor(prompt.factor) is None:
        return SecretClass.ENROLLMENT
    return SecretClass.RESET_FACTOR if any(one.id == prompt.asker for one in record.resets) else SecretClass.FACTOR


def _is_address(address: object) -> bool:
    """Whether this is the platform's own address of an app: text without control characters, of at most 255 bytes."""
    try:
        return type(address) is str and address.isprintable() and 0 < len(address.encode()) <= MAX_ADDRESS_BYTES
    except UnicodeEncodeError:
        return False


def _printable(agent: str) -> str:
    """A user agent as an app may show it: ASCII, so that nothing in it reorders the page."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in agent[:MAX_AGENT])
