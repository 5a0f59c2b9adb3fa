"""Another process of one deployment: builds an engine on the place it is told, and runs what it is told."""

import base64
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from attrs import evolve, field, frozen
from tests.museum.harness import SHORT
from tests.places import opened

from acctsec import Account, Context, Engine, Keyring, ResetLink, TotpCode
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


def main() -> None:
    setting = json.loads(sys.stdin.readline())
    knobs = {name: getattr(SHORT.hashing, name) for name in SHORT.hashing.__slots__ if not name.startswith("__")}
    file, hang = setting.get("comparisons", os.devnull), setting.get("hang", False)
    policy = evolve(SHORT, hashing=LoudHashing(**knobs, path=file, hang=hang))
    directory = MemoryDirectory(*(Account(**account) for account in setting["accounts"]))
    keys = [base64.b64decode(key) for key in setting["keys"]]
    engine = Engine(
        policy=policy,
        store=opened(setting["store"]),
        directory=directory,
        keyring=Keyring(sealing=[keys[0]], index=[keys[1]]),
        outbox="manual",
        clock=ManualClock(datetime.fromisoformat(setting["now"])),
    )
    answer("ready")
    for line in sys.stdin:
        calls = json.loads(line)
        with ThreadPoolExecutor(len(calls)) as pool:
            answer(list(pool.map(lambda call: do(engine, *call), calls)))


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


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


if __name__ == "__main__":
    main()
