"""What goes out, to whom, for how long, and how much of it: nothing but to the store, the messenger and the sink (I35)."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import timedelta

import attrs
import pytest
from attrs import evolve
from tests.corpora.test_ranges import service
from tests.mfa.prompting import password, pushes, set_up
from tests.museum.harness import NEW, OTHERS, ROOT, exhibit, forms, other_node

from acctsec import (
    AddressPending,
    Context,
    FactorRequired,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    PromptSent,
    Refused,
    ReportReason,
    ResetLink,
    Status,
)
from acctsec.corpora import RangeApiCorpus
from acctsec.errors import PortError
from acctsec.outcomes import ChangeCancelled, ContactNamed, ContactRemoved, ContactsAsked, FactorReported
from acctsec.testing.world import IDENTIFIER

SECOND, CONTACT = "second@example.org", "carol@example.org"

# --- rights that ended --------------------------------------------------------------------------------------------------


def asked_for_a_reset(w, typed=IDENTIFIER):
    w.sign_up(addresses=(IDENTIFIER, SECOND))
    w.engine.request_reset(typed, context=w.context())
    return lambda one: one.purpose is MessagePurpose.RESET


def asked_at_the_second(w):
    asked_for_a_reset(w, SECOND)
    return lambda one: one.address == SECOND


def asked_for_an_address(w):
    w.sign_up()
    w.session = w.sign_in().session
    w.pending = w.engine.add_address(w.session, SECOND, context=w.context())
    assert isinstance(w.pending, AddressPending)
    return lambda one: one.address == SECOND


def asked_a_contact(w):
    w.restart(policy=evolve(w.policy, recovery=evolve(w.policy.recovery, contacts_settle=timedelta(0))))
    _, _, w.session = w.guarded()
    for number, subject in enumerate(("u7", "u8")):
        w.sign_up(subject, CONTACT if not number else "dave@example.org")
        assert isinstance(w.engine.name_contact(w.session, subject, context=w.context()), ContactNamed)
    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(due, FactorRequired)
    assert isinstance(w.engine.ask_contacts(due.ticket, context=w.context()), ContactsAsked)
    return lambda one: one.purpose is MessagePurpose.CONTACT_SHARE and one.address == CONTACT


def prompted(w):
    w.restart(policy=pushes(w.policy))
    w.sign_up()
    w.session = set_up(w, w.sign_in().session)
    w.deliver()
    w.messenger.handed.clear()
    w.clock.advance(minutes=5)
    assert isinstance(w.engine.push_prompt(password(w), w.push, context=w.context()), PromptSent)
    return lambda one: one.purpose is MessagePurpose.PROMPT


def disabled(w):
    w.directory.change("u1", status=Status.DISABLED)


def cancelled(w):
    outcome = w.engine.cancel_change(w.pending.change, by=FreshSession(w.session), context=w.context())
    assert isinstance(outcome, ChangeCancelled)


def contact_removed(w):
    assert isinstance(w.engine.remove_contact(w.session, "u7", context=w.context()), ContactRemoved)


def reported(w):
    outcome = w.engine.report_factor(w.session, w.push, ReportReason.LOST, context=w.context())
    assert isinstance(outcome, FactorReported), outcome


RIGHTS = {
    "a reset of an account that is gone": (
        asked_for_a_reset,
        lambda w: (w.engine.admin.erase("u1", actor="root"), w.directory.remove("u1")),
    ),
    "a reset of an account that the platform disabled": (asked_for_a_reset, disabled),
    "a reset of an account that was disabled": (asked_for_a_reset, lambda w: w.engine.admin.disable("u1", actor="root")),
    "a reset at an address that was withdrawn": (
        asked_at_the_second,
        lambda w: w.engine.admin.withdraw_address("u1", SECOND, actor="root"),
    ),
    "a reset at an address that is not verified any more": (
        asked_at_the_second,
        lambda w: w.directory.change("u1", addresses=(IDENTIFIER,)),
    ),
    "what proves an address, called off": (asked_for_an_address, cancelled),
    "what proves an address, of an account that was disabled": (asked_for_an_address, disabled),
    "a share of a contact who was removed": (asked_a_contact, contact_removed),
    "a share of a contact who was disabled": (
        asked_a_contact,
        lambda w: w.engine.admin.disable("u7", actor="root"),
    ),
    "a prompt to an app that was reported": (prompted, reported),
    "a prompt to an account that was disabled": (prompted, lambda w: w.engine.admin.disable("u1", actor="root")),
}


@pytest.mark.parametrize("case", RIGHTS)
@pytest.mark.parametrize("late", [False, True], ids=["before it is picked up", "while a worker has it in hand"])
def test_m205_nothing_goes_out_after_the_right_to_it_has_ended(place, case, late):
    """Looked at when it is sent, not when it was asked for: also where the worker had it in hand already."""
    ask, end = RIGHTS[case]
    for ends in (True, False):
        w = exhibit(place, seed=int(ends))
        if not ends:
            for subject in ("u1", "u7", "u8"):
                w.engine.admin.erase(subject, actor="root")
        is_it = ask(w)

        def over(name, answer, w=w):
            if name == "drain" and answer:
                w.store.after = lambda *_: None
                end(w)

        if ends and late:
            w.store.after = over
        elif ends:
            end(w)
        w.deliver()
        assert bool([one for one in w.messenger.handed if is_it(one)]) is not ends


def test_m205_a_worker_that_lost_its_lease_sends_nothing_new(w, place):
    """It hung with entries in hand until another one had sent them: what it sends then is the same message under the same key."""
    w.sign_up()
    w.deliver()
    w.messenger.handed.clear()
    w.engine.request_reset(IDENTIFIER, context=w.context())
    other = other_node(w, place)

    def hang(name, answer):
        if name == "drain" and answer:
            w.store.after = lambda *_: None
            w.clock.advance(minutes=2)
            assert other.deliver().sent == 1

    w.store.after = hang
    w.engine.deliver()
    w.deliver()

    sent = w.messenger.of(MessagePurpose.RESET)
    assert len(sent) == 1
    assert {one.key for one in w.messenger.handed} == {sent[0].key}
    assert len({one.code for one in w.messenger.handed}) == 1
    first, *more = [one.link for one in w.messenger.handed]
    assert isinstance(w.engine.redeem_reset(ResetLink(first), NEW, context=w.context()), PasswordChanged)
    assert all(w.engine.redeem_reset(ResetLink(one), OTHERS[0], context=w.context()) == Refused() for one in more)


# --- connections --------------------------------------------------------------------------------------------------------

MOST = ("memory", "postgres+valkey")
STORY = """
import json, os, re, sys
from contextlib import suppress

told = json.loads(sys.argv[1])
seen, OUT = [], ("socket.connect", "socket.getaddrinfo", "socket.gethostby", "socket.send", "urllib", "http.client", "smtplib",
    "ftplib", "subprocess", "os.system", "os.exec", "os.posix_spawn", "os.fork", "webbrowser")

from tests.museum.harness import exhibit
from tests.museum.test_telemetry import play
from tests.places import MemoryPlace, opened

class There(MemoryPlace):
    def open(self):
        return opened(told) if told else self.store

sys.addaudithook(lambda event, args: seen.append((event, repr(args))) if event.startswith(OUT) else None)
w = exhibit(There())
secrets, outcomes = play(w)
assert len(outcomes) > 10

def remote():
    inodes = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            inodes.update(re.findall(r"socket:\\[(\\d+)\\]", os.readlink(f"/proc/self/fd/{name}")))
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with open(f"/proc/self/net/{table}") as file:
            for line in list(file)[1:]:
                fields = line.split()
                if fields[9] in inodes:
                    yield int(fields[2].rpartition(":")[2], 16)

print(json.dumps({"seen": seen, "ports": sorted(set(remote()))}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "kind", [*MOST, *(pytest.param(one, marks=pytest.mark.deep) for one in ("sqlite", "postgres", "valkey"))]
)
def test_m206_nothing_but_the_store_is_ever_connected_to(places, kind):
    """
    Over a whole life, in a process that writes down every connection, look-up of a name and child: none, but to the servers
    that the platform named for its store. A URL, a host or an address to fetch is taken from nobody (M-052).
    """
    place = places.fresh(kind)
    address = getattr(place, "address", {})
    done = subprocess.run(
        [sys.executable, "-c", STORY, json.dumps(address)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
    )
    place.close()
    found = json.loads(done.stdout)
    named = {int(one) for one in re.findall(r"port=(\d+)|:(\d+)/", " ".join(map(str, address.values()))) for one in one if one}
    assert set(found["ports"]) <= named
    assert bool(found["ports"]) is bool(named)
    strange = [one for one in found["seen"] if not any(f"{port}" in one[1] for port in named) and one[0] != "socket.send"]
    assert strange == []


def test_m206_a_service_that_sends_elsewhere_is_not_followed():
    """The one thing that asks a service, where a platform builds it so: a redirect is a failure, and nobody else is called."""
    with service(lambda path: (200, {}, b"0" * 35 + b":1\n")) as (other, elsewhere):
        for status in (301, 302, 303, 307, 308):
            with service(lambda path, status=status: (status, {"Location": other}, b"")) as (url, asked):
                with pytest.raises(PortError):
                    RangeApiCorpus(url=url, allow_http=True).count("hunter2")
                assert len(asked) == 1
        assert elsewhere == []


# --- bodies, time and secrets -------------------------------------------------------------------------------------------

LONGEST = 3_000
"""Bytes of the largest entry that anybody can have written into the outbox, whatever he types."""


def test_m208_what_goes_out_is_bounded_whatever_comes_in(w):
    """A megabyte as a name, a user agent, a device, a password: no entry, message or event grows with it."""
    w.sign_up()
    sizes, huge = [], "x" * 10**6
    for typed in (IDENTIFIER, huge, "a" * 64 + "@" + "b" * 180 + ".org", "\u0301" * 10**5, "+" + "1" * 10**5):
        for agent in ("", huge, "\r\n" * 10**5):
            mark = len(w.trace)
            here = Context.of("192.0.2.9", user_agent=agent, device=agent or None)
            w.engine.request_reset(typed, context=here)
            w.engine.sign_in(typed, huge, context=here)
            w.engine.sign_in(IDENTIFIER, OTHERS[0], context=here)
            sizes += [len(entry) for call in w.trace[mark:] if call[0] == "commit" for entry in call[1][3]]
            w.deliver()
            w.clock.advance(hours=1)
    assert sizes and max(sizes) <= LONGEST
    assert max(len(str(value)) for one in w.messenger.handed for value in attrs.astuple(one)) <= 1_000
    assert max(len(str(value)) for _, event in w.sink.handed for value in attrs.astuple(event)) <= 256


def test_m208_what_could_not_be_sent_is_read_back_without_a_secret(w, place):
    """An operator sees dead letters: of whom, what for, since when; neither what stops the change nor the address, in any form."""
    w.sign_up()
    assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), PasswordChanged)
    kept = []

    def failing(message):
        kept.append(message)
        raise TimeoutError(f"cannot send {message.veto} to {message.address}")

    w.messenger.send = failing
    w.restart()
    for _ in range(12):
        w.engine.deliver()
        w.clock.advance(days=1)
    page = w.engine.admin.dead_letters()
    assert kept
    assert len(page.letters) == 1
    shown = repr([attrs.asdict(one) for one in page.letters]) + repr(w.engine.admin.outbox()) + repr(w.sink.handed)
    secrets = [IDENTIFIER, *(one.veto for one in kept)]
    assert all(secrets)
    for secret in secrets:
        assert not [form for form in forms(secret) if len(form) >= 8 and form in shown.encode()]
        assert secret not in shown


def test_m208_an_answer_without_an_end_is_not_read_to_its_end():
    """A service that answers forty megabytes, or nothing for an hour, costs a second and a megabyte."""
    for answer in (lambda path: (200, {}, b"0" * 40_000_000), lambda path: time.sleep(3) or (200, {}, b"")):
        with service(answer) as (url, _):
            started = time.monotonic()
            with pytest.raises(PortError):
                RangeApiCorpus(url=url, allow_http=True, timeout=timedelta(seconds=1)).count("hunter2")
            assert time.monotonic() - started < 2.5
