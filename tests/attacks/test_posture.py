"""Postures: up at once, down slowly, never in between, and each change told once."""

from datetime import timedelta
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import ConfigError
from acctsec.attacks.decay import UNMARKED
from acctsec.attacks.networks import Networks
from acctsec.attacks.posture import _FIELDS, CALM, FOLLOWS, Band, Bands, Change, Measure, Posture, PosturePolicy, Stance, highest
from acctsec.attacks.reputation import ReputationPolicy, Wrong, charge
from acctsec.attacks.signals import Detector, Scope, Signal

MINUTE = 60_000_000
HOLD = 30 * MINUTE
BANDS = Bands(challenge=Band(at=30, below=15), tighten=Band(at=300, below=150))
POLICY = PosturePolicy(spray=BANDS)
LEVELS = st.sampled_from([0, 14, 15, 29, 30, 149, 150, 299, 300, 5000]) | st.integers(0, 400)
PAUSES = st.sampled_from([0, 1, HOLD // 2, HOLD - 1, HOLD, 2 * HOLD]) | st.integers(0, 2 * HOLD)
SIGNALS = st.lists(st.tuples(LEVELS, PAUSES), max_size=40)


def played(signals, policy=POLICY, stance=CALM, now=0):
    """Every stance with the instant and the level that led to it, and every change told."""
    stances, told = [], []
    for level, pause in signals:
        now += pause
        stance, changes = policy.step(stance, Signal(Detector.SPRAY, "x", level), now=now)
        stances.append((now, level, stance))
        told += changes
    return stances, told


@pytest.mark.parametrize(
    ("before", "level", "waited", "after"),
    [
        # As far as the signal reaches, at once.
        (Posture.NORMAL, 29, 0, Posture.NORMAL),
        (Posture.NORMAL, 30, 0, Posture.CHALLENGE),
        (Posture.NORMAL, 299, 0, Posture.CHALLENGE),
        (Posture.NORMAL, 300, 0, Posture.TIGHTEN),
        (Posture.CHALLENGE, 299, 0, Posture.CHALLENGE),
        (Posture.CHALLENGE, 300, 0, Posture.TIGHTEN),
        # Within the band nothing falls, however long it takes.
        (Posture.CHALLENGE, 15, 1000, Posture.CHALLENGE),
        (Posture.TIGHTEN, 150, 1000, Posture.TIGHTEN),
        # Below it, after the hold and not before, a step for each.
        (Posture.CHALLENGE, 14, 29, Posture.CHALLENGE),
        (Posture.CHALLENGE, 14, 30, Posture.NORMAL),
        (Posture.TIGHTEN, 149, 29, Posture.TIGHTEN),
        (Posture.TIGHTEN, 149, 30, Posture.CHALLENGE),
        (Posture.TIGHTEN, 0, 59, Posture.CHALLENGE),
        (Posture.TIGHTEN, 0, 60, Posture.NORMAL),
        (Posture.TIGHTEN, 20, 1000, Posture.CHALLENGE),
    ],
)
def test_the_table(before, level, waited, after):
    stance, told = POLICY.step(Stance(before, 5), Signal(Detector.SPRAY, "x", level), now=5 + waited * MINUTE)
    assert stance.posture is after
    assert [change.after for change in told] == ([] if after is before else [after])


@given(signals=SIGNALS)
def test_it_is_never_below_what_its_signal_reaches(signals):
    for _, level, stance in played(signals)[0]:
        assert stance.posture >= BANDS.reached(level)


@given(signals=SIGNALS)
def test_it_rises_for_its_signal_alone_and_falls_after_its_hold(signals):
    """Against the whole list of what was seen."""
    stances, _ = played(signals)
    past = Posture.NORMAL
    for number, (now, level, stance) in enumerate(stances):
        if stance.posture > past:
            assert stance.posture is BANDS.reached(level)
        if stance.posture < past:
            quiet = [seen for at, seen, _ in stances[: number + 1] if now - at < HOLD]
            assert all(seen < BANDS.below(past) for seen in quiet)
        past = stance.posture


@given(levels=st.lists(st.integers(15, 29), max_size=50), pause=st.integers(0, 10 * HOLD))
def test_a_signal_within_the_band_changes_nothing(levels, pause):
    """Neither up nor down: so nobody makes it flutter at the threshold."""
    for stance in (CALM, Stance(Posture.CHALLENGE, 0)):
        stances, told = played([(level, pause) for level in levels], stance=stance)
        assert told == [] and all(after.posture is stance.posture for _, _, after in stances)


@given(signals=st.lists(st.tuples(LEVELS, st.integers(0, HOLD // 4)), max_size=60))
def test_whoever_pulses_gets_one_change_a_hold(signals):
    """The attacker who stops and goes raises no more than two postures at once, and lowers none before its time."""
    stances, told = played(signals)
    length = stances[-1][0] if stances else 0
    assert len(told) <= 2 + 4 * (length // HOLD)


def test_the_hold_counts_from_the_last_signal_within_the_band():
    stances, _ = played([(30, 0), (15, HOLD - 1), (14, 1), (14, HOLD - 2), (14, 1)])
    assert [stance.posture for _, _, stance in stances] == [Posture.CHALLENGE] * 4 + [Posture.NORMAL]


@given(signals=SIGNALS)
def test_each_change_is_told_once_and_says_what_it_is(signals):
    _, told = played(signals)
    past = Posture.NORMAL
    for change in told:
        assert change.before is past and change.after is not past and change.raised is (change.after > past)
        past = change.after


def test_what_is_told():
    _, told = POLICY.step(CALM, Signal(Detector.CROWD, "192.0.2.0/24", 30), now=1_000_000)
    assert told == (Change(Detector.CROWD, "192.0.2.0/24", Posture.NORMAL, Posture.CHALLENGE, 30, 1_000_000),)


@given(one=st.sampled_from(Posture), other=st.sampled_from(Posture))
def test_a_higher_posture_asks_for_all_that_a_lower_one_does(one, other):
    """And where several hold, the highest."""
    both = highest(Stance(one), Stance(other))
    assert FOLLOWS[both] == FOLLOWS[one] | FOLLOWS[other]
    assert highest() is Posture.NORMAL and FOLLOWS[Posture.NORMAL] == frozenset()
    assert set(FOLLOWS) == set(Posture) and FOLLOWS[Posture.TIGHTEN] == frozenset(Measure)


def test_a_clock_that_is_behind_shortens_no_hold_and_a_broken_one_prolongs_none():
    stance, _ = POLICY.step(Stance(Posture.CHALLENGE, HOLD), Signal(Detector.SPRAY, "x", 20), now=0)
    assert stance.held == HOLD
    ahead = Stance(Posture.CHALLENGE, 400 * 86_400_000_000)
    stance, _ = POLICY.step(ahead, Signal(Detector.SPRAY, "x", 30), now=0)
    assert stance.held == 0
    stance, _ = POLICY.step(ahead, Signal(Detector.SPRAY, "x", 0), now=0)
    stance, told = POLICY.step(stance, Signal(Detector.SPRAY, "x", 0), now=HOLD)
    assert stance == CALM and len(told) == 1


@pytest.mark.parametrize(
    ("bands", "levels", "postures"),
    [
        (Bands(notify=Band(at=10, below=5)), [9, 10, 4], [0, 1, 0]),
        (Bands(notify=Band(at=10, below=5), tighten=Band(at=40, below=20)), [39, 40, 19, 4], [1, 3, 1, 0]),
        (Bands(challenge=Band(at=10, below=5), tighten=Band(at=40, below=20)), [40, 19, 4], [3, 2, 0]),
        (Bands(tighten=Band(at=40, below=20)), [39, 40, 19], [0, 3, 0]),
    ],
)
def test_only_the_postures_that_have_a_band_are_taken(bands, levels, postures):
    """Who wants to be told before anybody is challenged leaves the challenge out."""
    stances, told = played([(level, HOLD) for level in levels], attrs.evolve(POLICY, spray=bands))
    assert [stance.posture for _, _, stance in stances] == [Posture(number) for number in postures]
    assert [change.after for change in told] == [after for before, after in pairwise([0, *postures]) if after != before]


def test_a_detector_that_leads_to_nothing_ends_what_it_began():
    """A policy that is changed: what it no longer knows falls, and is told."""
    off = attrs.evolve(POLICY, spray=None)
    assert off.step(CALM, Signal(Detector.SPRAY, "x", 10**6), now=0) == (CALM, ())
    stance, (told,) = off.step(Stance(Posture.TIGHTEN, 0), Signal(Detector.SPRAY, "x", 10**6), now=0)
    assert stance == CALM and not told.raised
    narrow = attrs.evolve(POLICY, spray=Bands(challenge=Band(at=30, below=15)))
    stance, _ = narrow.step(Stance(Posture.TIGHTEN, 0), Signal(Detector.SPRAY, "x", 20), now=HOLD)
    assert stance.posture is Posture.CHALLENGE


def test_every_detector_has_a_scope_and_a_place_in_the_policy():
    policy = PosturePolicy(asn=BANDS)
    assert {field.name for field in attrs.fields(PosturePolicy)} == set(_FIELDS.values()) and set(_FIELDS) == set(Detector)
    assert all(isinstance(policy.bands(detector), Bands) and isinstance(detector.scope, Scope) for detector in Detector)
    assert PosturePolicy().bands(Detector.ASN) is None


def test_a_stuffing_address_is_challenged_and_then_tightened_and_forgotten():
    """The parts together: 50 wrong guesses challenge it, frequent passwords tighten it, a week forgives it."""
    reputation, policy, place, score, stance = ReputationPolicy(), PosturePolicy(), Networks("192.0.2.7"), UNMARKED, CALM
    reached = {}
    for number in range(1, 1_000):
        changed, (signal, _) = charge(
            {(Detector.ADDRESS, place.address): score}, reputation, place, Wrong(known_name=False, sightings=number // 50), now=0
        )
        score = changed[Detector.ADDRESS, place.address]
        stance, told = policy.step(stance, signal, now=0)
        reached |= {change.after: number for change in told}
    assert reached[Posture.CHALLENGE] == 50 and set(reached) == {Posture.CHALLENGE}
    for _ in range(900):
        changed, (signal, _) = charge(
            {(Detector.ADDRESS, place.address): score}, reputation, place, Wrong(known_name=False, sightings=99), now=0
        )
        score = changed[Detector.ADDRESS, place.address]
        stance, _ = policy.step(stance, signal, now=0)
    assert stance.posture is Posture.TIGHTEN
    week = 7 * 86_400_000_000
    left = Signal(Detector.ADDRESS, place.address, reputation.points(score, now=week))
    stance, told = policy.step(stance, left, now=week)
    assert stance == CALM and len(told) == 1


BAND = Band(at=30, below=15)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Band, {"at": 10, "below": 10}),
        (Band, {"at": 10, "below": 0}),
        (Band, {"at": True, "below": 0}),
        (Bands, {"challenge": BAND, "tighten": Band(at=30, below=20)}),
        (Bands, {"challenge": BAND, "tighten": Band(at=40, below=14)}),
        (Bands, {"challenge": 30}),
        (Bands, {"challenge": BAND, "hold": timedelta(0)}),
        (Bands, {}),
        (Bands, {"notify": Band(at=31, below=15), "challenge": BAND}),
        (Bands, {"notify": Band(at=29, below=16), "challenge": BAND}),
        (PosturePolicy, {"surge": BAND}),
        (PosturePolicy, {"surge": Bands(tighten=BAND)}),
        (PosturePolicy, {"unknown": Bands(challenge=BAND)}),
        (PosturePolicy, {"unknown": Bands(notify=BAND, tighten=Band(at=40, below=20))}),
        (PosturePolicy, {"spray": 30}),
    ],
    ids=str,
)
def test_nonsense_is_refused_at_construction(kind, wrong):
    with pytest.raises(ConfigError):
        kind(**wrong)
