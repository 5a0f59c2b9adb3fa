"""Sign-in, watched across accounts: what strangers guess wrong is met harder elsewhere, and alike for every name."""

import asyncio
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tests.places import USUAL

from acctsec import (
    CHEAPEST,
    AsyncMemoryWatch,
    ChallengeAnswer,
    ChallengeRequired,
    ConfigError,
    Keyring,
    LockoutPolicy,
    MemoryWatch,
    Refused,
    SignedIn,
    StoreUnavailable,
)
from acctsec._flows.core import EPOCH
from acctsec._values import evolve as evolve_value
from acctsec.attacks.networks import Networks, Origin
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Band, Bands, Change, Posture, PosturePolicy
from acctsec.attacks.reputation import ReputationPolicy
from acctsec.attacks.signals import Detector
from acctsec.attacks.surge import SurgePolicy
from acctsec.attacks.watching import Looked, Seen
from acctsec.budgets import Rungs, micros
from acctsec.challenges import ProofOfWork, solve
from acctsec.events import PortFailed, PostureChanged
from acctsec.meters import fits, rest
from acctsec.testing import assert_no_oracle, async_world, engine_operations, world
from acctsec.testing.doubles import SeededEntropy
from acctsec.testing.world import PASSWORD


def band(at):
    return Band(at=at, below=at // 2)


def watched(**bands):
    """CHEAPEST with these bands and no others."""
    calm = dict.fromkeys(("address", "prefix", "asn", "spray", "crowd", "unknown", "surge"))
    return evolve(CHEAPEST, attacks=AttackPolicy(posture=PosturePolicy(**calm | bands)))


SPRAY = watched(spray=Bands(challenge=band(3)))
ADDRESS = watched(address=Bands(challenge=band(3)))
TIGHT = watched(address=Bands(tighten=band(3)))
PUZZLE = ProofOfWork(bits=8)


def wrong(w, name="alice@example.org", password="wrong", address="192.0.2.7", **facts):
    """Guess wrong, and say what came of it."""
    return w.calls.sign_in(name, password, context=w.context(address, **facts))


def postures(w):
    """What was told of postures."""
    w.deliver()
    return [
        (event.detector, event.name, event.before, event.after) for _, event in w.sink.handed if isinstance(event, PostureChanged)
    ]


def failed(w, port):
    """How often a port was told to have failed."""
    w.deliver()
    return sum(isinstance(event, PortFailed) and event.port == port for _, event in w.sink.handed)


def raised(w, count=3, **facts):
    """Raise the posture of an address, or of a password."""
    for number in range(count):
        assert wrong(w, f"nobody-{number}@example.org", f"wrong {number}", **facts) == Refused()


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def make(request):
    made = []

    def make(**given):
        made.append(request.param(**given))
        return made[-1]

    yield make
    for one in made:
        one.close()


# --- what is seen, and what follows -------------------------------------------------------------------------------------


def test_one_password_at_many_accounts_is_challenged_from_anywhere(make):
    """Each account sees one failure, each address one."""
    w = make(policy=SPRAY, challenge=PUZZLE)
    for number in range(3):
        assert wrong(w, f"user-{number}@example.org", "Spring2026!", f"192.0.{number}.1") == Refused()
    assert isinstance(wrong(w, "user-9@example.org", "Spring2026!", "198.51.100.1"), ChallengeRequired)
    assert wrong(w, "user-9@example.org", "another", "198.51.100.1") == Refused()


def test_who_solves_the_challenge_goes_on(make):
    w = make(policy=ADDRESS, challenge=PUZZLE)
    w.sign_up()
    raised(w)
    asked = wrong(w, password=PASSWORD)
    assert isinstance(asked, ChallengeRequired)
    answer = ChallengeAnswer(asked.ticket, solve(asked.puzzle))
    assert isinstance(wrong(w, password=PASSWORD, challenge=answer), SignedIn)
    assert isinstance(wrong(w, password=PASSWORD, challenge=answer), ChallengeRequired)


def test_while_a_challenge_is_due_nothing_is_compared_or_counted(make):
    w = make(policy=ADDRESS, challenge=PUZZLE)
    w.sign_up()
    raised(w)
    before = len(w.comparisons.all)
    assert all(isinstance(wrong(w, password=f"guess {n}"), ChallengeRequired) for n in range(20))
    assert len(w.comparisons.all) == before
    assert isinstance(w.sign_in(address="198.51.100.1"), SignedIn)


def test_without_a_challenge_to_ask_it_is_told_and_nothing_else(make):
    w = make(policy=ADDRESS)
    w.sign_up()
    raised(w)
    assert isinstance(w.sign_in(), SignedIn)
    assert postures(w) == [("address-reputation", "192.0.2.7", "normal", "challenge")]


def test_the_default_watches_and_changes_nothing_without_a_challenge(make):
    """Fifty wrong guesses of one address are told, and met as they always were: by the budget of the source."""
    w = make()
    w.sign_up()
    outcomes = [wrong(w, f"user-{n // 5}@example.org", f"wrong {n}") for n in range(50)]
    assert outcomes == [Refused()] * 50
    assert ("address-reputation", "192.0.2.7", "normal", "challenge") in postures(w)
    assert isinstance(w.sign_in(address="198.51.100.1"), SignedIn)


def test_what_is_told_names_no_account_and_nothing_that_was_typed():
    w = world(policy=SPRAY)
    w.sign_up()
    for number in range(3):
        wrong(w, f"user-{number}@example.org", "Spring2026!", f"192.0.{number}.1", tenant="shop")
    w.deliver()
    (event,) = [event for _, event in w.sink.handed if isinstance(event, PostureChanged)]
    assert (event.tenant, event.subject, event.source, event.at) == ("shop", "", "", w.clock())
    assert (event.detector, event.scope, event.before, event.after, event.level) == ("password-spray", "password", "normal", "challenge", 3)  # fmt: skip
    assert len(event.name) == 8 and "Spring" not in repr(event) and "user" not in repr(event)


@pytest.mark.parametrize("store", USUAL)
def test_tightened_budgets_hold_at_once_and_end_with_the_posture(store, places):
    """Every store takes another ladder for the same meter, and the old one again."""
    place = places.fresh(store)
    w = world(policy=TIGHT, store=place.open())
    raised(w)
    # One wrong guess at a name is free now, and the second one rests five times as long.
    assert [wrong(w, password=f"guess {n}") for n in range(2)] == [Refused(), Refused(timedelta(seconds=150))]
    w.clock.advance(days=3)
    assert [wrong(w, "bob@example.org", f"guess {n}") for n in range(2)] == [Refused()] * 2


RUNGS = st.builds(
    lambda free, more, first, longer: Rungs(
        free=free,
        first=timedelta(seconds=first),
        longest=timedelta(seconds=first + longer),
        stop=free + more,
        window=timedelta(days=30),
    ),
    st.integers(1, 200),
    st.integers(0, 200),
    st.integers(1, 10_000),
    st.integers(0, 100_000),
)


@given(rungs=RUNGS, by=st.integers(1, 1_000), count=st.integers(0, 500), pending=st.integers(0, 20))
def test_a_narrowed_ladder_is_nowhere_looser(rungs, by, count, pending):
    """At no count is there more room or less rest, and what is remembered, and where it ends, stays."""
    usual, narrow = (one.ladder(timedelta(seconds=30)) for one in (rungs, rungs.narrowed(by)))
    assert rest(narrow, count) >= rest(usual, count)
    assert fits(usual, 1, count=count, pending=pending) or not fits(narrow, 1, count=count, pending=pending)
    assert (narrow.stop, narrow.window, narrow.longest, narrow.lease) == (usual.stop, usual.window, usual.longest, usual.lease)
    assert rungs.narrowed(1) == rungs


@pytest.mark.parametrize("by", [0, 1_001, True, 1.5, "5"])
def test_a_factor_that_narrows_nothing_known_is_refused(by):
    with pytest.raises(ConfigError, match="tightened"):
        LockoutPolicy(tightened=by)


def test_a_tightened_source_has_a_fifth_of_its_budget():
    w = world(policy=TIGHT)
    raised(w)
    outcomes = [wrong(w, f"other-{n}@example.org", "wrong") for n in range(9)]
    assert outcomes[:7] == [Refused()] * 7 and outcomes[7] == Refused(timedelta(minutes=5))
    assert wrong(w, "other@example.org", "wrong", "198.51.100.1") == Refused()


def test_a_rise_asks_every_stranger_and_refuses_nobody():
    surge = SurgePolicy(bucket=timedelta(minutes=1), buckets=12, warm_up=6, least=5)
    policy = watched(surge=Bands(challenge=band(900)))
    w = world(policy=evolve(policy, attacks=evolve(policy.attacks, surge=surge)), challenge=PUZZLE)
    w.sign_up()
    known = w.sign_in().device
    for minute in range(13):
        for number in range(1 if minute < 12 else 60):
            outcome = wrong(w, f"{minute}-{number}@example.org", "wrong", f"10.{minute}.{number}.1")
        w.clock.advance(minutes=1) if minute < 12 else None
    assert isinstance(outcome, ChallengeRequired)
    assert isinstance(wrong(w, password=PASSWORD, address="198.51.100.1"), ChallengeRequired)
    assert isinstance(w.sign_in(address="198.51.100.1", device=known), SignedIn)


# --- who is left alone --------------------------------------------------------------------------------------------------


class Noting:
    """A MemoryWatch that remembers what it was asked."""

    def __init__(self):
        self.inside, self.looks, self.wrongs = MemoryWatch(), [], []

    def look(self, policy, seen, now):
        self.looks.append(seen)
        return self.inside.look(policy, seen, now)

    def wrong(self, policy, seen, *, known_name, now):
        self.wrongs.append((seen, known_name))
        return self.inside.wrong(policy, seen, known_name=known_name, now=now)


def test_a_known_device_is_never_put_to_the_watch(make):
    watch = Noting()
    w = make(policy=ADDRESS, challenge=PUZZLE, watch=watch)
    w.sign_up()
    device = w.sign_in().device
    raised(w)
    watch.looks.clear(), watch.wrongs.clear()
    assert [wrong(w, password=f"guess {n}", device=device) for n in range(3)] == [Refused()] * 3
    assert isinstance(w.sign_in(device=device), SignedIn)
    assert (watch.looks, watch.wrongs) == ([], [])


def test_the_device_of_somebody_else_is_a_strangers(make):
    w = make(policy=ADDRESS, challenge=PUZZLE)
    w.sign_up()
    w.sign_up("u2", "bob@example.org")
    device = w.sign_in("bob@example.org").device
    raised(w)
    assert isinstance(wrong(w, password=PASSWORD, device=device), ChallengeRequired)


def test_whoever_shares_a_known_network_is_watched_like_anybody(make):
    """A network is shared: that the account knows it must not show in what a stranger there meets."""
    watch = Noting()
    strangers = evolve(LockoutPolicy().strangers, stop=25)
    w = make(policy=evolve(CHEAPEST, lockout=LockoutPolicy(networks=1, strangers=strangers)), watch=watch)
    w.sign_up()
    w.sign_in()
    assert wrong(w) == Refused()
    assert len(watch.looks) == 2 and len(watch.wrongs) == 1


def test_a_repeat_is_free(make):
    """A client with a stale password is no attack; another name, or another password, is."""
    watch = Noting()
    w = make(watch=watch)
    w.sign_up()
    for _ in range(20):
        wrong(w, password="stale")
    assert len(watch.wrongs) == 1
    wrong(w, "bob@example.org", "stale")
    wrong(w, password="another")
    assert len(watch.wrongs) == 3


def test_the_same_wrong_password_from_elsewhere_is_no_repeat(make):
    """Whoever knows what somebody typed wrong yesterday cannot guess it unseen."""
    watch = Noting()
    w = make(watch=watch)
    w.sign_up()
    for number in range(4):
        wrong(w, password="stale", address=f"192.0.2.{number}")
    assert len(watch.wrongs) == 4


def test_a_success_is_looked_at_and_counts_for_nothing(make):
    watch = Noting()
    w = make(watch=watch)
    w.sign_up()
    w.sign_in()
    assert len(watch.looks) == 1 and watch.wrongs == []


def test_what_a_watch_is_given_leads_back_to_nothing():
    watch = Noting()
    w = world(watch=watch)
    w.sign_up()
    wrong(w, password="Spring2026!")
    wrong(w, "Alice@Example.ORG", "Spring2026!", tenant="shop")
    (one, known), (other, unknown) = watch.wrongs
    assert (known, unknown) == (True, False)
    assert one.candidate != other.candidate and one.account != other.account
    assert "Spring" not in repr(watch.wrongs) and "alice" not in repr(watch.wrongs).lower()
    assert [len(digest) for digest in (one.candidate, one.account)] == [32, 32]


# --- no oracle ----------------------------------------------------------------------------------------------------------

LOW = watched(
    address=Bands(challenge=band(6), tighten=band(12)),
    prefix=Bands(challenge=band(14), tighten=band(20)),
    spray=Bands(challenge=band(2), tighten=band(4)),
    crowd=Bands(challenge=band(3), tighten=band(5)),
    unknown=Bands(notify=band(2)),
)
"""Everything is reached within a few guesses."""


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([PASSWORD, "wrong one", "wrong two", "wrong three", "wrong four", "wrong five"]),
        st.integers(1, 2),
        st.booleans(),
        st.sampled_from([0, 0, 0, 20, 3_000, 90_000]),
    ),
    min_size=1,
    max_size=40,
)


FIVE = [(0, f"wrong {number}", 1, False, 0) for number in ("one", "two", "three", "four", "five")]


@given(steps=STEPS)
@example(steps=FIVE)
def test_two_sources_that_do_the_same_meet_the_same_whoever_they_try(steps):
    """One at accounts that exist, are disabled, have no password or are closed; one at names that nobody has."""
    met = []
    for prefix in ("known", "nobody"):
        w = world(policy=LOW, challenge=PUZZLE)
        w.sign_up("u1", "known-0@example.org", "another good one 418")
        w.sign_up("u2", "known-1@example.org")
        w.calls.admin.disable("u2", actor="test")
        w.sign_up("u3", "known-2@example.org", None)
        w.sign_up("u4", "known-3@example.org", "another good one 418")
        for number in range(12):  # it rests for strangers
            wrong(w, "known-3@example.org", f"siege {number}", f"10.9.{number}.1")
        outcomes = []
        for name, password, address, solves, pause in steps:
            w.clock.advance(seconds=pause)
            facts = (f"{prefix}-{name}@example.org", password, f"192.0.2.{address}")
            outcome = wrong(w, *facts)
            outcomes.append(seen(outcome))
            if isinstance(outcome, ChallengeRequired) and solves:
                answer = ChallengeAnswer(outcome.ticket, solve(outcome.puzzle))
                outcomes.append(seen(wrong(w, *facts, challenge=answer)))
        met.append(outcomes)
        w.close()
    assert met[0] == met[1]


def seen(outcome):
    """What of an outcome whoever guesses sees: a puzzle and its ticket are as long for everybody, and random."""
    if isinstance(outcome, ChallengeRequired):
        return (ChallengeRequired, len(outcome.ticket), len(outcome.puzzle))
    return outcome


class One:
    """Knows one network."""

    def origin(self, address):
        return Origin(asn=64500)


def one_network(posture):
    """A world where every address is of one network, which is met so once it has guessed wrong ten thousand points' worth."""
    policy = watched(asn=Bands(**{posture: Band(at=10_000, below=1)}, hold=timedelta(days=30)))
    return world(policy=policy, challenge=PUZZLE, watch=MemoryWatch(), resolver=One())


def solving(w):
    """
    Sign-in, and sign-in by somebody who solves whatever he is asked; the posture of everybody is raised before they begin.
    """
    here = Networks("192.0.2.7", asn=64500)
    guess = Seen(tenant="", networks=here, candidate=bytes(32), account=bytes(32))
    for _ in range(2_100):
        w.watch.wrong(w.policy.attacks, guess, known_name=True, now=micros(w.clock() - EPOCH))
    assert isinstance(wrong(w), ChallengeRequired)
    inside = engine_operations(w)["sign_in"]

    def sign_in(identifier, password, address):
        context = w.context(address)
        outcome = w.calls.sign_in(identifier, password, context=context)
        if isinstance(outcome, ChallengeRequired):
            answer = ChallengeAnswer(outcome.ticket, solve(outcome.puzzle))
            outcome = w.calls.sign_in(identifier, password, context=evolve(context, challenge=answer))
        return outcome

    return {"sign_in": inside, "sign_in, and solve the puzzle": sign_in}


@pytest.mark.parametrize("posture", ["challenge", "tighten"])
def test_a_raised_posture_lets_nobody_tell_somebody_from_nobody(posture):
    assert_no_oracle(lambda: one_network(posture), operations=solving)


def test_an_oracle_in_the_watch_would_be_found(monkeypatch):
    """Weights as StopGuessing has them: 25 names that nobody has, or 50 that somebody has, bring the challenge."""
    weight = ReputationPolicy.weight
    monkeypatch.setattr(ReputationPolicy, "weight", lambda self, wrong: weight(self, wrong) * (1 if wrong.known_name else 2))
    with pytest.raises(AssertionError):
        test_two_sources_that_do_the_same_meet_the_same_whoever_they_try.hypothesis.inner_test(FIVE)


# --- a watch, or a resolver, that fails ---------------------------------------------------------------------------------


class Broken:
    """A watch that answers, or raises, what it is told to."""

    def __init__(self, look=None, wrong=None):
        self._look, self._wrong = look, wrong

    def look(self, policy, seen, now):
        return self._answer(self._look, Looked(Posture.NORMAL))

    def wrong(self, policy, seen, *, known_name, now):
        return self._answer(self._wrong, ())

    def _answer(self, given, usual):
        if isinstance(given, BaseException):
            raise given
        return usual if given is None else given


async def coroutine():
    return Looked(Posture.NORMAL)


OUT = StoreUnavailable("No answer.", remedy="Look at it.")
CHANGE = Change(Detector.SURGE, "", Posture.NORMAL, Posture.CHALLENGE, 900, 0)
NO_LOOKS = [
    OUT,
    RuntimeError("bug"),
    "TIGHTEN",
    Posture.TIGHTEN,
    True,
    Looked(2),
    Looked("TIGHTEN"),
    Looked(Posture.TIGHTEN, None),
    Looked(Posture.TIGHTEN, ("x",)),
    Looked(Posture.TIGHTEN, (Change("surge", "", 1, 2, 3, 4),)),
    Looked(Posture.TIGHTEN, (evolve_value(CHANGE, at=10**30),)),
]


@pytest.mark.parametrize("answer", NO_LOOKS, ids=repr)
def test_a_watch_that_cannot_look_grants_nothing_and_refuses_nobody(make, answer):
    w = make(watch=Broken(look=answer), challenge=PUZZLE)
    w.sign_up()
    assert wrong(w) == Refused()
    assert isinstance(w.sign_in(), SignedIn)
    assert [wrong(w, "bob@example.org", f"guess {n}") for n in range(4)] == [Refused()] * 4
    assert failed(w, "watch") == 6 and postures(w) == []


@pytest.mark.parametrize("answer", [OUT, RuntimeError("bug"), "x", 5, ("x",), (None,), (CHANGE, "x")], ids=repr)
def test_a_watch_that_cannot_count_lets_the_budgets_go_on(make, answer):
    w = make(watch=Broken(wrong=answer), challenge=PUZZLE)
    w.sign_up()
    assert [wrong(w, password=f"guess {n}") for n in range(7)] == [*[Refused()] * 5, Refused(timedelta(seconds=30)), Refused(timedelta(seconds=30))]  # fmt: skip
    assert failed(w, "watch") == 5 and postures(w) == []


def test_a_watch_that_answers_with_a_coroutine_is_a_failing_one():
    w = world(watch=Broken(look=coroutine()))
    w.sign_up()
    assert isinstance(w.sign_in(), SignedIn)
    assert failed(w, "watch") == 1


def test_what_a_watch_changed_is_told_though_it_failed_before():
    w = world(watch=Broken(look=OUT, wrong=(CHANGE,)))
    wrong(w)
    assert postures(w) == [("rise-of-failures", "", "normal", "challenge")]


@pytest.mark.parametrize("port", [MemoryWatch, object(), "watch", AsyncMemoryWatch()])
def test_what_is_no_watch_is_refused_at_construction(port):
    with pytest.raises(ConfigError, match="watch"):
        world(watch=port)


class Told:
    def __init__(self, found):
        self.found, self.asked = found, []

    def origin(self, address):
        self.asked.append(address)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_a_resolver_brings_whole_networks_into_view(make):
    resolver = Told(Origin(asn=64500, country="SE"))
    w = make(policy=watched(asn=Bands(notify=band(3))), resolver=resolver)
    for number in range(3):
        wrong(w, password=f"wrong {number}", address=f"192.0.{number}.1")
    assert postures(w) == [("asn-reputation", "AS64500", "normal", "notify")]
    assert resolver.asked == ["192.0.0.1", "192.0.1.1", "192.0.2.1"]


@pytest.mark.parametrize("found", [RuntimeError("the file is gone"), None, {"asn": 1}], ids=repr)
def test_a_resolver_that_fails_keeps_nobody_out_and_the_rest_is_counted(make, found):
    w = make(policy=ADDRESS, resolver=Told(found))
    w.sign_up()
    raised(w)
    assert isinstance(w.sign_in(), SignedIn)
    assert failed(w, "resolver") == 4
    assert postures(w) == [("address-reputation", "192.0.2.7", "normal", "challenge")]


@pytest.mark.parametrize("port", [object(), Told, "x"])
def test_what_is_no_resolver_is_refused_at_construction(port):
    with pytest.raises(ConfigError, match="resolver"):
        world(resolver=port)


# --- many at once, keys that rotate -------------------------------------------------------------------------------------


def test_of_many_guesses_at_once_each_is_seen_once():
    """They may all have looked before any was counted: then their budgets stop them, as ever."""
    watch = Noting()
    w = async_world(watch=watch)

    async def play():
        calls = [
            w.engine.sign_in(f"user-{n % 10}@example.org", f"wrong {n}", context=w.context(f"192.0.2.{n}")) for n in range(100)
        ]
        return await asyncio.gather(*calls)

    assert w._run(play()) == [Refused()] * 100
    assert len(watch.wrongs) == 100
    w.close()


def test_while_keys_rotate_nodes_go_on_counting_together():
    """A node that has the new key already, and one that has not, name a password alike."""
    watch = Noting()
    w = world(watch=watch)
    old = w.keyring
    wrong(w)
    entropy = SeededEntropy(99)
    first = SeededEntropy(0)
    keys = [first(32), first(32)]
    both = Keyring(sealing=[keys[0]], index=[entropy(32), keys[1]], entropy=entropy)
    assert old.digest("x") == both.digest("x", key=1)
    w.restart(keyring=both)
    wrong(w, address="192.0.2.8")
    assert watch.wrongs[0][0].candidate == watch.wrongs[1][0].candidate


def test_the_same_prepared_password_is_one_guess():
    """Another spelling of what is compared alike is no other password to a spray."""
    watch = Noting()
    w = world(watch=watch)
    wrong(w, password="caf\u00e9 au lait")
    wrong(w, password="cafe\u0301 au lait", address="192.0.2.8")
    assert watch.wrongs[0][0].candidate == watch.wrongs[1][0].candidate
