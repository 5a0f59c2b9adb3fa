"""Playing a scenario: what its actors do is done to an engine, and what it expects is looked at."""

from collections import Counter
from typing import Any

from attrs import define, field, frozen

from acctsec.claims import RecoveryCode, ResetCode, ResetLink, ResetProof, ResumeTicket, TotpCode
from acctsec.context import Context
from acctsec.engine import Engine
from acctsec.outcomes import FactorRequired, ProofAccepted, RecoveryCodes, Refused, ResetRequested, SignedIn, Waiting
from acctsec.protocols import MessagePurpose
from acctsec.testing._faces import Face
from acctsec.testing.doubles import Authenticator
from acctsec.testing.scenarios.reading import Loaded, duration, expected, filled, names
from acctsec.testing.scenarios.schema import (
    Account,
    Answer,
    AnyStep,
    CheckSession,
    ChoosePassword,
    InspectReset,
    InspectVeto,
    RedeemReset,
    RemoveFactor,
    RequestReset,
    SignIn,
    Veto,
)
from acctsec.testing.world import World


@frozen(kw_only=True)
class Played:
    """What came of a scenario: the outcomes of each step, and the figures its ``expect`` speaks of."""

    outcomes: tuple[Counter[str], ...]
    compared: int
    guesses: int
    messages: Counter[MessagePurpose]
    sessions: Counter[str]
    failures: Counter[str]
    factor_failures: Counter[str]
    stopped: tuple[str, ...]
    changed: tuple[str, ...]
    contested: tuple[str, ...]


def play(loaded: Loaded, world: World[Engine]) -> Played:
    """
    Play a scenario in a fresh world, made under ``loaded.policy``.

    Raises AssertionError with every expectation that is not met, each named by its key.
    """
    stage = _Stage(loaded, world)
    stage.set_up()
    outcomes, faults = [], []
    for number, step in enumerate(loaded.scenario.steps):
        outcomes.append(stage.run(step))
        if outcomes[-1] != expected(step):
            faults.append(f"steps[{number}].expect: {dict(expected(step))}, but it was {dict(outcomes[-1])}")
    played = stage.played(outcomes)
    faults += _unmet(loaded, played)
    if faults:
        raise AssertionError("\n".join((f"{loaded.path.name}: {loaded.scenario.title}", *faults)))
    return played


def _unmet(loaded: Loaded, played: Played) -> list[str]:
    expect = loaded.scenario.expect
    figures = [(key, getattr(expect, key), getattr(played, key)) for key in ("compared", "guesses")]
    for key in ("messages", "sessions", "failures", "factor_failures"):
        figures += [(f"{key}.{name}", wanted, getattr(played, key)[name]) for name, wanted in getattr(expect, key).items()]
    faults = [f"expect.{key}: {wanted}, but it was {found}" for key, wanted, found in figures if wanted not in (None, found)]
    faults += [f"expect.kept: the password of {name} changed" for name in expect.kept if name in played.changed]
    faults += [f"expect.changed: the password of {name} did not change" for name in expect.changed if name not in played.changed]
    faults += [f"expect.stopped: {name} is not stopped" for name in expect.stopped if name not in played.stopped]
    faults += [f"expect.contested: {name} is not contested" for name in expect.contested if name not in played.contested]
    return faults


@define
class _Hands:
    """What an actor holds from one step to the next."""

    ticket: str = ""
    waits: str = ""
    handle: str = ""
    session: str = ""
    typed: TotpCode | RecoveryCode = field(factory=lambda: TotpCode(""))
    sessions: int = 0


class _Stage:
    """A scenario and the world it happens in."""

    def __init__(self, loaded: Loaded, world: World[Engine]) -> None:
        self.scenario = loaded.scenario
        self.world = world
        self.accounts = names(loaded.scenario)
        self.hands = {name: _Hands() for name in loaded.scenario.actors}
        self.apps: dict[str, Authenticator] = {}
        self.codes: dict[str, list[str]] = {}
        self.devices: dict[str, str] = {}
        self.since: dict[str, Any] = {}
        self.sent = 0

    def set_up(self) -> None:
        """Bring the accounts to where the attack finds them."""
        for name, account in self.accounts.items():
            self._sign_up(name, account)
        self.world.deliver()
        self.world.clock.advance(hours=2)  # whatever was charged or asked for on the way is long past
        self.world.comparisons.clear()
        self.sent = len(self.world.messenger.messages)
        self.since = {name: self._since(name) for name in self.accounts}

    def _sign_up(self, name: str, account: Account) -> None:
        world = self.world
        addresses = (address(name), second_address(name)) if account.second_mailbox else (address(name),)
        world.sign_up(name, address(name), account.password, addresses=addresses)
        if not account.device and not account.totp:
            return
        number = len(self.devices)
        signed_in = world.sign_in(address(name), account.password, address=f"10.250.{number // 256}.{number % 256}")
        self.devices[name] = signed_in.device
        if account.totp:
            self.apps[name], session = world.enroll(signed_in.session)
            if account.recovery_codes:
                issued = world.calls.issue_recovery_codes(session, context=world.context())
                assert isinstance(issued, RecoveryCodes), issued
                self.codes[name] = list(issued.codes)

    # --- steps ---

    def run(self, step: AnyStep) -> Counter[str]:
        """Do a step as often as it says, deliver what it left behind, and count the outcomes."""
        self.world.clock.advance(duration(step.after))
        if step.at_once:
            found = Face(self).together([("act", (step, number)) for number in range(1, step.times + 1)])
        else:
            found = []
            for number in range(1, step.times + 1):
                if number > 1:
                    self.world.clock.advance(duration(step.every))
                found.append(self.act(step, number))
        self.world.deliver()
        return Counter(found)

    def act(self, step: AnyStep, number: int) -> str:
        """Do a step once."""
        hands = self.hands[step.by]
        outcome = self._outcome(step, number, hands, self._context(step.by, number))
        match outcome:
            case SignedIn(session=session):
                hands.session = session
                hands.sessions += 1
            case FactorRequired(ticket=ticket) | ProofAccepted(ticket=ticket):
                hands.ticket = ticket
            case Waiting(ticket=ticket):
                hands.waits = ticket or ""
            case ResetRequested(handle=handle):
                hands.handle = handle
            case Refused(retry_after=wait) if wait is not None:
                return "Refused(retry_after)"
        return type(outcome).__name__

    def _outcome(self, step: AnyStep, number: int, hands: _Hands, context: Context) -> object:
        engine = self.world.calls
        match step:
            case SignIn():
                name = filled(step.account, number)
                password = filled(step.password, number) or self.accounts[name].password
                return engine.sign_in(address(name), password, context=context)
            case Answer():
                hands.typed = self._code(step, hands, number)
                return engine.verify_factor(hands.ticket, hands.typed, context=context)
            case ChoosePassword():
                account = self.world.directory.get("", filled(step.account, number))
                return engine.check_password(filled(step.password, number), account=account)
            case RequestReset():
                return engine.request_reset(address(filled(step.account, number)), context=context)
            case InspectReset():
                return engine.inspect_reset(self._mail(step.by, "link"), context=context)
            case RedeemReset():
                return engine.redeem_reset(self._proof(step, hands), filled(step.password, number), context=context)
            case Veto():
                return engine.veto(self._mail(step.by, "veto"), context=context)
            case InspectVeto():
                return engine.inspect_veto(self._mail(step.by, "veto"), context=context)
            case CheckSession():
                return engine.check_session(hands.session, context=context)
            case RemoveFactor():
                listed = engine.list_factors(hands.session, context=context)
                factors = [] if isinstance(listed, Refused) else [one.id for one in listed.factors]
                return engine.remove_factor(hands.session, factors[0] if factors else "", context=context)

    # --- what actors hold ---

    def _context(self, by: str, number: int) -> Context:
        actor = self.scenario.actors[by]
        place = list(self.scenario.actors).index(by) + 1
        source = (number - 1) % actor.sources
        return self.world.context(f"10.{place}.{source // 256}.{source % 256}", device=self.devices.get(actor.device))

    def _code(self, step: Answer, hands: _Hands, number: int) -> TotpCode | RecoveryCode:
        actor, now = self.scenario.actors[step.by], self.world.clock()
        match step.code:
            case "totp":
                return self.apps[actor.phone].code(now)
            case "recovery":
                return RecoveryCode(self._printed(step.by))
            case "wrong":
                near = {app.code(now, step=ahead).code for app in self.apps.values() for ahead in range(-3, 4)}
                return TotpCode(
                    [code for code in (f"{n:06d}" for n in range(number + 10 * len(near))) if code not in near][number]
                )
            case "repeated":
                return hands.typed

    def _proof(self, step: RedeemReset, hands: _Hands) -> ResetProof:
        match step.proof:
            case "link":
                return ResetLink(self._mail(step.by, "link"))
            case "code":
                return ResetCode(hands.handle, self._mail(step.by, "code"))
            case "recovery":
                return RecoveryCode(self._printed(step.by), hands.handle)
            case "factor":
                return ResumeTicket(hands.ticket)
            case "waited":
                return ResumeTicket(hands.waits)

    def _printed(self, by: str) -> str:
        """The next code of the sheet, or none when all are used up."""
        sheet = self.codes[self.scenario.actors[by].recovery_codes]
        return sheet.pop(0) if sheet else ""

    def _mail(self, by: str, what: str) -> str:
        actor = self.scenario.actors[by]
        mailboxes = {address(actor.mailbox), second_address(actor.second_mailbox)}
        mails = [one for one in self.world.messenger.messages if one.address in mailboxes]
        return next((str(found) for one in reversed(mails) if (found := getattr(one, what))), "")

    # --- what is looked at ---

    def played(self, outcomes: list[Counter[str]]) -> Played:
        """The figures at the end."""
        world = self.world
        lanes = {(name, lane.lane): lane for name in self.accounts for lane in world.calls.admin.lock_status(name)}
        passwords = {name: lanes[name, "password/strangers"] for name in self.accounts}
        factors = {name: lanes[name, "factor/strangers"] for name in self.accounts}
        return Played(
            outcomes=tuple(outcomes),
            compared=len(world.comparisons.evaluated),
            guesses=len(world.comparisons.guesses),
            messages=Counter(message.purpose for message in world.messenger.messages[self.sent :]),
            sessions=Counter({name: hands.sessions for name, hands in self.hands.items()}),
            failures=Counter({name: lane.failures for name, lane in passwords.items() if lane.failures}),
            factor_failures=Counter({name: lane.failures for name, lane in factors.items() if lane.failures}),
            stopped=tuple(name for name, lane in passwords.items() if lane.stopped),
            changed=tuple(name for name, since in self.since.items() if self._since(name) != since),
            contested=tuple(name for name in self.accounts if world.calls.admin.export(name).contested),
        )

    def _since(self, name: str) -> object:
        return self.world.calls.admin.export(name).password_since


def address(name: str) -> str:
    """Where an account is reached."""
    return f"{name}@example.org"


def second_address(name: str) -> str:
    """Where an account with a second mailbox is reached as well."""
    return f"{name}@second.example"
