"""Trusted contacts: named, asked, and what they agree to."""

from datetime import datetime

from attrs import field, frozen

from acctsec.outcomes.shared import secret


@frozen(kw_only=True)
class ContactInfo:
    """What may be shown of a trusted contact: who it is, *since* when, and from when on its word *counts*."""

    subject: str
    since: datetime
    counts: datetime


@frozen
class Contacts:
    """The trusted contacts of a subject, in the order in which they were named."""

    contacts: tuple[ContactInfo, ...]


@frozen
class ContactNamed:
    """It is a trusted contact, and its word counts from *counts* on. It says nothing of whether there is such an account."""

    counts: datetime


@frozen
class ContactRemoved:
    """It is a trusted contact no more, and nothing that it was sent or said counts."""


@frozen
class ContactsAsked:
    """
    The trusted contacts were asked to agree. Once they have, go on with ``redeem_reset(ResumeTicket(ticket), ...)``, until
    *expires*.

    *change* names what they are asked for: let them compare its last characters with what ``SharePending`` shows.
    """

    ticket: str = secret()
    change: str = field(kw_only=True)
    expires: datetime = field(kw_only=True)


@frozen(kw_only=True)
class SharePending:
    """A contact may agree until *expires* that the *owner* comes back in, as was *asked*. Looking at it changed nothing."""

    owner: str
    change: str
    asked: datetime
    expires: datetime


@frozen
class Vouched:
    """The contact has agreed; so many more have to: *left*. Nothing else is different."""

    left: int
