"""Policy: one frozen object of all families, with the checks that cross them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import AttrsInstance, evolve, field, fields, frozen, has

from acctsec.attacks.policy import AttackPolicy
from acctsec.checks import kind, text
from acctsec.errors import ConfigError
from acctsec.hashing import HashingPolicy
from acctsec.lockout import LockoutPolicy
from acctsec.mfa import MfaPolicy, totp
from acctsec.outcomes import FactorKind
from acctsec.password import PasswordPolicy
from acctsec.protocols import Account
from acctsec.record import MAX_SENT
from acctsec.recovery import RecoveryPath, RecoveryPolicy
from acctsec.reset import ResetPolicy
from acctsec.sessions import SessionPolicy

if TYPE_CHECKING:
    from acctsec.attacks.risk import RiskPolicy
    from acctsec.mfa.explained import Explained as ExplainedMfa
    from acctsec.recovery.explained import Explained

CODE_LUCK = 1e-4
"""The chance that guessing a code, of a reset or of an authenticator beside one, may have within a day."""


HIDDEN = "not shown"
MAX_COMPOSED = 1024
"""How many compositions a policy remembers; then it begins anew."""


class Parts(Mapping[str, PasswordPolicy]):
    """Password policies by the name of a group or a tenant: a mapping that cannot change, and can be hashed."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Mapping[str, PasswordPolicy]) -> None:
        if not isinstance(parts, Mapping) or not all(
            type(name) is str and isinstance(part, PasswordPolicy) for name, part in parts.items()
        ):
            raise ConfigError("groups or tenants is not a mapping of names to PasswordPolicy.", remedy='Give {"staff": ...}.')
        self._parts = dict(sorted(parts.items()))

    def __getitem__(self, name: str) -> PasswordPolicy:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __hash__(self) -> int:
        return hash(tuple(self._parts.items()))

    def __repr__(self) -> str:
        return repr(self._parts)


def _is_risk_policy(_: object, __: object, value: "RiskPolicy | None") -> None:
    if value is not None and (isinstance(value, type) or not callable(getattr(value, "assess", None))):
        raise ConfigError("risk is no risk policy.", remedy="Give LikelihoodRatio(), an object with a method assess, or None.")


@frozen(kw_only=True)
class Policy:
    """
    Everything that is decided about passwords, resets, recovery, factors, lockout, attacks, hashing and sessions, as one value.

    *risk* weighs every sign-in whose password was right, such as ``LikelihoodRatio()``; what it asks for comes on top of all
    that is due. Default: none, and nothing is remembered for it.

    *groups* and *tenants* name password policies that their members' passwords must satisfy as well; ``for_account``
    composes them. Default: none. ``Policy()`` is the preset ``SOCIAL_DEFAULT``. Raises ConfigError when two families
    contradict each other, saying which fields and how to mend it.
    """

    name: str = field(default="custom", validator=text())
    password: PasswordPolicy = field(factory=PasswordPolicy, validator=kind(PasswordPolicy))
    hashing: HashingPolicy = field(factory=HashingPolicy, validator=kind(HashingPolicy))
    reset: ResetPolicy = field(factory=ResetPolicy, validator=kind(ResetPolicy))
    recovery: RecoveryPolicy = field(factory=RecoveryPolicy, validator=kind(RecoveryPolicy))
    mfa: MfaPolicy = field(factory=MfaPolicy, validator=kind(MfaPolicy))
    lockout: LockoutPolicy = field(factory=LockoutPolicy, validator=kind(LockoutPolicy))
    attacks: AttackPolicy = field(factory=AttackPolicy, validator=kind(AttackPolicy))
    sessions: SessionPolicy = field(factory=SessionPolicy, validator=kind(SessionPolicy))
    risk: "RiskPolicy | None" = field(default=None, validator=_is_risk_policy)
    groups: Mapping[str, PasswordPolicy] = field(default=Parts({}), converter=Parts)
    tenants: Mapping[str, PasswordPolicy] = field(default=Parts({}), converter=Parts)
    _composed: "dict[tuple[str | None, ...], Policy]" = field(factory=dict, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.lockout.lease <= self.hashing.patience:
            message = "lockout.lease is not longer than hashing.patience: attempts that queue for a hash would count as failures."
            raise ConfigError(message, remedy="Raise lockout.lease well above hashing.patience.")
        codes = self.lockout.codes
        windows_a_day = max(timedelta(days=1) / (codes.window or timedelta(days=1)), 1.0)
        luck = codes.stop * windows_a_day * self.reset.live / 10**self.reset.code_digits  # one guess meets every code texted
        if luck > CODE_LUCK:
            message = f"reset.code_digits and lockout.codes.stop let a guesser find a code with chance {luck:.1g} a day."
            raise ConfigError(message, remedy=f"More digits or fewer tries: keep it below {CODE_LUCK:g}.")
        # Six digits, whatever new ones have: older and imported ones have no more. Whoever reads the owner's mail guesses them
        # beside a reset. A drift that was learned moves the window and makes it no wider.
        tries = codes.stop * windows_a_day / 10**totp.DIGITS
        luck = tries * (2 * self.mfa.window + 1)
        if luck > CODE_LUCK:
            message = f"lockout.codes and mfa.window let a reader of mail find an app's code with chance {luck:.1g} a day."
            raise ConfigError(message, remedy=f"Fewer tries or a longer window of theirs: keep it below {CODE_LUCK:g}.")
        luck = tries * (self.mfa.hotp.look_ahead + 1)
        if FactorKind.HOTP in self.mfa.kinds and luck > CODE_LUCK:
            message = f"lockout.codes and mfa.hotp let a reader of mail find a token's code with chance {luck:.1g} a day."
            raise ConfigError(message, remedy=f"Fewer tries or a shorter look_ahead: keep it below {CODE_LUCK:g}.")
        sent = self.mfa.delivered
        luck = codes.stop * windows_a_day * MAX_SENT / 10**sent.digits
        if FactorKind.DELIVERED in self.mfa.kinds and luck > CODE_LUCK:
            message = f"lockout.codes and mfa.delivered let a reader of mail find a sent code with chance {luck:.1g} a day."
            raise ConfigError(message, remedy=f"Fewer tries or more digits: keep it below {CODE_LUCK:g}.")
        self._check_prompts()
        if self.reset.resume_lifetime < self.sessions.ticket_lifetime / 10:
            raise ConfigError("reset.resume_lifetime is too short to type a password in.", remedy="Give it minutes.")

    def _check_prompts(self) -> None:
        """The number of a prompt is not found by luck, by who has the app and makes somebody ask for prompts."""
        if FactorKind.PUSH not in self.mfa.kinds:
            return
        push = self.mfa.push
        luck = min(push.guesses_a_day, self.lockout.month.stop) / 10**push.digits
        if luck > CODE_LUCK:
            message = f"mfa.push lets whoever has the app find a number with chance {luck:.1g} a day."
            raise ConfigError(message, remedy=f"More digits, or fewer tries and prompts: keep it below {CODE_LUCK:g}.")

    def for_account(self, account: Account | None, *, tenant: str = "") -> "Policy":
        """
        This policy as it holds for one account: its password policy joined by ``&`` with those of its groups and tenant.

        It only tightens: no composition accepts what one of its parts refuses. Names without a policy add nothing, and
        without an account only the tenant counts. What was composed before is answered again.
        """
        groups = sorted(self.groups.keys() & account.groups) if account is not None and self.groups else []
        named = tenant if tenant in self.tenants else None
        if not groups and named is None:
            return self
        key = (named, *groups)
        known = self._composed.get(key)
        if known is None:
            password = self.password
            for part in (*(self.groups[one] for one in groups), *(() if named is None else (self.tenants[named],))):
                password &= part
            known = evolve(self, password=password, groups={}, tenants={})
            if len(self._composed) >= MAX_COMPOSED:
                self._composed.clear()
            self._composed[key] = known
        return known

    def explain_recovery(self) -> "Explained":
        """What a thief of each kind can do by recovery, and by what administrators may do beside it."""
        return self.recovery.explain(passwords_by_administrators=self.reset.passwords_by_administrators)

    def explain_mfa(self, *, groups: Iterable[str] | None = None) -> "ExplainedMfa":
        """What each action asks of whom, and which thief gets through."""
        return self.mfa.explain(groups=groups, fresh=self.sessions.fresh)

    def knobs(self) -> tuple[tuple[str, str], ...]:
        """Every knob and its value as text, in the order of the families: for pages, reviews and comparisons."""
        found: list[tuple[str, str]] = []
        for attribute in fields(type(self)):
            part = getattr(self, attribute.name)
            if has(type(part)):
                found += _knobs(attribute.name, part)
            elif isinstance(part, Parts):
                for name, one in part.items():
                    found += _knobs(f"{attribute.name}.{name}", one)
            elif attribute.name == "risk" and part is not None:
                found.append((attribute.name, type(part).__qualname__))
        return tuple(found)

    @property
    def digest(self) -> str:
        """A name for what this policy holds; equal knobs have equal digests."""
        return hashlib.sha256(repr(self.knobs()).encode()).hexdigest()[:16]


def _knobs(prefix: str, part: AttrsInstance) -> list[tuple[str, str]]:
    """The fields of a part, and below those that hold rules or further parts, each by its kind and number, their fields."""
    found: list[tuple[str, str]] = []
    for one in fields(type(part)):
        value = getattr(part, one.name)
        secret = not one.repr and (prefix.startswith("hashing") or isinstance(value, str | bytes))  # the pepper of another system
        found.append((f"{prefix}.{one.name}", HIDDEN if secret else _shown(value)))
        inner = [each for each in value if has(type(each))] if isinstance(value, tuple) else []
        inner = [each for each in inner if not isinstance(each, RecoveryPath)]  # whole above, each in a few words
        for number, each in enumerate(inner, 1):
            found += _knobs(f"{prefix}.{one.name}.{number}.{type(each).__qualname__}", each)
    return found


def _shown(value: object) -> str:
    if isinstance(value, frozenset):  # in one order, whatever the process
        return "{" + ", ".join(sorted(map(str, value))) + "}"
    return getattr(value, "__qualname__", None) or str(value)
