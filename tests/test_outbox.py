"""Dead letters: what was not delivered is seen, revived or let go of, and lost by nobody."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    AsyncEngine,
    AsyncMemoryStore,
    ConfigError,
    CurrentPassword,
    Delivered,
    Engine,
    Keyring,
    MemoryStore,
    MessagePurpose,
    StoreError,
)
from acctsec.__main__ import main
from acctsec.budgets import Rungs
from acctsec.claims import Admin
from acctsec.errors import CommitUnknown
from acctsec.events import Erased, LetterDied, LetterDiscarded, NoticeWithheld, PasswordSet, ResetWithheld
from acctsec.keyring import new_keys
from acctsec.outcomes import LetterKind, LettersDiscarded, LettersRevived, OutboxStatus
from acctsec.protocols import MAX_ATTEMPTS
from acctsec.testing import DEATHS, FAILURES, Died, MemoryDirectory, async_world, explore, race_world, world
from acctsec.testing.doubles import OUTBOX, STORE
from acctsec.testing.turns import drive
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "violet staple under the harbour 63"
OTHER = "alice@example.net"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]
QUIET = settings(suppress_health_check=list(HealthCheck))


class Directory(MemoryDirectory):
    """A user table that can be down."""

    down = False

    def find(self, tenant, identifier):
        if self.down:
            raise ConnectionError
        return super().find(tenant, identifier)

    def get(self, tenant, subject):
        if self.down:
            raise ConnectionError
        return super().get(tenant, subject)


def built(form=world, *, store=None, policy=CHEAPEST):
    """A world whose user table can be down."""
    w = form(store=store, policy=policy)
    w.directory = Directory()
    w.restart()
    return w


def down(w, *, directory=True):
    w.messenger.failure, w.directory.down = OSError("no route"), directory


def up(w):
    w.messenger.failure, w.directory.down = None, False


def a_day(w, every=5 * MINUTE, length=DAY):
    """A worker tries for a day; the sum of what its rounds did."""
    rounds = []
    end = w.clock() + length
    while w.clock() < end:
        rounds.append(w.calls.deliver())
        w.clock.advance(every)
    return Delivered(
        sum(one.sent for one in rounds), sum(one.failed for one in rounds), rounds[-1].left, sum(one.dead for one in rounds)
    )


def letters(w, limit=2):
    """Every page there is."""
    found, after = [], b""
    while after is not None:
        page = w.calls.admin.dead_letters(after, limit=limit)
        assert len(page.letters) <= limit
        found += page.letters
        after = page.after
    return found


def changed(w, subject="u1", old=PASSWORD, new=NEW):
    w.calls.set_password(subject, new, by=CurrentPassword(old), context=w.context())


def an_outage(w):
    """Notices to three mailboxes, two resets and an initial password, written just before everything is down for a day."""
    w.sign_up(addresses=(IDENTIFIER, OTHER))
    w.sign_up("u2", "bob@example.org")
    w.deliver()
    changed(w)
    changed(w, "u2")
    w.calls.request_reset(IDENTIFIER, context=w.context())
    w.calls.request_reset("nobody@example.org", context=w.context())
    w.calls.admin.initial_password("u2", actor="root")
    down(w)
    return a_day(w)


# --- nothing is lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_day_without_mail_all_that_is_revived_arrives_once(kind, places):
    """Notices once a key; resets are over by then, and are withheld as late."""
    place = places.fresh(kind)
    try:
        w = built(store=place.open())
        day = an_outage(w)
        assert (day.dead, day.left) == (6, False)
        status = w.calls.admin.outbox()
        assert (status.due, status.hidden, status.dead, status.oldest) == (0, 0, 6, None)
        dead = letters(w)
        told = sorted((one.kind.value, one.name, one.subject) for one in dead)
        assert told == [
            *[("notice", "password-changed", "u1")] * 2,
            ("notice", "password-changed", "u2"),
            ("reset", "initial-password", "u2"),
            *[("reset", "reset", "")] * 2,
        ]
        assert {one.attempts for one in dead} == {MAX_ATTEMPTS}

        up(w)
        assert w.calls.deliver().sent == 0, "Nobody revives them but who says so."
        assert w.calls.admin.revive_letters([one.id for one in dead]) == LettersRevived(6)
        assert w.calls.admin.outbox().due == 6
        assert w.calls.admin.outbox().oldest >= DAY
        w.deliver()
        arrived = sorted(one.address for one in w.messenger.of(MessagePurpose.PASSWORD_CHANGED))
        assert arrived == sorted([IDENTIFIER, OTHER, "bob@example.org"])
        assert len(w.messenger.handed) == 3, "Each came once, and no link that is over came at all."
        reasons = [one.reason for one in w.sink.observations if isinstance(one, ResetWithheld)]
        assert sorted(reasons) == ["late", "late", "unknown"]
        assert w.calls.admin.outbox() == OutboxStatus(due=0, hidden=0, dead=0, oldest=None)
        assert w.calls.admin.revive_letters([one.id for one in dead]) == LettersRevived(0)
    finally:
        place.close()


def test_both_faces_show_the_same():
    shown = []
    for form in (world, async_world):
        w = built(form)
        an_outage(w)
        dead = letters(w)
        shown.append([(one.kind, one.name, one.subject, one.at, one.attempts) for one in dead])
        assert w.calls.admin.discard_letters([dead[0].id], actor="root") == LettersDiscarded(1)
        assert w.calls.admin.revive_letters([one.id for one in dead]) == LettersRevived(5)
        w.close()
    assert shown[0] == shown[1]


def test_what_is_revived_and_fails_again_is_dead_again():
    """With ten tries, as if it had never been tried."""
    w = built()
    an_outage(w)
    w.calls.admin.revive_letters([one.id for one in letters(w)])
    assert a_day(w).dead == 6
    assert len(letters(w)) == 6


def test_news_of_guesses_that_come_back_stay_within_their_share():
    """Strangers bring them about: what a mailbox was spared by the outage it need not read all at once."""
    rungs = Rungs(free=2, first=MINUTE, longest=MINUTE, stop=3)
    w = built(policy=evolve(CHEAPEST, lockout=evolve(CHEAPEST.lockout, strangers=rungs)))
    w.sign_up()
    w.deliver()
    for number in range(24):
        w.calls.sign_in(IDENTIFIER, f"wrong {number} {PASSWORD}", context=w.context(f"192.0.2.{number + 1}"))
        w.clock.advance(seconds=90)
        if number % 4 == 3:
            w.calls.admin.unlock("u1", actor="root")
    down(w, directory=False)
    a_day(w)
    dead = letters(w)
    assert {one.name for one in dead} == {"guessing-stopped"}
    up(w)
    w.calls.admin.revive_letters([one.id for one in dead])
    w.deliver()
    sent = w.messenger.of(MessagePurpose.GUESSING_STOPPED)
    withheld = [one for one in w.sink.observations if isinstance(one, NoticeWithheld)]
    assert 1 <= len(sent) <= CHEAPEST.lockout.notices.limit
    assert len({one.key for one in sent}) == len(sent)
    assert len(sent) + len(withheld) >= len(dead), "Each was sent, or was said to be withheld."
    assert all(one.link is None for one in sent), "There is nothing left to open."


# --- what is seen -----------------------------------------------------------------------------------------------------


@QUIET
@given(steps=st.lists(st.sampled_from(["write", "try", "mend", "break", "wait", "day"]), max_size=25))
def test_what_waits_is_counted_as_a_worker_meets_it(steps):
    """Due is what it would be handed now, dead what it was handed ten times, hidden the rest."""
    w = built()
    w.sign_up()
    w.deliver()
    w.sink.failure = None
    for step in steps:
        if step == "write":
            w.calls.admin.disable("u1", actor="root")
            w.calls.admin.enable("u1", actor="root")
        elif step == "try":
            w.calls.deliver()
        elif step in ("mend", "break"):
            w.sink.failure = OSError() if step == "break" else None
        else:
            w.clock.advance(MINUTE if step == "wait" else DAY)
        entries = list(w.store._outbox.values())
        due = [one for one in entries if one.attempts < MAX_ATTEMPTS and (one.due is None or one.due <= w.clock())]
        dead = [one for one in entries if one.attempts >= MAX_ATTEMPTS]
        status = w.calls.admin.outbox()
        assert (status.due, status.hidden, status.dead) == (len(due), len(entries) - len(due) - len(dead), len(dead))
        assert (status.oldest is None) == (not due)
        assert len(letters(w)) == len(dead)


def test_the_oldest_says_how_far_delivery_is_behind():
    w = built()
    w.sign_up()
    w.clock.advance(minutes=7)
    w.calls.admin.disable("u1", actor="root")
    w.clock.advance(minutes=2)
    assert w.calls.admin.outbox().oldest == 9 * MINUTE
    w.clock.advance(minutes=-30)
    assert w.calls.admin.outbox().oldest == timedelta(0), "A clock that went back makes no negative age."


def test_monitoring_hears_of_each_letter_that_dies_and_of_no_other():
    """One observation each, when the last try failed, with what the letter is and without what is in it."""
    w = built()
    w.sign_up()
    w.deliver()
    changed(w)
    w.calls.request_reset(IDENTIFIER, context=w.context())
    down(w)
    rounds, died = [], []
    for attempt in range(MAX_ATTEMPTS):
        rounds.append(w.calls.deliver())
        died = [one for one in w.sink.observations if isinstance(one, LetterDied)]
        assert len(died) == (2 if attempt == MAX_ATTEMPTS - 1 else 0), attempt
        w.clock.advance(seconds=60 * 2**attempt)
    assert [one.dead for one in rounds] == [0] * 9 + [2]
    assert sorted((one.kind, one.name, one.subject) for one in died) == [
        ("notice", "password-changed", "u1"),
        ("reset", "reset", ""),
    ]
    assert all(type(one.kind) is str for one in died)
    assert a_day(w).dead == 0, "It is told once."


def test_events_that_die_are_counted_though_the_sink_hears_of_nothing():
    """What tells of them is down itself: `Delivered` says it, the status does, and what was dropped is counted."""
    w = built()
    w.sign_up()
    w.sink.failure = OSError("no route")
    assert a_day(w).dead == 1
    assert w.calls.admin.outbox().dead == 1
    assert w.engine.dropped_observations == 1
    [letter] = letters(w)
    assert (letter.kind, letter.name, letter.tenant, letter.subject) == (LetterKind.EVENT, "PasswordSet", "", "u1")
    w.sink.failure = None
    w.calls.admin.revive_letters([letter.id])
    w.deliver()
    assert len(w.sink.of(PasswordSet)) == 1


def test_what_no_key_opens_is_seen_and_goes_out_once_the_key_is_back():
    w = built()
    first = w.keyring
    w.sign_up()
    w.restart(keyring=Keyring.from_text(new_keys()))
    assert w.calls.admin.outbox().oldest is None, "When it was written is sealed too."
    a_day(w)
    [letter] = letters(w)
    assert (letter.kind, letter.name, letter.tenant, letter.subject, letter.at) == (LetterKind.UNREADABLE, "", "", "", None)
    [died] = [one for one in w.sink.observations if isinstance(one, LetterDied)]
    assert (died.kind, died.name, died.subject) == ("unreadable", "", "")
    w.restart(keyring=first)
    assert letters(w)[0].name == "PasswordSet"
    w.calls.admin.revive_letters([letter.id])
    w.deliver()
    assert len(w.sink.of(PasswordSet)) == 1


def test_nothing_that_is_shown_opens_or_reaches_anybody():
    """Neither address nor identifier, link nor code: what a letter is, and whose, is enough to decide."""
    w = built()
    an_outage(w)
    dead = letters(w)
    w.calls.admin.discard_letters([dead[0].id], actor="root")
    shown = repr([dead, w.calls.admin.outbox(), w.sink.observations, w.sink.events])
    for secret in (IDENTIFIER, OTHER, "bob@example.org", "nobody", "example", PASSWORD, NEW):
        assert secret not in shown, secret


# --- letting go -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_that_is_discarded_is_gone_and_said_to_be(kind, places):
    place = places.fresh(kind)
    try:
        w = built(store=place.open())
        an_outage(w)
        up(w)
        dead = letters(w)
        gone = [one for one in dead if one.name == "reset"]
        ids = [one.id for one in gone]
        assert w.calls.admin.discard_letters([*ids, *ids], actor="root") == LettersDiscarded(2)
        assert w.calls.admin.discard_letters(ids, actor="root") == LettersDiscarded(0)
        assert [one.id for one in letters(w)] == [one.id for one in dead if one.id not in ids]
        w.deliver()
        told = w.sink.of(LetterDiscarded)
        assert [(one.kind, one.name, one.subject, one.actor) for one in told] == [("reset", "reset", "", "root")] * 2
    finally:
        place.close()


def test_what_lives_is_not_discarded():
    """Not what is due, nor what a worker has, nor what was revived."""
    w = built()
    an_outage(w)
    ids = [one.id for one in letters(w)]
    w.calls.admin.revive_letters(ids)
    assert w.calls.admin.discard_letters(ids, actor="root") == LettersDiscarded(0)
    w.calls.deliver()
    assert w.calls.admin.discard_letters(ids, actor="root") == LettersDiscarded(0)
    assert w.calls.admin.outbox().hidden == 6
    up(w)
    w.clock.advance(MINUTE)
    w.deliver()
    assert w.sink.of(LetterDiscarded) == []


def dead_notice():
    """One dead letter, in a world whose store calls can fail one by one."""
    w = race_world()
    w.sign_up()
    w.deliver()
    changed(w)
    w.messenger.failure = OSError()
    a_day(w, every=30 * MINUTE)
    w.messenger.failure = None
    return w


@pytest.mark.parametrize("fates", [DEATHS, FAILURES])
def test_whatever_call_it_dies_at_no_letter_goes_without_a_trace(fates):
    """It is still there, or its event is; done again it is gone, and one event is told."""

    def check(w, answers):
        w.restart()
        left = drive(w.engine.admin.dead_letters()).letters
        if answers[0] == LettersDiscarded(1):
            assert left == ()
        else:
            assert isinstance(answers[0], Died | StoreError)
        again = drive(w.engine.admin.discard_letters([one.id for one in left], actor="root"))
        assert again == LettersDiscarded(len(left))
        assert drive(w.engine.admin.dead_letters()).letters == ()
        w.clock.advance(DAY)
        w.deliver()
        assert len(w.sink.of(LetterDiscarded)) == 1

    def begin(w):
        return [w.engine.admin.discard_letters([one.id for one in letters(w)], actor="root")]

    assert explore(dead_notice, begin, check, fates=fates, most=2).schedules > 5


def test_revived_and_discarded_at_once_a_letter_is_sent_or_said_to_be_discarded():
    """In every order of their store calls, and those of a worker."""

    def begin(w):
        ids = [one.id for one in letters(w)]
        return [w.engine.admin.discard_letters(ids, actor="root"), w.engine.admin.revive_letters(ids), w.engine.deliver()]

    def check(w, answers):
        w.deliver()
        w.clock.advance(DAY)
        w.deliver()
        assert drive(w.engine.admin.dead_letters()).letters == ()
        told, sent = len(w.sink.of(LetterDiscarded)), len(w.messenger.of(MessagePurpose.PASSWORD_CHANGED))
        assert told == answers[0].count
        assert told or sent == 1

    explore(dead_notice, begin, check)


def test_an_erased_subject_s_letters_are_gone():
    """The dead ones too, and what was said of them; others' stay."""
    w = built()
    an_outage(w)
    up(w)
    dead = letters(w)
    w.calls.admin.discard_letters([next(one.id for one in dead if one.subject == "u1")], actor="root")
    w.calls.admin.erase("u1", actor="root")
    assert {one.subject for one in letters(w)} == {"u2", ""}
    w.deliver()
    assert len(w.sink.of(Erased)) == 1
    assert w.sink.of(LetterDiscarded) == []


class Unknown(MemoryStore):
    """The answers to the first commits are lost, whether they happened or not."""

    lost = 0

    def commit(self, *given):
        if self.lost:
            self.lost -= 1
            if self.lost % 2:
                super().commit(*given)
            raise CommitUnknown("lost", remedy="none")
        return super().commit(*given)


@pytest.mark.parametrize(("lost", "count"), [(0, 1), (7, 1), (8, 0)])
def test_an_answer_that_is_lost_is_asked_for_again_and_told_once(lost, count):
    w = built(store=Unknown())
    an_outage(w)
    up(w)
    w.engine._flows.core.ports.pause = no_pause
    dead, w.store.lost = letters(w), lost
    if count:
        assert w.calls.admin.discard_letters([dead[0].id], actor="root") == LettersDiscarded(1)
    else:
        with pytest.raises(StoreError, match="Discard it again"):
            w.calls.admin.discard_letters([dead[0].id], actor="root")
    assert len(letters(w)) == 6 - count
    w.deliver()
    assert len(w.sink.of(LetterDiscarded)) == 1


async def no_pause(_):
    pass


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [["xyz"], ["é"], [1], [""], ["00" * 65], ["00"] * 1001, None, "00", b"0000"])
def test_what_is_no_id_is_refused(ids):
    w = built()
    for call in (w.engine.admin.revive_letters, lambda ids: w.engine.admin.discard_letters(ids, actor="root")):
        with pytest.raises(ConfigError) as refused:
            call(ids)
        assert refused.value.remedy


@pytest.mark.parametrize("wrong", [{"after": None}, {"after": "x"}, {"limit": 0}, {"limit": True}, {"limit": 1001}])
def test_no_page_is_refused(wrong):
    with pytest.raises(ConfigError):
        world().engine.admin.dead_letters(**{"after": b"", **wrong})


@pytest.mark.parametrize("actor", ["", None, 7])
def test_whoever_discards_has_a_name(actor):
    with pytest.raises(ConfigError):
        world().engine.admin.discard_letters([], actor=actor)
    assert Admin("root")


class Part:
    """What a store shows of itself."""

    def __init__(self, store, *methods):
        for method in methods:
            setattr(self, method, getattr(store, method))


def test_a_store_that_does_not_show_its_outbox_delivers_all_the_same():
    """Whoever wants to look is told what is lacking."""
    w = world(store=Part(MemoryStore(), *STORE))
    w.sign_up()
    w.deliver()
    admin = w.engine.admin
    for look in (admin.outbox, admin.dead_letters, lambda: admin.revive_letters(["00"])):
        with pytest.raises(ConfigError, match="OutboxStore"):
            look()
    with pytest.raises(ConfigError, match="OutboxStore"):
        admin.discard_letters(["00"], actor="root")


@pytest.mark.parametrize("lacking", OUTBOX)
def test_a_half_of_the_port_is_refused_at_construction(lacking):
    with pytest.raises(ConfigError, match=f"no method {lacking}"):
        world(store=Part(MemoryStore(), *STORE, *[one for one in OUTBOX if one != lacking]))


@pytest.mark.parametrize(
    ("face", "store", "other"), [(Engine, MemoryStore, AsyncMemoryStore), (AsyncEngine, AsyncMemoryStore, MemoryStore)]
)
def test_the_other_form_of_the_port_is_refused_at_construction(face, store, other):
    mixed = Part(store(), *STORE)
    mixed.__dict__.update(Part(other(), *OUTBOX).__dict__)
    with pytest.raises(ConfigError, match="waiting is"):
        face(policy=CHEAPEST, store=mixed, directory=None, keyring=world().keyring, outbox="manual")


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def shop(request, monkeypatch):
    """An application with six dead letters, whose engine the command finds by name."""
    w = built(request.param)
    an_outage(w)
    up(w)
    monkeypatch.setitem(sys.modules, "outbox_shop", type("module", (), {"engine": staticmethod(lambda: w.engine)}))
    yield w
    w.close()


def outbox(capsys, *typed):
    """What the command answers, and what it says."""
    code = main(["outbox", typed[0], "--engine", "outbox_shop:engine", *typed[1:]])
    said = capsys.readouterr()
    assert not said.err or code, said.err
    return code, json.loads(said.out) if "--json" in typed and code != 2 else " ".join((said.out + said.err).split())


def test_the_command_says_what_waits_and_ends_in_1_while_letters_are_dead(shop, capsys):
    code, said = outbox(capsys, "status")
    assert (code, "dead 6 had ten tries" in said) == (1, True), said
    assert outbox(capsys, "status", "--json") == (1, {"due": 0, "hidden": 0, "dead": 6, "oldest_seconds": None})
    shop.calls.admin.revive_letters([one.id for one in letters(shop)])
    code, said = outbox(capsys, "status")
    assert (code, "due 6 the oldest for 1 day, " in said) == (0, True), said
    assert outbox(capsys, "status", "--json")[1]["oldest_seconds"] >= DAY.total_seconds()
    shop.deliver()
    assert outbox(capsys, "status")[0] == 0


def test_the_command_lists_what_is_dead(shop, capsys):
    code, said = outbox(capsys, "dead")
    assert (code, said.count("password-changed"), "6 letters." in said) == (0, 3, True), said
    code, told = outbox(capsys, "dead", "--json", "--limit", "4")
    assert (code, len(told["letters"]), told["more"]) == (0, 4, True)
    code, told = outbox(capsys, "dead", "--json", "--limit", "6")
    assert (len(told["letters"]), told["more"]) == (6, False)
    assert [one["id"] for one in told["letters"]] == [one.id for one in letters(shop)]
    assert set(told["letters"][0]) == {"id", "kind", "name", "tenant", "subject", "at", "attempts"}
    assert "There are more" in outbox(capsys, "dead", "--limit", "1")[1]
    assert "example" not in json.dumps(told) + said


def test_the_command_revives_some_or_all(shop, capsys):
    ids = [one.id for one in letters(shop)]
    assert outbox(capsys, "revive", *ids[:2], ids[0]) == (0, "2 letters revived.")
    assert outbox(capsys, "revive", *ids[:3]) == (1, "1 letter revived. Not dead, or not any more: 2.")
    assert outbox(capsys, "revive", "--all", "--json") == (0, {"revived": 3, "not_dead": 0})
    assert outbox(capsys, "revive", "--all") == (0, "0 letters revived.")
    shop.deliver()
    assert len(shop.messenger.handed) == 3


def test_more_than_a_page_is_revived_at_once(shop, capsys):
    for number in range(230):
        shop.calls.admin.disable(f"p{number}", actor="root")
    shop.sink.failure = OSError()
    while shop.calls.deliver(1000).left:
        pass
    day = a_day(shop, every=30 * MINUTE)
    shop.sink.failure = None
    before = shop.calls.admin.outbox().dead
    assert before == 6 + day.dead >= 236
    code, said = outbox(capsys, "revive", "--all", "--json")
    assert (code, said["revived"]) == (0, before)
    assert shop.calls.admin.outbox().dead == 0


def test_the_command_discards_by_name(shop, capsys):
    ids = [one.id for one in letters(shop)]
    assert outbox(capsys, "discard", ids[0]) == (0, "1 letter discarded.")
    assert outbox(capsys, "discard", *ids[:2], "--actor", "ada", "--json") == (1, {"discarded": 1, "not_dead": 1})
    shop.deliver()
    assert [one.actor for one in shop.sink.of(LetterDiscarded)] == ["acctsec outbox", "ada"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["dead", "--limit", "0"], "--limit is 0"),
        (["revive", "no-id"], "no id of a letter"),
        (["discard", "no-id"], "no id of a letter"),
        (["discard", "00", "--actor", ""], "actor"),
    ],
)
def test_what_cannot_be_done_as_it_was_typed(typed, says, shop, capsys):
    code, said = outbox(capsys, *typed)
    assert (code, says in said) == (2, True), said


@pytest.mark.parametrize("typed", [["revive"], ["revive", "--all", "00"], ["discard"], []])
def test_what_says_too_little_or_too_much_is_not_begun(typed, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["outbox", *typed, *(["--engine", "outbox_shop:engine"] if typed else [])])
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_store_that_fails_ends_in_1(capsys, monkeypatch):
    class Broken(MemoryStore):
        def waiting(self, now):
            raise StoreError("It is broken.", remedy="Mend it.")

    monkeypatch.setitem(sys.modules, "outbox_shop", type("module", (), {"engine": world(store=Broken()).engine}))
    assert outbox(capsys, "status") == (1, "acctsec: It is broken. Mend it.")
    monkeypatch.setitem(
        sys.modules, "outbox_shop", type("module", (), {"engine": world(store=Part(MemoryStore(), *STORE)).engine})
    )
    code, said = outbox(capsys, "status")
    assert (code, "OutboxStore" in said) == (2, True)
    assert main(["outbox", "status", "--engine", "nowhere:engine"]) == 2


APP = """
from acctsec import CHEAPEST, Engine, Keyring, SqliteStore
from acctsec.testing import MemoryDirectory
import os
engine = Engine(policy=CHEAPEST, store=SqliteStore("accounts.db"), directory=MemoryDirectory(),
    keyring=Keyring.from_text(os.environ["KEYS"]), outbox="manual")
"""


def test_it_runs_beside_an_application(tmp_path, monkeypatch):
    """In a process of its own, on the file that the application has open."""
    (tmp_path / "shop.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEYS", new_keys())
    monkeypatch.setenv("PYTHONPATH", ".", prepend=os.pathsep)
    written = "from shop import engine; engine.admin.disable('u1', actor='root')"
    subprocess.run([sys.executable, "-c", written], check=True)
    line = [sys.executable, "-m", "acctsec", "outbox", "status", "--engine", "shop:engine", "--json"]
    told = subprocess.run(line, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["due"] == 1
