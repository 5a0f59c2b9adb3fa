"""Messages: what goes to people, why, and by which channel."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen


class Channel(StrEnum):
    """How a message goes out: as mail, as a text to a phone number, spoken by a call to one, or pushed to an app."""

    MAIL = "mail"
    TEXT = "text"
    VOICE = "voice"
    PUSH = "push"


class MessagePurpose(StrEnum):
    """Why a message is sent."""

    RESET = "reset"
    INITIAL_PASSWORD = "initial-password"  # noqa: S105 - a purpose, not a password
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a purpose, not a password
    FACTOR_ADDED = "factor-added"
    FACTOR_REMOVED = "factor-removed"
    FACTOR_REPORTED = "factor-reported"
    FACTOR_RESTORED = "factor-restored"
    ENROLLMENT_DUE = "enrollment-due"  # the policy asks for a factor; *until* is the day
    RECOVERY_CODES_ISSUED = "recovery-codes-issued"
    RECOVERY_CODE_USED = "recovery-code-used"
    GUESSING_STOPPED = "guessing-stopped"
    SESSION_COPIED = "session-copied"
    CHANGE_WAITING = "change-waiting"
    CHANGE_DROPPED = "change-dropped"
    CONTESTED = "contested"
    FACTORS_REMOVED = "factors-removed"
    SELF_SERVICE_REFUSED = "self-service-refused"
    CONTACT_NAMED = "contact-named"
    CONTACT_REMOVED = "contact-removed"
    NAMED_AS_CONTACT = "named-as-contact"  # to the contact
    CONTACTS_ASKED = "contacts-asked"
    CONTACT_SHARE = "contact-share"  # to the contact, with a link
    CONTACTS_AGREED = "contacts-agreed"
    RECOVERY_APPROVED = "recovery-approved"
    RECOVERY_LINK = "recovery-link"
    PROVE_ADDRESS = "prove-address"
    ADDRESS_PENDING = "address-pending"
    ADDRESS_ADDED = "address-added"
    ADDRESS_REMOVED = "address-removed"
    IDENTIFIER_CHANGED = "identifier-changed"
    FACTOR_CODE = "factor-code"
    PROMPT = "prompt"  # to an app
    PROMPT_DENIED = "prompt-denied"


@frozen(kw_only=True)
class Message:
    """
    What the platform has to send, to exactly *address*. The words are the platform's.

    *key* is the same whenever the same message is handed over again: send once a key. A reset by mail carries a *link* token
    (``Links.url`` puts it into the fragment of a configured URL), good until *expires*, and a *code* to type, good until
    *code_expires*. A text never has a link: a reset carries the code alone. The news that guessing was stopped may have a *link*
    that opens the lane of strangers again. *locale* is that of the account when the message was made.

    Notice of a change carries a *veto* where its reader may stop it, good until *expires*; the change waits *until* then. What
    goes to a trusted contact names the *owner* it is about; the *link* of a share is good for ``vouch``. A code that proves a
    factor says what for: *action* is an action of the policy, ``reset`` or ``set-up``. It never has a link.

    A prompt goes to an app: *prompt* is what the app answers it with, *action* says what for, and *asked_from* (a network),
    *asked_with* (a user agent, as the browser told it) and *at* are what it shows of who asked. The number that has to be typed
    is not in it.
    """

    key: str
    purpose: MessagePurpose
    tenant: str
    subject: str
    address: str = field(repr=False)
    at: datetime
    link: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    expires: datetime | None = None
    code_expires: datetime | None = None
    veto: str | None = field(default=None, repr=False)
    until: datetime | None = None
    channel: Channel = Channel.MAIL
    locale: str = ""
    owner: str = ""
    prompt: str | None = field(default=None, repr=False)
    asked_from: str = ""
    asked_with: str = ""
    action: str = ""

    @property
    def spoken(self) -> str:
        """The *code* as a voice reads it, digit by digit: ``4, 0, 7``. "" where there is none."""
        return ", ".join(self.code or "")


class AsyncMessenger(Protocol):
    """Hands messages to people."""

    async def send(self, message: Message) -> None:
        """Send, or raise: a message that raised comes again later."""


class Messenger(Protocol):
    """The blocking form of AsyncMessenger."""

    def send(self, message: Message) -> None: ...
