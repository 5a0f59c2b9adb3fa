"""
A client that dies where it is told.

It is given an order, has an engine and a store of its own, and says word by word what happens while it happens: which calls it
began and which came back, what was compared and what was handed on. In the order,

- ``store`` is the address of a site, ``deed`` the name of what is to be done with ``facts``, ``now`` the instant it is;
- ``at`` counts store calls: the client kills itself (SIGKILL) *after* call number ``at``, or before it if not ``after``.
"""

import os
import signal
from datetime import datetime

from attrs import evolve, field, frozen
from tests.faults.deeds import DEEDS, TIGHT, WRONG_GUESS
from tests.faults.sites import opened

from acctsec import Account, Context, Engine, Keyring
from acctsec.testing.doubles import STORE, InstrumentedHashing, ManualClock, MemoryDirectory, SeededEntropy
from acctsec.testing.world import IDENTIFIER, SOURCE

LONGEST = 60  # seconds that a child may take


@frozen(kw_only=True)
class LoudHashing(InstrumentedHashing):
    """Says of every comparison with a real verifier that it is about to be made."""

    say: object = field(default=None, eq=False, repr=False)

    def verify(self, stored, password):
        self.say("compared")
        return super().verify(stored, password)


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


def live(order, line):
    """Do one deed, and end."""

    def say(*words):
        line.send(words)

    signal.alarm(LONGEST)
    store = opened(order["store"])
    engine = _engine(Mortal(store, order.get("at", 0), say, after=order.get("after", False)), order["now"], say)
    deed = WRONG_GUESS if order["deed"] == "a wrong guess" else DEEDS[order["deed"]]
    try:
        say("answered", type(deed.do(engine, Context.of(SOURCE), order["facts"])).__name__)
    except Exception as error:
        say("raised", repr(error))
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
