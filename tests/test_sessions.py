"""Sessions: limits by level, room for so many, generations that find a copy out, a list, a key, and a cache that is a little behind."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.artefacts import ARTEFACTS
from tests.museum.harness import address, exhibit, other_node, par
from tests.places import STORES, USUAL, MemoryPlace

from acctsec import (
    CHEAPEST,
    AddressLink,
    Admin,
    ConfigError,
    Context,
    CurrentPassword,
    EnrollmentStarted,
    FreshSession,
    MessagePurpose,
    ReauthenticationRequired,
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
from acctsec.sessions import Binding, Ended, Lifetime, Live, Minted, handed_to, turn_of
from acctsec.steps import judge_session
from acctsec.testing import DEATHS, FAILURES, RACING, Authenticator, explore, race_world, world
from acctsec.testing.doubles import START
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


def turn(w):
    """The generation in force, one after the other."""
    return turn_of(record(w).sessions[0].generation)


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
        absolute=absolute,
        idle=idle,
        aal2=Lifetime(absolute=second, idle=idle),
        aal3=Lifetime(absolute=third, idle=min(third, idle)),
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
    assert turn(w) == 1


def test_the_next_generation_is_handed_out_once_the_present_one_is_a_day_old_and_no_sooner():
    w = a_world()
    token = turned(w, w.sign_in().session)
    for wait in (timedelta(0), RULES.rotate - SECOND):
        w.clock.advance(wait)
        assert check(w, token).renewed is None
    w.clock.advance(seconds=1)
    assert check(w, token).renewed


def test_a_record_that_is_older_than_a_token_is_no_copy():
    """A backup was put back and nobody raised the generation of the keys: the session is over, and nobody is called a thief."""
    w = a_world()
    token = w.sign_in().session
    before = dict(w.store._records)
    for _ in range(2):
        token = turned(w, token)
        assert valid(w, token)
    w.store._records.update(before)
    assert check(w, token) == SessionEnded(EndReason.ENDED)
    assert told(w, SessionCopied) == []


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
        "authorize": lambda: engine.authorize(token, "change-factors", context=here),
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


def test_a_copied_token_beside_the_proof_of_an_address_ends_its_session_too():
    w = a_world(rotate=5 * MINUTE)
    stolen = w.sign_in().session
    w.engine.add_address(stolen, "second@example.org", context=w.context())
    w.deliver()
    new = turned(w, stolen)
    assert valid(w, new)
    w.clock.advance(GRACE)

    w.engine.verify_address(AddressLink(w.messenger.address_link), session=stolen, context=w.context())

    assert check(w, new) == SessionEnded(EndReason.ENDED)
    assert len(told(w, SessionCopied)) == 1


def test_a_copied_token_of_a_contact_agrees_to_nothing_and_ends():
    w = ARTEFACTS["share"].world(MemoryPlace())
    share = ARTEFACTS["share"].make(w)
    stolen = w.sign_in("u7@example.org").session
    new = turned(w, stolen)
    assert valid(w, new)
    w.clock.advance(GRACE)
    assert w.engine.vouch(share, by=FreshSession(stolen), context=w.context()) == Refused()
    assert check(w, new) == SessionEnded(EndReason.ENDED)
    assert len(told(w, SessionCopied)) == 1


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


THERE = "198.51.100.9"


@pytest.mark.parametrize("pause", [7, 45, 600])
def test_a_thief_who_asks_all_the_time_is_found_once_the_owner_has_come_back(pause):
    """He holds a token of every moment, one of the very second of the owner's among them: each was handed out to another network."""
    w = a_world()
    token = w.sign_in().session
    w.clock.advance(RULES.rotate - 10 * MINUTE)
    loot = {token}
    while w.clock() < START + RULES.rotate + HOUR:
        w.clock.advance(seconds=pause)
        loot |= {check(w, token, address=THERE).renewed} - {None}
    owners = check(w, token).renewed
    assert len(loot) > 5 and valid(w, owners)
    for _ in range(3):
        found = check(w, token, address=THERE)
        assert isinstance(found, SessionValid) and found.renewed is None
    good = [one for one in loot if isinstance(check_dry(w, one), Live)]
    assert all(check_dry(w, one).renewed is None for one in good)
    w.clock.advance(GRACE)

    assert {check_dry(w, one) for one in loot} == {Ended(EndReason.COPIED)}
    assert check(w, token, address=THERE) == SessionEnded(EndReason.COPIED)
    assert not valid(w, owners)
    assert len(told(w, SessionCopied)) == 1


def test_a_browser_that_changes_its_network_within_a_page_goes_on_with_the_token_that_came_back():
    w = a_world()
    token = w.sign_in().session
    one = turned(w, token)
    other = check(w, token, address=THERE).renewed
    assert one != other and valid(w, one)
    w.clock.advance(GRACE - SECOND)
    assert valid(w, other) and valid(w, one)
    w.clock.advance(seconds=1)
    assert check(w, other) == SessionEnded(EndReason.COPIED)


def check_dry(w, token):
    """What the policy says of a token, without anything being done about it."""
    core = w.engine._flows.core
    return judge_session(core.policy, record(w), core.session(token, w.context()), w.clock())


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["owner", "owner", "thief"]),
        st.booleans(),  # whether the answer arrives
        st.one_of(st.just(timedelta(0)), st.timedeltas(timedelta(0), 3 * MINUTE), st.timedeltas(timedelta(0), 2 * DAY)),
    ),
    max_size=30,
)
PLACES = {"owner": b"\x00\x01", "thief": b"\x00\x02"}


def answered(found, who, now):
    """The token of an answer."""
    row = found.renewed if found.renewed.turned == found.session.turned else handed_to(found.renewed, PLACES[who])
    return Minted(active=now, generation=row.generation, turned=row.turned)


@given(MOVES)
def test_an_owner_alone_never_loses_his_session_whatever_answers_are_lost(moves):
    """By the pure policy: he keeps the newest token that reached him."""
    row = Session(id=b"s" * 16, level=AAL1, created=START, authenticated=START)
    now, held = START, Minted(active=START)
    for _, arrives, wait in moves:
        now += wait
        if now >= START + RULES.absolute - DAY or now >= held.active + RULES.idle:
            break
        found = RULES.judge(row, token=held, now=now)
        assert isinstance(found, Live), found
        row = found.session
        if found.renewed is not None and arrives:
            held = answered(found, "owner", now)


@given(MOVES)
def test_thief_and_owner_share_no_generation_once_one_of_them_has_come_back(moves):
    """
    Both begin with one token, at two networks. Whoever comes second, with whatever he holds, is within the grace and gets nothing
    new, or ends it for both; and what either is handed is his alone.
    """
    row = Session(id=b"s" * 16, level=AAL1, created=START, authenticated=START)
    now, held = START, dict.fromkeys(PLACES, Minted(active=START))
    for who, arrives, wait in moves:
        now += wait
        token = held[who]
        if now >= START + RULES.absolute - DAY or now >= token.active + RULES.idle:
            break
        found = RULES.judge(row, token=token, now=now)
        behind = turn_of(token.generation) - turn_of(row.generation)
        mine = behind == 1 or token.generation == row.generation
        if isinstance(found, Ended):
            assert found.reason is EndReason.COPIED and (not mine or token.turned != row.turned)
            return
        if not mine:
            assert behind in (0, -1) and now < row.turned + GRACE and found.renewed is None
        row = found.session
        assert row.generation in (0, token.generation) or not mine
        if found.renewed is not None and arrives:
            held[who] = answered(found, who, now)
    if row.generation:
        assert held["owner"].generation != held["thief"].generation or not held["owner"].generation


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
        assert stands(w, w.new) and turn(w) == 1
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
    def judge(w, answers):
        w.restart()
        w.clock.advance(days=1)
        assert stands(w, w.token)

    explore(race(), lambda w: [look(w, w.token)], judge, fates=(*DEATHS, *FAILURES), most=2)


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
    w.deliver()
    assert [one.port for _, one in w.sink.handed if isinstance(one, PortFailed)] == ["records"]
    w.store.commit = commit
    w.restart()
    assert turn(w) == 0
    assert valid(w, new) and turn(w) == 1


# --- the list, and ending one -----------------------------------------------------------------------------------------


def listed(w, token, **facts):
    found = w.engine.list_sessions(token, context=w.context(**facts))
    assert isinstance(found, SessionList), found
    return found.sessions


def end(w, token, session, **facts):
    return w.engine.end_session(token, session, context=w.context(**facts))


def test_an_owner_sees_his_sessions_by_the_name_of_their_browser_and_which_one_he_is_in(w):
    phone = w.engine.sign_in(IDENTIFIER, PASSWORD, context=Context.of("192.0.2.7", user_agent="curl/8"))
    w.clock.advance(minutes=1)
    laptop = w.engine.sign_in(IDENTIFIER, PASSWORD, context=Context.of("192.0.2.7", user_agent=FIREFOX))
    w.clock.advance(minutes=5)

    newest, oldest = listed(w, phone.session)

    assert (newest.id, newest.name, newest.current) == (laptop.info.id, "Firefox on Windows", False)
    assert (oldest.id, oldest.name, oldest.current) == (phone.info.id, "", True)
    assert (newest.level, newest.created, newest.authenticated) == (AAL1, laptop.info.created, laptop.info.created)
    assert newest.expires == laptop.info.created + RULES.absolute  # at the latest: its own token knows when it was used
    assert oldest.expires == phone.info.expires
    assert check(w, laptop.session).session.name == laptop.info.name == "Firefox on Windows"
    assert w.engine.admin.export("u1").session_names == ("", "Firefox on Windows")


def test_a_list_is_one_read_and_holds_no_token(w):
    signed = [w.sign_in() for _ in range(3)]
    found, calls = w.observe(lambda: w.engine.list_sessions(signed[0].session, context=w.context()))
    assert [call[0] for call in calls if call[0] in ("load", "commit")] == ["load"]
    assert not any(one.session in repr(found) or one.device in repr(found) for one in signed)


def test_nobody_lists_or_ends_the_sessions_of_another(w):
    w.sign_up("u2", "bob@example.org")
    mine, other = w.sign_in(), w.sign_in("bob@example.org")
    assert [one.id for one in listed(w, other.session)] == [other.info.id]
    assert end(w, other.session, mine.info.id) == SessionsEnded(0)
    assert valid(w, mine.session)
    assert w.engine.list_sessions(mine.session, context=w.context(tenant="other")) == Refused()
    assert end(w, mine.session, mine.info.id, tenant="other") == Refused()


def test_a_fresh_session_ends_any_other_of_its_subject_once_with_one_event(w):
    lost, here = w.sign_in(), w.sign_in()
    assert end(w, here.session, lost.info.id) == SessionsEnded(1)
    assert end(w, here.session, lost.info.id) == SessionsEnded(0)
    assert (valid(w, lost.session), valid(w, here.session)) == (False, True)
    (event,) = told(w, SessionClosed)
    assert (event.session, event.reason, event.actor) == (lost.info.id, EndReason.ENDED, "")


def test_a_session_that_is_not_fresh_ends_itself_and_no_other(w):
    """Or whoever stole an old token would throw the owner out, who is asked to prove himself for the same."""
    stolen, owners = w.sign_in(), w.sign_in()
    w.clock.advance(RULES.fresh + SECOND)
    assert end(w, stolen.session, owners.info.id) == Refused() == end(w, owners.session, stolen.info.id)
    assert end(w, owners.session, owners.info.id) == SessionsEnded(1)
    assert (valid(w, stolen.session), valid(w, owners.session)) == (True, False)
    w.clock.advance(seconds=1)
    assert end(w, w.sign_in().session, stolen.info.id) == SessionsEnded(1)


def test_a_fresh_password_alone_ends_no_session_of_somebody_with_a_factor(w):
    """What sign_out_everywhere asks for is asked for here: the subject's full level."""
    _, session = w.enroll(w.sign_in().session)
    assert listed(w, session)[0].level is AAL2
    assert end(w, session, listed(w, session)[0].id) == SessionsEnded(1)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "0" * 31 + "g", "F" * 32, None, 7, b"0" * 32])
def test_an_id_has_one_spelling(text):
    w = a_world()
    assert end(w, w.sign_in().session, text) == Refused()


def test_an_administrator_sees_the_sessions_and_ends_one_in_his_name(w):
    one, other = w.sign_in(), w.sign_in()
    found = w.engine.admin.list_sessions("u1").sessions
    assert {session.id for session in found} == {one.info.id, other.info.id}
    assert not any(session.current for session in found)

    assert w.engine.admin.end_session("u1", one.info.id, actor="root") == SessionsEnded(1)
    assert w.engine.admin.end_session("u1", one.info.id, actor="root") == SessionsEnded(0)

    assert (valid(w, one.session), valid(w, other.session)) == (False, True)
    (event,) = told(w, SessionClosed)
    assert (event.session, event.actor) == (one.info.id, "root")


def test_an_administrator_of_nobody_ends_nothing():
    w = a_world()
    assert w.engine.admin.list_sessions("nobody") == SessionList(())
    assert w.engine.admin.end_session("nobody", "0" * 32, actor="root") == SessionsEnded(0)
    for wrong in ({"actor": ""}, {"session": "x"}):
        with pytest.raises(ConfigError):
            w.engine.admin.end_session("u1", wrong.get("session", "0" * 32), actor=wrong.get("actor", "root"))


# --- the cache --------------------------------------------------------------------------------------------------------


def behind(place, **knobs):
    """A world whose checks may be ten seconds behind, and another node of it."""
    made = exhibit(place, policy=with_sessions(staleness=10 * SECOND, **knobs))
    made.sign_up()
    return made, other_node(made, place)


def loads(w, call):
    outcome, calls = w.observe(call)
    return outcome, len(calls)


def test_a_check_within_the_staleness_reads_nothing_and_after_it_once(place):
    w, _ = behind(place)
    token = w.sign_in().session
    for wait, wanted in ((0, 1), (9, 0), (1, 1), (5, 0), (5, 1)):
        w.clock.advance(seconds=wait)
        outcome, counted = loads(w, lambda: check(w, token))
        assert (isinstance(outcome, SessionValid), counted) == (True, wanted)


def test_what_another_node_ends_lives_for_the_declared_bound_and_no_longer(place):
    """I30, M-177: this node remembers what it read; a check says yes until ten seconds after the read, and never again."""
    w, node = behind(place)
    token, fresh = w.sign_in().session, w.sign_in().session
    assert valid(w, token)
    node.sign_out_everywhere("u1", by=FreshSession(fresh), context=w.context())

    w.clock.advance(seconds=10, microseconds=-1)
    assert valid(w, token)
    w.clock.advance(microseconds=1)
    assert check(w, token) == SessionEnded(EndReason.ENDED)


@pytest.mark.parametrize("end", [one for one in ENDS if one != "a sign-out"])
def test_what_this_process_ends_is_over_at_once(end):
    w = a_world(staleness=MINUTE)
    w.signed = w.sign_in()
    w.token = w.signed.session
    assert valid(w, w.token) and valid(w, w.token)
    ENDS[end](w)
    assert not valid(w, w.token)


def test_no_other_operation_is_behind(place):
    """Whatever changes or shows something asks the store: a session that another node ended gets nothing from it."""
    w, node = behind(place)
    token, other = w.sign_in().session, w.sign_in().session
    assert valid(w, token)
    node.sign_out(token, context=w.context())
    for name, call in every_operation(w, token).items():
        outcome = call()
        assert isinstance(outcome, SessionValid) if name == "check_session" else isinstance(outcome, (*NO, SessionsEnded)), name
        ended = (SessionsEnded(0), Refused(), SessionEnded(EndReason.ENDED))
        assert outcome in ended or name == "check_session"
    assert valid(w, other)


def test_a_session_of_after_the_read_is_looked_up(place):
    """It says yes and nothing else: what another node began a moment ago is not refused here."""
    w, node = behind(place)
    assert valid(w, w.sign_in().session)
    there = node.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(there, SignedIn)
    assert valid(w, there.session)


def test_a_generation_that_another_node_wrote_down_is_looked_up(place):
    w, node = behind(place)
    token = w.sign_in().session
    new = turned(w, token)
    assert valid(w, new, node)
    assert valid(w, new) and valid(w, new)
    w.clock.advance(GRACE)
    assert check(w, token) == SessionEnded(EndReason.COPIED)


def test_the_first_return_of_a_generation_is_written_down_whatever_was_read_just_now(place):
    w, _ = behind(place)
    new = turned(w, w.sign_in().session)
    assert valid(w, new) and turn(w) == 1


def test_a_clock_that_goes_back_forgets_what_was_read(place):
    w, _ = behind(place)
    token = w.sign_in().session
    assert valid(w, token)
    w.clock.advance(seconds=-1)
    assert loads(w, lambda: check(w, token))[1] == 1


def test_what_is_read_while_it_changes_is_not_kept():
    """The load began before the commit and ends after it: what it brings is of before, and must not outlive this moment."""
    w = a_world(staleness=MINUTE)
    token = w.sign_in().session
    load = w.store.load
    ended = []

    def slow(key):
        found = load(key)
        if not ended:
            ended.append(True)
            w.engine.sign_out(token, context=w.context())
        return found

    w.store.load = slow
    w.restart()
    check(w, token)
    assert ended and not valid(w, token)


def test_a_cache_holds_so_many_records_and_drops_the_first_it_read(monkeypatch):
    monkeypatch.setattr(recent, "MOST", 3)
    kept = recent.RecentRecords(MINUTE)
    for number in range(5):
        key = bytes([number])
        kept.keep(key, Record(incarnation=key), read=START, mark=kept.mark(key))
    assert [kept.find(bytes([number]), START) is None for number in range(5)] == [True, True, False, False, False]


def test_without_staleness_nothing_is_kept():
    w = a_world()
    assert valid(w, w.sign_in().session)
    assert not w.engine._flows.core.recent._entries


# --- a key ------------------------------------------------------------------------------------------------------------


def keyed(w, key, token=None, **facts):
    context = Context.of("192.0.2.7", key=key, **facts)
    if token is None:
        return w.engine.sign_in(IDENTIFIER, PASSWORD, context=context)
    return w.engine.check_session(token, context=context)


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 33, "k" * 32, bytearray(32), 7])
def test_a_key_that_is_no_thumbprint_is_a_mistake_of_the_caller(key):
    with pytest.raises(ConfigError) as refused:
        Context.of("192.0.2.7", key=key)
    assert refused.value.remedy
    assert repr(KEY)[2:-1] not in repr(Context.of("192.0.2.7", key=KEY))


def test_a_bound_token_is_worth_nothing_without_its_key_and_the_theft_is_seen():
    w = a_world(binding=Binding.IF_GIVEN)
    token = keyed(w, KEY).session
    assert isinstance(keyed(w, KEY, token), SessionValid)

    assert keyed(w, None, token) == SessionEnded(EndReason.KEY) == keyed(w, OTHER, token)
    for name, call in every_operation(w, token).items():
        assert isinstance(call(), NO) or name == "sign_out", name

    assert isinstance(keyed(w, KEY, token), SessionValid)
    w.deliver()
    seen = [one for one in w.sink.observations if isinstance(one, AttemptRefused)]
    assert {(one.subject, one.reason) for one in seen if one.operation == "check_session"} == {("u1", "another key")}


def test_renewal_and_rotation_keep_the_key():
    w = a_world(binding=Binding.IF_GIVEN)
    token = keyed(w, KEY).session
    for _ in range(3):
        w.clock.advance(RULES.rotate)
        token = keyed(w, KEY, token).renewed
        assert keyed(w, None, token) == SessionEnded(EndReason.KEY)
        assert isinstance(keyed(w, KEY, token), SessionValid)


def test_a_step_up_binds_to_the_key_of_its_request_and_is_refused_without_one_where_that_is_required():
    w = a_world(binding=Binding.REQUIRED)
    here = Context.of("192.0.2.7", key=KEY)
    token = keyed(w, KEY).session
    w.clock.advance(RULES.fresh + SECOND)
    assert w.engine.authorize(token, "change-factors", context=w.context()) == SessionEnded(EndReason.KEY)
    asked = w.engine.authorize(token, "change-factors", context=here)
    assert isinstance(asked, ReauthenticationRequired)
    assert w.engine.reauthenticate(asked.ticket, PASSWORD, context=w.context()) == Refused()

    again = w.engine.reauthenticate(asked.ticket, PASSWORD, context=here)

    assert isinstance(again, SignedIn)
    assert isinstance(keyed(w, KEY, again.session), SessionValid)
    assert keyed(w, None, again.session) == SessionEnded(EndReason.KEY)
    assert keyed(w, KEY, token) == SessionEnded(EndReason.ENDED)


def test_a_session_that_steps_up_after_its_first_day_goes_on_with_one_token():
    """Its new id has the generation of the old one: nothing of that is taken for a copy."""
    w = a_world()
    token = turned(w, w.sign_in().session)
    assert valid(w, token)
    w.clock.advance(GRACE)
    asked = w.engine.authorize(token, "change-factors", context=w.context())
    stepped = w.engine.reauthenticate(asked.ticket, PASSWORD, context=w.context()).session
    w.clock.advance(GRACE)
    assert valid(w, stepped)
    assert check(w, token) == SessionEnded(EndReason.ENDED)
    assert valid(w, turned(w, stepped))
    assert told(w, SessionCopied) == []


def test_a_change_of_privilege_binds_to_the_key_of_its_request():
    w = a_world(binding=Binding.IF_GIVEN)
    here = Context.of("192.0.2.7", key=KEY)
    started = w.engine.enroll_totp(keyed(w, KEY).session, context=here)
    assert isinstance(started, EnrollmentStarted)
    app = Authenticator(started)
    added = w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=here)
    assert isinstance(keyed(w, KEY, added.session), SessionValid)
    assert keyed(w, OTHER, added.session) == SessionEnded(EndReason.KEY)


def test_an_unbound_session_goes_on_where_a_key_is_given_later_and_is_not_bound_by_it():
    """A thief with a key of his own must not make the owner's session his."""
    w = a_world(binding=Binding.IF_GIVEN)
    token = keyed(w, None).session
    w.clock.advance(RULES.rotate)
    renewed = keyed(w, OTHER, token).renewed
    assert isinstance(keyed(w, None, renewed), SessionValid)


def test_off_binds_nothing_and_leaves_bound_what_was():
    w = a_world(binding=Binding.IF_GIVEN)
    bound = keyed(w, KEY).session
    w.restart(with_sessions())
    assert isinstance(keyed(w, None, keyed(w, KEY).session), SessionValid)
    assert keyed(w, None, bound) == SessionEnded(EndReason.KEY)


def test_where_a_key_is_required_nobody_signs_in_without_and_nobody_can_tell_who_is_there():
    w = a_world(binding=Binding.REQUIRED)
    calls = []
    for name in (IDENTIFIER, "nobody@example.org"):
        for password in (PASSWORD, "wrong guess number 1"):
            calls.append(w.engine.sign_in(name, password, context=w.context()))
    assert calls == [Refused()] * 4
    assert not w.comparisons.guesses
    assert isinstance(keyed(w, KEY, keyed(w, KEY).session), SessionValid)
    w.deliver()
    assert {one.reason for one in w.sink.observations if isinstance(one, AttemptRefused)} == {"no key"}


def test_where_a_key_is_required_a_session_of_before_is_over():
    w = a_world()
    token = w.sign_in().session
    w.restart(with_sessions(binding=Binding.REQUIRED))
    assert keyed(w, None, token) == SessionEnded(EndReason.KEY) == keyed(w, KEY, token)
    assert w.engine.list_sessions(token, context=w.context()) == Refused()
    assert isinstance(keyed(w, KEY), SignedIn)


def test_every_session_token_has_one_length():
    """With a key or without, of whichever generation: its length tells nothing."""
    w = a_world(binding=Binding.IF_GIVEN)
    tokens = [keyed(w, None).session, keyed(w, KEY).session]
    tokens.append(turned(w, tokens[0]))
    assert {len(one) for one in tokens} == {388}
