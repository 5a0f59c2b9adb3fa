"""Sessions: sealed tokens over rows in the record, dead with the epoch they were minted under."""

from datetime import datetime, timedelta

from attrs import field, frozen

from acctsec._values import Value
from acctsec.checks import length
from acctsec.errors import ConfigError
from acctsec.outcomes import EndReason
from acctsec.record import SKEW, Session


class Live(Value, frozen=True):
    """The session stands until *expires*; *renew* says that its token should be sealed anew."""

    session: Session
    expires: datetime
    renew: bool


class Ended(Value, frozen=True):
    """The session does not stand."""

    reason: EndReason


@frozen(kw_only=True)
class SessionPolicy:
    """
    How long a sign-in lasts.

    Args:
        absolute: from sign-in. Default 30 days (SP 800-63B-4 section 2.1.3 for AAL1); at AAL2 the section recommends 24 h,
            which a social platform answers by fresh proof for sensitive actions instead.
        idle: without a request. Default 14 days: ASVS 5.0 7.3.1 wants a limit, SP 800-63B-4 sets none at AAL1.
        fresh: how recent a proof must be for changing credentials (ASVS 5.0 7.5.1). Default 15 min: peers give 5 min
            (allauth) to 24 h (Flask-Security).
        ticket_lifetime: how long an unfinished sign-in or enrolment may take. Default 10 min, as for a code (ASVS 5.0 6.5.5).

    Raises ConfigError when the lengths contradict each other.
    """

    absolute: timedelta = field(default=timedelta(days=30), validator=length())
    idle: timedelta = field(default=timedelta(days=14), validator=length())
    fresh: timedelta = field(default=timedelta(minutes=15), validator=length())
    ticket_lifetime: timedelta = field(default=timedelta(minutes=10), validator=length())

    def __attrs_post_init__(self) -> None:
        if not timedelta(0) < self.ticket_lifetime <= timedelta(hours=1):
            raise ConfigError("ticket_lifetime is not between 0 and 1 hour.", remedy="10 minutes is usual.")
        if not timedelta(0) < self.fresh <= self.idle <= self.absolute:
            raise ConfigError("fresh, idle and absolute are not in order.", remedy="Let fresh <= idle <= absolute.")

    def judge(self, session: Session | None, *, active: datetime, now: datetime) -> Live | Ended:
        """Whether a session stands, given the instant its token was sealed."""
        if session is None:
            return Ended(EndReason.ENDED)
        if now >= session.created + self.absolute or max(session.created, active) > now + SKEW:
            return Ended(EndReason.EXPIRED)
        if now >= active + self.idle:
            return Ended(EndReason.IDLE)
        return Live(session, self.expiry(session, active=active), renew=now - active >= self.idle / 10)

    def expiry(self, session: Session, *, active: datetime) -> datetime:
        """When a session ends if nothing more is heard of it."""
        return min(session.created + self.absolute, active + self.idle)

    def alive(self, sessions: tuple[Session, ...], now: datetime) -> tuple[Session, ...]:
        """The rows worth keeping."""
        return tuple(session for session in sessions if now < session.created + self.absolute)
