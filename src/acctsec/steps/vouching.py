"""Whose word counts: which trusted contacts, for which change, and whether enough of them agreed."""

from datetime import datetime, timedelta

from acctsec.outcomes import ChangeKind
from acctsec.policy import Policy
from acctsec.record import SKEW, Change, Contact, Record

GATHERING = timedelta(hours=48)
"""
How long contacts have to agree: a code that is mailed to a recovery contact may live 24 hours longer than the 24 of one that is
mailed to the owner (SP 800-63B-4 section 4.2.1.3).
"""


def gathers(change: Change | None) -> bool:
    """Whether a change is no more than contacts who were asked: it never matures by itself."""
    return change is not None and change.kind == ChangeKind.CONTACTS


def in_time(change: Change, now: datetime) -> bool:
    """Whether a question or a proposal is open. One of the future was put by a broken clock, and would be open for as long."""
    return change.asked <= now + SKEW and now < change.expires


def counts_from(policy: Policy, contact: Contact) -> datetime:
    """From when on the word of a contact counts."""
    return contact.since + policy.recovery.contacts_settle


def trusted_contacts(policy: Policy, record: Record, asked: datetime) -> tuple[Contact, ...]:
    """
    The contacts whose word counts for what was *asked* then: those who had settled, and, where the account is contested, were
    named before the change that was vetoed.
    """
    settled = tuple(one for one in record.contacts if counts_from(policy, one) <= asked)
    contest = record.contest
    return settled if contest is None else tuple(one for one in settled if one.since < contest.since)


def vouching(policy: Policy, record: Record, change: Change) -> tuple[Contact, ...]:
    """The contacts who agreed to a change, of those whose word counts now."""
    return tuple(one for one in trusted_contacts(policy, record, change.asked) if change.vouched >> one.id & 1)


def agreed(policy: Policy, record: Record, change: Change, standing: frozenset[str]) -> bool:
    """Whether enough contacts agreed; *standing* are those whose accounts are in order."""
    return sum(one.subject in standing for one in vouching(policy, record, change)) >= policy.recovery.contacts_needed
