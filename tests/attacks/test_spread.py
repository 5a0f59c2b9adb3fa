"""Who touches many: bounds against exact sets, and an attacker who floods to drive his own spray out of the table."""

import hashlib
from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.sizes import deep_size

from acctsec import ConfigError
from acctsec._values import evolve
from acctsec.attacks.networks import Networks
from acctsec.attacks.signals import Detector, Signal, opaque
from acctsec.attacks.spray import Guessed, SprayPolicy, Sprays
from acctsec.attacks.spread import Spread, SpreadPolicy, Touched

DAY = 86_400_000_000
SMALL = SpreadPolicy(keys=16, bits=64)


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).digest()


def own_bit(number):
    """A member with a bit of its own among 64."""
    return number.to_bytes(16, "big")


def kept(state):
    """The table of the present window, as one."""
    return {key: touched for part in state.parts for key, touched in part.items()}


TOUCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 63), st.integers(0, DAY)), max_size=300)
SKEWED = st.lists(st.tuples(st.integers(0, 60) | st.integers(0, 2), st.integers(0, 63)), max_size=400)


@given(touches=TOUCHES)
def test_the_number_is_never_too_high_over_two_windows(touches):
    """So no alarm is false, whatever was evicted, and a window that ended twice is forgotten."""
    state, exact = Spread(), defaultdict(set)
    now = 0
    for key, member, pause in touches:
        now += pause
        state, level = SMALL.touch(state, digest(key), own_bit(member), now=now)
        exact[key].add((now // DAY, member))
        lately = {one for window, one in exact[key] if window >= now // DAY - 1}
        assert 1 <= level <= len(lately)
        assert level == SMALL.members(state, digest(key), now=now)
        assert SMALL.members(state, digest(key), now=now + 2 * DAY) == 0


@given(touches=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 63), st.integers(0, DAY // 20)), max_size=300))
def test_where_there_is_room_the_number_is_exact(touches):
    state, exact, now = Spread(), defaultdict(set), 0
    for key, member, pause in touches:
        now += pause
        state, level = SMALL.touch(state, digest(key), own_bit(member), now=now)
        exact[key].add((now // DAY, member))
        assert level == len({one for window, one in exact[key] if window >= now // DAY - 1})


FRESH = Spread()


def check_that_the_frequent_stay(touches, state=FRESH, now=0):
    """More than one in *keys* of all: there. As long as that holds: every member since."""
    exact, safe = defaultdict(set), defaultdict(set)
    for number, (key, member) in enumerate(touches, 1):
        state, _ = SMALL.touch(state, digest(key), own_bit(member), now=now)
        exact[key].add(member)
        safe[key].add(member)
        for one, members in exact.items():
            if len(members) * SMALL.keys > number:
                assert digest(one)[:16] in kept(state)
                assert SMALL.members(state, digest(one), now=now) >= len(safe[one])
            else:
                safe[one] = set()
        assert len(kept(state)) == state.held <= SMALL.keys


@given(touches=SKEWED)
def test_a_frequent_key_is_there_and_loses_no_member(touches):
    check_that_the_frequent_stay(touches)


@given(
    head=st.integers(0, 30), depth=st.integers(0, 12), noise=st.integers(0, 14), rounds=st.integers(1, 30), again=st.booleans()
)
def test_a_frequent_key_gets_into_a_full_table_amid_noise(head, depth, noise, rounds, again):
    """The attacker fills every place, before or after, and hides each guess among others that nobody made before."""
    touches = [("late", 30 + member) for member in range(head)]
    touches += [(("full", key), member) for key in range(16) for member in range(depth)]
    for number in range(rounds):
        touches += [(("noise", number, other), 0) for other in range(noise)] + [("late", number)]
    state = Spread()
    if again:  # what was counted in the window before is over
        for member in range(12):
            for key in range(20):
                state, _ = SMALL.touch(state, digest("before", key), own_bit(member), now=0)
        assert state.least > 0
    check_that_the_frequent_stay(touches, state, DAY)


@given(touches=SKEWED)
def test_the_least_count_bounds_what_was_forgotten(touches):
    """Space-Saving: the counts sum up to what was added, so the least is at most one in *keys* of it."""
    state = Spread()
    for key, member in touches:
        state, _ = SMALL.touch(state, digest(key), own_bit(member), now=0)
    counts = [touched.count for touched in kept(state).values()]
    assert sum(counts) <= len(touches) and state.least <= sum(counts) / SMALL.keys
    assert all(count >= state.least for count in counts)
    assert all(touched.count >= touched.members.bit_count() for touched in kept(state).values())


@given(touches=SKEWED)
def test_a_step_copies_two_parts_and_the_table_is_one(touches):
    """Whatever part a key falls in, the one that goes is the least of all."""
    state, evicted = Spread(), 0
    for key, member in touches:
        before, past = state, kept(state)
        state, _ = SMALL.touch(state, digest(key), own_bit(member), now=0)
        now = kept(state)
        assert sum(one is not other for one, other in zip(before.parts, state.parts, strict=bool(before.parts))) <= 2
        for gone in past.keys() - now.keys():
            evicted += 1
            assert past[gone].count == min(touched.count for touched in past.values()) == state.least
            assert now[digest(key)[:16]].count == state.least + 1
        for part, least in zip(state.parts, state.leasts, strict=True):
            assert all(touched.count >= least for touched in part.values())
    assert not evicted or state.held == SMALL.keys


@given(touches=SKEWED, more=SKEWED)
def test_a_policy_with_more_room_forgets_nothing_of_what_it_took_over(touches, more):
    """A key that was driven out before counts as if it had been there, so its bound still holds."""
    wider, state, exact = SpreadPolicy(keys=20, bits=64), Spread(), defaultdict(set)
    for policy, some in ((SMALL, touches), (wider, more)):
        for key, member in some:
            state, _ = policy.touch(state, digest(key), own_bit(member), now=0)
            exact[key].add(member)
    assert all(touched.count >= len(exact[key]) for key in exact if (touched := kept(state).get(digest(key)[:16])))


@given(key=st.integers(), members=st.lists(st.integers(0, 5), max_size=100))
def test_repeating_is_of_no_use(key, members):
    """A client with a stale password is one account, and takes nobody's place."""
    state = Spread()
    for member in members:
        state, level = SMALL.touch(state, digest(key), own_bit(member), now=0)
        assert kept(state)[digest(key)[:16]].count == level
    if members:
        assert level == len(set(members))


@pytest.mark.parametrize(("accounts", "least"), [(50, 44), (100, 86), (300, 235)])
def test_few_bits_fall_together(accounts, least):
    """On average d * d / 2048 of d, over 200 keys; and in none of them far more."""
    policy, levels = SpreadPolicy(), []
    for key in range(200):
        state = Spread()
        for account in range(accounts):
            state, level = policy.touch(state, digest(key), digest("account", key, account), now=0)
        levels.append(level)
    assert min(levels) >= least
    assert 0.8 * accounts**2 / 2048 <= accounts - sum(levels) / 200 <= 1.2 * accounts**2 / 2048


def flooded(policy, noise, accounts):
    """How many accounts of a spray are told when *noise* other guesses come for each of its own."""
    state, sprayed, level = Spread(), digest("the sprayed one"), 0
    for account in range(accounts):
        for number in range(noise):
            state, _ = policy.touch(state, digest(account, number), digest("any", account, number), now=0)
        state, level = policy.touch(state, sprayed, digest("account", account), now=0)
    return level


def test_noise_hides_no_spray_that_is_more_than_its_share():
    """The attacker floods with fresh passwords, 50 for each guess that matters; 64 places hold."""
    assert flooded(SpreadPolicy(keys=64), 50, 100) >= 85


def test_noise_beyond_the_bound_hides_and_that_is_said():
    """Who spends sixteen times as many guesses as there are places hides: each costs him points of reputation."""
    assert flooded(SpreadPolicy(keys=64), 1024, 20) < 20


def test_who_goes_slower_than_two_windows_goes_unseen():
    """And gets no more guesses than that."""
    state = Spread()
    for account in range(100):
        state, level = SpreadPolicy().touch(state, digest("one"), digest(account), now=account * DAY // 10)
        assert level <= 20


def test_a_clock_that_is_behind_or_broken():
    """One that is behind counts in the window that is; one that was months ahead does not make a window last for ever."""
    state, _ = SMALL.touch(Spread(), digest(1), own_bit(1), now=10 * DAY)
    state, level = SMALL.touch(state, digest(1), own_bit(2), now=10 * DAY - 1)
    assert (level, state.window) == (2, 10)
    state, level = SMALL.touch(state, digest(1), own_bit(3), now=0)
    assert (level, state.window) == (3, 0)
    assert SMALL.members(state, digest(1), now=2 * DAY) == 0


@pytest.mark.parametrize("key", ["text", b"short", None, 7])
def test_what_is_no_keyed_digest_is_refused(key):
    """A plain password or name must not get here."""
    with pytest.raises(ConfigError):
        SMALL.touch(Spread(), key, own_bit(1), now=0)
    with pytest.raises(ConfigError):
        SMALL.touch(Spread(), digest(1), key, now=0)


@pytest.mark.parametrize("wrong", [{"keys": 15}, {"bits": 63}, {"window": timedelta(0)}, {"keys": 1e3}, {"bits": True}])
def test_nonsense_is_refused_at_construction(wrong):
    with pytest.raises(ConfigError):
        SpreadPolicy(**wrong)
    with pytest.raises(ConfigError):
        SprayPolicy(candidates=wrong)


@pytest.mark.parametrize("policy", [SMALL, SpreadPolicy(), SpreadPolicy(keys=2048, bits=256)], ids=str)
def test_full_tables_stay_within_the_stated_bytes(policy):
    """Every place taken, every bitmap full, in both windows."""
    state = Spread()
    for now in (0, DAY):
        for number in range(policy.keys):
            state, _ = policy.touch(state, digest(now, number), own_bit(0), now=now)
        full = tuple(
            {key: Touched(10**6 + number, (1 << policy.bits) - 1 - number - at) for number, key in enumerate(part)}
            for at, part in enumerate(state.parts)
        )
        state = evolve(state, parts=full, leasts=tuple(10**6 - at for at in range(len(full))))
    assert state.held == policy.keys and len(state.earlier) == len(state.parts)
    assert deep_size(state) <= policy.most_bytes <= 2.5 * deep_size(state)


@pytest.mark.parametrize("guesses", [100_000, pytest.param(1_000_000, marks=pytest.mark.deep)])
def test_a_million_different_guesses_stay_within_the_stated_bytes(guesses):
    """From as many prefixes, with as many passwords, at as many names, over two windows."""
    policy, state = SprayPolicy(candidates=SpreadPolicy(keys=64), prefixes=SpreadPolicy(keys=64)), Sprays()
    for number in range(guesses):
        one = number.to_bytes(16, "little")
        networks = Networks("", (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",))
        state, _ = policy.step(state, Guessed(one, one, networks), now=number * 2 * DAY // guesses)
        if number % (guesses // 10) == guesses // 10 - 1:
            assert deep_size(state) <= policy.most_bytes


def test_a_spray_and_a_crowd_are_told_by_name():
    """One password at thirty names from one /56: its opaque name, and both prefixes."""
    policy, state = SprayPolicy(), Sprays()
    networks = Networks("2001:db8::/64", ("2001:db8::/56", "2001:db8::/48"))
    for account in range(30):
        state, signals = policy.step(state, Guessed(digest("pw"), digest(account), networks), now=0)
    assert [(s.detector, s.name) for s in signals] == [
        (Detector.SPRAY, opaque(digest("pw"))),
        (Detector.CROWD, "2001:db8::/56"),
        (Detector.CROWD, "2001:db8::/48"),
    ]
    assert all(28 <= signal.level <= 30 for signal in signals)
    assert isinstance(signals[0], Signal) and len(signals[0].name) == 8


def test_no_name_of_a_network_and_no_digest_is_in_what_is_told():
    """A state keeps prefixes as digests; a signal names a password by 32 bits of a hash of its digest."""
    state, signals = SprayPolicy().step(
        Sprays(), Guessed(digest("pw"), digest("me"), Networks("192.0.2.1", ("192.0.2.0/24",))), now=0
    )
    assert "192.0.2" not in repr(state)
    assert digest("pw").hex()[:8] not in repr(signals) and repr(digest("me"))[2:20] not in repr(state)
