"""What may be wrong with the world while an outsider looks: ports that fail, at each call or at one."""

from collections.abc import Callable, Mapping, Sequence

from attrs import evolve, field, frozen

from acctsec.errors import CommitUnknown, Overloaded, PortError, StoreBusy, StoreUnavailable
from acctsec.protocols import Conflict

HASHED = "hashing."


@frozen
class Trouble:
    """
    What is wrong with the world: what ports of a prefix raise, or answer, and which of them take *seconds* of the clock.

    *at* counts the calls of one operation that it meets: only that one fails, and 0 means each. What is *late* fails after it
    was done: its answer is lost. *besieged*: it can meet a resting or a stopped lane in another way than one that is open.
    """

    name: str
    raises: Mapping[str, Callable[[], object]] = field(factory=dict)
    slow: str = "none"
    seconds: float = 0.0
    at: int = 0
    late: bool = False
    besieged: bool = True

    @property
    def ports(self) -> frozenset[str]:
        """The ports that it meets, by name."""
        return frozenset(prefix.partition(".")[0] for prefix in (*self.raises, self.slow))


CALM = Trouble("")


def _down() -> Exception:
    return RuntimeError("down")


def _no_answer() -> Exception:
    return StoreUnavailable("No answer.", remedy="Look at the store.")


def _crowd() -> Exception:
    return StoreBusy("No room.", remedy="Look at the store.")


def _lost() -> Exception:
    return CommitUnknown("Lost.", remedy="Look at the store.")


def _no_memory() -> Exception:
    return PortError("Argon2 got no memory.", remedy="Give the machine more.")


def _overload() -> Exception:
    return Overloaded(0.5)


TROUBLES = (
    CALM,
    Trouble("the messenger fails", {"messenger.": _down}, besieged=False),
    Trouble("the sink fails", {"sink.": _down}, besieged=False),
    Trouble("the breach corpus fails", {"corpus.": _down}, besieged=False),
    Trouble("the popularity counter fails", {"popularity.": _down}, besieged=False),
    Trouble("the challenge fails", {"challenge.": _down}, besieged=False),
    Trouble("the directory fails", {"directory.": _down}, besieged=False),
    Trouble("the directory is slow", slow="directory.", seconds=3.0, besieged=False),
    Trouble("the hasher fails", {HASHED: _no_memory}),
    Trouble("the machine has no memory", {HASHED: MemoryError}),
    Trouble("hashing is overloaded", {"hash permit": _overload}),
    Trouble("the watch does not answer", {"watch.": _no_answer}),
    Trouble("the meters do not answer", {"meters.": _no_answer}),
    Trouble("the meters are crowded", {"meters.": _crowd}),
    Trouble("the records do not answer", {"records.": _no_answer}),
    Trouble("commits are lost", {"records.commit": _lost}),
    Trouble("the answers of commits are lost", {"records.commit": _lost}, late=True),
    Trouble("commits lose every race", {"records.commit": Conflict}),
)
"""What may last, from one operation to the next."""

AT_ONE_CALL = (
    Trouble("the directory fails", {"directory.": _down}, besieged=False),
    Trouble("the breach corpus fails", {"corpus.": _down}, besieged=False),
    Trouble("the challenge fails", {"challenge.": _down}, besieged=False),
    Trouble("a record is not read", {"records.load": _no_answer}),
    Trouble("a commit is not answered", {"records.commit": _no_answer}),
    Trouble("a commit is lost", {"records.commit": _lost}),
    Trouble("the answer of a commit is lost", {"records.commit": _lost}, late=True),
    Trouble("a commit loses a race", {"records.commit": Conflict}),
    Trouble("the watch does not answer", {"watch.": _no_answer}),
    Trouble("a charge is not answered", {"meters.charge": _no_answer}),
    Trouble("the answer of a charge is lost", {"meters.charge": _no_answer}, late=True),
    Trouble("a charge meets a crowd", {"meters.charge": _crowd}),
    Trouble("a settlement is not answered", {"meters.settle": _no_answer}),
    Trouble("no permit is to be had", {"hash permit": _overload}),
    Trouble("a hash fails", {HASHED: _no_memory}),
)


def at_single_calls(most: int) -> Sequence[Trouble]:
    """The troubles that meet one call of an operation and no other: the first of its kind, the second, up to number *most*."""
    return [
        evolve(trouble, name=f"{trouble.name}, at call {at} of that kind alone", at=at)
        for trouble in AT_ONE_CALL
        for at in range(1, most + 1)
    ]
