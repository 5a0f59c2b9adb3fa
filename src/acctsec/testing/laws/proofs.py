"""Laws of proofs: what an action asks of a factor, and what a recovery asks of an owner."""

from datetime import timedelta
from typing import TYPE_CHECKING

from acctsec.mfa import SECOND_FACTOR, Action
from acctsec.outcomes import AssuranceLevel
from acctsec.recovery import Capability, Facts, Proof
from acctsec.recovery.explained import LEVELS
from acctsec.recovery.policy import Enough
from acctsec.testing.doubles import START
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law
from acctsec.testing.laws.words import member, names, span

if TYPE_CHECKING:
    from acctsec.mfa.actions import Demand
    from acctsec.policy import Policy

# --- factors ----------------------------------------------------------------------------------------------------------


def _groups(policy: "Policy") -> list[str]:
    mfa = policy.mfa
    return sorted({"kit-nobody", *mfa.groups, *mfa.required_groups, *policy.recovery.groups} - {""})  # that is everybody else


def _actions(policy: "Policy") -> list[str]:
    return sorted({*map(str, Action), *policy.mfa.known_actions})


def _met(demand: "Demand", shown: frozenset[str], policy: "Policy") -> bool:
    return bool(shown) and (demand.needs is None or demand.needs.met(shown, policy.mfa.traits))


@law("action-asks-what-rules-say", Family.MFA, "I19", "I29", examples=200)
def actions_ask_what_rules_say(ask: Asking) -> None:
    """An action asks at least for what each of its rules says, proven no longer ago, and for a factor where there is one."""
    from hypothesis import strategies as st

    policy, mfa = ask.policy, ask.policy.mfa

    def case(action: str, groups: frozenset[str], risky: bool, guarded: bool, shown: frozenset[str]) -> None:  # noqa: FBT001 - drawn
        demand = mfa.demand(action, groups=groups, fresh=policy.sessions.fresh, risky=risky, guarded=guarded)
        enough = _met(demand, shown, policy)
        for number, rule in enumerate(mfa.rules, 1):
            if action not in rule.actions or (rule.groups and not rule.groups & groups) or (rule.risky and not risky):
                continue
            met = rule.needs.met(shown, mfa.traits)
            assert met or not enough, f"That is enough; rule {number} asks for {rule.needs}."
            if rule.max_age is not None and action != Action.SIGN_IN:
                longest = demand.max_age
                assert longest is not None, f"Proofs never age; by rule {number} they do after {span(rule.max_age)}."
                assert longest <= rule.max_age, f"Proofs age after {span(longest)}; by rule {number} after {span(rule.max_age)}."
        if guarded and action != Action.REPORT_FACTOR and enough:
            assert SECOND_FACTOR.met(shown, mfa.traits), "That is enough, though they have a second factor."
        required = mfa.required or bool(mfa.required_groups & groups)
        if required and action == Action.SIGN_IN and enough:
            assert SECOND_FACTOR.met(shown, mfa.traits), "That is enough, though the policy requires a second factor of them."

    def says(action: str, groups: frozenset[str], risky: bool, guarded: bool, shown: frozenset[str]) -> str:  # noqa: FBT001 - drawn
        who = f"With{'' if guarded else 'out'} a second factor {member(groups)}"
        return f"{who} asks for {action}{', strangely,' if risky else ''} and shows {names(shown)}."

    methods = sorted({"password", *mfa.offered, *mfa.traits})
    some, sets = st.frozensets(st.sampled_from(_groups(policy))), st.frozensets(st.sampled_from(methods))
    ask.of(case, st.sampled_from(_actions(policy)), some, st.booleans(), st.booleans(), sets, says=says)


@law("more-rules-never-ask-for-less", Family.MFA, "I19", examples=200)
def more_never_asks_for_less(ask: Asking) -> None:
    """Who is in more groups, comes strangely, or has a factor, is asked for no less and for no older proof."""
    from hypothesis import strategies as st

    policy, mfa = ask.policy, ask.policy.mfa

    def case(action: str, groups: frozenset[str], more: frozenset[str], risky: bool, shown: frozenset[str]) -> None:  # noqa: FBT001 - drawn
        fresh = policy.sessions.fresh
        less = mfa.demand(action, groups=groups, fresh=fresh)
        most = mfa.demand(action, groups=groups | more, fresh=fresh, risky=risky)
        assert _met(less, shown, policy) or not _met(most, shown, policy), (
            f"The second time that is enough; the first time {less.needs or 'any proof'} is asked for."
        )
        if less.max_age is not None:
            age = most.max_age
            assert age is not None, "The second time proofs never age; the first time they do."
            assert age <= less.max_age, (
                f"The second time proofs age after {span(age)}; the first time after {span(less.max_age)}."
            )

    def says(action: str, groups: frozenset[str], more: frozenset[str], risky: bool, shown: frozenset[str]) -> str:  # noqa: FBT001 - drawn
        joined = f"as {member(groups)}, and then as {member(groups | more)}{' who comes strangely' if risky else ''}"
        return f"Somebody asks for {action} and shows {names(shown)}, first {joined}."

    methods = sorted({"password", *mfa.offered, *mfa.traits})
    some, sets = st.frozensets(st.sampled_from(_groups(policy))), st.frozensets(st.sampled_from(methods))
    ask.of(case, st.sampled_from(_actions(policy)), some, some, st.booleans(), sets, says=says)


# --- recovery ---------------------------------------------------------------------------------------------------------


@law("recovery-takes-a-path", Family.RECOVERY, "I19", "I29", examples=300)
def recovery_takes_a_path(ask: Asking) -> None:
    """Recovery gives something only by a path that the policy names for it, in each group, and after that path's wait."""
    from hypothesis import strategies as st

    policy = ask.policy.recovery

    def case(proofs: frozenset[Proof], gives: Capability, level: AssuranceLevel, groups: frozenset[str], abroad: bool) -> None:  # noqa: FBT001 - drawn
        facts = Facts(now=START, new_country=abroad)
        judged = policy.judge(proofs, gives=gives, level=level, groups=groups, facts=facts)
        if not isinstance(judged, Enough):
            return
        sets = [policy.groups[name] for name in sorted(policy.groups.keys() & groups)] or [policy.paths]
        for paths in sets:
            ways = [one.wait for one in paths if one.gives is gives and one.level >= level and one.proofs <= proofs]
            assert ways, "That is enough; no path of the policy says so."
            least = min(ways)
            assert judged.wait >= least, f"It waits {span(judged.wait)}; by the shortest of its paths it would {span(least)}."

    def says(proofs: frozenset[Proof], gives: Capability, level: AssuranceLevel, groups: frozenset[str], abroad: bool) -> str:  # noqa: FBT001 - drawn
        whose = f"{member(groups)}, at {level.name}"
        return f"A recovery of the {gives.value} of {whose}{', abroad,' if abroad else ''} shows {names(proofs)}."

    ask.of(case, *_recoveries(ask), st.booleans(), says=says)


@law("more-proof-never-hurts", Family.RECOVERY, "I16", examples=300)
def more_proof_never_hurts(ask: Asking) -> None:
    """Who shows more is given no less by a recovery, and waits no longer for it."""
    from hypothesis import strategies as st

    policy = ask.policy.recovery

    def case(
        proofs: frozenset[Proof], gives: Capability, level: AssuranceLevel, groups: frozenset[str], more: frozenset[Proof]
    ) -> None:
        facts = Facts(now=START)
        less = policy.judge(proofs, gives=gives, level=level, groups=groups, facts=facts)
        most = policy.judge(proofs | more, gives=gives, level=level, groups=groups, facts=facts)
        if isinstance(less, Enough):
            assert isinstance(most, Enough), "With it that is not enough; without it it is."
            assert most.wait <= less.wait, f"With it that waits {span(most.wait)}, without it {span(less.wait)}."

    def says(
        proofs: frozenset[Proof], gives: Capability, level: AssuranceLevel, groups: frozenset[str], more: frozenset[Proof]
    ) -> str:
        whose = f"{member(groups)}, at {level.name}"
        return f"A recovery of the {gives.value} of {whose} shows {names(proofs)}, and then {names(more)} as well."

    ask.of(case, *_recoveries(ask), st.frozensets(st.sampled_from(Proof)), says=says)


@law("suspicion-never-shortens-a-wait", Family.RECOVERY, "I16", examples=300)
def suspicion_never_shortens(ask: Asking) -> None:
    """What speaks against a recovery never makes it wait less."""
    from hypothesis import strategies as st

    policy = ask.policy.recovery
    ways = st.frozensets(st.sampled_from(("another country", "a new address", "a new SIM")), min_size=1)

    def case(
        proofs: frozenset[Proof], gives: Capability, level: AssuranceLevel, groups: frozenset[str], against: frozenset[str]
    ) -> None:
        facts = Facts(
            now=START,
            new_country="another country" in against,
            address_changed=START - timedelta(hours=1) if "a new address" in against else None,
            sim_changed=START - timedelta(hours=1) if "a new SIM" in against else None,
        )
        calm = policy.judge(proofs, gives=gives, level=level, groups=groups, facts=Facts(now=START))
        judged = policy.judge(proofs, gives=gives, level=level, groups=groups, facts=facts)
        if isinstance(judged, Enough):
            assert isinstance(calm, Enough), "That is enough; where nothing speaks against it, it is not."
            assert judged.wait >= calm.wait, f"It waits {span(judged.wait)}; where nothing speaks against it, {span(calm.wait)}."

    def says(
        proofs: frozenset[Proof], gives: Capability, level: AssuranceLevel, groups: frozenset[str], against: frozenset[str]
    ) -> str:
        whose = f"{member(groups)}, at {level.name}"
        return f"A recovery of the {gives.value} of {whose} shows {names(proofs)}; against it speaks {names(against)}."

    ask.of(case, *_recoveries(ask), ways, says=says)


def _recoveries(ask: Asking) -> tuple[object, ...]:
    from hypothesis import strategies as st

    policy = ask.policy.recovery
    if not policy.paths and not any(policy.groups.values()):
        raise NotAsked("The policy names no path of recovery.")
    groups = st.frozensets(st.sampled_from(_groups(ask.policy)))
    return st.frozensets(st.sampled_from(Proof)), st.sampled_from(Capability), st.sampled_from(LEVELS), groups


LAWS = (
    actions_ask_what_rules_say,
    more_never_asks_for_less,
    recovery_takes_a_path,
    more_proof_never_hurts,
    suspicion_never_shortens,
)
