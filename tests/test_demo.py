"""The demo holds what it claims, says so when it does not, and writes a page that stands alone."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from acctsec import CHEAPEST, PasswordAccepted, TryAgain
from acctsec.__main__ import main
from acctsec._demo import attack, crashes, day, inforce, play, signups, stage, victim
from acctsec._demo.attack import CheckThenCount
from acctsec._demo.people import Person, most_used
from acctsec._demo.pictures import ladders, qr
from acctsec._demo.screen import Screen
from acctsec._demo.stage import Broken, Stage, expect, patiently
from acctsec._demo.svg import figure, label, picture
from acctsec._demo.victim import Point
from acctsec._demo.world import Mailbox, Watched, World
from acctsec.hashing.policy import Comparison
from acctsec.knobs import knobs


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """One fast run: what was shown, the page, the store, and whether all held."""
    where = tmp_path_factory.mktemp("demo")
    out, store, report = io.StringIO(), where / "kept.db", where / "page.html"
    held = play.play(Screen(out), store=store, report=report, fast=True)
    return held, out.getvalue(), report.read_text(encoding="utf-8"), store


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "store.db", scratch=tmp_path, fast=True)
    yield made
    made.store.close()


# --- one run ----------------------------------------------------------------------------------------------------------


def test_every_claim_of_the_demo_holds(played):
    """The demo is a test as well."""
    held, shown, _, _ = played

    assert [line for line in shown.splitlines() if line.lstrip().startswith(("✗", "NO "))] == []
    assert held
    assert len(re.findall(r"^ +✓ ", shown, flags=re.MULTILINE)) >= 25


def test_five_acts_are_played_and_summed_up(played):
    """Whoever watches sees where it ends, and where the page is."""
    _, shown, _, _ = played

    assert re.findall(r"^(\d)  \S", shown, flags=re.MULTILINE) == list("12345")
    assert re.search(r"Five acts, (\d+) of \1 claims held, \d+ s\. The store: \S+kept\.db\. The page: \S+page\.html\n$", shown)


def test_the_limit_is_exact_and_the_usual_counter_is_not(played):
    """The contrast that the third act is there for."""
    _, shown, _, _ = played

    assert "Of 24 distinct passwords 10 met the real hash; the policy says 10." in shown
    through = int(re.search(r"checks, then counts, let (\d+) through", shown)[1])
    assert through > 10


def test_the_store_that_was_asked_for_is_kept(played):
    """And it is a real one: subjects can be read in it, secrets cannot."""
    _, _, _, store = played

    content = store.read_bytes()

    assert b"person-1" in content
    assert b"example.com" not in content
    assert b"argon2" not in content


def test_a_store_that_is_in_use_is_refused(played, capsys):
    """Demo accounts have no place in anybody's store."""
    _, _, _, store = played
    before = store.read_bytes()

    assert main(["demo", "--fast", "--store", str(store)]) == 2

    assert f"{store} is not empty" in capsys.readouterr().err
    assert store.read_bytes() == before


# --- the page ---------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Reads a page and complains about what is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.counts, self.ids, self.named, self.links = [], {}, set(), [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if "id" in given:
            assert given["id"] not in self.ids
            self.ids.add(given["id"])
        self.named += given.get("aria-labelledby", "").split()
        self.links += [given[name] for name in ("href", "src", "xlink:href", "action", "data") if name in given]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_the_page_is_whole(played):
    """Every element that opens closes, and every id is there once."""
    reader = read(played[2])

    assert reader.open == []
    assert reader.counts["section"] == 5
    assert reader.counts["svg"] >= 7


def test_the_page_refers_to_nothing_outside_itself(played):
    """It can be mailed, archived and opened on a machine without a network."""
    page = played[2]

    assert read(page).links == []
    assert not re.search(r"https?:|://|url\(|@import|<script|<link|<img|<iframe", page)


def test_every_picture_says_in_words_and_numbers_what_it_shows(played):
    """For those who do not see it."""
    page = played[2]
    reader = read(page)

    assert len(reader.named) == 2 * reader.counts["svg"]
    assert set(reader.named) == reader.ids
    assert page.count("<figure>") == page.count("The same as a table") >= 6
    assert reader.counts["desc"] == reader.counts["svg"]


def test_the_page_knows_light_and_dark(played):
    """It follows what the reader set."""
    assert "prefers-color-scheme: dark" in played[2]


def test_the_page_has_every_claim_and_every_knob(played):
    """What the terminal showed is on the page."""
    _, shown, page, _ = played

    assert page.count('<li class="held">') == len(re.findall(r"^ +✓ ", shown, flags=re.MULTILINE))
    for knob in knobs(CHEAPEST):
        assert f"<td>{knob.name.partition('.')[2]}</td>" in page


def test_what_people_typed_is_escaped():
    """A password is not markup."""
    assert label(0, 0, "<b>&") == '<text x="0" y="0" class="" text-anchor="start">&lt;b&gt;&amp;</text>'
    assert "&lt;i&gt;" in figure(picture("t", "d", (1, 1)), "c", ("head",), [("<i>",)])


def test_without_segno_the_page_has_no_qr_picture(monkeypatch):
    """The key stands beside it as text."""
    monkeypatch.setitem(sys.modules, "segno", None)

    assert qr("otpauth://totp/a?secret=JBSWY3DP") == ""


def test_the_ladder_is_drawn_from_the_policy():
    """Not from what somebody believes it to be."""
    drawn = ladders(CHEAPEST.lockout)

    assert f"all strangers together: stop at {CHEAPEST.lockout.strangers.stop}" in drawn
    assert "<td>one known device</td>" in drawn


# --- when something does not hold -------------------------------------------------------------------------------------


def only(monkeypatch, *acts):
    """Leave the other acts out."""
    for module in (signups, day, attack, crashes, inforce):
        if module not in acts:
            monkeypatch.setattr(module, "play", lambda *_: None)


def test_a_claim_that_does_not_hold_is_exit_code_1(monkeypatch, tmp_path, capsys):
    """The demo cannot smile while something is broken."""
    only(monkeypatch)
    monkeypatch.setattr(inforce, "play", lambda stage, policy: stage.claim("two and two are five", 2 + 2 == 5))
    report = tmp_path / "page.html"

    assert main(["demo", "--fast", "--report", str(report)]) == 1

    assert "✗ two and two are five" in capsys.readouterr().out
    assert '<li class="broken">two and two are five</li>' in report.read_text(encoding="utf-8")


def test_an_act_that_breaks_off_is_a_claim_that_does_not_hold(monkeypatch, tmp_path, capsys):
    """The others are played all the same."""
    only(monkeypatch, inforce)

    def broken(stage, world):
        raise Broken("Refused where SignedIn was due")

    monkeypatch.setattr(day, "play", broken)

    assert main(["demo", "--fast", "--report", str(tmp_path / "page.html")]) == 1

    shown = " ".join(capsys.readouterr().out.split())
    assert "✗ Act 2 broke off: Broken: Refused where SignedIn was due." in shown
    assert "The policy in force" in shown


def test_a_limit_that_leaks_is_found_out(monkeypatch, world):
    """A library that compared every guess would not get past the third act."""
    monkeypatch.setattr(attack, "_storm", lambda *_: (tuple(leaked()), (0.0, 0.1)))
    monkeypatch.setattr(attack, "_naively", lambda *_: (tuple(leaked()), 1))
    watched = Stage(Screen(io.StringIO()))

    attack.play(watched, world)

    assert [claim.text[:16] for claim in watched.claims if not claim.held][:1] == ["Of 24 distinct p"]


def leaked():
    for number in range(24):
        yield attack.Guess(number=number, start=0.0, end=0.5, answer=object(), compared=True)


def test_an_answer_that_is_not_due_ends_the_act():
    """And says what came instead."""
    with pytest.raises(Broken, match="int where str was due"):
        expect(1, str)


def test_asking_for_ever_ends_the_act(monkeypatch):
    """A library that never decides is found out, too."""
    monkeypatch.setattr(stage, "PATIENCE", 0)

    with pytest.raises(Broken, match="nothing but TryAgain"):
        patiently(lambda: TryAgain(timedelta(seconds=1)))


def test_a_mail_that_never_came_ends_the_act():
    """There is no link to go on with."""
    with pytest.raises(Broken, match="no reset link came to ada"):
        Mailbox().link("ada")


# --- paths ------------------------------------------------------------------------------------------------------------


def test_a_directory_is_no_store(tmp_path, capsys):
    """Said before anything is done."""
    assert main(["demo", "--store", str(tmp_path)]) == 2

    assert "is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--store", "--report"])
def test_a_place_that_cannot_be_written_is_refused(option, tmp_path, capsys):
    """With a sentence and no traceback."""
    assert main(["demo", option, str(tmp_path / "missing" / "file")]) == 2

    assert "can" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_page_goes_to_the_current_directory(monkeypatch, tmp_path):
    """Where whoever typed the command finds it."""
    monkeypatch.chdir(tmp_path)

    assert play._place(None).resolve() == tmp_path / "acctsec-demo.html"


def test_the_page_goes_among_temporary_files_where_the_current_directory_is_read_only(monkeypatch, tmp_path):
    """The demo runs from anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    place = play._place(None)

    assert place.parent.is_dir()
    assert place.name == "acctsec-demo.html"
    assert tmp_path not in place.parents
    place.parent.rmdir()


def test_a_page_that_cannot_be_written_in_the_end_is_2(monkeypatch, tmp_path, capsys):
    """A full disk is told like a wrong path."""
    only(monkeypatch)

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    assert main(["demo", "--fast", "--report", str(tmp_path / "page.html")]) == 2
    assert "No space left on device" in capsys.readouterr().err


# --- what the acts stand on -------------------------------------------------------------------------------------------


def test_people_choose_alike_on_every_run():
    """What is shown can be shown again."""
    first, again = (Person.number(17) for _ in range(2))

    assert first.account == again.account
    assert first.first() == again.first()
    assert Person.number(18).account != first.account


def test_some_people_choose_well_and_most_do_not():
    """As they do; otherwise the first act would show nothing."""
    accepted = 0
    for number in range(100):
        person = Person.number(number)
        words = (*person.account.words, *person.account.identifiers)
        accepted += isinstance(CHEAPEST.password.check(person.first().password, words=words), PasswordAccepted)

    assert 5 <= accepted <= 40


def test_an_attacker_begins_with_what_is_used_most():
    """In the order of the list."""
    assert most_used(3) == ["123456", "123456789", "qwerty"]


def test_a_watched_hasher_computes_what_the_policy_computes():
    """It counts, and changes nothing."""
    hashing = Watched.over(CHEAPEST.hashing)
    phc = hashing.hash("a password", salt=bytes(16))

    assert phc == CHEAPEST.hashing.hash("a password", salt=bytes(16))
    assert hashing.verify(phc, "a password") is Comparison.MATCHED
    hashing.spend(hashing.decoy(), "a guess")
    assert (hashing.seen.compared, hashing.seen.decoyed) == (["a password"], ["a guess"])


def test_the_usual_counter_is_right_as_long_as_nobody_hurries(tmp_path):
    """The contrast is fair: one guess after the other it keeps its limit."""
    stored = CHEAPEST.hashing.hash("right", salt=bytes(16))
    service = CheckThenCount(tmp_path / "counter.db", hashing=CHEAPEST.hashing, stored=stored, limit=3)

    assert service.sign_in("right") == "right"
    assert [service.sign_in(f"wrong {number}") for number in range(5)] == ["wrong", "wrong", "wrong", "locked", "locked"]
    assert service.sign_in("right") == "locked"
    assert service.failures == 3


def test_looking_at_a_store_sees_every_change(world):
    """Or the claim that a mail scanner changes nothing would be empty."""
    before = day.contents(world.path)
    world.store.commit(b"key", None, b"value", [b"entry"], bytes(16))

    assert day.contents(world.path) != before
    assert day.contents(world.path) == day.contents(world.path)


def test_the_search_for_secrets_finds_one(world):
    """Or the claim that none lies in the file would be empty."""
    world.secret("password", "a password in the clear")
    world.secret("link", "never written")
    world.store.commit(b"key", None, b"a password in the clear", [], bytes(16))

    found, size = crashes._search(world)

    assert found == ["password"]
    assert size > 0


# --- the process that is killed ---------------------------------------------------------------------------------------


class HaltError(Exception):
    """Stands for standing still."""


@pytest.mark.parametrize("point", [Point.BEFORE, Point.WITHIN, Point.AFTER])
def test_the_victim_stops_where_it_is_told(point, monkeypatch, tmp_path):
    """Before the commit nothing is written, inside it nothing stays, after it all is there."""

    def halt(point):
        raise HaltError

    monkeypatch.setattr(victim, "stand_still", halt)
    store = victim.Doomed(tmp_path / "store.db", point)

    with pytest.raises(HaltError):
        store.commit(b"key", None, b"value", [b"entry"], bytes(16))

    assert (store.load(b"key") is not None) == (point is Point.AFTER)
    store.close()


def test_the_victim_ticks_off_until_a_message_was_sent(monkeypatch, tmp_path):
    """Only what was handed to a person can be handed over twice."""
    told = []
    monkeypatch.setattr(victim, "stand_still", told.append)
    store = victim.Doomed(tmp_path / "store.db", Point.HANDED)

    store.ack([])
    store.handed = True
    store.ack([])

    assert told == [Point.HANDED]
    store.close()


def test_a_victim_that_ends_by_itself_breaks_the_act(world):
    """A killing that did not happen proves nothing."""
    trial = crashes._account(world, "Oslo")
    order = {
        "store": str(world.path),
        "point": "before the commit",
        "fast": True,
        "keys": "nonsense",
        "now": "",
        "subject": "",
        "mail": "",
    }
    order |= {"link": trial.link, "password": trial.new}

    with pytest.raises(Broken, match="ended before it stood before the commit"):
        crashes._kill(world, order, crashes.Crash(point=Point.BEFORE))


def test_a_transaction_of_another_process_is_seen(world):
    """How the demo knows that it kills inside one."""
    assert not crashes._is_locked(world)
    with sqlite3.connect(world.path, isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert crashes._is_locked(world)
        connection.execute("ROLLBACK")
    connection.close()


def test_no_secret_is_given_to_the_victim_as_an_argument():
    """Arguments can be read by everybody on the machine."""
    assert crashes.VICTIM[1:] == ["-m", "acctsec._demo.victim"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_the_victim_stands_at_its_point_until_it_is_killed(world):
    """From outside, with the real signal."""
    trial = crashes._account(world, "Turin")
    order = {
        "store": str(world.path),
        "point": Point.AFTER.value,
        "fast": True,
        "keys": world.keys,
        "now": world.clock().isoformat(),
        "subject": trial.account.subject,
        "mail": trial.account.addresses[0],
        "link": trial.link,
        "password": trial.new,
    }
    with subprocess.Popen(crashes.VICTIM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(json.dumps(order))
        process.stdin.close()
        assert json.loads(process.stdout.readline()) == {"at": "after the commit"}
        assert process.poll() is None
        process.kill()

    assert process.returncode == -signal.SIGKILL
