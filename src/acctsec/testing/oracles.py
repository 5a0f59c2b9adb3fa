"""No oracle: whether an outsider can tell that somebody exists, from an answer, an error, the work or its order."""

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable
from math import sqrt
from typing import Any

import attrs
from attrs import field, frozen

from acctsec._flows.tokens import Purpose, Tokens
from acctsec.claims import LinkClaims, RecoveryCode, ResetCode, ResetLink, ResumeTicket, Ticket, TotpCode
from acctsec.errors import AcctsecError
from acctsec.hashing import HashingPolicy
from acctsec.keyring import Keyring
from acctsec.outcomes import Refused, TryAgain
from acctsec.protocols import Account
from acctsec.testing._subjects import DOMAIN, KINDS, Kind, Place, besieged, foreign_decoys, of_hash
from acctsec.testing._watched import CALM, HASHED, TROUBLES, Called, Trouble, Watch, cost_of
from acctsec.testing.world import PASSWORD, World

Call = Callable[[str, str, str], object]
"""Something an outsider can do: ``call(identifier, password, address)``; answers, or is awaited for, what he sees."""

Operations = Callable[[World[Any]], Mapping[str, Call]]
"""Makes, around the engine of a world, everything an outsider can do, by name."""

NEW = "violet staple under the harbour 63"
ODD = ("", "nul\0inside the password", "\ud800", "x" * 73, "é" * 600, "x" * 5000)
NAMES = 600
DEVIATION = 4.753  # of a normal variable: beyond it once in a million


class OracleFound(AssertionError):  # noqa: N818 - it names what was found
    """
    An outsider can tell *kind* from nobody by *operation*.

    *what* says by what: ``exception``, ``answer``, ``mail``, ``port calls``, ``order``, ``details``, ``hashes``, ``cost`` or
    ``distribution``. *trouble* is what was wrong with the world meanwhile, or empty.
    """

    def __init__(self, *, kind: str, operation: str, what: str, trouble: str, seen: str, remedy: str) -> None:
        while_ = f" while {trouble}" if trouble else ""
        super().__init__(f"An outsider can tell an account that {kind} from nobody, by {operation}{while_}.\n{seen}\nTo mend it: {remedy}")
        self.kind: str = kind
        self.operation: str = operation
        self.what: str = what
        self.trouble: str = trouble
        self.remedy: str = remedy


def engine_operations(world: World[Any]) -> dict[str, Call]:
    """Every operation of the engine that an outsider can begin, with a name, a token he made up, or one that he was given."""
    engine, here = world.calls, world.context
    forger = Tokens(Keyring(sealing=[bytes(range(32))], index=[bytes(range(1, 33))]))
    handles: dict[str, str] = {}

    def handle(identifier: str, address: str) -> str:
        if identifier not in handles:
            handles[identifier] = engine.request_reset(identifier, context=here(address)).handle
        return handles[identifier]

    def code(identifier: str, password: str, address: str) -> object:
        digits = engine.policy.reset.code_digits
        guess = ResetCode(handle(identifier, address), f"{_number(password) % 10**digits:0{digits}d}")
        return engine.redeem_reset(guess, NEW, context=here(address))

    def recovery(identifier: str, password: str, address: str) -> object:
        guess = RecoveryCode(f"{_number(password) % 10**4:04d}-0000-0000-0000", handle(identifier, address))
        return engine.redeem_reset(guess, NEW, context=here(address))

    def link(identifier: str) -> str:
        return forger.seal(Purpose.LINK, LinkClaims(tenant="", subject=_subject(identifier), incarnation=bytes(16), secret=bytes(32)))

    def ticket(identifier: str, purpose: Purpose) -> str:
        now = world.clock()
        claims = Ticket(
            tenant="", subject=_subject(identifier), incarnation=bytes(16), epoch=0, id=bytes(16), issued=now, expires=now, methods=()
        )
        return forger.seal(purpose, claims)

    return {
        "sign_in": lambda name, password, at: engine.sign_in(name, password, context=here(at)),
        "request_reset": lambda name, _, at: engine.request_reset(name, context=here(at)),
        "redeem_reset with a wrong code": code,
        "redeem_reset with a wrong recovery code": recovery,
        "redeem_reset with a forged link": lambda name, _, at: engine.redeem_reset(ResetLink(link(name)), NEW, context=here(at)),
        "redeem_reset with a forged ticket": lambda name, _, at: engine.redeem_reset(
            ResumeTicket(ticket(name, Purpose.RESUME)), NEW, context=here(at)
        ),
        "inspect_reset of a forged link": lambda name, _, at: engine.inspect_reset(link(name), context=here(at)),
        "verify_factor with a forged ticket": lambda name, _, at: engine.verify_factor(
            ticket(name, Purpose.SIGN_IN), TotpCode("000000"), context=here(at)
        ),
        "check_password": lambda name, password, _: engine.check_password(
            password, account=Account(subject=_subject(name), identifiers=(name,))
        ),
    }


def assert_no_oracle(
    make_world: Callable[[], World[Any]],
    *,
    operations: Operations = engine_operations,
    kinds: Sequence[Kind] = (),
    population: Sequence[str] = (),
    password: str = PASSWORD,
) -> None:
    """
    Prove that no outsider can tell any kind of account from a name that nobody has.

    Accounts of every kind are made: without a password, disabled, resting, stopped, with a factor, with a foreign hash, erased
    and more. Each operation is then called alike for them and for nobody: wrong passwords from many addresses and from one, odd
    ones, and the right one where it must not help. What came of it must be equal: the answer, the exception, the ports that
    were asked and in which order, the number of hashes and their cost. It is asked in a calm world, and while the messenger,
    the sink, the corpus, the directory, the hasher, the meters or the records fail, hashing is overloaded, or the directory is
    slow. Where the policy lists foreign hashes with shares, a name's cost must stay the same, and costs must be spread over
    names that nobody has as over accounts; that is wrongly denied once in a million keyrings.

    Args:
        make_world: makes a fresh world of your policy and store, of either face, always alike. A directory of your own is put
            into ``world.directory`` before ``world.restart()``; it takes rows by ``put(account)`` and ``remove(subject)``.
        operations: what an outsider can do, around the engine of a world: your request handlers. Their answers must hold
            nothing random and nothing that was typed. Default: every operation of the engine that an outsider can begin.
        kinds: kinds of accounts of your own platform, beside the usual ones.
        population: stored hashes, a fair sample of your user table. Default: what the shares of the policy say.
        password: one that the policy accepts.

    Raises OracleFound with the kind, the operation, what differs and how to mend it; TypeError for what makes no World.

    >>> from acctsec.testing import world
    >>> assert_no_oracle(world)
    """
    for trouble in TROUBLES:
        w = make_world()
        if not isinstance(w, World):
            raise TypeError("assert_no_oracle takes a function that makes a World.")
        try:
            _Check(w, operations, kinds, population, password, trouble).run()
        finally:
            w.close()


# --- one world --------------------------------------------------------------------------------------------------------


@frozen
class _Seen:
    """What came of one call: its answer or its exception, and what was asked of the ports meanwhile."""

    answer: object
    error: Exception | None = field(eq=False)
    calls: tuple[Called, ...]

    @property
    def raised(self) -> tuple[str, str] | None:
        return None if self.error is None else (type(self.error).__name__, str(self.error))


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
        if trouble is CALM:
            self.kinds += besieged(world.policy.lockout.strangers)
        self.costs: dict[str, set[str]] = {}
        self.addresses = 0

    def run(self) -> None:
        people = [*self._people()]
        self.watch = Watch(self.world)
        self._besiege(people)
        for name, call in self.operations(self.world).items():
            self.watch.trouble = self.trouble
            for attempt in self._attempts():
                self._compare(name, attempt, {one: self._see(call, one, attempt) for one in people if self._takes(one, attempt)})
            self._deliver()
        if self.trouble is CALM and self.mixed:
            self._compare_costs(people)

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
        self._deliver()
        return [*nobodies, *people]

    def _place(self, identifier: str) -> Place:
        return Place(world=self.world, subject=_subject(identifier), identifier=identifier, password=self.password)

    def _check_directory(self) -> None:
        """Whoever is never found looks like nobody: nothing would be proven."""
        identifier = f"somebody-999{DOMAIN}"
        self._place(identifier).sign_up()
        outcome = self.world.calls.sign_in(identifier, self.password, context=self.world.context())
        if isinstance(outcome, Refused | TryAgain):
            message = f"An account with the right password is answered {outcome!r}: nothing would be proven. Does the directory find it?"
            raise AssertionError(message)  # noqa: TRY004 - the world is wrong, not a type

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
        self._deliver()
        self.watch.idle = False

    def _deliver(self) -> None:
        """What a worker does between two requests, whatever is broken for it."""
        try:
            self.world.deliver()
        except AcctsecError:
            pass
        self.watch.calls.clear() if hasattr(self, "watch") else None

    def _address(self) -> str:
        self.addresses += 1
        return f"198.18.{self.addresses // 250 % 250}.{self.addresses % 250 + 1}"

    def _attempts(self) -> Sequence[_Attempt]:
        wrong = [_Attempt("a wrong password, each from an address of its own", f"wrong guess {number}") for number in range(11)]
        if self.trouble is not CALM:
            return [*wrong[:3], _Attempt("the right password", self.password, right=True), *wrong[3:]]
        return [
            *wrong,
            *(_Attempt("wrong passwords from one address", f"wrong again {number}", source=1) for number in range(7)),
            *(_Attempt("an odd password", one, odd=True) for one in ODD),
            *(_Attempt("the right password", self.password, right=True) for _ in range(2)),
        ]

    def _takes(self, one: _Person, attempt: _Attempt) -> bool:
        return one.group[1] or not attempt.right

    def _see(self, call: Call, one: _Person, attempt: _Attempt) -> _Seen:
        """Call an operation; the clock stands as it did for the others, whatever a slow port did to it."""
        w, address = self.world, self._address()
        if attempt.source:
            address = f"203.0.113.{zlib.crc32(one.identifier.encode()) % 250}"
        before, answer, error = w.clock(), None, None
        self.watch.calls.clear()
        try:
            answer = call(one.identifier, attempt.password, address)
            if isawaitable(answer):
                answer = w._run(_awaited(answer))  # noqa: SLF001 - the loop of this world's engine
        except Exception as raised:  # noqa: BLE001 - it is what is compared
            error = raised
        took, w.clock.now = w.clock() - before, before
        calls = (*self.watch.calls, Called("time", str(took))) if took else tuple(self.watch.calls)
        return _Seen(_comparable(answer), error, calls)

    # --- the judgement ---

    def _compare(self, operation: str, attempt: _Attempt, seen: Mapping[_Person, _Seen]) -> None:
        for group in sorted({one.group for one in seen}):
            first, second = (what for one, what in seen.items() if one.kind is None and one.group == group)
            if first.error is not None and self.trouble is CALM and not attempt.odd:
                raise first.error
            noise = self._difference(first, second)
            if noise is not None:
                message = (
                    f"{operation} treats two names that nobody has differently, so nothing can be compared:\n{noise[1]}\n"
                    "Let the call answer only what is neither random nor typed, and make the world always alike."
                )
                raise AssertionError(message)
            for one, what in seen.items():
                self._remember_costs(one, what)
                if one.kind is not None and one.group == group:
                    self._judge(operation, attempt, one.kind, what, first)

    def _judge(self, operation: str, attempt: _Attempt, kind: Kind, somebody: _Seen, nobody: _Seen) -> None:
        found = self._difference(somebody, nobody)
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

    def _difference(self, somebody: _Seen, nobody: _Seen) -> tuple[str, str] | None:
        """What differs, if anything does, and both sides of it."""
        if somebody.raised != nobody.raised:
            return "exception", _sides(somebody.raised or "no exception", nobody.raised or "no exception")
        if somebody.answer != nobody.answer:
            return "answer", _sides(somebody.answer, nobody.answer)
        ours, theirs = ([one.name for one in what.calls] for what in (somebody, nobody))
        if ours != theirs:
            return _kind_of_difference(ours, theirs), _sides(_told(somebody.calls), _told(nobody.calls))
        ours_in, theirs_in = ([(one.name, one.detail) for one in what.calls] for what in (somebody, nobody))
        if ours_in != theirs_in:
            at = next(at for at, pair in enumerate(zip(ours_in, theirs_in, strict=True)) if pair[0] != pair[1])
            return "details", _sides(somebody.calls[at], nobody.calls[at])
        if not self.mixed and _costs(somebody) != _costs(nobody):
            return "cost", _sides(_costs(somebody), _costs(nobody))
        return None

    # --- mixed populations ---

    def _remember_costs(self, one: _Person, seen: _Seen) -> None:
        self.costs.setdefault(one.identifier, set()).update(_costs(seen))

    def _compare_costs(self, people: Sequence[_Person]) -> None:
        """Where hashes are of several sorts: a name costs the same each time, and nobody is spread as accounts are."""
        drawn = self._drawn()
        for one in people:
            costs, known = self.costs.get(one.identifier, set()), one.kind.name if one.kind else "is nobody's"
            if len(costs) > 1:
                self._deny(known, "cost", f"Its name costs now {', now '.join(sorted(costs))}.")
            if one.kind is not None and not costs <= drawn.keys():
                self._deny(known, "cost", f"Its name costs {', '.join(costs)}; of {NAMES} names that nobody has, none does.")
        expected = self._expected()
        surprise, bound = _surprise(drawn, expected, sampled=self.population)
        if surprise > bound:
            kind = "has any of these hashes"
            self._deny(kind, "distribution", f"nobody: {dict(drawn)}\naccounts: {expected}\nchi-square {surprise:.1f}, above {bound:.1f}")

    def _drawn(self) -> Counter[str]:
        """What names that nobody has cost, each counted once."""
        drawn: Counter[str] = Counter()
        self.watch.idle, self.watch.trouble = True, CALM
        for number in range(NAMES):
            self.watch.calls.clear()
            name, context = f"nobody-{number:04d}{DOMAIN}", self.world.context(self._address())
            self.world.calls.sign_in(name, "wrong", context=context)
            drawn.update(one.cost for one in self.watch.calls if one.cost)
        return drawn

    def _expected(self) -> dict[str, float]:
        """The proportion of accounts that cost so much: of the population given, or by the shares of the policy."""
        if self.population:
            total = self.population.total()
            return {cost: number / total for cost, number in self.population.items()}
        expected: dict[str, float] = {}
        began = 0.0
        for end, decoy in self.hashing.decoys:
            cost = cost_of(self.hashing, decoy)
            expected[cost] = expected.get(cost, 0.0) + end - began
            began = end
        return expected

    def _deny(self, kind: str, what: str, seen: str) -> None:
        raise OracleFound(kind=kind, operation="sign_in", what=what, trouble="", seen=seen, remedy=REMEDIES["distribution"])


REMEDIES = {
    "exception": "catch nothing and raise nothing by what was found; answer a stranger alike when a lookup finds nobody.",
    "answer": "answer every refusal alike, and pass on nothing of why; of Refused only retry_after is for the caller.",
    "mail": "send nothing while the caller waits: leave it in the outbox and call deliver() from a worker.",
    "port calls": "ask the same of every port whether or not somebody is found; let the engine look people up, not the handler.",
    "order": "ask the ports in one order, and look somebody up before or after, never depending on what was found.",
    "details": "charge, settle and commit alike: leave meters and records to the engine.",
    "hashes": "compute as many hashes for nobody as for somebody: let sign_in decide, and do not return before it.",
    "cost": "hash with one cost, or list the other in HashingPolicy.foreign with its share; acctsec rewrap --wrap makes costs equal.",
    "distribution": "set the shares of HashingPolicy.foreign to what acctsec rewrap counts; within one format every hash must cost "
    "what its decoy does.",
}
"""How to mend each sort of difference."""


def _kind_of_difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    some, none = Counter(ours), Counter(theirs)
    if some == none:
        return "order"
    names = {*(some - none), *(none - some)}
    if any(one.startswith(("messenger.", "sink.")) for one in names):
        return "mail"
    return "hashes" if all(one.startswith(("hash permit", HASHED)) for one in names) else "port calls"


def _costs(seen: _Seen) -> tuple[str, ...]:
    return tuple(one.cost for one in seen.calls if one.cost is not None)


def _told(calls: Sequence[Called]) -> str:
    return ", ".join(one.name for one in calls) or "nothing is asked"


def _sides(somebody: object, nobody: object) -> str:
    return f"  somebody: {somebody}\n  nobody:   {nobody}"


def _comparable(answer: object) -> object:
    """An answer without what has to differ: of tokens and codes, which no repr shows, the length."""
    if attrs.has(type(answer)):
        pairs = ((one, getattr(answer, one.name)) for one in attrs.fields(type(answer)))
        return type(answer).__name__, *((one.name, _comparable(value) if one.repr else _length(value)) for one, value in pairs)
    if isinstance(answer, Mapping):
        return {key: _comparable(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [_comparable(one) for one in answer]
    return answer


def _length(value: object) -> object:
    return f"{len(value)} characters" if isinstance(value, str) else type(value).__name__


def _surprise(drawn: Counter[str], expected: Mapping[str, float], *, sampled: Counter[str]) -> tuple[float, float]:
    """
    Chi-square of what was drawn against what was expected, and what it passes once in a million (after Wilson and Hilferty).

    Where the proportions are those of a sample, its own chance counts as well.
    """
    total = drawn.total()
    wider = 1 + total / sampled.total() if sampled else 1.0
    surprise = sum((drawn[one] - total * part) ** 2 / (total * part * wider) for one, part in expected.items())
    free = max(1, len(expected) - 1)
    return surprise, free * (1 - 2 / (9 * free) + DEVIATION * sqrt(2 / (9 * free))) ** 3


def _subject(identifier: str) -> str:
    return identifier.removesuffix(DOMAIN)


def _number(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


async def _awaited(answer: Any) -> object:
    return await answer
