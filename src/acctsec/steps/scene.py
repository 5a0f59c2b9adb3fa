"""What steps share: the scene, and what makes a token, a session and a password hold."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from acctsec._values import Value, evolve
from acctsec.claims import Enrollment, PasskeyClaims, SessionClaims, Ticket
from acctsec.events import Event, PasskeyRegressed
from acctsec.mfa.policy import Proven, Unproven, methods_of
from acctsec.mfa.proving import Match
from acctsec.outcomes import AssuranceLevel, ChangeReason, EndReason
from acctsec.password import Age
from acctsec.policy import Policy
from acctsec.protocols import Account, Status
from acctsec.record import MAX_SPENT, SKEW, Record, Session, Spent
from acctsec.sessions import Ended, Live, Minted

if TYPE_CHECKING:
    from acctsec.attacks.risk import Assessment

LINGERING = 8


class Scene(Value, frozen=True, kw_only=True):
    """Who and when: the facts that every step of an operation shares."""

    tenant: str
    subject: str
    account: Account | None
    now: datetime
    source: str = ""
    network: tuple[bytes, ...] = ()  # what the record may know of the network of the source, newest key first
    reachable: frozenset[bytes] = frozenset()  # what the record may know of addresses that are verified now
    names: tuple[tuple[bytes, ...], ...] = ()  # the same, each address by itself: while keys rotate one has two names
    sim_changed: datetime | None = None  # of the number in use, as the platform found out
    told: tuple[tuple[bytes, ...], ...] = ()  # the same of those that were removed and are told a while longer, one by one
    browser: str = ""  # what a session that comes of it is called
    key: bytes = b""  # and the key that its tokens are bound to

    @property
    def groups(self) -> frozenset[str]:
        """The groups of the account."""
        return self.account.groups if self.account else frozenset()

    @property
    def proven(self) -> bool:
        """
        Whether the account has a verified address.

        Without one nobody knows whose account it is: a squatter's second factor would keep the later owner of the
        address from resetting the password.
        """
        return self.account is not None and bool(self.account.addresses)

    def active(self, record: Record) -> bool:
        """Whether the subject may be granted anything: neither side has disabled it."""
        return self.account is not None and self.account.status is Status.ACTIVE and not record.disabled

    def head(self) -> dict[str, Any]:
        """What every event begins with."""
        return {"tenant": self.tenant, "subject": self.subject, "at": self.now, "source": self.source}


def doubts(scene: Scene, match: Match | None, proven: Proven | Unproven) -> tuple[Event, ...]:
    """What operators are told of a factor that answered in a way that a copy of it would."""
    if match is None or not proven.regressed:
        return ()
    return (PasskeyRegressed(**scene.head(), factor=match.factor, refused=isinstance(proven, Unproven)),)


def opens(record: Record, ticket: Ticket | Enrollment, now: datetime) -> bool:
    """Whether a ticket is of this incarnation and epoch, in time, not spent, and rests on no factor that was lost since."""
    return (
        record.incarnation == ticket.incarnation
        and record.epoch == ticket.epoch
        and ticket.issued <= now + SKEW
        and now < ticket.expires
        and all(spent.id != ticket.id for spent in record.spent)
        and not _rests_on_lost(record, ticket)
    )


def _rests_on_lost(record: Record, ticket: Ticket | Enrollment) -> bool:
    """Whether a ticket has a proof that only reported factors give."""
    if not any(one.reported for one in record.factors):
        return False
    lost, found = set[str](), set[str]()
    for one in record.factors:
        (lost if one.reported else found).update(methods_of(one))
    return not (lost - found).isdisjoint(ticket.methods)


def spend(record: Record, ticket: Ticket | PasskeyClaims, now: datetime) -> Record | None:
    """
    Remember that a ticket did its work; None when there is no room left to remember, which fails closed.

    The newest few are remembered past their end as well: a clock that is set back must not open them again.
    """
    lingering = len(record.spent) - LINGERING
    kept = tuple(spent for number, spent in enumerate(record.spent) if number >= lingering or now < spent.expires)
    if len(kept) >= MAX_SPENT:
        return None
    return evolve(record, spent=(*kept, Spent(id=ticket.id, expires=ticket.expires)))


def full_level(record: Record) -> AssuranceLevel:
    """The level at which a subject proves everything it can."""
    return AssuranceLevel.AAL2 if record.factors.live else AssuranceLevel.AAL1


def puzzle_due(record: Record, assessment: "Assessment") -> bool:
    """Whether an assessment asks for a puzzle: a live factor, which is due anyway, is more than any puzzle."""
    return assessment.extra > 0 and not record.factors.live


def change_due(policy: Policy, record: Record, now: datetime) -> ChangeReason | None:
    """
    Why the password has to be changed before anything is granted, or None: a demand in the record, rules that refuse it for
    longer than they let it be, or its age.
    """
    if demanded(record, now) or record.verifier is None:
        return record.change
    if policy.password.grace is not None and record.deadline is not None and record.deadline <= now:
        return ChangeReason.POLICY
    due = policy.password.due(record.verifier.since)
    return ChangeReason.AGE if policy.password.on_age is Age.FORCE and due is not None and due <= now else None


def demanded(record: Record, now: datetime) -> bool:
    """Whether somebody, or a leak, demands another password now."""
    return record.change is not None and (record.change_by is None or record.change_by <= now)


def password_due(policy: Policy, record: Record) -> datetime | None:
    """When another password will be asked for, or has been since; None where none is."""
    if record.verifier is None:
        return None
    rules, days = policy.password, [policy.password.due(record.verifier.since)]
    days += [record.change_by, None if rules.grace is None else record.deadline]
    return min((day for day in days if day is not None), default=None)


def lapsed(policy: Policy, record: Record, now: datetime) -> bool:
    """
    Whether an administrator set the password, and the time to replace it is over. One that is dated in the future was set by a
    broken clock, and would be good for as long as that clock was ahead.
    """
    if record.verifier is None or record.change is not ChangeReason.SET_BY_ADMINISTRATOR:
        return False
    since = record.verifier.since
    return not since - SKEW <= now < since + policy.reset.initial_lifetime


def live_session(policy: Policy, record: Record, claims: SessionClaims, now: datetime) -> Session | None:
    """The session a token stands for, or None."""
    judged = judge_session(policy, record, claims, now)
    return judged.session if isinstance(judged, Live) else None


def judge_session(policy: Policy, record: Record, claims: SessionClaims, now: datetime) -> Live | Ended:
    """Whether a token stands for a session, and why not."""
    if record.disabled:
        return Ended(EndReason.DISABLED)
    if record.incarnation != claims.incarnation or record.epoch != claims.epoch:
        return Ended(EndReason.ENDED)
    minted = Minted(active=claims.active, generation=claims.generation, turned=claims.turned)
    return policy.sessions.judge(record.session(claims.id), token=minted, now=now)


def dated(ticket: Ticket) -> dict[str, datetime]:
    """When each proof of a ticket was given, to the second, and never later than it was."""
    began = ticket.issued.replace(microsecond=0)
    after = (*ticket.after, *(0 for _ in ticket.methods))
    return {method: began + timedelta(seconds=seconds) for method, seconds in zip(ticket.methods, after, strict=False)}


def gathered(ticket: Ticket, methods: tuple[str, ...], now: datetime) -> Ticket:
    """
    The ticket that goes on with these *methods*, the last of which was proven now. It began when it did, and ends when it would
    have: whoever goes on and on makes no proof younger, and no ticket longer.
    """
    began, when = ticket.issued.replace(microsecond=0), dated(ticket) | {methods[-1]: now}
    ages = (max(when.get(method, now) - began, timedelta()) for method in methods)
    return evolve(ticket, methods=methods, after=tuple(age // timedelta(seconds=1) for age in ages))


def proven_last(methods: tuple[str, ...], method: str) -> tuple[str, ...]:
    """The proofs so far with this one as the newest; an earlier one of its kind is of no account any more."""
    return (*(one for one in methods if one != method), method)


def with_method(methods: tuple[str, ...], method: str) -> tuple[str, ...]:
    """The proofs so far and one more; a second of the same kind proves nothing new."""
    return methods if method in methods else (*methods, method)
