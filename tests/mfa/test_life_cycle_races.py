"""The life of a factor under every interleaving, and whatever call a process dies at."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.places import USUAL, ground, on_ground  # noqa: F401 - a fixture
from tests.test_races import a_user, a_user_with_a_factor, alive, exactly_one, how_many, record

from acctsec import (
    FactorAdded,
    FactorRemoved,
    FactorReported,
    FactorRequired,
    FactorRestored,
    MessagePurpose,
    MfaPolicy,
    RecoveryRequired,
    Refused,
    ReportReason,
    SignedIn,
    TryAgain,
    events,
)
from acctsec.mfa.actions import Action
from acctsec.outcomes import Acted
from acctsec.testing import RACING, Authenticator, Operation, crash_everywhere, explore
from acctsec.testing.world import IDENTIFIER, PASSWORD

pytestmark = pytest.mark.usefixtures("on_ground")
STRICT = evolve(RACING, mfa=MfaPolicy(required=True))
REMEMBERING = evolve(RACING, mfa=MfaPolicy(remember=timedelta(days=14)))


def pytest_generate_tests(metafunc):
    """Every race and every crash on every store: on four by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


def guarded(policy=RACING):
    w = a_user_with_a_factor(policy)
    w.deliver()
    w.factor = record(w).factors.totp[0].id
    return w


def twice_guarded():
    """Two apps and two full sessions, from before the policy demands a factor."""
    w = guarded()
    w.other, w.session = w.enroll(w.session, name="tablet")
    ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    second = w.calls.verify_factor(ticket, w.other.code(w.clock()), context=w.context()).session
    w.clock.advance(seconds=30)
    w.sessions = [w.session, second]
    w.factors = [one.id for one in record(w).factors.totp]
    w.restart(STRICT)
    return w


def with_replacements(*replaced):
    """A subject that has begun to replace these of its two factors, in one session."""
    w = twice_guarded()
    w.apps = []
    for number in replaced:
        started = w.calls.enroll_totp(w.session, name="new", replaces=w.factors[number], context=w.context())
        w.apps.append(Authenticator(started))
    return w


def confirm(w, number=0):
    app = w.apps[number]
    return w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())


def report(w, number=0, why=ReportReason.LOST):
    return w.engine.report_factor(w.session, w.factors[number], why, context=w.context())


# --- races ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replaced", [(0, 0), (0, 1)], ids=["of one factor", "of two"])
def test_of_two_replacements_one_happens_wholly(replaced):
    def check(w, answers):
        exactly_one(answers, FactorAdded, (Refused, TryAgain))
        names = sorted(one.name for one in record(w).factors)
        assert len(names) == 2
        assert names.count("new") == 1

    explore(lambda: with_replacements(*replaced), lambda w: [confirm(w, 0), confirm(w, 1)], check)


@pytest.mark.parametrize("removed", [0, 1], ids=["of the one that is replaced", "of the other"])
def test_a_replacement_that_meets_a_removal_leaves_what_the_policy_demands(removed):
    def flows(w):
        return [confirm(w), w.engine.remove_factor(w.sessions[1], w.factors[removed], context=w.context())]

    def check(w, answers):
        assert how_many(answers, (FactorAdded, FactorRemoved)) == 1, answers
        assert len(record(w).factors.usable) in {1, 2}
        assert w.policy.mfa.suffices(record(w).factors, groups=frozenset())

    explore(lambda: with_replacements(0), flows, check)


def test_a_report_that_meets_a_removal_leaves_a_factor_that_guards():
    def flows(w):
        return [report(w, 0), w.engine.remove_factor(w.sessions[1], w.factors[1], context=w.context())]

    def check(w, answers):
        left = record(w).factors
        assert left.live
        if how_many(answers, FactorReported):
            assert left.factor(w.factors[0]).reported == "lost"
        if how_many(answers, FactorRemoved) and not how_many(answers, FactorReported):
            assert [one.id for one in left.usable] == [w.factors[0]]

    explore(twice_guarded, flows, check)


def by_password(w):
    """The session of a world an hour later, with the password proven anew."""
    w.clock.advance(hours=1)
    asked = w.calls.authorize(w.session, Action.REPORT_FACTOR, context=w.context())
    w.session = w.calls.reauthenticate(asked.ticket, PASSWORD, context=w.context()).session
    return w


@pytest.mark.parametrize("prepared", [lambda w: w, by_password], ids=["at full level", "by the password"])
def test_a_factor_that_is_reported_while_it_is_shown_gives_no_full_session_that_lasts(prepared):
    """The sign-in comes first, and is ended or re-levelled, or it comes to nothing."""

    def make():
        w = prepared(guarded())
        w.ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
        w.factors = [w.factor]
        return w

    def flows(w):
        return [w.engine.verify_factor(w.ticket, w.app.code(w.clock()), context=w.context()), report(w)]

    def check(w, answers):
        assert how_many(answers, FactorReported) == 1
        for session in record(w).sessions:
            assert session.level == 1, answers
            assert all(proof.method != "totp" for proof in session.proofs)

    explore(make, flows, check)


def test_a_remembered_browser_that_meets_a_report_is_let_in_before_it_or_not_at_all():
    def make():
        w = guarded(REMEMBERING)
        ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
        w.device = w.calls.verify_factor(ticket, w.app.code(w.clock()), remember=True, context=w.context()).device
        w.factors = [w.factor]
        return w

    def flows(w):
        return [
            w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=w.device)),
            w.engine.admin.report_factor("u1", w.factor, ReportReason.COMPROMISED, actor="ops"),
        ]

    def check(w, answers):
        assert isinstance(answers[1], Acted)
        assert isinstance(answers[0], SignedIn | FactorRequired | RecoveryRequired)
        assert not isinstance(answers[0], SignedIn) or not alive(w, answers[0].session) or not record(w).sessions
        assert not any(one.remembered for one in record(w).devices)
        again = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=w.device))
        assert isinstance(again, RecoveryRequired)  # the one factor there was is gone

    explore(make, flows, check)


# --- crashes ----------------------------------------------------------------------------------------------------------


def lost_and_found():
    w = twice_guarded()
    w.calls.report_factor(w.session, w.factors[0], ReportReason.LOST, context=w.context())
    ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    w.session = w.calls.verify_factor(ticket, w.other.code(w.clock()), context=w.context()).session
    w.deliver()
    return w


def replacing():
    w = with_replacements(0)
    w.deliver()
    return w


def remembering():
    w = guarded(REMEMBERING)
    w.ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    w.code = w.app.code(w.clock())
    return w


def told():
    w = a_user(evolve(RACING, mfa=MfaPolicy(required=True, grace=REMEMBERING.mfa.remember)))
    w.deliver()
    return w


CRASHES = {
    "a report": (
        twice_guarded,
        Operation(
            begin=report,
            happened=lambda w: bool(record(w).factors.factor(w.factors[0]).reported),
            means=FactorReported,
            events=(events.FactorInvalidated,),
            messages=(MessagePurpose.FACTOR_REPORTED,),
        ),
    ),
    "a report by the password": (
        lambda: by_password(twice_guarded()),
        Operation(
            begin=report,
            happened=lambda w: bool(record(w).factors.factor(w.factors[0]).reported),
            means=FactorReported,
            events=(events.FactorInvalidated,),
            messages=(MessagePurpose.FACTOR_REPORTED,),
        ),
    ),
    "a report of the service": (
        twice_guarded,
        Operation(
            begin=lambda w: w.engine.admin.report_factor("u1", w.factors[0], ReportReason.COMPROMISED, actor="ops"),
            happened=lambda w: bool(record(w).factors.factor(w.factors[0]).reported),
            means=Acted,
            events=(events.FactorInvalidated,),
            messages=(MessagePurpose.FACTOR_REPORTED,),
        ),
    ),
    "a factor that is found": (
        lost_and_found,
        Operation(
            begin=lambda w: w.engine.restore_factor(w.session, w.factors[0], context=w.context()),
            happened=lambda w: not record(w).factors.factor(w.factors[0]).reported,
            means=FactorRestored,
            events=(events.FactorRevived,),
            messages=(MessagePurpose.FACTOR_RESTORED,),
            once=False,
        ),
    ),
    "a replacement": (
        replacing,
        Operation(
            begin=confirm,
            happened=lambda w: sorted(one.name for one in record(w).factors) == ["new", "tablet"],
            means=FactorAdded,
            events=(events.FactorDropped,),
            messages=(MessagePurpose.FACTOR_REMOVED,),
            once=False,
        ),
    ),
    "a browser that is remembered": (
        remembering,
        Operation(
            begin=lambda w: w.engine.verify_factor(w.ticket, w.code, remember=True, context=w.context()),
            happened=lambda w: any(one.remembered for one in record(w).devices),
            means=SignedIn,
            once=False,
        ),
    ),
    "a day that is set": (
        told,
        Operation(
            begin=lambda w: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
            happened=lambda w: record(w).enroll_by is not None,
            means=SignedIn,
            events=(events.EnrollmentDemanded,),
            messages=(MessagePurpose.ENROLLMENT_DUE,),
        ),
    ),
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_at_any_store_call_leaves_the_state_before_or_after(name):
    make_world, operation = CRASHES[name]
    assert crash_everywhere(make_world, operation).schedules > 5
