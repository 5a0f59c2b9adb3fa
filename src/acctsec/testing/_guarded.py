"""
Contracts as pytest classes: whoever subclasses one is asked all of it, or says out loud what he leaves out and why.

A test of a contract that a subclass or a mix-in replaces, hides or sets to None would pass for one that held. So a contract
remembers its tests: a class that changes one is refused when it is made, again when pytest collects it, and a test that is
skipped, however that came about, fails. What cannot hold yet is said by ``xfail``, with its reason, and only as long as it fails.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from inspect import getattr_static
from types import MappingProxyType
from typing import Any, ClassVar

from acctsec.errors import ConfigError

MECHANISM = ("__init__", "__new__", "__getattr__", "__getattribute__")
"""By these a class would not be collected, or would answer with other tests than it has."""


class _OfSubclasses:
    """What pytest asks a class for before it collects it: a contract itself says no, and whatever is made of it yes."""

    def __get__(self, _: object, owner: type) -> bool:
        return "_protected" not in vars(owner)


class Guarded:
    """
    The base of a contract: ``class OurContract(Guarded, tests=[...], yours=["make_thing"])``.

    *tests* are functions of an instance, named as pytest shall show them, each with what must hold as its docstring; tests in
    the body of the class count as well. *yours* are the names that a subclass gives; it may add more, and change no others.
    A subclass is collected whatever its name. One that others are made of says ``__test__ = False`` itself.
    """

    __test__: ClassVar[Any] = _OfSubclasses()
    _protected: ClassVar[Mapping[str, object]] = MappingProxyType({})

    def __init_subclass__(
        cls, *, tests: Iterable[Callable[[Any], None]] | None = None, yours: Collection[str] = (), **rest: Any
    ) -> None:
        super().__init_subclass__(**rest)
        if tests is not None:
            cls._begin(tests, yours)
            return
        if "__test__" not in vars(cls):
            cls.__test__ = True
        for sentence in changed(cls):
            raise ConfigError(sentence, remedy=REMEDY)

    @classmethod
    def _begin(cls, tests: Iterable[Callable[[Any], None]], yours: Collection[str]) -> None:
        for test in tests:
            setattr(cls, test.__name__, test)
        names = {name for base in cls.__mro__[:-1] for name in vars(base) if name[:2] != "__"} - {*yours, "_protected"}
        kept = {name: getattr_static(cls, name) for name in sorted(names)}
        for name, test in kept.items():
            if name.startswith("test_"):
                test.__test__ = True  # whatever a project calls its own tests
        cls._protected = MappingProxyType(kept | {name: getattr_static(cls, name, None) for name in MECHANISM})

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Look at the class once more, now that it is collected, and at the marks of each test."""
        from acctsec.testing import _guard_plugin

        _guard_plugin.look_at(type(self), metafunc)


REMEDY = (
    "Leave the contract as it is. A test that cannot hold yet is overridden by one that is marked "
    '@pytest.mark.xfail(reason="why") and calls the one of the contract by super().'
)


def changed(cls: type) -> list[str]:
    """What a class has changed of the contracts it is made of, a sentence each."""
    found = []
    if any(base.__module__.partition(".")[0] == "unittest" for base in cls.__mro__):
        found.append(f"{cls.__name__} is a unittest.TestCase, whose tests pytest runs in another way.")
    for name, kept in protected(cls).items():
        now = getattr_static(cls, name, None)
        if now is kept:
            continue
        if not name.startswith("test_"):
            found.append(f"{cls.__name__} changes {name}, by which its contract is asked.")
        elif now is None:
            found.append(f"{cls.__name__} removes {name} of its contract.")
        elif not any(reason_of(mark) for mark in getattr(now, "pytestmark", ()) if mark.name == "xfail"):
            found.append(f"{cls.__name__} overrides {name} of its contract and gives no reason.")
        else:
            now.__test__ = True
    return found


def protected(cls: type) -> dict[str, object]:
    """All that a class may not change: every test and every method of the contracts it is made of."""
    return {name: kept for base in cls.__mro__ for name, kept in vars(base).get("_protected", {}).items()}


def reason_of(mark: Any) -> str:
    """The reason that an ``xfail`` gives; none where pytest made it up for a test without parameters."""
    reason = str(mark.kwargs.get("reason") or "").strip()
    return "" if reason.startswith("got empty parameter set") else reason
