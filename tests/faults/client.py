"""
A process that dies where it is told, over and over.

    python -m tests.faults.client

It is given orders, a line of JSON each, and has a child for each of them, with an engine and a store of its own:

- ``store`` is the address of a site, ``deed`` the name of what is to be done with ``facts``, ``now`` the instant it is;
- ``at`` counts store calls: the child kills itself (SIGKILL) *after* call number ``at``, or before it if not ``after``;
- ``plant`` names a fault of the store itself, to see that it is found out.

It answers with the number of the child's process, and in a second line with all that the child ``said`` before it ended, word by
word while it happened: which calls it began and which came back, what was compared and what was handed on.
"""

import json
import os
import signal
import sys
from datetime import datetime
from importlib import import_module

from attrs import evolve, field, frozen
from tests.faults.deeds import DEEDS, TIGHT, WRONG_GUESS
from tests.faults.planted import PLANTED
from tests.faults.sites import opened

from acctsec import Account, Context, Engine, Keyring
from acctsec.testing.doubles import STORE, InstrumentedHashing, ManualClock, MemoryDirectory, SeededEntropy
from acctsec.testing.world import IDENTIFIER, SOURCE

DRIVERS = ("acctsec.stores._postgres_pool", "acctsec.stores._valkey_checks", "acctsec.stores._valkey_records", "argon2", "asyncio")
LONGEST = 60  # seconds that a child may take


@frozen(kw_only=True)
class LoudHashing(InstrumentedHashing):
    """Says of every comparison with a real verifier that it is about to be made."""

    say: object = field(default=None, eq=False, repr=False)

    def verify(self, phc, password):
        if phc != self.decoy():
            self.say("compared")
        return super().verify(phc, password)


class Mortal:
    """A store in front of a store, in which the process dies at one call."""

    def __init__(self, store, at, say, *, after):
        self._store = store
        self._at = at
        self._after = after
        self._say = say
        self._calls = 0
        for name in STORE:
            setattr(self, name, self._mortal(name))

    def _mortal(self, name):
        method = getattr(self._store, name)

        def call(*args):
            self._calls += 1
            fatal = self._calls == self._at
            if fatal and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            self._say("began", name)
            answer = method(*args)
            self._say("made", name)
            if fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


class Hands:
    """A messenger and a sink that say what they were handed."""

    def __init__(self, say):
        self._say = say

    def send(self, message):
        self._say("sent", message.key, message.link or "")

    def record(self, event, *, key):
        self._say("recorded", key)


def main():
    for part in DRIVERS:
        import_module(part)  # once, and not in every child
    for line in sys.stdin:
        order = json.loads(line)
        heard, mouth = os.pipe()
        child = os.fork()
        if not child:
            os.close(heard)
            _live(order, mouth)
        os.close(mouth)
        print(json.dumps({"child": child}), flush=True)
        with os.fdopen(heard, "rb") as file:
            said = [json.loads(one) for one in file]
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status) and os.WTERMSIG(status), "said": said}), flush=True)


def _live(order, mouth):
    """Do one deed, and end."""

    def say(*words):
        os.write(mouth, json.dumps(words).encode() + b"\n")

    signal.alarm(LONGEST)
    try:
        store = opened(order["store"])
        if order.get("plant"):
            store = PLANTED[order["plant"]](store)
        engine = _engine(Mortal(store, order.get("at", 0), say, after=order.get("after", False)), order["now"], say)
        deed = WRONG_GUESS if order["deed"] == "a wrong guess" else DEEDS[order["deed"]]
        outcome = deed.do(engine, Context.of(SOURCE), order["facts"])
        say("answered", type(outcome).__name__)
    except BaseException as error:
        say("raised", type(error).__name__, str(error))
    finally:
        os._exit(0)


def _engine(store, now, say):
    """An engine with the keys of `acctsec.testing.world`, which begin with what its entropy gives first."""
    entropy = SeededEntropy()
    knobs = {name: getattr(TIGHT.hashing, name) for name in TIGHT.hashing.__slots__ if not name.startswith("__")}
    hands = Hands(say)
    return Engine(
        policy=evolve(TIGHT, hashing=LoudHashing(**knobs, say=say)),
        store=store,
        directory=MemoryDirectory(Account(subject="u1", identifiers=(IDENTIFIER,), addresses=(IDENTIFIER,))),
        keyring=Keyring(sealing=[entropy(32)], index=[entropy(32)]),
        messenger=hands,
        sink=hands,
        clock=ManualClock(datetime.fromisoformat(now)),
    )


if __name__ == "__main__":
    main()
