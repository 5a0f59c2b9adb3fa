"""acctsec itself: its policy, its meters and its steps, as the engine drives them."""

from datetime import UTC, datetime, timedelta

from tests.simulation.world import Try

from acctsec import Account, MemoryStore, Policy
from acctsec._values import evolve
from acctsec.lockout import Admitted, Attempt, Closed, Lane, OverBudget, SecretClass, era
from acctsec.protocols import Settle
from acctsec.record import Record, Reset, Verifier
from acctsec.recovery import Capability, Facts
from acctsec.steps import Changed, Compared, Drawn, Granted, NewVerifier, Recovery, Scene, issue_reset, redeem, sign_in

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAIL = b"mail"
ACCOUNT = Account(subject="owner")


class Ours:
    """
    A policy of acctsec: charges, meters in memory, judgement, settlement; sign-in and redeemed reset by the real steps.

    Left out of what the engine does: checkpoints in the record (they matter when meters are lost) and waiting for room (nothing
    runs in parallel here).
    """

    name = "acctsec"

    def __init__(self, policy: Policy | None = None, name: str = name) -> None:
        self.name = name
        self.policy = policy or Policy()
        self.store = MemoryStore()
        self.records: dict[int, Record] = {}
        self.ids = 0
        self.held = None

    def admit(self, one: Try, now: int) -> str | None:
        lockout = self.policy.lockout
        attempt = self._attempt(one, now)
        charges = lockout.charges(attempt)
        readings = self.store.charge(charges, now)
        match lockout.judge(charges, readings):
            case Admitted():
                self.held = attempt.lane, charges, readings
                return None
            case OverBudget():
                self.store.settle(lockout.settlements(charges, readings, Settle.VOID), now)
                return "address waits"
            case Closed(stopped=stopped):  # the work is done and the source charged, as for a wrong password
                self.store.settle(lockout.settlements(charges, readings, Settle.FAILED), now)
                where = "device" if attempt.lane.known else "network" if attempt.lane.network else "strangers"
                return f"lane of {where} {'stopped' if stopped else 'rests'}"
        raise AssertionError("no room, though nothing runs in parallel")

    def settle(self, one: Try, now: int, *, right: bool) -> bytes | None:
        lane, charges, readings = self.held
        verdict = Settle.CLEAR if right else Settle.FAILED
        device = self._granted(one, now, lane) if right else None
        self.store.settle(self.policy.lockout.settlements(charges, readings, verdict), now)
        return device

    def reset(self, owner: int, source: int, now: int) -> bytes | None:
        """A link was mailed, clicked, and a new password set: in that browser, which is known from now on."""
        record, scene, link = self._record(owner), _scene(now), self._id()
        ends = scene.now + self.policy.reset.link_lifetime
        live = Reset(id=link, epoch=0, recipient=MAIL, link=bytes(32), code=bytes(32), expires=ends, code_expires=ends)
        issued = issue_reset(self.policy, record, scene=scene, reset=live, asked=scene.now)
        new = NewVerifier(b"sealed", 1)
        recovery = Recovery(gives=Capability.PASSWORD, methods=("link",), facts=Facts(now=scene.now), reset=link)
        done = redeem(self.policy, issued.record, scene=scene, recovery=recovery, new=new, device=self._id())
        if not isinstance(done.verdict, Changed):
            raise AssertionError(done.verdict)
        self.records[owner] = done.record
        return done.verdict.device.id

    def unlock(self, owner: int, source: int, now: int) -> None:
        self.records[owner] = self._record(owner).with_fresh_meters()

    def _record(self, owner: int) -> Record:
        record = self.records.get(owner)
        if record is None:
            verifier = Verifier(sealed=b"sealed", born=0, preparation=1, since=EPOCH)
            record = self.records[owner] = Record(incarnation=bytes(16), verifier=verifier)
        return record

    def _attempt(self, one: Try, now: int) -> Attempt:
        record = self._record(one.owner)
        device = record.device(one.device) if one.device else None
        lane = self.policy.lockout.lane(record, device=device, network=_network(one.source), now=_instant(now))
        # A number for a password, as the keyed digest is: the same wrong password of another epoch is another one.
        candidate = (one.password * 2654435761 + record.epoch * 40503 + one.owner) & 0xFFFFFFFF
        return Attempt(
            kind=SecretClass.PASSWORD,
            lane=lane,
            subject=b"%d.%d" % (one.owner, record.meters),
            source=b"from %d" % one.source,
            pair=b"%d" % one.owner,
            candidate=candidate,
            outside=candidate,
            hold=self._id(),
            era=era(record, lane.name(SecretClass.PASSWORD)),  # a reset begins the lanes anew, and not the month
        )

    def _granted(self, one: Try, now: int, lane: Lane) -> bytes:
        record = self._record(one.owner)
        done = sign_in(
            self.policy,
            record,
            scene=evolve(_scene(now), network=_network(one.source)),
            compared=Compared(record.incarnation, record.verifier.born, matched=True),
            lane=lane,
            drawn=Drawn(session=self._id(), device=self._id(), network=self._id()[:8]),
            renewed=None,
        )
        if not isinstance(done.verdict, Granted):
            raise AssertionError(done.verdict)
        # Sessions are of no interest here, and a month of them for everybody would fill the memory.
        self.records[one.owner] = evolve(done.record, sessions=())
        return done.verdict.device.id

    def _id(self) -> bytes:
        self.ids += 1
        return self.ids.to_bytes(16, "little")


def _network(source: int) -> tuple[bytes, ...]:
    return (b"%16d" % source,)


def _instant(now: int) -> datetime:
    return EPOCH + timedelta(microseconds=now)


def _scene(now: int) -> Scene:
    return Scene(tenant="", subject="owner", account=ACCOUNT, now=_instant(now), reachable=frozenset({MAIL}))
