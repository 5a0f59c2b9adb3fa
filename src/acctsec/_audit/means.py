"""What a policy means, in a few figures: who guesses how far, whose theft gives what, how long a session lives."""

from collections.abc import Iterator
from datetime import timedelta

from attrs import frozen

from acctsec.explained.said import length
from acctsec.explained.said import lost as shares
from acctsec.mfa.explained import Reach
from acctsec.mfa.explained import Thief as FactorThief
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import Policy
from acctsec.recovery.explained import Course, Thief

MONTH, YEAR = timedelta(days=30), timedelta(days=365)
LEVELS = {AssuranceLevel.AAL1: "without a second factor", AssuranceLevel.AAL2: "with a second factor"}


@frozen(kw_only=True)
class Figure:
    """One thing that a policy means: what it is *about*, the *question*, and the *answer*."""

    about: str
    question: str
    answer: str


def figures(policy: Policy) -> tuple[Figure, ...]:
    """All of them; a family that cannot explain itself says that."""
    found: list[Figure] = []
    for about, explain in (("lockout", _guessing), ("recovery", _thieves), ("mfa", _factors), ("sessions", _sessions)):
        try:
            found += explain(policy)
        except Exception as error:  # noqa: BLE001 - a family of somebody's own: what it raises is what there is to say
            found.append(Figure(about=about, question="what it means", answer=f"it cannot be explained: {type(error).__name__}"))
    return tuple(found)


def _guessing(policy: Policy) -> Iterator[Figure]:
    explained = policy.lockout.explain()
    for course in explained.courses:
        month, year = course.within(MONTH), course.within(YEAR)
        answer = f"{month:,} within 30 days, {year:,} within a year; {shares(course, -1)} at most"
        yield Figure(about="lockout", question=f"guesses compared: {course.attacker.value}", answer=answer)
        if course is explained.botnet:
            yield Figure(about="lockout", question="and its owner, on a known device", answer=f"meets {course.known_device}")


def _thieves(policy: Policy) -> Iterator[Figure]:
    said = policy.explain_recovery()
    for thief in (Thief.MAILBOX, Thief.PHONE, Thief.HELP_DESK):
        for level, whose in LEVELS.items():
            yield Figure(about="recovery", question=f"a thief: {thief.value}, {whose}", answer=_gained(said.of(thief, level)))


def _gained(course: Course) -> str:
    if course.session is None:
        return "never signs in"
    quiet, worst = (f"after {length(one)}" if one else "at once" for one in (course.session.quiet, course.session.worst))
    return f"signs in {quiet}, at the worst for him {worst}"


def _factors(policy: Policy) -> Iterator[Figure]:
    said = policy.explain_mfa()
    rows = [row for row in said.rows if row.level is AssuranceLevel.AAL2 and not row.group and not row.risky]
    for thief in (FactorThief.PASSWORD, FactorThief.PHISHER, FactorThief.FULL_SESSION):
        reached = [row.action for row in rows if row.reach(thief) is Reach.AT_ONCE]
        some = "everything" if len(reached) == len(rows) else ", ".join(reached) or "nothing"
        answer = f"does at once: {some}"
        yield Figure(about="mfa", question=f"a thief: {thief.value}, with a second factor", answer=answer)
    for warning in said.warnings:
        yield Figure(about="mfa", question="doubtful", answer=warning)


def _sessions(policy: Policy) -> Iterator[Figure]:
    for level in (AssuranceLevel.AAL1, AssuranceLevel.AAL2):
        limits = policy.sessions.lifetime(level)
        answer = f"{length(limits.absolute)}, and {length(limits.idle)} without use"
        yield Figure(about="sessions", question=f"a session at {level.name} lives", answer=answer)
