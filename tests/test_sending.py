"""Mail that strangers bring about: whoever floods an owner's mailbox fills it with links that work."""

from datetime import timedelta
from itertools import count

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import CHEAPEST, MessagePurpose, PasswordChanged, ResetLink, ResetPending, ResetPolicy
from acctsec.claims import CurrentPassword
from acctsec.events import ResetWithheld
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
OTHER = "alice@example.net"
POLICY = ResetPolicy()
LATE = POLICY.link_lifetime - POLICY.per_subject.window * 9 / 8
"""How late delivery may be, 1 min 52 s: a message is forgotten before its link is over."""
AGAIN = POLICY.per_subject.window * 9 / 8
"""When an address gets messages again at the latest, 28 min 8 s, if a change of a credential has ended the links it had."""
KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]

WAITS = (SECOND, 20 * SECOND, MINUTE, 5 * MINUTE, 12 * MINUTE, 24 * MINUTE, 28 * MINUTE, 29 * MINUTE, 30 * MINUTE, 31 * MINUTE)
FLOODS = st.tuples(st.sampled_from((IDENTIFIER, "alice", "nobody@example.org", "bob@example.org")), st.integers(1, 6))
STEPS = FLOODS.map(lambda one: ("flood", one)) | st.sampled_from([*(("wait", one) for one in WAITS), ("owner", 0)])
EVERY_MINUTE = [("flood", (IDENTIFIER, 3)), ("wait", MINUTE)]


class Flood:
    """An owner who reads one mailbox, and strangers from everywhere who ask for resets; delivery is late, but not too late."""

    def __init__(self, w, *, addresses=(IDENTIFIER,), reads=IDENTIFIER, late=LATE - SECOND):
        self.w, self.reads, self.late = w, reads, late
        w.sign_up(identifier="alice", addresses=addresses)
        w.directory.change("u1", identifiers=("alice", *addresses))
        w.sign_up("u2", "bob@example.org")
        w.deliver()
        self.sources, self.delivered, self.asked = count(), w.clock(), []

    def play(self, steps):
        for act, what in steps:
            getattr(self, act)(what)

    def flood(self, what):
        name, many = what
        for _ in range(many):
            number = next(self.sources)
            address = f"198.{18 + number // 62500 % 2}.{number // 250 % 250}.{number % 250 + 1}"
            self.w.calls.request_reset(name, context=self.w.context(address))

    def wait(self, long):
        """Time goes on, and delivery is never later than it may be."""
        end = self.w.clock() + long
        while self.w.clock() < end:
            self.w.clock.advance(min(end, self.delivered + self.late) - self.w.clock())
            if self.w.clock() == self.delivered + self.late:
                self.deliver()

    def deliver(self):
        self.w.deliver()
        self.delivered = self.w.clock()

    def owner(self, _):
        """The owner asks, and once that is delivered he has a link that works."""
        limit, window = POLICY.per_source.limit, POLICY.per_source.window * 9 / 8
        self.asked = [one for one in self.asked if self.w.clock() < one + window]
        if len(self.asked) == limit:
            return
        self.asked.append(self.w.clock())
        self.w.calls.request_reset(self.reads, context=self.w.context())
        self.deliver()
        assert self.works(), self.w.clock()

    def works(self):
        """A link in the mailbox of the owner that can be redeemed now."""
        for one in reversed(self.w.messenger.of(MessagePurpose.RESET, subject="u1")):
            looked = one.address == self.reads and self.w.calls.inspect_reset(one.link, context=self.w.context())
            if isinstance(looked, ResetPending):
                return one.link
        return None


@given(steps=st.lists(STEPS, max_size=40))
@example(steps=[*EVERY_MINUTE * 29, ("wait", 2 * MINUTE), ("owner", 0)])
@example(steps=[*EVERY_MINUTE * 60, ("owner", 0), *EVERY_MINUTE * 31, ("owner", 0)])
@settings(suppress_health_check=list(HealthCheck))
def test_in_any_flood_an_owner_who_asks_has_a_link_that_works(steps):
    """At once when that is delivered: a new one, or one of those that the flood has brought."""
    Flood(world()).play(steps)


@pytest.mark.parametrize("reads", [IDENTIFIER, OTHER])
@given(steps=st.lists(STEPS, max_size=40))
@example(steps=[*EVERY_MINUTE * 29, ("wait", 2 * MINUTE), ("owner", 0), *EVERY_MINUTE * 31, ("owner", 0)])
@settings(suppress_health_check=list(HealthCheck))
def test_so_does_one_who_can_read_but_one_of_his_two_mailboxes(reads, steps):
    Flood(world(), addresses=(IDENTIFIER, OTHER), reads=reads).play(steps)


@pytest.mark.parametrize("kind", KINDS)
def test_on_every_store_too(kind, places):
    @given(steps=st.lists(STEPS, min_size=5, max_size=15))
    @example(steps=[*EVERY_MINUTE * 29, ("wait", 2 * MINUTE), ("owner", 0)])
    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    def story(steps):
        place = places.fresh(kind)
        try:
            Flood(world(store=place.open()), addresses=(IDENTIFIER, OTHER), reads=OTHER).play(steps)
        finally:
            place.close()

    story()


@given(before=st.lists(STEPS, max_size=20), after=st.lists(FLOODS, min_size=1, max_size=8))
@settings(suppress_health_check=list(HealthCheck))
def test_after_a_change_that_ended_all_links_a_new_one_comes_within_28_minutes(before, after):
    """The owner's change ends links that were paid for; in the flood that goes on he asks every minute."""
    story = Flood(world())
    story.play(before)
    w = story.w
    changed = w.calls.set_password("u1", f"{PASSWORD} 2", by=CurrentPassword(PASSWORD), context=w.context())
    assert isinstance(changed, PasswordChanged)
    end = w.clock() + AGAIN + story.late
    while not story.works():
        assert w.clock() <= end
        for one in after:
            story.flood(one)
        w.calls.request_reset(IDENTIFIER, context=w.context(f"203.0.113.{next(story.sources) % 250}"))
        story.wait(MINUTE)
    link = story.works()
    assert isinstance(w.calls.redeem_reset(ResetLink(link), f"{PASSWORD} 3", context=w.context()), PasswordChanged)


@given(steps=st.lists(STEPS, max_size=40))
@settings(suppress_health_check=list(HealthCheck))
def test_no_flood_brings_an_address_more_mail_than_the_policy_says(steps):
    story = Flood(world())
    story.play(steps)
    story.deliver()
    times = sorted(one.at for one in story.w.messenger.of(MessagePurpose.RESET, subject="u1"))
    limit = POLICY.per_subject.limit
    assert all(end - begin >= POLICY.per_subject.window for begin, end in zip(times, times[limit:], strict=False))


def test_a_request_that_has_no_effect_spends_no_message():
    """Three links are live; what is asked meanwhile must not use up the messages that are due when they end."""
    story = Flood(world())
    story.flood((IDENTIFIER, 3))
    story.deliver()
    story.wait(29 * MINUTE)  # messages are free again, the links still live
    story.flood((IDENTIFIER, 9))
    story.deliver()
    reasons = [one.reason for one in story.w.sink.observations if isinstance(one, ResetWithheld)]
    assert reasons == ["too many live resets"] * 9
    story.wait(2 * MINUTE)
    story.owner(0)


@pytest.mark.parametrize(("addresses", "most"), [(1, 3), (2, 2), (3, 1), (8, 1)])
def test_no_address_takes_the_room_of_all_others(addresses, most):
    mails = tuple(f"alice@{number}.example.org" for number in range(addresses))
    story = Flood(world(), addresses=mails, reads=mails[0])
    story.flood((mails[0], 3))
    story.deliver()
    assert len(story.w.messenger.of(MessagePurpose.RESET)) == most


def test_whoever_shares_the_owners_address_can_use_up_its_requests():
    """The one flood that counts against the owner's own request: for an hour, and an eighth; elsewhere he asks as ever."""
    story = Flood(world())
    w = story.w
    for _ in range(POLICY.per_source.limit):
        w.calls.request_reset("nobody@example.org", context=w.context())
    w.calls.request_reset(IDENTIFIER, context=w.context())
    story.deliver()
    assert not story.works()
    w.calls.request_reset(IDENTIFIER, context=w.context("203.0.113.1"))
    story.deliver()
    assert story.works()


def test_names_that_nobody_has_delay_the_owner_by_their_delivery_and_nothing_else():
    """First come, first served: an owner's request is the next one after what lay there before."""
    w = world(policy=evolve(CHEAPEST, reset=evolve(POLICY, per_source=evolve(POLICY.per_source, limit=10_000))))
    story = Flood(w)
    for number in range(500):
        w.calls.request_reset(f"nobody{number}@example.org", context=w.context("203.0.113.9"))
    w.calls.request_reset(IDENTIFIER, context=w.context())
    assert w.calls.deliver(limit=500).left
    assert not story.works()
    w.calls.deliver(limit=1)
    assert story.works()
