"""What a recovery policy gives to whom, and how far a thief of each kind comes: every answer judged by the policy itself."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count, product
from typing import TYPE_CHECKING

from attrs import field, frozen

from acctsec._values import Value
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel
from acctsec.recovery import said
from acctsec.recovery.paths import OF_FACTORS, Capability, Facts, Proof
from acctsec.recovery.policy import Enough, Judgement, Lacking

if TYPE_CHECKING:
    from acctsec.recovery.policy import RecoveryPolicy

LEVELS = (AssuranceLevel.AAL1, AssuranceLevel.AAL2)
NOW = datetime(2000, 1, 1, tzinfo=UTC)
"""Any instant: what is judged depends on lengths of time alone."""
AT_ONCE = timedelta(0)


class Thief(StrEnum):
    """Somebody who controls one thing of the owner's, or two. None of them has a device that the account knows."""

    MAILBOX = "mailbox"  # every mail to one verified address
    PHONE = "phone"  # texts to a verified number, and the authenticator app
    MAILBOX_AND_PHONE = "mailbox and phone"
    HELP_DESK = "one administrator"
    TWO_ADMINISTRATORS = "two administrators"
    OLD_ADDRESS = "old address"  # one that was removed lately: it is told, and proves nothing
    PASSWORD = "password"  # noqa: S105 - a thief, not a password


HELD = {
    Thief.MAILBOX: frozenset({Proof.MAIL}),
    Thief.PHONE: frozenset({Proof.TEXT, Proof.FACTOR}),
    Thief.MAILBOX_AND_PHONE: frozenset({Proof.MAIL, Proof.TEXT, Proof.FACTOR}),
    Thief.TWO_ADMINISTRATORS: frozenset({Proof.ADMINISTRATORS}),
}
"""What they can show; the others nothing."""


class Stop(StrEnum):
    """Whether an owner who still reads another address can stop it, the best for him first."""

    BEFORE = "before"  # it waits, and every address is told
    AFTER = "after"  # it is made at once, and can be vetoed afterwards: then nobody has the account until it is settled
    NEVER = "never"  # it rests on proof at the full level, or on no recovery at all


BEST = tuple(Stop)


class Freeze(StrEnum):
    """Whether he can keep the owner out by a veto, for nothing but trouble."""

    NEVER = "never"
    AFTERWARDS = "afterwards"  # he can veto one that the owner brings about
    AT_WILL = "at will"  # he can bring one about himself, and veto that


@frozen(kw_only=True)
class Gain:
    """
    What a thief comes to, and after how long: *quiet* where only his strange device speaks against him, at *worst* with every
    delay of the policy. *stop* says whether the owner can stop it in the quiet case.
    """

    quiet: timedelta
    worst: timedelta
    stop: Stop

    def __str__(self) -> str:
        return said.gained(self)


@frozen(kw_only=True)
class Course:
    """
    How far one thief comes with subjects of one level, in one *group* or, where that is empty, in none that has paths of its own.

    *password*, *factors* and *addresses* are what recovery gives him, one upon the other where that leads further. *session*
    is a full sign-in. None where he never comes to it.
    """

    thief: Thief
    level: AssuranceLevel
    group: str = ""
    password: Gain | None
    factors: Gain | None
    addresses: Gain | None
    session: Gain | None
    freezes: Freeze

    @property
    def gains(self) -> tuple[Gain, ...]:
        """All that he comes to."""
        return tuple(one for one in (self.password, self.factors, self.addresses, self.session) if one is not None)

    @property
    def stop(self) -> Stop | None:
        """The worst for the owner of all that he comes to; None where that is nothing."""
        return max((one.stop for one in self.gains), key=BEST.index, default=None)


@frozen(kw_only=True)
class WayOut:
    """What settles an account that a reader of its mail has contested: any one of *paths*. None: an operator has to."""

    level: AssuranceLevel
    group: str = ""
    paths: tuple[frozenset[Proof], ...]


@frozen(kw_only=True)
class Explained:
    """
    What a recovery policy gives to whom. ``print`` it for the thieves as a table, or draw the graph of its paths with `svg`.

    A thief's way is walked step by step: with the factors off, mail alone sets a password; with the address changed, mail is his.
    """

    policy: "RecoveryPolicy" = field(repr=False)
    passwords_by_administrators: bool
    thieves: tuple[Course, ...]
    ways_out: tuple[WayOut, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that have paths of their own; first, as "", everybody else."""
        return ("", *self.policy.groups)

    def of(self, thief: Thief, level: AssuranceLevel, group: str = "") -> Course:
        """How far one thief comes with subjects of that level and group. Raises ConfigError where the group has no paths."""
        asked = (Thief(thief), AssuranceLevel(level), group)
        for one in self.thieves:
            if (one.thief, one.level, one.group) == asked:
                return one
        raise ConfigError(f"There is no group {group!r} with paths, or no level {level}.", remedy="Ask for AAL1 or AAL2.")

    def __str__(self) -> str:
        return said.said(self)

    def svg(self, group: str = "") -> str:
        """Proofs, the paths on which they lead, and what those give, as an SVG picture of its own: same policy, same bytes."""
        from acctsec.recovery.picture import picture

        return picture(self.policy, group)


def explain(policy: "RecoveryPolicy", *, passwords_by_administrators: bool = False) -> Explained:
    """What `RecoveryPolicy.explain` answers."""
    asked = [(group, level) for group in ("", *policy.groups) for level in LEVELS]
    walks = [_Walk(policy, thief, level, group, passwords_by_administrators) for group, level in asked for thief in Thief]
    return Explained(
        policy=policy,
        passwords_by_administrators=passwords_by_administrators,
        thieves=tuple(walk.course() for walk in walks),
        ways_out=tuple(_way_out(policy, level, group) for group, level in asked),
    )


Had = frozenset[Capability]


class _At(Value, frozen=True):
    """Where a thief stands: after how long, how the owner can stop him on this way, and when an address was changed."""

    after: timedelta
    stop: Stop
    moved: timedelta | None


class _Step(Value, frozen=True):
    """What he can do next: it gives something *after* so long, of which the owner can be told before."""

    gives: Capability
    after: timedelta
    stop: Stop


@frozen
class _Walk:
    """The ways of one thief to everything that recovery gives, one step upon the other."""

    policy: "RecoveryPolicy"
    thief: Thief
    level: AssuranceLevel
    group: str
    passwords_by_administrators: bool

    def course(self) -> Course:
        quiet, worst = self._reached(worst=False), self._reached(worst=True)

        def gain(wanted: Callable[[Had], bool]) -> Gain | None:
            soonest = min((at for had, at in quiet.items() if wanted(had)), key=_by_time, default=None)
            if soonest is None:
                return None
            latest = min(at.after for had, at in worst.items() if wanted(had))
            return Gain(quiet=soonest.after, worst=latest, stop=soonest.stop)

        return Course(
            thief=self.thief,
            level=self.level,
            group=self.group,
            password=gain(self._sets_password),
            factors=gain(lambda had: Capability.FACTORS in had),
            addresses=gain(lambda had: Capability.ADDRESSES in had),
            session=gain(self._signs_in),
            freezes=self._freezes(quiet),
        )

    def _reached(self, *, worst: bool) -> dict[Had, _At]:
        """Everything he can have had, and where he stands then: the soonest first (Dijkstra)."""
        reached: dict[Had, _At] = {}
        number = count()
        ahead = [(AT_ONCE, 0, next(number), Had(), _At(AT_ONCE, Stop.NEVER, AT_ONCE if worst else None))]
        while ahead:
            *_, had, at = heappop(ahead)
            if had in reached:
                continue
            reached[had] = at
            for step in self._steps(had, at, worst=worst):
                stop = min(step.stop, at.stop, key=BEST.index) if had else step.stop
                after = at.after + step.after
                then = _At(after, stop, after if step.gives is Capability.ADDRESSES else at.moved)
                heappush(ahead, (*_by_time(then), next(number), had | {step.gives}, then))
        return reached

    def _steps(self, had: Had, at: _At, *, worst: bool) -> Iterator[_Step]:
        """What he can ask for next. A change that is made drops what waits, so one follows the other."""
        chances = [(AT_ONCE, Facts(now=NOW, new_country=worst))]
        if at.moved is not None:
            # He can also keep still until what was changed lately is not lately any more.
            still = max(at.moved + self.policy.delays.lately - at.after, AT_ONCE)
            changed = NOW if still else None
            asked = Facts(now=NOW, new_country=worst, address_changed=changed, sim_changed=changed if worst else None)
            chances = [(AT_ONCE, asked), (still, Facts(now=NOW, new_country=worst))]
        for gives in self._left(had):
            judged = ((still, self._judged(gives, had, facts)) for still, facts in chances)
            found = [_Step(gives, still + one.wait, _stop(one)) for still, one in judged if isinstance(one, Enough)]
            if found:
                yield min(found, key=_by_time)

    def _judged(self, gives: Capability, had: Had, facts: Facts) -> Judgement:
        return self.policy.judge(self._proofs(had), gives=gives, level=self._level(had), groups=self._groups, facts=facts)

    @property
    def _groups(self) -> frozenset[str]:
        return frozenset({self.group} if self.group else ())

    def _level(self, had: Had) -> AssuranceLevel:
        return AssuranceLevel.AAL1 if Capability.FACTORS in had else self.level

    def _left(self, had: Had) -> list[Capability]:
        """What he does not have yet and the subject has."""
        gone = {Capability.FACTORS} if self._level(had) < AssuranceLevel.AAL2 else set()
        return [one for one in Capability if one not in had | gone]

    def _proofs(self, had: Had) -> frozenset[Proof]:
        """What he can show by now: whoever changes addresses has mail and texts sent to his own."""
        held = HELD.get(self.thief, frozenset()) | ({Proof.MAIL, Proof.TEXT} if Capability.ADDRESSES in had else set())
        return held if self._level(had) >= AssuranceLevel.AAL2 else held - OF_FACTORS

    def _sets_password(self, had: Had) -> bool:
        administrator = self.thief in {Thief.HELP_DESK, Thief.TWO_ADMINISTRATORS}
        return Capability.PASSWORD in had or (self.passwords_by_administrators and administrator)

    def _signs_in(self, had: Had) -> bool:
        """With the password, and the factor where one is still live."""
        knows = self.thief is Thief.PASSWORD or self._sets_password(had)
        return knows and (self._level(had) < AssuranceLevel.AAL2 or Proof.FACTOR in self._proofs(had))

    def _freezes(self, reached: Iterable[Had]) -> Freeze:
        """Vetoes go by mail: to verified addresses, and for a while to one that was removed."""
        old = self.thief is Thief.OLD_ADDRESS and self.policy.told > AT_ONCE
        for had in reached:
            proofs = self._proofs(had)
            if (old or Proof.MAIL in proofs) and (Capability.ADDRESSES in had or self._weak(had, proofs)):
                return Freeze.AT_WILL
        reads = old or Proof.MAIL in self._proofs(Had())
        return Freeze.AFTERWARDS if reads and self._weak(Had(), frozenset(Proof)) else Freeze.NEVER

    def _weak(self, had: Had, proofs: frozenset[Proof]) -> bool:
        """
        Whether these proofs bring about anything that can be vetoed. Nobody has to show all that he has, and anybody can come
        from another country: what has to wait for that is weak.
        """
        level = self._level(had)
        for gives, abroad in product(self._left(had), (False, True)):
            facts = Facts(now=NOW, new_country=abroad)
            for path in self.policy.allowed(gives=gives, level=level, groups=self._groups):
                judged = self.policy.judge(path.proofs, gives=gives, level=level, groups=self._groups, facts=facts)
                if path.proofs <= proofs and isinstance(judged, Enough) and judged.weak:
                    return True
        return False


def _stop(judged: Enough) -> Stop:
    if not judged.weak:
        return Stop.NEVER
    return Stop.BEFORE if judged.wait else Stop.AFTER


def _by_time(at: _At | _Step) -> tuple[timedelta, int]:
    """The soonest; of two at once, the one that the owner stops least."""
    return at.after, -BEST.index(at.stop)


def _way_out(policy: "RecoveryPolicy", level: AssuranceLevel, group: str) -> WayOut:
    judged = policy.judge(
        frozenset(),
        gives=Capability.PASSWORD,
        level=level,
        groups=frozenset({group} if group else ()),
        facts=Facts(now=NOW),
        contested=frozenset({Proof.MAIL}),
    )
    return WayOut(level=level, group=group, paths=judged.paths if isinstance(judged, Lacking) else ())
