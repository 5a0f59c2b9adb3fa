"""A lockout policy by itself: where each count begins and ends, and what each answer of the meters means."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve as evolve_policy
from hypothesis import example, given
from hypothesis import strategies as st

from acctsec import ConfigError, LockoutPolicy
from acctsec._values import evolve
from acctsec.budgets import Budget, Rungs, micros
from acctsec.lockout import (
    STRANGERS,
    Admitted,
    Attempt,
    Closed,
    Crowded,
    Lane,
    OverBudget,
    Repeats,
    SecretClass,
    era,
    month_of,
)
from acctsec.lockout import hits as mass
from acctsec.lockout.hits import PART, UNITS, HitCount
from acctsec.lockout.lanes import OPENED
from acctsec.protocols import Charge, Filled, Granted, Resting, Settle, Settlement, Stopped
from acctsec.record import MAX_OPENINGS, Checkpoint, Device, Network, Opening, Record, Verifier

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
POLICY = LockoutPolicy()
DEVICE = Lane(b"v" * 16)
ATTEMPT = Attempt(
    kind=SecretClass.PASSWORD,
    lane=STRANGERS,
    subject=b"subject",
    source=b"source",
    pair=b"pair",
    candidate=1,
    outside=2,
    hold=b"h" * 16,
)
CHARGES = POLICY.charges(ATTEMPT)
FREE = [Granted(b"hold", 1, True)] * len(CHARGES)


def answers(**given):
    """Room everywhere, but as said of the source (first two) and the subject (last two)."""
    found = [*FREE]
    for where, reading in given.items():
        found[{"pair": 0, "source": 1, "month": -2, "lane": -1}[where]] = reading
    return found


# --- ladders ----------------------------------------------------------------------------------------------------------

numbers, lengths = st.integers(1, 20), st.integers(1, 20).map(lambda hours: timedelta(hours=hours))


@example(1, 1, timedelta(1), timedelta(1), timedelta(1))
@given(numbers, numbers, lengths, lengths, st.none() | lengths)
def test_a_ladder_that_stands_on_its_head_is_refused_and_every_other_one_is_not(free, stop, first, longest, window):
    upright = free <= stop and first <= longest and (window is None or longest <= window)
    given = {"free": free, "stop": stop, "first": first, "longest": longest, "window": window}
    if upright:
        assert Rungs(**given).stop == stop
    else:
        with pytest.raises(ConfigError):
            Rungs(**given)


@given(numbers, lengths, st.integers(1, 10))
def test_a_narrower_ladder_is_in_no_place_looser(free, first, by):
    wide = Rungs(free=free, first=first, longest=timedelta(hours=20), stop=20)
    narrow = wide.narrowed(by)
    assert narrow.free == max(1, free // by) and narrow.first == min(first * by, wide.longest)
    assert (narrow.longest, narrow.stop, narrow.window) == (wide.longest, wide.stop, wide.window)


def test_a_budget_is_a_ladder_without_rests():
    ladder = Budget(limit=3, window=timedelta(seconds=5)).ladder()
    assert (ladder.free, ladder.stop, ladder.first, ladder.longest) == (3, 3, 0, 0)
    assert ladder.window == ladder.lease == 5_000_000


# --- places -----------------------------------------------------------------------------------------------------------


@given(st.integers(-2, 2))
def test_a_place_is_known_for_so_long_and_no_instant_longer(offset):
    device = Device(id=b"d" * 16, since=NOW)
    now = NOW + POLICY.remember + offset * INSTANT
    assert POLICY.knows(device, now) is (offset < 0)
    lane = POLICY.lane(Record(incarnation=b"i" * 16), device=device, network=(), now=now)
    assert lane == (Lane(device.id) if offset < 0 else STRANGERS)


def networks(count):
    return tuple(Network(id=bytes([n]) * 8, digest=bytes([n]) * 32, since=NOW) for n in range(count))


def test_no_more_networks_have_a_lane_than_the_policy_says():
    policy = evolve_policy(POLICY, networks=2, strangers=evolve_policy(POLICY.strangers, stop=16, free=3))
    known = networks(3)
    assert policy.familiar(known, NOW) == known[1:] and POLICY.familiar(known, NOW) == ()
    record = Record(incarnation=b"i" * 16, networks=known)
    assert policy.lane(record, device=None, network=(known[0].digest,), now=NOW) == STRANGERS
    assert policy.lane(record, device=None, network=(b"x" * 32, known[2].digest), now=NOW) == Lane(network=known[2].id)


def test_a_network_that_is_seen_again_keeps_its_lane_and_a_new_one_gets_a_new_one():
    policy = evolve_policy(POLICY, networks=2, strangers=evolve_policy(POLICY.strangers, stop=16, free=3))
    first, second = networks(2)
    later = NOW + timedelta(hours=1)
    again = policy.seen((first, second), network=(b"n" * 32, first.digest), fresh=b"f" * 8, now=later)
    assert again == (second, Network(id=first.id, digest=b"n" * 32, since=later))
    new = policy.seen((first, second), network=(b"n" * 32,), fresh=b"f" * 8, now=later)
    assert new == (second, Network(id=b"f" * 8, digest=b"n" * 32, since=later))
    assert policy.seen((first,), network=(), fresh=b"f" * 8, now=later) == (first,)
    assert POLICY.seen((first,), network=(b"n" * 32,), fresh=b"f" * 8, now=later) == ()


# --- charges and their answers ----------------------------------------------------------------------------------------


def test_a_stranger_answers_to_his_source_first_and_to_the_lane_last():
    assert [charge.slot for charge in CHARGES] == [b"source", b"source", b"subject", b"subject"]
    assert [charge.candidate for charge in CHARGES] == [2, 2, 1, 1]
    assert CHARGES[2].meter == b"!" + month_of(SecretClass.PASSWORD).encode()
    assert CHARGES[3].meter == POLICY.meter(SecretClass.PASSWORD, STRANGERS)
    assert len({charge.meter for charge in CHARGES}) == 4


@pytest.mark.parametrize("given", [{"lane": DEVICE}, {"kind": SecretClass.REUSE}], ids=["a known device", "a new password"])
def test_who_has_proven_himself_answers_for_his_own_alone(given):
    (own,) = POLICY.charges(evolve(ATTEMPT, **given))
    assert own.slot == b"subject" and own.candidate == 1


def test_what_the_record_knows_holds_in_the_meters():
    charges = POLICY.charges(evolve(ATTEMPT, known=7, floor=5, month=9))
    assert (charges[-1].at_least, charges[-1].floor) == (7, 5) and charges[-2].at_least == 9
    short = POLICY.charges(evolve(ATTEMPT, kind=SecretClass.RESET_CODE, known=7, floor=5, month=9))
    assert [charge.at_least for charge in short] == [0, 0, 0]


def test_under_attack_the_budgets_of_a_source_are_narrower_and_no_other():
    usual, narrow = CHARGES, POLICY.charges(evolve(ATTEMPT, tightened=True))
    assert [one.ladder != other.ladder for one, other in zip(usual, narrow, strict=True)] == [True, True, False, False]
    lease = POLICY.lease
    assert narrow[0].ladder == POLICY.pair.narrowed(POLICY.tightened).ladder(lease)
    assert narrow[1].ladder == POLICY.source.narrowed(POLICY.tightened).ladder(lease)


def test_where_repeats_count_no_two_attempts_are_equal():
    policy = evolve_policy(POLICY, repeats=Repeats.COUNT)
    one, other = (policy.charges(evolve(ATTEMPT, hold=bytes([n]) * 16)) for n in (1, 2))
    assert all(a.candidate != b.candidate for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("readings", "judgement"),
    [
        (answers(), Admitted(1, True)),
        (answers(lane=Granted(None, 7, False)), Admitted(7, False)),
        (answers(source=Resting(8, 1)), OverBudget(8)),
        (answers(pair=Resting(5, 1), source=Resting(8, 1)), OverBudget(8)),
        (answers(pair=Resting(8, 1), source=Resting(5, 1)), OverBudget(8)),
        (answers(source=Resting(8, 1), lane=Stopped(3)), OverBudget(8)),
        (answers(source=Filled()), Crowded()),
        (answers(lane=Stopped(3)), Closed(None, stopped=True)),
        (answers(month=Stopped(3)), Closed(None, stopped=True)),
        (answers(month=Stopped(3), lane=Resting(9, 1)), Closed(None, stopped=True)),
        (answers(lane=Resting(9, 1)), Closed(9, stopped=False)),
        (answers(month=Resting(9, 1), lane=Resting(4, 1)), Closed(9, stopped=False)),
        (answers(lane=Filled()), Closed(None, stopped=False)),
        (answers(month=Filled()), Closed(None, stopped=False)),
    ],
)
def test_what_a_source_may_see_comes_first_and_what_stops_before_what_rests(readings, judgement):
    assert POLICY.judge(CHARGES, readings) == judgement


def test_a_known_device_whose_lane_is_full_waits_a_moment():
    charges = POLICY.charges(evolve(ATTEMPT, lane=DEVICE))
    assert POLICY.judge(charges, [Filled()]) == Crowded()


def test_a_turn_that_another_has_is_waited_for():
    charges = POLICY.charges_alone(CHARGES, SecretClass.PASSWORD)
    turn = next(number for number, charge in enumerate(charges) if charge.meter not in {one.meter for one in CHARGES})
    readings = [Granted(b"hold", 1, True)] * len(charges)
    readings[turn] = Filled()
    assert POLICY.judge(charges, readings) == Crowded()


@pytest.mark.parametrize("verdict", Settle)
def test_a_success_clears_its_own_lane_alone_and_a_failure_stays_everywhere(verdict):
    settled = POLICY.settlements(CHARGES, FREE, verdict)
    assert [one.verdict for one in settled[:-1]] == [verdict if verdict is Settle.FAILED else Settle.VOID] * 3
    assert settled[-1] == Settlement(b"subject", CHARGES[-1].meter, CHARGES[-1].ladder, b"hold", verdict)
    assert POLICY.settlements(CHARGES, answers(lane=Granted(None, 1, False), pair=Filled()), verdict) == settled[1:-1]


def test_a_lane_that_is_cleared_later_is_the_one_that_the_password_was_charged_to():
    """On its own ladder, in its own era; in every row that the factor was charged to, and in no row of its source."""
    factor = evolve(ATTEMPT, kind=SecretClass.FACTOR)
    for opened, word in ((0, ""), (1, "@3.1")):
        password = POLICY.charges(evolve(ATTEMPT, opened=opened, era=word))[-1]
        charges = POLICY.charges(evolve(factor, subject=b"a")) + POLICY.charges(evolve(factor, subject=b"b"))
        cleared = POLICY.clearing(charges, lane=STRANGERS, hold=b"parked", era=word, opened=opened)
        assert cleared == tuple(Settlement(row, password.meter, password.ladder, b"parked", Settle.CLEAR) for row in (b"a", b"b"))


# --- what the record hears of -----------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.booleans())
def test_the_record_hears_of_every_tenth_failure_and_of_the_last(count, new):
    readings = answers(lane=Granted(b"hold", count, new))
    told = POLICY.due(CHARGES, readings, SecretClass.PASSWORD, STRANGERS)
    crosses = new and (count % 10 == 0 or count == POLICY.strangers.stop)
    assert told == ({OPENED: count} if crosses else {})


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_lane_has_stopped_when_the_record_and_the_meter_together_say_so(alone, ordinal):
    record = Record(incarnation=b"i" * 16, checkpoints=(Checkpoint.of(OPENED, alone=alone, since=NOW),))
    stop = POLICY.strangers.stop
    assert POLICY.stopped(record, SecretClass.PASSWORD, STRANGERS, now=NOW) is (alone >= stop)
    readings = answers(lane=Granted(b"hold", ordinal, True))
    stopped = POLICY.stopped(record, SecretClass.PASSWORD, STRANGERS, now=NOW, charges=CHARGES, readings=readings)
    assert stopped is (alone > 0 and alone + ordinal > stop)


def shut(*, strangers=POLICY.strangers.stop, month=0, openings=(), opened=0):
    points = (
        Checkpoint.of(OPENED, count=strangers, opened=opened),
        Checkpoint.of(month_of(SecretClass.PASSWORD), count=month, since=NOW),
    )
    openings = tuple(Opening(number=n, at=at) for n, at in enumerate(openings, 1))
    return Record(incarnation=b"i" * 16, checkpoints=points, openings=openings)


@pytest.mark.parametrize(
    ("record", "now", "why"),
    [
        (shut(), NOW, ""),
        (shut(strangers=POLICY.strangers.stop - 1), NOW, "not stopped"),
        (shut(strangers=POLICY.device.stop, opened=1), NOW, ""),
        (shut(strangers=POLICY.device.stop - 1, opened=1), NOW, "not stopped"),
        (shut(month=POLICY.month.stop), NOW, "month"),
        (shut(month=POLICY.month.stop - 1), NOW, ""),
        (shut(month=POLICY.month.stop), NOW + POLICY.month.window - INSTANT, "month"),
        (shut(month=POLICY.month.stop), NOW + POLICY.month.window, ""),
        (shut(openings=[NOW] * 3), NOW, "budget"),
        (shut(openings=[NOW] * 2), NOW, ""),
        (shut(openings=[NOW] * 3), NOW + POLICY.unlocks.window - INSTANT, "budget"),
        (shut(openings=[NOW] * 3), NOW + POLICY.unlocks.window, ""),
        (shut(opened=MAX_OPENINGS), NOW, "budget"),
        (shut(opened=MAX_OPENINGS - 1), NOW, ""),
    ],
)
def test_why_a_proof_opens_nothing(record, now, why):
    assert POLICY.why_shut(record, now=now) == why


@pytest.mark.parametrize(
    ("kind", "lane", "count", "rung"),
    [
        (SecretClass.PASSWORD, STRANGERS, POLICY.strangers.free - 1, ""),
        (SecretClass.PASSWORD, STRANGERS, POLICY.strangers.free, "slowed"),
        (SecretClass.PASSWORD, STRANGERS, POLICY.strangers.stop - 1, "slowed"),
        (SecretClass.PASSWORD, STRANGERS, POLICY.strangers.stop, "stopped"),
        (SecretClass.PASSWORD, DEVICE, POLICY.device.stop, "stopped"),
        (SecretClass.RESET_CODE, STRANGERS, POLICY.codes.free, ""),
        (SecretClass.RESET_CODE, STRANGERS, POLICY.codes.stop, "stopped"),
    ],
)
def test_a_count_reaches_a_rung_at_its_number(kind, lane, count, rung):
    if kind is SecretClass.RESET_CODE and count == POLICY.codes.stop == POLICY.codes.free:
        rung = "stopped"
    assert POLICY.rung(kind, lane, count) == rung


def test_an_era_is_named_once_something_began_it():
    record = Record(incarnation=b"i" * 16)
    opened = evolve(record, openings=(Opening(number=4, at=NOW),))
    reset = evolve(opened, lanes=2)
    month = month_of(SecretClass.PASSWORD)
    assert [era(one, OPENED) for one in (record, opened, reset)] == ["", "@0.4", "@2.4"]
    assert [era(one, DEVICE.name(SecretClass.PASSWORD)) for one in (record, opened, reset)] == ["", "", "@2.0"]
    assert [era(one, month) for one in (record, opened, reset)] == ["", "", ""]


# --- alone ------------------------------------------------------------------------------------------------------------


def test_a_process_that_counts_alone_gives_little_and_forgets_what_it_was_told():
    charges = POLICY.charges(evolve(ATTEMPT, known=7, floor=5, month=9))
    pair, source, turn, month, lane = POLICY.charges_alone(charges, SecretClass.PASSWORD)
    hour = micros(timedelta(hours=1))
    assert pair.ladder == evolve(charges[0].ladder, window=min(charges[0].ladder.window, hour))
    assert source.ladder == evolve(charges[1].ladder, window=min(charges[1].ladder.window, hour))
    narrow = evolve(POLICY.alone.ladder(), lease=micros(POLICY.lease))
    assert month.ladder == lane.ladder == narrow and (lane.at_least, lane.floor, month.at_least) == (0, 0, 0)
    assert (turn.ladder.free, turn.ladder.stop, turn.slot) == (1, 1, b"subject")


def test_what_is_tried_where_nothing_is_compared_is_another_candidate():
    charges = POLICY.charges_alone(CHARGES, SecretClass.PASSWORD, stopped=True)
    assert [charge.candidate for charge in charges[:2]] == [2, 2]
    assert [charge.candidate for charge in charges[3:]] == [~1 & 0xFFFFFFFF] * 2


def test_what_cannot_be_guessed_keeps_its_own_budget_alone():
    charges = POLICY.charges(evolve(ATTEMPT, kind=SecretClass.RECOVERY))
    assert POLICY.charges_alone(charges, SecretClass.RECOVERY)[-1].ladder == charges[-1].ladder


# --- hit counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "good"), [(2**-30, True), (2**-31, False), (2**-6, True), (2**-5, False), (0, False), ("1", False)]
)
def test_a_mass_is_a_small_probability_and_not_too_small(value, good):
    if good:
        assert HitCount(mass=value).mass == value
    else:
        with pytest.raises(ConfigError):
            HitCount(mass=value)


@given(st.integers(0, 3 * UNITS))
def test_a_guess_weighs_its_units_rounded_up(units):
    hits = HitCount()
    assert hits.weight(units * hits.mass / UNITS) == min(units, UNITS + 1)
    assert hits.weight((units + 0.25) * hits.mass / UNITS) == (0 if units == 0 else min(units + 1, UNITS + 1))
    assert hits.weight((units + 0.5) * hits.mass / UNITS) == min(units + 1, UNITS + 1)


def test_a_hit_count_holds_for_light_passwords_up_to_an_eighth_of_its_mass():
    hits = HitCount()
    verifier = Verifier(sealed=b"", born=0, preparation=1, since=NOW, likeliest=hits.heaviest)
    assert hits.heaviest == hits.mass / 8 and hits.holds_for(verifier) and hits.holds_for(None)
    assert not hits.holds_for(evolve(verifier, likeliest=hits.heaviest * 1.01))
    assert hits.bound(hits.heaviest) == hits.bound(0.0) == hits.heaviest and hits.bound(hits.heaviest * 1.01) == 1.0


@pytest.mark.parametrize(("weight", "charged"), [(0, False), (1, True), (UNITS, True), (UNITS + 1, False)])
def test_what_can_never_matter_is_not_charged(weight, charged):
    found = HitCount().charge(CHARGES[-1], weight=weight, candidate=5, lease=POLICY.lease, at_least=3)
    assert bool(found) is charged
    if found:
        assert (found[0].weight, found[0].candidate, found[0].at_least, found[0].slot) == (weight, 5, 3, b"subject")
        assert found[0].ladder.first == found[0].ladder.longest == 0


@given(st.integers(0, UNITS + PART), st.integers(1, UNITS), st.booleans())
def test_the_record_hears_of_every_eighth_of_the_mass_until_it_is_used_up(before, weight, new):
    ordinal = before + weight
    charge = Charge(b"s", mass.METER, CHARGES[-1].ladder, 1, b"h" * 16, weight=weight)
    reading = Granted(b"hold", ordinal, new)
    past = max(ordinal - weight, 0) if new else ordinal
    assert mass.reached(charge, reading) is (ordinal <= UNITS and any(past < eighth * PART <= ordinal for eighth in range(1, 9)))
    assert mass.spent(reading) is (ordinal > UNITS)
    assert mass.exceeds(weight, [charge], [reading]) is (ordinal > UNITS)


def test_what_was_never_charged_though_it_weighs_something_exceeds():
    assert mass.exceeds(1, CHARGES, FREE) and not mass.exceeds(0, CHARGES, FREE)


@pytest.mark.parametrize(("name", "most"), [("month", 1_000), ("pair", 10_000), ("source", 100_000), ("codes", 100)])
def test_a_budget_that_would_stop_nobody_is_refused(name, most):
    rungs = evolve_policy(getattr(POLICY, name), stop=most)
    assert getattr(evolve_policy(POLICY, **{name: rungs}), name) == rungs
    with pytest.raises(ConfigError):
        evolve_policy(POLICY, **{name: evolve_policy(rungs, stop=most + 1)})


def test_what_has_not_stopped_keeps_its_candidates_alone():
    charges = POLICY.charges_alone(CHARGES, SecretClass.PASSWORD)
    assert [charge.candidate for charge in charges[3:]] == [1, 1]
    turn = charges[2]
    assert (turn.ladder.first, turn.ladder.longest) == (0, 0) and turn.candidate == int.from_bytes(ATTEMPT.hold[:4], "big")


def test_a_lane_that_nobody_opened_is_cleared_as_it_was_charged():
    cleared = POLICY.clearing(CHARGES[-1:], lane=STRANGERS, hold=b"parked")
    assert cleared == (Settlement(b"subject", CHARGES[-1].meter, CHARGES[-1].ladder, b"parked", Settle.CLEAR),)


def test_the_last_eighth_is_told_and_none_that_was_told_before():
    charge = Charge(b"s", mass.METER, CHARGES[-1].ladder, 1, b"h" * 16, weight=1)
    assert mass.reached(charge, Granted(b"hold", UNITS, True))
    assert not mass.reached(charge, Granted(b"hold", PART + 2, True)), "the eighth was reached before this one"
    assert not mass.reached(charge, Granted(b"hold", UNITS, False)), "a repeat uses nothing up"


def test_what_makes_no_sense_together_is_an_error_and_no_answer():
    """As many answers as charges, everywhere."""
    for ask in (POLICY.judge, POLICY.repeated, POLICY.forgivable):
        with pytest.raises(ValueError, match="zip"):
            ask(CHARGES, [*FREE[:-1], Filled(), Filled()])
    with pytest.raises(ValueError, match="zip"):
        mass.exceeds(1, CHARGES, [])


def test_all_lanes_together_stay_within_what_the_standard_allows_and_may_use_all_of_it():
    def lanes(stop, **given):
        return evolve_policy(POLICY, strangers=evolve_policy(POLICY.strangers, free=3, stop=stop), **given)

    devices = 5 * POLICY.device.stop
    assert lanes(100 - devices).strangers.stop == 100 - devices
    with pytest.raises(ConfigError, match=r"^strangers\.stop \+ 5 \* device\.stop is 101; ") as refusal:
        lanes(101 - devices)
    assert refusal.value.remedy == "Lower one of the two stops."
    with pytest.raises(ConfigError, match=r"^3 \* strangers\.stop \+ 5 \* device\.stop is 110; ") as refusal:
        lanes(20, networks=2)
    assert refusal.value.remedy == "Lower strangers.stop to 16, or remember fewer networks."
    with pytest.raises(ConfigError) as refusal:
        evolve_policy(POLICY, networks=2, strangers=evolve_policy(POLICY.strangers, free=17, stop=20))
    assert refusal.value.remedy.startswith("Lower strangers.free and both stops")
    with pytest.raises(ConfigError) as refusal:
        evolve_policy(POLICY, networks=2, strangers=evolve_policy(POLICY.strangers, free=16, stop=20))
    assert refusal.value.remedy.startswith("Lower strangers.stop to 16")


@pytest.mark.parametrize("month", [47, 48])
def test_strangers_elsewhere_cannot_use_up_what_is_left_to_the_known_networks(month):
    given = {
        "networks": 2,
        "strangers": evolve_policy(POLICY.strangers, free=3, stop=16),
        "month": evolve_policy(POLICY.month, free=3, stop=month),
    }
    if month < 48:
        with pytest.raises(ConfigError):
            evolve_policy(POLICY, **given)
    else:
        assert evolve_policy(POLICY, **given).month.stop == month


@pytest.mark.parametrize(("lease", "good"), [(POLICY.patience, False), (POLICY.patience + INSTANT, True)])
def test_a_lease_outlasts_the_patience_of_whoever_waits_for_it(lease, good):
    if good:
        assert evolve_policy(POLICY, lease=lease).lease == lease
    else:
        with pytest.raises(ConfigError):
            evolve_policy(POLICY, lease=lease)


@pytest.mark.parametrize(("ordinal", "kept"), [(UNITS, Settle.FAILED), (UNITS + 1, Settle.VOID)])
def test_a_hit_count_keeps_nothing_of_what_came_too_late_for_it(ordinal, kept):
    policy = evolve_policy(POLICY, hits=HitCount())
    charges = policy.charges(evolve(ATTEMPT, weight=5))
    readings = [Granted(b"hold", UNITS + 9 if charge.meter != mass.METER else ordinal, True) for charge in charges]
    settled = {one.meter: one.verdict for one in policy.settlements(charges, readings, Settle.FAILED)}
    assert settled.pop(mass.METER) is kept and {*settled.values()} == {Settle.FAILED}, "the others go by no mass"


def test_what_is_forgiven_has_a_budget_of_its_own_and_all_of_it_at_once():
    month = CHARGES[-2]
    forgiven = POLICY.forgiving(month, 3)
    most = -(-month.ladder.stop // 5)
    assert (forgiven.ladder.free, forgiven.ladder.stop, forgiven.weight) == (most, most, 3)
    assert (forgiven.candidate, forgiven.at_least, forgiven.slot) == (None, 0, month.slot) and forgiven.meter != month.meter


def test_every_charge_has_an_answer():
    for ask in (POLICY.settlements, lambda c, r, v: POLICY.used_up(SecretClass.PASSWORD, c, r)):
        with pytest.raises(ValueError, match="zip"):
            ask(CHARGES, FREE[:-1], Settle.FAILED)
