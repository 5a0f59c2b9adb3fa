"""
Needs: what has to be proven, as a small expression of methods and of what they are good for.

``any_of(Method.PASSKEY, all_of(Method.PASSWORD, Method.TOTP))`` reads as it says; ``&`` and ``|`` join needs as well.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import Union

from attrs import field, frozen

from acctsec.assurance import AS_GOOD, NOTHING, TRAITS, Method, Traits, is_complete, level_of
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel

MAX_PARTS = 16
"""In one expression. What nobody reads nobody has decided."""


class _Joined:
    """What every need can do: be joined with another."""

    __slots__ = ()

    def __and__(self, other: "Needs | Method | str") -> "Needs":
        return all_of(self, other)  # type: ignore[arg-type]

    def __or__(self, other: "Needs | Method | str") -> "Needs":
        return any_of(self, other)  # type: ignore[arg-type]


@frozen
class Shown(_Joined):
    """One *method*, or one that is as good: a passkey whose key cannot leave its device is a passkey."""

    method: str

    def met(self, methods: Collection[str], traits: Mapping[str, Traits] = TRAITS) -> bool:  # noqa: ARG002 - as of every need
        """Whether these methods are enough."""
        return self.method in methods or not AS_GOOD.get(self.method, frozenset()).isdisjoint(methods)

    def __str__(self) -> str:
        return self.method


@frozen
class AtLeast(_Joined):
    """Methods that amount to a *level* together."""

    level: AssuranceLevel = field(converter=AssuranceLevel)

    def met(self, methods: Collection[str], traits: Mapping[str, Traits] = TRAITS) -> bool:
        """Whether these methods are enough."""
        return bool(methods) and level_of(methods, traits) >= self.level

    def __str__(self) -> str:
        return self.level.name


@frozen
class Quality(_Joined):
    """A second factor, or one method that is good for something."""

    quality: str

    def met(self, methods: Collection[str], traits: Mapping[str, Traits] = TRAITS) -> bool:
        """Whether these methods are enough."""
        if self.quality == "second factor":
            return is_complete(methods, traits)
        attribute = self.quality.replace("-", "_").removeprefix("user_").removeprefix("device_")
        return any(getattr(traits.get(one, NOTHING), attribute) for one in methods)

    def __str__(self) -> str:
        return self.quality


def _parts(given: tuple["Needs", ...]) -> tuple["Needs", ...]:
    if not given or len(given) > MAX_PARTS:
        raise ConfigError(f"any_of or all_of has {len(given)} parts.", remedy=f"Give 1 to {MAX_PARTS} methods or needs.")
    return given


@frozen
class AnyOf(_Joined):
    """Any one of its *parts*."""

    parts: tuple["Needs", ...] = field(converter=_parts)

    def met(self, methods: Collection[str], traits: Mapping[str, Traits] = TRAITS) -> bool:
        """Whether these methods are enough."""
        return any(part.met(methods, traits) for part in self.parts)

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, AllOf) else str(part) for part in self.parts)


@frozen
class AllOf(_Joined):
    """Every one of its *parts*."""

    parts: tuple["Needs", ...] = field(converter=_parts)

    def met(self, methods: Collection[str], traits: Mapping[str, Traits] = TRAITS) -> bool:
        """Whether these methods are enough."""
        return all(part.met(methods, traits) for part in self.parts)

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


Needs = Union[Shown, AtLeast, Quality, AnyOf, AllOf]  # noqa: UP007 - the classes name it before it is there

SECOND_FACTOR: Needs = Quality("second factor")
"""A second factor beside a password, or one that verifies its owner by itself."""
PHISHING_RESISTANT: Needs = Quality("phishing-resistant")
"""A proof that is of no use at another site: a passkey."""
USER_VERIFIED: Needs = Quality("user-verified")
"""An authenticator that verified its owner by PIN or finger."""
DEVICE_BOUND: Needs = Quality("device-bound")
"""A key that cannot leave its device."""


def needs_of(given: object) -> Needs:
    """A need, or a method as one. Raises ConfigError for anything else."""
    if isinstance(given, Shown | AtLeast | Quality | AnyOf | AllOf):
        return given
    if isinstance(given, AssuranceLevel):
        return AtLeast(given)
    if isinstance(given, str) and given and given.isascii():
        return Shown(str(given))
    raise ConfigError(
        f"{given!r} is nothing that can be proven.", remedy="Give a Method, an AssuranceLevel, or any_of, all_of of such."
    )


def any_of(*parts: "Needs | Method | AssuranceLevel | str") -> Needs:
    """Any one of these has to be proven. Raises ConfigError for none, or for what nobody can prove."""
    return AnyOf(tuple(map(needs_of, parts)))


def all_of(*parts: "Needs | Method | AssuranceLevel | str") -> Needs:
    """All of these have to be proven. Raises ConfigError for none, or for what nobody can prove."""
    return AllOf(tuple(map(needs_of, parts)))


def together(needs: Iterable[Needs]) -> Needs | None:
    """All of these have to be proven, each named once, however many there are; None for none."""
    parts = tuple(dict.fromkeys(needs))
    while len(parts) > 1:
        parts = tuple(AllOf(parts[at : at + MAX_PARTS]) for at in range(0, len(parts), MAX_PARTS))
    return next(iter(parts), None)


def level_in(needs: Needs) -> AssuranceLevel | None:
    """The level without which an expression is never met, where it names one, or None: what RFC 9470 can say of it."""
    if isinstance(needs, AtLeast):
        return needs.level
    parts = needs.parts if isinstance(needs, AnyOf | AllOf) else ()
    named = [level for level in map(level_in, parts) if level is not None]
    if isinstance(needs, AnyOf):
        return min(named) if len(named) == len(parts) else None
    return max(named, default=None)


def methods_in(needs: Needs) -> frozenset[str]:
    """The methods that an expression names."""
    if isinstance(needs, Shown):
        return frozenset({needs.method})
    return frozenset().union(*map(methods_in, needs.parts)) if isinstance(needs, AnyOf | AllOf) else frozenset()


def ways(
    needs: Needs, *, have: Collection[str], can: Collection[str], traits: Mapping[str, Traits] = TRAITS
) -> tuple[frozenset[str], ...]:
    """
    The smallest sets of what *can* be proven that are enough beside what one *has* proven, the shorter first; none where nothing
    is. One empty set says that nothing is missing.
    """
    left = sorted(set(can) - set(have))
    found: list[frozenset[str]] = []
    for size in range(min(len(left), 3) + 1):
        for chosen in map(frozenset, combinations(left, size)):
            if not any(smaller <= chosen for smaller in found) and needs.met({*have, *chosen}, traits):
                found.append(chosen)
    return tuple(found)
