"""Bringing the accounts of a scenario to where the attack finds them, through the engine's own operations."""

from typing import Any

from attrs import define

from acctsec.claims import DeliveredCode, Initial, PasskeyAttestation, PushApproval
from acctsec.engine import Engine
from acctsec.errors import ConfigError
from acctsec.outcomes import (
    CodeEnrollmentStarted,
    EnrollmentRequired,
    FactorAdded,
    FactorKind,
    Imported,
    PasskeyEnrollmentStarted,
    PasswordChanged,
    PushEnrollmentStarted,
    RecoveryCodes,
    SignedIn,
)
from acctsec.protocols import Account as Row
from acctsec.protocols import Channel, MessagePurpose
from acctsec.testing.authenticator import SoftAuthenticator
from acctsec.testing.doubles import Authenticator, SeededEntropy
from acctsec.testing.scenarios.policies import kinds_of
from acctsec.testing.scenarios.schema import Account
from acctsec.testing.scenarios.steps import ORIGIN, Person, filled
from acctsec.testing.world import World

HOMES = "10.250.{}.{}"
"""Where owners set up what they have: each has an address of his own, from which nobody acts."""


def mail_address(name: str, account: Account) -> str:
    """Where an account is reached: its identifier, if mail goes to that."""
    return account.identifier if "@" in account.identifier else f"{name}@example.org"


def second_address(name: str) -> str:
    """Where an account with a second mailbox is reached as well."""
    return f"{name}@second.example"


def app_address(name: str) -> str:
    """Where the app of an account is reached."""
    return f"app:{name}"


def move_in(world: World[Engine], name: str, account: Account, number: int) -> Person:
    """
    Make an account, with all that the scenario says it has. Raises ConfigError where the policy will not have it so: another
    one is played than that of the file.
    """
    home = HOMES.format(number // 256, number % 256)
    person = _Newcomer(world, name, account, home).person()
    world.deliver()
    return person


@define
class _Newcomer:
    """Somebody who is just signing up."""

    world: World[Engine]
    name: str
    account: Account
    home: str
    _session: str = ""

    def person(self) -> Person:
        account, mail = self.account, mail_address(self.name, self.account)
        person = Person(
            name=self.name,
            subject=account.subject or self.name,
            identifier=account.identifier or mail,
            tenant=account.tenant,
            password=filled(account.password, 1),
        )
        addresses = (mail, *((second_address(self.name),) if account.second_mailbox else ()), *filter(None, (account.number,)))
        row = Row(
            subject=person.subject,
            identifiers=(person.identifier,),
            addresses=addresses if account.verified else (),
            groups=frozenset(account.groups),
        )
        self.world.directory.put(row, tenant=account.tenant)
        self._password(person)
        if kinds_of(account) or account.device:
            self._settle(person)
        return person

    def _password(self, person: Person) -> None:
        calls, account = self.world.calls, self.account
        if account.imported:
            found: object = calls.admin.import_verifier(person.subject, account.imported, actor="scenario", tenant=account.tenant)
            self._expect(found, Imported)
        elif account.password:
            changed = calls.set_password(person.subject, person.password, by=Initial(), context=self._context())
            self._expect(changed, PasswordChanged)

    def _settle(self, person: Person) -> None:
        """Sign in once, and set everything up."""
        found = self.world.calls.sign_in(person.identifier, person.password, context=self._context())
        if isinstance(found, EnrollmentRequired):
            self._session = found.ticket
        else:
            signed_in: SignedIn = self._expect(found, SignedIn)
            self._session, person.device = signed_in.session, signed_in.device
        for kind in kinds_of(self.account):
            self._set_up(person, kind)
            self.world.clock.advance(seconds=30)

    def _set_up(self, person: Person, kind: FactorKind) -> None:
        calls, here = self.world.calls, self._context()
        match kind:
            case FactorKind.TOTP:
                person.app = Authenticator(calls.enroll_totp(self._session, name="phone", context=here))  # type: ignore[arg-type]
                self._confirm(person.app.ticket, person.app.code(self.world.clock()))
            case FactorKind.PASSKEY:
                begun = self._expect(calls.enroll_passkey(self._session, name="key", context=here), PasskeyEnrollmentStarted)
                person.passkey = self._key()
                self._confirm(begun.ticket, PasskeyAttestation(person.passkey.create(begun.options, origin=ORIGIN)))
            case FactorKind.PUSH:
                asked = calls.enroll_push(self._session, app_address(self.name), name="app", context=here)
                prompted = self._expect(asked, PushEnrollmentStarted)
                self.world.deliver()
                token = self.world.messenger.of(MessagePurpose.PROMPT)[-1].prompt or ""
                calls.answer_prompt(token, prompted.number, context=here)
                self._confirm(prompted.ticket, PushApproval())
            case FactorKind.DELIVERED:
                to = self.account.number if self.account.codes == "text" else mail_address(self.name, self.account)
                channel = Channel(self.account.codes)
                sent = calls.enroll_delivered(self._session, to, channel=channel, name="codes", context=here)
                started = self._expect(sent, CodeEnrollmentStarted)
                self.world.deliver()
                self._confirm(started.ticket, DeliveredCode(self.world.messenger.factor_code))
            case FactorKind.RECOVERY_CODE:
                issued = self._expect(calls.issue_recovery_codes(self._session, context=here), RecoveryCodes)
                person.codes = list(issued.codes)
            case FactorKind.HOTP | FactorKind.OUTSIDE:
                raise AssertionError(kind)

    def _confirm(self, ticket: str, answer: Any) -> None:
        added: FactorAdded = self._expect(self.world.calls.confirm_factor(ticket, answer, context=self._context()), FactorAdded)
        self._session = added.session

    def _key(self) -> SoftAuthenticator:
        bound = self.account.passkey == "bound"
        seed = SeededEntropy(int.from_bytes(self.name.encode()[:12], "big"))
        flags = {"backup_eligible": not bound, "backed_up": not bound, "step": int(bound), "counter": int(bound)}
        return SoftAuthenticator(entropy=seed, algorithm=-7, **flags)  # type: ignore[arg-type]

    def _context(self) -> Any:
        return self.world.context(self.home, tenant=self.account.tenant)

    def _expect(self, outcome: object, kind: type) -> Any:
        if not isinstance(outcome, kind):
            message = f"{self.name} cannot be brought to where the attack finds it: {type(outcome).__name__} under this policy."
            raise ConfigError(message, remedy="Play it under a policy that has room for what its accounts have.")
        return outcome
