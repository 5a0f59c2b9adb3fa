"""Exactly once, and safe to look at: what redeems a token (I01, I07)."""

from datetime import timedelta
from itertools import count

import pytest
from tests.museum.artefacts import ARTEFACTS
from tests.museum.harness import NEW, OTHERS, Crash, address, exhibit, kinds, other_node, par
from tests.museum.others import asked as asked_outside
from tests.museum.others import given_a_factor, outside
from tests.museum.process import Process

from acctsec import (
    Admin,
    FactorRequired,
    MessagePurpose,
    PasswordChanged,
    PasswordRejected,
    Refused,
    ResetLink,
    ResetPending,
    ResumeTicket,
    SessionValid,
    SignedIn,
    TryAgain,
    VetoPending,
)
from acctsec.events import AttemptRefused, SignedInEvent
from acctsec.protocols import Conflict
from acctsec.testing.world import IDENTIFIER, PASSWORD


def redeem(w, link, password=NEW, **facts):
    return w.engine.redeem_reset(ResetLink(link), password, context=w.context(**facts))


def works(w, password):
    source = address(900 + len(password) + ord(password[0]))  # one each: five wrong ones from one source make it wait
    return isinstance(w.engine.sign_in(IDENTIFIER, password, context=w.context(source)), SignedIn)


def test_m001_a_link_redeemed_by_many_at_once_changes_the_password_once(w):
    """Eight callers race with one link: one changes the password, the others are told, in the end, what an unknown link is."""
    w.sign_up()
    link = w.reset_link()

    outcomes = par(*(lambda p=password: redeem(w, link, p) for password in OTHERS))

    assert kinds(outcomes)["PasswordChanged"] == 1
    # More proposals at once than may be held against the old password: some were not looked at yet.
    losers = [redeem(w, link, OTHERS[0]) if isinstance(one, TryAgain) else one for one in outcomes]
    assert kinds(losers) == {"PasswordChanged": 1, "Refused": len(OTHERS) - 1}
    assert {one for one in losers if isinstance(one, Refused)} == {redeem(w, link[::-1])}
    winner = [isinstance(one, PasswordChanged) for one in outcomes].index(True)
    assert [works(w, password) for password in OTHERS] == [number == winner for number in range(len(OTHERS))]
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.PASSWORD_CHANGED)) == 1


def test_m001_a_link_redeemed_by_two_processes_changes_the_password_once(shared):
    """Two processes, four threads each, one store, one link: one effect."""
    w = exhibit(shared)
    w.sign_up()
    link = w.reset_link()
    processes = [Process(w, shared) for _ in range(2)]
    assert [one.read() for one in processes] == ["ready", "ready"]

    for number, one in enumerate(processes):
        one.write([["redeem", address(number), link, OTHERS[4 * number + thread]] for thread in range(4)])
    outcomes = [outcome for one in processes for outcome in one.read()]
    for one in processes:
        one.wait()

    assert outcomes.count("PasswordChanged") == 1
    assert set(outcomes) <= {"PasswordChanged", "Refused", "TryAgain"}
    assert redeem(w, link) == Refused()
    assert [works(w, password) for password in OTHERS].count(True) == 1


def test_m002_a_code_verified_by_many_at_once_gives_one_session(w):
    """Eight callers race with one ticket and one right code: one session."""
    app, _, _ = w.guarded()
    ticket, code = w.ticket(), app.code(w.clock())

    outcomes = par(*(lambda n=n: w.engine.verify_factor(ticket, code, context=w.context(address(n))) for n in range(8)))

    assert kinds(outcomes)["SignedIn"] == 1
    assert set(kinds(outcomes)) <= {"SignedIn", "Refused", "TryAgain"}
    assert not isinstance(w.engine.verify_factor(ticket, code, context=w.context(address(9))), SignedIn)


def test_m004_a_store_whose_swap_changes_nothing_redeems_nothing(w):
    """A compare-and-swap that finds nothing to swap is believed: the operation is refused, and nothing is announced."""
    app, _, session = w.guarded()
    link, ticket, code = w.reset_link(), w.ticket(), app.code(w.clock())
    w.deliver()
    sent = len(w.messenger.handed)
    commit = w.store.commit
    w.store.commit = lambda *_: Conflict()
    w.restart()

    outcomes = par(  # each tries until its patience ends
        lambda: w.engine.verify_factor(ticket, code, context=w.context()),
        lambda: redeem_with_factor(w, link, app),
        lambda: w.engine.issue_recovery_codes(session, context=w.context()),
    )
    w.store.commit = commit
    w.restart()
    w.deliver()

    assert kinds(outcomes) == {"TryAgain": 3}
    assert len(w.messenger.handed) == sent
    assert works(w, NEW) is False


def redeem_with_factor(w, link, app):
    """Redeem a link of a subject with a factor, as far as it goes."""
    due = redeem(w, link)
    assert isinstance(due, FactorRequired)
    return w.engine.verify_factor(due.ticket, app.code(w.clock(), step=1), context=w.context())


def test_m004_a_token_that_was_spent_elsewhere_leaves_a_trace(w):
    """Who loses the race for a token is on record: the second use of a link is an observation."""
    w.sign_up()
    link = w.reset_link()
    redeem(w, link)

    redeem(w, link, OTHERS[0])

    w.deliver()
    assert [one.operation for one in w.sink.observations if isinstance(one, AttemptRefused)] == ["redeem_reset"]


def test_m006_a_link_stays_dead(w):
    """A used link is dead at once, at the end of its time, and after everything there is to clean up was cleaned up."""
    w.sign_up()
    link = w.reset_link()
    assert isinstance(redeem(w, link), PasswordChanged)

    assert redeem(w, link, OTHERS[0]) == Refused()
    w.clock.advance(w.policy.reset.link_lifetime - timedelta(seconds=1))
    w.deliver()
    assert redeem(w, link, OTHERS[1]) == Refused()
    assert works(w, NEW)


def test_m007_a_link_stays_dead_after_a_restart(w, place):
    """The memory of a use is in the store: another process, with the same keys, refuses the captured link."""
    w.sign_up()
    link = w.reset_link()
    assert isinstance(redeem(w, link), PasswordChanged)

    node = other_node(w, place)

    assert node.redeem_reset(ResetLink(link), OTHERS[0], context=w.context()) == Refused()


def test_m009_an_invitation_that_was_called_off_is_dead(w):
    """An initial-password link dies with "sign out everywhere"; the next one is good once and for its own subject."""
    w.sign_up(password=None)
    w.sign_up("u2", "bob@example.org", password=None)
    w.engine.admin.initial_password("u1", actor="root")
    w.deliver()
    first = w.messenger.of(MessagePurpose.INITIAL_PASSWORD, subject="u1")[-1].link
    w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context())
    w.engine.admin.initial_password("u1", actor="root")
    w.deliver()
    second = w.messenger.of(MessagePurpose.INITIAL_PASSWORD, subject="u1")[-1].link

    assert redeem(w, first) == Refused()
    assert isinstance(redeem(w, second), PasswordChanged)
    assert redeem(w, second, OTHERS[0]) == Refused()
    assert w.engine.admin.export("u2").has_password is False


def test_m044_looking_at_a_link_changes_nothing(w):
    """A mail scanner may open a link a hundred times from anywhere: nothing is written, and it still works once."""
    w.sign_up()
    link = w.reset_link()
    mark = len(w.trace)

    answers = {type(w.engine.inspect_reset(link, context=w.context(address(n)))) for n in range(100)}

    assert answers == {ResetPending}
    assert w.flushes(mark) == 0
    assert isinstance(redeem(w, link), PasswordChanged)


def test_m044_a_refused_new_password_leaves_the_link_alive(w):
    """A password the rules refuse costs nothing but another try."""
    w.sign_up()
    link = w.reset_link()

    assert isinstance(redeem(w, link, "short"), PasswordRejected)
    assert isinstance(redeem(w, link, PASSWORD), PasswordRejected)
    assert isinstance(redeem(w, link), PasswordChanged)


@pytest.mark.parametrize("when", ["before", "after"])
def test_m046_a_crash_at_any_store_call_leaves_the_old_state_or_the_new(place, when):
    """Whichever store call the process dies at: old password and live link, or new password and dead link."""
    seen = set()
    for k in range(30):
        w = exhibit(place, seed=100 * k)
        subject, identifier = f"u{k}-{when}", f"user{k}{when}@example.org"
        w.sign_up(subject, identifier)
        link = w.reset_link(identifier)
        crash_at(w, k, when)
        try:
            redeem(w, link)
            finished = True
        except Crash:
            finished = False
        uncrash(w)
        old, new = (isinstance(w.engine.sign_in(identifier, p, context=w.context()), SignedIn) for p in (PASSWORD, NEW))
        again = redeem(w, link, OTHERS[0])
        assert (old, new) in {(True, False), (False, True)}
        assert isinstance(again, PasswordChanged) is old, (k, old, again)
        seen.add((old, finished))
        if finished:
            break
    else:
        raise AssertionError("the redemption never came to its end")
    assert {(True, False), (False, True)} <= seen


def crash_at(w, k, when):
    """Let the process die at store call number *k* from now on."""
    count = iter(range(1000))

    def die(*_):
        if next(count) == k:
            raise Crash

    setattr(w.store, when, die)


def uncrash(w):
    """The process is back."""
    w.store.before = w.store.after = lambda *_: None
    w.restart()


def test_m046_a_crash_between_factor_and_password_loses_neither(w):
    """Where the second proof was given and the process died, the ticket still leads to the new password, once."""
    app, _, _ = w.guarded()
    proof = redeem_with_factor(w, w.reset_link(), app)
    crash_at(w, 2, "before")
    with pytest.raises(Crash):
        w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context())
    uncrash(w)

    assert isinstance(w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context()), PasswordChanged)
    assert w.engine.redeem_reset(ResumeTicket(proof.ticket), OTHERS[0], context=w.context()) == Refused()


def test_the_session_of_before_is_what_it_was_when_nothing_was_redeemed(w):
    """A refused redemption ends no session."""
    w.sign_up()
    session = w.sign_in().session

    assert redeem(w, w.reset_link()[::-1]) == Refused()
    assert not isinstance(redeem(w, w.reset_link(), "short"), TryAgain)
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionValid)


def test_m044_looking_at_a_veto_changes_nothing(w):
    """A scanner opens what a notice links to, a hundred times from anywhere: nothing is written, and it still stops once."""
    veto = ARTEFACTS["veto"].make(w)
    mark = len(w.trace)

    answers = {type(w.engine.inspect_veto(veto, context=w.context(address(n)))) for n in range(100)}

    assert answers == {VetoPending}
    assert w.flushes(mark) == 0
    assert [ARTEFACTS["veto"].use(w, veto) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["veto", "waiting ticket"])
def test_m046_a_crash_of_a_recovery_leaves_the_old_state_or_the_new(place, name, when):
    """Whichever store call the process dies at: what is used once more works exactly where it had not worked yet."""
    artefact, seen = ARTEFACTS[name], set()
    for k in range(30):
        w = artefact.world(place, seed=100 * k)
        token = artefact.make(w)
        crash_at(w, k, when)
        try:
            artefact.use(w, token)
            finished = True
        except Crash:
            finished = False
        uncrash(w)
        export = w.engine.admin.export("u1")
        done = export.contested if name == "veto" else not export.factors
        assert artefact.use(w, token) is not done
        seen.add((done, finished))
        w.engine.admin.erase("u1", actor="root")
        if finished:
            break
    assert {(False, False), (True, True)} <= seen


# --- the word of somebody else ------------------------------------------------------------------------------------------


def test_m008_a_word_of_somebody_else_has_its_effect_once_however_many_bring_it(place):
    """One approval, eight at once: one session, one event; brought again later, none."""
    w = outside(place)
    ticket, answer = asked_outside(w, given_a_factor(w, "u1", IDENTIFIER))
    w.deliver()
    before = len(w.sink.of(SignedInEvent))

    outcomes = par(*(lambda n=n: w.engine.verify_factor(ticket, answer, context=w.context(address(n))) for n in range(8)))

    assert kinds(outcomes)["SignedIn"] == 1
    assert set(kinds(outcomes)) <= {"SignedIn", "Refused", "TryAgain"}
    assert w.engine.verify_factor(ticket, answer, context=w.context(address(9))) == Refused()
    w.deliver()
    assert len(w.sink.of(SignedInEvent)) == before + 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_m008_no_crash_comes_between_an_effect_and_the_mark_that_it_happened(place, when):
    """Whichever store call the process dies at, the same approval brought again makes no second session and no second event."""
    for k in count():
        w = outside(place, seed=k + 100)
        subject, identifier = f"u{k}-{when}", f"u{k}{when}@example.org"
        ticket, answer = asked_outside(w, given_a_factor(w, subject, identifier), identifier)
        before = len(w.engine.admin.export(subject).sessions)
        w.deliver()
        told = len(w.sink.of(SignedInEvent))
        calls = iter(range(100))

        def die(*_, calls=calls, k=k):
            if next(calls) == k:
                raise Crash

        setattr(w.store, when, die)
        died = False
        try:
            w.engine.verify_factor(ticket, answer, context=w.context())
        except Crash:
            died = True
        w.store.before = w.store.after = lambda *_: None
        w.restart()
        for number in range(3):
            w.engine.verify_factor(ticket, answer, context=w.context(address(number)))
        w.deliver()

        assert len(w.engine.admin.export(subject).sessions) - before == len(w.sink.of(SignedInEvent)) - told == 1
        w.engine.admin.erase(subject, actor="root")
        if not died:
            break
    assert k > 2
