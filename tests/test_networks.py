"""Known networks: a botnet elsewhere keeps no owner out at home, and nobody learns whose home a network is."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.harness import NEW, OTHERS, SHORT, address, exhibit, other_node
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Admin,
    ConfigError,
    CurrentPassword,
    FactorRequired,
    Keyring,
    LockoutPolicy,
    PasswordChanged,
    Refused,
    ResetLink,
    SignedIn,
    StoreUnavailable,
)
from acctsec._codec import decode_record
from acctsec.events import GuessingStopped, SignedInEvent
from acctsec.keyring import frame
from acctsec.lockout import Lane, Outage, SecretClass
from acctsec.record import MAX_DEVICES, MAX_NETWORKS, Network
from acctsec.testing import assert_no_oracle, check_policy, world
from acctsec.testing.oracles import Kind
from acctsec.testing.world import IDENTIFIER, PASSWORD

STRANGERS = SHORT.lockout.strangers
NOBODY = "nobody@example.org"
HOME, OFFICE, CAFE, TRAIN = "203.0.113.7", "2001:db8:1:2::77", "192.0.2.200", "192.0.2.201"


def familiar(networks, stop, base=SHORT, **knobs):
    """A policy that remembers so many networks."""
    return evolve(base, lockout=evolve(base.lockout, networks=networks, strangers=evolve(STRANGERS, stop=stop), **knobs))


TWO = familiar(2, 16)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(params=[pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES])
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    return exhibit(place, policy=TWO)


@pytest.fixture
def m():
    """A world in memory, for what no store has a say in."""
    return world(policy=TWO)


def record(w, subject="u1"):
    return decode_record(w.store.load(frame("subject", "", subject))[0])


def right(w, at, engine=None, password=PASSWORD, **facts):
    """Whether the right password gets somebody in from an address, in a browser that nobody knows."""
    outcome = (engine or w.engine).sign_in(IDENTIFIER, password, context=w.context(at, **facts))
    return isinstance(outcome, SignedIn)


def guess(w, number, at=None, identifier=IDENTIFIER):
    return w.engine.sign_in(identifier, f"wrong guess number {number}", context=w.context(at or address(number)))


def botnet(w, guesses=40):
    """A guess whenever the strangers' lane lets one through, each from an address of its own."""
    for number in range(guesses):
        guess(w, number)
        w.clock.advance(minutes=31)


def lanes(w):
    return {one.lane: one for one in w.engine.admin.lock_status("u1")}


def home_lane(w, number=-1):
    """The name of the lane of a known network; of the one seen last, unless *number* says otherwise."""
    return Lane(network=record(w).networks[number].id).name(SecretClass.PASSWORD)


# --- what it is for ---------------------------------------------------------------------------------------------------


def test_a_botnet_elsewhere_keeps_no_owner_out_at_home(w, place):
    """No cookie, a new process, the strangers' lane stopped: at home and in the office he signs in, elsewhere he does not."""
    w.sign_up()
    assert right(w, HOME) and right(w, OFFICE)
    botnet(w)
    assert lanes(w)["password/strangers"].stopped

    assert not right(w, CAFE)
    node = other_node(w, place)
    assert all(right(w, HOME, engine) and right(w, OFFICE, engine) for engine in (w.engine, node))
    assert right(w, "2001:db8:1:2:ffff::1")  # his /64
    assert not right(w, "2001:db8:1:3::77")


def test_without_the_option_a_botnet_does(place):
    w = exhibit(place)
    w.sign_up()
    assert right(w, HOME)
    botnet(w, 55)
    assert not right(w, HOME)
    assert record(w).networks == ()


def test_strangers_in_a_known_network_close_that_lane_and_no_other(w):
    """Somebody in the owner's café guesses until nothing is compared there any more."""
    w.sign_up()
    device = w.sign_in(address=CAFE).device
    assert right(w, HOME)
    w.comparisons.clear()
    for number in range(40):
        guess(w, number, at=CAFE)
        w.clock.advance(hours=1)

    assert len(w.comparisons.guesses) == TWO.lockout.strangers.stop
    assert lanes(w)[home_lane(w, 0)].stopped
    assert not right(w, CAFE)
    assert right(w, HOME) and right(w, address(3))
    assert right(w, CAFE, device=device)


def test_only_full_success_makes_a_network_known(w):
    """Not a right password with a factor outstanding, not a redeemed reset, not a sign-up, not a wrong guess."""
    app, _, _ = w.guarded()
    w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context())
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(HOME)), FactorRequired)
    guess(w, 1, at=HOME)
    assert record(w).networks == ()

    w.fully(app, address=HOME)
    assert len(record(w).networks) == 1


def test_a_reset_and_every_change_of_the_password_forget_all_networks(w):
    changes = {
        "reset": lambda: w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context(HOME)),
        "owner": lambda: w.engine.set_password("u1", OTHERS[0], by=CurrentPassword(NEW), context=w.context(HOME)),
        "operator": lambda: w.engine.set_password("u1", OTHERS[1], by=Admin("root"), context=w.context(HOME)),
    }
    w.sign_up()
    password = PASSWORD
    for change in changes.values():
        assert right(w, HOME, password=password) or record(w).change
        assert isinstance(change(), PasswordChanged)
        assert record(w).networks == ()
        password = {PASSWORD: NEW, NEW: OTHERS[0]}.get(password)


@pytest.mark.parametrize("by", ["everywhere", "disable", "erase"])
def test_so_do_a_sign_out_everywhere_a_disable_and_an_erasure(m, by):
    m.sign_up()
    m.sign_in(address=HOME)
    assert len(record(m).networks) == 1
    {
        "everywhere": lambda: m.engine.sign_out_everywhere("u1", by=Admin("root"), context=m.context()),
        "disable": lambda: m.engine.admin.disable("u1", actor="root"),
        "erase": lambda: m.engine.admin.erase("u1", actor="root"),
    }[by]()
    found = m.store.load(frame("subject", "", "u1"))
    assert found is None or decode_record(found[0]).networks == ()


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_network_seen_longest_ago_is_forgotten_first(m):
    m.sign_up()
    for at in (HOME, OFFICE, HOME, CAFE):
        m.sign_in(address=at)
        m.clock.advance(days=1)
    assert len(record(m).networks) == 2
    botnet(m)
    assert right(m, HOME) and right(m, CAFE)
    assert not right(m, OFFICE)


def test_a_network_is_forgotten_when_a_device_would_be(m):
    m.sign_up()
    m.sign_in(address=HOME)
    botnet(m)
    seen = record(m).networks[0].since
    m.clock.now = seen + TWO.lockout.remember - timedelta(seconds=1)
    assert right(m, HOME)
    m.clock.now += TWO.lockout.remember
    assert not right(m, HOME)


@given(st.integers(1, MAX_NETWORKS), st.integers(0, MAX_NETWORKS), st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_no_more_networks_have_a_lane_than_the_policy_says_now(before, now, visits):
    """However many were remembered under another policy, and whatever comes in which order; the newest ones stay."""
    narrow = evolve(STRANGERS, free=1, stop=8)
    policy, at, networks = LockoutPolicy(networks=before, strangers=narrow), NOW, ()
    for number, visit in enumerate(visits):
        named = (bytes([visit]) * 16,)
        networks = policy.seen(networks, network=named, fresh=number.to_bytes(8, "big"), now=at)
    assert len(networks) == min(before, len(set(visits)))
    assert [one.digest[0] for one in networks] == last_distinct(visits, before)

    after = evolve(policy, networks=now)
    assert after.familiar(networks, at) == networks[len(networks) - min(now, len(networks)) :]
    kept = after.seen(networks, network=(b"x" * 16,), fresh=b"fresh", now=at)
    assert len(kept) == min(now, len(networks) + 1) <= now


def last_distinct(visits, most):
    """The latest *most* distinct visits, oldest first."""
    found = []
    for one in reversed(visits):
        if one not in found:
            found.append(one)
    return found[:most][::-1]


@given(st.integers(0, 2 * MAX_NETWORKS), st.integers(1, 60), st.integers(1, 30), st.integers(1, 200))
def test_all_lanes_together_stay_within_a_hundred_or_the_policy_says_what_to_do(networks, strangers, device, month):
    ladder = evolve(STRANGERS, free=1, stop=strangers)
    rungs = evolve(SHORT.lockout.device, free=1, stop=device)
    monthly = evolve(SHORT.lockout.month, free=month, stop=month)
    together = (1 + networks) * strangers + MAX_DEVICES * device
    make = lambda: LockoutPolicy(networks=networks, strangers=ladder, device=rungs, month=monthly)
    if together > 100 or networks > MAX_NETWORKS or (networks and month < (1 + networks) * strangers):
        with pytest.raises(ConfigError) as refused:
            make()
        assert refused.value.remedy
    else:
        assert make().networks == networks


def test_turning_it_on_says_which_stop_to_lower():
    with pytest.raises(ConfigError, match=r"3 \* strangers.stop \+ 5 \* device.stop is 200.*Lower strangers.stop to 16"):
        LockoutPolicy(networks=2)
    with pytest.raises(ConfigError, match=r"Lower strangers.free and both stops, or remember fewer"):
        LockoutPolicy(networks=3, strangers=evolve(STRANGERS, free=15))
    with pytest.raises(ConfigError, match=r"month.stop is 40.*Raise it to 48"):
        LockoutPolicy(networks=2, strangers=evolve(STRANGERS, stop=16), month=evolve(LockoutPolicy().month, free=40, stop=40))
    for networks in (-1, 4, True, 1.0, "2"):
        with pytest.raises(ConfigError):
            LockoutPolicy(networks=networks)


@pytest.mark.parametrize(("networks", "stop"), [(1, 25), (3, 12)])
def test_policies_with_known_networks_keep_every_law(networks, stop):
    check_policy(familiar(networks, stop, base=CHEAPEST))


def test_all_lanes_of_a_record_compare_no_more_than_a_hundred(m):
    """Whoever stands everywhere at once, on every known device and in every known network, has a hundred guesses."""
    m.sign_up()
    devices = [m.sign_in(address=at).device for at in (HOME, OFFICE, HOME, OFFICE, HOME)]
    m.comparisons.clear()
    number = 0
    for _ in range(120):
        for device in (*devices, None):
            for at in (HOME, OFFICE, None):
                number += 1
                context = m.context(at or address(number % 5000), device=device)
                m.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=context)
        m.clock.advance(minutes=31)
    assert len(m.comparisons.guesses) == 3 * 16 + 5 * 10 == 98


# --- how far it is trusted --------------------------------------------------------------------------------------------


def test_a_known_network_tells_no_times_and_is_held_to_pair_and_source(m):
    """Its lane rests: the answer is that of a wrong password. The pair of this source and this name says what it always says."""
    m.sign_up()
    m.sign_in(address=HOME)
    outcomes = []
    for number in range(6):
        outcomes.append(guess(m, number, at=HOME))
    assert outcomes == [Refused()] * 5 + [Refused(timedelta(seconds=30))]

    for number in range(10, 30):
        m.clock.advance(minutes=16)
        outcomes.append(guess(m, number, at=HOME))
        outcomes.append(guess(m, 100 + number, at=HOME))
    assert lanes(m)[home_lane(m)].stopped
    told = {one.retry_after for one in outcomes if one != Refused()}
    assert told and max(told) <= TWO.lockout.pair.longest
    m.clock.advance(minutes=16)
    assert guess(m, 99, at=HOME) == Refused()


def test_the_month_counts_what_fails_in_a_known_network(m):
    """Failures there and elsewhere come to one sum, which no success takes back."""
    m.sign_up()
    m.sign_in(address=HOME)
    for round_ in range(12):
        for number in range(9):
            guess(m, 1000 * round_ + number, at=HOME)
            m.clock.advance(minutes=16)
        if not right(m, HOME):
            break
        m.clock.advance(minutes=16)
    assert round_ == 11
    assert len(m.comparisons.guesses) == TWO.lockout.month.stop


def test_a_success_there_clears_that_lane_and_not_the_strangers(m):
    m.sign_up()
    m.sign_in(address=HOME)
    for number in range(3):
        guess(m, number)
        guess(m, 10 + number, at=HOME)
    assert (lanes(m)["password/strangers"].failures, lanes(m)[home_lane(m)].failures) == (3, 3)

    assert right(m, HOME)

    assert (lanes(m)["password/strangers"].failures, lanes(m)[home_lane(m)].failures) == (3, 0)
    m.deliver()
    assert not m.sink.of(SignedInEvent)[-1].known_device


def test_whose_address_nobody_can_tell_has_no_home(m):
    m.sign_up()
    m.sign_in(address="rubbish")
    m.sign_in(address=None)
    assert record(m).networks == ()
    botnet(m)
    assert not right(m, "rubbish")


def test_a_device_comes_before_its_network_and_both_are_seen(m):
    m.sign_up()
    device = m.sign_in(address=HOME).device
    m.engine.sign_in(IDENTIFIER, "wrong guess", context=m.context(HOME, device=device))
    counted = {name for name, one in lanes(m).items() if one.failures}
    assert counted == {f"password/{record(m).devices[0].id.hex()}"}
    m.clock.advance(days=1)
    m.sign_in(address=HOME, device=device)
    assert record(m).networks[0].since == m.clock()


def test_one_account_is_at_home_where_another_is_not(m):
    m.sign_up()
    m.sign_up("u2", "mallory@example.org", NEW)
    m.sign_in("mallory@example.org", NEW, address=HOME)
    botnet(m)
    assert not right(m, HOME)


def test_nobody_sees_in_the_store_that_two_accounts_share_a_home(m):
    m.sign_up()
    m.sign_up("u2", "mallory@example.org", NEW)
    m.sign_in(address=HOME)
    m.sign_in("mallory@example.org", NEW, address=HOME)
    m.sign_in("mallory@example.org", NEW, address=OFFICE)
    digests = [one.digest for subject in ("u1", "u2") for one in record(m, subject).networks]
    assert len(digests) == len(set(digests)) == 3


def test_a_forgotten_network_that_becomes_known_again_has_a_new_lane(m):
    m.sign_up()
    m.sign_in(address=HOME)
    before = home_lane(m)
    guess(m, 1, at=HOME)
    m.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=m.context(OFFICE))
    m.sign_in(password=NEW, address=HOME)
    assert home_lane(m) != before
    assert lanes(m)[home_lane(m)].failures == 0


def test_the_stop_of_a_network_is_told_and_outlives_the_meters(w, place):
    w.sign_up()
    assert right(w, HOME)
    for number in range(17):
        guess(w, number, at=HOME)
        w.clock.advance(hours=1)
    w.deliver()
    (event,) = w.sink.of(GuessingStopped)
    assert (event.lane, event.count) == (home_lane(w), 16)
    place.lose_meters()
    assert not right(w, HOME)
    assert lanes(w)[home_lane(w)].stopped
    w.engine.admin.unlock("u1", actor="root")
    assert right(w, HOME)


@pytest.mark.parametrize("every", [3, 9, 11])
def test_a_loss_of_the_meters_gives_few_guesses_away_in_a_network_too(place, every):
    w = exhibit(place, policy=TWO)
    w.sign_up()
    assert right(w, HOME)
    w.comparisons.clear()
    losses = 0
    for number in range(60):
        guess(w, number, at=HOME)
        w.clock.advance(hours=1)
        if number % every == every - 1:
            place.lose_meters()
            losses += 1
    assert len(w.comparisons.guesses) <= 16 + 9 * losses


def test_while_the_meters_are_away_a_known_network_is_counted_apart_as_well(m, monkeypatch):
    m.sign_up()
    m.sign_in(address=HOME)

    def away(*_):
        raise StoreUnavailable("Away.", remedy="Wait.")

    for name in ("charge", "settle"):
        monkeypatch.setattr(m.store, name, away)
    m.restart(evolve(TWO, lockout=evolve(TWO.lockout, on_outage=Outage.LOCAL)))
    botnet(m, 30)
    assert record(m).checkpoint("password/strangers").total == 16
    assert not right(m, CAFE)
    assert right(m, HOME)
    assert record(m).checkpoint("password/month").total == 16


# --- keys and what is kept --------------------------------------------------------------------------------------------


def test_a_rotation_of_index_keys_forgets_no_network_that_was_seen_meanwhile(w):
    old, new = w.keys[1], bytes(range(5, 37))
    w.sign_up()
    assert right(w, HOME) and right(w, OFFICE)
    botnet(w)
    lane = record(w).networks[0].id

    w.restart(keyring=Keyring(sealing=[w.keys[0]], index=[new, old], entropy=w.entropy))
    assert right(w, HOME)
    assert record(w).networks[-1].id == lane
    w.restart(keyring=Keyring(sealing=[w.keys[0]], index=[new], entropy=w.entropy))

    # New names of meters begin where the record remembers; it heard of the stop.
    assert right(w, HOME)
    assert not right(w, OFFICE)


def test_no_address_is_kept_and_nothing_of_a_network_is_shown(m):
    """A digest of sixteen bytes under an index key: who reads the store learns nobody's address."""
    m.sign_up()
    m.sign_in(address=HOME)
    stored, _ = m.store.load(frame("subject", "", "u1"))
    (network,) = record(m).networks
    assert (len(network.digest), len(network.id)) == (16, 8)
    assert HOME.encode() not in stored
    assert "digest" not in repr(network)
    told = m.engine.admin.export("u1")
    assert told.networks == (m.clock(),)
    assert network.digest.hex() not in repr(told)


def test_a_network_is_found_under_any_key_in_force_and_under_no_other():
    network = Network(id=b"12345678", digest=b"d" * 16, since=world().clock())
    assert network.named((b"e" * 16, b"d" * 16))
    assert not network.named((b"e" * 16, b"d" * 15, b""))
    assert not network.named(())


# --- no oracle --------------------------------------------------------------------------------------------------------


def test_no_outsider_tells_somebody_from_nobody_with_networks_on():
    assert_no_oracle(lambda: world(policy=familiar(2, 16, base=CHEAPEST)), operations=only_sign_in)


@pytest.mark.deep
def test_no_outsider_tells_by_any_operation_with_networks_on():
    assert_no_oracle(lambda: world(policy=familiar(2, 16, base=CHEAPEST)))


def only_sign_in(w):
    from acctsec.testing import engine_operations

    return {"sign_in": engine_operations(w)["sign_in"]}


def signed_in_at_home(place):
    """An account whose owner signs in at an ordinary home, and has a failure of his own there."""
    place.sign_up()
    w = place.world
    for at in (HOME, OFFICE):
        w.calls.sign_in(place.identifier, place.password, context=w.context(at))


def test_nor_whether_somebody_has_known_networks():
    kind = Kind(name="has known networks", make=signed_in_at_home)
    assert_no_oracle(lambda: world(policy=familiar(2, 16, base=CHEAPEST)), operations=only_sign_in, kinds=[kind])


def shape(calls):
    """Port calls without what lies inside a row alone: whether a meter may be evicted from it."""
    return [
        (name, *(tuple(one[1:] for one in rest[0]) if name == "charge" else rest)) if rest else (name,) for name, *rest in calls
    ]


@pytest.mark.parametrize("keys", [1, 2])
@pytest.mark.parametrize("minutes", [0, 1, 31])
def test_who_shares_the_owners_network_cannot_tell_that_he_is_known_there(w, keys, minutes):
    """From there, at whichever pace and until the lane has stopped: outcome, port calls, hashes and flushes of nobody."""
    if keys == 2:
        w.restart(keyring=Keyring(sealing=[w.keys[0]], index=[bytes(range(5, 37)), w.keys[1]], entropy=w.entropy))
    w.sign_up()
    assert right(w, HOME)
    assert record(w).networks

    for number in range(40):
        seen = []
        for name in (IDENTIFIER, NOBODY):
            outcome, calls = w.observe(lambda name=name, number=number: guess(w, number, at=HOME, identifier=name))
            seen.append((outcome, shape(calls)))
        assert seen[0] == seen[1], number
        w.clock.advance(minutes=minutes)


def test_nor_does_the_stop_elsewhere_answer_otherwise_from_there(w):
    """The strangers' lane has stopped: from the known network a wrong password is refused as everywhere, and as for nobody."""
    w.sign_up()
    assert right(w, HOME)
    for number in range(30):
        for name, offset in ((IDENTIFIER, 0), (NOBODY, 5000)):
            guess(w, offset + number, identifier=name)
        w.clock.advance(minutes=31)
    seen = []
    for name in (IDENTIFIER, NOBODY):
        outcome, calls = w.observe(lambda name=name: guess(w, 9999, at=HOME, identifier=name))
        seen.append((outcome, [one[0] for one in calls]))
    assert seen[0] == seen[1]
