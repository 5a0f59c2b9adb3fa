"""Two engines whose clocks differ, on one store: they share one budget, no rest outlasts its cap, and no token its lifetime."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.faults.deeds import a_world

from acctsec import ConfigError, Engine, ResetPending, SessionValid, SignedIn
from acctsec.budgets import Rungs
from acctsec.record import SKEW
from acctsec.stores import _postgres_pool, _valkey_checks
from acctsec.testing import RACING
from acctsec.testing.world import IDENTIFIER, PASSWORD

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SKEWS = [sign * skew for skew in (timedelta(seconds=5), 10 * MINUTE, DAY) for sign in (1, -1)]
POLICY = evolve(RACING, lockout=evolve(RACING.lockout, strangers=Rungs(free=2, first=MINUTE, longest=4 * MINUTE, stop=12)))
skewed = pytest.mark.parametrize("skew", SKEWS, ids=str)


def two_nodes(split, skew):
    """A world, and another engine of its deployment, on a handle of its own, whose clock is so far ahead."""
    w = a_world(split.open(), policy=POLICY)
    ports = {"policy": w.policy, "keyring": w.keyring, "directory": w.directory, "entropy": w.entropy}
    return w, Engine(**ports, store=split.open(), messenger=w.messenger, sink=w.sink, clock=lambda: w.clock() + skew)


def guess(w, engine, number):
    return engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"198.18.0.{number + 1}"))


@skewed
@pytest.mark.parametrize("every", [timedelta(seconds=20), 5 * MINUTE], ids=["fast", "slow"])
def test_guesses_are_counted_together(split, skew, every):
    """In turn on either node: never one more than the stop, and never one less than on a single node at the slow pace."""
    w, other = two_nodes(split, skew)
    for number in range(40):
        guess(w, (w.engine, other)[number % 2], number)
        w.clock.advance(every)
    stop = POLICY.lockout.strangers.stop
    assert len(w.comparisons.guesses) <= stop
    if every > POLICY.lockout.strangers.longest:
        assert len(w.comparisons.guesses) == stop


@skewed
def test_a_rest_is_over_when_its_cap_has_passed_since_somebody_looked(split, skew):
    """Whichever node counted the failures, and whichever is asked."""
    longest = POLICY.lockout.strangers.longest
    for asked in (0, 1):
        split.empty()
        w, other = two_nodes(split, skew)
        nodes = (w.engine, other)
        for number in range(6):
            guess(w, nodes[(number + asked) % 2], number)
            w.clock.advance(longest)
        nodes[asked].sign_in(IDENTIFIER, PASSWORD, context=w.context())
        w.clock.advance(longest)
        assert isinstance(nodes[asked].sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


@skewed
def test_no_token_is_accepted_for_longer(split, skew):
    """
    What one node made is accepted by the other for as long as its lifetime, and what two clocks may differ; then never again.

    One that a broken clock made far in the future is not accepted before that future comes.
    """
    w, other = two_nodes(split, skew)
    sessions, reset = w.policy.sessions, w.policy.reset
    w.clock.advance(days=3)  # longer since the password was set than any clock here is off
    session = other.sign_in(IDENTIFIER, PASSWORD, context=w.context()).session
    other.request_reset(IDENTIFIER, context=w.context())
    while other.deliver().sent:
        pass
    made, link = w.clock(), w.messenger.link
    end = made + max(skew, timedelta(0))
    step, pending, valid = timedelta(seconds=30), [], []
    while w.clock() < end + reset.link_lifetime + 2 * SKEW:
        if isinstance(w.engine.inspect_reset(link, context=w.context()), ResetPending):
            pending.append(w.clock())
        w.clock.advance(step if w.clock() >= end - 2 * SKEW or w.clock() < made + 2 * SKEW else HOUR // 4)
    while w.clock() < end + sessions.idle + DAY:
        if isinstance(w.engine.check_session(session, context=w.context()), SessionValid):
            valid.append(w.clock())
        w.clock.advance(HOUR)
    assert pending or skew <= -reset.link_lifetime
    assert valid
    if pending:
        assert pending[-1] - pending[0] <= reset.link_lifetime + SKEW
        assert end - SKEW <= pending[0]
        assert pending[-1] < made + skew + reset.link_lifetime
    assert valid[-1] - valid[0] <= sessions.idle + HOUR
    assert valid[-1] < made + skew + sessions.idle


@pytest.mark.parametrize("skew", [timedelta(seconds=5), timedelta(seconds=-5)], ids=str)
def test_clocks_that_differ_as_clocks_do_part_nobody(split, skew):
    w, other = two_nodes(split, skew)
    w.clock.advance(minutes=1)
    session = other.sign_in(IDENTIFIER, PASSWORD, context=w.context()).session
    other.request_reset(IDENTIFIER, context=w.context())
    while other.deliver().sent:
        pass
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionValid)
    assert isinstance(w.engine.inspect_reset(w.messenger.link, context=w.context()), ResetPending)


# --- the clock of this machine and the server's -------------------------------------------------------------------------


def put_forward(monkeypatch, seconds):
    """Let the stores find this machine's clock so many seconds ahead."""
    nanoseconds, clock = _postgres_pool.time_ns, _valkey_checks.clock
    monkeypatch.setattr(_postgres_pool, "time_ns", lambda: nanoseconds() + seconds * 10**9)
    monkeypatch.setattr(_valkey_checks, "clock", lambda: clock() + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-600, -10, 10, 600])
@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_a_store_refuses_a_machine_whose_clock_is_off(a_site, monkeypatch, kind, seconds):
    site = a_site(kind)
    put_forward(monkeypatch, seconds)
    with pytest.raises(ConfigError, match="clock"):
        site.open(direct=True)


@pytest.mark.parametrize("seconds", [-5, 5])
@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_a_store_takes_a_machine_whose_clock_is_nearly_right(a_site, monkeypatch, kind, seconds):
    site = a_site(kind)
    put_forward(monkeypatch, seconds)
    assert site.open(direct=True).load(b"key") is None
