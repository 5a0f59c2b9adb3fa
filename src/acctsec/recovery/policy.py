"""RecoveryPolicy: what an owner gets back for which proofs, when, and who can stop it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import field, frozen

from acctsec._values import Value
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel
from acctsec.record import MAX_CONTACTS
from acctsec.recovery.paths import DAY, Capability, Delays, Facts, PathSets, Proof, RecoveryPath, is_delays, path_set

if TYPE_CHECKING:
    from acctsec.recovery.explained import Explained

AAL2 = AssuranceLevel.AAL2


class Enough(Value, frozen=True):
    """
    These proofs carry it, after *wait*. What is not *weak* was proven at the full level, by a live factor, or by two different
    proofs with nothing that speaks against them: no address vetoes it.
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
    RecoveryPath({Proof.TEXT, Proof.FACTOR}, level=AAL2),
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
factors off waits, and every address is told meanwhile.
"""


@frozen(kw_only=True)
class RecoveryPolicy:
    """
    Which proofs together give an owner what back, how long that waits, and who can stop it.

    Args:
        paths: what leads where. Default: mail or a text alone sets a password where there is no live factor; with one, two
            different proofs do, one of which is mail or a printed code.
        groups: paths that hold for the members of a group of ``Account.groups`` instead, such as ``{"staff": ()}``: members
            have no self-service, and outsiders cannot tell. Who is in several groups needs the leave of each.
        delays: how long a recovery waits because of what speaks against it.
        contacts_needed: how many trusted contacts have to agree. Default 2: one friend alone opens nothing.
        contacts_settle: how long a contact is one before its word counts. Default 7 days: who got in for a moment cannot bring
            friends of his own.
        told: how long an address that was removed is told of what happens. Default 7 days.
        veto_window: how long a change that rested on less than the full level can be vetoed after it was made. Default 72 h: a
            weekend away from one's mail.
        claim: how long a change that has waited can be made. Default 24 h.
        keep_devices: known devices stay known after a recovery. Default False: whoever had the password may have had them.
        weaker_than_sign_in: recovery may ask for less than signing in does. Default False; a policy that does is refused.

    Raises ConfigError for a policy whose recovery is weaker than its sign-in, unless it says so by name.
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
        allowed = self.allowed(gives=gives, level=level, groups=groups)
        if contested is not None:
            allowed = tuple(one for one in allowed if _settles(one.proofs, contested))
        met = [one for one in allowed if one.proofs <= proofs]
        if met:
            # The owner with a live factor need not wait for what speaks against strangers.
            waits = [(one.wait if Proof.FACTOR in one.proofs else self._waits(one, facts), one) for one in met]
            wait, path = min(waits, key=lambda found: (found[0], Proof.FACTOR not in found[1].proofs))
            one_alone = len(path.proofs - {Proof.DEVICE}) < 2
            return Enough(wait, Proof.FACTOR not in path.proofs and (bool(wait) or one_alone))
        missing = {one.proofs - proofs for one in allowed}
        least = [one for one in missing if not any(other < one for other in missing)]
        return Lacking(tuple(sorted(least, key=lambda one: (len(one), sorted(one))))) if least else Forbidden()

    def allowed(
        self, *, gives: Capability, level: AssuranceLevel, groups: frozenset[str] = frozenset()
    ) -> tuple[RecoveryPath, ...]:
        """The paths there are to it for a subject of that level and those groups: every group has to give leave."""
        sets = [self.groups[name] for name in sorted(self.groups.keys() & groups)] or [self.paths]
        open_to = [[one for one in each if one.gives is gives and one.level >= level] for each in sets]
        found: dict[frozenset[Proof], RecoveryPath] = {}
        for one in (each for several in open_to for each in several):
            waits = [[other.wait for other in several if other.proofs <= one.proofs] for several in open_to]
            if all(waits):
                wait = max(min(each) for each in waits)
                known = found.get(one.proofs)
                if known is None or wait < known.wait:
                    found[one.proofs] = RecoveryPath(one.proofs, gives=gives, level=one.level, wait=wait)
        return tuple(found.values())

    def self_service(self, *, level: AssuranceLevel, groups: frozenset[str]) -> bool:
        """Whether a subject can begin a reset without administrators."""
        allowed = self.allowed(gives=Capability.PASSWORD, level=level, groups=groups)
        return any(Proof.ADMINISTRATORS not in one.proofs for one in allowed)

    def explain(self) -> "Explained":
        """
        What this policy gives to whom: the graph of proofs and capabilities, and what a thief of each kind can do.

        ``print`` it, or draw it with ``svg()``.
        """
        from acctsec.recovery.explained import explain

        return explain(self)

    def _waits(self, path: RecoveryPath, facts: Facts) -> timedelta:
        return max(path.wait, self.delays.wait(facts, path.proofs))


def _settles(proofs: frozenset[Proof], contested: frozenset[Proof]) -> bool:
    strong = proofs - {Proof.DEVICE}
    return len(strong) >= 2 and not strong <= contested


def _weakness(path: RecoveryPath, contacts: int) -> str:
    """Why a path asks for less than signing in does, or "" where it does not."""
    strong = path.proofs - {Proof.DEVICE}
    if path.gives is Capability.ADDRESSES:
        return "" if path.wait >= DAY else "it waits less than a day, and the owner could not stop it"
    if path.level >= AAL2 and len(strong) < 2:
        return "a factor is live, and one proof is enough (SP 800-63B-4 section 4.2.2)"
    if path.gives is Capability.FACTORS and Proof.FACTOR not in strong and path.wait < DAY:
        return "factors fall without one of them, and without a day in which their owner could stop it"
    if Proof.CONTACTS in strong and contacts < 2 and path.level >= AAL2:
        return "one contact alone stands for a factor"
    return ""
