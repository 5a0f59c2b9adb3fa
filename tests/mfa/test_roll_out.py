"""Rolling a factor out: a day that is set once, told by mail, and never moves away."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.harness import NEW, SHORT, exhibit, other_node, par
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    CurrentPassword,
    EnrollmentRequired,
    FactorRequired,
    Initial,
    MessagePurpose,
    MfaPolicy,
    PasswordChanged,
    PasswordPolicy,
    PasswordRejected,
    Refused,
    ResetLink,
    SignedIn,
    events,
)
from acctsec._codec import decode_record
from acctsec.keyring import frame
from acctsec.mfa.actions import Action, Rule
from acctsec.mfa.needs import PHISHING_RESISTANT
from acctsec.password.rules import Length
from acctsec.record import SKEW
from acctsec.testing import async_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

DAYS = timedelta(days=14)
LENIENT = evolve(SHORT, mfa=MfaPolicy(required=True, grace=DAYS))
PASSKEYS = evolve(SHORT, mfa=MfaPolicy(grace=DAYS, rules=(Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN),)))


@pytest.fixture(params=[pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES])
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    made = exhibit(place, policy=LENIENT)
    made.sign_up()
    return made


def record(w):
    store = getattr(w.store, "store", w.store)
    return decode_record(store.load(frame("subject", "", "u1"))[0])


def sign_in(w, engine=None):
    return (engine or w.engine).sign_in(IDENTIFIER, PASSWORD, context=w.context())


def test_the_first_sign_in_that_finds_it_out_sets_the_day_and_every_address_is_told(w):
    w.clock.advance(days=400)  # the time of who is not there does not run
    until = w.clock() + DAYS

    assert sign_in(w).factor_due == until

    w.deliver()
    assert [one.due for one in w.sink.of(events.EnrollmentDemanded)] == [until]
    (mail,) = w.messenger.of(MessagePurpose.ENROLLMENT_DUE)
    assert (mail.until, mail.link, mail.veto) == (until, None, None)


def test_the_day_comes_and_then_a_factor_is_set_up_first(w):
    until = sign_in(w).factor_due
    w.clock.advance(days=13)
    assert sign_in(w).factor_due == until
    w.clock.advance(days=1)
    due = sign_in(w)
    assert isinstance(due, EnrollmentRequired)
    _, _session = w.enroll(due.ticket)
    assert isinstance(sign_in(w), FactorRequired)
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.ENROLLMENT_DUE)) == 1


def test_parallel_sign_ins_on_two_nodes_set_one_day_and_send_one_mail(w, place):
    node = other_node(w, place)
    par(*(lambda engine=engine: sign_in(w, engine) for engine in (w.engine, node, w.engine, node)))
    w.deliver()
    assert len(w.sink.of(events.EnrollmentDemanded)) == len(w.messenger.of(MessagePurpose.ENROLLMENT_DUE)) == 1


def test_nothing_renews_the_day(w):
    """Neither a change of password nor a reset, no other rule and no longer time, no factor that came and went."""
    until = sign_in(w).factor_due
    w.clock.advance(days=2)
    changed = w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    assert isinstance(changed, PasswordChanged)
    assert record(w).enroll_by == until
    w.clock.advance(days=2)
    assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), PASSWORD + " again", context=w.context()), PasswordChanged)
    assert record(w).enroll_by == until
    w.restart(evolve(w.policy, mfa=MfaPolicy(required=True, grace=timedelta(days=60))))
    w.sign_in(password=PASSWORD + " again")
    assert record(w).enroll_by == until
    w.restart(evolve(w.policy, mfa=MfaPolicy(required_groups={"staff"}, grace=DAYS)))
    _app, session = w.enroll(w.sign_in(password=PASSWORD + " again").session)
    w.engine.remove_factor(session, w.engine.list_factors(session, context=w.context()).factors[0].id, context=w.context())
    w.restart(LENIENT)
    assert w.sign_in(password=PASSWORD + " again").factor_due == until
    w.clock.advance(days=60)
    due = w.engine.sign_in(IDENTIFIER, PASSWORD + " again", context=w.context())
    assert isinstance(due, EnrollmentRequired)


def test_less_time_brings_the_day_nearer_and_says_so(w):
    until = sign_in(w).factor_due
    w.restart(evolve(w.policy, mfa=MfaPolicy(required=True, grace=timedelta(days=3))))
    nearer = sign_in(w).factor_due
    assert nearer == w.clock() + timedelta(days=3) < until
    w.deliver()
    assert [one.due for one in w.sink.of(events.EnrollmentDemanded)] == [until, nearer]


def test_a_node_whose_clock_is_a_year_ahead_gives_nobody_a_year(w):
    w.clock.advance(days=365)
    ahead = sign_in(w).factor_due
    w.clock.advance(days=-365)
    assert sign_in(w).factor_due == w.clock() + DAYS < ahead
    w.clock.advance(days=14)
    assert isinstance(sign_in(w), EnrollmentRequired)


def test_a_clock_that_is_a_minute_ahead_changes_nothing(w):
    w.clock.advance(seconds=SKEW.total_seconds())
    until = sign_in(w).factor_due
    w.clock.advance(seconds=-SKEW.total_seconds())
    assert sign_in(w).factor_due == until


def test_who_has_an_app_and_needs_a_passkey_shows_the_app_until_the_day_and_after_it(place):
    w = exhibit(place)
    app, _, _ = w.guarded()
    w.restart(PASSKEYS)
    signed = w.fully(app)
    assert isinstance(signed, SignedIn)
    assert signed.factor_due is not None
    w.clock.advance(days=15)
    due = sign_in(w)
    assert isinstance(due, FactorRequired)
    after = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(after, EnrollmentRequired)
    assert w.engine.enroll_totp(due.ticket, context=w.context()) == Refused()


def test_who_never_had_to_is_not_told(place):
    w = exhibit(place, policy=evolve(SHORT, mfa=MfaPolicy(required_groups={"staff"}, grace=DAYS)))
    w.sign_up()
    assert sign_in(w).factor_due is None
    assert record(w).enroll_by is None


# --- the password is all there is -------------------------------------------------------------------------------------

SHORTER = PasswordPolicy(rules=(Length(),))
QUITE = "kelp ford 41"


@pytest.mark.parametrize(("grace", "accepted"), [(None, True), (DAYS, False)])
def test_while_the_password_is_all_there_is_it_may_not_be_the_shorter_one(grace, accepted):
    w = world(policy=evolve(CHEAPEST, password=SHORTER, mfa=MfaPolicy(required=True, grace=grace)))
    w.sign_up(password=None)
    outcome = w.engine.set_password("u1", QUITE, by=Initial(), context=w.context())
    assert isinstance(outcome, PasswordChanged if accepted else PasswordRejected), outcome


def test_a_shorter_password_from_before_the_roll_out_is_judged_anew():
    strict = MfaPolicy(required=True)
    w = world(policy=evolve(CHEAPEST, password=SHORTER, mfa=strict))
    w.sign_up(password=QUITE)
    w.restart(evolve(w.policy, mfa=evolve(strict, grace=DAYS)))
    assert record(w).accepted
    w.sign_in(password=QUITE)
    assert record(w).accepted == b""


# --- who lacks what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [world, async_world])
def test_a_survey_says_how_many_lack_what(make):
    w = make(policy=evolve(CHEAPEST, mfa=MfaPolicy(required_groups={"staff"}, grace=DAYS)))
    staff = frozenset({"staff"})
    for name in ("told", "untold", "late", "has"):
        w.sign_up(name, f"{name}@example.org", groups=frozenset() if name == "has" else staff)
    w.sign_up("member", "member@example.org")
    w.sign_up("gone", "gone@example.org", groups=staff)
    w.calls.admin.disable("gone", actor="ops")
    w.enroll(w.sign_in("has@example.org").session)
    w.directory.put(evolve(w.directory.get("", "has"), groups=staff))
    w.sign_in("late@example.org")
    w.clock.advance(days=10)
    w.sign_in("told@example.org")
    w.clock.advance(days=10)
    page = w.calls.admin.survey()
    assert (page.lacking, page.untold, page.overdue) == ((("second factor", 3),), 1, 1)
    w.restart(evolve(w.policy, mfa=PASSKEYS.mfa))  # before it is in force
    assert w.calls.admin.survey().lacking == (("phishing-resistant", 5),)
    w.close()


# --- any order --------------------------------------------------------------------------------------------------------

DEEDS = st.lists(
    st.tuples(st.sampled_from(["sign in", "reset", "shorter", "longer", "off", "ahead"]), st.integers(0, 9)), max_size=8
)


@given(DEEDS)
def test_whatever_happens_the_day_never_moves_away_by_the_right_clock(deeds):
    w = world(policy=evolve(CHEAPEST, mfa=LENIENT.mfa))
    w.sign_up()
    earliest = None
    for deed, days in deeds:
        w.clock.advance(days=days)
        match deed:
            case "reset":
                w.engine.redeem_reset(ResetLink(w.reset_link()), PASSWORD, context=w.context())
            case "shorter" | "longer" | "off":
                grace = {"shorter": timedelta(days=5), "longer": timedelta(days=30), "off": None}[deed]
                w.restart(evolve(w.policy, mfa=evolve(LENIENT.mfa, grace=grace)))
            case "ahead":
                w.clock.advance(days=1000)
                sign_in(w)
                w.clock.advance(days=-1000)
            case _:
                found = sign_in(w)
                grace = w.policy.mfa.grace
                if isinstance(found, SignedIn):
                    assert grace is not None
                    assert found.factor_due <= w.clock() + grace + SKEW
                    assert earliest is None or found.factor_due <= earliest
                    earliest = found.factor_due
                elif earliest is not None and grace is not None:
                    assert isinstance(found, EnrollmentRequired)
                    assert earliest <= w.clock()
