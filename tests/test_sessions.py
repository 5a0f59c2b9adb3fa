"""Sessions: limits by level, room for so many, generations that find a copy out, a list, a key, and a cache that is a little behind."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.harness import address, exhibit, other_node, par
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Admin,
    ConfigError,
    Context,
    CurrentPassword,
    EnrollmentStarted,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    Refused,
    SessionEnded,
    SessionList,
    SessionPolicy,
    SessionsEnded,
    SessionValid,
    SignedIn,
)
from acctsec._codec import decode_record
from acctsec._flows import recent
from acctsec.errors import StoreUnavailable
from acctsec.events import AttemptRefused, PortFailed, SessionClosed, SessionCopied
from acctsec.keyring import frame
from acctsec.outcomes import AssuranceLevel, EndReason
from acctsec.presets import WORKFORCE_DEFAULT
from acctsec.record import MAX_SESSIONS, SKEW, Record, Session
from acctsec.sessions import Binding, Ended, Lifetime, Live, Minted
from acctsec.testing import DEATHS, FAILURES, RACING, explore, race_world, world
from acctsec.testing.doubles import START
from acctsec.testing.turns import Fate
from acctsec.testing.world import IDENTIFIER, PASSWORD

AAL1, AAL2, AAL3 = AssuranceLevel
DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
RULES = SessionPolicy()
GRACE = RULES.grace + SKEW
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0"
NEW = "violet staple under the harbour 63"
KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture(params=[pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES])
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    made = exhibit(place)
    made.sign_up()
    return made


def with_sessions(**knobs):
    return evolve(CHEAPEST, sessions=SessionPolicy(**knobs))


def a_world(**knobs):
    made = world(policy=with_sessions(**knobs))
    made.sign_up()
    return made


def check(w, token, engine=None, **facts):
    return (engine or w.engine).check_session(token, context=w.context(**facts))


def valid(w, token, engine=None):
    return isinstance(check(w, token, engine), SessionValid)


def turned(w, token):
    """The token of the next generation, as it comes once the day is over."""
    w.clock.advance(w.policy.sessions.rotate)
    found = check(w, token)
    assert isinstance(found, SessionValid) and found.renewed, found
    return found.renewed


def record(w, subject="u1"):
    store = getattr(w.store, "store", w.store)
    return decode_record(store.load(frame("subject", "", subject))[0])


def told(w, kind):
    w.deliver()
    return w.sink.of(kind)


# --- limits by level --------------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_standard():
    """SP 800-63B-4 sections 2.1.3 and 2.3.3; at AAL2 a social platform says why it lasts longer."""
    assert RULES.lifetime(AAL1) == RULES.lifetime(AAL2) == Lifetime(absolute=30 * DAY, idle=14 * DAY)
    assert RULES.lifetime(AAL3) == Lifetime(absolute=12 * HOUR, idle=15 * MINUTE)
    assert WORKFORCE_DEFAULT.sessions.lifetime(AAL2) == Lifetime(absolute=DAY, idle=HOUR)


@given(st.timedeltas(15 * MINUTE, 60 * DAY), st.timedeltas(15 * MINUTE, 60 * DAY), st.timedeltas(MINUTE, 60 * DAY))
def test_no_level_lasts_longer_than_the_one_below(absolute, second, third):
    idle = 15 * MINUTE
    rules = SessionPolicy(
        absolute=absolute, idle=idle, aal2=Lifetime(absolute=second, idle=idle), aal3=Lifetime(absolute=third, idle=min(third, idle))
    )
    found = [rules.lifetime(level).absolute for level in AssuranceLevel]
    assert found == [absolute, min(absolute, second), min(absolute, second, third)]


@given(st.sampled_from(AssuranceLevel), st.timedeltas(timedelta(0), 40 * DAY), st.timedeltas(timedelta(0), 40 * DAY))
def test_a_session_stands_within_both_limits_of_its_level_and_not_a_moment_longer(level, sealed, after):
    session = Session(id=b"s" * 16, level=level, created=START, authenticated=START)
    limits, active, now = RULES.lifetime(level), START + sealed, START + sealed + after

    found = RULES.judge(session, token=Minted(active=active), now=now)

    if now >= START + limits.absolute:
        assert found == Ended(EndReason.EXPIRED)
    elif now >= active + limits.idle:
        assert found == Ended(EndReason.IDLE)
    else:
        assert isinstance(found, Live) and found.expires == min(START + limits.absolute, active + limits.idle)


@pytest.mark.parametrize(
    "knobs",
    [
        {"limit": 0},
        {"limit": MAX_SESSIONS + 1},
        {"limit": True},
        {"staleness": MINUTE + SECOND},
        {"staleness": -SECOND},
        {"rotate": 59 * SECOND},
        {"grace": -SECOND},
        {"grace": 6 * MINUTE},
        {"binding": "required"},
        {"aal3": None},
        {"aal2": (DAY, HOUR)},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused_with_the_way_out(knobs):
    with pytest.raises(ConfigError) as refused:
        SessionPolicy(**knobs)
    assert refused.value.remedy


def test_a_lifetime_that_idles_longer_than_it_lasts_is_refused():
    with pytest.raises(ConfigError) as refused:
        Lifetime(absolute=HOUR, idle=DAY)
    assert refused.value.remedy


# --- how many ---------------------------------------------------------------------------------------------------------


def test_past_the_limit_the_oldest_sign_in_ends_and_the_event_says_why():
    w = a_world(limit=3)
    signed = []
    for _ in range(5):
        signed.append(w.sign_in())
        w.clock.advance(minutes=1)

    assert [valid(w, one.session) for one in signed] == [False, False, True, True, True]
    closed = told(w, SessionClosed)
    assert [one.session for one in closed] == [one.info.id for one in signed[:2]]
    assert {one.reason for one in closed} == {EndReason.DISPLACED}


def test_a_limit_of_one_lets_the_newest_sign_in_alone():
    w = a_world(limit=1)
    first, second = w.sign_in().session, w.sign_in().session
    assert (valid(w, first), valid(w, second)) == (False, True)


def test_a_limit_that_was_lowered_holds_from_the_next_sign_in_on():
    w = a_world()
    tokens = [w.sign_in().session for _ in range(6)]
    w.restart(with_sessions(limit=2))
    assert all(valid(w, one) for one in tokens)
    tokens.append(w.sign_in().session)
    assert [valid(w, one) for one in tokens] == [False] * 5 + [True] * 2
    assert len(told(w, SessionClosed)) == 5


def test_what_is_over_by_its_age_takes_no_room():
    w = a_world(limit=2)
    w.sign_in()
    w.clock.advance(w.policy.sessions.absolute)
    tokens = [w.sign_in().session for _ in range(2)]
    assert all(valid(w, one) for one in tokens)
    assert told(w, SessionClosed) == []


@given(st.lists(st.integers(0, 10), max_size=40), st.integers(1, 32))
def test_room_keeps_the_newest_sign_ins_in_their_order(minutes, limit):
    rows = tuple(
        Session(id=number.to_bytes(16, "big"), level=AAL1, created=START + each * MINUTE, authenticated=START)
        for number, each in enumerate(minutes)
    )
    kept, lost = SessionPolicy(limit=limit).room(rows, START + 11 * MINUTE)
    assert len(kept) == min(len(rows), limit - 1)
    assert sorted((*kept, *lost), key=rows.index) == list(rows) and list(kept) == sorted(kept, key=rows.index)
    assert all(gone.created <= one.created for gone in lost for one in kept)


# --- generations ------------------------------------------------------------------------------------------------------


def test_a_day_is_one_write_and_every_other_check_is_one_read(w):
    token = w.sign_in().session
    first = turned(w, token)
    counted = []
    for each in (token, first, first, first):
        found, calls = w.observe(lambda each=each: check(w, each))
        assert isinstance(found, SessionValid)
        counted.append([call[0] for call in calls])
    assert counted == [["load"], ["load", "commit"], ["load"], ["load"]]
    assert record(w).sessions[0].generation == 1


def test_a_lost_answer_ends_nothing_however_long_it_was_lost():
    """The new token never arrived: its browser goes on with the old one, is handed another, and nobody is told of a thief."""
    w = a_world()
    token = w.sign_in().session
    for _ in range(5):
        turned(w, token)
    newest = turned(w, token)
    assert valid(w, newest) and valid(w, token)
    assert told(w, SessionCopied) == []


def test_requests_under_way_pass_with_the_token_of_before_and_get_none():
    """Nobody who has the old one alone is handed the new one: a thief who asks all the time would never be found."""
    w = a_world()
    token = w.sign_in().session
    new = turned(w, token)
    assert valid(w, new)
    w.clock.advance(GRACE - SECOND)
    found = check(w, token)
    assert isinstance(found, SessionValid) and found.renewed is None
    w.clock.advance(seconds=1)
    assert check(w, token) == SessionEnded(EndReason.COPIED)


def test_a_token_that_was_replaced_ends_the_session_for_both_and_the_owner_is_told(w):
    """I30, M-180: the thief has the old one, the owner the new one; neither goes on."""
    stolen = w.sign_in().session
    here = w.sign_in().session
    new = turned(w, stolen)
    assert valid(w, new)
    w.clock.advance(GRACE)

    assert check(w, stolen) == SessionEnded(EndReason.COPIED)

    assert check(w, new) == SessionEnded(EndReason.ENDED) == check(w, stolen)
    assert valid(w, here)
    (event,) = told(w, SessionCopied)
    assert (event.subject, event.generation) == ("u1", 0)
    (mail,) = w.messenger.of(MessagePurpose.SESSION_COPIED)
    assert mail.address == IDENTIFIER


def test_the_owner_who_comes_back_after_a_thief_went_on_ends_it_too():
    """Whoever comes second with what was replaced ends it: here it is the owner, with the token in his cookie."""
    w = a_world()
    owners = w.sign_in().session
    thiefs = turned(w, owners)
    assert valid(w, thiefs)
    w.clock.advance(days=3)
    assert check(w, owners) == SessionEnded(EndReason.COPIED)
    assert not valid(w, thiefs)


def test_two_first_tokens_that_were_handed_out_apart_are_a_copy():
    """Owner and thief both got one of the next generation, an hour apart: once one has come back, the other is no browser's."""
    w = a_world()
    token = w.sign_in().session
    one = turned(w, token)
    w.clock.advance(hours=1)
    other = check(w, token).renewed
    assert valid(w, other)
    assert check(w, one) == SessionEnded(EndReason.COPIED)
    assert not valid(w, other)


def test_two_first_tokens_of_one_moment_are_one_browsers():
    w = a_world()
    token = w.sign_in().session
    one = turned(w, token)
    w.clock.advance(seconds=2)
    other = check(w, token).renewed
    w.clock.advance(hours=2)
    assert valid(w, one) and valid(w, other) and valid(w, one)
    assert told(w, SessionCopied) == []


def every_operation(w, token):
    """Each operation that takes a session token, with one."""
    engine, here = w.engine, w.context()
    fresh = FreshSession(token)
    return {
        "check_session": lambda: engine.check_session(token, context=here),
        "list_sessions": lambda: engine.list_sessions(token, context=here),
        "end_session": lambda: engine.end_session(token, "0" * 32, context=here),
        "sign_out": lambda: engine.sign_out(token, context=here),
        "sign_out_everywhere": lambda: engine.sign_out_everywhere("u1", by=fresh, context=here),
        "set_password": lambda: engine.set_password("u1", NEW, by=fresh, context=here),
        "set_password beside": lambda: engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD, token), context=here),
        "list_factors": lambda: engine.list_factors(token, context=here),
        "enroll_totp": lambda: engine.enroll_totp(token, context=here),
        "list_devices": lambda: engine.list_devices(token, context=here),
        "list_changes": lambda: engine.list_changes(token, context=here),
        "cancel_change": lambda: engine.cancel_change("0" * 32, by=fresh, context=here),
        "list_contacts": lambda: engine.list_contacts(token, context=here),
        "add_address": lambda: engine.add_address(token, "new@example.org", context=here),
    }


NO = (Refused, SessionEnded)


@pytest.mark.parametrize("name", every_operation(world(), ""))
def test_every_operation_ends_the_session_of_a_token_that_was_replaced(name):
    """Also one that a platform calls without check_session before it: refused, once told, and over for everybody."""
    w = a_world(rotate=5 * MINUTE)
    stolen = w.sign_in().session
    new = turned(w, stolen)
    assert valid(w, new)
    w.clock.advance(GRACE)

    answered = every_operation(w, stolen)[name]()

    assert isinstance(answered, NO) or answered == SessionsEnded(0), answered
    assert check(w, new) == SessionEnded(EndReason.ENDED)
    assert len(told(w, SessionCopied)) == 1


@pytest.mark.parametrize("name", every_operation(world(), ""))
def test_every_operation_takes_the_token_of_the_next_generation_before_it_is_written_down(name):
    w = a_world(rotate=5 * MINUTE)
    new = turned(w, w.sign_in().session)
    if name == "cancel_change":  # there is none to cancel
        return
    answered = every_operation(w, new)[name]()
    assert not isinstance(answered, NO), answered


def test_a_change_of_privilege_gives_a_token_of_another_session():
    w = a_world()
    token = turned(w, w.sign_in().session)
    assert valid(w, token)
    w.restart(with_sessions(fresh=2 * DAY))
    _, session = w.enroll(token)
    assert check(w, token) == SessionEnded(EndReason.ENDED)
    assert valid(w, session) and valid(w, turned(w, session))


def test_many_callers_with_one_copied_token_are_one_event_and_one_message(w):
    stolen = w.sign_in().session
    new = turned(w, stolen)
    assert valid(w, new)
    w.clock.advance(GRACE)

    answers = par(*(lambda n=n: check(w, stolen, address=address(n)) for n in range(8)))

    assert {type(one) for one in answers} == {SessionEnded}
    assert len(told(w, SessionCopied)) == len(w.messenger.of(MessagePurpose.SESSION_COPIED)) == 1


@pytest.mark.parametrize("ahead", [-SKEW, SKEW])
def test_clocks_of_nodes_a_minute_apart_end_no_session(ahead):
    """One node hands the next generation out, another one sees it first, a third one the request that was under way."""
    w = a_world()
    token = w.sign_in().session
    new = turned(w, token)
    w.clock.advance(ahead)
    assert valid(w, new)
    w.clock.advance(-ahead + RULES.grace - SECOND)
    assert valid(w, token)
    w.clock.advance(ahead)
    assert valid(w, token) and valid(w, new)
    assert told(w, SessionCopied) == []


def test_what_a_clock_of_the_future_turned_is_dead_once_it_is_mended():
    w = a_world()
    token = w.sign_in().session
    new = turned(w, token)
    assert valid(w, new)
    w.clock.advance(-2 * SKEW)
    assert check(w, new) == SessionEnded(EndReason.EXPIRED) == check(w, token)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["owner", "owner", "thief"]),
        st.booleans(),  # whether the answer arrives
        st.one_of(st.just(timedelta(0)), st.timedeltas(timedelta(0), 3 * MINUTE), st.timedeltas(timedelta(0), 2 * DAY)),
    ),
    max_size=30,
)


@given(MOVES)
def test_an_owner_alone_never_loses_his_session_whatever_answers_are_lost(moves):
    """By the pure policy: he keeps the newest token that reached him, and requests overlap as browsers send them."""
    row = Session(id=b"s" * 16, level=AAL1, created=START, authenticated=START)
    now, held = START, Minted(active=START)
    for _, arrives, wait in moves:
        now += wait
        if now >= START + RULES.absolute - DAY:
            break
        found = RULES.judge(row, token=held, now=now)
        assert isinstance(found, Live), found
        row = found.session
        if found.renewed is not None and arrives:
            held = Minted(active=now, generation=found.renewed.generation, turned=found.renewed.turned)


@given(MOVES)
def test_thief_and_owner_do_not_both_go_on_after_one_of_them_came_back_with_what_was_replaced(moves):
    """
    Both begin with one token. Once one of them has used a generation that the other has no token of, the other one either comes
    within the grace, or ends it for both.
    """
    row = Session(id=b"s" * 16, level=AAL1, created=START, authenticated=START)
    now, held = START, dict.fromkeys(("owner", "thief"), Minted(active=START))
    for who, arrives, wait in moves:
        now += wait
        if now >= START + RULES.absolute - DAY:
            break
        token = held[who]
        found = RULES.judge(row, token=token, now=now)
        behind = token.generation < row.generation
        apart = token.generation == row.generation and token.turned != row.turned
        if isinstance(found, Ended):
            assert found.reason is EndReason.COPIED and (behind or apart)
            return
        if behind:
            assert token.generation == row.generation - 1 and now < row.turned + GRACE and found.renewed is None
        if apart:
            assert abs(token.turned - row.turned) <= GRACE
        row = found.session
        if found.renewed is not None and arrives:
            held[who] = Minted(active=now, generation=found.renewed.generation, turned=found.renewed.turned)


# --- races ------------------------------------------------------------------------------------------------------------


def race(prepare=lambda _: None):
    """Makes a world in which the next generation was handed out."""

    def make():
        w = race_world(policy=RACING)
        w.sign_up()
        w.signed = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
        w.token = w.signed.session
        w.clock.advance(RACING.sessions.rotate)
        w.new = w.calls.check_session(w.token, context=w.context()).renewed
        prepare(w)
        return w

    return make


def look(w, token):
    return w.engine.check_session(token, context=w.context())


def stands(w, token):
    return isinstance(w.calls.check_session(token, context=w.context()), SessionValid)


def copies(w):
    w.deliver()
    return len(w.sink.of(SessionCopied)), len(w.messenger.of(MessagePurpose.SESSION_COPIED))


def test_two_requests_that_turn_at_once_both_pass_in_every_order():
    def judge(w, answers):
        assert all(isinstance(one, SessionValid) for one in answers), answers
        assert stands(w, w.new) and record(w).sessions[0].generation == 1
        assert copies(w) == (0, 0)

    for tokens in (("new", "new"), ("new", "token"), ("new", "new", "token")):
        explore(race(), lambda w, tokens=tokens: [look(w, getattr(w, one)) for one in tokens], judge)


def test_two_first_tokens_of_one_moment_turn_at_once_in_every_order():
    def prepare(w):
        w.clock.advance(seconds=1)
        w.other = w.calls.check_session(w.token, context=w.context()).renewed

    def judge(w, answers):
        assert all(isinstance(one, SessionValid) for one in answers), answers
        assert stands(w, w.new) and stands(w, w.other)

    explore(race(prepare), lambda w: [look(w, w.new), look(w, w.other)], judge)


ENDS = {
    "a sign-out": lambda w: w.engine.sign_out(w.token, context=w.context()),
    "an administrator": lambda w: w.engine.admin.end_session("u1", w.signed.info.id, actor="ops"),
    "a change of password": lambda w: w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()),
    "the end of all": lambda w: w.engine.sign_out_everywhere("u1", by=Admin("ops"), context=w.context()),
    "disabling": lambda w: w.engine.admin.disable("u1", actor="ops"),
    "erasing": lambda w: w.engine.admin.erase("u1", actor="ops"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_session_that_is_ended_while_it_turns_stays_ended_in_every_order(end):
    def judge(w, answers):
        assert not stands(w, w.new) and not stands(w, w.token), answers
        assert copies(w) == (0, 0)

    explore(race(), lambda w: [look(w, w.new), ENDS[end](w)], judge)


def test_a_turn_that_dies_or_fails_at_any_call_costs_the_owner_nothing():
    """Crash, lost answer, refused commit: a day later his session stands, with either token, and nobody is told of a thief."""

    def judge(w, answers):
        w.restart()
        held = w.new
        w.clock.advance(days=1)
        assert stands(w, held), answers
        assert copies(w) == (0, 0)

    explored = explore(race(), lambda w: [look(w, w.new)], judge, fates=(*DEATHS, *FAILURES), most=2)
    assert explored.schedules > 5


def test_handing_the_next_generation_out_writes_nothing_so_it_can_fail_at_nothing():
    def make():
        w = race()()
        return w

    def judge(w, answers):
        w.restart()
        w.clock.advance(days=1)
        assert stands(w, w.token)

    explore(make, lambda w: [look(w, w.token)], judge, fates=(*DEATHS, *FAILURES), most=2)


def test_copies_that_come_back_at_once_are_one_event_in_every_order():
    def prepare(w):
        assert stands(w, w.new)
        w.clock.advance(GRACE)

    def judge(w, answers):
        assert all(isinstance(one, SessionEnded) for one in answers), answers
        assert copies(w) == (1, 1)
        assert not stands(w, w.new)

    explore(race(prepare), lambda w: [look(w, w.token) for _ in range(3)], judge)


def test_a_copy_that_comes_back_while_its_owner_is_there_ends_both_in_every_order():
    def prepare(w):
        assert stands(w, w.new)
        w.clock.advance(GRACE)

    def judge(w, answers):
        assert isinstance(answers[0], SessionEnded)
        assert not stands(w, w.new) and copies(w) == (1, 1)

    explore(race(prepare), lambda w: [look(w, w.token), look(w, w.new)], judge)


def test_a_store_that_takes_no_writes_ends_no_session():
    """A replica that is not the master yet: what cannot be written down is written at the next request."""
    w = a_world()
    new = turned(w, w.sign_in().session)
    commit = w.store.commit

    def refuse(*_):
        raise StoreUnavailable("No writes now.", remedy="None: it is a test.")

    w.store.commit = refuse
    w.restart()
    assert valid(w, new)
    w.store.commit = commit
    w.restart()
    assert record(w).sessions[0].generation == 0
    assert valid(w, new) and record(w).sessions[0].generation == 1


def test_what_could_not_be_written_down_is_an_observation():
    w = a_world()
    new = turned(w, w.sign_in().session)
    commit = w.store.commit

    def refuse(*_):
        raise StoreUnavailable("No writes now.", remedy="None: it is a test.")

    w.store.commit = refuse
    w.restart()
    assert valid(w, new)
    w.store.commit = commit
    w.deliver()
    assert [one.port for one in w.sink.observations if isinstance(one, PortFailed)] == ["records"]
