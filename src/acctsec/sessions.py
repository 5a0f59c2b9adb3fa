"""Sessions: sealed tokens over rows in the record, dead with the epoch they were minted under."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen
from attrs.validators import optional

from acctsec._values import Value, evolve
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel, EndReason
from acctsec.record import MAX_SESSIONS, SKEW, Session

MINUTE = timedelta(minutes=1)
PLACE_BITS = 16
"""The lowest bits of a generation say to which network it was handed out: of 65,536 guesses all but one are found out."""


class Minted(Value, frozen=True, kw_only=True):
    """What a token says of itself: when it was sealed, its generation, and when that one was first handed out."""

    active: datetime
    generation: int = 0
    turned: datetime | None = None


class Live(Value, frozen=True, kw_only=True):
    """
    The session stands until *expires*.

    *renewed* is the row that a new token should be sealed of, where one is due: by ``handed_to`` a network, where it is of the
    next generation. *turns*: its token is the first of the next generation that comes back, so *session* is the row as it has to
    be written down.
    """

    session: Session
    expires: datetime
    renewed: Session | None = None
    turns: bool = False


def turn_of(generation: int) -> int:
    """Which generation it is, one after the other."""
    return generation >> PLACE_BITS


def handed_to(row: Session, place: bytes) -> Session:
    """A row of the next generation as it is handed out to a network, which *place* is a keyed digest of."""
    return evolve(row, generation=row.generation | int.from_bytes(place[: PLACE_BITS // 8], "big"))


class Ended(Value, frozen=True):
    """The session does not stand."""

    reason: EndReason


class Binding(StrEnum):
    """Whether a session belongs to a key that every request has to be signed with."""

    OFF = "off"
    IF_GIVEN = "if-given"
    REQUIRED = "required"


@frozen(kw_only=True)
class Lifetime:
    """
    How long a session of one level lasts: *absolute* from sign-in, *idle* without a request. Neither has a default here; the
    policy says what each level has and why. Raises ConfigError when *idle* is longer than *absolute*.
    """

    absolute: timedelta = field(validator=length())
    idle: timedelta = field(validator=length())

    def __attrs_post_init__(self) -> None:
        if self.idle > self.absolute:
            raise ConfigError("idle is longer than absolute.", remedy="Let idle <= absolute.")


@frozen(kw_only=True)
class SessionPolicy:
    """
    How long a sign-in lasts, how many there are at once, and how a copy of a token is found out.

    Args:
        absolute: from sign-in, at every level that has no shorter limit. Default 30 days (SP 800-63B-4 section 2.1.3 for AAL1);
            at AAL2 section 2.2.3 recommends 24 h, which a social platform answers by fresh proof for sensitive actions instead.
        idle: without a request. Default 14 days: ASVS 5.0 7.3.1 wants a limit, SP 800-63B-4 sets none at AAL1.
        aal2: shorter limits for sessions with a second factor. Default: none, as said of ``absolute``.
        aal3: shorter limits for sessions with a factor that cannot be phished. Default 12 h and 15 min: SP 800-63B-4 section
            2.3.3 says SHALL of the one and SHOULD of the other.
        fresh: how recent a proof must be for changing credentials (ASVS 5.0 7.5.1). Default 15 min: peers give 5 min
            (allauth) to 24 h (Flask-Security).
        ticket_lifetime: how long an unfinished sign-in or enrolment may take. Default 10 min, as for a code (ASVS 5.0 6.5.5).
        limit: how many sessions a subject has at once; past that the one of the oldest sign-in ends. Default 32, as many as a
            record holds: ASVS 5.0 7.1.2 wants a number that is written down, and people with five devices reinstall their apps.
        rotate: how old a token's generation may become before the next one is handed out. Default 1 day: a token that was copied
            unseen is found out once both have come back on another day, for one write a session and day.
        grace: how long the generation before is still good, for requests that were under way; the minute is added that clocks of
            nodes may be apart. Default 30 s, as SuperTokens has it.
        staleness: for how long ``check_session`` may answer from what this process has read: a session that another process has
            ended lives on there until then. Default 0: every check reads the store (ASVS 5.0 7.4.1 wants no use after the end).
        binding: whether sessions belong to ``Context.key``: ``off``, ``if-given``, or ``required``, where nobody signs in
            without. Default off: a cookie has no such key by itself (RFC 9449 is for programs that keep one).

    Raises ConfigError when the lengths contradict each other.
    """

    absolute: timedelta = field(default=timedelta(days=30), validator=length())
    idle: timedelta = field(default=timedelta(days=14), validator=length())
    aal2: Lifetime | None = field(default=None, validator=optional(kind(Lifetime)))
    aal3: Lifetime = field(default=Lifetime(absolute=timedelta(hours=12), idle=timedelta(minutes=15)), validator=kind(Lifetime))
    fresh: timedelta = field(default=timedelta(minutes=15), validator=length())
    ticket_lifetime: timedelta = field(default=timedelta(minutes=10), validator=length())
    limit: int = field(default=MAX_SESSIONS, validator=whole(1, MAX_SESSIONS))
    rotate: timedelta = field(default=timedelta(days=1), validator=length(MINUTE))
    grace: timedelta = field(default=timedelta(seconds=30), validator=length(timedelta(0), timedelta(minutes=5)))
    staleness: timedelta = field(default=timedelta(0), validator=length(timedelta(0), MINUTE))
    binding: Binding = field(default=Binding.OFF, validator=kind(Binding))

    def __attrs_post_init__(self) -> None:
        if not timedelta(0) < self.ticket_lifetime <= timedelta(hours=1):
            raise ConfigError("ticket_lifetime is not between 0 and 1 hour.", remedy="10 minutes is usual.")
        if not timedelta(0) < self.fresh <= self.idle <= self.absolute:
            raise ConfigError("fresh, idle and absolute are not in order.", remedy="Let fresh <= idle <= absolute.")

    def lifetime(self, level: AssuranceLevel) -> Lifetime:
        """How long a session of that level lasts: never longer than one of a level below."""
        absolute, idle = self._limits(level)
        return Lifetime(absolute=absolute, idle=idle)

    def _limits(self, level: AssuranceLevel) -> tuple[timedelta, timedelta]:
        """The same for every request: to make and check a Lifetime would take as long as all the rest."""
        absolute, idle = self.absolute, self.idle
        if level >= AssuranceLevel.AAL2 and self.aal2 is not None:
            absolute, idle = min(absolute, self.aal2.absolute), min(idle, self.aal2.idle)
        if level >= AssuranceLevel.AAL3:
            absolute, idle = min(absolute, self.aal3.absolute), min(idle, self.aal3.idle)
        return absolute, idle

    def judge(self, session: Session | None, *, token: Minted, now: datetime) -> Live | Ended:
        """
        Whether a session stands for one of its tokens.

        The next generation is written down when its token first comes back, not when it is handed out: an answer that was lost
        on its way ends nothing. From then on the one before is good for ``grace``. What is older, or was handed out at another
        time or place than the one that came back, is a copy.
        """
        if session is None:
            return Ended(EndReason.ENDED)
        absolute, idle = self._limits(session.level)
        born = max(session.created, token.active, session.turned or session.created, token.turned or session.created)
        if now >= session.created + absolute or born > now + SKEW:
            return Ended(EndReason.EXPIRED)
        if now >= token.active + idle:
            return Ended(EndReason.IDLE)
        ahead = turn_of(token.generation) - turn_of(session.generation)
        if ahead > 1:
            return Ended(EndReason.ENDED)  # this record is older than the token
        if ahead <= 0 and not self._of_one_browser(session, token) and not self._in_grace(session, token, now):
            return Ended(EndReason.COPIED)
        turns = ahead == 1
        row = evolve(session, generation=token.generation, turned=token.turned) if turns else session
        expires = min(row.created + absolute, token.active + idle)
        return Live(session=row, expires=expires, renewed=self._renewed(row, token, idle=idle, now=now), turns=turns)

    def _of_one_browser(self, session: Session, token: Minted) -> bool:
        """
        Whether a token is of the very generation in force, or was handed out beside it to a browser that asked twice at once.

        One of another network was not: a thief who asks all the time holds one of every moment.
        """
        return token.generation == session.generation and self._of_one_moment(session, token)

    def _of_one_moment(self, session: Session, token: Minted) -> bool:
        if token.turned is None or session.turned is None:
            return token.turned is session.turned
        return abs(token.turned - session.turned) <= self.grace + SKEW

    def _in_grace(self, session: Session, token: Minted, now: datetime) -> bool:
        """Whether a token was under way when the generation in force was handed out: the one before, or another one beside it."""
        if session.turned is None or now >= session.turned + self.grace + SKEW:
            return False
        late = turn_of(session.generation) - turn_of(token.generation)
        return late == 1 or (late == 0 and self._of_one_moment(session, token))

    def _renewed(self, row: Session, token: Minted, *, idle: timedelta, now: datetime) -> Session | None:
        """
        The row that a new token is due of: of the next generation, of the one in force, or none. Nobody whose token is good by
        the grace alone gets one: its browser has the new one, and a thief who asks all the time must not.
        """
        if not self._of_one_browser(row, token):
            return None
        if now >= (row.turned or row.created) + self.rotate:
            following = (turn_of(row.generation) + 1) << PLACE_BITS
            return evolve(row, generation=following, turned=now.replace(microsecond=0))
        return row if now - token.active >= idle / 10 else None

    def expiry(self, session: Session, *, active: datetime | None = None) -> datetime:
        """When a session ends if nothing more is heard of it; at the latest, where nobody knows when it was *active*."""
        absolute, idle = self._limits(session.level)
        end = session.created + absolute
        return end if active is None else min(end, active + idle)

    def alive(self, sessions: tuple[Session, ...], now: datetime) -> tuple[Session, ...]:
        """The rows worth keeping."""
        lasts = {level: self._limits(level)[0] for level in {session.level for session in sessions}}
        return tuple([session for session in sessions if now < session.created + lasts[session.level]])

    def room(self, sessions: tuple[Session, ...], now: datetime) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        """The rows that stay when one is added, and those that have to end for it: of the oldest sign-ins."""
        alive = self.alive(sessions, now)
        if len(alive) < self.limit:
            return alive, ()
        losers = sorted(alive, key=lambda session: session.created)[: max(len(alive) - self.limit + 1, 0)]
        return tuple(session for session in alive if session not in losers), tuple(losers)
