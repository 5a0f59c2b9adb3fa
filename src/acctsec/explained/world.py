"""The rows of all meters, and attempts on them from charge to settlement: pure, by the arithmetic of every store."""

from collections.abc import Mapping, Sequence

from attrs import define, field

from acctsec.lockout import Admitted, Attempt, Judgement, Lane, LockoutPolicy, SecretClass
from acctsec.meters import FRESH, Meter, charge_row, settle_row
from acctsec.protocols import Charge, Granted, Reading, Settle, Settlement, Untouched

PASSWORD = SecretClass.PASSWORD
Row = dict[bytes, Meter]


@define
class World:
    """What the meters of one policy hold. No two guesses in it are equal: an attacker repeats none."""

    policy: LockoutPolicy
    rows: dict[bytes, Row] = field(factory=dict)
    made: int = 0

    def attempt(self, source: bytes, subject: bytes, lane: Lane, *, known: int = 0, month: int = 0) -> Attempt:
        """One more guess; *known* and *month* are what the record remembers."""
        self.made += 1
        number = self.made
        return Attempt(
            kind=PASSWORD,
            lane=lane,
            subject=subject,
            source=source,
            pair=subject,
            candidate=number,
            outside=number,
            hold=number.to_bytes(16, "little"),
            known=known,
            month=month,
        )

    def compare(self, attempt: Attempt, now: int, verdict: Settle = Settle.FAILED) -> Judgement:
        """
        Charge and settle one attempt at once. A refused one leaves no trace: who knows the policy knows the answer without
        asking, and asking could only cost him room.
        """
        charges = self.policy.charges(attempt)
        readings, changed = self._charged(charges, now)
        judgement = self.policy.judge(charges, readings)
        if isinstance(judgement, Admitted):
            for slot, meters in changed.items():
                self._write(slot, meters)
            self._settle(self.policy.settlements(charges, readings, verdict), now)
        return judgement

    def meter(self, subject: bytes, name: bytes) -> Meter:
        """One meter as the last attempt left it."""
        return self.rows.get(subject, {}).get(name, FRESH)

    def _charged(self, charges: Sequence[Charge], now: int) -> tuple[list[Reading], dict[bytes, Mapping[bytes, Meter | None]]]:
        """Charge row after row until one refuses; nothing is written yet."""
        answers: dict[bytes, list[Reading]] = {}
        changed: dict[bytes, Mapping[bytes, Meter | None]] = {}
        refused = False
        for slot in dict.fromkeys(charge.slot for charge in charges):
            asked = [charge for charge in charges if charge.slot == slot]
            if refused:
                answers[slot] = [Untouched() for _ in asked]
                continue
            changed[slot], answers[slot] = charge_row(self.rows.get(slot, {}), asked, now)
            refused = not all(isinstance(reading, Granted) for reading in answers[slot])
        return [answers[charge.slot].pop(0) for charge in charges], changed

    def _settle(self, settlements: Sequence[Settlement], now: int) -> None:
        for slot in dict.fromkeys(one.slot for one in settlements):
            self._write(slot, settle_row(self.rows.get(slot, {}), [one for one in settlements if one.slot == slot], now))

    def _write(self, slot: bytes, meters: Mapping[bytes, Meter | None]) -> None:
        row = self.rows.setdefault(slot, {})
        for name, meter in meters.items():
            if meter is None:
                row.pop(name, None)
            else:
                row[name] = meter
