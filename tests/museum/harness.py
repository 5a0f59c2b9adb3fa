"""What the museum's tests stand on: ports whose every call is written down, races, other processes."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from threading import Barrier, Thread
from urllib.parse import quote

from attrs import evolve, field, frozen

from acctsec import (
    CHEAPEST,
    Engine,
    FactorRequired,
    Keyring,
    LockoutPolicy,
    RecoveryCodes,
    ResetPolicy,
    TotpCode,
)
from acctsec.hashing.phc import parse
from acctsec.hashing.policy import WRAPPED
from acctsec.protocols import Granted
from acctsec.testing.doubles import OUTBOX, InstrumentedHashing, MemoryDirectory
from acctsec.testing.world import PASSWORD, World, built

STORE = ("load", "commit", "drain", "ack", "scan", "charge", "settle", "read")
NEW = "violet staple under the harbour 63"
OTHERS = tuple(
    f"{word} lantern beside quiet gravel {41 + 7 * n}"
    for n, word in enumerate(["amber", "birch", "cobalt", "dusk", "ember", "fjord", "gale", "heath"])
)
SHORT = evolve(
    CHEAPEST,
    lockout=LockoutPolicy(patience=timedelta(milliseconds=250)),
    reset=ResetPolicy(passwords_by_administrators=True),
)
"""The cheapest policy with little patience, and with every path there is: attempts that crowd each other give up soon."""

ROOT = Path(__file__).parents[2]


# --- ports that write down what they are asked --------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies here. Nothing in the library may catch it."""


class Traced:
    """A store in front of a store: writes every call down, and lets a test step in before and after each."""

    def __init__(self, store, trace: list) -> None:
        self.store = store
        self.trace = trace
        self.before: Callable = _nothing
        self.after: Callable = _nothing
        for name in STORE:
            setattr(self, name, self._traced(name))
        for name in OUTBOX:  # what operators ask is no part of a flow, and is not written down
            if hasattr(store, name):
                setattr(self, name, getattr(store, name))

    def _traced(self, name: str):
        def call(*args, **kwargs):
            self.before(name, args)
            answer = getattr(self.store, name)(*args, **kwargs)
            self.trace.append((name, args, answer))
            self.after(name, answer)
            return answer

        return call


def _nothing(*_: object) -> None:
    pass


class TracedDirectory(MemoryDirectory):
    """A user table that writes every question down."""

    def __init__(self, trace: list) -> None:
        super().__init__()
        self.trace = trace

    def find(self, tenant, identifier):
        answer = super().find(tenant, identifier)
        self.trace.append(("find", (tenant, identifier), answer))
        return answer

    def apply(self, change):
        answer = super().apply(change)
        self.trace.append(("apply", (change,), answer))
        return answer

    def get(self, tenant, subject):
        answer = super().get(tenant, subject)
        self.trace.append(("get", (tenant, subject), answer))
        return answer


class Trace(list):
    """What was asked of the ports, in order; its repr says nothing, as it is shown among the knobs of a policy."""

    def __repr__(self) -> str:
        return "<trace>"


@frozen(kw_only=True)
class TracedHashing(InstrumentedHashing):
    """A hashing policy that writes down every hash it computes, with its cost."""

    trace: Trace = field(factory=Trace, eq=False)

    def verify(self, stored, password):
        self._trace(stored, decoy=False)
        return super().verify(stored, password)

    def spend(self, stored, password):
        self._trace(stored, decoy=True)
        super().spend(stored, password)

    def _trace(self, stored, *, decoy):
        read = parse(stored)
        self.trace.append(("verify", read.parameters if read else (self.scheme(stored) or "").removeprefix(WRAPPED), decoy))

    def hash(self, password, *, salt):
        self.trace.append(("hash", self.parameters, False))
        return super().hash(password, salt=salt)


# --- worlds -----------------------------------------------------------------------------------------------------------


class Exhibit(World[Engine]):
    """A world whose ports write down what they are asked, on one of the stores."""

    trace: Trace
    keys: tuple[bytes, bytes]

    def calls_since(self, mark: int) -> list:
        """The calls of ports since the trace had *mark* entries, in a form that can be compared."""
        return [_shape(*one) for one in self.trace[mark:]]

    def observe(self, operation: Callable):
        """Run an operation; answers its outcome and the port calls it made."""
        mark = len(self.trace)
        outcome = operation()
        return outcome, self.calls_since(mark)

    def admitted(self, kind: str, mark: int = 0, *, first_meter_only: bool = False) -> int:
        """How many guesses of a class were let through to a comparison since the trace had *mark* entries."""
        charged = [(call[1][0], call[2]) for call in self.trace[mark:] if call[0] == "charge"]
        of_kind = [one for one in charged if one[0][-1].meter.removeprefix(b"!").startswith(f"{kind}/".encode())]
        meters = {_lane(charges) for charges, _ in of_kind[:1] if first_meter_only}
        through = [charges for charges, readings in of_kind if all(isinstance(one, Granted) for one in readings)]
        return sum(not meters or _lane(charges) in meters for charges in through)

    def flushes(self, mark: int = 0) -> int:
        """How often something was written since the trace had *mark* entries."""
        return sum(one[0] in {"commit", "charge", "settle"} for one in self.trace[mark:])

    def guarded(self, subject="u1", identifier="alice@example.org", password=PASSWORD):
        """A subject with an authenticator and recovery codes; answers the app, the codes and the newest session."""
        self.sign_up(subject, identifier, password)
        app, session = self.enroll(self.sign_in(identifier, password).session)
        issued = self.engine.issue_recovery_codes(session, context=self.context())
        assert isinstance(issued, RecoveryCodes), issued
        return app, issued.codes, issued.session

    def ticket(self, identifier="alice@example.org", password=PASSWORD, **facts) -> str:
        """The ticket of a sign-in that waits for a factor."""
        outcome = self.engine.sign_in(identifier, password, context=self.context(**facts))
        assert isinstance(outcome, FactorRequired), outcome
        return outcome.ticket

    def fully(self, app, identifier="alice@example.org", password=PASSWORD, **facts):
        """Sign in with password and code. The clock moves on to the next code."""
        ticket = self.ticket(identifier, password, **facts)
        outcome = self.engine.verify_factor(ticket, app.code(self.clock()), context=self.context(**facts))
        self.clock.advance(seconds=30)
        return outcome


def _shape(name, args, answer):
    """What of a port call may not depend on whether somebody exists: no keys and no values, but every number."""
    if name == "charge":
        charges, _ = args
        return name, tuple(
            (one.meter[:1] == b"!", one.ladder, type(read).__name__) for one, read in zip(charges, answer, strict=True)
        )
    if name == "settle":
        return name, tuple(one.verdict for one in args[0])
    if name in {"verify", "hash"}:
        return name, args  # the cost; that a decoy is compared shows nowhere outside
    return (name,)


def exhibit(place, *, policy=SHORT, seed=0, **ports) -> Exhibit:
    """An engine on *place* with doubles around it that write everything down; further *ports* as of `world`."""
    trace = Trace()
    knobs = {name: getattr(policy.hashing, name) for name in policy.hashing.__slots__ if not name.startswith("__")}
    hashing = TracedHashing(**knobs, trace=trace)
    world = built(Exhibit, Engine, Traced(place.open(), trace), policy=evolve(policy, hashing=hashing), seed=seed, **ports)
    world.trace, world.directory = trace, TracedDirectory(trace)
    world.keys = tuple(sha256(f"{name} {seed}".encode()).digest() for name in ("sealing", "index"))
    world.keyring = Keyring(sealing=[world.keys[0]], index=[world.keys[1]], entropy=world.entropy)
    world.restart()
    return world


def other_node(world: Exhibit, place) -> Engine:
    """Another engine of the same deployment, on a handle of its own to the same store."""
    ports = {"policy": world.policy, "keyring": world.keyring, "directory": world.directory, "entropy": world.entropy}
    return Engine(**ports, store=place.open(), messenger=world.messenger, sink=world.sink, clock=world.clock)


async def close(store) -> None:
    """Close an async handle; one on memory needs none."""
    if hasattr(store, "close"):
        await store.close()


# --- races and sources ------------------------------------------------------------------------------------------------


def par(*calls: Callable) -> list:
    """Release all *calls* at once, each on a thread of its own; what each answered, or raised, in order."""
    barrier, answers = Barrier(len(calls)), [None] * len(calls)

    def run(number: int, call: Callable) -> None:
        barrier.wait()
        try:
            answers[number] = call()
        except BaseException as error:
            answers[number] = error

    threads = [Thread(target=run, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def address(number: int) -> str:
    """The address of attacker number so-and-so."""
    return f"198.18.{number // 250}.{number % 250 + 1}"


def kinds(outcomes: Sequence[object]) -> dict[str, int]:
    """How often each sort of outcome came."""
    counted: dict[str, int] = {}
    for outcome in outcomes:
        counted[type(outcome).__name__] = counted.get(type(outcome).__name__, 0) + 1
    return counted


def forms(secret: str) -> list[bytes]:
    """A secret as it may have slipped out: as it is, in hex, in every base64 alignment, percent-encoded, as JSON."""
    raw = secret.encode()
    found = [raw, raw.hex().encode(), raw.hex().upper().encode(), quote(secret).encode(), json.dumps(secret)[1:-1].encode()]
    for shift in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            found.append(encode(bytes(shift) + raw)[4 if shift else 0 :].rstrip(b"=")[:-2])
    return found


def right_among(count: int, at: int, right: TotpCode | str) -> list[str]:
    """*count* six- or more-digit codes that are wrong, but for the right one at position *at*."""
    code = right.code if isinstance(right, TotpCode) else right
    wrong = (f"{number:0{len(code)}d}" for number in range(count + 10))
    codes = [one for one in wrong if one != code][:count]
    codes[at] = code
    return codes


def _lane(charges):
    """The meter that counts a lane: its row, and its name there."""
    return charges[-1].slot, charges[-1].meter
