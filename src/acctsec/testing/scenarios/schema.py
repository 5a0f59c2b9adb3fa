"""
What a scenario file may say: the classes below and those of ``acctsec.testing.scenarios.steps``, field by field.

A value of the wrong type, a key that is unknown or missing, and whatever ``acctsec.testing.scenarios.checking`` finds wrong
between them is refused with the file, the key and how to mend it.
"""

from typing import Any, Literal

from attrs import has
from msgspec import Struct

from acctsec import errors, events, outcomes
from acctsec.errors import AcctsecError
from acctsec.outcomes import FactorKind
from acctsec.protocols import MessagePurpose
from acctsec.testing.scenarios.steps import AnyStep, Count, Times
from acctsec.testing.world import PASSWORD

OUTCOMES = {name for name, kind in vars(outcomes).items() if isinstance(kind, type) and has(kind)}
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AcctsecError)}
LABELS = OUTCOMES | ERRORS | {"Refused(retry_after)"}
"""
What a step can expect: the class of an outcome, or of the error that says the world is broken; a Refused that names a time to
wait is told apart from one that does not.
"""

EVENTS = frozenset(events.EVENTS)

NOBODY = "nobody"
"""An account whose name begins so does not exist."""


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """
    An account that is there before the attack. ``name@example.org`` is its identifier and its verified address.

    *password*: its password, if not the usual good one; ``""`` for none. *identifier*: what it answers to, if it is something
    else. *verified*: whether its address is. *second_mailbox*: ``name@second.example`` is a verified address as well. *number*: a
    phone number that is one, too. *device*: its owner has a browser that the account knows. *totp*: an authenticator is set up.
    *passkey*: so is a passkey, *synced* among devices or *bound* to one that counts its uses. *push*: so is an app that is
    prompted. *codes*: so are codes by *text* or by *mail*. *recovery_codes*: so are printed codes; they need one of those.
    *imported*: the password is a hash of another system, as it lay there. *groups*: those it is in. *tenant*: its tenant.
    *subject*: its id, if it is not its name. *count* above 1 makes that many, ``name-1`` and so on.
    """

    password: str = PASSWORD
    identifier: str = ""
    verified: bool = True
    second_mailbox: bool = False
    number: str = ""
    device: bool = False
    totp: bool = False
    passkey: Literal["", "synced", "bound"] = ""
    push: bool = False
    codes: Literal["", "text", "mail"] = ""
    recovery_codes: bool = False
    imported: str = ""
    groups: tuple[str, ...] = ()
    tenant: str = ""
    subject: str = ""
    count: Times = 1


class Actor(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Somebody who acts, from *sources* addresses in turn, or from *address*, in which ``{n}`` is the number of the attempt.

    What else he has belongs to an account, which is named: its *mailbox*, or any mail address that he reads; its
    *second_mailbox*; its *phone*, with authenticator, app and texts, or its *number* alone, with texts; its printed
    *recovery_codes*; its *passkey*; its known *device*. *cookies*: his browser keeps what it is given, as one on a known device
    does. *tenant*: where he goes. *administrator*: he has the tool of the support desk.
    """

    sources: Times = 1
    address: str = ""
    mailbox: str = ""
    second_mailbox: str = ""
    phone: str = ""
    number: str = ""
    recovery_codes: str = ""
    passkey: str = ""
    device: str = ""
    cookies: bool = False
    tenant: str = ""
    administrator: bool = False


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """
    What has to be true at the end; what is left out is not looked at.

    *compared*: passwords compared with a stored verifier; *guesses*: those that did not match; *hashed*: hashes computed, with
    those that only take as long as one. *messages*: by purpose. *events*: what operators see, by class. *sessions*: given to each
    actor. *failures*: wrong passwords that count against each account in the lane of strangers, *factor_failures*: wrong codes.
    *factors*: the kinds of factor that an account has. *addresses*: its verified addresses. *kept* and *changed*: accounts whose
    password is the same, or is not. *stopped*: accounts to which strangers cannot sign in any more. *contested*: accounts to
    which nobody can, since a change was vetoed. *disabled*: accounts that are. *same*: actors who saw the same and cost the same,
    step by step.
    """

    compared: Count | None = None
    guesses: Count | None = None
    hashed: Count | None = None
    messages: dict[MessagePurpose, Count] = {}
    events: dict[str, Count] = {}
    sessions: dict[str, Count] = {}
    failures: dict[str, Count] = {}
    factor_failures: dict[str, Count] = {}
    factors: dict[str, tuple[FactorKind, ...]] = {}
    addresses: dict[str, tuple[str, ...]] = {}
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A whole attack. *title* says it in one sentence, *defence* what stops it, or how far it gets.

    *policy* names a *preset* and overrides knobs of its families by their names: ``[policy.lockout.strangers] free = 5``;
    lengths of time are texts such as ``"30 s"``, ``"5 min"``, ``"1 h"``, ``"2 d"``. It takes whatever kind of factor an account
    here has, and passkeys for ``https://www.example.org``. Passwords are hashed at the least cost there is: a scenario is about
    what is decided.
    """

    title: str
    defence: str
    accounts: dict[str, Account]
    actors: dict[str, Actor]
    steps: tuple[AnyStep, ...]
    expect: Expected
    policy: dict[str, Any] = {}
