"""Rules that change: which passwords are judged again, and until when those may stay that are refused now."""

import sys
from datetime import datetime, timedelta

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.museum.harness import exhibit
from tests.places import STORES, USUAL

from acctsec import (
    AsyncEngine,
    ChangeTicket,
    ConfigError,
    CurrentPassword,
    EnrollmentRequired,
    FactorRequired,
    Initial,
    MfaPolicy,
    Objection,
    PasswordChanged,
    PasswordChangeRequired,
    Refused,
    ResetLink,
    SignedIn,
    TryAgain,
)
from acctsec.__main__ import main
from acctsec._codec import decode_record
from acctsec.errors import Overloaded
from acctsec.events import ChangeDemanded, ChangeWaived, PortFailed
from acctsec.keyring import frame
from acctsec.outcomes import ChangeReason, Surveyed
from acctsec.password import Length
from acctsec.presets import CHEAPEST
from acctsec.testing import assert_no_oracle, async_world, engine_operations, explore, race_world, world
from acctsec.testing.oracles import Kind
from acctsec.testing.turns import RACING
from acctsec.testing.world import IDENTIFIER, PASSWORD

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGER = f"{PASSWORD} beside the harbour"
GRACE = timedelta(days=30)


class Estimates:
    """An estimator that counts how often it is asked."""

    def __init__(self):
        self.made = 0

    def __call__(self, password, words=()):
        self.made += 1
        return 20.0


def needing(minimum, base=CHEAPEST, **fields):
    """A policy that wants so many characters, and nothing else."""
    rules = (Length(minimum=minimum, minimum_with_mfa=min(minimum, 8)),)
    return evolve(base, password=evolve(base.password, rules=rules, estimator=Estimates(), **fields))


LOOSE, STRICT, STRICTER = needing(10), needing(30), needing(40)


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def make(request):
    """Worlds on either face, whose user signed up under the first policy; closed at the end."""
    made = []

    def build(policy=LOOSE, **fields):
        made.append(request.param(policy=policy))
        made[-1].sign_up(**fields)
        return made[-1]

    yield build
    for one in made:
        one.close()


def sign_in(w, password=PASSWORD):
    return w.calls.sign_in(IDENTIFIER, password, context=w.context())


def record(w, subject="u1"):
    store = getattr(w.store, "_store", w.store)
    return decode_record(store.load(frame("subject", "", subject))[0])


def demands(w):
    w.deliver()
    return [(one.reason, one.due) for one in w.sink.of(ChangeDemanded)]


# --- what is known, and what it costs ---------------------------------------------------------------------------------


def test_a_record_knows_under_which_policy_its_password_was_set(make):
    w = make()
    assert record(w).accepted == LOOSE.password.identity
    assert w.calls.admin.export("u1").accepted_under == LOOSE.password.identity.hex()
    w.restart(STRICT)
    assert isinstance(w.calls.redeem_reset(ResetLink(w.reset_link()), LONGER, context=w.context()), PasswordChanged)
    assert record(w).accepted == STRICT.password.identity


def test_where_nothing_changed_a_sign_in_estimates_nothing(make):
    """Not the first, not after a restart, not where only what says nothing of passwords is another."""
    w = make()
    asked = LOOSE.password.estimator.made
    for policy in (LOOSE, evolve(LOOSE, password=evolve(LOOSE.password, history=3, grace=DAY)), needing(10)):
        w.restart(policy)
        assert isinstance(sign_in(w), SignedIn)
        assert policy.password.estimator.made == (asked if policy.password.estimator is LOOSE.password.estimator else 0)


def test_a_password_that_the_new_rules_accept_is_judged_once(make):
    w = make(password=LONGER)
    strict = needing(30)
    w.restart(strict)
    outcomes = [sign_in(w, LONGER) for _ in range(3)]
    assert [(type(one), one.password_due) for one in outcomes] == [(SignedIn, None)] * 3
    assert strict.password.estimator.made == 1
    assert record(w).accepted == strict.password.identity
    assert demands(w) == []


def test_a_wrong_password_and_a_disabled_account_are_never_judged(make):
    w = make()
    strict = needing(30)
    w.restart(strict)
    assert sign_in(w, "not the right otters 99") == Refused()
    w.calls.admin.disable("u1", actor="root")
    assert sign_in(w) == Refused()
    assert strict.password.estimator.made == 0


# --- a day that is set once -------------------------------------------------------------------------------------------


def test_a_password_that_the_new_rules_refuse_may_stay_until_a_day_that_is_told(make):
    w = make()
    w.restart(STRICT)
    day = w.clock() + GRACE

    assert sign_in(w).password_due == day
    held = w.calls.admin.export("u1")
    assert (held.change_required, held.change_by) == (True, day)
    w.clock.advance(GRACE - timedelta(microseconds=1))
    assert sign_in(w).password_due == day
    w.clock.advance(timedelta(microseconds=1))
    required = sign_in(w)
    assert isinstance(required, PasswordChangeRequired)
    assert required.reason is ChangeReason.POLICY
    assert demands(w) == [(ChangeReason.POLICY, day)]

    changed = w.calls.set_password("u1", LONGER, by=ChangeTicket(required.ticket), context=w.context())
    assert isinstance(changed, PasswordChanged)
    assert sign_in(w, LONGER).password_due is None
    assert (record(w).deadline, record(w).accepted) == (None, STRICT.password.identity)


def test_no_other_tightening_moves_the_day(make):
    w = make()
    w.restart(STRICT)
    day = sign_in(w).password_due
    for policy in (STRICTER, needing(40, grace=DAY), needing(40, grace=timedelta(days=300))):
        w.clock.advance(DAY)
        w.restart(policy)
        assert sign_in(w).password_due == day
    assert len(demands(w)) == 1


def test_rules_that_accept_it_again_take_the_demand_away(make):
    """Also once the day is over."""
    w = make()
    for later in (DAY, GRACE + DAY):
        w.restart(STRICT)
        sign_in(w)
        w.clock.advance(later)
        w.restart(LOOSE)
        outcome = sign_in(w)
        assert (type(outcome), outcome.password_due) == (SignedIn, None)
        assert record(w).deadline is None
    w.deliver()
    assert len(w.sink.of(ChangeWaived)) == 2
    assert [one[0] for one in demands(w)] == [ChangeReason.POLICY] * 2


def test_no_grace_asks_at_once_and_none_asks_nobody(make):
    w = make()
    w.restart(needing(30, grace=timedelta(0)))
    assert sign_in(w).reason is ChangeReason.POLICY
    w.restart(needing(30, grace=None))
    outcome = sign_in(w)  # the day that was set is asked for by nobody
    assert (type(outcome), outcome.password_due) == (SignedIn, None)

    w = make()
    w.restart(needing(30, grace=None))
    assert sign_in(w).password_due is None
    assert demands(w) == []
    assert record(w).accepted == LOOSE.password.identity  # it is counted as an older one


def test_the_demand_comes_after_the_factor(make):
    """Whoever has the password alone does not learn that it is refused."""
    w = make()
    app, _ = w.enroll(w.sign_in().session)
    rules = (Length(minimum=30, minimum_with_mfa=30),)
    w.restart(evolve(LOOSE, password=evolve(LOOSE.password, rules=rules, grace=timedelta(0))))
    asked = sign_in(w)
    assert isinstance(asked, FactorRequired)
    required = w.calls.verify_factor(asked.ticket, app.code(w.clock()), context=w.context())
    assert required.reason is ChangeReason.POLICY


def test_beside_a_factor_the_shorter_minimum_counts(make):
    w = make(password="nine otters")
    w.enroll(sign_in(w, "nine otters").session)
    w.restart(needing(15))
    assert isinstance(sign_in(w, "nine otters"), FactorRequired)
    assert record(w).accepted == needing(15).password.identity


def test_a_change_that_is_asked_for_some_day_waits_for_no_minimum_age(make):
    w = make(evolve(LOOSE, password=evolve(LOOSE.password, min_age=9 * DAY)))
    w.restart(needing(30, min_age=9 * DAY))
    sign_in(w)
    changed = w.calls.set_password("u1", LONGER, by=CurrentPassword(PASSWORD), context=w.context())
    assert isinstance(changed, PasswordChanged)


def test_an_imported_password_is_judged_at_its_first_sign_in(make):
    w = make(password=None)
    stored = CHEAPEST.hashing.hash(PASSWORD, salt=b"sixteen bytes ab")
    w.calls.admin.import_verifier("u1", stored, actor="mover")
    assert record(w).accepted == b""
    w.restart(STRICT)
    assert sign_in(w).password_due == w.clock() + GRACE


def test_a_record_of_before_is_judged_once_and_nobody_notices(make):
    w = make()
    forget(w)
    assert sign_in(w).password_due is None
    assert record(w).accepted == LOOSE.password.identity


def forget(w):
    """Let the record know of no policy, as one that an older release wrote."""
    from acctsec._codec import encode_record
    from acctsec._values import evolve as changed

    store = getattr(w.store, "_store", w.store)
    key = frame("subject", "", "u1")
    stored, version = store.load(key)
    store.commit(key, version, encode_record(changed(decode_record(stored), accepted=b"")), [], bytes(16))


@frozen
class Failing:
    """A rule that raises."""

    def judge(self, password, facts):
        raise RuntimeError


def test_a_rule_that_fails_stops_nobody_at_the_door(make):
    """It is observed, and asked again at the next sign-in."""
    w = make()
    w.restart(evolve(LOOSE, password=evolve(LOOSE.password, rules=(Length(), Failing()))))
    assert isinstance(sign_in(w), SignedIn)
    w.deliver()
    assert [event.port for _, event in w.sink.handed if isinstance(event, PortFailed)] == ["rules"]
    assert record(w).accepted == LOOSE.password.identity


def test_a_crowd_stops_nobody_either(make):
    w = make()
    w.restart(STRICT)
    ports, before = w.engine._flows.core.ports, w.engine._flows.core.ports.offload

    async def full(_):
        raise Overloaded(1.0)

    ports.offload = full
    assert isinstance(sign_in(w), SignedIn)
    assert record(w).deadline is None
    ports.offload = before
    assert sign_in(w).password_due == w.clock() + GRACE


def test_a_group_that_tightens_binds_its_members_alone(make):
    w = make(evolve(LOOSE, groups={"staff": STRICT.password}))
    assert sign_in(w).password_due is None
    w.directory.change("u1", groups=frozenset({"staff"}))
    assert sign_in(w).password_due == w.clock() + GRACE
    w.directory.change("u1", groups=frozenset())
    assert sign_in(w).password_due is None


@pytest.mark.parametrize("grace", [timedelta(seconds=-1), 30, "30 days", timedelta(days=9999)], ids=repr)
def test_a_grace_that_makes_no_sense_is_refused(grace):
    with pytest.raises(ConfigError, match="grace"):
        evolve(CHEAPEST.password, grace=grace)


@given(*[st.none() | st.timedeltas(min_value=timedelta(0), max_value=400 * DAY)] * 2)
def test_two_policies_together_leave_the_shorter_grace(one, other):
    both = evolve(CHEAPEST.password, grace=one) & evolve(CHEAPEST.password, grace=other)
    assert both.grace == min((each for each in (one, other) if each is not None), default=None)


# --- against a model --------------------------------------------------------------------------------------------------

LENGTHS = st.sampled_from((10, 22, 30, 44))
GRACES = st.sampled_from((None, timedelta(0), DAY, 10 * DAY))
DEEDS = st.one_of(
    st.tuples(st.just("rules"), LENGTHS, GRACES),
    st.tuples(st.just("sign in"), st.just(None), st.just(None)),
    st.tuples(st.just("wait"), st.sampled_from((HOUR, DAY, 9 * DAY)), st.just(None)),
    st.tuples(st.just("demand"), st.none() | st.sampled_from((HOUR, 3 * DAY)), st.just(None)),
    st.tuples(st.just("change"), LENGTHS, st.just(None)),
)


class Model:
    """One password, the rules of today, and what is demanded: the days as numbers that only their own causes move."""

    def __init__(self, now):
        self.length, self.accepted, self.deadline = 22, 10, None
        self.minimum, self.grace = 10, GRACE
        self.change, self.change_by = False, None
        self.now = now

    def demand(self, by):
        if not self.change or (self.change_by and (by is None or by < self.change_by)):
            self.change, self.change_by = True, by

    def sign_in(self):
        at_once = self.change and (self.change_by is None or self.change_by <= self.now)
        if not at_once:
            if self.length >= self.minimum:
                self.accepted, self.deadline = self.minimum, None
            elif self.grace is not None and self.deadline is None:
                self.deadline = self.now + self.grace
        return self.due()

    def due(self):
        if self.change and (self.change_by is None or self.change_by <= self.now):
            return ChangeReason.REQUIRED_BY_ADMINISTRATOR
        deadline = None if self.grace is None else self.deadline
        if deadline and deadline <= self.now:
            return ChangeReason.POLICY
        return min((day for day in (self.change_by if self.change else None, deadline) if day), default=None)


def of_length(number, length):
    return f"{number:04d} otters".ljust(length, "x")


@settings(max_examples=150, deadline=None)
@given(st.lists(DEEDS, max_size=14))
def test_what_is_due_and_when_is_what_the_model_says(deeds):
    w = world(policy=LOOSE)
    password = of_length(0, 22)
    w.sign_up(password=password)
    model = Model(w.clock())
    for number, (deed, first, second) in enumerate(deeds, 1):
        model.now = w.clock()
        if deed == "rules":
            w.restart(needing(first, grace=second))
            model.minimum, model.grace = first, second
        elif deed == "wait":
            w.clock.advance(first)
        elif deed == "demand":
            by = None if first is None else w.clock() + first
            w.calls.admin.require_password_change("u1", actor="root", by=by)
            model.demand(by)
        elif deed == "change":
            new = of_length(number, first)
            outcome = w.calls.set_password("u1", new, by=CurrentPassword(password), context=w.context())
            assert isinstance(outcome, PasswordChanged) == (first >= model.minimum), outcome
            if isinstance(outcome, PasswordChanged):
                password, model.length, model.accepted = new, first, model.minimum
                model.change, model.change_by, model.deadline = False, None, None
        else:
            outcome, wanted = sign_in(w, password), model.sign_in()
            told = outcome.reason if isinstance(outcome, PasswordChangeRequired) else outcome.password_due
            assert told == wanted, (number, deeds)
            held = record(w)
            assert (held.deadline, held.change_by) == (model.deadline, model.change_by)
            assert held.accepted == needing(model.accepted).password.identity


# --- on every store, in every order, for nobody to see ----------------------------------------------------------------

EACH = [pytest.param(kind, marks=() if kind in USUAL else pytest.mark.deep) for kind in STORES]


@pytest.mark.parametrize("kind", EACH)
def test_every_store_keeps_the_day_and_counts_who_holds_an_older_password(kind, places):
    """Five people, three of whom sign in after the rules were tightened: one passes, one has a day, one changes his."""
    w = exhibit(places.fresh(kind), policy=LOOSE)
    for number in range(5):
        w.sign_up(f"u{number}", f"u{number}@example.org", LONGER if number == 0 else PASSWORD)
    w.sign_up("u5", "u5@example.org", None)
    assert surveyed(w.calls) == (5, 0, 0, {LOOSE.password.identity.hex(): 5})

    w.restart(STRICT)
    for number, password in ((0, LONGER), (1, PASSWORD), (2, PASSWORD)):
        assert isinstance(w.calls.sign_in(f"u{number}@example.org", password, context=w.context()), SignedIn)
    w.calls.set_password("u2", LONGER, by=CurrentPassword(PASSWORD), context=w.context())
    names = {LOOSE.password.identity.hex(): 3, STRICT.password.identity.hex(): 2}
    assert surveyed(w.calls) == (5, 3, 1, names)

    w.restart(STRICT)  # as another process finds it
    w.clock.advance(GRACE)
    due = w.calls.sign_in("u1@example.org", PASSWORD, context=w.context())
    assert due.reason is ChangeReason.POLICY
    assert surveyed(w.calls, limit=100) == (5, 3, 1, names)


def surveyed(calls, limit=2):
    """What all pages of a survey come to."""
    pages, after = [], b""
    while after is not None:
        pages.append(calls.admin.survey(after, limit=limit))
        after = pages[-1].after
    assert all(isinstance(page, Surveyed) and page.damaged == () for page in pages)
    counted = {}
    for name, number in (one for page in pages for one in page.policies):
        counted[name] = counted.get(name, 0) + number
    return *(sum(getattr(page, name) for page in pages) for name in ("passwords", "older", "demanded")), counted


def test_both_faces_count_and_a_survey_writes_nothing(make):
    w = make()
    before = record(w)
    w.restart(STRICT)
    assert surveyed(w.calls) == (1, 1, 0, {LOOSE.password.identity.hex(): 1})
    assert record(w) == before


@pytest.mark.parametrize(("after", "limit"), [("", 1), (b"", 0), (b"", True), (None, 5)])
def test_there_is_no_survey_of_such_a_page(make, after, limit):
    w = make()
    with pytest.raises(ConfigError, match="page"):
        w.calls.admin.survey(after, limit=limit)


def test_a_survey_names_what_cannot_be_read():
    w = world(policy=LOOSE)
    w.sign_up()
    w.store.commit(frame("subject", "shop", "u9"), None, b"\x03rubbish", [], bytes(16))
    page = w.calls.admin.survey()
    assert (page.passwords, page.damaged) == (1, (("shop", "u9"),))


def test_in_every_order_the_day_is_set_once_and_never_for_the_next_password():
    """Two sign-ins with the old password meet each other and a change of it."""

    def made():
        w = race_world(policy=needing(10, RACING))
        w.sign_up()
        w.restart(needing(30, RACING))
        return w

    def begin(w):
        here = w.context()
        return [
            w.engine.sign_in(IDENTIFIER, PASSWORD, context=here),
            w.engine.set_password("u1", LONGER, by=CurrentPassword(PASSWORD), context=here),
        ]

    def check(w, answers):
        entered, changed = answers
        w.deliver()
        assert len(w.sink.of(ChangeDemanded)) <= 1
        if isinstance(changed, PasswordChanged):
            assert w.calls.admin.export("u1").change_by is None
        assert isinstance(entered, SignedIn | Refused | TryAgain)

    assert explore(made, begin, check, limit=20_000).schedules > 1


def grown_weak(place):
    """Of whom older rules took the password: it is refused now, and a day is set."""
    place.sign_up()
    w, policy = place.world, place.world.policy
    w.restart(evolve(policy, password=evolve(policy.password, rules=(Length(minimum=60),), grace=DAY)))
    w.calls.sign_in(place.identifier, place.password, context=w.context("203.0.113.77"))
    w.restart(policy)


def with_a_day(place):
    place.sign_up()
    place.world.calls.admin.require_password_change(place.subject, actor="kit", by=place.world.clock() + DAY)


def test_no_outsider_can_tell_who_has_to_change_some_day():
    kinds = [
        Kind(name="has a password that the rules refuse", make=grown_weak),
        Kind(name="has to change its password some day", make=with_a_day),
    ]
    assert_no_oracle(lambda: world(policy=CHEAPEST), kinds=kinds, operations=only_sign_in)


def only_sign_in(w):
    return {"sign_in": engine_operations(w)["sign_in"]}


# --- a day that an administrator sets ---------------------------------------------------------------------------------


def demand(w, by=None):
    return w.calls.admin.require_password_change("u1", actor="root", by=by)


def test_a_demand_with_a_day_binds_from_that_day_on(make):
    w = make()
    day = w.clock() + 2 * DAY
    demand(w, day)
    assert sign_in(w).password_due == day
    assert w.calls.admin.export("u1").change_by == day
    w.clock.advance(2 * DAY)
    assert sign_in(w).reason is ChangeReason.REQUIRED_BY_ADMINISTRATOR


def test_a_demand_is_brought_forward_and_never_put_off(make):
    w = make()
    now = w.clock()
    for by in (now + 5 * DAY, now + 9 * DAY, now + 2 * DAY, now + 2 * DAY, None, now + DAY, None):
        demand(w, by)
    assert isinstance(sign_in(w), PasswordChangeRequired)
    assert demands(w) == [(ChangeReason.REQUIRED_BY_ADMINISTRATOR, one) for one in (now + 5 * DAY, now + 2 * DAY, None)]


def test_a_leak_binds_at_once_whatever_day_an_administrator_gave(make):
    class Leaked:
        def count(self, _):
            return 7

    w = make(CHEAPEST)
    demand(w, w.clock() + 5 * DAY)
    w.corpus = Leaked()
    w.restart()
    assert sign_in(w).reason is ChangeReason.BREACHED
    demand(w, w.clock() + DAY)
    assert sign_in(w).reason is ChangeReason.BREACHED


def test_who_has_a_day_left_may_set_up_the_factor_that_is_asked_for(make):
    w = make()
    demand(w, w.clock() + 5 * DAY)
    w.restart(evolve(LOOSE, mfa=MfaPolicy(required=True)))
    asked = sign_in(w)
    assert isinstance(asked, EnrollmentRequired)
    w.enroll(asked.ticket)


@pytest.mark.parametrize("by", [datetime(2030, 1, 1), "2030-01-01", 5, timedelta(days=1), True], ids=repr)
def test_a_day_without_a_zone_is_none(make, by):
    w = make()
    with pytest.raises(ConfigError, match="by"):
        demand(w, by)


def test_who_has_no_password_has_none_to_change(make):
    w = make(password=None)
    demand(w, w.clock())
    assert isinstance(w.calls.set_password("u1", PASSWORD, by=Initial(), context=w.context()), PasswordChanged)
    assert isinstance(sign_in(w), SignedIn)


def test_no_rule_of_ones_own_is_told_who_it_judges():
    """A rule gets the password and facts, at a sign-in as at a change."""
    seen = []

    @frozen
    class Looking:
        def judge(self, password, facts):
            seen.append((password, facts.breach_count, facts.mfa))
            return (Objection("no"),)

    w = world(policy=LOOSE)
    w.sign_up()
    w.restart(evolve(LOOSE, password=evolve(LOOSE.password, rules=(Length(minimum=10), Looking()))))
    assert w.sign_in().password_due == w.clock() + GRACE
    assert seen == [(PASSWORD, None, False)]


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_counts_on_either_face(make, monkeypatch, capsys):
    w = make()
    w.sign_up("u2", "b@example.org", LONGER)
    w.restart(STRICT)
    w.calls.sign_in("b@example.org", LONGER, context=w.context())
    monkeypatch.setitem(sys.modules, "shop", type("module", (), {"engine": w.engine, "make": staticmethod(lambda: w.engine)}))

    surveying = ["survey", "--engine", "shop:make"]
    if isinstance(w.engine, AsyncEngine):
        monkeypatch.setattr("asyncio.run", w._run)
    assert main(surveying) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{STRICT.password.identity.hex()}, the rules of today 1" in said
    assert f"{LOOSE.password.identity.hex()} 1" in said
    assert "Of 2 passwords 1 were accepted under other rules" in said
    assert "0 have to be changed" in said


def test_the_command_says_what_it_cannot_read(monkeypatch, capsys):
    w = world(policy=LOOSE)
    w.sign_up()
    forget(w)
    w.store.commit(frame("subject", "", "u9"), None, b"\x03rubbish", [], bytes(16))
    monkeypatch.setitem(sys.modules, "shop", type("module", (), {"engine": w.engine}))
    assert main(["survey", "--engine", "shop:engine"]) == 1
    said = capsys.readouterr()
    assert "1 records cannot be read" in said.err
    assert "none: imported, or of an older release" in said.out
