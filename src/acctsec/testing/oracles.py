"""No oracle: whether an outsider can tell that somebody exists, from an answer, an error, the work or its order."""

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

from attrs import field, frozen

from acctsec.hashing import HashingPolicy
from acctsec.outcomes import Refused, TryAgain
from acctsec.testing._costs import cost_of, proportions, surprise
from acctsec.testing._differences import REMEDIES, Seen, comparable, difference
from acctsec.testing._outsider import Call, engine_operations
from acctsec.testing._subjects import DOMAIN, KINDS, Kind, Place, besieged, foreign_decoys, of_hash, subject_of
from acctsec.testing._troubles import CALM, TROUBLES, Trouble, at_single_calls
from acctsec.testing._watched import Called, Watch
from acctsec.testing.world import PASSWORD, World

__all__ = ["KINDS", "Call", "Kind", "Operations", "OracleFound", "Place", "assert_no_oracle", "engine_operations"]

Operations = Callable[[World[Any]], Mapping[str, Call]]
"""Makes, around the engine of a world, everything an outsider can do, by name."""

ODD = ("", "nul\0inside the password", "\ud800", "x" * 73, "é" * 600, "x" * 5000)
NAMES = 600


class OracleFound(AssertionError):  # noqa: N818 - it names what was found
    """
    An outsider can tell *kind* from nobody by *operation*.

    *what* says by what: ``exception``, ``answer``, ``mail``, ``port calls``, ``order``, ``details``, ``hashes``, ``cost`` or
    ``distribution``. *trouble* is what was wrong with the world meanwhile, or empty.
    """

    def __init__(self, *, kind: str, operation: str, what: str, trouble: str, seen: str, remedy: str) -> None:
        while_ = f" while {trouble}" if trouble else ""
        super().__init__(
            f"An outsider can tell an account that {kind} from nobody, by {operation}{while_}.\n{seen}\nTo mend it: {remedy}"
        )
        self.kind: str = kind
        self.operation: str = operation
        self.what: str = what
        self.trouble: str = trouble
        self.remedy: str = remedy


def assert_no_oracle(
    make_world: Callable[[], World[Any]],
    *,
    operations: Operations = engine_operations,
    kinds: Sequence[Kind] = (),
    population: Sequence[str] = (),
    password: str = PASSWORD,
    single_calls: int = 0,
) -> None:
    """
    Prove that no outsider can tell any kind of account from a name that nobody has.

    Accounts of every kind are made: without a password, disabled, resting, stopped, with a factor, with a foreign hash, erased
    and more. Each operation is then called alike for them and for nobody: wrong passwords from many addresses and from one, odd
    ones, and the right one where it must not help. What came of it must be equal: the answer, the exception, the ports that
    were asked and in which order, the number of hashes and their cost. It is asked in a calm world, and while the messenger,
    the sink, the corpus, the directory, the hasher, the watch, the meters or the records fail, hashing is overloaded, the
    directory is slow, or commits are lost, are made without an answer, or lose every race. Where the policy lists foreign hashes
    with shares, a name's cost must stay the same, and costs must be spread over names that nobody has as over accounts; that is
    wrongly denied once in a million keyrings. Nothing that is guessed here raises a posture, or whoever came later would meet
    another: to try a raised one, raise it in *operations*.

    Args:
        make_world: makes a fresh world of your policy and store, of either face, always alike. A directory of your own is put
            into ``world.directory`` before ``world.restart()``; it takes rows by ``put(account)`` and ``remove(subject)``.
        operations: what an outsider can do, around the engine of a world: your request handlers. Their answers must hold
            nothing random and nothing that was typed. Default: every operation of the engine that an outsider can begin.
        kinds: kinds of accounts of your own platform, beside the usual ones.
        population: stored hashes, a fair sample of your user table. Default: what the shares of the policy say.
        password: one that the policy accepts.
        single_calls: also let one call fail and no other, in every way it can: of each operation the first of its kind, the
            second, up to this one. Three reach every call that an outsider can bring the engine to. Default 0: each takes three
            quarters as long as all the rest.

    Raises OracleFound with the kind, the operation, what differs and how to mend it; TypeError for what makes no World.

    >>> from acctsec.testing import world
    >>> assert_no_oracle(world)
    """
    for trouble in (*TROUBLES, *at_single_calls(single_calls)):
        w = make_world()
        if not isinstance(w, World):
            raise TypeError("assert_no_oracle takes a function that makes a World.")
        try:
            if not any(getattr(w, port, w) is None for port in trouble.ports):
                _Check(w, operations, kinds, population, password, trouble).run()
        finally:
            w.close()


# --- one world --------------------------------------------------------------------------------------------------------


@frozen
class _Person:
    """Somebody of a kind, or nobody."""

    identifier: str
    kind: Kind | None
    group: tuple[int, bool]  # how many guesses before, and whether the right password is tried: the same history


@frozen
class _Attempt:
    """One password from one place; *source* 0 is a new address each time."""

    says: str
    password: str = field(repr=False)
    source: int = 0
    right: bool = False
    odd: bool = False


class _Check:
    """All operations against all kinds, in one world with one trouble."""

    def __init__(
        self,
        world: World[Any],
        operations: Operations,
        kinds: Sequence[Kind],
        population: Sequence[str],
        password: str,
        trouble: Trouble,
    ) -> None:
        self.world = world
        self.operations = operations
        self.password = password
        self.trouble = trouble
        self.hashing: HashingPolicy = world.policy.hashing
        stored = {cost_of(self.hashing, one): one for one in population} or foreign_decoys(self.hashing)
        self.population = Counter(cost_of(self.hashing, one) for one in population)
        self.mixed: bool = bool(stored)
        self.kinds = [*KINDS, *(of_hash(name, one) for name, one in stored.items()), *kinds]
        if trouble.besieged:
            self.kinds += besieged(world.policy.lockout.strangers)
        self.costs: dict[str, set[str]] = {}
        self.addresses = 0

    def run(self) -> None:
        people = [*self._people()]
        self.watch = Watch(self.world)
        try:
            self._besiege(people)
            for name, call in self.operations(self.world).items():
                self.watch.trouble = self.trouble
                for attempt in self._attempts():
                    self._compare(
                        name, attempt, {one: self._see(call, one, attempt) for one in people if self._takes(one, attempt)}
                    )
            if self.trouble is CALM and self.mixed:
                self._compare_costs(people)
        finally:
            self.watch.let_go()

    # --- the stage ---

    def _people(self) -> Sequence[_Person]:
        """Two nobodies and one of each kind, for each history."""
        self._check_directory()
        people: list[_Person] = []
        for number, kind in enumerate(self.kinds):
            identifier = f"somebody-{number:03d}{DOMAIN}"
            kind.make(self._place(identifier))
            people.append(_Person(identifier, kind, (kind.siege, kind.shut)))
        twice = [group for group in sorted({one.group for one in people}) for _ in range(2)]
        nobodies = [_Person(f"somebody-{900 + at}{DOMAIN}", None, group) for at, group in enumerate(twice)]
        self.world.deliver()
        return [*nobodies, *people]

    def _place(self, identifier: str) -> Place:
        return Place(world=self.world, subject=subject_of(identifier), identifier=identifier, password=self.password)

    def _check_directory(self) -> None:
        """Whoever is never found looks like nobody: nothing would be proven."""
        identifier = f"somebody-999{DOMAIN}"
        self._place(identifier).sign_up()
        outcome = self.world.calls.sign_in(identifier, self.password, context=self.world.context())
        if isinstance(outcome, Refused | TryAgain):
            message = f"An account with the right password is answered {outcome!r}: does the directory find what was put there?"
            raise AssertionError(message)  # noqa: TRY004 - what is wrong is the world

    def _besiege(self, people: Sequence[_Person]) -> None:
        """Let strangers guess at somebody and at nobody, in step: windows end at the same guess. The resting ones come last."""
        strangers = self.world.policy.lockout.strangers
        longest = max((one.group[0] for one in people), default=0)
        self.watch.idle = True
        for number in range(longest, 0, -1):
            for one in people:
                if number <= one.group[0]:
                    context = self.world.context(self._address())
                    self.world.calls.sign_in(one.identifier, f"siege {number}", context=context)
            if number > strangers.free + 2:
                self.world.clock.advance(strangers.longest)
                self.world.clock.advance(seconds=1)
        self.world.deliver()
        self.watch.idle = False

    def _address(self) -> str:
        self.addresses += 1
        return f"198.18.{self.addresses // 250 % 250}.{self.addresses % 250 + 1}"

    def _attempts(self) -> Sequence[_Attempt]:
        wrong = [_Attempt("a wrong password, each from an address of its own", f"wrong guess {number}") for number in range(11)]
        if self.trouble is not CALM:
            return [*wrong[:3], _Attempt("the right password", self.password, right=True), *wrong[3:]]
        return [
            *(_Attempt("an odd password", one, odd=True) for one in ODD),
            *wrong,
            *(_Attempt("wrong passwords from one address", f"wrong again {number}", source=1) for number in range(7)),
            *(_Attempt("the right password", self.password, right=True) for _ in range(2)),
        ]

    def _takes(self, one: _Person, attempt: _Attempt) -> bool:
        return one.group[1] or not attempt.right

    def _see(self, call: Call, one: _Person, attempt: _Attempt) -> Seen:
        """Call an operation; the clock stands as it did for the others, whatever a slow port did to it."""
        w, address = self.world, self._address()
        if attempt.source:
            address = f"203.0.113.{zlib.crc32(one.identifier.encode()) % 250}"
        before, answer, error = w.clock(), None, None
        self.watch.begin()
        try:
            answer = call(one.identifier, attempt.password, address)
            if isawaitable(answer):
                answer = w._run(_awaited(answer))  # noqa: SLF001 - the loop of this world's engine
        except Exception as raised:  # noqa: BLE001 - it is what is compared
            answer, error = None, raised
        took, w.clock.now = w.clock() - before, before
        calls = (*self.watch.calls, Called("time", str(took))) if took else tuple(self.watch.calls)
        return Seen(comparable(answer), error, calls)

    # --- the judgement ---

    def _compare(self, operation: str, attempt: _Attempt, seen: Mapping[_Person, Seen]) -> None:
        for group in sorted({one.group for one in seen}):
            first, second = (what for one, what in seen.items() if one.kind is None and one.group == group)
            if first.error is not None and self.trouble is CALM and not attempt.odd:
                raise first.error
            noise = difference(first, second, mixed=self.mixed)
            if noise is not None:
                message = (
                    f"{operation} treats two names that nobody has differently, so nothing can be compared:\n{noise[1]}\n"
                    "Let the call answer only what is neither random nor typed, and make the world always alike."
                )
                raise AssertionError(message)
            for one, what in seen.items():
                if one.kind is not None and one.group == group:
                    self._judge(operation, attempt, one.kind, what, first)
        for one, what in seen.items():
            self.costs.setdefault(one.identifier, set()).update(what.costs)

    def _judge(self, operation: str, attempt: _Attempt, kind: Kind, somebody: Seen, nobody: Seen) -> None:
        found = difference(somebody, nobody, mixed=self.mixed)
        if found is not None:
            what, seen = found
            raise OracleFound(
                kind=kind.name,
                operation=operation,
                what=what,
                trouble=self.trouble.name,
                seen=f"With {attempt.says}:\n{seen}",
                remedy=REMEDIES[what],
            )

    # --- mixed populations ---

    def _compare_costs(self, people: Sequence[_Person]) -> None:
        """Where hashes are of several sorts: a name costs the same each time, and nobody is spread as accounts are."""
        drawn = self._drawn()
        possible = {cost_of(self.hashing, decoy) for _, decoy in self.hashing.decoys} | drawn.keys()
        for one in people:
            costs, known = self.costs.get(one.identifier, set()), one.kind.name if one.kind else "is nobody's"
            if len(costs) > 1:
                self._deny(known, "cost", f"Its name costs now {', now '.join(sorted(costs))}.")
            if not costs <= possible:
                self._deny(known, "cost", f"Its name costs {', '.join(costs)}: of names that nobody has, none ever does.")
        expected = proportions(self.hashing, self.population)
        found, bound = surprise(drawn, expected, sampled=self.population)
        if found > bound:
            spread = f"  accounts: {expected}\n  nobody:   {dict(drawn)} of {NAMES}\n  chi-square {found:.1f}, above {bound:.1f}"
            self._deny("has any of these hashes", "distribution", spread)

    def _drawn(self) -> Counter[str]:
        """What names that nobody has cost, each counted once."""
        drawn: Counter[str] = Counter()
        self.watch.idle, self.watch.trouble = True, CALM
        for number in range(NAMES):
            self.watch.begin()
            name, context = f"nobody-{number:04d}{DOMAIN}", self.world.context(self._address())
            self.world.calls.sign_in(name, "wrong", context=context)
            drawn.update(one.cost for one in self.watch.calls if one.cost)
        return drawn

    def _deny(self, kind: str, what: str, seen: str) -> None:
        raise OracleFound(kind=kind, operation="sign_in", what=what, trouble="", seen=seen, remedy=REMEDIES[what])


async def _awaited(answer: Any) -> object:
    return await answer
