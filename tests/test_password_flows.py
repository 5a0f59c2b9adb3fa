"""What a policy says of passwords that are set already: leaks found at sign-in, age, history."""

import asyncio
import time
import unicodedata
from datetime import timedelta
from threading import Event, Semaphore

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec import (
    Admin,
    ChangeTicket,
    ConfigError,
    CurrentPassword,
    FactorRequired,
    FreshSession,
    PasswordAccepted,
    PasswordChanged,
    PasswordChangeRequired,
    PasswordPolicy,
    PasswordRejected,
    Refused,
    ResetLink,
    ResetPolicy,
    SignedIn,
    TryAgain,
)
from acctsec._blocking import Threads, run
from acctsec.engine._async_face import Tasks
from acctsec.errors import Overloaded
from acctsec.events import ChangeDemanded, PortFailed
from acctsec.outcomes import ChangeReason
from acctsec.password import Age, AtSignIn, Breached, Length
from acctsec.presets import CHEAPEST
from acctsec.testing.world import IDENTIFIER, PASSWORD, async_world, world

NEW = "nine loud badgers 7712"
DAY = timedelta(days=1)
KNOWING = evolve(CHEAPEST, reset=ResetPolicy(passwords_by_administrators=True))
"""The cheapest policy with every path to a password there is."""


class Leaks:
    """A corpus that learns, and what it was asked."""

    def __init__(self, answer=0):
        self.answer = answer
        self.asked = []

    def count(self, password):
        self.asked.append(password)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def make(request):
    """Worlds on either face, closed at the end."""
    made = []

    def build(**fields):
        made.append(request.param(policy=evolve(KNOWING, password=policy_of(**fields)), corpus=Leaks()))
        made[-1].sign_up()
        made[-1].corpus.asked.clear()
        return made[-1]

    yield build
    for one in made:
        one.close()


def policy_of(**fields):
    return evolve(CHEAPEST.password, **fields)


def sign_in(w, password=PASSWORD, **facts):
    return w.calls.sign_in(IDENTIFIER, password, context=w.context(**facts))


def change(w, by, new=NEW):
    return w.calls.set_password("u1", new, by=by, context=w.context())


# --- leaks at sign-in -------------------------------------------------------------------------------------------------


def test_a_password_that_leaked_since_it_was_set_must_change_before_a_session(make):
    """The demand is in the record, so it holds whatever the corpus says next; the new password ends it."""
    w = make()
    session = w.sign_in().session
    w.corpus.answer = 3

    required = sign_in(w)
    assert isinstance(required, PasswordChangeRequired)
    assert required.reason is ChangeReason.BREACHED
    w.corpus.answer = 0
    again = sign_in(w)
    assert again.reason is ChangeReason.BREACHED
    assert w.corpus.asked == [PASSWORD, PASSWORD]  # the third time it is known
    assert isinstance(change(w, ChangeTicket(again.ticket)), PasswordChanged)
    assert isinstance(sign_in(w, NEW), SignedIn)
    w.deliver()
    assert [(one.reason, one.actor) for one in w.sink.of(ChangeDemanded)] == [(ChangeReason.BREACHED, "")]
    assert type(w.calls.check_session(session, context=w.context())).__name__ == "SessionEnded"


def test_the_new_password_must_not_have_leaked_either(make):
    w = make()
    w.corpus.answer = 3
    ticket = sign_in(w).ticket

    rejected = change(w, ChangeTicket(ticket))

    assert [one.code for one in rejected.objections] == ["breached"]


def test_a_factor_comes_before_the_demand(make):
    """Who has the password alone does not learn that it leaked, and the ticket of the change says that both were proven."""
    w = make()
    app, _ = w.enroll(w.sign_in().session)
    w.corpus.answer = 1

    required = sign_in(w)
    assert isinstance(required, FactorRequired)
    after = w.calls.verify_factor(required.ticket, app.code(w.clock()), context=w.context())

    assert isinstance(after, PasswordChangeRequired)
    assert after.reason is ChangeReason.BREACHED
    assert isinstance(change(w, ChangeTicket(after.ticket)), Refused | PasswordRejected)  # the corpus says 1 of every password
    w.corpus.answer = 0
    assert isinstance(change(w, ChangeTicket(after.ticket)), PasswordChanged)


def test_only_a_right_password_is_looked_up(make):
    """Nothing of a wrong one, of nobody's, of a disabled account or in a closed lane ever reaches the corpus."""
    w = make()
    sign_in(w, "not the right otters 99")
    w.calls.sign_in("nobody@example.org", PASSWORD, context=w.context())
    w.directory.change("u1", status="disabled")
    sign_in(w)
    w.directory.change("u1", status="active")
    for number in range(60):
        sign_in(w, f"wrong otters number {number}", address=f"198.51.100.{number}")
        w.clock.advance(hours=1)
    assert sign_in(w) == Refused()  # right, and the lane is closed

    assert w.corpus.asked == []


@pytest.mark.parametrize("answer", [TimeoutError("slow"), -1, True, "3", None], ids=repr)
def test_a_corpus_that_cannot_tell_stops_nobody_at_the_door(make, answer):
    w = make()
    w.corpus.answer = answer

    assert isinstance(sign_in(w), SignedIn)
    w.deliver()
    assert [event.port for _, event in w.sink.handed if isinstance(event, PortFailed)] == ["corpus"]


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"at_sign_in": AtSignIn.OFF}, 0),
        ({"rules": (Length(),)}, 0),
        ({"rules": (Length(), Breached(minimum_count=4))}, 1),
        ({"rules": (Length(),), "also": (PasswordPolicy(rules=(Length(), Breached(minimum_count=4))),)}, 1),
    ],
    ids=["off", "no rule", "a threshold", "a threshold of a part"],
)
def test_the_policy_says_whether_it_is_asked_and_how_often_is_too_often(make, fields, asked):
    w = make(**fields)
    w.corpus.answer = 3
    assert isinstance(sign_in(w), SignedIn)
    assert len(w.corpus.asked) == asked
    w.corpus.answer = 4
    assert isinstance(sign_in(w), PasswordChangeRequired if asked else SignedIn)


def test_what_is_found_of_a_password_that_was_changed_meanwhile_is_not_held_against_the_new_one():
    """The corpus takes its time; a reset goes through; the old password is refused and the new one is free."""
    w = world(policy=CHEAPEST)
    w.sign_up()
    link = w.reset_link()

    class Slow(Leaks):
        def count(self, password):
            if password != PASSWORD or self.asked:
                return 0
            self.asked.append(password)
            assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)
            return 9

    w.corpus = Slow()
    w.restart()
    assert sign_in(w) == Refused()
    assert isinstance(sign_in(w, NEW), SignedIn)
    w.deliver()
    assert w.sink.of(ChangeDemanded) == []


class Postponed:
    """What was to be done later, and is done when the test says so."""

    def __init__(self, w, *, room=True):
        self.works, self.room = [], room
        w.engine._flows.core.ports.later = self

    def __call__(self, begin):
        self.works.append(begin)
        return self.room

    def run(self):
        while self.works:
            run(self.works.pop(0)())


def later_world(**fields):
    w = world(policy=evolve(CHEAPEST, password=policy_of(at_sign_in=AtSignIn.LATER, **fields)), corpus=Leaks())
    w.sign_up()
    w.corpus.asked.clear()
    w.corpus.answer = 1
    return w, Postponed(w)


def test_a_look_up_for_later_changes_nothing_about_this_sign_in_and_everything_about_the_next():
    w, later = later_world()

    session = w.sign_in().session
    assert w.corpus.asked == []
    later.run()

    assert w.corpus.asked == [PASSWORD]
    assert type(w.engine.check_session(session, context=w.context())).__name__ == "SessionValid"
    assert sign_in(w).reason is ChangeReason.BREACHED
    assert later.works == []  # known already
    w.deliver()
    assert [one.reason for one in w.sink.of(ChangeDemanded)] == [ChangeReason.BREACHED]


@pytest.mark.parametrize("meanwhile", ["changed", "erased", "demanded", "found twice"])
def test_what_is_found_later_binds_the_password_it_was_found_of(meanwhile):
    w, later = later_world()
    w.sign_in()
    w.sign_in()
    w.corpus.answer = 0
    match meanwhile:
        case "changed":
            assert isinstance(change(w, CurrentPassword(PASSWORD)), PasswordChanged)
        case "erased":
            w.engine.admin.erase("u1", actor="ops")
            w.sign_up(password=NEW)
        case "demanded":
            w.engine.admin.require_password_change("u1", actor="ops")
    w.corpus.answer = 1
    later.run()
    w.corpus.answer = 0

    w.deliver()
    demands = [one.reason for one in w.sink.of(ChangeDemanded)]
    wanted = {"demanded": [ChangeReason.REQUIRED_BY_ADMINISTRATOR], "found twice": [ChangeReason.BREACHED]}
    assert demands == wanted.get(meanwhile, [])
    assert isinstance(sign_in(w, NEW), SignedIn) is (meanwhile in {"changed", "erased"})


def test_wrong_passwords_are_not_looked_up_later_either():
    w, later = later_world()
    sign_in(w, "not the right otters 99")
    w.calls.sign_in("nobody@example.org", PASSWORD, context=w.context())

    assert later.works == []


@pytest.mark.parametrize("trouble", ["no room", "no corpus", "no store"])
def test_a_look_up_that_is_lost_is_observed_and_comes_again_with_the_next_sign_in(trouble):
    w, later = later_world()
    later.room = trouble != "no room"
    w.sign_in()
    records = w.engine._flows.core.ports.records
    match trouble:
        case "no room":
            later.works.clear()
        case "no corpus":
            w.corpus.answer = TimeoutError("slow")
        case "no store":
            w.engine._flows.core.ports.records = None
    later.run()
    w.engine._flows.core.ports.records = records
    w.corpus.answer, later.room = 1, True

    w.sign_in()
    later.run()
    assert sign_in(w).reason is ChangeReason.BREACHED
    w.deliver()
    assert [event.port for _, event in w.sink.handed if isinstance(event, PortFailed)] == ["corpus"]


def test_nothing_of_the_password_is_at_rest_meanwhile():
    w, later = later_world()
    w.sign_in()

    store = w.store
    kept = repr((store._records, store._outbox, store._rows)).encode()
    assert later.works
    assert PASSWORD.encode() not in kept


def test_the_blocking_face_looks_up_on_threads_and_has_a_bound():
    """Nine at once: eight are under way, one is told that there is no room; when they end, there is room again."""
    gate, begun = Event(), Semaphore(0)
    threads = Threads()

    async def work():
        begun.release()
        gate.wait(30)

    assert [threads(work) for _ in range(9)] == [True] * 8 + [False]
    for _ in range(8):
        begun.acquire(timeout=30)
    running = list(threads._running)
    gate.set()
    for thread in running:
        thread.join(30)
    assert threads(work)


def test_the_async_face_looks_up_in_tasks_and_has_a_bound():
    tasks = Tasks()

    async def play():
        gate = asyncio.Event()

        async def work():
            await gate.wait()

        begun = [tasks(work) for _ in range(Tasks.MOST + 1)]
        running = list(tasks._running)
        gate.set()
        await asyncio.gather(*running)
        await asyncio.sleep(0)
        return begun, tasks(work)

    assert asyncio.run(play()) == ([True] * Tasks.MOST + [False], True)


def test_both_faces_find_a_leak_by_themselves(make):
    """From the sign-in to the demand, with nobody helping."""
    w = make(at_sign_in=AtSignIn.LATER)
    w.corpus.answer = 1
    w.sign_in()

    for _ in range(2000):
        if isinstance(outcome := sign_in(w), PasswordChangeRequired):
            break
        time.sleep(0.005)
    assert outcome.reason is ChangeReason.BREACHED


# --- age --------------------------------------------------------------------------------------------------------------


def test_a_password_of_age_must_change_where_the_policy_forces_it(make):
    """One microsecond before, it signs in and says when; from then on it changes first, and starts anew."""
    w = make(max_age=90 * DAY, on_age=Age.FORCE)
    born = w.clock()
    w.clock.advance(90 * DAY - timedelta(microseconds=1))
    assert sign_in(w).password_due == born + 90 * DAY
    w.clock.advance(timedelta(microseconds=1))

    required = sign_in(w)
    assert required.reason is ChangeReason.AGE
    assert isinstance(change(w, ChangeTicket(required.ticket)), PasswordChanged)
    assert sign_in(w, NEW).password_due == w.clock() + 90 * DAY


def test_age_is_judged_by_the_policy_in_force(make):
    """Nothing of it is written down: a policy that asks for no changes any more demands none."""
    w = make(max_age=90 * DAY, on_age=Age.FORCE)
    w.clock.advance(100 * DAY)
    ticket = sign_in(w).ticket

    w.restart(evolve(CHEAPEST, password=policy_of()))

    assert change(w, ChangeTicket(ticket)) == Refused()
    assert sign_in(w).password_due is None


def test_a_password_of_age_and_a_factor(make):
    w = make(max_age=90 * DAY, on_age=Age.FORCE)
    app, _ = w.enroll(w.sign_in().session)
    w.clock.advance(90 * DAY)

    required = w.calls.verify_factor(sign_in(w).ticket, app.code(w.clock()), context=w.context())

    assert required.reason is ChangeReason.AGE
    assert isinstance(change(w, ChangeTicket(required.ticket)), PasswordChanged)


def test_where_the_policy_prompts_everybody_gets_in_and_is_told(make):
    w = make(max_age=90 * DAY, on_age=Age.PROMPT)
    born = w.clock()
    w.clock.advance(400 * DAY)

    assert sign_in(w).password_due == born + 90 * DAY


VOLUNTARY = {
    "current password": lambda w: CurrentPassword(PASSWORD),
    "fresh session": lambda w: FreshSession(w.sign_in().session),
}


@pytest.mark.parametrize("by", VOLUNTARY.values(), ids=VOLUNTARY)
def test_nobody_changes_without_cause_before_the_minimum_age(make, by):
    w = make(min_age=DAY)
    w.clock.advance(hours=23)
    assert change(w, by(w)) == TryAgain(timedelta(hours=1))
    w.clock.advance(hours=1)
    assert isinstance(change(w, by(w)), PasswordChanged)


def test_a_wrong_current_password_is_not_told_of_the_minimum_age(make):
    """How old somebody's password is, is nobody else's business."""
    w = make(min_age=DAY)

    assert change(w, CurrentPassword("not the right otters 99")) == Refused()


def test_a_cause_never_waits(make):
    """A reset, an administrator, a demanded change, by its ticket or beside it; and a clock that was days ahead."""
    w = make(min_age=DAY)
    assert isinstance(change(w, Admin("ops")), PasswordChanged)
    ticket = sign_in(w, NEW).ticket
    assert isinstance(change(w, ChangeTicket(ticket), PASSWORD), PasswordChanged)
    w.calls.admin.require_password_change("u1", actor="ops")
    assert isinstance(change(w, CurrentPassword(PASSWORD)), PasswordChanged)
    assert isinstance(w.calls.redeem_reset(ResetLink(w.reset_link()), PASSWORD, context=w.context()), PasswordChanged)
    w.clock.advance(days=-9)
    assert isinstance(change(w, CurrentPassword(PASSWORD)), PasswordChanged)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_age": 90 * DAY},
        {"on_age": Age.FORCE},
        {"max_age": timedelta(hours=1), "on_age": Age.PROMPT},
        {"max_age": 90, "on_age": Age.PROMPT},
        {"max_age": 2 * DAY, "on_age": Age.PROMPT, "min_age": 2 * DAY},
        {"min_age": -DAY},
        {"min_age": None},
        {"on_age": "force", "max_age": 90 * DAY},
        {"at_sign_in": True},
    ],
    ids=repr,
)
def test_ages_that_make_no_sense_are_refused_at_construction(fields):
    with pytest.raises(ConfigError):
        PasswordPolicy(**fields)


AGES = st.one_of(
    st.just({}),
    st.builds(
        lambda days, on, least: {"max_age": days * DAY, "on_age": on, "min_age": min(least, days - 1) * DAY},
        st.integers(1, 400),
        st.sampled_from((Age.PROMPT, Age.FORCE)),
        st.integers(0, 10),
    ),
)
POLICIES = st.builds(
    lambda ages, history, asked: PasswordPolicy(history=history, at_sign_in=asked, **ages),
    AGES,
    st.integers(0, 24),
    st.sampled_from(AtSignIn),
)


@given(POLICIES, POLICIES)
def test_two_policies_together_are_as_strict_as_either(one, other):
    """Sooner due, sterner then, a longer minimum age, more history, and looked up where either looks."""
    both = one & other

    for part in (one, other):
        assert part.max_age is None or both.max_age <= part.max_age
        assert list(Age).index(both.on_age) >= list(Age).index(part.on_age)
        assert both.min_age >= part.min_age
        assert both.history >= part.history
        assert both.looks_up_at_sign_in >= part.looks_up_at_sign_in
    assert (both.max_age, both.on_age, both.min_age) == ((other & one).max_age, (other & one).on_age, (other & one).min_age)


# --- history ----------------------------------------------------------------------------------------------------------

WORDS = [f"crème brûlée {word} 418 otters" for word in ("amber", "birch", "cedar", "dune", "elm")]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("current password", "session", "reset", "administrator", "ticket")),
        st.integers(0, len(WORDS) - 1),
        st.sampled_from(("NFC", "NFD")),
        st.integers(0, 4),  # what the history is from here on
        st.booleans(),  # whether another policy beside it asks for that much, or this one does
        st.sampled_from((timedelta(minutes=10), timedelta(hours=30))),  # three reset mails go out in 25 minutes
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_may_not_come_back_is_what_the_model_says_on_every_path(steps):
    """
    The model: the current password, the last N, and whatever was in use within a day, as far as each is still remembered.

    N goes up and down between changes. What a smaller N let go of is gone, what it kept is judged by the larger one.
    """
    w = world(policy=KNOWING)
    w.sign_up(password=WORDS[0])
    current_by, since = "himself", w.clock()
    current, past = WORDS[0], []  # of what came before: the password, and when it was given up
    for chosen, number, form, keep, beside, pause in steps:
        w.clock.advance(pause)
        # What an administrator set a day ago lets nobody in any more.
        lapsed = current_by == "administrator" and w.clock() - since > DAY
        path = "reset" if lapsed and chosen != "administrator" else chosen
        w.restart(evolve(KNOWING, password=remembering(keep, beside=beside)))
        now, new = w.clock(), WORDS[number]
        barred = [one for place, (one, ended) in enumerate(past) if keep and (place < keep or now < ended + DAY)]
        outcome = by_path(w, path, current, unicodedata.normalize(form, new))
        if new in (current, *barred):
            assert [one.code for one in outcome.objections] == ["reused"], (path, new)
            continue
        assert isinstance(outcome, PasswordChanged), (path, new, outcome)
        past = [(current, now), *past]
        past = [one for place, one in enumerate(past) if keep and (place < keep or now < one[1] + DAY)]
        current, current_by, since = new, path, now


@pytest.mark.parametrize("by_link", [False, True])
def test_where_no_new_hash_can_be_made_nobody_asks_whether_a_password_is_in_use(by_link):
    """Asking is given back where the change goes through; what failed after it would be a question that nothing counts."""
    w = world(policy=CHEAPEST)
    w.sign_up()
    session, link = w.sign_in().session, w.reset_link()
    hashes = w.engine._flows.core.hashes

    async def full(*_):
        raise Overloaded(1.0)

    hashes.hashed = full
    w.comparisons.clear()
    for new in (PASSWORD, NEW):
        if by_link:
            outcome = w.calls.redeem_reset(ResetLink(link), new, context=w.context())
        else:
            outcome = w.calls.set_password("u1", new, by=FreshSession(session), context=w.context())
        assert isinstance(outcome, TryAgain)
    assert w.comparisons.all == []


def remembering(keep, *, beside):
    """A policy that remembers so many, by itself or for the sake of another that it has to agree with."""
    policy = CHEAPEST.password
    return policy & evolve(policy, history=keep) if beside else evolve(policy, history=keep)


def by_path(w, path, current, new):
    """Change a password on one of the paths there are."""
    here = w.context()
    if path == "current password":
        return w.engine.set_password("u1", new, by=CurrentPassword(current), context=here)
    if path == "administrator":
        return w.engine.set_password("u1", new, by=Admin("ops"), context=here)
    if path == "reset":
        return w.engine.redeem_reset(ResetLink(w.reset_link()), new, context=here)
    if path == "ticket":
        w.engine.admin.require_password_change("u1", actor="ops")
    entered = w.engine.sign_in(IDENTIFIER, current, context=here)
    by = ChangeTicket(entered.ticket) if isinstance(entered, PasswordChangeRequired) else FreshSession(entered.session)
    return w.engine.set_password("u1", new, by=by, context=here)


# --- groups and tenants -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["current password", "administrator", "session", "reset", "ticket"])
def test_every_path_holds_the_subject_to_the_policy_of_its_groups(path):
    """Staff need forty characters and remember one password: everybody else is judged as before."""
    staff = PasswordPolicy(rules=(Length(minimum=40, minimum_with_mfa=40),), history=1)
    for groups, objected in (({"staff"}, True), (set(), False)):
        w = world(policy=evolve(KNOWING, groups={"staff": staff}))
        w.sign_up(groups=frozenset())
        account = w.directory.change("u1", groups=frozenset(groups))
        assert isinstance(w.engine.check_password(NEW, account=account), PasswordRejected) is objected
        assert isinstance(by_path(w, path, PASSWORD, NEW), PasswordRejected) is objected


def test_a_tenant_holds_its_people_to_its_own_policy():
    """Whether they have an account yet or not."""
    bank = PasswordPolicy(rules=(Length(minimum=40, minimum_with_mfa=40),))
    engine = world(policy=evolve(CHEAPEST, tenants={"bank": bank})).engine
    assert isinstance(engine.check_password(NEW, tenant="bank"), PasswordRejected)
    assert isinstance(engine.check_password(NEW, tenant="shop"), PasswordAccepted)
    with pytest.raises(ConfigError, match="tenant"):
        engine.check_password(NEW, tenant=None)


def test_the_age_of_a_group_holds_for_its_members_only():
    pci = evolve(CHEAPEST.password, max_age=90 * DAY, on_age=Age.FORCE)
    w = world(policy=evolve(CHEAPEST, groups={"cashiers": pci}))
    w.sign_up()
    w.clock.advance(90 * DAY)
    assert isinstance(sign_in(w), SignedIn)
    w.directory.change("u1", groups=frozenset({"cashiers"}))

    required = sign_in(w)
    assert required.reason is ChangeReason.AGE
    assert isinstance(change(w, ChangeTicket(required.ticket)), PasswordChanged)
