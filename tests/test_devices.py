"""Known devices: their owner sees them, takes one back, and signs in on one whatever strangers do."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.harness import NEW, SHORT, address, exhibit, other_node, par
from tests.places import STORES, USUAL

from acctsec import (
    Admin,
    CurrentPassword,
    DeviceForgotten,
    Devices,
    Initial,
    Keyring,
    LockoutPolicy,
    Refused,
    SignedIn,
    Status,
    TryAgain,
)
from acctsec._codec import decode_record
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.claims import DeviceClaims
from acctsec.events import DeviceRevoked, SignedInEvent
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.protocols import Settle
from acctsec.testing import world
from acctsec.testing.laws.guessing import KNOWN, STRANGERS, Guesser
from acctsec.testing.world import IDENTIFIER, PASSWORD

FREE, STOP = SHORT.lockout.strangers.free, SHORT.lockout.strangers.stop


@pytest.fixture(params=[pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES])
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    return exhibit(place)


def listed(w, session, **facts):
    """The known devices of whoever has this session."""
    found = w.engine.list_devices(session, context=w.context(**facts))
    assert isinstance(found, Devices), found
    return found.devices


def forget(w, session, device, **facts):
    return w.engine.forget_device(session, device, context=w.context(**facts))


def device_of(w, signed):
    """The id of the device that was just signed in on."""
    return next(one.id for one in listed(w, signed.session, device=signed.device) if one.current)


def close_to_strangers(w):
    """Strangers from everywhere guess until their lane rests."""
    for number in range(FREE):
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(address(number)))


def gets_in(engine, w, device=None, source=800):
    return isinstance(engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(source), device=device)), SignedIn)


def record(w):
    return decode_record(w.store.load(frame("subject", "", "u1"))[0])


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_owner_sees_each_known_device_and_which_one_he_holds(w):
    w.sign_up()
    phone = w.sign_in()
    w.clock.advance(days=1)
    laptop = w.sign_in()
    w.clock.advance(days=1)
    w.sign_in(device=phone.device)

    found = listed(w, laptop.session, device=laptop.device)

    assert [(one.seen, one.current) for one in found] == [
        (w.clock(), False),
        (w.clock() - timedelta(days=1), True),
    ]
    assert [one.current for one in listed(w, laptop.session)] == [False, False]
    assert [one.current for one in listed(w, laptop.session, device=phone.device)] == [True, False]


def test_a_list_holds_no_token_and_no_more_than_is_known_now(w):
    w.sign_up()
    signed = [w.sign_in() for _ in range(7)]
    found = listed(w, signed[-1].session)
    assert len(found) == len({one.id for one in found}) == 5
    told = repr([asdict(one) for one in found])
    assert not any(one.device in told or one.session in told for one in signed)

    w.clock.advance(w.policy.lockout.remember - timedelta(seconds=1))
    fresh = w.sign_in()
    w.clock.advance(seconds=1)
    assert [one.id for one in listed(w, fresh.session)] == [device_of(w, fresh)]


def test_nobody_sees_or_forgets_the_devices_of_another(w):
    w.sign_up()
    w.sign_up("u2", "mallory@example.org", NEW)
    mine, theirs = w.sign_in(), w.sign_in("mallory@example.org", NEW)

    (own,) = listed(w, theirs.session, device=mine.device)
    assert not own.current
    assert forget(w, theirs.session, device_of(w, mine)) == Refused()
    assert device_of(w, mine) in {one.id for one in listed(w, mine.session)}


def test_a_token_of_another_life_tenant_or_keyring_is_no_current_device(w):
    """Erased and created again, the account has another incarnation: what it once handed out names nothing."""
    w.sign_up()
    before = w.sign_in()
    w.engine.admin.erase("u1", actor="root")
    w.sign_up()
    session = w.sign_in().session
    forger = Keyring(sealing=[os.urandom(32)], index=[os.urandom(32)])
    w.directory.put(w.directory.get("", "u1"), tenant="other")
    elsewhere = exhibit_tenant(w)

    for token in (before.device, forged(w, forger), elsewhere, session, "", "A" * 316):
        assert [one.current for one in listed(w, session, device=token)] == [False], token
        close_lane = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(7), device=token))
        assert isinstance(close_lane, SignedIn)
        w.deliver()
        assert not w.sink.of(SignedInEvent)[-1].known_device
        w.engine.forget_device(session, device_of(w, close_lane), context=w.context())


def exhibit_tenant(w):
    """The device token of the same subject in another tenant."""
    there = w.context(tenant="other")
    w.engine.set_password("u1", PASSWORD, by=Initial(), context=there)
    return w.engine.sign_in(IDENTIFIER, PASSWORD, context=there).device


def forged(w, keyring):
    """A device token for a device that exists, sealed by somebody else."""
    now = record(w)
    claims = DeviceClaims(tenant="", subject="u1", incarnation=now.incarnation, id=now.devices[-1].id)
    return Tokens(keyring).seal(Purpose.DEVICE, claims)


@pytest.mark.parametrize("wrong", [{"subject": "u2"}, {"tenant": "other"}, {"incarnation": b"x" * 16}, {"id": b"x" * 16}])
def test_a_genuine_token_that_names_anything_else_names_no_device(wrong):
    """Sealed by this very deployment: subject, tenant, life of the record and id have all to be this one's."""
    w = world()
    w.sign_up()
    session, now = w.sign_in().session, record(w)
    right = {"tenant": "", "subject": "u1", "incarnation": now.incarnation, "id": now.devices[-1].id}
    for claims, current in ((right, True), ({**right, **wrong}, False)):
        token = Tokens(w.keyring).seal(Purpose.DEVICE, DeviceClaims(**claims))
        assert [one.current for one in listed(w, session, device=token)] == [current]
        w.engine.sign_in(IDENTIFIER, "wrong guess", context=w.context(device=token))
        counted = [one.lane for one in w.engine.admin.lock_status("u1") if one.failures]
        assert ("password/strangers" in counted) is not current


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_a_forgotten_device_is_a_stranger_at_once_on_every_node(w, place):
    """Its token opened the way beside a resting lane; once forgotten in one process it does so in none."""
    w.sign_up()
    stolen, mine = w.sign_in(), w.sign_in()
    close_to_strangers(w)
    node = other_node(w, place)
    assert gets_in(w.engine, w, stolen.device) and gets_in(node, w, stolen.device)

    assert forget(w, mine.session, device_of(w, stolen)) == DeviceForgotten()

    assert not gets_in(w.engine, w, stolen.device)
    assert not gets_in(node, w, stolen.device)
    assert gets_in(node, w, mine.device)


def test_the_async_face_forgets_a_device_too(place):
    import asyncio

    from tests.museum.harness import close
    from tests.museum.test_charging import async_engine

    w = exhibit(place)
    w.sign_up()
    signed = w.sign_in()
    device = device_of(w, signed)

    async def take_back():
        store = place.open_async()
        engine = async_engine(w, store)
        context = w.context(device=signed.device)
        before = await engine.list_devices(signed.session, context=context)
        answer = await engine.forget_device(signed.session, device, context=context)
        after = await engine.list_devices(signed.session, context=context)
        await close(store)
        return before, answer, after

    before, answer, after = asyncio.run(take_back())
    assert [one.current for one in before.devices] == [True]
    assert (answer, after) == (DeviceForgotten(), Devices(()))


def test_to_forget_takes_any_live_session_and_none_that_is_over(w):
    w.sign_up()
    signed = w.sign_in()
    device = device_of(w, signed)
    w.clock.advance(w.policy.sessions.fresh)
    over = w.sign_in()
    w.engine.sign_out(over.session, context=w.context())

    assert forget(w, over.session, device) == Refused()
    assert forget(w, signed.device, device) == Refused()
    assert forget(w, signed.session, device, tenant="other") == Refused()
    w.directory.change("u1", status=Status.DISABLED)
    assert forget(w, signed.session, device) == Refused()
    w.directory.change("u1", status=Status.ACTIVE)
    assert forget(w, signed.session, device) == DeviceForgotten()
    assert forget(w, signed.session, device) == Refused()


def test_forgetting_is_one_event_and_ends_no_session(w):
    w.sign_up()
    one, other = w.sign_in(), w.sign_in()
    device = device_of(w, one)
    answers = par(*(lambda: forget(w, other.session, device) for _ in range(4)))

    assert sorted(map(repr, answers)) == sorted(map(repr, [DeviceForgotten(), *[Refused()] * 3]))
    w.deliver()
    (event,) = w.sink.of(DeviceRevoked)
    assert (event.subject, event.device, event.at) == ("u1", device, w.clock())
    assert listed(w, one.session)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "G" * 32, "０" * 32, None, 7, b"0" * 32])
def test_an_id_has_one_spelling(text):
    w = world()
    w.sign_up()
    signed = w.sign_in()
    assert forget(w, signed.session, text) == Refused()
    assert forget(w, signed.session, device_of(w, signed).upper()) == Refused()


def test_what_a_forgotten_device_failed_goes_with_it(w):
    """Its lane came to a stop; the record remembers none of it, and its owner has a new lane in the same browser."""
    w.sign_up()
    signed = w.sign_in()
    lane = SecretClass.PASSWORD.value + "/" + device_of(w, signed)
    for number in range(SHORT.lockout.device.stop):
        context = w.context(address(number), device=signed.device)
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=context)
        w.clock.advance(minutes=16)
    assert record(w).checkpoint(lane).rung == "stopped"
    assert not gets_in(w.engine, w, signed.device)

    assert forget(w, signed.session, device_of(w, signed)) == DeviceForgotten()

    assert not any(point.lane == lane for point in record(w).checkpoints)
    assert gets_in(w.engine, w, signed.device)


def test_a_device_that_is_forgotten_while_its_sign_in_is_under_way_stays_forgotten(w):
    """The sign-in was admitted in its lane; it ends in a session, and in the token of another device."""
    w.sign_up()
    stolen, mine = w.sign_in(), w.sign_in()
    device, forgotten = device_of(w, stolen), []

    def meanwhile(name, _):
        if name == "commit" and not forgotten:
            forgotten.append(True)
            forgotten.append(forget(w, mine.session, device))

    w.store.before = meanwhile
    late = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=stolen.device))
    w.store.before = lambda *_: None

    assert forgotten == [True, DeviceForgotten()]
    assert isinstance(late, SignedIn)
    assert device not in {one.id for one in listed(w, mine.session)}
    close_to_strangers(w)
    assert not gets_in(w.engine, w, stolen.device)
    assert gets_in(w.engine, w, late.device)


@pytest.mark.parametrize("by", ["password", "everywhere", "disable"])
def test_what_ends_every_device_leaves_none_to_see(w, by):
    w.sign_up()
    w.sign_in()
    {
        "password": lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()),
        "everywhere": lambda: w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context()),
        "disable": lambda: w.engine.admin.disable("u1", actor="root"),
    }[by]()
    assert record(w).devices == ()


def test_who_changed_his_password_sees_the_browser_he_did_it_in(w):
    w.sign_up()
    changed = w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    session = w.sign_in(password=NEW, device=changed.device).session
    assert [one.current for one in listed(w, session, device=changed.device)] == [True]


# --- a siege ----------------------------------------------------------------------------------------------------------


def test_an_owner_on_a_known_device_signs_in_while_threads_guess(w):
    """Four threads guess from everywhere, as fast as they can; not one of the owner's sign-ins fails."""
    w.sign_up()
    device, over = w.sign_in().device, Event()

    def guess(thread):
        number = 0
        while not over.is_set():
            context = w.context(address(250 * thread + number % 250))
            w.engine.sign_in(IDENTIFIER, f"guess {number} of {thread}", context=context)
            number += 1
        return number

    with ThreadPoolExecutor(4) as pool:
        guessers = [pool.submit(guess, one) for one in range(4)]
        try:
            answers = [w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device)) for _ in range(40)]
        finally:
            over.set()
    made = sum(one.result() for one in guessers)

    assert made > 40
    # A hash is a hash: where four others queue for one a permit may be refused. Nothing was counted then.
    assert [one for one in answers if not isinstance(one, SignedIn | TryAgain)] == []
    assert sum(isinstance(one, SignedIn) for one in answers) >= 38


def owner_besieged(guesses):
    """Steps of the meters alone: so many guesses at an account, and an owner who comes on a device he is known on."""
    policy = LockoutPolicy()
    strangers = Guesser(policy, lane=STRANGERS)
    owner = Guesser(policy, lane=KNOWN, store=strangers.store, numbers=strangers.numbers)
    compared = 0
    for number in range(guesses):
        compared += strangers.guess()
        strangers.now += 2_592_000  # a million of them take thirty days
        if number % (guesses // 100) == 0:
            owner.now = strangers.now
            assert owner.guess(Settle.CLEAR), number
    return compared


def test_an_owner_on_a_known_device_signs_in_during_ten_thousand_guesses():
    assert owner_besieged(10_000) <= LockoutPolicy().strangers.stop


@pytest.mark.deep
def test_an_owner_on_a_known_device_signs_in_during_a_million_guesses():
    assert owner_besieged(1_000_000) == LockoutPolicy().strangers.stop


@given(st.lists(st.sampled_from(["guess", "owner", "typo", "wait"]), max_size=120))
def test_whatever_strangers_do_the_owners_lane_is_his_own(story):
    """His sign-ins fail only by his own typos since his last success: as many as the ladder leaves free he always has."""
    policy = LockoutPolicy()
    strangers = Guesser(policy, lane=STRANGERS)
    owner = Guesser(policy, lane=KNOWN, store=strangers.store, numbers=strangers.numbers)
    typos = 0
    for what in story:
        owner.now = strangers.now
        if what == "guess":
            strangers.guess()
        elif what == "wait":
            strangers.now += 3_600_000_000
        elif what == "owner":
            if typos < policy.device.free:
                assert owner.guess(Settle.CLEAR)
                typos = 0
        else:
            typos += owner.guess()


def test_the_default_is_eight_free_tries_on_a_device_and_ten_in_all():
    """An owner who mistypes seven times in a row waits for nothing; whoever stole the device has ten guesses."""
    owner = Guesser(LockoutPolicy(), lane=KNOWN)
    assert [owner.guess() for _ in range(7)] == [True] * 7
    assert owner.guess(Settle.CLEAR)

    thief = Guesser(LockoutPolicy(), lane=KNOWN)
    admitted = 0
    for _ in range(100):
        admitted += thief.guess()
        thief.now += 900_000_000
    assert admitted == 10
