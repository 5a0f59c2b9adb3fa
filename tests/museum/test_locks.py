"""Locks end, hold where they should, keep nobody's owner out, and outlive the loss of a store (I16, I17, I18)."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.museum.artefacts import ARTEFACTS
from tests.museum.guesses import FREE, asked_code, wrong
from tests.museum.harness import NEW, OTHERS, SHORT, Crash, address, exhibit

from acctsec import (
    Admin,
    CurrentPassword,
    Initial,
    LockOpened,
    MessagePurpose,
    PasswordChanged,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SessionValid,
    SignedIn,
    Status,
    UnlockLink,
    UnlockPending,
)
from acctsec.budgets import Rungs
from acctsec.testing.world import IDENTIFIER, PASSWORD

LONGEST = timedelta(minutes=30)
FEW = evolve(SHORT.lockout, strangers=Rungs(free=4, first=timedelta(minutes=1), longest=LONGEST, stop=6))
"""A lane of strangers that stops soon."""


def fail(w, count, first=0, **facts):
    """Fail so often, each time with another password from another source."""
    for number in range(first, first + count):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number), **facts))


def stranger_lane(w):
    return next(one for one in w.engine.admin.lock_status("u1") if one.lane == "password/strangers")


def right(w, number=900, **facts):
    """Whether the owner gets in."""
    return isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(number), **facts)), SignedIn)


def besieged(w, count=60):
    """A siege for more than a day: a guess whenever the lane lets one through."""
    for number in range(count):
        fail(w, 1, number)
        w.clock.advance(minutes=31)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(7))
def test_m103_no_crash_leaves_a_counter_that_never_ends(place, when, k):
    """Whichever store call of a failing sign-in dies, the subject is free again after the longest rest and a lease."""
    w = exhibit(place)
    w.sign_up()
    fail(w, FREE - 1)
    calls = iter(range(100))

    def die(*_):
        if next(calls) == k:
            raise Crash

    setattr(w.store, when, die)
    try:
        fail(w, 1, FREE - 1)
    except Crash:
        pass
    w.store.before = w.store.after = lambda *_: None
    w.restart()
    w.clock.advance(LONGEST + w.policy.lockout.lease)

    assert right(w)
    assert all(expires > 0 for expires, _ in place.rows())


def test_m104_traffic_lengthens_no_rest(w):
    """An attempt every ten seconds while the lane rests: it opens when it was to open."""
    w.sign_up()
    fail(w, FREE)
    until = stranger_lane(w).until
    assert until == w.clock() + timedelta(minutes=1)

    for number in range(5):
        w.clock.advance(seconds=10)
        fail(w, 3, 100 + 3 * number)
        assert stranger_lane(w).until == until

    w.clock.now = until
    assert right(w)


def test_m104_a_window_closes_whatever_is_sent(w, place):
    """Codes refill a day after they were tried, also under two wrong ones a day for three weeks, or a hundred days."""
    w.sign_up()
    mark = len(w.trace)
    times = 200 if place.kind in {"memory", "sqlite"} else 42
    for number in range(times):
        handle, _ = asked_code(w)
        w.engine.redeem_reset(ResetCode(handle, f"{number:08d}"), NEW, context=w.context(address(number)))
        w.clock.advance(hours=12)

    assert w.admitted("reset-code", mark) == times
    handle, code = asked_code(w)
    assert isinstance(w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context()), PasswordChanged)


def test_m105_a_siege_keeps_no_owner_out(w):
    """Guessed at from everywhere until the strangers' lane has stopped: the owner signs in on his device, and resets by mail."""
    w.sign_up()
    device = w.sign_in().device
    w.comparisons.clear()
    besieged(w)
    assert stranger_lane(w).stopped
    assert len(w.comparisons.guesses) == 50
    assert not right(w)

    assert right(w, device=device)
    assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), PasswordChanged)
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context(address(950))), SignedIn)


def test_m105_no_rest_is_longer_than_its_cap(w):
    """Under the siege, whatever has not stopped opens again within half an hour."""
    w.sign_up()
    for number in range(49):
        fail(w, 1, number)
        until = stranger_lane(w).until
        assert until is None or until - w.clock() <= LONGEST
        w.clock.advance(LONGEST)
    assert right(w)


def test_m105_a_factor_lane_that_stopped_blocks_no_reset(w):
    """Who has the password and guesses codes until the lane stops keeps the owner from no reset."""
    app, _, _ = w.guarded()
    for number in range(60):
        ticket = w.ticket(address=address(number))
        w.engine.verify_factor(ticket, app.wrong(w.clock(), number % 90), context=w.context(address(number)))
        w.clock.advance(minutes=31)

    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context(address(901)))
    proof = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context(address(901)))
    assert isinstance(w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context(address(901))), PasswordChanged)


def test_m105_a_sign_in_that_died_half_way_keeps_no_later_one_from_clearing(w):
    """The process dies between comparing and settling: one failure more, and the owner's next success clears them all."""
    w.sign_up()
    fail(w, 5)

    def die(name, _):
        if name == "settle":
            raise Crash

    w.store.before = die
    with pytest.raises(Crash):
        right(w)
    w.store.before = lambda *_: None
    w.restart()
    w.clock.advance(minutes=1)
    assert stranger_lane(w).failures == 6

    assert right(w)
    assert stranger_lane(w).failures == 0


def test_m105_a_time_as_disabled_keeps_no_later_success_from_clearing(w):
    """The right password, tried while the account was disabled, is not remembered as a wrong one."""
    w.sign_up()
    w.directory.change("u1", status=Status.DISABLED)
    for _ in range(3):
        assert not right(w)
    w.directory.change("u1", status=Status.ACTIVE)
    assert stranger_lane(w).failures == 1

    assert right(w)
    assert stranger_lane(w).failures == 0


def test_m106_a_redemption_unlocks_once(w):
    """A redeemed link opens the lane again; the same link used a second time opens nothing, and asking is itself budgeted."""
    w.sign_up()
    link = w.reset_link()
    fail(w, FREE)
    assert stranger_lane(w).failures == FREE
    assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)
    assert stranger_lane(w).failures == 0

    fail(w, FREE, 200)
    assert w.engine.redeem_reset(ResetLink(link), OTHERS[0], context=w.context()) == Refused()

    assert stranger_lane(w).failures == FREE
    for number in range(20):
        w.engine.request_reset(IDENTIFIER, context=w.context(address(number)))
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RESET)) == 3


def test_m106_a_mailed_link_unlocks_once(place):
    """
    The link of the news that guessing was stopped: a hundred looks open nothing, it opens the lane once and a narrow one, and the
    next stop mails another one.
    """
    w = exhibit(place, policy=evolve(SHORT, lockout=FEW))
    w.sign_up()
    besieged(w, 8)
    w.deliver()
    link = w.messenger.unlock_link
    mark = len(w.trace)
    looks = {type(w.engine.inspect_unlock(link, context=w.context(address(n)))) for n in range(100)}
    assert looks == {UnlockPending}
    assert w.flushes(mark) == 0
    assert stranger_lane(w).stopped
    assert w.engine.unlock(UnlockLink(link), context=w.context(address(901))) == LockOpened()
    assert right(w)
    for again in range(3):
        assert w.engine.unlock(UnlockLink(link), context=w.context(address(902 + again))) == Refused()
    fail(w, 1, 200)
    besieged(w, 8)
    assert stranger_lane(w).stopped
    assert w.engine.unlock(UnlockLink(link), context=w.context(address(910))) == Refused()
    assert stranger_lane(w).stopped
    w.deliver()
    assert len({one.link for one in w.messenger.of(MessagePurpose.GUESSING_STOPPED) if one.link}) == 2


def test_m106_an_administrator_really_unlocks(w):
    """After ``unlock`` the owner gets in at once, and the guessers have a lane of the usual length again, not a longer one."""
    w.sign_up()
    besieged(w)
    w.engine.admin.unlock("u1", actor="root")
    assert right(w)
    w.comparisons.clear()

    fail(w, 30, 300)

    assert len(w.comparisons.guesses) == FREE


# --- status -----------------------------------------------------------------------------------------------------------

STATES = {
    "disabled by the platform": lambda w: w.directory.change("u1", status=Status.DISABLED),
    "disabled by an administrator": lambda w: w.engine.admin.disable("u1", actor="root"),
    "gone from the user table": lambda w: w.directory.remove("u1"),
    "erased": lambda w: w.engine.admin.erase("u1", actor="root"),
    "erased and gone": lambda w: (w.engine.admin.erase("u1", actor="root"), w.directory.remove("u1")),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ARTEFACTS)
def test_m109_only_an_active_account_is_granted_anything(place, name, state):
    """Whatever was handed out while the account was active has no effect once it is not, at whichever step of a flow."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    STATES[state](w)

    used = artefact.use(w, token)

    # The platform's own table is not asked at every request: it says ``admin.disable`` to end sessions.
    told_apart = name == "session" and state in {"disabled by the platform", "gone from the user table"}
    # A veto is granted nothing: it takes, also from whoever is enabled again.
    assert used is (told_apart or (name == "veto" and state.startswith("disabled")))
    assert w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(7))) == Refused()


def test_m109_a_session_the_platform_did_not_end_grants_nothing(w):
    """Of an account that is disabled in the platform's table alone, a session enrols, prints, changes and renames nothing."""
    _, _, session = w.guarded()
    factor = w.engine.list_factors(session, context=w.context()).factors[0].id
    w.directory.change("u1", status=Status.DISABLED)
    engine, here = w.engine, w.context()

    assert isinstance(engine.check_session(session, context=here), SessionValid)
    outcomes = [
        engine.enroll_totp(session, context=here),
        engine.issue_recovery_codes(session, context=here),
        engine.remove_factor(session, factor, context=here),
        engine.rename_factor(session, factor, "mine", context=here),
        engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD, session), context=here),
    ]
    assert outcomes == [Refused()] * 5


@pytest.mark.parametrize("state", STATES)
def test_m109_a_reset_brings_nobody_back(w, state):
    """No mail for an account that is not active, no use for the mail of before, and no way to set a password."""
    w.sign_up()
    link = w.reset_link()
    STATES[state](w)
    sent = len(w.messenger.handed)

    w.engine.request_reset(IDENTIFIER, context=w.context(address(5)))
    w.deliver()

    erased = state == "erased"  # and still in the user table: it may begin anew, as any account without a record
    assert [mail for mail in w.messenger.handed[sent:] if mail.link] == [] or erased
    assert w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()) == Refused()
    if not erased:
        assert w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()) == Refused()
        assert w.engine.set_password("u1", NEW, by=Initial(), context=w.context()) == Refused()


# --- loss -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [3, 9, 11, 25])
def test_m111_a_loss_of_the_meters_gives_few_guesses_away(w, place, every):
    """Meters lost after every so many guesses: each loss costs nine guesses at most, and what had stopped stays stopped."""
    w.sign_up()
    w.comparisons.clear()
    losses = 0
    for number in range(150):
        fail(w, 1, number)
        w.clock.advance(LONGEST)
        if number % every == every - 1:
            place.lose_meters()
            losses += 1
    assert len(w.comparisons.guesses) <= 50 + 9 * losses

    if every > 9:
        assert stranger_lane(w).stopped
        assert len(w.comparisons.guesses) <= 60
        place.lose_meters()
        assert not right(w)


def test_m111_a_loss_of_the_meters_revives_nothing(w, place):
    """Used links, codes and steps are remembered in the record: no eviction brings them back."""
    app, _, _ = w.guarded()
    ticket = w.ticket()
    code = app.code(w.clock())
    assert isinstance(w.engine.verify_factor(ticket, code, context=w.context()), SignedIn)

    place.lose_meters()

    assert w.engine.verify_factor(ticket, code, context=w.context(address(1))) == Refused()
    assert w.engine.verify_factor(w.ticket(), code, context=w.context(address(2))) == Refused()


@pytest.mark.parametrize("names", [700, pytest.param(50_000, marks=pytest.mark.deep)])
def test_m112_strangers_leave_bounded_traces(w, place, names):
    """Hundreds of names, or a hundred thousand starts, from one line: no record, ten requests, one row of at most 64 meters."""
    w.sign_up()
    fail(w, 3)
    for number in range(names):
        w.engine.sign_in(f"nobody{number}", PASSWORD, context=w.context())
        w.engine.request_reset(f"nobody{number}@example.org", context=w.context())
    commits = [call[1] for call in w.trace if call[0] == "commit"]

    assert len({key for key, _, value, _, _ in commits if value is not None}) == 1
    assert sum(value is None for _, _, value, _, _ in commits) == 10
    assert max(meters for _, meters in place.rows()) <= 64
    assert stranger_lane(w).failures == 3


def test_m112_nobody_elses_flood_evicts_a_counter(w):
    """A source that tries a thousand names does not make the subject's own lane, or its source's pair with it, forget."""
    w.sign_up()
    for number in range(5):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context())
    for number in range(300):
        w.engine.sign_in(f"nobody{number}", PASSWORD, context=w.context(address(number)))

    assert stranger_lane(w).failures == 5
    assert w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()) == Refused(timedelta(seconds=30))


def test_m112_what_hangs_on_a_subject_is_bounded(w, place):
    """Two hundred sign-ins, resets and devices later the record has its caps and no more."""
    w.sign_up()
    for number in range(200):
        assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(number))), SignedIn)
        w.engine.request_reset(IDENTIFIER, context=w.context(address(number)))
    w.deliver()

    held = w.engine.admin.export("u1")
    assert (len(held.sessions), len(held.devices), len(held.live_resets)) == (32, 5, 3)
    (value, _) = w.store.load(next(call[1][0] for call in w.trace if call[0] == "load"))
    assert len(value) < 16 * 1024
