"""The simulation of lockout policies: held against what can be reckoned by hand, then asked for what is promised."""

import json
import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from subprocess import run
from sys import executable
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulation import page, pictures
from tests.simulation.habits import ATTACKS, BOTNET, DAY, GRIEFER, HOUR, MINUTE, QUIET, SECOND, Habits
from tests.simulation.ours import Ours
from tests.simulation.owners import Owner
from tests.simulation.peers import Axes, Keycloak, SmartLockout, ThreeStrikes
from tests.simulation.popularity import BANNED, DISTINCT, OWN, drawn, taken, weight
from tests.simulation.runs import GUARDS, Setting, compare, estimate, estimated, joined, simulate
from tests.simulation.tally import Tally
from tests.simulation.world import Try, World

from acctsec import Policy
from acctsec.budgets import Rungs
from acctsec.lockout import Lane, LockoutPolicy, Repeats, SecretClass
from acctsec.protocols import Settle

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "explanation" / "lockout-simulation.md"
REPORT = ROOT / "tests" / "simulation" / "report.json"

FLAWLESS = Habits(typo=0, other=0, stale=0, forgot=0)
PASSWORD, HOME, FAR = 1, 0, 1000
every_guard = pytest.mark.parametrize("make", GUARDS.values(), ids=GUARDS)


def alone(guard, days=31):
    """A world of one owner who does nothing by himself."""
    tally = Tally({QUIET: 1}, {}, QUIET)
    world = World(guard, tally, days)
    world.passwords[0] = PASSWORD
    return world


def visits(world, number, every, *, source=HOME, device=None):
    """The owner signs in so often; the answers."""
    answers = []

    def process():
        token = device
        for _ in range(number):
            cause, given = world.owner_tries(Try(0, source, PASSWORD, token))
            token = given or token
            answers.append(cause)
            yield every

    world.start(process())
    return answers


def guessing(world, every, *, sources, device=None, most=10**9):
    """Somebody guesses, each time something else, on to the next when it was compared; when his guesses were compared."""
    times = []

    def process():
        begin, at = world.now, 0
        for attempt in range(most):
            one = Try(0, FAR + attempt % sources, OWN + at, device)
            if world.attacker_tries(one)[0]:
                at += 1
                times.append((world.now - begin) // SECOND)
            yield every

    world.start(process())
    return times


def reckoned(rest, stop, step, until):
    """When guesses are compared that are tried every *step* seconds, if after the n-th one has to wait *rest(n)* seconds."""
    times, at = [], 0
    while len(times) < stop and at < until:
        times.append(at)
        at = -(-(at + max(rest(len(times)), 1)) // step) * step
    return times


def doubling(rungs):
    """The rests of a ladder, in seconds."""
    first, longest = rungs.first.total_seconds(), rungs.longest.total_seconds()
    return lambda count: int(min(first * 2 ** (count - rungs.free), longest)) if count >= rungs.free else 0


# --- closed forms -----------------------------------------------------------------------------------------------------


@every_guard
@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_nobody_who_makes_no_mistake_is_refused_where_nobody_attacks(make, seed):
    tally = simulate(make(), Setting(owners=60, days=10, habits=FLAWLESS, attacks={}), seed)
    one = tally.cohorts[QUIET]
    assert one.visits > 0
    assert tally.attempts["owner"] == one.visits, "one try a visit"
    assert not one.refused and not one.locked and not one.tickets


LADDERS = st.builds(
    lambda free, first, more, stop: Rungs(
        free=free, first=timedelta(seconds=first), longest=timedelta(seconds=first + more), stop=free + stop
    ),
    st.integers(1, 12),
    st.integers(1, 90),
    st.integers(0, 4000),
    st.integers(0, 30),
)


def check_strangers(guard, rungs, step):
    """A botnet, every guess from another source: the lane of strangers decides."""
    world = alone(guard, days=1.5)
    times = guessing(world, step * SECOND, sources=10**6)
    world.run()
    assert times == reckoned(doubling(rungs), rungs.stop, step, 129_600)


@settings(max_examples=15)
@given(rungs=LADDERS, step=st.integers(30, 300))
def test_the_guesses_of_a_botnet_are_those_of_the_strangers_ladder(rungs, step):
    check_strangers(Ours(Policy(lockout=LockoutPolicy(strangers=rungs))), rungs, step)


def test_under_the_default_a_botnet_gets_fifty_guesses_and_no_more():
    default = LockoutPolicy().strangers
    check_strangers(Ours(), default, 60)
    assert default.stop == 50


def test_one_source_gets_what_the_pairs_ladder_allows():
    wide = Rungs(free=50, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=50)
    policy = Policy(lockout=LockoutPolicy(strangers=wide))
    world = alone(Ours(policy), days=1)
    times = guessing(world, 10 * SECOND, sources=1)
    world.run()
    assert times == reckoned(doubling(policy.lockout.pair), 50, 10, 86_400)
    assert times[:7] == [0, 10, 20, 30, 40, 70, 130]


def test_a_stolen_browser_gets_what_the_devices_ladder_allows():
    guard, rungs = Ours(), LockoutPolicy().device
    world = alone(guard, days=1)
    token = guard.reset(0, HOME, world.now)
    times = guessing(world, 10 * SECOND, sources=1, device=token)
    world.run()
    assert times == reckoned(doubling(rungs), rungs.stop, 10, 86_400)


def check_three_strikes(guard):
    world = alone(guard)
    times = guessing(world, MINUTE, sources=1000, most=10_000)
    assert [world.run(), len(times)][1] == 3


def check_axes(guard):
    world = alone(guard)
    times = guessing(world, MINUTE, sources=7, most=1000)
    assert [world.run(), len(times)][1] == 3 * 7


def check_keycloak(guard):
    """The guide: 1 min by multiples of 30 failures, up to 15; the count stands still while the account is disabled."""
    world = alone(guard, days=2)
    times = guessing(world, 10 * SECOND, sources=1)
    world.run()
    assert times == reckoned(lambda count: min(60 * (count // 30), 900), 10**9, 10, 2 * 86_400)


def check_keycloak_forgets(guard):
    """Twenty-nine failures, twelve hours and a second, twenty-nine more: never disabled."""
    world = alone(guard, days=3)
    compared = []

    def process():
        for burst in range(3):
            for number in range(29):
                compared.append(world.attacker_tries(Try(0, FAR, OWN + 100 * burst + number))[0])
                yield 2 * SECOND
            yield 12 * HOUR
            yield SECOND

    world.start(process())
    world.run()
    assert len(compared) == 87 and all(compared)


def check_smart_lockout(guard):
    """Ten, then a lock after each failure; from a place that is familiar the owner comes in all the same."""
    world = alone(guard, days=2)
    answers = visits(world, 48, HOUR)
    times = guessing(world, 10 * SECOND, sources=1000)
    world.run()
    assert answers == [None] * 48
    assert times == reckoned(lambda count: min(60 * 2 ** (count - 10), 3600) if count >= 10 else 0, 10**9, 10, 2 * 86_400)


def check_stale_client(guard):
    """A client repeats an old password 288 times in a day; its owner comes 24 times, in a browser nobody knows."""
    world = alone(guard, days=1)

    def client():
        for _ in range(288):
            world.client_tries(Try(0, HOME, OWN))
            yield 5 * MINUTE

    world.start(client())
    answers = visits(world, 24, HOUR)
    world.run()
    one = world.tally.cohorts[QUIET]
    assert (one.stale_compared, one.stale_refused) == (288, 0)
    assert answers == [None] * 24


def after_a_stale_day(guard):
    """What the owner hears who comes right after a client of his has repeated an old password for a day."""
    world, answers = alone(guard, days=2), []

    def client():
        for _ in range(288):
            world.client_tries(Try(0, HOME, OWN))
            yield 5 * MINUTE
        answers.append(world.owner_tries(Try(0, HOME, PASSWORD))[0])

    world.start(client())
    world.run()
    return answers[0]


def check_after_a_stale_day(guard):
    assert after_a_stale_day(guard) is None


def check_success_forgives(guard):
    """Two typos a day, and then the right password, for a month: nobody has to be refused."""
    world = alone(guard, days=30)
    answers = []

    def process():
        for day in range(29):
            for typo in (0, 1):
                world.owner_tries(Try(0, HOME, OWN + 2 * day + typo))
                yield 7 * SECOND
            answers.append(world.owner_tries(Try(0, HOME, PASSWORD))[0])
            yield DAY

    world.start(process())
    world.run()
    assert answers == [None] * 29


CHECKS = {
    "3 strikes": (check_three_strikes, check_success_forgives),
    "django-axes": (check_axes,),
    "Keycloak": (check_keycloak, check_keycloak_forgets, check_success_forgives),
    "smart lockout": (check_smart_lockout, check_stale_client, check_after_a_stale_day, check_success_forgives),
    "acctsec": (
        lambda guard: check_strangers(guard, LockoutPolicy().strangers, 60),
        check_stale_client,
        check_after_a_stale_day,
        check_success_forgives,
    ),
}


@pytest.mark.parametrize(("name", "check"), [(name, check) for name, checks in CHECKS.items() for check in checks])
def test_each_model_does_what_its_documentation_says(name, check):
    check(GUARDS[name]())


def test_the_stale_clients_one_password_is_counted_once():
    guard = Ours()
    check_stale_client(guard)
    lockout, lane = guard.policy.lockout, Lane()
    world = alone(guard)
    kind = SecretClass.PASSWORD
    meters = [
        (b"0.0", lockout.meter(kind, lane), lockout.strangers.ladder(lockout.lease)),
        (b"0.0", b"!password/month", lockout.month.ladder(lockout.lease)),
    ]
    strangers, month = guard.store.read(meters, world.now + DAY)
    assert month.count == 1
    assert strangers.count <= 1, "the owner's success in the same lane may have cleared it"


@pytest.mark.parametrize("make", [ThreeStrikes, Axes])
def test_three_strikes_lock_the_owner_of_a_stale_client(make):
    with pytest.raises(AssertionError):
        check_stale_client(make())


@every_guard
def test_who_comes_back_after_a_day_of_a_stale_client_is_refused_by_whoever_counts_repeats(make):
    """An owner who comes every hour resets Keycloak's count in time; one who was away for the day finds it at nine minutes."""
    assert (after_a_stale_day(make()) is None) == (make in {Ours, SmartLockout})


# --- planted faults ---------------------------------------------------------------------------------------------------


class NeverCounts(Ours):
    """Whatever was wrong is given back."""

    def settle(self, one, now, *, right):
        _, charges, readings = self.held
        if right:
            return super().settle(one, now, right=True)
        self.store.settle(self.policy.lockout.settlements(charges, readings, Settle.VOID), now)
        return None


class Looks(Ours):
    """Compares first, and asks then."""

    def admit(self, one, now):
        super().admit(one, now)


class NeverForgives(ThreeStrikes):
    """Strikes that are not consecutive."""

    def settle(self, one, now, *, right):
        if not right:
            super().settle(one, now, right=False)


class CountsLocked(Keycloak):
    """The count rises while the account is disabled."""

    def admit(self, one, now):
        cause = super().admit(one, now)
        if cause:
            count, last, until = self.state[one.owner]
            self.state[one.owner] = count + 1, last, until
        return cause


class NeverForgets(Keycloak):
    """Failures of long ago count."""

    def settle(self, one, now, *, right):
        if one.owner in self.state and not right:
            count, _, until = self.state[one.owner]
            self.state[one.owner] = count, now - 2 * SECOND, until
        return super().settle(one, now, right=right)


class OnePlace(SmartLockout):
    """Every place is unfamiliar."""

    def _counter(self, one):
        return one.owner, False


class NoMemory(SmartLockout):
    """The same wrong password counts again."""

    def settle(self, one, now, *, right):
        self.wrong.clear()
        return super().settle(one, now, right=right)


class PerAccount(Axes):
    """Counts by account, not by address."""

    def admit(self, one, now):
        return super().admit(one._replace(source=one.owner), now)

    def settle(self, one, now, *, right):
        return super().settle(one._replace(source=one.owner), now, right=right)


FAULTS = {
    "failures are given back": ("acctsec", NeverCounts),
    "refusals are not obeyed": ("acctsec", Looks),
    "repeats count": ("acctsec", lambda: Ours(Policy(lockout=LockoutPolicy(repeats=Repeats.COUNT)))),
    "one more is free": (
        "acctsec",
        lambda: Ours(
            Policy(
                lockout=LockoutPolicy(
                    strangers=Rungs(free=11, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=50)
                )
            )
        ),
    ),
    "a success forgives nothing": ("3 strikes", NeverForgives),
    "the count rises while disabled": ("Keycloak", CountsLocked),
    "failures are never forgotten": ("Keycloak", NeverForgets),
    "every place is unfamiliar": ("smart lockout", OnePlace),
    "wrong passwords are not remembered": ("smart lockout", NoMemory),
    "accounts are counted": ("django-axes", PerAccount),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_model_is_found(fault):
    name, make = FAULTS[fault]
    found = 0
    for check in CHECKS[name]:
        try:
            check(make())
        except AssertionError:
            found += 1
    assert found


# --- conservation, determinism, like for like -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    """A thousand owners for three days under each policy."""
    return {name: simulate(make(), Setting(owners=1000, days=3), seed=1) for name, make in GUARDS.items()}


def test_everything_that_came_through_the_door_is_counted_once(small):
    for tally in small.values():
        cohorts = tally.cohorts.values()
        assert sum(one.owners for one in cohorts) == 1000
        assert sum(one.guesses.total() + one.turned_away for one in cohorts) == tally.attempts["attacker"]
        assert sum(one.stale_compared + one.stale_refused for one in cohorts) == tally.attempts["client"]
        assert not tally.cohorts[QUIET].guesses
        for one in cohorts:
            assert one.refused.total() <= one.visits <= tally.attempts["owner"]
            assert len(one.lost) <= len(one.guesses) <= one.owners
            assert len(one.locked) <= min(one.owners, one.refused.total())
            assert one.stale_locked <= one.stale_came <= set(one.stale)
            assert not one.since, "nobody is left out of the longest"
            assert one.tickets == 0 or one.resets > 0, "who asks for help has tried by mail first"


def test_no_account_shows_more_comparisons_than_its_budget_and_its_resets_allow(small):
    tally = small["acctsec"]
    lockout = LockoutPolicy()
    for one in tally.cohorts.values():
        for number in one.guesses.values():
            # Each reset begins the meters anew; within the month a success in the strangers' lane gives it up to `month` guesses.
            assert number <= lockout.month.stop * (1 + one.resets + one.tickets)


def test_the_same_seed_tells_the_same_story_and_another_one_another():
    setting = Setting(owners=300, days=2)
    first, again, other = (simulate(Ours(), setting, seed) for seed in (5, 5, 6))
    assert first.cohorts == again.cohorts and first.attempts == again.attempts
    assert first.cohorts != other.cohorts


def test_two_processes_report_what_one_does():
    setting, names = Setting(owners=200, days=1), ("3 strikes", "Keycloak")
    assert compare(setting, range(2), jobs=2, names=names) == compare(setting, range(2), names=names)


def test_seeds_that_ran_apart_join_to_what_they_are_together():
    setting, names = Setting(owners=200, days=1), ("3 strikes", "django-axes")
    parts = [compare(setting, seeds, names=names) for seeds in (range(2), range(2, 3), range(3, 5))]
    assert joined(parts) == compare(setting, range(5), names=names)


def test_without_a_refusal_owners_do_the_same_under_every_policy():
    setting = Setting(owners=200, days=5, habits=FLAWLESS, attacks={})
    assert len({simulate(make(), setting, 3).attempts["owner"] for make in GUARDS.values()}) == 1


def test_memory_is_that_of_owners_and_attacks_not_of_attempts():
    tally = Tally({QUIET: 1}, {}, QUIET)
    world = World(Ours(), tally, days=20)
    world.passwords[0] = PASSWORD
    guessing(world, MINUTE, sources=5)
    world.run()
    assert tally.attempts["attacker"] == 20 * 24 * 60
    assert len(world._queue) == 1
    assert len(world.guard.store._rows) == 1 + 5


# --- popularity and estimates -----------------------------------------------------------------------------------------


@given(st.floats(0, 1, exclude_max=True))
def test_a_password_is_drawn_as_often_as_it_is_popular(share):
    rank = drawn(share)
    assert 1 <= rank <= DISTINCT
    assert taken(rank - 1) - 1e-6 <= share <= taken(rank) + 1e-6


def test_the_popular_ones_are_as_popular_as_in_what_was_counted():
    # The measured heads of RockYou: 1.37 % in three guesses, 2.05 % in ten, 4.52 % in a hundred. The law overstates a little.
    for guesses, counted in ((3, 0.0137), (10, 0.0205), (100, 0.0452)):
        assert 0.9 * counted < taken(guesses) < 1.25 * counted
    assert taken(DISTINCT) == pytest.approx(1)
    assert taken(100, BANNED) < taken(3) / 20
    assert all(early < late for early, late in pairwise(map(weight, range(29_000, 32_000, 7))))


def test_an_interval_holds_the_mean_as_often_as_it_says():
    from random import Random

    chance, held = Random(3), 0
    for _ in range(2000):
        found = estimate([chance.gauss(5, 2) for _ in range(10)])
        held += abs(found.mean - 5) <= found.half
    assert 0.935 < held / 2000 < 0.965


# --- what is promised -------------------------------------------------------------------------------------------------


def besieged(guesses, *, source):
    """An owner on a known device signs in a hundred times during so many guesses at his account."""
    guard = Ours()
    world = alone(guard, days=40)
    token = guard.reset(0, HOME, world.now)
    every = 30 * DAY // guesses
    guessing(world, every, sources=1 if source == FAR else 5000, most=guesses)
    answers = visits(world, 100, 30 * DAY // 100, source=source, device=token)
    world.run()
    assert world.tally.attempts["attacker"] == guesses
    return answers


@pytest.mark.parametrize("source", [HOME, FAR], ids=["at home", "at the attacker's address"])
def test_an_owner_on_a_known_device_always_signs_in(source):
    assert besieged(20_000, source=source) == [None] * 100


@pytest.mark.deep
def test_an_owner_on_a_known_device_signs_in_during_a_million_guesses():
    assert besieged(10**6, source=HOME) == [None] * 100


@every_guard
def test_stale_clients_lock_owners_out_wherever_repeats_count(make):
    """Owners without a fault who come thrice a day and leave a stale client behind once in ten times, for three days."""
    habits = Habits(typo=0, other=0, forgot=0, stale=0.1, often=((1.0, 8 * HOUR),))
    tally = simulate(make(), Setting(owners=100, days=3, habits=habits, attacks={}), 1)
    one = tally.cohorts[QUIET]
    assert len(one.stale_came) > 50
    spares = make in {Ours, SmartLockout}
    assert (not one.stale_locked) == spares, one.refused


def test_attackers_refuse_an_owner_only_in_a_browser_nobody_knows():
    """Without typos of his own every refusal comes from an attacker, and none reaches a known device."""
    attacks = {BOTNET: evolve(ATTACKS[BOTNET], share=0.6), GRIEFER: evolve(ATTACKS[GRIEFER], share=0.2)}
    tally = simulate(Ours(), Setting(owners=50, days=3, habits=FLAWLESS, attacks=attacks), 2)
    causes = {cause for one in tally.cohorts.values() for cause in one.refused}
    assert causes and all("strangers" in cause for cause in causes)
    always = evolve(FLAWLESS, token=1.0)
    tally = simulate(Ours(), Setting(owners=50, days=3, habits=always, attacks=attacks), 2)
    assert not any(one.refused for one in tally.cohorts.values())


def test_nobody_needs_the_helpdesk(small):
    assert not any(one.tickets for one in small["acctsec"].cohorts.values())
    assert any(one.tickets for one in small["3 strikes"].cohorts.values())


def test_a_botnet_takes_no_more_than_the_goal_where_common_passwords_are_refused():
    tally = simulate(Ours(), Setting(owners=2000, days=4, attacks={BOTNET: ATTACKS[BOTNET]}), 4)
    found = tally.cohorts[BOTNET].numbers()
    assert 45 <= found["guesses compared"] <= 100
    assert found["accounts lost, common ones refused"] <= taken(100, BANNED)


def test_owners_wait_without_end_for_nothing():
    """A world that refuses everything: owners ask for a reset, then for help, then give up until their next visit."""

    class Never(ThreeStrikes):
        def admit(self, one, now):
            return "never"

    tally = Tally({QUIET: 1}, {}, QUIET)
    world = World(Never(), tally, days=3)
    world.start(Owner(world, Habits(often=((1.0, DAY),)), 0, seed=1, population=1).life())
    world.run()
    tally.finish(world.now)
    one = tally.cohorts[QUIET]
    assert one.visits and one.refused["never"] == one.visits
    assert one.tickets <= Habits().tickets * one.visits
    assert 0 < one.longest <= 3 * DAY


# --- the command and the page -----------------------------------------------------------------------------------------


def test_the_command_writes_tables_pictures_and_a_report_it_can_read(tmp_path):
    def command(*words):
        done = run([executable, "-m", "tests.simulation", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout

    found = tmp_path / "report.json"
    made = command("--owners", "200", "--days", "1", "--seeds", "2", "--json", str(found), "--svg", str(tmp_path))
    assert command("--read", str(found)) == made
    assert set(json.loads(found.read_text("utf-8"))) == set(GUARDS)
    for name in pictures.PICTURES:
        assert ET.parse(tmp_path / name).getroot().tag.endswith("svg")


def test_the_page_shows_what_the_report_says():
    report, text = estimated(json.loads(REPORT.read_text("utf-8"))), PAGE.read_text("utf-8")
    rows = [line for line in page.tables(report).splitlines() if line.startswith("| ")]
    shown = {line for line in text.splitlines() if line.startswith("| ")}
    assert rows and [row for row in rows if row not in shown] == []
    for name, draw in pictures.PICTURES.items():
        assert (PAGE.parent / name).read_text("utf-8") == draw(report)
        assert re.search(rf"!\[[^\]]+\]\({name}\)", text)
