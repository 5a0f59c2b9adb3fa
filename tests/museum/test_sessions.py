"""Sessions die when they should, everywhere at once (I30)."""

import pytest
from tests.museum.harness import NEW, OTHERS, Traced, address, exhibit, other_node, par

from acctsec import (
    Admin,
    CurrentPassword,
    FreshSession,
    PasswordChanged,
    Refused,
    ResetLink,
    SessionEnded,
    SessionsEnded,
    SessionValid,
    SignedIn,
)
from acctsec.events import SessionClosed, SessionsClosed, SignedInEvent
from acctsec.outcomes import EndReason
from acctsec.testing.world import IDENTIFIER, PASSWORD


def valid(w, token, engine=None):
    return isinstance((engine or w.engine).check_session(token, context=w.context()), SessionValid)


def lane_is_known(w, device):
    """Whether a device token still has a lane of its own."""
    before = len(w.sink.of(SignedInEvent))
    w.engine.sign_in(IDENTIFIER, NEW, context=w.context(device=device))
    w.deliver()
    found = w.sink.of(SignedInEvent)[before:]
    return bool(found) and found[-1].known_device


@pytest.mark.parametrize("by", ["reset", "current password", "administrator", "fresh session"])
def test_m173_a_new_password_ends_every_session_and_forgets_every_device(w, by):
    """Three browsers signed in: after the change, by whichever way, none of them is, and none has a lane of its own."""
    w.sign_up()
    signed = [w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(3)]
    link = w.reset_link()
    changed = {
        "reset": lambda: w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()),
        "current password": lambda: w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()),
        "administrator": lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()),
        "fresh session": lambda: w.engine.set_password("u1", NEW, by=FreshSession(signed[0].session), context=w.context()),
    }[by]()

    assert isinstance(changed, PasswordChanged)
    assert not any(valid(w, one.session) for one in signed)
    assert [w.engine.check_session(one.session, context=w.context()) for one in signed] == [SessionEnded(EndReason.ENDED)] * 3
    assert not any(lane_is_known(w, one.device) for one in signed)
    if by != "administrator":
        assert lane_is_known(w, changed.device)


def test_m173_on_every_node_at_once(w, place):
    """Another process that held the session valid a moment ago asks the store, not its memory."""
    w.sign_up()
    session, node = w.sign_in().session, other_node(w, place)
    assert valid(w, session, node)

    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())

    assert not valid(w, session, node)


def test_m175_devices_have_secrets_of_their_own(w):
    """Two browsers have different device tokens, and neither outlives a change of password or a sign-out everywhere."""
    w.sign_up()
    one, other = (w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(2))
    assert one.device != other.device
    assert len(w.engine.admin.export("u1").devices) == 2

    w.engine.sign_out_everywhere("u1", by=FreshSession(one.session), context=w.context())

    assert w.engine.admin.export("u1").devices == ()
    w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context())
    assert not any(lane_is_known(w, signed.device) for signed in (one, other))


def test_m175_one_device_signed_out_leaves_the_other(w):
    """Signing one browser out ends its session alone, and is one event."""
    w.sign_up()
    one, other = (w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(2))

    assert w.engine.sign_out(one.session, context=w.context()) == SessionsEnded(1)
    assert w.engine.sign_out(one.session, context=w.context()) == SessionsEnded(0)

    assert (valid(w, one.session), valid(w, other.session)) == (False, True)
    w.deliver()
    assert len(w.sink.of(SessionClosed)) == 1


class Cached(Traced):
    """A layered store whose upper layer answers reads from what it saw first, for ever."""

    def __init__(self, store, trace):
        super().__init__(store, trace)
        self.seen = {}
        load = self.load
        self.load = lambda key: self.seen.setdefault(key, load(key))


def test_m177_a_stale_layer_cannot_write_on_top_of_the_truth(place):
    """A node that reads through a stale cache commits nothing on what it read: the store's version decides."""
    w = exhibit(place)
    w.sign_up()
    session = w.sign_in().session
    stale = exhibit(place, seed=1)
    stale.directory.put(w.directory.get("", "u1"))
    stale.keyring = w.keyring
    stale.store = Cached(place.open(), stale.trace)
    stale.restart()
    assert valid(stale, session)
    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())

    outcomes = [
        stale.engine.set_password("u1", OTHERS[0], by=FreshSession(session), context=w.context()),
        stale.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
        stale.engine.enroll_totp(session, context=w.context()),
    ]

    assert not any(isinstance(one, PasswordChanged | SignedIn) for one in outcomes)
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)
    assert not valid(w, session)


def test_m177_every_check_reads_the_store_once_and_writes_nothing(w):
    """There is no cache to be stale: one load a check, every time."""
    w.sign_up()
    session = w.sign_in().session
    for _ in range(3):
        outcome, calls = w.observe(lambda: w.engine.check_session(session, context=w.context()))
        assert isinstance(outcome, SessionValid)
        assert calls == [("load",)]


def test_i30_a_token_of_before_a_change_of_privilege_is_dead(w):
    """Enrolling, printing codes and removing give a new token and end the one that asked, on every copy of it."""
    w.sign_up()
    first = w.sign_in().session
    _, second = w.enroll(first)
    third = w.engine.issue_recovery_codes(second, context=w.context()).session
    factor = w.engine.list_factors(third, context=w.context()).factors[0].id
    fourth = w.engine.remove_factor(third, factor, context=w.context()).session

    assert [valid(w, token) for token in (first, second, third, fourth)] == [False, False, False, True]
    for stolen in (first, second, third):
        assert w.engine.enroll_totp(stolen, context=w.context()) == Refused()
        assert w.engine.list_factors(stolen, context=w.context()) == Refused()


def test_i30_an_idle_copy_ends_though_the_session_is_used(w):
    """A copy that was stolen and kept idles out by itself, while its owner's renewed token lives on."""
    w.sign_up()
    copy = token = w.sign_in().session
    for _ in range(9):
        w.clock.advance(w.policy.sessions.idle / 8)
        checked = w.engine.check_session(token, context=w.context())
        assert isinstance(checked, SessionValid)
        token = checked.renewed or token

    assert w.engine.check_session(copy, context=w.context()) == SessionEnded(EndReason.IDLE)
    assert valid(w, token)


def test_i30_a_sign_in_under_way_does_not_outlive_the_change(w):
    """Sign-ins that race with a sign-out everywhere leave sessions of after it, or none: the count of live ones is exact."""
    w.sign_up()
    for _ in range(3):
        w.sign_in()

    def sign_in():
        return w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())

    def everywhere():
        return w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context())

    answers = par(sign_in, sign_in, everywhere, sign_in)

    alive = sum(isinstance(one, SignedIn) and valid(w, one.session) for one in answers)
    assert alive == len(w.engine.admin.export("u1").sessions)
    w.deliver()
    assert len(w.sink.of(SessionsClosed)) == 1
