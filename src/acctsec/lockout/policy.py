"""The policy of lockout: budgets for guessing, and what the meters are asked and mean."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import optional

from acctsec._values import evolve
from acctsec.budgets import Budget, Rungs, micros
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.lockout import hits as mass
from acctsec.lockout.hits import HitCount
from acctsec.lockout.lanes import (
    LADDERED,
    OPENED,
    STRANGERS,
    Admitted,
    Attempt,
    Closed,
    Crowded,
    Judgement,
    Lane,
    OverBudget,
    SecretClass,
    month_of,
    without_era,
)
from acctsec.meters import KEEP
from acctsec.protocols import Charge, Filled, Granted, Ladder, Reading, Resting, Settle, Settlement, Stopped
from acctsec.record import MAX_DEVICES, MAX_NETWORKS, MAX_OPENINGS, Device, Network, Record

if TYPE_CHECKING:
    from acctsec.explained import Explained, Likely

SOURCE = b"!source"
TURN = b"!turn"
HOUR = 3_600_000_000
PAIR = b"pair/"
TYPOS = b"!typos"
SLIPS = 5
"""
One in so many of a month's wrong secrets may be forgiven as a slip, in the month's length. One in ten of an owner's failures is
one, so he is never short of it; and whoever is near the password on purpose gains no more than this.
"""
STEP = 10  # every so many failures are committed to the record: what a loss of the meters can cost is one less than this


UNGUESSABLE = Rungs(free=1000, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=1000, window=timedelta(days=1))
"""For 80 random bits in a place where anybody can begin: a narrow budget would keep the owner out and nobody else."""


class Repeats(StrEnum):
    """Whether the same wrong secret, typed again, counts again."""

    FREE = "free"
    COUNT = "count"


class Outage(StrEnum):
    """What becomes of a guess while the meters do not answer."""

    REFUSE = "refuse"
    LOCAL = "local"


@frozen(kw_only=True)
class LockoutPolicy:
    """
    Budgets for guessing, after SP 800-63B-4 section 3.2.2: no more than 100 consecutive failures before a hard stop.

    Args:
        strangers: consecutive failures of all strangers together. Default: 10 free, then resting 1 min doubling to 30 min
            (standards agree on 10 and 30 min for the soft lock: PCI DSS 8.3.4), stop at 50.
        device: the same for each known device. Default: 8 free (with 5, the owner's own typos were most of what is refused
            where nobody attacks: docs/explanation/lockout-simulation.md), 30 s doubling to 15 min, stop at 10; with five devices
            all lanes together stay within the 100 of SP 800-63B-4.
        networks: how many networks an account remembers because somebody signed in fully from there. Strangers in one of them
            are counted apart from all others, on the same ladder: a botnet elsewhere does not lock an owner out at home, in a
            browser that nobody knows. A network is an IPv4 address or an IPv6 /64. Default 0: `strangers.stop` would have to be
            25 for one, 16 for two, 12 for three. Entra has such counters for familiar places.
        month: distinct wrong secrets of strangers in 30 days, whatever succeeds, is reset or opened meanwhile. Default 100:
            with the default password rules that many guesses of a well-informed attacker take less than 0.1 % of accounts.
            Slips of the owner are taken back once he is in without a second factor, up to a fifth of the budget
            (docs/decisions/0033).
        pair: one source against one identifier, visible to that source. Default: 5 free, 30 s doubling to 15 min, a day (SP
            800-63B-4 section 3.2.2 names delays from 30 s to 1 h; Keycloak and Cognito stop doubling at 15 min).
        source: one source against everybody. Default: 50 failures an hour, then 1 min doubling to 15 min: room for an office
            behind one address.
        tightened: by how much *pair* and *source* are narrower while an attack across accounts tightens what strangers may do: of
            the free failures only such a part, the first rest so many times as long. Default 5, the factor by which StopGuessing
            (EuroS&P 2019) takes a frequent guess for worse: 1 free and 10 free an hour; 1 narrows nothing.
        codes: every other class (a reset code, a factor of a reset, an enrolment ...), per subject. Default: 5 free, 1 min
            doubling to 15 min, 10 a day: for 8 digits a chance of one in ten million a day.
        unlocks: how often the owner may open the strangers' lane once it has stopped, by a mailed link or a second factor, each
            time for as many failures as a device has. At most 5, since an opened lane takes the room of a known device, so that
            all lanes together stay within the 100 of SP 800-63B-4 section 3.2.2. Default: 3 in 30 days, the window of month.
        notices: how often each address is told that guessing was stopped, which strangers can bring about. Default: once an
            hour, so that a flood of locks is no flood of mail.
        hits: a budget in probability beside those in guesses: strangers compare passwords that together so many people have, and
            no more. Default: not set. Under the default password rules 100 guesses take less than it would allow, and the
            shipped likelihood finds nothing left to weigh (decision 0034); it is for weaker rules, and for who knows what is
            popular at his own service.
        repeats: whether the same wrong secret counts again; it is compared all the same. Default FREE: a stale client repeats
            one old password for days.
        remember: how long a device or network stays known without a sign-in. Default 180 days, as the peers that have device
            lanes do.
        on_outage: what becomes of a guess while the meter store does not answer. Default REFUSE: nothing is compared and
            StoreUnavailable is raised (fail securely: OWASP ASVS 5.0 section 16.5). LOCAL: each process counts by itself.
        alone: with LOCAL, the distinct wrong secrets of a subject's lane that each process admits. Every one is written to
            the record before it is compared, so the stops hold over all processes. Default: 3 in 15 min.
        challenge_lifetime: how long a puzzle may take to be solved and sent back. Default 10 min, as for a code (ASVS 5.0 6.5.5);
            Cap gives as long.
        challenges: how many answers of one source, or of one known device, are looked at; each leaves a meter for two
            hours. Default 75 in 15 min, six times the failures of an office behind one address, and no longer a wait than theirs.
        lease: how long an attempt may take before it counts as failed. Default 30 s, above any queue for a hash.
        patience: how long an attempt of a known device waits inside the call for room held by others; a stranger is refused
            at once, or the wait would tell him what others do. Default 2 s, a wait a person still takes for slow.

    Raises ConfigError when all lanes together could pass 100 consecutive failures, and for numbers that contradict.
    """

    strangers: Rungs = field(
        default=Rungs(free=10, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=50), validator=kind(Rungs)
    )
    device: Rungs = field(
        default=Rungs(free=8, first=timedelta(seconds=30), longest=timedelta(minutes=15), stop=10), validator=kind(Rungs)
    )
    networks: int = field(default=0, validator=whole(0, MAX_NETWORKS))
    month: Rungs = field(
        default=Rungs(free=100, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=100, window=timedelta(days=30)),
        validator=kind(Rungs),
    )
    pair: Rungs = field(
        default=Rungs(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15), stop=1000, window=timedelta(days=1)),
        validator=kind(Rungs),
    )
    source: Rungs = field(
        default=Rungs(free=50, first=timedelta(minutes=1), longest=timedelta(minutes=15), stop=10_000, window=timedelta(hours=1)),
        validator=kind(Rungs),
    )
    codes: Rungs = field(
        default=Rungs(free=5, first=timedelta(minutes=1), longest=timedelta(minutes=15), stop=10, window=timedelta(days=1)),
        validator=kind(Rungs),
    )
    tightened: int = field(default=5, validator=whole(1, 1_000))
    unlocks: Budget = field(default=Budget(limit=3, window=timedelta(days=30)), validator=kind(Budget))
    notices: Budget = field(default=Budget(limit=1, window=timedelta(hours=1)), validator=kind(Budget))
    hits: HitCount | None = field(default=None, validator=optional(kind(HitCount)))
    repeats: Repeats = field(default=Repeats.FREE, validator=kind(Repeats))
    remember: timedelta = field(default=timedelta(days=180), validator=length())
    on_outage: Outage = field(default=Outage.REFUSE, validator=kind(Outage))
    alone: Budget = field(default=Budget(limit=3, window=timedelta(minutes=15)), validator=kind(Budget))
    challenge_lifetime: timedelta = field(
        default=timedelta(minutes=10), validator=length(timedelta(seconds=10), timedelta(hours=1))
    )
    challenges: Budget = field(default=Budget(limit=75, window=timedelta(minutes=15)), validator=kind(Budget))
    lease: timedelta = field(default=timedelta(seconds=30), validator=length(most=timedelta(minutes=10)))
    patience: timedelta = field(default=timedelta(seconds=2), validator=length(timedelta(0), timedelta(seconds=30)))

    def __attrs_post_init__(self) -> None:
        for name in ("strangers", "device"):
            if getattr(self, name).window is not None:
                message = f"{name} counts consecutive failures and cannot forget them after a window."
                raise ConfigError(message, remedy="Leave window out; `month` is the budget that refills by time.")
        for name in ("month", "pair", "source", "codes"):
            if getattr(self, name).window is None:
                raise ConfigError(f"{name} needs a window.", remedy="Say after how long its failures are forgotten.")
        for name, most in (("month", 1_000), ("pair", 10_000), ("source", 100_000), ("codes", 100)):
            if getattr(self, name).stop > most:
                raise ConfigError(f"{name}.stop is above {most}: it would stop nobody.", remedy="Lower it.")
        self._check_stops()
        if self.unlocks.limit > MAX_OPENINGS:
            message = f"unlocks.limit is {self.unlocks.limit}; an opened lane takes the room of one of {MAX_OPENINGS} devices."
            raise ConfigError(message, remedy=f"Let it be at most {MAX_OPENINGS}.")
        if self.lease <= self.patience:
            raise ConfigError("The lease is not longer than patience.", remedy="Raise lease.")

    def _check_stops(self) -> None:
        """All lanes an account can have together stay within what the standard allows, and no lane uses up another's month."""
        outside, devices = (1 + self.networks) * self.strangers.stop, MAX_DEVICES * self.device.stop
        if outside + devices > 100:
            times = f"{1 + self.networks} * " if self.networks else ""
            sum_ = f"{times}strangers.stop + {MAX_DEVICES} * device.stop"
            most = (100 - devices) // (1 + self.networks)
            lower = f"Lower strangers.stop to {most}" if most >= self.strangers.free else "Lower strangers.free and both stops"
            remedy = f"{lower}, or remember fewer networks." if self.networks else "Lower one of the two stops."
            raise ConfigError(f"{sum_} is {outside + devices}; SP 800-63B-4 section 3.2.2 allows 100.", remedy=remedy)
        if self.networks and self.month.stop < outside:
            message = f"month.stop is {self.month.stop}: strangers elsewhere could use up what is left to the known networks."
            raise ConfigError(message, remedy=f"Raise it to {outside}, or lower strangers.stop.")

    def explain(self, *, sources: int = 1000, likely: "Likely | None" = None) -> "Explained":
        """
        What these numbers allow to each kind of attacker, and what the owner meets meanwhile.

        *sources* is how many addresses a botnet has, 1 to 1,000,000. Default 1000: with the default policy more change nothing.
        *likely* says what guesses take: `acctsec.explained.Guessability`, the probabilities of the best guesses in falling
        order, or a function from a number of guesses to a share of accounts. Default: 100 guesses take 0.020 %, as measured on
        RockYou under the default password rules. Takes about a second, and longer the more `source` allows. Raises ConfigError
        for what is out of range.
        """
        from acctsec.explained import ROCKYOU, explain

        return explain(self, sources=sources, likely=ROCKYOU if likely is None else likely)

    def lane(self, record: Record, *, device: Device | None, network: Sequence[bytes], now: datetime) -> Lane:
        """Where somebody is counted who holds the token of *device* and comes from the *network* with these digests."""
        if device is not None and self.knows(device, now):
            return Lane(device.id)
        return next((Lane(network=one.id) for one in self.familiar(record.networks, now) if one.named(network)), STRANGERS)

    def knows(self, place: Device | Network, now: datetime) -> bool:
        """Whether a device or network still is what it was: it is forgotten after so long without a sign-in."""
        return now < place.since + self.remember

    def familiar(self, networks: tuple[Network, ...], now: datetime) -> tuple[Network, ...]:
        """The known networks that have a lane, the one seen last at the end: no more than the policy says by now."""
        return tuple(one for one in networks[-self.networks :] if self.knows(one, now)) if self.networks else ()

    def seen(
        self, networks: tuple[Network, ...], *, network: Sequence[bytes], fresh: bytes, now: datetime
    ) -> tuple[Network, ...]:
        """
        The known networks after a full success from the one with these digests, newest key first; past the cap the one seen
        longest ago is forgotten, and its lane with it. A new one gets the id *fresh*, so that its lane is new as well.
        """
        kept = self.familiar(networks, now)
        if not self.networks or not network:
            return kept
        old = next((one for one in kept if one.named(network)), None)
        last = Network(id=old.id if old else fresh, digest=network[0], since=now)
        return (*(one for one in kept if one is not old), last)[-self.networks :]

    def charges(self, attempt: Attempt) -> tuple[Charge, ...]:
        """
        The meters an attempt is put to before its secret is looked at: the pair and the source in the source's row, then the
        month and, last, the lane in the subject's. The source comes first: one that has to wait takes nobody's room. A known
        device answers for its own lane alone: nobody near it can hold it up. So does who proposes a new password: he has
        proven himself already.
        """
        short = attempt.kind not in LADDERED
        own = self._charge(
            attempt,
            attempt.subject,
            self.meter(attempt.kind, attempt.lane, attempt.era),
            self.rungs(attempt.kind, attempt.lane, attempt.opened),
        )
        if not short:
            own = evolve(own, at_least=attempt.known, floor=attempt.floor)
        if attempt.lane.known or attempt.kind is SecretClass.REUSE:
            return (own,)
        each, all_ = (self.pair, self.source)
        if attempt.tightened:
            each, all_ = each.narrowed(self.tightened), all_.narrowed(self.tightened)
        pair = self._charge(attempt, attempt.source, PAIR + attempt.pair, each)
        source = self._charge(attempt, attempt.source, SOURCE, all_)
        if short:
            return (pair, source, own)
        month = self._charge(attempt, attempt.subject, b"!" + month_of(attempt.kind).encode(), self.month)
        return (pair, source, *self._hits(attempt, month), evolve(month, at_least=attempt.month), own)

    def _hits(self, attempt: Attempt, like: Charge) -> tuple[Charge, ...]:
        """What the hit count is charged. It goes by the guess alone, so it is the same for every account and for none."""
        if self.hits is None:
            return ()
        candidate, weight = attempt.candidate, attempt.weight  # a repeat never weighs again, whatever `repeats` says
        return self.hits.charge(like, weight=weight, candidate=candidate, lease=self.lease, at_least=attempt.mass)

    def charges_alone(self, charges: Sequence[Charge], kind: SecretClass, *, stopped: bool = False) -> tuple[Charge, ...]:
        """
        The same attempt, to be counted by this process alone.

        Its source is counted for an hour, so that memory soon has room again; its subject by the narrow budget that is all a
        process may give while it does not know what others gave. What cannot be guessed keeps its own: a narrow one would keep
        the owner out and nobody else.

        At a lane that has *stopped* nothing is compared. What is tried there uses the narrow budget up, as it does at a name that
        nobody has, and is another candidate: none may be remembered as wrong for later, when a repeat of it would be free.
        """
        lane, lease = charges[-1], micros(self.lease)
        narrow = lane.ladder if kind is SecretClass.RECOVERY else evolve(self.alone.ladder(), lease=lease)
        outside = tuple(
            evolve(charge, ladder=evolve(charge.ladder, window=min(charge.ladder.window, HOUR)))
            for charge in charges
            if charge.slot != lane.slot
        )
        subject = [charge for charge in charges if charge.slot == lane.slot and charge.meter != mass.METER]
        inside = tuple(evolve(charge, ladder=narrow, at_least=0, floor=0) for charge in subject)
        if stopped:
            inside = tuple(evolve(charge, candidate=_another(charge.candidate)) for charge in inside)
        # One at a time: each has to be in the record before it is compared, and none may rest on one that is not there yet.
        turn = Charge(lane.slot, TURN, Ladder(1, 0, 0, 1, lease, lease), int.from_bytes(lane.hold[:4], "big"), lane.hold)
        return (*outside, turn, *inside)

    def rungs(self, kind: SecretClass, lane: Lane, opened: int = 0) -> Rungs:
        """
        The ladder of a lane. One that its owner *opened* has that of a device, until a success clears it.

        That of a known network is the strangers': with another, whoever shares the owner's network could tell by the time of
        a rung, and so by the clock, that the account is known there.
        """
        if kind in LADDERED:
            return self.device if lane.known or opened else self.strangers
        return UNGUESSABLE if kind is SecretClass.RECOVERY else self.codes

    def _charge(self, attempt: Attempt, slot: bytes, meter: bytes, rungs: Rungs) -> Charge:
        candidate = attempt.candidate if slot == attempt.subject else attempt.outside
        if self.repeats is Repeats.COUNT:
            candidate = int.from_bytes(attempt.hold[:4], "big")  # no two attempts are equal, so none is free
        return Charge(slot, meter, self._ladder(rungs), candidate, attempt.hold)

    def _ladder(self, rungs: Rungs) -> Ladder:
        return rungs.ladder(self.lease)

    def judge(self, charges: Sequence[Charge], readings: Sequence[Reading]) -> Judgement:
        """What the meters' answers mean, whatever order they came in; what a source may see comes first."""
        lane = readings[-1]
        if isinstance(lane, Granted) and all(type(reading) is Granted for reading in readings):
            return Admitted(lane.ordinal, lane.new)
        subject = charges[-1].slot
        outside = [r.until for c, r in zip(charges, readings, strict=True) if c.slot != subject and isinstance(r, Resting)]
        if outside:
            return OverBudget(max(outside))
        inside = [r for c, r in zip(charges, readings, strict=True) if c.slot == subject]
        if any(isinstance(reading, Stopped) for reading in inside):
            return Closed(None, stopped=True)
        resting = [reading.until for reading in inside if isinstance(reading, Resting)]
        if resting:
            return Closed(max(resting), stopped=False)
        full = [c for c, r in zip(charges, readings, strict=True) if c.slot == subject and isinstance(r, Filled)]
        if len(inside) < len(charges) and any(charge.meter != TURN for charge in full):
            # A stranger beside another's guess past the free ones, which will make the lane rest: whether he would have to wait
            # for it hangs on what the owner did, so he does not.
            return Closed(None, stopped=False)
        return Crowded()

    def repeated(self, charges: Sequence[Charge], readings: Sequence[Reading]) -> bool:
        """Whether a source typed the same at the same name before: so says the meter of the pair, which knows of no subject."""
        return any(
            charge.meter.startswith(PAIR) and isinstance(reading, Granted) and not reading.new
            for charge, reading in zip(charges, readings, strict=True)
        )

    def settlements(self, charges: Sequence[Charge], readings: Sequence[Reading], verdict: Settle) -> tuple[Settlement, ...]:
        """
        What to tell the meters afterwards. A success clears only the attempt's own lane; pair, source, month and hit count refill
        by time alone, so that a guesser cannot buy room with an account of his own. The hit count keeps nothing of a guess that
        came too late for it: at most accounts it was not compared, and it must look the same at all.
        """
        lane = charges[-1].meter
        settled = []
        for charge, reading in zip(charges, readings, strict=True):
            if isinstance(reading, Granted) and reading.hold is not None:
                own = verdict if charge.meter == lane or verdict is Settle.FAILED else Settle.VOID
                if charge.meter == TURN or (charge.meter == mass.METER and mass.spent(reading)):
                    own = Settle.VOID
                settled.append(Settlement(charge.slot, charge.meter, charge.ladder, reading.hold, own))
        return tuple(settled)

    def forgivable(self, charges: Sequence[Charge], readings: Sequence[Reading]) -> tuple[Charge, ...]:
        """
        The months that an attempt was charged to, one for each index key, if any of them knows of more than this attempt.

        None of a known device, which no month counts, and none where repeats count: then nothing is remembered by its candidate.
        """
        name = b"!" + month_of(SecretClass.PASSWORD).encode()
        months = [pair for pair in zip(charges, readings, strict=True) if pair[0].meter == name]
        more = any(isinstance(reading, Granted) and reading.ordinal > reading.new for _, reading in months)
        return tuple(month for month, _ in months) if more and self.repeats is Repeats.FREE else ()

    def forgiving(self, month: Charge, number: int) -> Charge:
        """What *number* forgiven secrets of a *month* are charged to: a budget of its own, a fifth of the month's and as long."""
        most = -(-month.ladder.stop // SLIPS)
        ladder = evolve(month.ladder, free=most, stop=most)
        return evolve(month, meter=TYPOS, ladder=ladder, candidate=None, at_least=0, weight=number)

    def clearing(
        self, charges: Sequence[Charge], *, lane: Lane, hold: bytes, era: str = "", opened: int = 0
    ) -> tuple[Settlement, ...]:
        """
        Clear the password lane once the second factor, whose *charges* these were, is proven: *hold* was parked when the
        password was right.
        """
        rungs = self.rungs(SecretClass.PASSWORD, lane, opened)
        meter = self.meter(SecretClass.PASSWORD, lane, era)
        rows = {charge.slot for charge in charges if charge.meter == charges[-1].meter}
        return tuple(Settlement(row, meter, self._ladder(rungs), hold, Settle.CLEAR) for row in sorted(rows))

    def meter(self, kind: SecretClass, lane: Lane, era: str = "") -> bytes:
        """
        The name of a lane's meter. That of the strangers is never evicted; devices and networks come and go, and so do the
        eras, or every reset would leave a meter for good. No stranger begins a meter in this row, so none can push another out.
        """
        name = (lane.name(kind) + era).encode()
        return KEEP + name if lane == STRANGERS and not era else name

    def due(self, charges: Sequence[Charge], readings: Sequence[Reading], kind: SecretClass, lane: Lane) -> dict[str, int]:
        """The lanes and budgets the record has to hear of before the secret is compared, and how far they have come."""
        told: dict[str, int] = {}
        names = self._names(kind, lane)
        for charge, reading in zip(charges, readings, strict=True):
            if charge.meter == mass.METER and isinstance(reading, Granted) and mass.reached(charge, reading):
                told[mass.NAME] = max(reading.ordinal, told.get(mass.NAME, 0))
            name = names.get(without_era(charge.meter))
            if kind in LADDERED and name and isinstance(reading, Granted):
                count = reading.ordinal
                past = count - charge.weight if reading.new else count
                if count // STEP > past // STEP or past < charge.ladder.stop <= count:
                    told[name] = max(count, told.get(name, 0))
        return told

    def used_up(self, kind: SecretClass, charges: Sequence[Charge], readings: Sequence[Reading]) -> int:
        """How many failures the month has with an attempt that takes the last of it; 0 for any other."""
        name = b"!" + month_of(kind).encode()
        for charge, reading in zip(charges, readings, strict=True):
            if charge.meter == name and isinstance(reading, Granted) and reading.new and reading.ordinal >= charge.ladder.stop:
                return reading.ordinal
        return 0

    def remembered(self, kind: SecretClass, lane: Lane, opened: int = 0) -> dict[str, Rungs]:
        """What the record remembers of a lane, by name: the lane itself, and the month of the strangers."""
        own = {lane.name(kind): self.rungs(kind, lane, opened)}
        return own if lane.known or kind not in LADDERED else own | {month_of(kind): self.month}

    def stopped(
        self,
        record: Record,
        kind: SecretClass,
        lane: Lane,
        *,
        now: datetime,
        charges: Sequence[Charge] = (),
        readings: Sequence[Reading] = (),
    ) -> bool:
        """
        Whether a lane, or the month of the strangers, has come to its stop by what the record and the meters know together.

        A meter does not know of the guesses that processes counted alone; the record has heard of the meter's at every tenth.
        """
        for name, rungs in self.remembered(kind, lane, record.checkpoint(lane.name(kind)).opened).items():
            point = record.checkpoint(name).within(rungs.window, now)
            if not readings:
                if point.total >= rungs.stop:
                    return True
            elif point.alone:
                names = self._names(kind, lane)
                for charge, reading in zip(charges, readings, strict=True):
                    if isinstance(reading, Granted) and names.get(without_era(charge.meter)) == name:  # noqa: SIM102 - one thought each
                        if reading.ordinal + point.alone > rungs.stop:
                            return True
        return False

    def too_likely(
        self, record: Record | None, lane: Lane, *, weight: int, charges: Sequence[Charge], readings: Sequence[Reading]
    ) -> bool:
        """
        Whether an admitted guess is not to be compared after all: it would bring this account above the mass of its hit count.

        The meters that admitted it count it all the same, as they do where it is compared.
        """
        if self.hits is None or lane != STRANGERS:
            return False
        verifier = None if record is None else record.verifier
        return self.hits.holds_for(verifier) and mass.exceeds(weight, charges, readings)

    def _names(self, kind: SecretClass, lane: Lane) -> dict[bytes, str]:
        """The names in the record of the meters that it remembers, whatever their era."""
        return {name.encode(): name for name in (lane.name(kind), month_of(kind))}

    def rung(self, kind: SecretClass, lane: Lane, count: int, opened: int = 0) -> str:
        """The rung that *count* failures reach: ``stopped``, ``slowed`` or none."""
        rungs = self.rungs(kind, lane, opened)
        if count >= rungs.stop:
            return "stopped"
        return "slowed" if kind in LADDERED and count >= rungs.free else ""

    def why_shut(self, record: Record, *, now: datetime) -> str:
        """Why a proof of the owner opens nothing, or "" where it opens the strangers' lane."""
        point = record.checkpoint(OPENED)
        if point.total < self.rungs(SecretClass.PASSWORD, STRANGERS, point.opened).stop:
            return "not stopped"
        month = record.checkpoint(month_of(SecretClass.PASSWORD)).within(self.month.window, now)
        if month.total >= self.month.stop:
            return "month"
        recent = sum(now < one.at + self.unlocks.window for one in record.openings)
        return "budget" if recent >= self.unlocks.limit or point.opened >= MAX_OPENINGS else ""


def _another(candidate: int | None) -> int | None:
    """The complement of a candidate, which is one too and never the same."""
    return None if candidate is None else ~candidate & 0xFFFFFFFF
