"""The popularity cap: what many accounts share already, no further account may choose."""

import pickle
from collections import Counter
from hashlib import sha256

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from acctsec import (
    CHEAPEST,
    ConfigError,
    CurrentPassword,
    FreshSession,
    Initial,
    Keyring,
    MemoryPopularity,
    PasswordChanged,
    PasswordPolicy,
    PasswordRejected,
    Policy,
    StoreError,
)
from acctsec.claims import ResetLink
from acctsec.events import PortFailed
from acctsec.password import Outage
from acctsec.testing import async_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "nine silent herons 733"
DIGESTS = st.integers(0, 40).map(lambda number: sha256(bytes([number])).digest())


def capped(cap, **others):
    return evolve(CHEAPEST, password=PasswordPolicy(popularity_cap=cap, **others))


def codes(outcome):
    return [one.code for one in outcome.objections] if isinstance(outcome, PasswordRejected) else None


def initial(w, subject, password):
    """Somebody's first password."""
    w.sign_up(subject, f"{subject}@example.org", password=None)
    return w.calls.set_password(subject, password, by=Initial(), context=w.context())


@pytest.mark.parametrize("make", [world, async_world])
def test_as_many_as_the_cap_may_share_a_password(make):
    """And not one more, on any path; others are as free as before."""
    w = make(policy=capped(2), popularity=MemoryPopularity(width=1024))
    assert isinstance(initial(w, "u1", NEW), PasswordChanged)
    assert isinstance(initial(w, "u2", NEW), PasswordChanged)
    assert codes(initial(w, "u3", NEW)) == ["popular"]
    assert isinstance(initial(w, "u4", PASSWORD), PasswordChanged)
    changed = w.calls.set_password("u4", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    assert codes(changed) == ["popular"]
    link = ResetLink(w.reset_link("u4@example.org"))
    assert codes(w.calls.redeem_reset(link, NEW, context=w.context())) == ["popular"]
    w.close()


@pytest.mark.parametrize("by_link", [False, True])
def test_what_is_popular_is_refused_before_it_is_compared_with_the_password_in_use(by_link):
    """Where it was compared first, whoever had a session could ask for one popular password after another, uncounted."""
    w = world(policy=CHEAPEST, popularity=MemoryPopularity(width=1024))
    w.sign_up(password=NEW)
    w.restart(policy=capped(1))
    session = w.sign_in(password=NEW).session
    w.comparisons.clear()
    if by_link:
        rejected = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    else:
        rejected = w.calls.set_password("u1", NEW, by=FreshSession(session), context=w.context())

    assert codes(rejected) == ["popular"]
    assert w.comparisons.all == []


def test_asking_tells_nothing_before_the_change_is_proven():
    """`check_password` has no answer, and neither has who does not know the current one."""
    w = world(policy=capped(1), popularity=MemoryPopularity(width=1024))
    initial(w, "u1", NEW)
    w.sign_up("u9", IDENTIFIER)
    assert codes(w.engine.check_password(NEW)) is None
    wrong = w.engine.set_password("u9", NEW, by=CurrentPassword("not the one at all"), context=w.context())
    assert codes(wrong) is None and not isinstance(wrong, PasswordChanged)


def test_tenants_do_not_share_their_counts():
    """What is popular in one is nobody's business in another."""
    counted = MemoryPopularity(width=1024)
    w = world(policy=capped(1), popularity=counted)
    digest = [w.keyring.digest("popularity", tenant, NEW) for tenant in ("", "other")]
    initial(w, "u1", NEW)
    assert [counted.count(one) for one in digest] == [1, 0]


def test_a_key_that_is_rotated_lets_nothing_become_popular_anew():
    """What was counted under either key counts, until the older one is gone."""
    w = world(policy=capped(2), popularity=MemoryPopularity(width=1024))
    older, newer, sealing = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
    w.restart(keyring=Keyring(sealing=[sealing], index=[older], entropy=w.entropy))
    initial(w, "u1", NEW)
    w.restart(keyring=Keyring(sealing=[sealing], index=[newer, older], entropy=w.entropy))
    initial(w, "u2", NEW)
    assert codes(initial(w, "u3", NEW)) == ["popular"]
    w.restart(keyring=Keyring(sealing=[sealing], index=[newer], entropy=w.entropy))
    assert isinstance(initial(w, "u4", NEW), PasswordChanged)


class Broken:
    def __init__(self, answer):
        self.answer = answer

    def count(self, digest):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def add(self, digest):
        raise TimeoutError("away")


@pytest.mark.parametrize("answer", [TimeoutError("away"), -1, None, "3", True])
@pytest.mark.parametrize("on_outage", Outage)
def test_a_counter_that_cannot_tell_is_observed(answer, on_outage):
    """The other rules stand; the policy may refuse what nobody can tell."""
    w = world(policy=capped(1, on_outage=on_outage), popularity=Broken(answer))
    outcome = initial(w, "u1", NEW)
    if on_outage is Outage.REFUSE:
        assert codes(outcome) == ["unchecked"]
    else:
        assert isinstance(outcome, PasswordChanged)
    w.deliver()
    assert {event.port for _, event in w.sink.handed if isinstance(event, PortFailed)} == {"popularity"}


def test_a_cap_that_nothing_counts_for_is_refused_at_construction():
    with pytest.raises(ConfigError, match="popularity"):
        world(policy=capped(2))
    with pytest.raises(ConfigError, match="popularity"):
        world(policy=evolve(CHEAPEST, groups={"staff": PasswordPolicy(popularity_cap=3)}))
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(ConfigError, match="popularity_cap"):
            PasswordPolicy(popularity_cap=wrong)


def test_the_lower_of_two_caps_holds():
    """As of every bound that `&` joins."""
    for one, other, both in ((3, 7, 3), (None, 7, 7), (7, None, 7), (None, None, None)):
        assert (PasswordPolicy(popularity_cap=one) & PasswordPolicy(popularity_cap=other)).popularity_cap == both
    staff = Policy(password=PasswordPolicy(popularity_cap=9), tenants={"bank": PasswordPolicy(popularity_cap=2)})
    assert staff.for_account(None, tenant="bank").password.popularity_cap == 2


@given(added=st.lists(DIGESTS, max_size=200))
def test_a_count_is_never_too_low(added):
    """And right where there is room; what was written down counts the same."""
    counted = MemoryPopularity(width=1024)
    for digest in added:
        counted.add(digest)
    known = Counter(added)
    again = MemoryPopularity.from_bytes(counted.to_bytes())
    for digest in known:
        assert counted.count(digest) >= known[digest]
        assert again.count(digest) == counted.count(digest)
    assert sum(counted.count(digest) == known[digest] for digest in known) >= len(known) - 2


CROWDED = st.lists(st.integers(0, 3), min_size=4, max_size=4).map(lambda four: b"".join(n.to_bytes(4, "big") for n in four))


@given(added=st.lists(CROWDED, max_size=60))
def test_a_count_is_never_too_low_where_all_share_their_counters(added):
    """What one of them adds takes nothing from another."""
    counted = MemoryPopularity(width=1024)
    for digest in added:
        counted.add(digest)
    assert all(counted.count(digest) >= number for digest, number in Counter(added).items())


@given(cut=st.integers(0, 40), to=st.binary(max_size=8))
def test_damaged_counts_are_refused(cut, to):
    """Never read as other counts."""
    written = MemoryPopularity(width=1024, depth=2).to_bytes()
    for damaged in (written[:cut], written + to if to else written[:-1], b"x" + written[1:]):
        with pytest.raises((StoreError, ConfigError)):
            MemoryPopularity.from_bytes(damaged)


def test_wrong_sizes_are_refused():
    for wrong in ({"width": 1000}, {"width": 2**25}, {"width": True}, {"depth": 1}, {"depth": 9}):
        with pytest.raises(ConfigError):
            MemoryPopularity(**wrong)


def test_nothing_of_a_password_is_kept():
    """Only counts are."""
    counted = MemoryPopularity(width=1024)
    w = world(policy=capped(2), popularity=counted)
    initial(w, "u1", NEW)
    kept = counted.to_bytes() + pickle.dumps([row.tolist() for row in counted._counters])
    digest = w.keyring.digest("popularity", "", NEW)
    assert NEW.encode() not in kept and digest[:8] not in kept
