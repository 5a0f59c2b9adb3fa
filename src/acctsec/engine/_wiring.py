"""What both faces do once: wire the flows, and refuse a port of the wrong form."""

import inspect
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from acctsec._flows.addresses import Addresses
from acctsec._flows.administration import Administration
from acctsec._flows.answers import Answers
from acctsec._flows.authenticators import Authenticators
from acctsec._flows.carrying import Carrying
from acctsec._flows.challenges import Challenges
from acctsec._flows.changes import ChangeFlows
from acctsec._flows.codes import Codes
from acctsec._flows.contacts import ContactFlows
from acctsec._flows.core import Core
from acctsec._flows.delivery import Delivery
from acctsec._flows.devices import DeviceFlows
from acctsec._flows.factors import FactorFlows
from acctsec._flows.guesses import Guesses
from acctsec._flows.moving import Moving
from acctsec._flows.outbox import Outbox
from acctsec._flows.outside import OutsideFlows
from acctsec._flows.passkeys import PasskeyFlows
from acctsec._flows.passwords import Passwords
from acctsec._flows.ports import Ports
from acctsec._flows.prompts import Prompts
from acctsec._flows.proposals import Proposals
from acctsec._flows.reports import Reports
from acctsec._flows.resets import Resets
from acctsec._flows.sessions import Sessions
from acctsec._flows.sign_in import SignIn
from acctsec._flows.step_ups import StepUps
from acctsec._flows.survey import Survey
from acctsec._flows.unlocking import Unlocking
from acctsec.errors import ConfigError
from acctsec.hashing.governor import Governor
from acctsec.keyring import Keyring
from acctsec.policy import Policy
from acctsec.stores.popularity import MemoryPopularity

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks

RECORDS = ("load", "commit", "drain", "ack", "scan")
METERS = ("charge", "settle", "read")
OUTBOX = ("waiting", "dead_letters", "revive")
POPULARITY = ("count", "add")
CHALLENGE = ("puzzle", "verify")
SKETCH = 262_144  # counters in a row: of the million that a generation takes, a count is some 10 too high at most
WATCH = ("look", "wrong")
OUTSIDE = ("begin", "check")
PASSKEYS = ("register", "authenticate", "credential_of")
OWN_ROWS = 50_000  # of meters that a process keeps by itself while the others do not answer: about 50 MB


class Flows:
    """The flows of one engine, wired to its ports."""

    def __init__(self, policy: Policy, keyring: Keyring, ports: Ports) -> None:
        self.core: Core = Core(policy, keyring, ports)
        guesses = Guesses(self.core)
        answers = Answers(self.core, guesses)
        self.passwords: Passwords = Passwords(self.core, guesses)
        weighs = risks(self.core, policy)
        self.sign_in: SignIn = SignIn(self.core, guesses, answers, Challenges(self.core), weighs)
        self.step_ups: StepUps = StepUps(self.core, guesses, self.sign_in.granting, weighs)
        self.resets: Resets = Resets(self.core, guesses, self.passwords, answers, weighs)
        self.factors: FactorFlows = FactorFlows(self.core, guesses, answers)
        self.authenticators: Authenticators = Authenticators(self.core, self.factors)
        self.outside: OutsideFlows = OutsideFlows(self.core, answers, self.factors)
        self.passkeys: PasskeyFlows = PasskeyFlows(self.core, guesses, self.factors, self.sign_in)
        self.reports: Reports = Reports(self.core, self.factors)
        self.codes: Codes = Codes(self.core, self.factors)
        self.prompts: Prompts = Prompts(self.core, guesses, self.factors)
        self.sessions: Sessions = Sessions(self.core, self.factors)
        self.changes: ChangeFlows = ChangeFlows(self.core, self.factors)
        self.contacts: ContactFlows = ContactFlows(self.core, self.factors, self.resets)
        carrying = Carrying(self.core)
        self.addresses: Addresses = Addresses(self.core, guesses, self.factors, carrying)
        self.unlocking: Unlocking = Unlocking(self.core, guesses, answers)
        self.devices: DeviceFlows = DeviceFlows(self.core, self.factors)
        self.administration: Administration = Administration(self.core, self.resets)
        self.proposals: Proposals = Proposals(self.core, carrying)
        self.moving: Moving = Moving(self.core)
        self.survey: Survey = Survey(self.core)
        self.delivery: Delivery = Delivery(self.core, carrying)
        self.outbox: Outbox = Outbox(self.core)


def risks(core: Core, policy: Policy) -> "Risks | None":
    """
    What weighs sign-ins, where the policy does; with what this process sees of everybody's, in four sketches of 4 MiB.
    """
    if policy.risk is None:
        return None
    from acctsec._flows.risks import Risks
    from acctsec.attacks.history import Traffic
    from acctsec.attacks.recent import RecentCounts

    traffic = Traffic(everybody=RecentCounts(_sketch), attacks=RecentCounts(_sketch))
    return Risks(core, policy.risk, traffic)


def _sketch() -> MemoryPopularity:
    return MemoryPopularity(width=SKETCH)


def governor(policy: Policy) -> Governor:
    hashing = policy.hashing
    return Governor(permits=hashing.permits, queue=hashing.queue, patience=hashing.patience)


def check_wiring(policy: object, keyring: object, messenger: object, popularity: object, outbox: object) -> None:
    if not isinstance(policy, Policy):
        raise ConfigError("The policy is not a Policy.", remedy="Give Policy() or a preset.")
    if not isinstance(keyring, Keyring):
        raise ConfigError("The keyring is not a Keyring.", remedy="Give Keyring.from_text(os.environ['ACCTSEC_KEYS']).")
    parts = (policy.password, *policy.groups.values(), *policy.tenants.values())
    if popularity is None and any(one.popularity_cap is not None for one in parts):
        message = "The policy has a popularity_cap, and nothing counts how often a password was chosen."
        raise ConfigError(message, remedy="Give popularity=MemoryPopularity(), or a counter of your own.")
    if outbox not in ("delivered", "manual"):
        raise ConfigError(f"outbox is {outbox!r}.", remedy='Leave it out, or name "manual".')
    if messenger is None and outbox != "manual":
        raise ConfigError("There is no messenger, so no reset could ever arrive.", remedy='Give one, or name outbox="manual".')


def forms(*ports: object) -> list[tuple[str, object, tuple[str, ...]]]:
    names = ("store", "directory", "messenger", "sink", "corpus", "popularity", "challenge", "watch")
    methods: tuple[tuple[str, ...], ...] = (
        (*RECORDS, *METERS),
        directory_methods(ports[1]),
        ("send",),
        ("record",),
        ("count",),
        POPULARITY,
        CHALLENGE,
        WATCH,
    )
    return [found for found in zip(names, ports, methods, strict=True) if found[1] is not None]


def directory_methods(directory: object) -> tuple[str, ...]:
    """What a directory is asked; ``apply`` only where it has one."""
    return ("find", "get", *(("apply",) if callable(getattr(directory, "apply", None)) else ()))


def shows_outbox(store: object, *, wants_async: bool) -> bool:
    """Whether a store lets operators look into its outbox: it may be without, but not with a half of it."""
    if not any(hasattr(store, method) for method in OUTBOX):
        return False
    check_form("store", store, OUTBOX, wants_async=wants_async)
    return True


def check_resolver(resolver: object) -> None:
    if resolver is not None:  # of either face: it answers from memory
        check_form("resolver", resolver, ("origin",), wants_async=False)


def check_outside(policy: Policy, outside: object, *, wants_async: bool) -> None:
    """Refuse an engine where nobody checks an outside factor that the policy names, or somebody one that it does not name."""
    if not isinstance(outside, Mapping):
        raise ConfigError("outside is not a mapping.", remedy='Give {"duo": ...}, by the names of MfaPolicy.outside.')
    named = {one.name for one in policy.mfa.outside}
    for name in sorted(named - outside.keys()):
        raise ConfigError(f"Nobody checks the outside factor {name!r}.", remedy=f'Give outside={{"{name}": ...}}.')
    for name in sorted(map(str, outside.keys() - named)):
        raise ConfigError(f"The policy names no outside factor {name!r}.", remedy="Name it in MfaPolicy.outside.")
    for name, port in outside.items():
        check_form(f"outside.{name}", port, OUTSIDE, wants_async=wants_async)


def check_passkeys(policy: Policy, verifier: object) -> None:
    """Refuse a verifier of the wrong form, and passkeys that nobody could check. It is of either face: it has no I/O."""
    if verifier is not None:
        check_form("passkey verifier", verifier, PASSKEYS, wants_async=False)
    elif policy.mfa.passkeys is not None and find_spec("webauthn") is None:
        raise ConfigError("Passkeys need the library webauthn.", remedy="pip install acctsec[passkeys]")


def check_form(name: str, port: object, methods: tuple[str, ...], *, wants_async: bool) -> None:
    if getattr(port, "keeps_records", True) is False and "load" in methods:
        raise ConfigError(
            f"The {name} keeps meters only.",
            remedy="Give it to SplitStore beside a store of records, or make it with records=True.",
        )
    # A list has a method count of its own, which would find no password ever.
    no_port = isinstance(port, type | Sequence)
    for method in methods:
        call: Any = getattr(port, method, None)
        if no_port or not callable(call):
            raise ConfigError(f"The {name} has no method {method}.", remedy=f"See acctsec.protocols for what a {name} is.")
        if inspect.iscoroutinefunction(call) is not wants_async:
            face, other = ("AsyncEngine", "Engine") if wants_async else ("Engine", "AsyncEngine")
            kind = "a blocking" if wants_async else "an async"
            raise ConfigError(f"{name}.{method} is {kind} method.", remedy=f"{face} wants the other form; or use {other}.")
