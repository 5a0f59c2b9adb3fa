"""Which factors there are, who needs one, and what becomes of them."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import converters, field, frozen
from attrs.validators import optional

from acctsec._values import evolve
from acctsec.assurance import TRAITS, Method, Traits, level_of
from acctsec.checks import kind, length, text, whole
from acctsec.errors import ConfigError
from acctsec.mfa.actions import Action, Demand, Rule
from acctsec.mfa.delivered import OVER_THE_TELEPHONE, DeliveredPolicy
from acctsec.mfa.hotp import HotpPolicy
from acctsec.mfa.needs import SECOND_FACTOR, Needs, methods_in, needs_of, together, ways
from acctsec.mfa.otp import CLASSIC, OtpForm
from acctsec.mfa.passkeys.policy import PasskeyPolicy
from acctsec.mfa.passkeys.proving import holds
from acctsec.mfa.proving import Match, Proven, RecoveryMatch, TotpMatch, Unproven
from acctsec.mfa.push import PushPolicy
from acctsec.mfa.totp import is_fit
from acctsec.outcomes import AssuranceLevel, FactorKind, ReportReason
from acctsec.protocols import UserVerification, name_set
from acctsec.record import SKEW, Delivered, Device, Factor, Factors, Passkey, RecoverySet
from acctsec.record import Outside as OutsideFactor

if TYPE_CHECKING:
    from acctsec.mfa.explained import Explained

MAX_RULES = 32
STAND_IN = "(a remembered browser)"  # no method has such a name: it is a second factor, and has no other trait
OF_KIND: Mapping[FactorKind, frozenset[str]] = {
    FactorKind.TOTP: frozenset({Method.TOTP.value}),
    FactorKind.HOTP: frozenset({Method.HOTP.value}),
    FactorKind.PASSKEY: frozenset(
        {Method.PASSKEY.value, Method.PASSKEY_BOUND.value, Method.PASSKEY_TOUCH.value, Method.PASSKEY_TOUCH_BOUND.value}
    ),
    FactorKind.PUSH: frozenset({Method.PUSH.value}),
}
"""The methods by which a factor of each kind can be proven; those of others, and of codes that are sent, hang on the policy."""
BY_CHANNEL: Mapping[str, str] = {"text": Method.TEXT.value, "voice": Method.VOICE.value, "mail": Method.MAIL.value}
"""What a code proves that came by a channel."""

__all__ = ["MfaPolicy", "Outside", "Proven", "RecoveryMatch", "TotpMatch", "Unproven", "method_of", "methods_of"]


def _kinds(given: Iterable[FactorKind | str]) -> frozenset[FactorKind]:
    try:
        kinds = frozenset(map(FactorKind, name_set(given)))
    except ValueError:
        raise ConfigError("kinds is not a set of FactorKind.", remedy="Give {FactorKind.TOTP, FactorKind.PASSKEY}.") from None
    if FactorKind.RECOVERY_CODE in kinds:
        raise ConfigError("Recovery codes are not set up.", remedy="Leave them out: issue_recovery_codes gives them.")
    return kinds


def _rules(given: Iterable[Rule]) -> tuple[Rule, ...]:
    rules = tuple(given)
    if len(rules) > MAX_RULES or not all(isinstance(rule, Rule) for rule in rules):
        raise ConfigError(f"rules is not up to {MAX_RULES} of Rule.", remedy="Give (Rule(needs, actions=...), ...).")
    return rules


def _enums(given: "type[StrEnum] | Iterable[type[StrEnum]]") -> tuple[type[StrEnum], ...]:
    listed = (given,) if isinstance(given, type) else tuple(given)
    if not all(isinstance(one, type) and issubclass(one, StrEnum) for one in listed):
        raise ConfigError("actions is not a StrEnum, or several.", remedy="List your actions in a class of enum.StrEnum.")
    taken = set(map(str, Action))
    for one in (str(each) for enum in listed for each in enum):
        if one in taken:
            raise ConfigError(f"The action {one!r} is listed twice.", remedy="Give yours another value.")
        taken.add(one)
    return listed


@frozen(kw_only=True)
class Outside:
    """
    A kind of factor that somebody else checks: what he is called in methods and rules, and what his word is worth.

    *name* has small letters, digits and hyphens, at most 24. Raises ConfigError for the name of a method of our own.
    """

    name: str = field(validator=text(24))
    traits: Traits = field(factory=Traits, validator=kind(Traits))

    def __attrs_post_init__(self) -> None:
        if re.fullmatch(r"[a-z][a-z0-9-]*", self.name, re.ASCII) is None or self.name in set(Method):
            raise ConfigError(f"{self.name!r} cannot be the name of an outside factor.", remedy='Give one such as "duo".')


@frozen(kw_only=True)
class MfaPolicy:
    """
    Who has to prove a second factor, and how.

    Args:
        issuer: the name authenticator apps show. Colons are not allowed in it (the otpauth URI uses them). Default acctsec,
            to be replaced by the service's own.
        required_groups: groups of ``Account.groups`` that must have a factor. Default: none; everybody may have one.
        required: everybody must have a factor. Default False: one factor is AAL1 (SP 800-63B-4 section 2.1); ASVS 5.0 6.3.3
            wants two from level 2.
        kinds: which kinds of factor may be set up. Default: authenticator apps and passkeys; codes by text, voice or mail and the
            others only where they are named here (ASVS 5.0 6.6.1; SP 800-63B-4 section 3.2.9 restricts the telephone network).
        rules: what else has to be proven, by action and group; see `Rule`. Default: none.
        actions: StrEnums of the platform's own actions, beside `Action`. Default: none.
        outside: kinds of factor that somebody else checks. Default: none.
        passkeys: which passkeys are taken, and from where; see `PasskeyPolicy`. Default None: none can be set up before a service
            names its domain.
        grace: who has to have a factor and has none may sign in without it for so long, from the first sign-in that finds it out;
            it is set once. Default None: at once. Entra ID gives 14 days.
        delivered: how codes are sent, where ``FactorKind.DELIVERED`` is among *kinds*; see `DeliveredPolicy`. Default: texts of 6
            digits for 10 min, at most 6 in 4 h (SP 800-63B-4 section 3.1.3.2).
        push: how an app is prompted, where ``FactorKind.PUSH`` is among *kinds*; see `PushPolicy`. Default: one prompt at a time,
            at most 5 an hour, each with a number of 6 digits to type within 2 min.
        remember: how long a browser on which a factor was proven, and its owner said so, is let in by the password alone. Such a
            session is of AAL1, and whatever asks for fresh proof asks for the factor. Default None: nowhere (SP 800-63B-4 section
            5.1: a browser is no authenticator). Up to 30 days; peers give 14 (Entra ID, by default 90) to 30.
        not_remembered: groups whose members are asked for the factor at every sign-in. Default None: those that
            ``required_groups`` and ``rules`` name.
        totp: the form of the codes of authenticator apps that are set up from now on; those that are there keep theirs. Default:
            SHA-1, 6 digits, 30 s, the one form every app speaks (RFC 6238). A period is 15, 30, 45 or 60 s.
        window: TOTP steps accepted on either side of now. Default 1 (RFC 6238 section 5.2), 0 for the strict
            reading of ASVS 6.5.5.
        drift: how many steps the clock of an authenticator may be known to be off. It is learned a step at a time from the codes
            that are accepted, and the window lies around it; with a window of 0 there is nothing to learn from. Default 2
            (RFC 6238 section 6 bounds it, with two steps as its example): a token that loses a second a day is a step off within
            a month. 0 for phones alone, whose clocks are set for them. Up to 10.
        hotp: how tokens with a button are answered; see `HotpPolicy`. Default: four presses for nothing, as it says there.
        recovery_codes: how many are issued at once. Default 10 (peers: 5 to 12).
    """

    issuer: str = field(default="acctsec", validator=text())
    required: bool = field(default=False, validator=kind(bool))
    required_groups: frozenset[str] = field(default=frozenset(), converter=name_set)
    kinds: frozenset[FactorKind] = field(default=frozenset({FactorKind.TOTP, FactorKind.PASSKEY}), converter=_kinds)
    rules: tuple[Rule, ...] = field(default=(), converter=_rules)
    actions: tuple[type[StrEnum], ...] = field(default=(), converter=_enums)
    outside: tuple[Outside, ...] = field(default=(), converter=tuple)
    passkeys: PasskeyPolicy | None = field(default=None, validator=optional(kind(PasskeyPolicy)))
    grace: timedelta | None = field(default=None, validator=optional(length(timedelta(hours=1), timedelta(days=90))))
    totp: OtpForm = field(default=CLASSIC, validator=kind(OtpForm))
    delivered: DeliveredPolicy = field(factory=DeliveredPolicy, validator=kind(DeliveredPolicy))
    push: PushPolicy = field(factory=PushPolicy, validator=kind(PushPolicy))
    remember: timedelta | None = field(default=None, validator=optional(length(timedelta(hours=1), timedelta(days=30))))
    not_remembered: frozenset[str] | None = field(default=None, converter=converters.optional(name_set))
    window: int = field(default=1, validator=whole(0, 1))
    drift: int = field(default=2, validator=whole(0, 10))
    hotp: HotpPolicy = field(factory=HotpPolicy, validator=kind(HotpPolicy))
    recovery_codes: int = field(default=10, validator=whole(4, 16))

    def __attrs_post_init__(self) -> None:
        if ":" in self.issuer:
            raise ConfigError("The issuer has a colon in it.", remedy="Leave it out; otpauth URIs use it as a separator.")
        if not is_fit(self.totp):
            raise ConfigError(f"The period of totp is {self.totp.period}.", remedy="Give 15, 30, 45 or 60 seconds.")
        self._check_outside()
        if FactorKind.DELIVERED in self.kinds and OVER_THE_TELEPHONE & {*self.delivered.channels} and not self._unrestricted():
            message = "Codes over the telephone network are the only factor that can be set up."
            raise ConfigError(message, remedy="Add FactorKind.TOTP or PASSKEY to kinds (SP 800-63B-4 section 3.2.9).")
        known = {*TRAITS, *(one.name for one in self.outside)}
        for rule in self.rules:
            unknown = sorted(methods_in(rule.needs) - known)
            if unknown:
                raise ConfigError(
                    f"A rule needs {unknown[0]!r}, which nobody checks.", remedy="Give a Method, or name it in `outside`."
                )
            unlisted = sorted(rule.actions - self.known_actions)
            if unlisted:
                raise ConfigError(
                    f"A rule is about the action {unlisted[0]!r}.", remedy="List it in a StrEnum, and that in `actions`."
                )
        self._check_rules_can_be_met()

    def _check_rules_can_be_met(self) -> None:
        """All rules that hold together, for everybody and for each group: what nobody can ever show locks everybody out."""
        can, judged = self._named | {Method.PASSWORD.value}, set[object]()
        if (self.required or self.required_groups) and not ways(SECOND_FACTOR, have=(), can=can, traits=self.traits):
            raise ConfigError("A factor is required, and none can be set up.", remedy="Name a kind of factor in `kinds`.")
        for rule in self.rules:
            for action in rule.actions:
                for group in rule.groups or {""}:
                    needs = self.demand(action, groups=frozenset({group}), fresh=timedelta(0), risky=True, guarded=True).needs
                    if needs is not None and needs not in judged and not ways(needs, have=(), can=can, traits=self.traits):
                        who = f" by members of {group!r}" if group else ""
                        message = (
                            f"{action!r} needs {needs}{who}, which no three methods that `kinds` gives, or a password, amount to."
                        )
                        raise ConfigError(message, remedy="Name a kind that can prove it in `kinds`, or ask for less.")
                    judged.add(needs)

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that have anything of their own; first, as "", everybody else."""
        return ("", *sorted(self.required_groups.union(*(rule.groups for rule in self.rules))))

    def explain(self, *, groups: Iterable[str] | None = None, fresh: timedelta = timedelta(minutes=15)) -> "Explained":
        """
        What each action asks of whom, who can show it, and which thief gets through, as a table and with what is doubtful.

        *groups*: whose rows are told; "" is everybody without one. Default: that, and all that the rules name. *fresh* is
        ``SessionPolicy.fresh``, which ``Policy.explain_mfa`` looks up. ``print`` it.
        """
        from acctsec.mfa.explained import explain

        return explain(self, groups=self.groups if groups is None else tuple(groups), fresh=fresh)

    def _check_outside(self) -> None:
        if not all(isinstance(one, Outside) for one in self.outside):
            raise ConfigError("outside holds something that is no Outside.", remedy='Give (Outside(name="duo"),).')
        if len({one.name for one in self.outside}) < len(self.outside):
            raise ConfigError("Two outside factors have one name.", remedy="Give each its own.")
        if (FactorKind.OUTSIDE in self.kinds) > bool(self.outside):
            raise ConfigError("kinds has FactorKind.OUTSIDE, and outside names nobody.", remedy='Give (Outside(name="duo"),).')

    def _unrestricted(self) -> bool:
        """Whether something else can be set up that gives AAL2 and is not restricted."""
        others = any(one.traits.possession and not one.traits.restricted for one in self.outside)
        return bool(self.kinds - {FactorKind.DELIVERED} - (frozenset() if others else {FactorKind.OUTSIDE}))

    @property
    def known_actions(self) -> frozenset[str]:
        """Every action that can be asked about: our own, and those of the platform."""
        return frozenset({*map(str, Action), *(str(one) for listed in self.actions for one in listed)})

    @property
    def traits(self) -> Mapping[str, Traits]:
        """What every method is good for, those of others included."""
        return {**TRAITS, **{one.name: one.traits for one in self.outside}} if self.outside else TRAITS

    @property
    def possessions(self) -> frozenset[str]:
        """The outside factors that prove something the subject has: what a recovery takes for a second factor."""
        return frozenset(one.name for one in self.outside if one.traits.possession)

    @property
    def offered(self) -> frozenset[str]:
        """The methods by which factors can be proven that may be set up now, printed codes among them."""
        return self._named if self.passkeys is not None else _with_codes(self._named - OF_KIND[FactorKind.PASSKEY])

    @property
    def _named(self) -> frozenset[str]:
        """The same, with passkeys also before a service names its domain: a preset cannot."""
        found = {method for kind in self.kinds for method in OF_KIND.get(kind, ())} | {one.name for one in self.outside}
        if FactorKind.DELIVERED in self.kinds:
            found |= {BY_CHANNEL[str(channel)] for channel in self.delivered.channels}
        if self.passkeys is not None and not self.passkeys.synced:
            found -= {Method.PASSKEY.value, Method.PASSKEY_TOUCH.value}
        if self.passkeys is not None and self.passkeys.user_verification is UserVerification.REQUIRED:
            found -= {Method.PASSKEY_TOUCH.value, Method.PASSKEY_TOUCH_BOUND.value}
        return _with_codes(frozenset(found))

    def demand(
        self, action: str, *, groups: frozenset[str], fresh: timedelta, risky: bool = False, guarded: bool = False
    ) -> Demand:
        """
        What an *action* asks of members of *groups*. Where no rule says how old a proof may be, *fresh* does. *guarded*: the
        subject has a second factor, which no rule and no lack of one spares it.
        """
        rules = [rule for rule in self.rules if rule.holds(action, groups, risky=risky)]
        required = action == Action.SIGN_IN and (self.required or not self.required_groups.isdisjoint(groups))
        # What was lost cannot be shown: to report it takes the password.
        guard = needs_of(Method.PASSWORD) if action == Action.REPORT_FACTOR else SECOND_FACTOR
        needs = ([guard] if guarded or required else []) + [rule.needs for rule in rules]
        ages = [rule.max_age for rule in rules if rule.max_age is not None]
        max_age = None if action == Action.SIGN_IN else min(ages, default=fresh)
        return Demand(needs=together(needs), max_age=max_age)

    def requires(self, groups: frozenset[str]) -> bool:
        """
        Whether members of *groups* cannot sign in by a password alone; decided at every grant, from what is true then.
        """
        needs = self.demand(Action.SIGN_IN, groups=groups, fresh=timedelta(0)).needs
        return needs is not None and not needs.met({Method.PASSWORD.value}, self.traits)

    def remembers(self, groups: frozenset[str]) -> bool:
        """Whether members of *groups* may have a browser remembered."""
        if self.remember is None:
            return False
        named = self.required_groups.union(*(rule.groups for rule in self.rules))
        return groups.isdisjoint(named if self.not_remembered is None else self.not_remembered)

    def is_remembered(self, device: Device, *, groups: frozenset[str], now: datetime) -> bool:
        """
        Whether a browser is remembered now: within its time, and within what the policy of today gives. What was given further
        in the future was given by a broken clock.
        """
        if self.remember is None or device.remembered is None or not self.remembers(groups):
            return False
        return now < device.remembered <= now + self.remember + SKEW

    def lets_in(self, needs: Needs | None) -> bool:
        """
        Whether a password on a remembered browser is enough for what a sign-in *needs*: it stands in for a second factor, and
        for nothing that is asked of one.
        """
        return needs is None or needs.met({Method.PASSWORD.value, STAND_IN}, self.traits)

    def checks(self, factor: Factor) -> bool:
        """Whether anybody checks a factor that is there; ``kinds`` says only what may be set up from now on."""
        if isinstance(factor, Passkey):
            return self.passkeys is not None
        if isinstance(factor, Delivered):
            return factor.channel in {str(channel) for channel in self.delivered.channels}
        return not isinstance(factor, OutsideFactor) or any(one.name == factor.method for one in self.outside)

    def checked(self, factors: Factors) -> tuple[Factor, ...]:
        """Those of the factors that can prove something here: not reported, and somebody checks them."""
        return tuple(one for one in factors.usable if self.checks(one))

    def provable(self, factors: Factors) -> frozenset[str]:
        """The methods by which these factors can be proven, a printed code among them."""
        found = {method_of(one) for one in self.checked(factors)}
        if factors.live and factors.recovery and factors.recovery.left:
            found.add(Method.RECOVERY_CODE.value)
        return frozenset(found)

    def level(self, methods: Iterable[str]) -> AssuranceLevel:
        """What methods amount to together."""
        return level_of(methods, self.traits)

    def add(self, factors: Factors, new: Factor, *, replaces: str = "") -> Factors | None:
        """
        Add a confirmed factor, in place of the one that it *replaces* where it names one; None where there is no room for it,
        or no such factor.
        """
        if replaces:
            left = factors.without_factor(replaces)
            if factors.factor(replaces) is None:
                return None
            factors = evolve(left, recovery=factors.recovery)
        if factors.factor(new.id) is not None or not factors.has_room_for(new):
            return None
        if isinstance(new, Passkey) and holds(factors, new):
            return None
        return factors.with_factor(new)

    def remove(self, factors: Factors, factor_id: str, *, groups: frozenset[str]) -> Factors | None:
        """
        Remove a factor, or None when there is no such one or the policy needs it: what is left has to be enough to sign in.
        Where it was not enough before, any may go but the last; and never the last one that proves something before one that
        was lost, or is checked no more, and guards still.

        With the last one the recovery codes go too: they stand in for a factor.
        """
        if factors.factor(factor_id) is None:
            return None
        left = factors.without_factor(factor_id)
        if left.live and self.checked(factors) and not self.checked(left):
            return None
        return left if self.suffices(left, groups=groups) or (not self.suffices(factors, groups=groups) and left.live) else None

    def report(self, factors: Factors, factor_id: str, why: ReportReason) -> Factors | None:
        """
        Let a factor prove nothing from now on, and guard still; what was sent or pushed to it is void. None where there is no
        such one, or it was compromised already: that is not taken back.
        """
        found = factors.factor(factor_id)
        if found is None or (found.reported == ReportReason.COMPROMISED and why != ReportReason.COMPROMISED):
            return None
        prompt = None if factors.prompt and factors.prompt.factor == factor_id else factors.prompt
        sent = tuple(one for one in factors.sent if one.factor != factor_id)
        return evolve(factors, prompt=prompt, sent=sent).with_factor(evolve(found, reported=why.value))

    def restore(self, factors: Factors, factor_id: str) -> Factors | None:
        """Let a factor that was lost, and is found, prove again; None where there is no such one."""
        found = factors.factor(factor_id)
        if found is None or found.reported != ReportReason.LOST:
            return None
        return factors.with_factor(evolve(found, reported=""))

    def suffices(self, factors: Factors, *, groups: frozenset[str]) -> bool:
        """Whether a password and these factors are enough for members of *groups* to sign in; printed codes do not count."""
        needs = self.demand(Action.SIGN_IN, groups=groups, fresh=timedelta(0)).needs
        can = {Method.PASSWORD.value, *(method_of(one) for one in self.checked(factors))}
        return needs is None or needs.met(can, self.traits)

    def rename(self, factors: Factors, factor_id: str, name: str) -> Factors | None:
        """Give a factor another name, or None when there is no such one or no room for a name so long."""
        found = factors.factor(factor_id)
        named = found and evolve(found, name=name)
        return factors.with_factor(named) if named and factors.has_room_for(named) else None

    def issue(self, factors: Factors, *, sealed: bytes, total: int, now: datetime) -> Factors:
        """Replace the recovery codes; every older one is void."""
        generation = factors.generation + 1
        codes = RecoverySet(generation=generation, sealed=sealed, total=total, since=now)
        return evolve(factors, generation=generation, recovery=codes)

    def prove(self, factors: Factors, match: Match | None) -> Proven | Unproven:
        """Accept a match once."""
        return Unproven() if match is None else match.use(factors)


def methods_of(factor: Factor) -> frozenset[str]:
    """The methods by which a factor may have been proven at some time: of a passkey, those of any passkey."""
    if not isinstance(factor, Passkey):
        return frozenset({method_of(factor)})
    return frozenset({Method.PASSKEY, Method.PASSKEY_BOUND, Method.PASSKEY_TOUCH, Method.PASSKEY_TOUCH_BOUND})


def _with_codes(methods: frozenset[str]) -> frozenset[str]:
    """Printed codes stand in for a factor: where there is none, there are none."""
    codes = frozenset({Method.RECOVERY_CODE.value})
    return methods | codes if methods - codes else frozenset()


def method_of(factor: Factor) -> str:
    """The method by which a factor is proven."""
    if isinstance(factor, Passkey):
        kind = Method.PASSKEY if factor.verified else Method.PASSKEY_TOUCH
        return kind.value if factor.syncable else f"{kind.value}-bound"
    if isinstance(factor, Delivered):
        return BY_CHANNEL[factor.channel]
    return factor.method if isinstance(factor, OutsideFactor) else factor.KIND.value
