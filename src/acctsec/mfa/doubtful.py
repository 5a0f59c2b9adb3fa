"""What is doubtful about a policy of second factors, in sentences that say how to mend it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from acctsec.assurance import Method
from acctsec.mfa.actions import Action
from acctsec.mfa.needs import AllOf, AnyOf, AtLeast, Needs
from acctsec.outcomes import AssuranceLevel, FactorKind

if TYPE_CHECKING:
    from acctsec.mfa.explained import Row
    from acctsec.mfa.policy import MfaPolicy

SYNCED = frozenset({Method.PASSKEY.value, Method.PASSKEY_TOUCH.value})


def warnings(policy: "MfaPolicy", rows: "Sequence[Row]") -> "Iterator[str]":
    """Nothing of it is wrong by itself; somebody should have decided it."""
    yield from _offers(policy)
    yield from _rules(policy)
    yield from _phishers(rows)


def _offers(policy: "MfaPolicy") -> Iterator[str]:
    """What people are offered at all."""
    traits = [policy.traits[one] for one in policy.offered - {Method.RECOVERY_CODE.value}]
    asks = policy.required or bool(policy.required_groups) or bool(policy.rules)
    if asks and not any(one.phishing_resistant for one in traits):
        mend = "let `passkeys` name a domain" if FactorKind.PASSKEY in policy.kinds else "add FactorKind.PASSKEY to kinds"
        yield (
            "Second factors are asked for, and none that resists phishing can be set up, as SP 800-63B-4 section 2.2.2 demands "
            f"at AAL2: {mend}."
        )


def _rules(policy: "MfaPolicy") -> Iterator[str]:
    """Rules that hold for fewer people, or for fewer requests, than it seems."""
    needing = [rule for rule in policy.rules if _needs_passkey(policy, rule.needs)]
    if policy.passkeys is None and needing:
        yield "A rule needs a passkey, and nobody can set one up before `passkeys` names a domain."
    if any(_names_aal3(rule.needs) for rule in policy.rules) and policy.offered & SYNCED:
        yield (
            "A rule needs AAL3, to which a synced passkey never amounts, and synced ones may be set up: their owners are asked "
            "for another. Let PasskeyPolicy(synced=False) say so when they set it up."
        )
    if any(rule.risky and Action.SIGN_IN in rule.actions for rule in policy.rules):
        yield (
            "A rule for strange sign-ins asks whoever has nothing that meets it to set it up there and then, as any rule does. "
            "It stops nobody before the owner has such a factor."
        )


def _phishers(rows: "Sequence[Row]") -> Iterator[str]:
    """What a look-alike page comes to, although somebody thought of it."""
    full = [row for row in rows if row.level >= AssuranceLevel.AAL2 and not row.risky]
    for row in full:
        if row.action == Action.SIGN_IN and row.group and _came(row) == "at once":
            yield (
                f"A look-alike page signs in as members of {row.group!r}, who have rules of their own: "
                f"Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN, groups={{{row.group!r}}}) stops it."
            )
    later = sorted({(row.group, row.action) for row in full if _came(row) == "later"})
    if later:
        named = ", ".join(action + (f" of {group}" if group else "") for group, action in later)
        yield (
            f"A look-alike page comes to {named} by a passkey of its own, as change-factors needs less. Let that need as much."
        )


def _came(row: "Row") -> str:
    return next(reach.value for thief, reach in row.reached if thief.value == "phisher")


def _needs_passkey(policy: "MfaPolicy", needs: Needs) -> bool:
    without = (policy.offered | {Method.PASSWORD.value}) - {one.value for one in Method if one.startswith(Method.PASSKEY)}
    return not needs.met(without, policy.traits)


def _names_aal3(needs: Needs) -> bool:
    if isinstance(needs, AtLeast):
        return needs.level >= AssuranceLevel.AAL3
    return isinstance(needs, AnyOf | AllOf) and any(map(_names_aal3, needs.parts))
