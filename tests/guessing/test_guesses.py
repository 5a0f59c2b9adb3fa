"""
The guessing rows of what the library is judged by, on every store, in several processes at once.

Each counts what was compared with the account's own password, in every process, also in one that was killed. That no schedule of
two or three guesses lets one more through is searched exhaustively in tests/test_races.py; here chance makes the schedules.
"""

from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from attrs import evolve
from tests.guessing.crowd import CROWDED, FREE, HANG, PACED, Call, Crowd, guess, signed_up, usually

from acctsec.testing.world import IDENTIFIER, PASSWORD

RESTED = {"Refused", "TryAgain"}
OFTEN = ("memory", "sqlite", "postgres", "postgres+valkey")
"""The stores of `make test` where a row takes longest; the others are for `make test-deep`."""


def stranger_lane(w):
    return next(one for one in w.calls.admin.lock_status("u1") if one.lane == "password/strangers")


# --- a hundred parallel guesses meet a limit ---------------------------------------------------------------------------


LIMITS = {
    "from everywhere": (FREE, lambda number, device: guess(number)),
    "from one address": (CROWDED.lockout.pair.free, lambda number, device: Call(password=f"wrong {number}", source="192.0.2.9")),
    "on a known device": (CROWDED.lockout.device.free, lambda number, device: guess(number, device=device)),
}


@pytest.mark.parametrize("way", LIMITS)
def test_of_a_hundred_parallel_guesses_exactly_as_many_are_compared_as_the_limit_allows(place, tmp_path, way):
    limit, made = LIMITS[way]
    w = signed_up(place)
    device = w.sign_in().device
    with Crowd(place, tmp_path, now=w.clock()) as crowd:
        outcomes = crowd.at_once([made(number, device) for number in range(100)])
        assert set(outcomes) <= RESTED
        assert len(crowd.compared) == len(set(crowd.compared)) == limit


@pytest.mark.deep
def test_it_is_exactly_as_many_in_each_of_thirty_schedules(place, tmp_path):
    w = signed_up(place)
    with Crowd(place, tmp_path, now=w.clock()) as crowd:
        for turn in range(1, 31):
            crowd.at_once([guess(1000 * turn + number) for number in range(100)])
            assert len(crowd.compared) == turn * FREE
            w.calls.admin.unlock("u1", actor="test")


@pytest.mark.parametrize("plant", ["Loose", "Generous"])
def test_a_store_that_counts_when_it_has_compared_is_found_out(places, tmp_path, plant):
    with closing(places.fresh("sqlite")) as place:
        w = signed_up(place)
        with Crowd(place, tmp_path, now=w.clock(), plant=plant) as crowd:
            crowd.at_once([guess(number) for number in range(100)])
            assert len(crowd.compared) > FREE


def test_of_a_hundred_parallel_guesses_no_more_are_compared_where_a_process_is_killed_meanwhile(shared, tmp_path):
    """What it was comparing counts, also when its reservations have lapsed."""
    w = signed_up(shared)
    with Crowd(shared, tmp_path, now=w.clock()) as crowd:
        doomed, *others = crowd.members
        doomed.begin([guess(number, password=f"{HANG} {number}") for number in range(3)])
        crowd.wait_for(3)
        for at, other in enumerate(others):
            other.begin([guess(10 + 33 * at + number) for number in range(33)])
        crowd.wait_for(FREE)
        doomed.kill()
        assert set().union(*(other.end() for other in others)) <= RESTED
        assert len(crowd.compared) == FREE
    for seconds, further in ((31, 0), (95, 1)):
        with Crowd(shared, tmp_path, processes=2, now=w.clock() + timedelta(seconds=seconds)) as crowd:
            assert set(crowd.at_once([guess(200 + seconds + number) for number in range(20)])) <= RESTED
            assert len(crowd.compared) == FREE + further


def test_of_forty_parallel_guesses_no_more_are_compared_where_the_host_rolls_back(hosted, tmp_path):
    """Each request in a transaction of the host on the same server, which ends in a rollback."""
    w = signed_up(hosted)
    with Crowd(hosted, tmp_path, now=w.clock(), host=hosted.address["postgres"]) as crowd:
        for first in (0, 100):
            assert set(crowd.at_once([guess(first + number) for number in range(40)])) <= RESTED
        assert len(crowd.compared) == FREE
    assert stranger_lane(w).failures == FREE


# --- who is right is let in --------------------------------------------------------------------------------------------


def test_twenty_right_sign_ins_all_pass_beside_as_many_wrong_ones_as_leave_one_try(place, tmp_path):
    w = signed_up(place)
    right = [guess(50 + number, password=PASSWORD) for number in range(20)]
    wrong = [guess(number) for number in range(FREE - 1)]
    with Crowd(place, tmp_path, now=w.clock()) as crowd:
        outcomes = crowd.at_once([*right, *wrong])
        assert outcomes[:20] == ["SignedIn"] * 20
        assert set(outcomes[20:]) == {"Refused"}
        assert sorted(crowd.compared) == sorted([PASSWORD] * 20 + [one.password for one in wrong])
    assert stranger_lane(w).until is None


@usually(*OFTEN)
def test_the_owner_on_a_known_device_always_signs_in_while_other_processes_are_flooded(place, tmp_path):
    """Rests are short here, so that the flood goes on to its stop. None but its strangers is refused, and fifty are compared."""
    device = signed_up(place, PACED, datetime.now(UTC)).sign_in().device
    with Crowd(place, tmp_path, processes=3, policy="paced") as crowd:
        owner, *flooded = crowd.members
        with flood(flooded):
            crowd.wait_for(FREE)
            outcomes = [answered(owner, PASSWORD, device) for _ in range(30)]
        assert outcomes == ["SignedIn"] * 30
        no_more_than_the_stop(crowd)


@pytest.mark.deep
def test_he_does_during_a_flood_of_many_thousands(place, tmp_path):
    device = signed_up(place, PACED, datetime.now(UTC)).sign_in().device
    with Crowd(place, tmp_path, processes=4, policy="paced") as crowd:
        owner, *flooded = crowd.members
        with flood(flooded) as guesses:
            outcomes = [answered(owner, PASSWORD, device) for _ in range(100)]
            while guesses() < 10_000:
                outcomes.append(answered(owner, PASSWORD, device))
        assert set(outcomes) == {"SignedIn"}
        no_more_than_the_stop(crowd)


@usually("memory", "postgres+valkey")
def test_the_owner_on_a_known_device_always_signs_in_while_his_own_process_is_flooded(place, tmp_path):
    """By thirty others who are hashed beside him, from his own address as well."""
    device = signed_up(place, PACED, datetime.now(UTC)).sign_in().device
    with Crowd(place, tmp_path, processes=1, policy="paced") as crowd:
        mine, outcomes = Call(password=PASSWORD, source=guess(0).source, device=device), []
        for first in range(0, 600, 30):
            outcomes += crowd.at_once(
                [mine, *(guess(first + number) for number in range(29)), evolve(guess(first), source=mine.source)]
            )
        assert outcomes[::31] == ["SignedIn"] * 20
        no_more_than_the_stop(crowd)


def answered(member, password, device):
    member.begin([Call(password=password, source="192.0.2.50", device=device)])
    return member.end()[0]


def no_more_than_the_stop(crowd):
    strange = [one for one in crowd.compared if one != PASSWORD]
    assert FREE <= len(set(strange)) <= PACED.lockout.strangers.stop


@contextmanager
def flood(members):
    """Have processes guess without end, eight guesses at once each; answers what tells how many they made."""
    over, seen, made = Event(), set(), [0] * len(members)

    def go_on(at, member):
        while not over.is_set():
            member.begin([guess(100_000 * at + made[at] + number) for number in range(8)])
            seen.update(member.end())
            made[at] += 8

    threads = [Thread(target=go_on, args=one) for one in enumerate(members)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(made)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert seen <= RESTED


def test_a_stale_client_in_every_process_uses_up_one_guess_and_locks_nobody(place, tmp_path):
    """One old password, 288 times, from twelve machines at once: compared each time, counted once, and the owner signs in."""
    w = signed_up(place)
    stale = [Call(password="the password of last year", source="192.0.2.7") for _ in range(12)]
    with Crowd(place, tmp_path, now=w.clock()) as crowd:
        assert set(crowd.at_once(stale, rounds=24)) == {"Refused"}
        assert len(crowd.compared) == 288
        lane = stranger_lane(w)
        assert (lane.failures, lane.until, lane.stopped) == (1, None, False)
        assert crowd.at_once([guess(900, password=PASSWORD)]) == ["SignedIn"]
        assert stranger_lane(w).failures == 0
        assert crowd.at_once([guess(901, password=PASSWORD, name=IDENTIFIER.upper())]) == ["SignedIn"]
