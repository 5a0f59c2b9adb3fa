"""One actor, once: what a step is handed, and what the actor keeps of the answer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from acctsec.claims import TotpCode
from acctsec.context import Context
from acctsec.engine import Engine
from acctsec.outcomes import (
    AddressPending,
    FactorAdded,
    FactorRemoved,
    FactorReported,
    PasskeyChallenge,
    PasswordChanged,
    PromptSent,
    ResetRequested,
    SessionValid,
    SignedIn,
    Waiting,
)
from acctsec.protocols import Account, MessagePurpose
from acctsec.testing.doubles import Authenticator
from acctsec.testing.scenarios.staging import app_address, mail_address, second_address
from acctsec.testing.scenarios.steps import Hands, Person, filled, numbered
from acctsec.testing.world import PASSWORD

if TYPE_CHECKING:
    from acctsec.testing.scenarios.playing import Stage

NEAR = range(-3, 4)
"""Periods around now whose codes no wrong code may be."""


class Acting:
    """One actor whose turn it is, for the attempt of that *number*."""

    def __init__(self, stage: "Stage", by: str, number: int) -> None:
        self._stage = stage
        self._actor = stage.scenario.actors[by]
        self.calls: Engine = stage.world.calls
        self.by: str = by
        self.number: int = number
        self.hands: Hands = stage.hands[by]
        self.context: Context = stage.world.context(self._source(), device=self.hands.device, tenant=self._actor.tenant)

    def _source(self) -> str:
        place = list(self._stage.scenario.actors).index(self.by) + 1
        source = (self.number - 1) % self._actor.sources
        return filled(self._actor.address, self.number) or f"10.{place}.{source // 256}.{source % 256}"

    # --- what a step asks for ---

    def text(self, text: str) -> str:
        return filled(text, self.number)

    def person(self, name: str) -> Person:
        name = numbered(name, self.number)
        nobody = Person(name=name, subject=name, identifier=f"{name}@example.org", tenant=self._actor.tenant, password=PASSWORD)
        return self._stage.people.get(name, nobody)

    def account(self, person: Person) -> Account | None:
        return self._stage.world.directory.get(person.tenant, person.subject)

    def mailed(self, what: str, *purposes: MessagePurpose, nth: int = 0) -> str:
        addresses = self._addresses()
        mails = [one for one in self._stage.world.messenger.messages if one.address in addresses]
        found = [getattr(one, what) for one in mails if one.purpose in purposes or not purposes]
        found = [str(one) for one in found if one]
        if nth:
            found = found[nth - 1 : nth]
        return found[-1] if found else ""

    def _addresses(self) -> set[str]:
        """Where the actor reads what is sent."""
        actor, accounts = self._actor, self._stage.accounts
        found = {actor.mailbox} if "@" in actor.mailbox else set()
        if actor.mailbox in accounts:
            found.add(mail_address(actor.mailbox, accounts[actor.mailbox]))
        if actor.second_mailbox:
            found.add(second_address(actor.second_mailbox))
        if actor.number:
            found.add(accounts[actor.number].number)
        if actor.phone:
            found |= {accounts[actor.phone].number, app_address(actor.phone)}
        return found

    def owned(self, thing: str) -> Person:
        return self._stage.people[getattr(self._actor, thing)]

    def other(self, actor: str) -> Hands:
        return self._stage.hands[actor]

    def shown(self, app: Authenticator) -> TotpCode:
        return app.code(self._stage.world.clock())

    def wrong_code(self) -> str:
        now, apps = self._stage.world.clock(), [one.app for one in self._stage.people.values() if one.app]
        near = {app.code(now, step=ahead).code for app in apps for ahead in NEAR}
        codes = (f"{n:06d}" for n in range(self.number + 1 + len(near)))
        return [code for code in codes if code not in near][self.number]

    # --- what the actor keeps ---

    def keep(self, outcome: object) -> None:
        """Keep what an answer hands to a browser."""
        hands = self.hands
        match outcome:
            case SignedIn(session=session, device=device):
                hands.session, hands.sessions = session, hands.sessions + 1
                self._known(device)
            case PasswordChanged(device=device):
                self._known(device)
            case FactorAdded(session=session) | FactorRemoved(session=session) | FactorReported(session=session):
                hands.session = session
            case SessionValid(renewed=str(renewed)):
                hands.session = renewed
            case ResetRequested(handle=handle):
                hands.handle = handle
            case Waiting(ticket=ticket):
                hands.waits = ticket or ""
            case AddressPending(change=change):
                hands.change = change
            case PromptSent(number=number):
                hands.number = number
            case PasskeyChallenge(ticket=ticket, options=options):
                hands.ticket, hands.options = ticket, options
            case _:
                self._begun(getattr(outcome, "ticket", None), getattr(outcome, "passkey", None))

    def _begun(self, ticket: object, options: Mapping[str, Any] | None) -> None:
        """Whatever has a ticket goes on with it, and with the options for a passkey that come beside it."""
        if isinstance(ticket, str):
            self.hands.ticket, self.hands.options = ticket, options

    def _known(self, device: str | None) -> None:
        """A browser that keeps its cookies is known by the newest."""
        if device and (self._actor.device or self._actor.cookies):
            self.hands.device = device
