"""First passwords, and those that administrators have to do with: limited in time, good once, and known to their owners alone."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.museum.harness import exhibit
from tests.places import STORES, USUAL

from acctsec import (
    Account,
    Admin,
    ChangeTicket,
    ConfigError,
    CurrentPassword,
    FactorRequired,
    Initial,
    MessagePurpose,
    PasswordChanged,
    PasswordChangeRequired,
    Refused,
    ResetLink,
    ResetPending,
    ResetPolicy,
    SignedIn,
)
from acctsec._codec import decode_record
from acctsec._values import evolve as changed
from acctsec.events import AttemptRefused, ResetWithheld
from acctsec.keyring import frame
from acctsec.lockout import STRANGERS
from acctsec.outcomes import Acted, ChangeReason
from acctsec.presets import CHEAPEST
from acctsec.record import MAX_RESETS, SKEW, Record, Reset
from acctsec.steps import ChangeProof, Compared, Drawn, NeedsChange, No, Scene, change_refusal, issue_reset
from acctsec.steps import sign_in as enter
from acctsec.testing import assert_no_oracle, async_world, check_policy, engine_operations, world
from acctsec.testing.oracles import Kind
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "violet staple under the harbour 63"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
KNOWING = evolve(CHEAPEST, reset=ResetPolicy(passwords_by_administrators=True))
LIFETIME = KNOWING.reset.initial_lifetime


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def make(request):
    """Worlds on either face, closed at the end."""
    made = []

    def build(policy=CHEAPEST):
        made.append(request.param(policy=policy))
        return made[-1]

    yield build
    for one in made:
        one.close()


def set_by_administrator(w, password=PASSWORD, **facts):
    return w.calls.set_password("u1", password, by=Admin("root"), context=w.context(**facts))


def sign_in(w, password=PASSWORD, **facts):
    return w.calls.sign_in(IDENTIFIER, password, context=w.context(**facts))


def invite(w):
    """Have a link mailed, and open the mail."""
    assert w.calls.admin.initial_password("u1", actor="root") == Acted()
    w.deliver()
    return w.messenger.link


def redeem(w, link, password=NEW):
    return w.calls.redeem_reset(ResetLink(link), password, context=w.context())


# --- passwords that an administrator knows ----------------------------------------------------------------------------


def test_no_administrator_sets_a_password_unless_the_policy_says_so(make):
    """Loudly, with the way out, before anything is read; a wrong subject and a weak password are told the same."""
    w = make()
    w.sign_up()
    for subject, password in (("u1", NEW), ("nobody", NEW), ("u1", "x")):
        with pytest.raises(ConfigError, match=r"initial_password.*passwords_by_administrators"):
            w.calls.set_password(subject, password, by=Admin("root"), context=w.context())
    assert isinstance(sign_in(w), SignedIn)
    w.deliver()
    assert w.messenger.messages == []


def test_a_password_that_an_administrator_set_gives_a_change_and_no_session(make):
    w = make(KNOWING)
    w.sign_up(password=None)
    assert isinstance(set_by_administrator(w), PasswordChanged)
    required = sign_in(w)
    assert isinstance(required, PasswordChangeRequired)
    assert required.reason is ChangeReason.SET_BY_ADMINISTRATOR
    changed = w.calls.set_password("u1", NEW, by=ChangeTicket(required.ticket), context=w.context())
    assert isinstance(changed, PasswordChanged)
    assert isinstance(sign_in(w, NEW), SignedIn)
    assert sign_in(w) == Refused()
    w.clock.advance(2 * LIFETIME)
    assert isinstance(sign_in(w, NEW), SignedIn)


def test_it_signs_nobody_in_once_its_time_is_over(make):
    """Like a wrong password: the same answer after the same work, counted, and no proof of anything else either."""
    w = make(KNOWING)
    w.sign_up(password=None)
    set_by_administrator(w)
    w.clock.advance(LIFETIME - timedelta(microseconds=1))
    assert isinstance(sign_in(w), PasswordChangeRequired)
    w.clock.advance(timedelta(microseconds=1))

    w.comparisons.clear()
    assert sign_in(w) == sign_in(w, "not the right otters 99") == Refused()
    assert len(w.comparisons.all) == 2
    by = CurrentPassword(PASSWORD)
    assert w.calls.set_password("u1", NEW, by=by, context=w.context()) == Refused()
    w.deliver()
    reasons = [one.reason for one in w.sink.observations if isinstance(one, AttemptRefused)]
    assert reasons == ["lapsed", "wrong", "wrong password"]

    assert isinstance(set_by_administrator(w, NEW), PasswordChanged)  # set anew, it is good anew
    assert isinstance(sign_in(w, NEW), PasswordChangeRequired)


def test_guesses_at_a_lapsed_password_are_counted(make):
    w = make(KNOWING)
    w.sign_up(password=None)
    set_by_administrator(w)
    w.clock.advance(LIFETIME)
    sign_in(w)
    assert max(one.failures for one in w.calls.admin.lock_status("u1")) == 1


def test_no_later_demand_makes_it_last_longer(make):
    """Neither a demanded change nor a leak replaces the reason for which it ends."""
    w = make(KNOWING)
    w.corpus = Leaked()
    w.restart()
    w.sign_up(password=None)
    w.corpus.count_ = 0
    set_by_administrator(w)
    w.corpus.count_ = 9
    w.calls.admin.require_password_change("u1", actor="root", by=w.clock() + 9 * DAY)
    assert sign_in(w).reason is ChangeReason.SET_BY_ADMINISTRATOR
    w.clock.advance(LIFETIME)
    assert sign_in(w) == Refused()


class Leaked:
    count_ = 0

    def count(self, _):
        return self.count_


def test_a_clock_that_was_ahead_makes_it_no_better(make):
    w = make(KNOWING)
    w.sign_up(password=None)
    w.clock.advance(400 * DAY)
    set_by_administrator(w)
    w.clock.advance(-400 * DAY)
    assert sign_in(w) == Refused()


def test_it_still_ends_once_the_policy_lets_no_administrator_set_one(make):
    w = make(KNOWING)
    w.sign_up(password=None)
    set_by_administrator(w)
    w.restart(CHEAPEST)
    assert sign_in(w).reason is ChangeReason.SET_BY_ADMINISTRATOR
    w.clock.advance(CHEAPEST.reset.initial_lifetime)
    assert sign_in(w) == Refused()
    assert isinstance(redeem(w, w.reset_link()), PasswordChanged)
    assert isinstance(sign_in(w, NEW), SignedIn)


@settings(max_examples=60, deadline=None)
@given(
    st.timedeltas(min_value=MINUTE, max_value=DAY),
    st.lists(st.timedeltas(min_value=-DAY, max_value=DAY), max_size=5),
)
def test_it_is_good_from_when_it_was_set_until_its_lifetime_is_over(lifetime, waits):
    """Whatever the clock does: a model of one line."""
    w = world(policy=evolve(KNOWING, reset=ResetPolicy(passwords_by_administrators=True, initial_lifetime=lifetime)))
    w.sign_up(password=None)
    w.clock.advance(30 * DAY)
    set_by_administrator(w)
    born = w.clock()
    for number, wait in enumerate(waits):
        w.clock.advance(wait)
        good = born - SKEW <= w.clock() < born + lifetime
        outcome = sign_in(w, address=f"192.0.2.{number}")
        assert isinstance(outcome, PasswordChangeRequired if good else Refused), (outcome, waits)


def lapsed(place):
    place.account()
    w, policy = place.world, place.world.policy
    w.restart(KNOWING)
    w.calls.set_password(place.subject, place.password, by=Admin("kit"), context=w.context())
    w.restart(policy)
    w.clock.advance(LIFETIME)


def test_no_outsider_can_tell_a_lapsed_password_from_nobody():
    """Not even by the right one."""
    kind = Kind(name="has a password of an administrator that has lapsed", make=lapsed, shut=True)
    operations = lambda w: {"sign_in": engine_operations(w)["sign_in"]}
    assert_no_oracle(lambda: world(policy=CHEAPEST), kinds=[kind], operations=operations)


# --- links ------------------------------------------------------------------------------------------------------------


def test_a_first_password_comes_by_a_link_that_lives_a_day_and_works_once(make):
    w = make()
    w.sign_up(password=None)
    asked = w.clock()
    link = invite(w)
    (mail,) = w.messenger.of(MessagePurpose.INITIAL_PASSWORD)
    assert (mail.code, mail.expires) == (None, asked + LIFETIME)
    w.clock.advance(LIFETIME - MINUTE)
    assert w.calls.inspect_reset(link, context=w.context()) == ResetPending(asked + LIFETIME)
    assert isinstance(redeem(w, link), PasswordChanged)
    assert redeem(w, link, PASSWORD) == Refused()
    assert isinstance(sign_in(w, NEW), SignedIn)


def test_it_is_dead_when_its_time_is_over(make):
    w = make()
    w.sign_up(password=None)
    link = invite(w)
    w.clock.advance(LIFETIME)
    assert w.calls.inspect_reset(link, context=w.context()) == redeem(w, link) == Refused()


CHANGES = {
    "a first password": lambda w: w.calls.set_password("u1", PASSWORD, by=Initial(), context=w.context()),
    "a reset": lambda w: redeem(w, w.reset_link(), PASSWORD),
    "an administrator": set_by_administrator,
    "a sign-out everywhere": lambda w: w.calls.sign_out_everywhere("u1", by=Admin("root"), context=w.context()),
    "a disable": lambda w: w.calls.admin.disable("u1", actor="root"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_kills_it(make, change):
    w = make(KNOWING)
    w.sign_up(password=None)
    link = invite(w)
    change(w)
    w.calls.admin.enable("u1", actor="root")
    assert redeem(w, link) == Refused()


def test_asked_again_the_newer_link_alone_works(make):
    w = make()
    w.sign_up(password=None)
    first = invite(w)
    w.clock.advance(MINUTE)
    second = invite(w)
    assert first != second
    assert redeem(w, first) == Refused()
    assert isinstance(redeem(w, second), PasswordChanged)


def test_an_older_request_that_comes_late_takes_nothing_from_the_newer(make):
    """Whatever fails on the way: the mail of the first is handed over after that of the second, or twice."""
    w = make()
    w.sign_up(password=None)
    w.messenger.failure = OSError("mailbox")
    w.calls.admin.initial_password("u1", actor="root")
    w.calls.deliver()
    w.clock.advance(5 * MINUTE)
    w.messenger.failure = None
    w.calls.admin.initial_password("u1", actor="root")
    for _ in range(20):
        w.deliver()
        w.clock.advance(MINUTE)
    links = [one.link for one in w.messenger.of(MessagePurpose.INITIAL_PASSWORD)]
    newest = max(w.messenger.of(MessagePurpose.INITIAL_PASSWORD), key=lambda one: one.expires).link
    assert {type(redeem(w, one)) for one in links if one != newest} <= {Refused}
    assert isinstance(redeem(w, newest), PasswordChanged)


def test_strangers_who_ask_keep_no_link_of_an_administrator_out_nor_it_theirs(make):
    """It has a place of its own, for a day: the owner's requests find the room they always had."""
    w = make()
    w.sign_up()
    link = invite(w)
    mails = []
    for _ in range(MAX_RESETS):
        mails.append(w.reset_link())
        w.clock.advance(9 * MINUTE)
    assert len({*mails, link}) == MAX_RESETS + 1
    newer = invite(w)
    held = w.calls.admin.export("u1").live_resets
    assert len(held) == MAX_RESETS + 1
    assert all(isinstance(w.calls.inspect_reset(one, context=w.context()), ResetPending) for one in (*mails, newer))
    assert isinstance(redeem(w, newer), PasswordChanged)


def test_it_is_no_way_around_a_second_factor(make):
    """It proves as much as any mailed link: the factor is asked for before anything changes."""
    w = make()
    w.sign_up()
    w.enroll(w.sign_in().session)
    assert isinstance(redeem(w, invite(w)), FactorRequired)
    assert isinstance(sign_in(w), FactorRequired)


def test_a_disabled_account_gets_none(make):
    w = make()
    w.sign_up(password=None)
    w.calls.admin.disable("u1", actor="root")
    w.calls.admin.initial_password("u1", actor="root")
    w.deliver()
    assert w.messenger.of(MessagePurpose.INITIAL_PASSWORD) == []
    assert [one.reason for one in w.sink.observations if isinstance(one, ResetWithheld)] == ["disabled"]


EACH = [pytest.param(kind, marks=() if kind in USUAL else pytest.mark.deep) for kind in STORES]


@pytest.mark.parametrize("kind", EACH)
def test_every_store_keeps_a_first_password_as_long_as_it_is_good(kind, places):
    place = places.fresh(kind)
    w = exhibit(place)
    w.sign_up(password=None)
    w.engine.set_password("u1", PASSWORD, by=Admin("root"), context=w.context())
    w.restart()
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), PasswordChangeRequired)
    w.clock.advance(LIFETIME)
    assert w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()) == Refused()
    w.engine.admin.initial_password("u1", actor="root")
    w.deliver()
    older = w.messenger.link
    w.clock.advance(MINUTE)
    w.engine.admin.initial_password("u1", actor="root")
    w.deliver()
    record = decode_record(w.store.load(frame("subject", "", "u1"))[0])
    assert [one.initial for one in record.resets] == [True]
    assert w.engine.redeem_reset(ResetLink(older), NEW, context=w.context()) == Refused()
    assert isinstance(w.engine.redeem_reset(ResetLink(w.messenger.link), NEW, context=w.context()), PasswordChanged)


# --- the policy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifetime", [timedelta(seconds=59), timedelta(hours=25), 24, None], ids=repr)
def test_a_lifetime_that_no_standard_allows_is_refused(lifetime):
    with pytest.raises(ConfigError, match="initial_lifetime"):
        ResetPolicy(initial_lifetime=lifetime)


@pytest.mark.parametrize("said", ["yes", 1, None, "False"])
def test_whether_administrators_know_passwords_is_yes_or_no(said):
    with pytest.raises(ConfigError, match="passwords_by_administrators"):
        ResetPolicy(passwords_by_administrators=said)


def test_a_policy_with_short_links_is_sound():
    check_policy(evolve(KNOWING, reset=ResetPolicy(initial_lifetime=MINUTE, passwords_by_administrators=True)))


INSTANTS = st.integers(-3000, 3000)


@given(st.lists(st.tuples(st.booleans(), INSTANTS), max_size=9), st.booleans(), INSTANTS)
def test_an_initial_link_has_one_place_and_takes_none_from_the_others(live, initial, now):
    """Of what is live: at most three that were asked for and one that an administrator asked for, whatever comes."""
    policy, start = ResetPolicy(), datetime(2026, 11, 30, tzinfo=UTC)
    resets = ()
    for number, (one, at) in enumerate([*live, (initial, now)]):
        then = start + at * MINUTE
        new = Reset(
            id=number.to_bytes(2, "big"),
            epoch=0,
            recipient=b"r",
            link=b"l",
            code=b"c",
            expires=then + (policy.initial_lifetime if one else policy.link_lifetime),
            code_expires=then,
            initial=one,
        )
        alive = policy.alive(resets, epoch=0, now=then)
        issued = policy.issue(resets, new, epoch=0, now=then)
        assert issued is not None or not one
        if issued is None:
            continue
        assert [each for each in issued if each.initial] == ([new] if one else [each for each in alive if each.initial])
        assert [each for each in issued if not each.initial and each != new] == [each for each in alive if not each.initial]
        resets = issued
    assert sum(not one.initial for one in resets) <= MAX_RESETS
    assert sum(one.initial for one in resets) <= 1


# --- the steps alone --------------------------------------------------------------------------------------------------

START = datetime(2026, 11, 30, tzinfo=UTC)
SCENE = Scene(tenant="", subject="u1", account=Account(subject="u1", addresses=("a@example.org",)), now=START)


def link(number):
    """The link of the request that an administrator made at that minute."""
    expires = START + LIFETIME + number * MINUTE
    return Reset(
        id=bytes([number]), epoch=0, recipient=b"r", link=b"l", code=b"c", expires=expires, code_expires=expires, initial=True
    )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_requests_in_any_order_and_any_number_of_times_leave_the_newest(delivered):
    """And once all is ended, none that ever was live comes to life again."""
    record, lived = Record(incarnation=b"i"), set()
    for number in delivered:
        step = issue_reset(CHEAPEST, record, scene=SCENE, reset=link(number), asked=START + number * MINUTE, self_service=False)
        record = step.record
        lived |= {one.id[0] for one in record.resets}
    assert record.resets == (link(max(delivered)),)
    ended = record.with_epoch()
    for number in lived:
        step = issue_reset(CHEAPEST, ended, scene=SCENE, reset=link(number), asked=START + number * MINUTE, self_service=False)
        assert isinstance(step.verdict, No)


@pytest.mark.parametrize("age", [timedelta(0), LIFETIME - MINUTE, LIFETIME, -2 * SKEW], ids=str)
def test_the_steps_take_no_lapsed_password_either(age):
    """Whoever replays a record has no flow in front that says so first."""
    known = Record(incarnation=b"i").with_verifier(sealed=b"s", preparation=1, now=START - age, keep=0)
    record = changed(known, change=ChangeReason.SET_BY_ADMINISTRATOR)
    compared = Compared(incarnation=b"i", born=1, matched=True)
    drawn = Drawn(session=b"s" * 16, device=b"d" * 16)
    entered = enter(CHEAPEST, record, scene=SCENE, compared=compared, lane=STRANGERS, drawn=drawn, renewed=None)
    refused = change_refusal(CHEAPEST, record, scene=SCENE, proof=ChangeProof(by="current-password", compared=compared))
    good = timedelta(0) <= age < LIFETIME
    assert entered.verdict == (NeedsChange(ChangeReason.SET_BY_ADMINISTRATOR) if good else No("lapsed"))
    assert refused == (None if good else "lapsed")
