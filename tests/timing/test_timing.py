"""
Whether somebody is told from nobody, or right from wrong, by a clock. What it measured is printed with `-s`.

A whole sign-in at the default cost is held to one per cent, either way; what is a hundred times quicker to what a busy
machine can tell. The counting check of `acctsec.testing.assert_no_oracle` is exact, and runs on every change.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, product
from random import Random
from time import process_time_ns

import pytest
from attrs import evolve
from tests.bench import world
from tests.timing.leaks import judged, timed

from acctsec import HashingPolicy, LockoutPolicy, MemoryStore, Refused, ResetCode
from acctsec.budgets import Rungs
from acctsec.hashing import Argon2Parameters
from acctsec.mfa import totp
from acctsec.protocols import Status
from acctsec.testing import ManualClock

PAIRS = 2_000
P19 = 0.01
A_LEAK = 0.02  # of a hash


# --- the judge itself --------------------------------------------------------------------------------------------------


def times(random, number, *, slower=1.0):
    """As a busy machine would show them: a floor, noise above it, and interruptions that are longer than the call."""
    for _ in range(number):
        interrupted = random.expovariate(1 / 5_000_000) if random.random() < 0.1 else 0
        yield int(10_000_000 * slower + abs(random.gauss(0, 400_000)) + interrupted)


@pytest.mark.parametrize("seed", range(8))
def test_equal_work_passes_on_a_busy_machine(seed):
    random = Random(seed)
    found = judged([*times(random, PAIRS)], [*times(random, PAIRS)], random=random)
    assert not found.leaks, found
    assert found.within(P19), found


@pytest.mark.parametrize("seed", range(8))
def test_two_per_cent_more_are_found_on_a_busy_machine(seed):
    random = Random(seed)
    found = judged([*times(random, PAIRS)], [*times(random, PAIRS, slower=1 + A_LEAK)], random=random)
    assert found.above(P19), found
    assert not found.within(P19), found


def test_both_of_a_pair_are_timed_in_an_order_of_chance():
    seen = []
    pairs = ((lambda: seen.append("one"), lambda: seen.append("other")) for _ in count())
    samples = timed(pairs, 200, random=Random(1))
    first = seen[::2].count("one")
    assert {len(sample) for both in samples.values() for sample in both} == {200}
    assert 60 < first < 140


# --- the library -------------------------------------------------------------------------------------------------------


def told(what, pairs, *, number=PAIRS, seed=7):
    """Measure, print and judge, by both clocks; the first calls warm up what loads on first use."""
    random = Random(seed)
    timed(pairs, 20, random=random)
    found = {clock: judged(*both, random=random) for clock, both in timed(pairs, number, random=random).items()}
    print(f"\n{what}:", *(f"{clock}: {one}" for clock, one in found.items()), sep="\n  ")
    return [*found.values()]


def alike(found, tolerance):
    """No clock sees a difference above *tolerance*, and one at least sees well enough to be sure that there is none."""
    return not any(one.above(tolerance) for one in found) and any(one.within(tolerance) for one in found)


def platform(hashing, people):
    """An engine, its clock, and its key ring; each account has a password."""
    store, keys, rules = MemoryStore(), world.keyring(), world.policy(hashing)
    world.adopt(store, keys, rules, people)
    return world.engine(store, world.Users(people), keys=keys, rules=rules)


def nothing():
    pass


def guesses(engine, *, extra=nothing, people=PAIRS):
    """Wrong passwords for an account and for a name of the same length that nobody has, each from an address of its own."""
    addresses = world.sources()
    for number in count():
        known, unknown = world.name(number // 5 % people), f"n{world.name(number // 5 % people)[1:]}"
        here, there, guess = next(addresses), next(addresses), f"wrong password {number}"

        somebody = partial(engine.sign_in, known, guess, context=here)
        nobody = partial(engine.sign_in, unknown, guess, context=there)
        yield partial(both, nothing, somebody), partial(both, extra, nobody)


def both(extra, call):
    """One thing more, and then the call."""
    extra()
    assert isinstance(call(), Refused)


@pytest.mark.deep
def test_nobody_takes_as_long_to_refuse_as_somebody():
    found = told("sign_in, known and unknown", guesses(platform(HashingPolicy(), PAIRS)))
    assert alike(found, P19), found


@pytest.mark.deep
def test_a_leak_of_two_per_cent_of_a_hash_is_found():
    """The judge on this very machine: a quarter of the pairs, and a little more work for nobody."""
    hashing = HashingPolicy()
    started = process_time_ns()
    for _ in range(20):
        hashing.hash("how long does this take", salt=bytes(range(16)))
    planted = (process_time_ns() - started) / 20 * A_LEAK

    def extra():
        until = process_time_ns() + planted
        while process_time_ns() < until:
            pass

    found = told("sign_in with a planted leak", guesses(platform(hashing, PAIRS), extra=extra), number=PAIRS // 4)
    assert any(one.above(P19) for one in found), found
    assert not alike(found, P19), found


@pytest.mark.deep
def test_a_reset_is_asked_for_in_one_time():
    engine, addresses = platform(world.NoWork(), PAIRS), world.sources()

    def asked():
        for number in count():
            known, unknown = world.name(number % PAIRS), f"n{world.name(number % PAIRS)[1:]}"
            here, there = next(addresses), next(addresses)
            yield partial(engine.request_reset, known, context=here), partial(engine.request_reset, unknown, context=there)

    found = told("request_reset, known and unknown", asked(), number=4 * PAIRS)
    assert alike(found, P19), found


LIGHT = HashingPolicy(memory_kib=8 * 1024, time_cost=1, floor=Argon2Parameters(memory_kib=8 * 1024, time_cost=1, parallelism=1))
"""A tenth of the default cost: what a kind of account adds to a hash shows ten times as much."""

A_HUNDREDTH_OF_THE_DEFAULT = 0.1  # of a light hash


def disabled(people):
    """A user table in which everybody is disabled."""
    users = world.Users(people)
    users.accounts = {name: evolve(one, status=Status.DISABLED) for name, one in users.accounts.items()}
    users.subjects = {one.subject: one for one in users.accounts.values()}
    return users


RESTED = timedelta(minutes=30)
LONG_RESTS = LockoutPolicy(strangers=Rungs(free=10, first=RESTED, longest=RESTED, stop=50))


def platform_of(kind, people):
    """An engine with light hashes, and a store in which all accounts are of a kind; names that nobody has went through the same."""
    store, keys = MemoryStore(), world.keyring()
    rules, quick = (evolve(world.policy(hashing), lockout=LONG_RESTS) for hashing in (LIGHT, world.NoWork()))
    if kind != "without a password":
        world.adopt(store, keys, rules, people)
    users = disabled(people) if kind == "disabled" else world.Users(people)
    besieged = {"resting": 10, "stopped": 50}.get(kind, 0)
    clock, addresses = ManualClock(datetime.now(UTC) - (besieged - 10) * 1.1 * RESTED), world.sources()
    siege = world.engine(store, users, keys=keys, rules=quick, clock=clock)
    for number in range(besieged):
        for one, who in product(range(people), "un"):
            siege.sign_in(f"{who}{world.name(one)[1:]}", f"siege {number}", context=next(addresses))
        if number >= 9:
            clock.advance(1.1 * RESTED)
    return world.engine(store, users, keys=keys, rules=rules)


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["without a password", "disabled", "resting", "stopped"])
def test_nobody_takes_as_long_to_refuse_as_an_account_of_any_kind(kind):
    people = 40 if kind in {"resting", "stopped"} else PAIRS
    found = told(f"sign_in, an account {kind} and nobody", guesses(platform_of(kind, people), people=people))
    assert alike(found, A_HUNDREDTH_OF_THE_DEFAULT), found


@pytest.mark.deep
def test_a_wrong_code_takes_as_long_for_nobody_as_for_somebody():
    """No hash covers it: what is held to five per cent here is a fifth of a millisecond."""
    engine, addresses = platform(world.NoWork(), PAIRS), world.sources()

    def redeemed():
        for number in count():
            pair = []
            for name in (world.name(number // 5 % PAIRS), f"n{world.name(number // 5 % PAIRS)[1:]}"):
                here = next(addresses)
                handle = engine.request_reset(name, context=here).handle
                pair.append(
                    partial(engine.redeem_reset, ResetCode(handle, f"{number % 10**8:08d}"), "another phrase", context=here)
                )
            yield pair

    found = told("redeem_reset with a wrong code, known and unknown", redeemed(), number=2 * PAIRS)
    assert alike(found, 0.05), found


BATCH = 50


def repeated(call):
    def calls():
        for _ in range(BATCH):
            call()

    return calls


@pytest.mark.deep
def test_a_code_that_is_nearly_right_takes_as_long_as_one_that_is_not():
    secret, now = bytes(range(20)), ManualClock()()
    step = totp.step_of(now)
    right = totp.code_at(secret, step)
    near = right[:-1] + str((int(right[-1]) + 1) % 10)
    far = str((int(right[0]) + 1) % 10) + right[1:]
    assert not {near, far} & {totp.code_at(secret, one) for one in range(step - 1, step + 2)}

    def looked_at(code):
        return repeated(lambda: totp.matching_steps(secret, code, now=now, window=1))

    for what, code in (("last digit wrong, first digit wrong", far), ("last digit wrong, right", right)):
        found = told(f"TOTP, {what}", ((looked_at(near), looked_at(code)) for _ in count()))
        assert any(one.within(0.03) for one in found), found


@pytest.mark.deep
def test_a_token_that_is_forged_well_takes_as_long_as_one_that_is_forged_badly():
    """Both name the right key: one differs from a real token at its beginning, the other at its end."""
    engine, [here] = platform(world.NoWork(), 1), [next(world.sources())]
    handle = engine.request_reset(world.name(0), context=here).handle
    early, late = (handle[:at] + ("A" if handle[at] != "A" else "B") + handle[at + 1 :] for at in (12, len(handle) - 4))

    def redeem(token):
        return repeated(lambda: engine.redeem_reset(ResetCode(token, "12345678"), "another good password", context=here))

    found = told("token, changed early and late", ((redeem(early), redeem(late)) for _ in count()))
    assert any(one.within(P19) for one in found), found
