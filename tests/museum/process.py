"""Another process of one deployment: builds an engine on the place it is told, and runs what it is told."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from attrs import evolve, field, frozen
from tests.faults import processes
from tests.museum.harness import SHORT, Exhibit
from tests.places import opened

from acctsec import Context, Engine, Keyring, ResetLink, TotpCode
from acctsec.testing.doubles import InstrumentedHashing, ManualClock, MemoryDirectory


@frozen(kw_only=True)
class LoudHashing(InstrumentedHashing):
    """Writes one byte into a file before each comparison with a real verifier, so that a kill loses none."""

    path: str = field(default=os.devnull)
    hang: bool = False

    def verify(self, stored, password):
        with Path(self.path).open("ab", buffering=0) as file:
            file.write(b".")
        if self.hang:
            time.sleep(60)
        return super().verify(stored, password)


class Process:
    """Another process of the same deployment, on the same place."""

    def __init__(self, w: Exhibit, place, **setting: object) -> None:
        account = w.directory.get("", "u1")
        told = {"store": place.address, "keys": w.keys, "accounts": [account], "now": w.clock().isoformat(), **setting}
        self._process = processes.Process(live, told)

    def write(self, value: object) -> None:
        """Have it make calls."""
        self._process.line.send(value)

    def read(self):
        """The next answer of the process."""
        return self._process.line.recv()

    def kill(self) -> None:
        """End it without warning."""
        self._process.kill()
        self._process.end()

    def wait(self) -> None:
        """Let it come to its end."""
        self.write(None)
        self._process.end()


def live(told: dict, line) -> None:
    """The life of one."""
    knobs = {name: getattr(SHORT.hashing, name) for name in SHORT.hashing.__slots__ if not name.startswith("__")}
    file, hang = told.get("comparisons", os.devnull), told.get("hang", False)
    engine = Engine(
        policy=evolve(SHORT, hashing=LoudHashing(**knobs, path=file, hang=hang)),
        store=opened(told["store"]),
        directory=MemoryDirectory(*told["accounts"]),
        keyring=Keyring(sealing=[told["keys"][0]], index=[told["keys"][1]]),
        outbox="manual",
        clock=ManualClock(datetime.fromisoformat(told["now"])),
    )
    line.send("ready")
    while (calls := line.recv()) is not None:
        with ThreadPoolExecutor(len(calls)) as pool:
            line.send(list(pool.map(lambda call: do(engine, *call), calls)))
    os._exit(0)


def do(engine: Engine, operation: str, source: str, *args: str) -> str:
    """Run one operation and name its outcome."""
    context = Context.of(source)
    if operation == "redeem":
        outcome = engine.redeem_reset(ResetLink(args[0]), args[1], context=context)
    elif operation == "factor":
        outcome = engine.verify_factor(args[0], TotpCode(args[1]), context=context)
    else:
        outcome = engine.sign_in(*args, context=context)
    return type(outcome).__name__
