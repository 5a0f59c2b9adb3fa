"""
Strategies for policies: valid ones only, a third of their knobs turned, each by little or to its bounds.

All of them shrink towards the default, knob by knob: what is left of a counterexample is what breaks it. Passwords are hashed as
cheaply as can be, by floors that no preset has.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from attrs import evolve
from hypothesis import strategies as st

from acctsec.budgets import Budget, Rungs
from acctsec.errors import ConfigError
from acctsec.hashing import HashingPolicy
from acctsec.lockout import LockoutPolicy, Outage, Repeats
from acctsec.mfa import SECOND_FACTOR, Action, MfaPolicy, Rule
from acctsec.outcomes import FactorKind
from acctsec.password import Age, AtSignIn, Blocklist, Breached, ContextWords, Length, MinimumStrength, PasswordPolicy
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST
from acctsec.recovery import Capability, Delays, Proof, RecoveryPath, RecoveryPolicy
from acctsec.recovery.policy import CONSUMER_PATHS
from acctsec.reset import ResetPolicy
from acctsec.sessions import Binding, Lifetime, SessionPolicy

T = TypeVar("T")
Knobs = Mapping[str, st.SearchStrategy[Any]]
_AS_IT_IS = object()

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LENGTHS = (SECOND, 30 * SECOND, MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 12 * HOUR, DAY, 30 * DAY)
"""What policies are made of."""


def lengths(least: timedelta, most: timedelta) -> st.SearchStrategy[timedelta]:
    """Lengths of time from *least* to *most*: the usual ones, and both bounds."""
    return st.sampled_from(sorted({least, most, *(one for one in LENGTHS if least <= one <= most)}))


def _turned(made_by: Callable[..., T], knobs: Knobs) -> st.SearchStrategy[T]:
    """What *made_by* makes of some knobs, the others left alone; what they contradict each other in is left out."""

    def made(given: Mapping[str, Any]) -> T | None:
        try:
            return made_by(**{name: value for name, value in given.items() if value is not _AS_IT_IS})
        except ConfigError:
            return None

    alone = st.just(_AS_IT_IS)
    turned = st.fixed_dictionaries({name: alone | alone | values for name, values in knobs.items()}).map(made)
    return turned.filter(lambda one: one is not None)  # type: ignore[return-value]


# --- ladders ----------------------------------------------------------------------------------------------------------


def budgets(*, least: timedelta = SECOND, most: timedelta = 30 * DAY) -> st.SearchStrategy[Budget]:
    """Budgets of a few in any window from *least* to *most*."""
    return st.builds(Budget, limit=st.sampled_from((1, 2, 3, 10, 100)), window=lengths(least, most))


@st.composite
def rungs(draw: st.DrawFn, *, stop: int = 100, window: bool = False) -> Rungs:
    """Ladders that stop at *stop* at the latest, and forget after a window where they need one."""
    last = draw(st.integers(1, stop))
    first = draw(lengths(SECOND, HOUR))
    longest = draw(lengths(first, HOUR))
    forgets = draw(lengths(DAY, 30 * DAY)) if window else None
    return Rungs(free=draw(st.integers(1, last)), first=first, longest=longest, stop=last, window=forgets)


# --- families ---------------------------------------------------------------------------------------------------------


def hashing_policies() -> st.SearchStrategy[HashingPolicy]:
    """Hashing that costs next to nothing, as in CHEAPEST."""
    knobs = {
        "memory_kib": st.sampled_from((16, 64)),
        "time_cost": st.just(2),
        "salt_bytes": st.sampled_from((8, 32)),
        "tag_bytes": st.sampled_from((16, 24)),
        "permits": st.sampled_from((1, 4)),
        "patience": lengths(SECOND, 10 * SECOND),
    }
    return _turned(lambda **given: evolve(CHEAPEST.hashing, **given), knobs)


def password_policies() -> st.SearchStrategy[PasswordPolicy]:
    """Rules that leave people something to choose, and everything that may be asked of an age or a history."""
    longest = st.sampled_from((64, 256))
    length = st.builds(Length, minimum=st.integers(8, 20), minimum_with_mfa=st.just(8), maximum=longest)
    others = st.lists(
        st.sampled_from((ContextWords(), Blocklist(), Blocklist(variants=True), MinimumStrength(), Breached())),
        unique_by=type,
        max_size=4,
    )
    knobs = {
        "rules": st.builds(lambda first, rest: (first, *rest), length, others),
        "words": st.just(("otter", "pond")),
        "max_bytes": st.sampled_from((1_024, 4_096)),
        "history": st.sampled_from((1, 5, 24)),
        "at_sign_in": st.sampled_from(AtSignIn),
        "max_age": st.sampled_from((30 * DAY, 90 * DAY)),
        "on_age": st.sampled_from((Age.PROMPT, Age.FORCE)),
        "min_age": st.sampled_from((MINUTE, DAY)),
        "grace": st.none() | st.sampled_from((timedelta(0), DAY)),
    }
    return _turned(PasswordPolicy, knobs)


def lockout_policies() -> st.SearchStrategy[LockoutPolicy]:
    """Ladders whose stops stay within the hundred of SP 800-63B-4 together."""
    knobs = {
        "strangers": rungs(stop=50),
        "device": rungs(stop=10),
        "month": rungs(stop=1_000, window=True),
        "pair": rungs(stop=1_000, window=True),
        "source": rungs(stop=1_000, window=True),
        "codes": rungs(stop=10, window=True),
        "tightened": st.sampled_from((1, 2, 100)),
        "unlocks": st.builds(Budget, limit=st.integers(1, 5), window=lengths(DAY, 30 * DAY)),
        "notices": budgets(least=MINUTE),
        "repeats": st.sampled_from(Repeats),
        "remember": lengths(DAY, 30 * DAY),
        "on_outage": st.sampled_from(Outage),
        "lease": lengths(20 * SECOND, 10 * MINUTE),
        "patience": st.sampled_from((timedelta(0), SECOND)),
    }
    return _turned(LockoutPolicy, knobs)


def reset_policies() -> st.SearchStrategy[ResetPolicy]:
    """Links, codes and texts whose budgets end before they do."""
    knobs = {
        "link_lifetime": lengths(30 * MINUTE, DAY),
        "code_lifetime": lengths(MINUTE, 30 * MINUTE),
        "text_lifetime": st.just(9 * MINUTE),
        "code_digits": st.integers(6, 10),
        "live": st.integers(1, 3),
        "per_source": budgets(),
        "per_subject": budgets(least=MINUTE, most=25 * MINUTE),
        "per_number": budgets(least=MINUTE, most=8 * MINUTE),
        "initial_lifetime": lengths(MINUTE, DAY),
        "passwords_by_administrators": st.booleans(),
        "resume_lifetime": lengths(6 * MINUTE, 30 * MINUTE),
    }
    return _turned(ResetPolicy, knobs)


def recovery_policies() -> st.SearchStrategy[RecoveryPolicy]:
    """Some of the paths that consumers have and a slow one, for some groups none, and waits of every length."""
    slow = RecoveryPath({Proof.MAIL, Proof.DEVICE}, gives=Capability.PASSWORD, wait=DAY)
    paths = st.lists(st.sampled_from((*CONSUMER_PATHS, slow)), unique=True, max_size=5).map(tuple)
    waits = st.sampled_from((timedelta(0), HOUR, DAY, 7 * DAY))
    delays = _turned(Delays, dict.fromkeys(("new_device", "new_country", "address_changed", "sim_changed"), waits))
    knobs = {
        "paths": paths,
        "groups": st.builds(lambda some: {"staff": some}, paths),
        "delays": delays,
        "contacts_needed": st.integers(2, 4),
        "contacts_settle": waits,
        "told": st.sampled_from((7 * DAY, 90 * DAY)),
        "veto_window": lengths(HOUR, 30 * DAY),
        "claim": lengths(HOUR, 30 * DAY),
        "keep_devices": st.booleans(),
    }
    return _turned(RecoveryPolicy, knobs)


def mfa_policies() -> st.SearchStrategy[MfaPolicy]:
    """Authenticator apps always, other kinds at times, and rules that an app can meet."""
    kinds = st.sets(st.sampled_from((FactorKind.PASSKEY, FactorKind.HOTP, FactorKind.PUSH, FactorKind.DELIVERED)), max_size=3)
    rule = st.builds(
        lambda actions, groups, age: Rule(SECOND_FACTOR, actions=actions, groups=groups, max_age=age),
        st.sets(st.sampled_from(Action), min_size=1, max_size=3),
        st.sampled_from((frozenset(), frozenset({"staff"}))),
        st.none() | lengths(MINUTE, HOUR),
    )
    knobs = {
        "issuer": st.just("Otterly"),
        "required": st.booleans(),
        "required_groups": st.just(frozenset({"staff"})),
        "kinds": kinds.map(lambda some: frozenset({FactorKind.TOTP, *some})),
        "rules": st.lists(rule, max_size=3).map(tuple),
        "grace": lengths(HOUR, 30 * DAY),
        "remember": lengths(HOUR, 30 * DAY),
        "window": st.just(0),
        "drift": st.sampled_from((0, 10)),
        "recovery_codes": st.integers(4, 16),
    }
    return _turned(MfaPolicy, knobs)


@st.composite
def lifetimes(draw: st.DrawFn) -> Lifetime:
    """How long a session of one level lasts."""
    idle = draw(lengths(MINUTE, DAY))
    return Lifetime(absolute=draw(lengths(idle, 30 * DAY)), idle=idle)


def session_policies() -> st.SearchStrategy[SessionPolicy]:
    """Sessions of minutes and of months."""
    knobs = {
        "absolute": lengths(14 * DAY, 30 * DAY),
        "idle": lengths(HOUR, 14 * DAY),
        "aal2": lifetimes(),
        "aal3": lifetimes(),
        "fresh": lengths(MINUTE, HOUR),
        "ticket_lifetime": lengths(MINUTE, HOUR),
        "limit": st.sampled_from((1, 2, 31)),
        "rotate": lengths(MINUTE, 30 * DAY),
        "grace": st.sampled_from((timedelta(0), 5 * MINUTE)),
        "staleness": st.sampled_from((SECOND, MINUTE)),
        "binding": st.just(Binding.IF_GIVEN),
    }
    return _turned(SessionPolicy, knobs)


# --- the whole --------------------------------------------------------------------------------------------------------


def policies() -> st.SearchStrategy[Policy]:
    """Whole policies; the simplest is CHEAPEST, which is SOCIAL_DEFAULT with hashes that cost nothing."""
    strict = PasswordPolicy(rules=(Length(minimum=20),))
    knobs = {
        "password": password_policies(),
        "hashing": hashing_policies(),
        "reset": reset_policies(),
        "recovery": recovery_policies(),
        "mfa": mfa_policies(),
        "lockout": lockout_policies(),
        "sessions": session_policies(),
        "groups": st.just({"staff": strict}),
        "tenants": st.just({"bank": strict}),
    }
    return _turned(lambda **given: evolve(CHEAPEST, **given), knobs)
