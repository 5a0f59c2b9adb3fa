"""What an action asks of whom, and which thief gets through: every answer judged by the policy's own needs."""

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import field, frozen

from acctsec.assurance import NOTHING, Method
from acctsec.errors import ConfigError
from acctsec.mfa import doubtful, said
from acctsec.mfa.actions import Action, Demand
from acctsec.mfa.needs import Needs, ways
from acctsec.outcomes import AssuranceLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acctsec.mfa.policy import MfaPolicy

LEVELS = (AssuranceLevel.AAL1, AssuranceLevel.AAL2)
PASSWORD = Method.PASSWORD.value


class Thief(StrEnum):
    """Somebody who has one thing of the owner's, or two. Sessions that were stolen are older than any proof may be."""

    PASSWORD = "password"  # noqa: S105 - a thief, not a password
    PHISHER = "phisher"  # a look-alike page: the password, and whatever else a person types or approves there
    FACTOR = "one factor"  # a device and what opens it, or a sheet of codes: any single method
    SESSION = "session"  # a token whose session proved a password
    FULL_SESSION = "full session"  # one whose session proved a password and a second factor
    SESSION_AND_PASSWORD = "session and password"  # noqa: S105 - the first of the two, and the password
    REMEMBERED = "remembered browser"  # the owner's browser and the password, without a session


HOLDS: dict[Thief, AssuranceLevel] = {
    Thief.SESSION: AssuranceLevel.AAL1,
    Thief.FULL_SESSION: AssuranceLevel.AAL2,
    Thief.SESSION_AND_PASSWORD: AssuranceLevel.AAL1,
}
"""The level of the session that he has without signing in."""


class Reach(StrEnum):
    """Whether a thief gets through, the best for the owner first."""

    NEVER = "never"
    LATER = "later"  # once he set up a factor of his own, of which every address is told
    AT_ONCE = "at once"


@frozen(kw_only=True)
class Row:
    """
    What one *action* asks of members of one *group* ("" is everybody else) who have a second factor (AAL2) or none (AAL1).

    *needs* and *max_age* are those of the `Demand`. *ways* are the smallest sets of methods that are enough, of a password and
    all that the policy lets people set up. *reached* says of each thief how he comes through.
    """

    group: str
    level: AssuranceLevel
    action: str
    risky: bool
    needs: Needs | None
    max_age: timedelta | None
    ways: tuple[frozenset[str], ...]
    reached: tuple[tuple[Thief, Reach], ...]

    def reach(self, thief: Thief) -> Reach:
        """How one thief comes through."""
        return dict(self.reached)[Thief(thief)]


@frozen(kw_only=True)
class Explained:
    """What each action asks of whom. ``print`` it for the table; *warnings* say what is doubtful about the policy."""

    policy: "MfaPolicy" = field(repr=False)
    fresh: timedelta
    groups: tuple[str, ...]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]

    def of(self, action: str, *, group: str = "", level: AssuranceLevel = AssuranceLevel.AAL2, risky: bool = False) -> Row:
        """
        What one action asks of somebody. Strange requests have rows of their own only where a rule is about them. Raises
        ConfigError where nothing of the kind is told.
        """
        about = (str(action), group, AssuranceLevel(level))
        found = [row for row in self.rows if (row.action, row.group, row.level) == about]
        for row in sorted(found, key=lambda row: row.risky != risky):
            return row
        raise ConfigError(f"There is no row of {action!r} for {group!r}.", remedy="Name the group in explain(groups=...).")

    def as_dict(self) -> dict[str, object]:
        """The same in plain values, for a page or a file: lengths of time in seconds, needs in words."""
        rows = [
            {
                "group": row.group,
                "level": row.level.name,
                "action": row.action,
                "risky": row.risky,
                "needs": said.needed(row),
                "max_age": None if row.max_age is None else row.max_age.total_seconds(),
                "ways": [sorted(way) for way in row.ways],
                "reached": {thief.value: reach.value for thief, reach in row.reached},
            }
            for row in self.rows
        ]
        return {"fresh": self.fresh.total_seconds(), "rows": rows, "warnings": list(self.warnings)}

    def __str__(self) -> str:
        return said.said(self)


def explain(policy: "MfaPolicy", *, groups: tuple[str, ...], fresh: timedelta) -> Explained:
    """What `MfaPolicy.explain` answers."""
    levels = LEVELS if policy.offered else LEVELS[:1]
    walks = [_Walk(policy, group, level, fresh) for group in groups for level in levels]
    rows = tuple(row for walk in walks for row in walk.rows())
    warnings = tuple(doubtful.warnings(policy, rows))
    return Explained(policy=policy, fresh=fresh, groups=groups, rows=rows, warnings=warnings)


@frozen
class _Walk:
    """The ways of all thieves with owners of one kind. An owner who has a factor has one of every kind that may be set up."""

    policy: "MfaPolicy"
    group: str
    level: AssuranceLevel
    fresh: timedelta

    def rows(self) -> "Iterator[Row]":
        """One an action, and one more where a rule is about strange requests."""
        enums: tuple[type[StrEnum], ...] = (Action, *self.policy.actions)
        for action in [str(one) for enum in enums for one in enum]:
            for risky in (False, True):
                demand = self._demand(action, risky=risky)
                if not risky or demand != self._demand(action, risky=False):
                    yield self._row(action, demand, risky=risky)

    def _row(self, action: str, demand: Demand, *, risky: bool) -> Row:
        enough: tuple[frozenset[str], ...] = (frozenset({PASSWORD}),)
        if demand.needs is not None:
            enough = ways(demand.needs, have=(), can=self.policy.offered | {PASSWORD}, traits=self.policy.traits)
        return Row(
            group=self.group,
            level=self.level,
            action=action,
            risky=risky,
            needs=demand.needs,
            max_age=demand.max_age,
            ways=enough,
            reached=tuple((thief, self._reach(thief, action, risky=risky)) for thief in Thief),
        )

    @property
    def _guarded(self) -> bool:
        return self.level >= AssuranceLevel.AAL2

    def _demand(self, action: str, *, risky: bool) -> Demand:
        groups = frozenset({self.group} if self.group else ())
        return self.policy.demand(action, groups=groups, fresh=self.fresh, risky=risky, guarded=self._guarded)

    def _reach(self, thief: Thief, action: str, *, risky: bool) -> Reach:
        """As far as the best of his tries: at once, or with a factor of his own."""
        for shown in self._hands(thief):
            if self._passes(thief, shown, action, risky=risky):
                return Reach.AT_ONCE
        for shown in self._hands(thief):
            if self._enrols(thief, shown, risky=risky) and self._met(action, shown | self.policy.offered, risky=risky):
                return Reach.LATER
        return Reach.NEVER

    def _hands(self, thief: Thief) -> list[frozenset[str]]:
        """What he can show whenever he is asked, one try a set."""
        there = self.policy.offered if self._guarded else frozenset[str]()
        match thief:
            case Thief.PHISHER:
                return [frozenset({PASSWORD} | {one for one in there if not self._trait(one)})]
            case Thief.FACTOR:
                return [frozenset({one}) for one in sorted(there)]
            case Thief.SESSION | Thief.FULL_SESSION:
                return [frozenset()]
            case Thief.REMEMBERED:
                return [frozenset({PASSWORD, Method.REMEMBERED.value})]
            case _:
                return [frozenset({PASSWORD})]

    def _trait(self, method: str) -> bool:
        return self.policy.traits.get(method, NOTHING).phishing_resistant

    def _passes(self, thief: Thief, shown: frozenset[str], action: str, *, risky: bool) -> bool:
        if self._met(action, shown, risky=risky):
            return thief in HOLDS or self._met(Action.SIGN_IN, shown, risky=risky)
        # What does not age is as good in an old session as in a new one.
        held = HOLDS.get(thief)
        ageless = self._demand(action, risky=risky).max_age is None
        return held is not None and ageless and self._met(action, shown | self._proven(held), risky=risky)

    def _proven(self, level: AssuranceLevel) -> frozenset[str]:
        """What an old session of a level proved: beside the password the least that the owner has."""
        if level < AssuranceLevel.AAL2:
            return frozenset({PASSWORD})
        there = sorted(self.policy.offered - {Method.RECOVERY_CODE.value}, key=lambda one: (self._trait(one), one))
        return frozenset({PASSWORD, *there[:1]}) if self._guarded else frozenset({PASSWORD})

    def _enrols(self, thief: Thief, shown: frozenset[str], *, risky: bool) -> bool:
        """
        Whether he can set up a factor of his own: with a session that may, or where a sign-in asks for one and there is none.
        That a request is strange has no say in it.
        """
        if not self._guarded and PASSWORD in shown:
            return True
        enters = thief in HOLDS or self._met(Action.SIGN_IN, shown, risky=risky)
        return enters and self._met(Action.CHANGE_FACTORS, shown, risky=False)

    def _met(self, action: str, shown: frozenset[str], *, risky: bool) -> bool:
        needs = self._demand(action, risky=risky).needs
        proven = shown - {Method.REMEMBERED.value}
        return bool(proven) if needs is None else bool(proven) and needs.met(proven, self.policy.traits)
