"""Codes that are sent: by text, by voice, by mail; how many, how long they are good, and what is shown of where they go."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hmac import compare_digest

from attrs import field, frozen

from acctsec.budgets import Budget
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.identifiers import IdentifierKind, canonical
from acctsec.protocols import Channel
from acctsec.record import MAX_SENT, SKEW, Factors, Sent

MAX_LIFETIME = timedelta(minutes=10)
"""How long a code out of band may be good at most (SP 800-63B-4 section 3.1.3.2)."""

OVER_THE_TELEPHONE = frozenset({Channel.TEXT, Channel.VOICE})
"""Restricted, as the telephone network is (SP 800-63B-4 section 3.2.9): numbers are ported, SIMs swapped, texts read."""

MAX_SHOWN = 40
"""Characters of a domain that are shown; of a longer one its end, where it is told apart."""


def _channels(given: Iterable[Channel | str]) -> tuple[Channel, ...]:
    try:
        found = tuple(sorted(set(map(Channel, () if isinstance(given, str) else given))))
    except (TypeError, ValueError):
        found = ()
    if not found:
        raise ConfigError("channels is not a set of Channel.", remedy="Give {Channel.TEXT}, or several.")
    if Channel.PUSH in found:
        raise ConfigError("No code is pushed to an app.", remedy="Leave Channel.PUSH out; FactorKind.PUSH prompts an app.")
    return found


@frozen(kw_only=True)
class DeliveredPolicy:
    """
    How codes are sent that prove a second factor.

    Args:
        channels: by which codes go out. Default: texts alone. A call is for numbers that get no text; a code by mail proves no
            possession and never gives AAL2 (SP 800-63B-4 section 3.1.3.1).
        digits: of a code. Default 6, the fewest that SP 800-63B-4 section 3.1.3.2 allows; up to 8.
        lifetime: how long a code is good, and never longer than its ticket. Default 10 min, the most that SP 800-63B-4 section
            3.1.3.2 and ASVS 5.0 6.5.5 allow, since texts come late.
        budget: codes that go to one subject for strangers who know the password; as many again for each known device, for
            sessions and for recoveries. Default 6 in 4 h: who has the password alone sends 36 a day at most, and takes none of
            the owner's. Peers allow 5 in 10 min (Twilio Verify, error 60203), which is 720 a day.
        per_number: codes that go to one number or mailbox for all accounts together: so many for strangers, and as many for
            their owners. Default 12 in 4 h: two people who share one number.
        resend: how long one waits for the next code of a ticket. Default 30 s, in which nearly all texts come.
        sim_freeze: how long nothing is sent to a number, and nothing proven by it, after its SIM changed hands, as
            ``Context.sim_changed`` tells. Default 72 h, as ``Delays.sim_changed`` has it (SP 800-63B-4 section 3.1.3.3 wants
            such a risk looked at). 0 is not at all.

    Raises ConfigError for values outside these bounds.
    """

    channels: tuple[Channel, ...] = field(default=(Channel.TEXT,), converter=_channels)
    digits: int = field(default=6, validator=whole(6, 8))
    lifetime: timedelta = field(default=MAX_LIFETIME, validator=length(timedelta(minutes=1), MAX_LIFETIME))
    budget: Budget = field(default=Budget(limit=6, window=timedelta(hours=4)), validator=kind(Budget))
    per_number: Budget = field(default=Budget(limit=12, window=timedelta(hours=4)), validator=kind(Budget))
    resend: timedelta = field(default=timedelta(seconds=30), validator=length(timedelta(seconds=10), timedelta(minutes=10)))
    sim_freeze: timedelta = field(default=timedelta(days=3), validator=length(timedelta(0), timedelta(days=90)))

    def __attrs_post_init__(self) -> None:
        if self.per_number.limit < self.budget.limit and self.per_number.window >= self.budget.window:
            message = "per_number allows fewer codes than budget: one stranger could take all that a number gets."
            raise ConfigError(message, remedy="Let per_number.limit be at least budget.limit.")
        if self.resend > self.lifetime:
            raise ConfigError("resend is longer than lifetime.", remedy="Let another code be sent before the last one is over.")

    def code(self, seed: bytes) -> str:
        """The code of *digits* from 16 random bytes; the bias of the reduction is below 2**-100."""
        return str(int.from_bytes(seed, "big") % 10**self.digits).zfill(self.digits)

    def is_code(self, code: object) -> bool:
        """Whether this is the one spelling of a code; spaces are the platform's form's to drop."""
        return type(code) is str and len(code) == self.digits and code.isascii() and code.isdigit()

    def is_frozen(self, channel: str, *, sim_changed: datetime | None, now: datetime) -> bool:
        """Whether a number is in doubt, since its SIM changed hands not long ago."""
        by_telephone = Channel(channel) in OVER_THE_TELEPHONE
        return by_telephone and sim_changed is not None and now < sim_changed + self.sim_freeze

    def due(self, factors: Factors, *, factor: str, ticket: bytes, now: datetime) -> datetime | None:
        """Until when the next code of a ticket has to wait, or None."""
        sent = [one for one in factors.sent if one.factor == factor and compare_digest(one.ticket, ticket)]
        return max((end for end in map(self.next_after, sent) if now < end), default=None)

    def next_after(self, sent: Sent) -> datetime:
        """When another code may be asked for."""
        return sent.expires - timedelta(seconds=sent.again)

    def is_live(self, sent: Sent, now: datetime) -> bool:
        """
        Whether a code that was sent may be answered. One that ends later than any that could have been sent by now was made by a
        broken clock: it must not be good, and in the way, for as long as that was ahead.
        """
        return now < sent.expires <= now + self.lifetime + SKEW

    def room(self, factors: Factors, new: Sent, *, now: datetime) -> tuple[Sent, ...] | None:
        """
        What was sent with a *new* code, or None where there is no room. Those that are over go; past the cap the oldest goes that
        went out for strangers. They never push out one for the owner: who knows the password must not take her code away.
        """
        kept = [one for one in factors.sent if self.is_live(one, now)]
        if len(kept) >= MAX_SENT:
            losers = [one for one in kept if not one.apart] or (kept if new.apart else [])
            if not losers:
                return None
            kept.remove(losers[0])
        return (*kept, new)


# --- what is shown ----------------------------------------------------------------------------------------------------

_ONE = frozenset("17")
_TWO = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 "  # noqa: SIM905
    "90 91 92 93 94 95 98".split()
)
"""Country codes of one and of two digits (ITU-T E.164 annex); all others have three."""


def masked(address: str) -> str:
    """
    What somebody may be shown of an address who knows it anyway: ``+49 … 12``, ``j…@example.org``.

    Of a number its country and the last two digits, of a mailbox the first letter and the domain, in ASCII: neither the length of
    what is left out nor any character that could reorder a page. At most 48 characters.
    """
    name = canonical(address)
    if name is None or name.kind is IdentifierKind.NAME:
        return "…"
    if name.kind is IdentifierKind.EMAIL:
        local, _, domain = name.value.partition("@")
        first = local[0] if local[0].isascii() and local[0].isalnum() and len(local) > 1 else ""
        return f"{first}…@{domain if len(domain) <= MAX_SHOWN else '…' + domain[-MAX_SHOWN:]}"
    digits = name.value.removeprefix("+")
    if len(digits) < 8:  # two digits of so few would be a good part of it
        return "…"
    country = f"+{digits[: 1 if digits[0] in _ONE else 2 if digits[:2] in _TWO else 3]} " if name.value[0] == "+" else ""
    return f"{country}… {digits[-2:]}"
