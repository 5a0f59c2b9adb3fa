"""A connection is cut at every request of every deed: what the caller was told is true, and nothing happened twice."""

from contextlib import suppress
from time import monotonic, sleep

import pytest
from tests.faults.deeds import DEEDS, TIGHT, WRONG_GUESS, a_world, failures, fresh_look, guess_on
from tests.faults.planted import PLANTED
from tests.faults.sites import Nth

from acctsec import AcctsecError, StoreUnavailable
from acctsec.protocols import Charge, Ladder, Settle, Settlement
from acctsec.testing.world import IDENTIFIER

CUTS = ("cut_request", "cut_reply")
"""Before the server hears of it, and when it has been done."""

TELLING = ("a sign-in", "a request for a reset", "a delivered reset", "a redeemed link", "an erasure")
LADDER = Ladder(1, 1, 1, 1, 1, 1)
STOP = TIGHT.lockout.strangers.stop


def cut_everywhere(site, deed, fault, check, *, plant=None):
    """Do a deed, cut at one request after the other, until none is left to cut; answers how many there were."""
    direct, store = site.open(direct=True), site.open()
    for number in range(100):
        site.empty()
        w = a_world(direct)
        facts = deed.prepare(w)
        w.store = PLANTED[plant](store) if plant else store
        w.restart()
        warm(store)
        before = site.struck
        site.strike(fault, Nth(number + 1))
        try:
            told = type(deed.do(w.engine, w.context(), facts)).__name__
        except AcctsecError as error:
            told = type(error).__name__
        struck = site.struck - before
        site.heal()
        w.store = direct
        check(w, deed, facts, told)
        if not struck:
            return number
    raise AssertionError("a hundred requests, and no end")


def warm(store):
    """Have a connection to each server, whatever became of the ones before, and all scripts on them."""
    deadline = monotonic() + 10
    while monotonic() < deadline:
        with suppress(StoreUnavailable):
            store.load(b"warm")
            store.charge([Charge(b"warm", b"warm", LADDER, 1, b"hold")], 1)
            store.settle([Settlement(b"warm", b"warm", LADDER, b"hold", Settle.VOID)], 1)
            return
        sleep(0.01)
    raise AssertionError("the store does not find back to its server")


def check_a_deed(w, deed, facts, told):
    """It happened wholly or not at all, and it did if the caller was told so; what can be asked for again is done then, once."""
    fresh_look(w)
    happened = deed.happened(w, facts)
    assert happened or told not in deed.means, f"the caller was told {told}, and it did not happen"
    _count(w, deed, int(happened), told)
    if deed.again:
        deed.do(w.engine, w.context(), facts)
        fresh_look(w)
        assert deed.happened(w, facts)
        _count(w, deed, 1, told)


def _count(w, deed, wanted, told):
    for kind in deed.events:
        assert len(w.sink.of(kind)) == wanted, f"{told}: {w.sink.events}"
    for purpose in deed.messages:
        assert len(w.messenger.of(purpose)) == wanted, f"{told}: {w.messenger.handed}"


def check_a_wrong_guess(w, deed, facts, told):
    """One failure for what was compared, not two; and none for what was not charged."""
    compared = len(w.comparisons.guesses)
    fresh_look(w)
    counted = failures(w)
    assert compared <= counted <= 1, told
    assert compared == 1 or told != "Refused"
    assert guess_on(w) == STOP - counted


@pytest.mark.parametrize("fault", CUTS)
@pytest.mark.parametrize("name", TELLING)
def test_what_a_caller_is_told_is_true_whatever_is_cut(site, name, fault):
    assert cut_everywhere(site, DEEDS[name], fault, check_a_deed) >= 2


@pytest.mark.deep
@pytest.mark.parametrize("fault", CUTS)
@pytest.mark.parametrize("name", sorted(set(DEEDS) - set(TELLING)))
def test_what_any_caller_is_told_is_true_whatever_is_cut(site, name, fault):
    assert cut_everywhere(site, DEEDS[name], fault, check_a_deed) >= 2


@pytest.mark.parametrize("fault", CUTS)
def test_a_guess_is_counted_once_whatever_is_cut(site, fault):
    assert cut_everywhere(site, WRONG_GUESS, fault, check_a_wrong_guess) >= 3


@pytest.mark.parametrize("fault", CUTS)
def test_a_request_is_spent_at_most_once_whatever_is_cut(site, fault):
    """Its budget is charged for good, so it is not charged again when the answer was lost: whoever asks again spends another."""
    limit = TIGHT.reset.per_source.limit

    def check(w, deed, facts, told):
        spent = _spent(w)
        assert spent <= 1, f"{told}: {spent} units"
        assert spent == 1 or told != "ResetRequested"
        fresh_look(w)
        left = 0
        while left <= limit and _asks(w):
            left += 1
        assert left == limit - spent, f"{told}: {spent} units, and {left} left"

    assert cut_everywhere(site, DEEDS["a request for a reset"], fault, check) >= 2


def _asks(w):
    """Whether a request is let through to the outbox."""
    before = len(w.engine._flows.core.observations)
    w.engine.request_reset(IDENTIFIER, context=w.context())
    return len(w.engine._flows.core.observations) == before


def _spent(w):
    """How many requests the source has spent, by its own meter."""
    row = w.keyring.digest("source row", "", w.context().source.key)[:16]
    now = int(w.clock().timestamp()) * 1_000_000
    return w.store.read([(row, b"!requests", w.policy.reset.per_source.ladder())], now)[0].count


# --- that it would be seen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plant", "name"), [("Hasty", "a sign-in"), ("Forgetful", "a redeemed link"), ("Split", "an erasure")])
def test_a_store_with_a_fault_is_found_out(split, plant, name):
    with pytest.raises(AssertionError):
        cut_everywhere(split, DEEDS[name], "cut_reply", check_a_deed, plant=plant)


def test_a_store_that_spends_twice_is_found_out(split):
    def check(w, deed, facts, told):
        assert _spent(w) <= 1

    with pytest.raises(AssertionError):
        cut_everywhere(split, DEEDS["a request for a reset"], "cut_reply", check, plant="Stubborn")
