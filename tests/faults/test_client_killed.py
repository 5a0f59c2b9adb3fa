"""kill -9 of a client at every store call: all of a deed or nothing, and every comparison is counted."""

import signal
from contextlib import suppress
from itertools import product
from time import sleep

import pytest
from tests.faults.deeds import DEEDS, TIGHT, WRONG_GUESS, a_world, failures, fresh_look, guess_on, record
from tests.faults.processes import client
from tests.faults.sites import KINDS, Nth

from acctsec import MessagePurpose, PasswordChanged, Refused, ResetLink, SignedIn, events
from acctsec.testing.world import IDENTIFIER, PASSWORD

STOP = TIGHT.lockout.strangers.stop


class Life:
    """What a child did before it ended."""

    def __init__(self, process):
        self._said = []
        with suppress(EOFError):
            while True:
                self._said.append(process.line.recv())
        ended = process.end()
        assert ended in {0, -signal.SIGKILL}, f"{ended}: {self}"
        assert not self.words("raised"), self
        self.killed = bool(ended)

    def words(self, verb):
        """What it said after that verb, each time."""
        return [rest for one, *rest in self._said if one == verb]

    def began(self, name):
        """How many store calls of that name it began; not one that it was killed before."""
        return self.words("began").count([name])

    def made(self, name):
        """How many of them came back."""
        return self.words("made").count([name])

    @property
    def compared(self):
        """How many passwords it compared with that of the account."""
        return len(self.words("compared"))

    def __repr__(self):
        return " ".join("/".join(map(str, one)) for one in self._said)


def kill_everywhere(site, deed, check, *, plant=None):
    """Kill a client before and after each store call of a deed, until it gets through; answers how many deaths it died."""
    what, store = deed_of(deed), site.open()
    for deaths in range(100):
        w, facts = begun(site, store, what)
        life = Life(begin(w, site, deed, facts, at=deaths // 2 + 1, after=bool(deaths % 2), plant=plant))
        fresh_look(w)
        check(w, life, facts)
        if not life.killed:
            return deaths
    raise AssertionError("a hundred deaths, and no end")


def kill_in_the_middle(site, deed, check, fault):
    """Kill a client while it waits for the answer to each of its requests; answers how many deaths it died."""
    what, store = deed_of(deed), site.open(direct=True)
    for deaths in range(100):
        w, facts = begun(site, store, what)
        before = site.struck
        site.strike(fault, Nth(deaths + 1))
        process = begin(w, site, deed, facts)
        while process.alive and site.struck == before:
            sleep(0.001)
        process.kill()
        life = Life(process)
        site.heal()
        fresh_look(w)
        check(w, life, facts)
        if not life.killed:
            return deaths
    raise AssertionError("a hundred deaths, and no end")


def begin(w, site, deed, facts, *, plant=None, **order):
    """Let a client do a deed."""
    address = site.address(plant=plant) if plant else site.address()
    return client(order | {"store": address, "deed": deed, "facts": facts, "now": w.clock().isoformat()})


def deed_of(name):
    return WRONG_GUESS if name == "a wrong guess" else DEEDS[name]


def begun(site, store, what):
    """A world in which a deed can be done, and what it needs."""
    site.empty()
    w = a_world(store)
    return w, what.prepare(w)


# --- what has to be true afterwards -----------------------------------------------------------------------------------


def check_a_wrong_guess(w, life, facts):
    """One failure if it was charged, whatever became of it; and so much less is left to guess."""
    charged = failures(w)
    assert life.made("charge") <= charged <= life.began("charge"), life
    assert life.compared <= charged, life
    assert guess_on(w) == STOP - charged, life


def check_a_sign_in(w, life, facts):
    committed = len(record(w).sessions)
    assert life.made("commit") <= committed <= life.began("commit"), life
    assert len(w.sink.of(events.SignedInEvent)) == committed, life
    assert life.compared <= life.made("charge")
    assert life.made("charge") - life.began("settle") <= failures(w) <= life.began("charge") - life.made("settle"), life
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.1")), SignedIn)
    assert failures(w) == 0


def check_a_redeemed_link(w, life, facts):
    committed = record(w).epoch - 1
    assert life.made("commit") <= committed <= life.began("commit"), life
    assert len(w.sink.of(events.PasswordReset)) == len(w.messenger.of(MessagePurpose.PASSWORD_CHANGED)) == committed, life
    again = DEEDS["a redeemed link"].do(w.engine, w.context("203.0.113.1"), facts)
    assert isinstance(again, Refused if committed else PasswordChanged), life
    w.deliver()
    assert record(w).epoch == 2
    assert len(w.sink.of(events.PasswordReset)) == len(w.messenger.of(MessagePurpose.PASSWORD_CHANGED)) == 1, life


def check_a_delivered_reset(w, life, facts):
    """Whoever was killed while he delivered: one message, however often it was handed over, and one event; its link works once."""
    keys = {key for key, _ in life.words("sent")} | {message.key for message in w.messenger.handed if message.link}
    links = {link for _, link in life.words("sent")} | {message.link for message in w.messenger.handed if message.link}
    assert len(keys) == 1, life
    told = {key for (key,) in life.words("recorded")} | {key for key, _ in w.sink.handed if key}
    assert len(told) == 1, life
    redeemed = [w.engine.redeem_reset(ResetLink(link), f"new phrase {n} 78", context=w.context()) for n, link in enumerate(links)]
    assert [type(outcome) for outcome in redeemed] == [PasswordChanged] + [Refused] * (len(links) - 1), life


CHECKS = {
    "a wrong guess": check_a_wrong_guess,
    "a sign-in": check_a_sign_in,
    "a redeemed link": check_a_redeemed_link,
    "a delivered reset": check_a_delivered_reset,
}


@pytest.mark.parametrize("deed", CHECKS)
def test_a_client_that_is_killed_leaves_all_or_nothing(site, deed):
    assert kill_everywhere(site, deed, CHECKS[deed]) >= 6


ALWAYS = {("postgres+valkey", "a wrong guess"), ("postgres+valkey", "a redeemed link")}
IN_THE_MIDDLE = [
    pytest.param(kind, deed, fault, marks=() if (kind, deed) in ALWAYS else pytest.mark.deep)
    for kind, deed, fault in product(KINDS, CHECKS, ["lose_request", "lose_reply"])
]


@pytest.mark.parametrize(("kind", "deed", "fault"), IN_THE_MIDDLE)
def test_a_client_that_is_killed_in_the_middle_of_a_call_leaves_all_or_nothing(a_site, kind, deed, fault):
    """At each of its requests, those with which a connection begins too: before the server heard of it, and after it was done."""
    assert kill_in_the_middle(a_site(kind), deed, CHECKS[deed], fault) >= 6


@pytest.mark.parametrize(
    ("deed", "plant"),
    [
        ("a wrong guess", "Generous"),
        ("a wrong guess", "Loose"),
        ("a sign-in", "Hasty"),
        ("a redeemed link", "Forgetful"),
        ("a delivered reset", "Forgetful"),
    ],
)
def test_a_store_with_a_fault_is_found_out(split, deed, plant):
    with pytest.raises(AssertionError):
        kill_everywhere(split, deed, CHECKS[deed], plant=plant)
