"""A budget belongs to a subject and a class of secret, and nothing but time or full success refills it (I13)."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.museum.guesses import FREE, secret_kinds, wrong
from tests.museum.harness import (
    NEW,
    OTHERS,
    SHORT,
    address,
    exhibit,
    kinds,
    other_node,
)

from acctsec import (
    Account,
    MessagePurpose,
    Refused,
    ResetCode,
    ResetPending,
    SignedIn,
)
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Band, Bands, PosturePolicy
from acctsec.challenges import ProofOfWork
from acctsec.testing.world import IDENTIFIER, PASSWORD

QUIET = PosturePolicy(**dict.fromkeys(("address", "prefix", "asn", "spray", "crowd", "unknown", "surge")))


@pytest.mark.parametrize("sessions", [30, pytest.param(1000, marks=pytest.mark.deep)])
def test_m080_new_challenges_bring_no_new_tries(w, sessions):
    """AuthQuake: fresh sign-ins with the right password, ten wrong codes each: ten are looked at, however many sessions there are."""
    app, _, _ = w.guarded()
    mark, now = len(w.trace), w.clock()

    for number in range(sessions):
        ticket = w.ticket(address=address(number))
        for k in range(10):
            code = app.wrong(now, (10 * number + k) % 990)
            w.engine.verify_factor(ticket, code, context=w.context(address(number)))

    assert w.admitted("factor", mark) == FREE


def test_m080_the_owner_hears_of_it_before_the_guessing_is_stopped_for_good(w):
    """Days of guessing at one code per rest end at fifty, with one notice to the owner."""
    app, _, _ = w.guarded()
    mark = len(w.trace)

    for number in range(120):
        w.clock.advance(minutes=31)
        ticket = w.ticket(address=address(number))
        w.engine.verify_factor(ticket, app.wrong(w.clock(), number % 90), context=w.context(address(number)))
    w.deliver()

    assert w.admitted("factor", mark) <= 50
    assert len(w.messenger.of(MessagePurpose.GUESSING_STOPPED)) == 1


def test_m082_kinds_of_factors_share_one_budget(w):
    """TOTP and recovery codes in turn: ten wrong ones together, not ten each; a reset has a small budget of its own."""
    attempts, mark = secret_kinds(w), len(w.trace)

    for number in range(60):
        for kind in ("totp", "recovery code", "factor at a reset", "recovery code at a reset")[number % 2 :: 2]:
            attempts[kind][2](number)

    assert w.admitted("factor", mark) == FREE
    assert w.admitted("reset-factor", mark) + w.admitted("recovery", mark) == 10


def test_m083_a_success_of_somebody_else_refills_nothing(w):
    """The attacker signs in to his own account from the same source: what he used up at V's stays used up."""
    w.sign_up()
    w.sign_up("u2", "mallory@example.org", NEW)
    for number in range(4):
        assert w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context()) == Refused()

    for _ in range(3):
        assert isinstance(w.engine.sign_in("mallory@example.org", NEW, context=w.context()), SignedIn)

    fifth = w.engine.sign_in(IDENTIFIER, wrong(5), context=w.context())
    sixth = w.engine.sign_in(IDENTIFIER, wrong(6), context=w.context())
    assert (fifth, sixth) == (Refused(), Refused(timedelta(seconds=30)))
    strangers = next(one for one in w.engine.admin.lock_status("u1") if one.lane == "password/strangers")
    assert strangers.failures == 5


def test_m083_ones_own_success_buys_no_guesses_at_others(w):
    """Signing in to his own account after every guess, a source still compares fifty an hour."""
    w.sign_up("u2", "mallory@example.org", NEW)
    w.comparisons.clear()
    for number in range(100):
        w.directory.put(Account(subject=f"s{number}", identifiers=(f"user{number}",)))
        w.engine.sign_in(f"user{number}", OTHERS[0], context=w.context())
        w.engine.sign_in("mallory@example.org", NEW, context=w.context())

    assert len([one for one in w.comparisons.all if one.password == OTHERS[0]]) == 50


def test_m083_the_owners_success_buys_his_neighbour_no_guesses(w):
    """From one address, the owner signs in between two guesses of somebody else: the pair of source and name remembers."""
    w.sign_up()
    for number in range(4):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context())
        assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)

    w.engine.sign_in(IDENTIFIER, wrong(5), context=w.context())
    assert w.engine.sign_in(IDENTIFIER, wrong(6), context=w.context()) == Refused(timedelta(seconds=30))


def test_m084_front_ends_share_one_budget(w, place):
    """Five engines on one store are one deployment: ten guesses together."""
    w.sign_up()
    nodes = [other_node(w, place) for _ in range(5)]
    w.comparisons.clear()

    for number in range(40):
        nodes[number % 5].sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))

    assert len(w.comparisons.guesses) == FREE


def test_m086_one_guess_at_each_of_many_accounts_is_bounded_by_its_source(w):
    """Three hundred accounts, one password each, one source: fifty comparisons; one code each: no more than ten handles."""
    for number in range(300):
        w.directory.put(Account(subject=f"s{number}", identifiers=(f"user{number}",), addresses=(f"u{number}@example.org",)))
    mark = len(w.trace)
    for number in range(300):
        w.engine.sign_in(f"user{number}", OTHERS[0], context=w.context())
    assert w.admitted("password", mark) == 50

    handles = [w.engine.request_reset(f"user{number}", context=w.context("203.0.113.5")).handle for number in range(40)]
    w.deliver()
    assert len(handles) == 40
    assert len(w.messenger.handed) == 10


def test_m086_one_password_at_each_of_many_accounts_from_as_many_sources_is_seen_by_the_fleet(place):
    """
    A thousand accounts, one password, a thousand sources: no account and no source sees more than one guess. What watches across
    accounts asks for a challenge from the twentieth on, on every store and for every name alike; another password is let be.
    """
    sprayed = evolve(SHORT, attacks=AttackPolicy(posture=evolve(QUIET, spray=Bands(challenge=Band(at=20, below=10)))))
    w = exhibit(place, policy=sprayed, challenge=ProofOfWork(bits=8))
    for number in range(1000):
        w.directory.put(Account(subject=f"s{number}", identifiers=(f"user{number}",)))
    mark, answers = len(w.trace), []
    for number in range(1000):
        answers.append(w.engine.sign_in(f"user{number}", OTHERS[0], context=w.context(address(number))))
    assert w.admitted("password", mark) == kinds(answers)["Refused"] == 20
    assert kinds(answers)["ChallengeRequired"] == 980
    assert isinstance(w.engine.sign_in("user5", OTHERS[1], context=w.context(address(2000))), Refused)


def test_m087_asking_anew_refills_no_tries(w):
    """A new code between every two guesses: five are looked at, and ten a day; and no more than three codes are live."""
    w.sign_up()
    mark, handles = len(w.trace), []
    for number in range(30):
        handles.append(w.engine.request_reset(IDENTIFIER, context=w.context(address(number))).handle)
        w.deliver()
        w.engine.redeem_reset(ResetCode(handles[-1], f"{number:08d}"), NEW, context=w.context(address(number)))
    assert w.admitted("reset-code", mark) == 5

    for number in range(30, 70):
        w.clock.advance(minutes=16)
        handles.append(w.engine.request_reset(IDENTIFIER, context=w.context(address(number))).handle)
        w.deliver()
        w.engine.redeem_reset(ResetCode(handles[-1], f"{number:08d}"), NEW, context=w.context(address(number)))
    assert w.admitted("reset-code", mark) == 10
    live = [
        mail for mail in w.messenger.handed if isinstance(w.engine.inspect_reset(mail.link, context=w.context()), ResetPending)
    ]
    assert len(live) <= 3
