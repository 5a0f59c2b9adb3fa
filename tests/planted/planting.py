"""A planted fault: what is wrong in one sentence, how it gets in, and which instrument of the public kit finds it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction, isfunction
from types import FunctionType
from typing import Any

from attrs import define, field, frozen

Ask = Callable[..., Any]
"""An instrument, asked: it raises where something is wrong."""


@frozen(kw_only=True)
class Instrument:
    """
    One question of the kit: which instrument *name* asks it, and how.

    *ask* takes what is *healthy*, or what is not in its place; nothing where the question is about the engine itself.
    """

    name: str
    ask: Ask
    healthy: Any = None

    def of(self, thing: Any = None) -> None:
        """Ask it, of what is healthy unless something else is given."""
        thing = self.healthy if thing is None else thing
        self.ask() if thing is None else self.ask(thing)


@frozen(kw_only=True)
class Fault:
    """
    *what* is wrong, in a sentence; where it was seen in real life, as recipes of the museum; what finds it, and a word of what that
    says. *plant* puts it in and answers the thing to ask, or None.
    """

    id: str
    kind: str
    what: str
    seen: tuple[str, ...]
    by: Instrument
    says: str
    plant: Callable[["Planting"], Any]


@define
class Planting:
    """
    Puts a fault in, and takes it out again. It knows whether what it put in was ever reached: a fault that nobody runs into
    proves nothing of whoever finds something else.
    """

    reached: int = 0
    _undo: list[Callable[[], None]] = field(factory=list)

    def put(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put what *make* makes of it in place of a method, which the class may have from another."""
        own = vars(owner).get(name)
        real = getattr(owner, name) if own is None else own
        setattr(owner, name, self.watched(make(real)))
        self._undo.append(lambda: delattr(owner, name) if own is None else setattr(owner, name, own))

    def replace(self, real: FunctionType, make: Callable[[Any], Any]) -> None:
        """The same for a function of a module, wherever in the library it was imported."""
        places = [
            (module, name)
            for path, module in list(sys.modules.items())
            if path.startswith("acctsec") and module is not None
            for name, found in list(vars(module).items())
            if found is real
        ]
        assert places, f"{real.__name__} is used nowhere"
        planted = self.watched(make(real))
        for module, name in places:
            setattr(module, name, planted)
            self._undo.append(lambda module=module, name=name: setattr(module, name, real))

    def subclass(self, base: type, faulty: type) -> type:
        """A class of a fault whose methods tell that they were reached; each must stand in the place of one that is there."""
        own = {name: one for name, one in vars(faulty).items() if isfunction(one) and (name == "__and__" or name[0] != "_")}
        assert own, f"{faulty.__name__} plants nothing"
        for name in own:
            assert hasattr(base, name), f"{base.__name__} has no {name}"
        return type(faulty.__name__, (faulty,), {"__slots__": (), **{name: self.watched(one) for name, one in own.items()}})

    def watched(self, planted: Any) -> Any:
        """The same function; that it is called is counted."""
        if isinstance(planted, property):
            return property(self.watched(planted.fget))
        if iscoroutinefunction(planted):

            @wraps(planted)
            async def call(*args: Any, **kwargs: Any) -> Any:
                self.reached += 1
                return await planted(*args, **kwargs)

        else:

            @wraps(planted)
            def call(*args: Any, **kwargs: Any) -> Any:
                self.reached += 1
                return planted(*args, **kwargs)

        return call

    def undo(self) -> None:
        """Take out whatever was put in, the last one first."""
        while self._undo:
            self._undo.pop()()


@contextmanager
def planted(fault: Fault) -> Iterator[tuple[Planting, Any]]:
    """With a fault in its place; answers the planting, and the thing to ask."""
    planting = Planting()
    try:
        yield planting, fault.plant(planting)
    finally:
        planting.undo()


@define
class Plot:
    """Where the faults of one *kind* are written down: a name is the id, a docstring says what is wrong."""

    kind: str
    faults: list[Fault] = field(factory=list)

    def subclass(self, by: Instrument, *, says: str, seen: str = "", of: Callable[[type], Any] = lambda made: made) -> Callable:
        """A fault that is a class in place of its base; *of* makes the thing to ask out of it."""

        def plant(faulty: type) -> type:
            base = faulty.__mro__[1]
            self._note(faulty, by, says, seen, lambda planting: of(planting.subclass(base, faulty)))
            return faulty

        return plant

    def code(self, by: Instrument, *, says: str, seen: str = "") -> Callable:
        """A fault that is a function: given a planting it puts something in the place of what is there."""

        def plant(put: Callable[[Planting], Any]) -> Callable[[Planting], Any]:
            self._note(put, by, says, seen, put)
            return put

        return plant

    def _note(self, named: Any, by: Instrument, says: str, seen: str, plant: Callable[[Planting], Any]) -> None:
        text = " ".join(named.__doc__.split())
        fault = Fault(
            id=_dashed(named.__name__), kind=self.kind, what=text, seen=tuple(seen.split()), by=by, says=says, plant=plant
        )
        self.faults.append(fault)


def _dashed(name: str) -> str:
    """``LosesTheSwap`` and ``loses_the_swap`` as ``loses-the-swap``."""
    if "_" in name or name.islower():
        return name.replace("_", "-")
    return "".join(("-" if one.isupper() and at else "") + one.lower() for at, one in enumerate(name))
