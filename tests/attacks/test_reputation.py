"""The reputation of networks: what is charged, what never is, and what a patient attacker gets."""

import hashlib
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.sizes import deep_size

from acctsec import ConfigError
from acctsec._values import evolve as evolve_value
from acctsec.attacks.decay import UNMARKED
from acctsec.attacks.networks import Networks
from acctsec.attacks.recent import RecentCounts
from acctsec.attacks.reputation import ReputationPolicy, Wrong, charge
from acctsec.attacks.signals import Detector, Signal
from acctsec.attacks.table import Table
from acctsec.stores import MemoryPopularity

HOUR = 3_600_000_000
DAY = 24 * HOUR
HOME = Networks("192.0.2.7", ("192.0.2.0/24",), 64500)
WRONGS = st.builds(Wrong, st.booleans(), st.integers(0, 40))


def test_the_weights_are_those_of_stop_guessing():
    policy = ReputationPolicy()
    assert [policy.weight(Wrong(known_name=True, sightings=n)) for n in (0, 19, 20)] == [1, 1, 5]
    assert [policy.unknown_weight(Wrong(known_name=False, sightings=n)) for n in (0, 19, 20)] == [2, 2, 10]


@given(wrong=WRONGS)
def test_what_can_be_seen_weighs_every_name_alike(wrong):
    """A challenge that came sooner for names that nobody has would tell which ones somebody has."""
    policy = ReputationPolicy()
    assert policy.weight(evolve_value(wrong, known_name=True)) == policy.weight(evolve_value(wrong, known_name=False))
    assert policy.unknown_weight(evolve_value(wrong, known_name=True)) == 0


@given(wrongs=st.lists(st.tuples(WRONGS, st.integers(0, DAY)), max_size=20))
def test_all_networks_of_a_source_are_charged(wrongs):
    """The address, its prefix and its system, each with the same; a second address adds to what they share."""
    policy, scores, other = ReputationPolicy(), {}, Networks("192.0.2.8", ("192.0.2.0/24",), 64500)
    signals = ()
    for wrong, now in sorted(wrongs, key=lambda pair: pair[1]):
        for networks in (HOME, other):
            changed, signals = charge(scores, policy, networks, wrong, now=now)
            scores |= changed
    if wrongs:
        assert [(s.detector, s.name) for s in signals] == [
            (Detector.ADDRESS, "192.0.2.8"), (Detector.PREFIX, "192.0.2.0/24"), (Detector.ASN, "AS64500"),
            (Detector.UNKNOWN, "192.0.2.8")]  # fmt: skip
        assert signals[1].level == signals[2].level and 2 * signals[0].level <= signals[1].level <= 2 * signals[0].level + 1
        assert scores[Detector.ADDRESS, "192.0.2.7"] == scores[Detector.ADDRESS, "192.0.2.8"]


def test_who_has_no_address_shares_one_bucket():
    changed, signals = charge({}, ReputationPolicy(), Networks("unknown"), Wrong(known_name=False), now=0)
    assert signals == (Signal(Detector.ADDRESS, "unknown", 1), Signal(Detector.UNKNOWN, "unknown", 2)) and len(changed) == 2


def test_a_success_has_no_step():
    """I13: nothing but time lowers a score, so nobody buys guesses with an account of his own."""
    names = {name for name in dir(ReputationPolicy) if not name.startswith("_")}
    fields = {"half_life", "wrong", "unknown", "frequent", "frequent_from", "most"}
    assert names == fields | {"weight", "unknown_weight", "charge", "points"}
    for weight in (ReputationPolicy().weight, ReputationPolicy().unknown_weight):
        assert min(weight(Wrong(*flags)) for flags in [(True,), (False,), (True, 99), (False, 99)]) >= 0


def greedy(policy, threshold, days, pause):
    """How many guesses at known names one gets who guesses whenever his score is below *threshold*."""
    score, guesses, now = UNMARKED, 0, 0
    while now < days * DAY:
        if policy.points(score, now=now) + 1 < threshold:
            score, _ = policy.charge(score, policy.weight(Wrong(known_name=True)), now=now)
            guesses += 1
        else:
            now += pause
    return guesses


@pytest.mark.parametrize("pause", [60_000_000, HOUR, 12 * HOUR, 24 * HOUR])
def test_who_waits_for_half_lives_gets_what_was_said(pause):
    """50 at once and 70 a day from one address, however he times them: threshold x ln 2 / half-life."""
    assert greedy(ReputationPolicy(), 50, 10, pause) <= 50 + 10 * 70


def test_a_full_score_is_forgiven_within_five_days():
    policy, score = ReputationPolicy(), UNMARKED
    for _ in range(3_000):
        score, level = policy.charge(score, policy.unknown_weight(Wrong(known_name=False, sightings=20)), now=0)
    assert level == policy.most
    assert policy.points(score, now=4 * DAY) > 25 >= policy.points(score, now=5 * DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"wrong": 0},
        {"unknown": 0},
        {"half_life": timedelta(0)},
        {"half_life": 5},
        {"frequent": 0},
        {"frequent_from": 1},
        {"most": 1},
        {"wrong": True},
    ],
)
def test_nonsense_is_refused_at_construction(wrong):
    with pytest.raises(ConfigError):
        ReputationPolicy(**wrong)
    with pytest.raises(ConfigError):
        evolve(ReputationPolicy(), **wrong)


# --- frequent guesses ---------------------------------------------------------------------------------------------------


def counts(**given):
    return RecentCounts(lambda: MemoryPopularity(width=1024, depth=2), **given)


DIGESTS = st.sampled_from([bytes([n]) * 32 for n in range(6)])


@given(added=st.lists(st.tuples(DIGESTS, st.integers(0, 6 * DAY)), max_size=60), wait=st.integers(0, 3 * DAY))
def test_what_was_guessed_within_a_window_is_counted_and_after_two_it_is_not(added, wait):
    """Against a list of all that was added."""
    recent = counts()
    added.sort(key=lambda pair: pair[1])
    for digest, at in added:
        recent.add(digest, now=at)
    now = (added[-1][1] if added else 0) + wait
    for digest in {digest for digest, _ in added}:
        within = sum(one == digest and now - at < DAY for one, at in added)
        twice = sum(one == digest and now - at < 2 * DAY for one, at in added)
        assert within <= recent.count(digest, now=now) <= twice


def test_a_flood_of_other_guesses_makes_none_frequent():
    """A generation ends early, so the error of its sketch stays what it was: 2e / width of *most*, for most passwords."""
    recent = RecentCounts(lambda: MemoryPopularity(width=1024), most=1_000)
    for number in range(20_000):
        recent.add(hashlib.sha256(b"noise %d" % number).digest(), now=0)
    fresh = [hashlib.sha256(bytes([n])).digest() for n in range(200)]
    assert sum(recent.count(digest, now=0) > 2 * 2.72 * 1_000 / 1024 for digest in fresh) <= 200 / 55 * 3


def test_a_flood_needs_most_additions_to_hide_one():
    """What was added last is still counted after any *most* - 1 others."""
    recent = counts(most=1_000)
    recent.add(b"\xff" * 32, now=0)
    for number in range(999):
        recent.add(number.to_bytes(4, "big") * 8, now=0)
    assert recent.count(b"\xff" * 32, now=0) >= 1


def test_a_clock_days_ahead_does_not_stop_the_counts_from_ending():
    recent = counts()
    recent.add(b"a" * 32, now=400 * DAY)
    recent.add(b"b" * 32, now=0)
    assert recent.count(b"b" * 32, now=DAY // 2) == 1
    assert recent.count(b"b" * 32, now=2 * DAY) == 0


@pytest.mark.parametrize("wrong", [{"window": timedelta(0)}, {"window": 3}, {"most": 999}, {"most": True}])
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        counts(**wrong)


# --- many sources -------------------------------------------------------------------------------------------------------


def test_a_flood_of_addresses_drives_out_no_bad_one():
    """I18: what is dropped is worth less than what stays."""
    policy = ReputationPolicy()
    table = Table(lambda score, now: policy.points(score, now=now), room=1_000)
    step = lambda score: policy.charge(score, 1, now=0)[0]
    for _ in range(60):
        table.change("bad", step, UNMARKED, now=0)
    for number in range(20_000):
        table.change(number, step, UNMARKED, now=0)
    assert policy.points(table.get("bad", UNMARKED), now=0) == 60
    assert len(table) <= 1_000


def test_what_is_worth_nothing_any_more_goes_first():
    policy = ReputationPolicy()
    table = Table(lambda score, now: policy.points(score, now=now), room=16)
    for number in range(17):
        table.change(
            number,
            lambda score, n=number: policy.charge(score, 2, now=n * 10 * DAY)[0],
            UNMARKED,
            now=number * 10 * DAY,
        )
    assert len(table) == 1 and table.get(16, UNMARKED).units


@pytest.mark.parametrize("room", [15, True, 2**25, 1.5])
def test_a_table_of_no_size_is_refused(room):
    with pytest.raises(ConfigError):
        Table(lambda value, now: 1, room=room)


@pytest.mark.parametrize("addresses", [100_000, pytest.param(1_000_000, marks=pytest.mark.deep)])
def test_a_million_addresses_stay_within_the_stated_bytes(addresses):
    """32 MiB for 65,536 scores with their names."""
    policy = ReputationPolicy()
    table = Table(lambda score, now: policy.points(score, now=now))
    largest = 0
    for number in range(addresses):
        key = (Detector.ADDRESS, f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64")
        table.change(key, lambda score, now=number: policy.charge(score, 2, now=now)[0], UNMARKED, now=number)
        largest = max(largest, len(table))
        if number == 65_535:
            full = deep_size(table._kept)
    assert largest <= 65_536 and full <= 32 * 2**20
