"""
What a scenario file may say: the classes below, field by field.

A value of the wrong type, a key that is unknown or missing, and whatever ``acctsec.testing.scenarios.reading`` finds wrong
between them is refused with the file and the key named.
"""

from typing import Annotated, Any, Literal

from attrs import has
from msgspec import Meta, Struct

from acctsec import outcomes
from acctsec.protocols import MessagePurpose
from acctsec.testing.world import PASSWORD

Count = Annotated[int, Meta(ge=0)]
Times = Annotated[int, Meta(ge=1, le=100_000)]

LABELS = {name for name, kind in vars(outcomes).items() if isinstance(kind, type) and has(kind)} | {"Refused(retry_after)"}
"""What a step can expect: the class of an outcome; a Refused that names a time to wait is told apart from one that does not."""

NOBODY = "nobody"
"""An account whose name begins so does not exist."""


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """
    An account that is there before the attack. ``name@example.org`` is its identifier and its verified address.

    *totp*: an authenticator is set up. *recovery_codes*: so are printed codes; they need an authenticator. *device*: its
    owner has a browser that the account knows. *second_mailbox*: ``name@second.example`` is a verified address as well. *count*
    above 1 makes that many, ``name-1`` and so on.
    """

    password: str = PASSWORD
    totp: bool = False
    recovery_codes: bool = False
    device: bool = False
    second_mailbox: bool = False
    count: Times = 1


class Actor(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Somebody who acts, from *sources* addresses in turn.

    What else he has belongs to an account, which is named: its *mailbox* or its *second_mailbox*, its *phone* with the
    authenticator, its printed *recovery_codes*, its known *device*.
    """

    sources: Times = 1
    mailbox: str = ""
    second_mailbox: str = ""
    phone: str = ""
    recovery_codes: str = ""
    device: str = ""


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """
    One thing an actor does, *times* over.

    The clock moves on by *after* before the first time and by *every* before each further one, or all happen *at_once*, in
    as many threads. *expect* is the one outcome, or how often each. Outbox and mail are delivered after every step.
    ``{n}`` in a text is the number of the attempt, from 1.
    """

    by: str
    expect: str | dict[str, Count]
    times: Times = 1
    after: str = ""
    every: str = ""
    at_once: bool = False


class SignIn(Step, frozen=True, tag="sign-in"):
    """Sign in to *account*, with its right password unless one is given."""

    account: str
    password: str = ""


class Answer(Step, frozen=True, tag="answer"):
    """Answer the second factor that was asked of this actor last; *repeated* is the code it gave before, once more."""

    code: Literal["totp", "recovery", "wrong", "repeated"]


class ChoosePassword(Step, frozen=True, tag="choose-password"):
    """Ask what the rules say to a *password* for *account*."""

    account: str
    password: str


class RequestReset(Step, frozen=True, tag="request-reset"):
    """Ask for a reset of *account*."""

    account: str


class InspectReset(Step, frozen=True, tag="inspect-reset"):
    """Look at the newest link in the mailbox, as mail scanners do."""


class RedeemReset(Step, frozen=True, tag="redeem-reset"):
    """
    Redeem a reset for a new *password*: *proof* is the newest link or code in the mailbox, a printed recovery code, the proven
    second factor that was asked for, or the ticket of what waited.
    """

    proof: Literal["link", "code", "recovery", "factor", "waited"]
    password: str


class Veto(Step, frozen=True, tag="veto"):
    """Stop what the newest notice in the mailbox tells of."""


class InspectVeto(Step, frozen=True, tag="inspect-veto"):
    """Look at what that notice could stop, as mail scanners do."""


class CheckSession(Step, frozen=True, tag="check-session"):
    """Use the session that this actor got last."""


class RemoveFactor(Step, frozen=True, tag="remove-factor"):
    """Take the authenticator away, with the session that this actor got last."""


AnyStep = (
    SignIn
    | Answer
    | ChoosePassword
    | RequestReset
    | InspectReset
    | RedeemReset
    | Veto
    | InspectVeto
    | CheckSession
    | RemoveFactor
)


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """
    What has to be true at the end; what is left out is not looked at.

    *compared*: passwords compared with a stored verifier; *guesses*: those that did not match. *messages*: by purpose.
    *sessions*: given to each actor. *failures*: wrong passwords that count against each account in the lane of strangers,
    *factor_failures*: wrong codes. *kept* and *changed*: accounts whose password is the same, or is not. *stopped*: accounts
    to which strangers cannot sign in any more. *contested*: accounts to which nobody can, since a change was vetoed.
    """

    compared: Count | None = None
    guesses: Count | None = None
    messages: dict[MessagePurpose, Count] = {}
    sessions: dict[str, Count] = {}
    failures: dict[str, Count] = {}
    factor_failures: dict[str, Count] = {}
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A whole attack. *title* says it in one sentence, *defence* what stops it, or how far it gets.

    *policy* names a *preset* and overrides knobs of its families by their names: ``[policy.lockout.strangers] free = 5``;
    lengths of time are texts such as ``"30 s"``, ``"5 min"``, ``"1 h"``, ``"2 d"``. Passwords are hashed at the least cost
    there is: a scenario is about what is decided.
    """

    title: str
    defence: str
    accounts: dict[str, Account]
    actors: dict[str, Actor]
    steps: tuple[AnyStep, ...]
    expect: Expected
    policy: dict[str, Any] = {}
