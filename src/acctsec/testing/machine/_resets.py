"""Rules of EngineMachine: forgotten passwords."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from acctsec import events
from acctsec._flows.tokens import Purpose
from acctsec.claims import HandleClaims, RecoveryCode, ResetCode, ResetLink, ResumeTicket
from acctsec.outcomes import FactorRequired, PasswordChanged, PasswordRejected, Refused, TryAgain
from acctsec.protocols import Message, MessagePurpose
from acctsec.testing.machine._credentials import Credentials
from acctsec.testing.machine._model import Minted, Person, Reset, Ticket
from acctsec.testing.machine._stage import AT_ONCE, NUMBER, WHO, granted, pick
from acctsec.testing.strategies import spellings

NOT_YET = (Refused, TryAgain, PasswordRejected)


class Resets(Credentials):
    """Asking for a reset, and what it is good for."""

    @rule(who=WHO, data=st.data(), delivered=st.booleans())
    def request_reset(self, who: int, data: Any, delivered: bool) -> None:  # noqa: FBT001 - drawn
        """Ask for a reset; the answer tells nothing."""
        person = self.people[who]
        self.ask(person, data.draw(spellings(person.identifier) | st.just(person.address)), delivered=delivered)

    def ask(self, person: Person, name: str, *, delivered: bool) -> None:
        """Ask for a reset and keep the handle."""
        outcome = self.call("request_reset", name, context=self.context())
        handle = person.mint(Minted, self.hide(outcome.handle), now=self.now, lasts=self.policy.reset.link_lifetime)
        person.handles.append(handle)
        if delivered:
            self.deliver()

    @rule()
    def deliver(self) -> None:
        """Deliver what is due, and open the mail."""
        self.world.deliver()
        for message in self.world.messenger.handed[self.opened :]:
            if message.purpose is MessagePurpose.RESET:
                self.open_mail(message)
        self.opened: int = len(self.world.messenger.handed)

    def open_mail(self, message: Message) -> None:
        """A reset came: remember its link and code, and whose they are."""
        person = next(one for one in self.people if one.subject == message.subject)
        assert message.address == person.address, "a reset went elsewhere than to the stored address"
        assert person.active, "a reset for somebody who is disabled"
        asked = message.key.partition("-")[0]
        assert all(one.asked != asked for one in person.resets), "a request was answered twice"
        assert message.link
        assert message.code
        assert message.expires
        handle = next((one.text for one in person.handles if self.handle_id(one.text) == asked), None)
        lasts = message.expires - self.now
        facts = {"code": message.code, "handle": handle, "asked": asked}
        person.resets.append(person.mint(Reset, self.hide(message.link), now=self.now, lasts=lasts, **facts))

    def handle_id(self, handle: str) -> str:
        """What names the request that gave this handle."""
        claims = self.world.engine._flows.core.tokens.open(Purpose.HANDLE, handle, HandleClaims)  # noqa: SLF001 - a look inside
        return str(claims.id.hex())

    # --- redeeming ---

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, by_code=st.booleans(), kind=st.sampled_from(("good", "short", "current")))
    def redeem(self, who: int, at_once: bool, number: int, by_code: bool, kind: str) -> None:  # noqa: FBT001 - drawn
        """A reset changes one password once, never signs in, and stops where a factor guards."""
        person = self.people[who]
        if at_once:
            self.ask(person, person.address, delivered=True)
        reset = pick(person.resets, 0 if at_once else number)
        if reset is None:
            return
        new = {"good": self.invent("reset"), "short": "short", "current": person.password or "short"}[kind]
        proof = ResetCode(reset.handle, reset.code) if by_code and reset.handle else ResetLink(reset.text)
        outcome = self.call("redeem_reset", proof, new, context=self.context())
        allowed = person.active and person.holds(reset, self.now)
        if isinstance(outcome, FactorRequired):
            assert allowed, outcome
            assert person.apps, outcome
            self.go_on(person, self.ticket(person, outcome.ticket, proofs=frozenset({"mail"}), reset=reset), at_once=at_once)
            return
        allowed = allowed and not person.apps
        if granted(outcome, PasswordChanged, *NOT_YET, allowed=allowed and kind == "good"):
            self.redeemed(person, reset, new, proofs=frozenset({"mail"}))
        elif isinstance(outcome, PasswordRejected):
            assert allowed, outcome
            assert kind != "good", outcome
        elif isinstance(outcome, Refused) and isinstance(proof, ResetLink):
            begun = reset.expires <= self.now + self.policy.reset.link_lifetime  # unless the clock was set back
            assert not (allowed and begun), f"{outcome!r} for a link that holds"

    def go_on(self, person: Person, ticket: Ticket, *, at_once: bool) -> None:
        """A factor is due for a reset: answer it now, or leave it to others."""
        person.tickets.append(ticket)
        if at_once:
            self.answer_ticket(person, ticket, *self.answer(person, "code", 1, 0))
            if ticket.spent:
                self.resume(who=self.people.index(person), number=0)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER)
    def recover(self, who: int, at_once: bool, number: int) -> None:  # noqa: FBT001 - drawn
        """A recovery code begins a reset, and is never enough for it."""
        person = self.people[who]
        if at_once:
            self.ask(person, person.address, delivered=False)
        handle, code = pick(person.handles, 0 if at_once else number), pick(person.codes or person.dead_codes, number)
        if handle is None or code is None:
            return
        outcome = self.call("redeem_reset", RecoveryCode(code, handle.text), self.invent("recovered"), context=self.context())
        allowed = person.active and code in person.codes and self.now < handle.expires
        if found := granted(outcome, FactorRequired, allowed=allowed):
            self.use_code(person, code)
            self.happens(events.FactorAccepted)
            self.go_on(person, self.ticket(person, found.ticket, proofs=frozenset({"recovery-code"})), at_once=at_once)

    @rule(who=WHO, number=NUMBER)
    def resume(self, who: int, number: int) -> None:
        """A reset changes the password once, when two kinds of proof carry it."""
        person, new = self.people[who], self.invent("resumed")
        ticket = pick(person.resumes, number)
        if ticket is None:
            return
        outcome = self.call("redeem_reset", ResumeTicket(ticket.text), new, context=self.context())
        reset = ticket.reset
        allowed = person.active and person.holds(ticket, self.now) and (reset is None or person.holds(reset, self.now))
        if isinstance(outcome, FactorRequired):
            assert allowed, outcome
            assert not person.enough(ticket.proofs), outcome
            person.tickets.append(self.ticket(person, outcome.ticket, proofs=ticket.proofs, reset=reset))
        elif granted(outcome, PasswordChanged, allowed=allowed and person.enough(ticket.proofs)):
            self.redeemed(person, reset, new, proofs=ticket.proofs)

    def redeemed(self, person: Person, reset: Reset | None, new: str, *, proofs: frozenset[str]) -> None:
        """A reset did its work; where it rests on mail alone, the owner can veto it for a while."""
        if proofs == {"mail"}:
            person.held = self.now + self.policy.recovery.veto_window
        if reset is not None:
            reset.spent = True
        person.change_password(new, now=self.now)
        person.open_lanes()
        self.happens(events.PasswordReset, MessagePurpose.PASSWORD_CHANGED)

    @rule(who=WHO, number=NUMBER)
    def look_at_link(self, who: int, number: int) -> None:
        """Looking at a link changes nothing, and shows what redeeming it would find."""
        person = self.people[who]
        reset = pick(person.resets, number)
        if reset is not None:
            outcome = self.call("inspect_reset", reset.text, context=self.context())
            assert isinstance(outcome, Refused) or (person.active and person.holds(reset, self.now)), outcome
