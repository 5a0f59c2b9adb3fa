"""Every comparison is charged, to the right source, and nothing else is (I14, I15)."""

import asyncio
import inspect
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.guesses import FREE, KINDS, asked_code, secret_kinds, wrong
from tests.museum.harness import NEW, OTHERS, address, close, exhibit

from acctsec import (
    AsyncEngine,
    ChallengeAnswer,
    ConfigError,
    Context,
    CurrentPassword,
    Engine,
    FreshSession,
    MemoryStore,
    PasswordChanged,
    PasswordRejected,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    SignedIn,
    Source,
    TotpCode,
)
from acctsec._values import evolve
from acctsec.protocols import Granted, Settle, Settlement
from acctsec.testing.doubles import DIRECTORY, MESSENGER, as_async
from acctsec.testing.world import IDENTIFIER, PASSWORD, world


def lanes(w):
    """The failures of each lane of u1."""
    return {one.lane: one.failures for one in w.engine.admin.lock_status("u1")}


# --- sources ----------------------------------------------------------------------------------------------------------


@given(
    spoofed=st.lists(
        st.sampled_from(["1.2.3.4", "::1", "unknown", "", "evil", "127.0.0.1", "203.0.113.9, 10.0.0.1"]), max_size=6
    ),
    trusted=st.integers(1, 3),
)
def test_m088_hops_a_client_wrote_have_no_say(spoofed, trusted):
    """Behind so many proxies of one's own, whatever stands left of their entries changes nothing."""
    ours = ["198.51.100.7", "10.0.0.2", "10.0.0.3"][:trusted]

    found = Source.forwarded(peer="10.0.0.9", header=", ".join([*spoofed, *ours]), trusted_proxies=trusted)

    assert found == Source.of("198.51.100.7")


def test_m088_without_configuration_no_header_is_looked_at():
    """The engine takes a source that was attributed; zero proxies means the peer, whatever the header says."""
    assert Source.forwarded(peer="198.51.100.7", header="1.2.3.4", trusted_proxies=0) == Source.of("198.51.100.7")
    assert Source.forwarded(peer="198.51.100.7", header="1.2.3.4", trusted_proxies=2) == Source.unknown()
    assert Source.forwarded(peer="198.51.100.7", header=None, trusted_proxies=1) == Source.unknown()
    assert "header" not in inspect.signature(Context.of).parameters
    for wrong_count in (-1, True, None, "1", 1.0):
        with pytest.raises(ConfigError):
            Source.forwarded(peer="198.51.100.7", header="1.2.3.4", trusted_proxies=wrong_count)


def test_m090_an_ipv6_line_is_one_source(w):
    """Ten thousand addresses of one /64, in every spelling, share one bucket."""
    spellings = {Source.of(f"2001:db8:7:7:{number:x}::{number:x}") for number in range(10_000)}
    spellings |= {
        Source.of(one) for one in ("2001:DB8:7:7::1", "2001:0db8:0007:0007:0:0:0:1", "[2001:db8:7:7::1]", "2001:db8:7:7::1%eth0")
    }
    assert len(spellings) == 1
    assert Source.of("::ffff:198.51.100.7") == Source.of("198.51.100.7") == Source.of(" 198.51.100.7 ")
    assert Source.of("2001:db8:7:8::1") not in spellings

    w.sign_up()
    w.comparisons.clear()
    for number in range(20):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(f"2001:db8:7:7::{number + 1:x}"))
    assert len(w.comparisons.evaluated) == 5


@pytest.mark.parametrize("source", [None, "", "nonsense", 7, b"198.51.100.7", "1.2.3.4.5", "x" * 10**5])
def test_m092_an_address_nobody_can_tell_is_charged_like_any(w, source):
    """Without a usable address the attempt goes to one shared bucket, and to the subject all the same."""
    w.sign_up()
    w.comparisons.clear()

    for number in range(20):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=Context.of(source))

    assert Context.of(source).source == Source.unknown()
    assert len(w.comparisons.evaluated) == 5
    assert lanes(w)["password/strangers"] == 5


def test_m093_no_caller_chooses_the_meter(w):
    """A meter belongs to the operation: the facts of a request hold no route, and the same attempt charges the same meters."""
    assert set(inspect.signature(Context.of).parameters) == {
        "address",
        "device",
        "user_agent",
        "tenant",
        "challenge",
        "sim_changed",
        "key",
    }
    w.sign_up()
    charged = []
    made_up = ChallengeAnswer("A" * 488, "an answer that nobody asked for")
    for facts in ({}, {"user_agent": "/login"}, {"user_agent": "/LOGIN/../login"}, {"challenge": made_up}, {"key": bytes(32)}):
        mark = len(w.trace)
        w.engine.sign_in(IDENTIFIER, wrong(1), context=Context.of("192.0.2.7", **facts))
        (charges,) = [call[1][0] for call in w.trace[mark:] if call[0] == "charge"]
        charged.append([(one.slot, one.meter) for one in charges])
    assert charged.count(charged[0]) == 5


# --- completeness -----------------------------------------------------------------------------------------------------

SEALED = {"check_session", "inspect_reset", "enroll_totp", "list_factors", "rename_factor", "remove_factor"}
SEALED |= {"report_factor", "restore_factor"}
SEALED |= {"enroll_delivered", "send_code"}
SEALED |= {"add_address", "inspect_address", "remove_address", "change_identifier"}
SEALED |= {"inspect_veto", "veto", "list_changes", "cancel_change"}
SEALED |= {"name_contact", "list_contacts", "remove_contact", "ask_contacts", "inspect_share", "vouch"}
SEALED |= {"enroll_push", "push_prompt", "inspect_prompt", "deny_prompt"}
SEALED |= {"list_sessions", "end_session", "authorize", "enroll_hotp", "enroll_outside", "begin_outside"}
SEALED |= {"inspect_unlock", "issue_recovery_codes", "sign_out", "sign_out_everywhere", "list_devices", "forget_device"}
SEALED |= {"enroll_passkey", "begin_passkey_sign_in", "sign_in_with_passkey"}
"""What takes nothing but sealed tokens, or a signature under one: 128 bits and more, refused before any read, with nothing to guess."""
GUESSABLE = {"sign_in", "set_password", "verify_factor", "confirm_factor", "redeem_reset", "remove_lost_factors", "unlock"}
GUESSABLE |= {"verify_address", "reauthenticate", "answer_prompt"}


def test_m094_every_operation_that_takes_a_secret_is_known(w):
    """By signature: whatever takes the facts of a request compares a metered secret, asks for a reset, or takes sealed tokens alone."""
    operations = {
        name
        for name, method in inspect.getmembers(Engine, inspect.isfunction)
        if not name.startswith("_") and "context" in inspect.signature(method).parameters
    }

    assert operations == SEALED | GUESSABLE | {"request_reset"}


@pytest.mark.parametrize("kind", KINDS)
def test_m094_every_secret_trips_a_meter(w, kind):
    """Wrong ones are let through so often and not once more, and only a source is ever told to wait."""
    name, free, attempt = secret_kinds(w)[kind]
    mark = len(w.trace)

    outcomes = {attempt(number) for number in range(free + 20)}

    told = {Refused(), Refused(timedelta(seconds=30))} if kind == "recovery code at a reset" else {Refused()}
    assert outcomes == told

    assert w.admitted(name, mark) == free


def test_m096_a_stolen_session_guesses_within_the_sign_in_budget(w):
    """The current password, asked for inside a session, is counted in the very lane of the sign-in."""
    w.sign_up()
    session = w.sign_in().session
    w.comparisons.clear()
    for number in range(6):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))

    for number in range(6, 40):
        claim = CurrentPassword(wrong(number), session)
        assert w.engine.set_password("u1", NEW, by=claim, context=w.context(address(number))) == Refused()

    assert len(w.comparisons.evaluated) == FREE
    assert w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context(address(99))) == Refused()


def test_m096_a_stolen_session_takes_no_factor_away(w):
    """A session that is not fresh, or not at full level, removes no authenticator and prints no codes."""
    app, _, session = w.guarded()
    factor = w.engine.list_factors(session, context=w.context()).factors[0].id
    w.clock.advance(w.policy.sessions.fresh)

    assert w.engine.remove_factor(session, factor, context=w.context()) == Refused()
    assert w.engine.issue_recovery_codes(session, context=w.context()) == Refused()
    assert w.engine.enroll_totp(session, context=w.context()) == Refused()
    assert w.engine.set_password("u1", NEW, by=FreshSession(session), context=w.context()) == Refused()
    assert isinstance(w.fully(app), SignedIn)


def async_engine(w, store):
    """The async face of the same deployment."""
    return AsyncEngine(
        policy=w.policy,
        store=store,
        directory=as_async(w.directory, DIRECTORY),
        messenger=as_async(w.messenger, MESSENGER),
        keyring=w.keyring,
        clock=w.clock,
        entropy=w.entropy,
    )


def test_m097_the_async_face_keeps_the_same_budget(place, w):
    """Both faces, each with a handle of its own, compare as often as the lane allows, together."""
    w.sign_up()
    w.comparisons.clear()
    for number in range(4):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))

    async def guess():
        store = place.open_async()
        engine = async_engine(w, store)
        await asyncio.gather(
            *(engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number))) for number in range(4, 40))
        )
        await close(store)

    asyncio.run(guess())

    assert len(w.comparisons.evaluated) == FREE


def test_m099_guesses_at_nobody_count_like_guesses_at_somebody(w):
    """An unknown identifier has a lane, and uses up its source, exactly as a known one does."""
    w.sign_up()
    answers = {}
    for name in (IDENTIFIER, "nobody@example.org"):
        mark = len(w.trace)
        source = "203.0.113.1" if name == IDENTIFIER else "203.0.113.2"
        outcomes = [w.engine.sign_in(name, wrong(number), context=w.context(source)) for number in range(8)]
        outcomes += [w.engine.sign_in(name, wrong(number), context=w.context(address(number))) for number in range(10, 30)]
        answers[name] = outcomes, w.calls_since(mark)

    assert answers[IDENTIFIER] == answers["nobody@example.org"]
    assert answers[IDENTIFIER][0][5] == Refused(timedelta(seconds=30))


def test_m100_refusals_that_compared_nothing_cost_the_subject_nothing(w):
    """Weak new passwords, malformed input, expired tickets and links: not one failure in any lane of the subject."""
    app, codes, session = w.guarded()
    handle, _ = asked_code(w)
    link, ticket = w.messenger.link, w.ticket()
    engine, here = w.engine, w.context()
    mark = len(w.trace)
    for number in range(6):
        assert isinstance(
            engine.set_password("u1", f"weak{number}", by=CurrentPassword(PASSWORD, session), context=here), PasswordRejected
        )
        assert engine.sign_in(IDENTIFIER, "x\0y", context=here) == Refused()
        assert engine.sign_in(IDENTIFIER, "x" * 5000, context=here) == Refused()
        assert engine.verify_factor(ticket, TotpCode("12345"), context=here) == Refused()
        assert engine.verify_factor(ticket, RecoveryCode(codes[0].upper()), context=here) == Refused()
        assert engine.redeem_reset(ResetCode(handle, "1"), NEW, context=here) == Refused()
    w.clock.advance(minutes=31)
    for _ in range(6):
        assert engine.verify_factor(ticket, app.code(w.clock()), context=here) == Refused()
        assert engine.redeem_reset(ResetLink(link), NEW, context=here) == Refused()
        w.clock.advance(seconds=30)

    assert set(lanes(w).values()) == {0}
    assert not any("failed" in repr(one) for call in w.trace[mark:] if call[0] == "settle" for one in call[1][0])
    assert isinstance(w.fully(app), SignedIn)


def test_m100_weak_proposals_leave_a_reset_as_good_as_it_was(w):
    """However many passwords the rules refuse, the link and its code stay alive and the lanes empty."""
    w.sign_up()
    handle, code = asked_code(w)
    for number in range(20):
        outcome = w.engine.redeem_reset(ResetCode(handle, code), f"weak{number}", context=w.context())
        assert isinstance(outcome, PasswordRejected)

    assert set(lanes(w).values()) == {0}
    assert isinstance(w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context()), PasswordChanged)


def test_m101_past_its_budget_a_source_costs_next_to_nothing(w):
    """No hash, no commit, no message: only the meters are asked."""
    w.sign_up()
    for number in range(5):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context())

    outcome, calls = w.observe(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()))

    assert outcome == Refused(timedelta(seconds=30))
    assert {call[0] for call in calls} <= {"find", "load", "charge", "settle"}
    w.deliver()
    assert w.messenger.handed == []


def test_m101_reset_requests_past_their_budget_leave_nothing_behind(w):
    """The eleventh request of a source appends nothing to the outbox, with the usual answer; the fourth for a name sends nothing."""
    w.sign_up()
    for _ in range(10):
        w.engine.request_reset(IDENTIFIER, context=w.context())

    outcome, calls = w.observe(lambda: w.engine.request_reset(IDENTIFIER, context=w.context()))

    assert type(outcome).__name__ == "ResetRequested"
    assert "commit" not in {call[0] for call in calls}
    w.deliver()
    assert len(w.messenger.handed) == 3


def test_a_repeated_wrong_password_is_compared_and_counts_once(place):
    """A stale client that repeats one old password for a day is compared every time and uses up one guess."""
    w = exhibit(place)
    w.sign_up()
    w.comparisons.clear()

    for _ in range(288):
        assert w.engine.sign_in(IDENTIFIER, OTHERS[0], context=w.context()) == Refused()
        w.clock.advance(minutes=5)

    assert len(w.comparisons.guesses) == 288
    assert lanes(w)["password/strangers"] == 1
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_beside_a_guess_under_way_nobody_is_told_from_an_account_whose_owner_was_there():
    """
    Past the free failures there is room for one. Where the owner signed in meanwhile the lane has room again: who let one guess hang
    and made another waited at the one name and not at the other.
    """
    seen = {}
    for name in (IDENTIFIER, "nobody@example.org"):
        w = world(store=MemoryStore())
        w.sign_up()
        for number in range(10):
            w.calls.sign_in(name, f"guess {number}", context=w.context(f"198.51.100.{number}"))
        w.clock.advance(minutes=2)
        assert isinstance(w.sign_in(), SignedIn)
        charge, pauses = w.store.charge, []

        def beside(charges, now, charge=charge):
            hanging = evolve(charges[-1], candidate=1, hold=b"somebody hangs..")
            assert isinstance(charge([hanging], now)[0], Granted)
            return charge(charges, now)

        async def pause(seconds, pauses=pauses):
            pauses.append(seconds)

        w.store.charge = beside
        w.restart()
        w.engine._flows.core.ports.pause = pause
        seen[name] = w.calls.sign_in(name, "one guess more", context=w.context("198.51.100.99")), len(pauses)
    assert seen[IDENTIFIER] == seen["nobody@example.org"] == (Refused(), 0)


def test_a_guess_that_meets_a_full_lane_counts_at_its_source_whoever_gives_an_equal_one_up():
    """
    Nothing is compared, it is refused like a wrong one, and its source has a failure for it: also where another with the same
    secret shares its hold and gives up.
    """
    w = world(store=MemoryStore())
    w.sign_up()
    core, charge, settle = w.engine._flows.core, w.store.charge, w.store.settle
    calls = []

    def charged(charges, now):
        calls.append(charges)
        others = [evolve(charges[-1], candidate=number, hold=bytes([number] * 16)) for number in range(1, 11)]
        assert all(isinstance(reading, Granted) for reading in charge(others, now))  # the lane is full of others
        readings = charge(charges, now)
        same = [evolve(one, hold=b"another guess is") for one in charges if one.slot != charges[-1].slot]
        shared = [
            Settlement(one.slot, one.meter, one.ladder, reading.hold, Settle.VOID)
            for one, reading in zip(same, charge(same, now), strict=True)
        ]
        settle(shared, now)  # its patience is over
        return readings

    w.store.charge = charged
    w.restart()
    assert w.calls.sign_in(IDENTIFIER, "no such password", context=w.context()) == Refused()

    outside = [one for one in calls[-1] if one.slot != calls[-1][-1].slot]
    assert (len(calls), len(w.comparisons.guesses)) == (1, 0)
    assert [one.count for one in w.store.read([(one.slot, one.meter, one.ladder) for one in outside], core.instant())] == [1, 1]
