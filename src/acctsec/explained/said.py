"""The words of an explanation."""

from datetime import timedelta
from textwrap import fill
from typing import TYPE_CHECKING

from acctsec.explained.walk import LANES, Attacker, Walk
from acctsec.lockout import LockoutPolicy

if TYPE_CHECKING:
    from acctsec.explained import Course, Explained

UNITS = (("year", 365 * 86_400), ("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
HEAD = ("guesses admitted within", "1 min", "1 h", "1 day", "30 days", "1 year", "lost in a year, at most")
WIDTHS = (25, 6, 6, 8, 10, 11, 25)
COLUMNS = 100


def length(span: timedelta) -> str:
    """A length of time in its two largest units: ``19 h 2 min``."""
    left, words = span.total_seconds(), list[str]()
    for name, seconds in UNITS:
        count = int(left // seconds)
        left -= count * seconds
        if count:
            words.append(f"{count} {name}{'s' if name in {'day', 'year'} and count > 1 else ''}")
        elif words:
            break
    if not words:
        return f"{span.total_seconds():.3g} s"
    return " ".join(words[:2])


def near_a_known_device(attacker: Attacker, policy: LockoutPolicy, one: Walk) -> str:
    """What the owner meets on a device that his account knows."""
    if attacker is not Attacker.DEVICE:
        return "nothing" if one.others_free else "held up"
    return f"on this one: {_closed(policy.device.longest, one)}; on any other: nothing"


def in_a_known_network(attacker: Attacker, policy: LockoutPolicy, one: Walk) -> str:
    """What the owner meets in a network that his account knows, in a browser that it does not; empty where it knows none."""
    if not policy.networks:
        return ""
    if attacker is Attacker.NETWORK:
        return f"in this one: {_closed(policy.strangers.longest, one)}; in any other: nothing"
    if one.networks_free:
        return "nothing"
    return _month(policy, one) or "held up"


def elsewhere(attacker: Attacker, policy: LockoutPolicy, one: Walk) -> str:
    """What the owner meets where nobody knows him."""
    if attacker in {Attacker.DEVICE, Attacker.NETWORK}:
        free = one.others_free if attacker is Attacker.DEVICE else one.networks_free
        return "nothing" if free else "held up"
    met = _closed(policy.strangers.longest, one)
    month = _month(policy, one)
    if month:
        met = month if met == "nothing" else f"{met}; {month}"
    if attacker is Attacker.SPRAY:
        met += f"; behind the attacker's source: told to wait, up to {length(policy.source.longest)} at a time"
    return met


def way_out(attacker: Attacker, one: Walk) -> str:
    """What lets the owner in again."""
    if attacker is Attacker.SPRAY:
        return "another network, or a known device"
    first = "any other device" if attacker is Attacker.DEVICE else "a known device"
    if attacker is Attacker.NETWORK:
        first = f"any other network; {first}"
    # The owner opens a lane that has stopped, and no budget that refills by time.
    own = "" if attacker in LANES or one.stops_at is None else "the link in the mail that tells, or a second factor; "
    return f"{first}; {own}a redeemed reset; an operator's unlock"


def _month(policy: LockoutPolicy, one: Walk) -> str:
    """From when on the month is used up; empty where it is not."""
    if one.full_at is None or policy.month.window is None:
        return ""
    return f"refused from {_moment(one.full_at)} on, until the month ({length(policy.month.window)}) forgets"


def _closed(longest: timedelta, one: Walk) -> str:
    """When a lane is closed."""
    if one.rests_from is None and one.stops_at is None:
        return "nothing"
    parts = []
    if one.rests_from is not None:
        parts.append(f"refused while the lane rests, from {_moment(one.rests_from)} on, up to {length(longest)} at a time")
    if one.stops_at is not None:
        parts.append(f"{'' if parts else 'refused '}for good from {_moment(one.stops_at)} on")
    return ", ".join(parts)


def _moment(at: int) -> str:
    return length(timedelta(microseconds=at)) if at else "the first moment"


def lost(course: "Course", at: int) -> str:
    """What is lost by one of the horizons: a chance, or accounts."""
    value = course.lost[at]
    if course.attacker is Attacker.SPRAY:
        return f"{value:,.0f} accounts" if value >= 10 else f"{value:.2g} accounts"
    return f"{100 * value:.2g} % of the account"


def hit_count(explained: "Explained") -> str:
    """What a hit count allows, for whom it holds, and what is left for everybody else; empty without one."""
    hits, probable = explained.policy.hits, explained.probable
    if hits is None or probable is None:
        return ""
    return (
        f"strangers compare at one account what at most {100 * probable[3]:.2g} % of people have within 30 days, "
        f"{100 * probable[4]:.2g} % within a year, by the likelihood's own measure. It holds where the account's own password "
        f"was found no likelier than {100 * hits.heaviest:.2g} %; its owner is refused elsewhere once strangers left it no room, "
        "and never where it weighs nothing. Everybody else, and every known device or network, has what "
        "stands above: the guesses alone"
    )


def said(explained: "Explained") -> str:
    """All of it, as text of at most 100 columns."""
    table = [(one.attacker.value, *(f"{count:,}" for count in one.guesses), lost(one, -1)) for one in explained.courses]
    lines = [_row(cells) for cells in (HEAD, *table)]
    for one in explained.courses:
        met = {"owner on a known device": one.known_device, "owner in a known network": one.known_network}
        met |= {"owner elsewhere": one.elsewhere, "way out": one.way_out}
        lines += ["", one.attacker.value, *(_filled(f"  {name:<25}", words) for name, words in met.items() if words)]
    losing, networks = explained.losing_meters, " and in that of each known network" if explained.policy.networks else ""
    loss = (
        f"at most {losing.strangers} guesses more in the strangers' lane{networks}, {losing.device} in that of a device, "
        f"{losing.month} in the month; the budgets of sources begin anew"
    )
    if explained.probable is not None:
        loss += "; less than an eighth of the hit count"
    more = f"botnets have {explained.sources:,}; each one more that tries many accounts has as many guesses again"
    hits = hit_count(explained)
    counted = (("hit count", hits),) if hits else ()
    ends = (("sources", more), *counted, ("loss of all meters", loss), ("lost in a year", explained.likely))
    return "\n".join([*lines, "", *(_filled(f"{name:<20}", words) for name, words in ends)])


def _filled(head: str, words: str) -> str:
    return fill(words, COLUMNS, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _row(cells: tuple[str, ...]) -> str:
    first, *rest = zip(cells, WIDTHS, strict=True)
    return first[0].ljust(first[1]) + "".join(f" {cell:>{width}}" for cell, width in rest)
