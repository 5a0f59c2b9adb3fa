"""Act 3: sixty-four threads guess one account at once."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from time import perf_counter

from attrs import frozen

from acctsec import (
    SOCIAL_DEFAULT,
    Account,
    Context,
    Engine,
    HashingPolicy,
    Initial,
    PasswordChanged,
    Refused,
    SignedIn,
)
from acctsec._demo.people import most_used
from acctsec._demo.stage import Stage, expect, patiently
from acctsec._demo.world import Watched, World
from acctsec.hashing.governor import Governor
from acctsec.hashing.policy import Comparison

SUBJECT = "ben"
MAIL = "ben@example.net"
PASSWORD = "three bicycles behind the mill"
THREADS, LATER = 64, 16
FAST_THREADS, FAST_LATER = 24, 8
HOME = "192.0.2.80"


@frozen(kw_only=True)
class Guess:
    """One wrong password: when it was sent and answered (in seconds), what was answered, and whether it was compared."""

    number: int
    start: float
    end: float
    answer: object
    compared: bool


@frozen(kw_only=True)
class Attack:
    """What the attack got."""

    limit: int
    guesses: tuple[Guess, ...]
    owner: tuple[float, float]
    later: tuple[int, int]
    naive: tuple[Guess, ...]
    naive_count: int
    rest: timedelta

    @property
    def compared(self) -> int:
        """Distinct candidates that met the real hash."""
        return sum(guess.compared for guess in self.guesses)

    @property
    def naive_compared(self) -> int:
        """The same for the counter that checks and then counts."""
        return sum(guess.compared for guess in self.naive)


class CheckThenCount:
    """
    The counter of many a login service: read the count, compare, write the count.

    Each of its lines is right. Between them is the time of a hash, in which everybody else reads the same count.
    """

    def __init__(self, path: Path, *, hashing: HashingPolicy, stored: str, limit: int) -> None:
        self._path = path
        self._hashing = hashing
        self._stored = stored
        self._limit = limit
        self._governor = Governor(permits=None, queue=2 * THREADS, patience=timedelta(minutes=1))
        self._execute("CREATE TABLE accounts (failures INTEGER)")
        self._execute("INSERT INTO accounts VALUES (0)")

    @property
    def failures(self) -> int:
        """What it has counted."""
        ((failures,),) = self._execute("SELECT failures FROM accounts")
        return failures

    def sign_in(self, password: str) -> str:
        """Answer ``locked``, ``wrong`` or ``right``."""
        failures = self.failures
        if failures >= self._limit:
            return "locked"
        if self._governor.run(lambda: self._hashing.verify(self._stored, password)) is Comparison.MATCHED:
            return "right"
        self._execute("UPDATE accounts SET failures = ?", failures + 1)
        return "wrong"

    def _execute(self, statement: str, *values: object) -> list[tuple[int]]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()


def play(stage: Stage, world: World) -> Attack:
    """Attack, and count what was compared."""
    limit, rest = world.policy.lockout.strangers.free, world.policy.lockout.strangers.first
    threads, more = (FAST_THREADS, FAST_LATER) if world.fast else (THREADS, LATER)
    stage.open(
        f"{threads} threads guess one account at once",
        "Each thread has a wrong password and an address of its own, so no limit of a source is what stops them. Every guess "
        f"costs a real hash (Argon2id, 19 MiB). The policy allows strangers {limit} failures; then they rest. Ben, the owner, "
        "signs in from the browser he always uses while it goes on.",
    )
    hashing = Watched.over(SOCIAL_DEFAULT.hashing)
    engine = world.engine(hashing)
    device = _moves_in(engine, world)
    wrong = most_used(threads + more)
    hashing.seen.compared.clear()
    guesses, owner = _storm(engine, hashing, wrong[:threads], device)
    naive, naive_count = _naively(world, wrong[:threads], limit)
    _show(stage, limit, guesses, naive, naive_count)
    world.clock.wait(rest + timedelta(seconds=1))
    afterwards, _ = _storm(engine, hashing, wrong[threads:], None)
    later = sum(guess.compared for guess in afterwards)
    result = Attack(
        limit=limit, guesses=guesses, owner=owner, later=(len(afterwards), later), naive=naive, naive_count=naive_count, rest=rest
    )
    _assert(stage, engine, result, device)
    world.deliver(engine)
    return result


def _moves_in(engine: Engine, world: World) -> str:
    """Ben has an account, and a browser that is known."""
    world.people.add(Account(subject=SUBJECT, identifiers=(MAIL,), addresses=(MAIL,)))
    world.secret("password", PASSWORD), world.secret("address", MAIL)
    expect(engine.set_password(SUBJECT, PASSWORD, by=Initial(), context=Context.of(HOME)), PasswordChanged)
    return expect(engine.sign_in(MAIL, PASSWORD, context=Context.of(HOME)), SignedIn).device


def _storm(
    engine: Engine, hashing: Watched, passwords: list[str], device: str | None
) -> tuple[tuple[Guess, ...], tuple[float, float]]:
    """Every guess at the same moment, and the owner among them where *device* is given."""
    gate = Barrier(len(passwords) + (device is not None))

    def sign_in(number: int, password: str, context: Context) -> tuple[int, float, float, object]:
        gate.wait()
        start = perf_counter()
        answer = patiently(lambda: engine.sign_in(MAIL, password, context=context))
        return number, start, perf_counter(), answer

    contexts = [Context.of(f"10.{number // 250}.{number % 250}.1") for number in range(len(passwords))]
    with ThreadPoolExecutor(len(passwords) + 1) as pool:
        waiting = [pool.submit(sign_in, *work) for work in zip(range(len(passwords)), passwords, contexts, strict=True)]
        owner = pool.submit(sign_in, -1, PASSWORD, Context.of(HOME, device=device)) if device else None
        answers = [one.result() for one in waiting]
    began = min(start for _, start, _, _ in answers)
    compared = set(hashing.seen.compared)
    guesses = tuple(
        Guess(number=number, start=start - began, end=end - began, answer=answer, compared=passwords[number] in compared)
        for number, start, end, answer in answers
    )
    if owner is None:
        return guesses, (0.0, 0.0)
    _, start, end, answer = owner.result()
    expect(answer, SignedIn)
    return guesses, (start - began, end - began)


def _naively(world: World, passwords: list[str], limit: int) -> tuple[tuple[Guess, ...], int]:
    """The same guesses, the same hash, the same governor, and the counter that everybody writes first."""
    hashing = SOCIAL_DEFAULT.hashing
    stored = hashing.hash(PASSWORD, salt=bytes(range(hashing.salt_bytes)))
    service = CheckThenCount(world.scratch / "check-then-count.db", hashing=hashing, stored=stored, limit=limit)
    gate = Barrier(len(passwords))

    def sign_in(number: int) -> Guess:
        gate.wait()
        start = perf_counter()
        answer = service.sign_in(passwords[number])
        return Guess(number=number, start=start, end=perf_counter(), answer=answer, compared=answer != "locked")

    with ThreadPoolExecutor(len(passwords)) as pool:
        return tuple(pool.map(sign_in, range(len(passwords)))), service.failures


def _show(stage: Stage, limit: int, guesses: tuple[Guess, ...], naive: tuple[Guess, ...], naive_count: int) -> None:
    screen = stage.screen
    for title, made in (
        (f"reserve, compare, settle (acctsec, limit {limit})", guesses),
        (f"read, compare, count (limit {limit})", naive),
    ):
        compared = sum(guess.compared for guess in made)
        screen.say(f"{compared} of {len(made)} guesses were compared with the hash: {title}")
        for row in range(0, len(made), 32):
            screen.grid(" ".join(screen.dot(guess.compared) for guess in made[row : row + 32]), good=compared <= limit)
        screen.say()
    screen.say(f"The second counter stood at {naive_count} when all was over: they overwrote each other.")
    screen.say()


def _assert(stage: Stage, engine: Engine, result: Attack, device: str) -> None:
    over, (many, more) = max(guess.end for guess in result.guesses), result.later
    stage.claim(
        f"Of {len(result.guesses)} distinct passwords {result.compared} met the real hash; the policy says {result.limit}.",
        result.compared == result.limit,
    )
    stage.claim(
        "Compared or not, every guess got the same answer: Refused, with no time to wait.",
        {repr(guess.answer) for guess in result.guesses} == {repr(Refused())},
    )
    stage.claim(
        f"Ben signed in while it went on: he was in {result.owner[1]:.1f} s after the first guess of an attack of {over:.1f} s.",
        result.owner[0] < over,
    )
    stage.claim(
        f"After the rest of {result.rest.seconds} s another {many} guesses at once: {more} more was compared.",
        more == 1,
    )
    stranger = engine.sign_in(MAIL, PASSWORD, context=Context.of("198.51.100.251"))
    owner = engine.sign_in(MAIL, PASSWORD, context=Context.of(HOME, device=device))
    stage.claim(
        "Meanwhile even the right password is refused to a stranger, and accepted from Ben's browser.",
        isinstance(stranger, Refused) and isinstance(owner, SignedIn),
    )
    stage.claim(
        f"The counter that checks, then counts, let {result.naive_compared} through under the same threads.",
        result.naive_compared > result.limit,
    )
