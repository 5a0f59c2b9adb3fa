"""RecoveryPolicy: what an owner gets back for which proofs, when, and who can stop it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import field, frozen

from acctsec._values import Value
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel
from acctsec.record import MAX_CONTACTS
from acctsec.recovery.paths import (
    DAY,
    OF_FACTORS,
    Capability,
    Delays,
    Facts,
    PathSets,
    Proof,
    RecoveryPath,
    at_full_level,
    independent,
    is_delays,
    path_set,
)

if TYPE_CHECKING:
    from acctsec.recovery.explained import Explained

AAL2 = AssuranceLevel.AAL2


class Enough(Value, frozen=True):
    """
    These proofs carry it, after *wait*. What is not *weak* was proven at the full level: by a live factor and something that is
    not on the same phone, or by two different proofs with nothing that speaks against them. No address vetoes that.
    """

    wait: timedelta
    weak: bool


class Lacking(Value, frozen=True):
    """More is due: any one of these sets of proofs."""

    paths: tuple[frozenset[Proof], ...]


class Forbidden(Value, frozen=True):
    """No path leads there for this subject."""


Judgement = Enough | Lacking | Forbidden

CONSUMER_PATHS = (
    RecoveryPath({Proof.MAIL}),
    RecoveryPath({Proof.TEXT}),
    RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=AAL2),
    RecoveryPath({Proof.TEXT, Proof.FACTOR}, level=AAL2, wait=DAY),
    RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, level=AAL2),
    RecoveryPath({Proof.TEXT, Proof.RECOVERY_CODE}, level=AAL2),
    RecoveryPath({Proof.RECOVERY_CODE, Proof.FACTOR}, level=AAL2),
    RecoveryPath({Proof.MAIL, Proof.CONTACTS}, level=AAL2, wait=3 * DAY),
    RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, level=AAL2, wait=DAY),
    RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, gives=Capability.FACTORS, level=AAL2, wait=DAY),
    RecoveryPath({Proof.MAIL, Proof.CONTACTS}, gives=Capability.FACTORS, level=AAL2, wait=3 * DAY),
    RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, gives=Capability.FACTORS, level=AAL2, wait=3 * DAY),
    RecoveryPath({Proof.ADMINISTRATORS}, gives=Capability.ADDRESSES, level=AAL2, wait=7 * DAY),
)
"""
Where mail alone is enough without a factor, and two different proofs are due with one (SP 800-63B-4 section 4.2.2). What takes
factors off waits, and so does what one stolen phone can show; every address is told meanwhile.
"""


@frozen(kw_only=True)
class RecoveryPolicy:
    """
    Which proofs together give an owner what back, how long that waits, and who can stop it.

    Args:
        paths: what leads where, up to 64. Default: mail or a text alone sets a password where there is no live factor (AAL1, as
            for all peers); with one, two different proofs do (SP 800-63B-4 section 4.2.2.2). What takes factors off waits, as
            does what one stolen phone can show.
        groups: paths that hold for the members of a group of ``Account.groups`` instead, such as ``{"staff": ()}``: members
            have no self-service, and outsiders cannot tell. Who is in several groups needs the leave of each. Default: none;
            the one peer that refuses staff (Warehouse) answers them alike, too.
        delays: how long a recovery waits because of what speaks against it. Default: a day where it comes from another country,
            three where an address or a SIM was changed lately; no peer waits at all.
        contacts_needed: how many trusted contacts have to agree. Default 2: one friend alone opens nothing. SP 800-63B-4 section
            4.2.1.3 leaves the number open.
        contacts_settle: how long a contact is one before its word counts. Default 7 days: who got in for a moment cannot bring
            friends of his own.
        told: how long an address that was removed is told of what happens. Default 7 days, as long as its change counts as
            lately, and no less than a recovery by its successor waits.
        veto_window: how long a change that rested on less than the full level can be vetoed after it was made. Default 72 h: a
            weekend away from one's mail.
        claim: how long a change that has waited can be made. Default 24 h, as long as a mailed code may live (SP 800-63B-4
            section 4.2.1.2).
        keep_devices: known devices stay known after a recovery. Default False: whoever had the password may have had them.
        weaker_than_sign_in: recovery may ask for less than signing in does. Default False; a policy that does is refused.

    Raises ConfigError for a policy whose recovery is weaker than its sign-in, unless it says so by name: where a factor is live
    one proof is enough, or two that one theft gives do at once; where factors fall without one of them within a day.
    """

    paths: tuple[RecoveryPath, ...] = field(default=CONSUMER_PATHS, converter=path_set)
    groups: Mapping[str, tuple[RecoveryPath, ...]] = field(default=PathSets({}), converter=PathSets)
    delays: Delays = field(factory=Delays, validator=is_delays)
    contacts_needed: int = field(default=2, validator=whole(1, MAX_CONTACTS))
    contacts_settle: timedelta = field(default=7 * DAY, validator=length(timedelta(0), 90 * DAY))
    told: timedelta = field(default=7 * DAY, validator=length(timedelta(0), 90 * DAY))
    veto_window: timedelta = field(default=3 * DAY, validator=length(timedelta(hours=1), 90 * DAY))
    claim: timedelta = field(default=DAY, validator=length(timedelta(hours=1), 30 * DAY))
    keep_devices: bool = field(default=False, validator=kind(bool))
    weaker_than_sign_in: bool = field(default=False, validator=kind(bool))

    def __attrs_post_init__(self) -> None:
        if self.weaker_than_sign_in:
            return
        for one in (*self.paths, *(each for several in self.groups.values() for each in several)):
            weakness = _weakness(one, self.contacts_needed)
            if weakness:
                remedy = "Add a proof or a wait, or name weaker_than_sign_in=True."
                raise ConfigError(f"The path {one} is weaker than signing in: {weakness}.", remedy=remedy)
        if self.told < self.delays.address_changed:
            message = "A recovery by a changed address waits longer than the one before it is told."
            raise ConfigError(message, remedy="Raise told to delays.address_changed or above it.")

    def judge(
        self,
        proofs: frozenset[Proof],
        *,
        gives: Capability,
        level: AssuranceLevel,
        groups: frozenset[str],
        facts: Facts,
        contested: frozenset[Proof] | None = None,
    ) -> Judgement:
        """
        Say what these proofs come to for a subject of that level and those groups.

        Where the account is *contested*, only two different proofs settle it, of which neither side has shown one.
        """
        sets = self._sets(gives, level, groups)
        ways = _together(sets)
        if contested is not None:
            ways = tuple(one for one in _joined((ways, ways)) if _settles(one, contested))
        met = [one for one in ways if one <= proofs]
        if met:
            # What speaks against strangers does not keep an owner with his live factor.
            full = at_full_level(proofs)
            waits = ((max(_least(sets, one), timedelta(0) if full else self.delays.wait(facts, one)), one) for one in met)
            wait, alone = min((wait, not independent(one)) for wait, one in waits)
            return Enough(wait, not full and (bool(wait) or alone))
        missing = {one - proofs for one in ways}
        least = [one for one in missing if not any(other < one for other in missing)]
        return Lacking(tuple(sorted(least, key=lambda one: (len(one), sorted(one))))) if least else Forbidden()

    def allowed(
        self, *, gives: Capability, level: AssuranceLevel, groups: frozenset[str] = frozenset()
    ) -> tuple[RecoveryPath, ...]:
        """
        The paths there are to it for a subject of that level and those groups, in the order of the policy.

        Every group has to give leave: what satisfies one path of each is a path. Those on which a subject without a factor would
        have to show one are left out.
        """
        sets = self._sets(gives, level, groups)
        found = []
        for proofs in _together(sets):
            open_to = [[one for one in each if one.proofs <= proofs] for each in sets]
            up_to = min(max(one.level for one in each) for each in open_to)
            found.append(RecoveryPath(proofs, gives=gives, level=up_to, wait=_least(sets, proofs)))
        return tuple(found)

    def self_service(self, *, level: AssuranceLevel, groups: frozenset[str]) -> bool:
        """Whether a subject can begin a reset without administrators."""
        allowed = self.allowed(gives=Capability.PASSWORD, level=level, groups=groups)
        return any(Proof.ADMINISTRATORS not in one.proofs for one in allowed)

    def explain(self, *, passwords_by_administrators: bool = False) -> "Explained":
        """
        What this policy gives to whom: the graph of proofs and capabilities, and what a thief of each kind can do.

        *passwords_by_administrators*: each of them may set a password that he knows. ``Policy.explain_recovery`` looks that up.
        ``print`` it, or draw it with ``svg()``.
        """
        from acctsec.recovery.explained import explain

        return explain(self, passwords_by_administrators=passwords_by_administrators)

    def _sets(self, gives: Capability, level: AssuranceLevel, groups: frozenset[str]) -> list[list[RecoveryPath]]:
        """The paths of each group that has to give leave."""
        sets = [self.groups[name] for name in sorted(self.groups.keys() & groups)] or [self.paths]
        out_of_reach = OF_FACTORS if level < AAL2 else frozenset[Proof]()
        return [
            [one for one in each if one.gives is gives and one.level >= level and not one.proofs & out_of_reach] for each in sets
        ]


def _joined(sets: Iterable[Iterable[frozenset[Proof]]]) -> tuple[frozenset[Proof], ...]:
    """One of each set, taken together: in every way there is, each once. Proofs are few, so these are."""
    found = [frozenset[Proof]()]
    for each in sets:
        ways = tuple(each)
        found = list(dict.fromkeys(met | one for met in found for one in ways))
    return tuple(found)


def _together(sets: list[list[RecoveryPath]]) -> tuple[frozenset[Proof], ...]:
    """What satisfies a path of each set."""
    return _joined([one.proofs for one in each] for each in sets)


def _least(sets: list[list[RecoveryPath]], proofs: frozenset[Proof]) -> timedelta:
    """How long these proofs wait by themselves: as long as the slowest set makes them."""
    return max(min(one.wait for one in each if one.proofs <= proofs) for each in sets)


def _settles(proofs: frozenset[Proof], contested: frozenset[Proof]) -> bool:
    strong = proofs - {Proof.DEVICE}
    return len(strong) >= 2 and not strong <= contested


def _weakness(path: RecoveryPath, contacts: int) -> str:
    """Why a path asks for less than signing in does, or "" where it does not."""
    # One contact alone is one more account to break into, not the word of several people.
    strong = path.proofs - {Proof.DEVICE} - (frozenset() if contacts > 1 else {Proof.CONTACTS})
    if path.gives is Capability.ADDRESSES:
        return "" if path.wait >= DAY else "it waits less than a day, and the owner could not stop it"
    if path.level < AAL2:
        return ""
    if len(strong) < 2:
        alone = ", and one contact alone stands for nothing" if Proof.CONTACTS in path.proofs - strong else ""
        return f"a factor is live, and one proof is enough (SP 800-63B-4 section 4.2.2.2){alone}"
    if path.wait >= DAY:
        return ""
    if not independent(strong):
        return "one theft gives both proofs, without a day in which the owner could stop it"
    if path.gives is Capability.FACTORS and Proof.FACTOR not in strong:
        return "factors fall without one of them, and without a day in which their owner could stop it"
    return ""
