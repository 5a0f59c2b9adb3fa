"""W1: what a sign-in pays for being watched across accounts."""

from itertools import count

from tests.bench import raw, world
from tests.bench.table import BENCH, Row, percent, si
from tests.bench.timing import Pace, interleaved

from acctsec import MemoryStore, MemoryWatch
from acctsec._blocking import run
from acctsec._flows.hashes import Password
from acctsec.context import Source
from acctsec.steps import Scene

HOUSES = 250


@BENCH.row("W1")
def watched(pace: Pace):
    """A look, and a look with a count, as the engine makes them: with digests of what was typed, and every table full."""
    guesses, watch = pace.of(70_000, 200), MemoryWatch()
    engine = world.engine(MemoryStore(), world.Users(1), watch=watch)
    flow = engine._flows.sign_in.guesses.watching
    scene = Scene(tenant="", subject="", account=None, now=engine._flows.core.now(), source="")
    at = count()

    def attempt(number: int):
        home = Source(f"10.{number >> 8 & 255}.{number & 255}.{number % HOUSES}")
        return run(flow.look(scene, home, typed=b"user%d" % number, password=Password(f"wrong {number}", f"wrong {number}")))

    def wrong(number: int) -> None:
        run(flow.wrong(scene, attempt(number)))

    for number in range(guesses):
        wrong(number)
    here = [Source(f"10.1.1.{number}") for number in range(HOUSES)]

    def look() -> None:
        number = next(at)
        run(flow.look(scene, here[number % HOUSES], typed=b"user", password=Password(f"right {number}", f"right {number}")))

    def failed() -> None:
        number = next(at)
        one = Password(f"wrong {number}", f"wrong {number}")
        met = run(flow.look(scene, here[number % HOUSES], typed=b"user%d" % number, password=one))
        run(flow.wrong(scene, met))

    timed = interleaved(pace, {"hash": raw.argon2(), "look": look, "failed": failed})
    for name, what, goal in (("look", "a right one", 15e-6), ("failed", "a wrong one", 60e-6)):
        yield Row(
            id="W1",
            what=f"watching a stranger's sign-in across accounts, {what}; memory, {guesses} guesses before",
            ours=si(timed.seconds(name)),
            peer=f"hash {si(timed.seconds('hash'))}",
            ratio=percent(timed.ratio(name, "hash")),
            figure=timed.ratio(name, "hash"),
            goal=f"≤ {si(goal)}",
            met=timed.seconds(name) <= goal,
        )
