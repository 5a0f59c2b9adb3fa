"""Nobody tells somebody from nobody while something fails: any one call, all of them, the queue for a hash, the loss of the meters."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from random import Random
from threading import Barrier, Event, Thread

import pytest
from attrs import evolve, field, frozen
from tests.test_challenges import Riddle
from tests.test_hits import HitCount, heavy
from tests.test_networks import familiar
from tests.test_oracles import POLICIES, asking_ports, patched, sign_in_alone

from acctsec import CHEAPEST, LockoutPolicy, Refused, TryAgain
from acctsec._flows.core import NOBODY, Core
from acctsec._flows.counting import Counting, unchanged
from acctsec.errors import CommitUnknown
from acctsec.hashing import HashingPolicy
from acctsec.testing import OracleFound, as_async, assert_no_oracle, async_world, engine_operations, world
from acctsec.testing._costs import surprise
from acctsec.testing._troubles import AT_ONE_CALL, at_single_calls
from acctsec.testing._watched import Watch
from acctsec.testing.doubles import DIRECTORY

GUESSED = ("sign_in", "request_reset", "redeem_reset with a wrong code", "redeem_reset with a wrong recovery code")
ASKED = ("directory.", "records.load", "records.commit", "meters.charge", "meters.settle", "watch.", "hash permit", "hashing.")
KNOWN, UNKNOWN = "alice@example.org", "nobody@example.org"


def guesses(w):
    """What charges, compares and commits: the most that an outsider can have done, and so the most that can fail."""
    return {name: call for name, call in engine_operations(w).items() if name in GUESSED}


def address(number):
    return f"198.18.{number // 250}.{number % 250 + 1}"


# --- one call fails, and no other --------------------------------------------------------------------------------------


def test_no_single_call_that_fails_tells():
    assert_no_oracle(world, operations=guesses, single_calls=2)


def test_nor_does_one_while_each_process_counts_alone():
    assert_no_oracle(lambda: world(policy=POLICIES["counting alone in an outage"]), operations=sign_in_alone, single_calls=2)


@pytest.mark.deep
@pytest.mark.parametrize("make", [world, async_world])
@pytest.mark.parametrize("policy", [CHEAPEST, *POLICIES.values()], ids=["the default", *POLICIES])
def test_nor_does_one_under_any_policy_and_either_face(policy, make):
    assert_no_oracle(lambda: make(policy=policy), operations=asking_ports, single_calls=3)


MORE = {
    "a budget in guessed probability": lambda: world(
        policy=evolve(CHEAPEST, lockout=LockoutPolicy(hits=HitCount(likelihood=heavy)))
    ),
    "known networks": lambda: world(policy=familiar(2, 16, base=CHEAPEST)),
    "a challenge": lambda: world(challenge=Riddle()),
}


@pytest.mark.deep
@pytest.mark.parametrize("name", MORE)
def test_nor_does_one_with_what_has_to_be_switched_on(name):
    assert_no_oracle(MORE[name], operations=guesses, single_calls=2)


def test_three_calls_of_a_kind_are_all_that_an_outsider_can_bring_about():
    """So `single_calls=3` leaves none out, while nothing else fails."""
    w = world()
    w.sign_up()
    watch, most = Watch(w), Counter()
    for call in engine_operations(w).values():
        for number in range(12):
            for name in (KNOWN, UNKNOWN):
                watch.begin()
                call(name, f"wrong {number}", address(number))
                most |= Counter(one.name for one in watch.calls)
    assert all(name.startswith(ASKED) for name in most), most
    assert max(most.values()) <= 3


def test_every_way_to_fail_is_tried_at_each_call():
    single = at_single_calls(3)
    assert len({one.name for one in single}) == 3 * len(AT_ONE_CALL)
    assert {one.at for one in single} == {1, 2, 3}
    met = {prefix for one in AT_ONE_CALL for prefix in one.raises}
    assert met == {*ASKED, "corpus.", "challenge."}


# --- each is found where it is planted ---------------------------------------------------------------------------------


def found_with(make=world, operations=sign_in_alone, **more):
    with pytest.raises(OracleFound) as found:
        assert_no_oracle(make, operations=operations, **more)
    return found.value


def test_a_lost_commit_that_is_not_tried_again_for_nobody_is_found(monkeypatch):
    async def written(usual, self, scene, who, step, said):
        if who.stored is not None:
            return await usual(self, scene, who, step, said)
        with suppress(CommitUnknown):
            await self.core.commit(scene, NOBODY, None, said, self.core.draw(16))
        return unchanged(NOBODY.record), who

    patched(monkeypatch, Counting, "_written", written)
    assert found_with().trouble == "commits are lost"


def test_a_lost_commit_that_is_believed_where_a_record_shows_that_it_was_made_is_found(monkeypatch):
    """What the engine did before: whoever has a record looks there, and asks no more."""

    async def applied(usual, self, scene, loaded, step, *, said=None):
        return await usual(self, scene, loaded, step, said=said if loaded is NOBODY else None)

    patched(monkeypatch, Core, "applied", applied)
    assert found_with().trouble == "the answers of commits are lost"


def test_a_handler_that_shows_only_at_its_second_look_into_the_user_table_is_found():
    """While the user table fails at every call, it never comes to that one."""
    known = {f"somebody-{number:03d}@example.org" for number in range(100)}

    def login(w, name, password, address):
        outcome = w.calls.sign_in(name, password, context=w.context(address))
        try:
            w.directory.find("", "the page's own greeting")
        except RuntimeError:
            return 500 if name in known else 401
        return repr(outcome)

    handlers = lambda w: {"POST /login": lambda *request: login(w, *request)}
    assert_no_oracle(world, operations=handlers)
    found = found_with(operations=handlers, single_calls=2)
    assert (found.what, found.trouble) == ("answer", "the directory fails, at call 2 of that kind alone")


# --- more than the queue for a hash takes ------------------------------------------------------------------------------

CROWD, PERMITS, QUEUE, ROUNDS = 200, 2, 60, 8
NAMES = [f"{who}-{number:03d}@example.org" for number in range(CROWD // 2) for who in ("person", "nobody")]


@frozen(kw_only=True)
class Gated(HashingPolicy):
    """Hashes nothing before the gate is open, so that the queue fills to its end."""

    gate: Event = field(factory=Event, eq=False)

    def verify(self, stored, password):
        self.gate.wait(30)
        return super().verify(stored, password)

    def spend(self, stored, password):
        self.gate.wait(30)
        super().spend(stored, password)


def gated(make, gate):
    """A world in which a hundred people have a password, and nothing is compared until the gate opens."""
    knobs = {name: getattr(CHEAPEST.hashing, name) for name in ("memory_kib", "time_cost", "floor")}
    w = make()
    for name in NAMES[::2]:
        w.sign_up(name.partition("@")[0], name)
    w.policy = evolve(w.policy, hashing=Gated(**knobs, permits=PERMITS, queue=QUEUE, patience=timedelta(seconds=25), gate=gate))
    ports = {name: getattr(w, name) for name in ("policy", "store", "keyring", "clock", "entropy")}
    directory = as_async(w.directory, DIRECTORY) if make is async_world else w.directory
    w.engine = type(w.engine)(**ports, directory=directory, outbox="manual")
    return w


def crowd(seed):
    """A wrong password for each of a hundred people and a hundred names that nobody has, each from an address of its own."""
    names = [*NAMES]
    Random(seed).shuffle(names)
    return [(name, f"wrong {seed}", address(number)) for number, name in enumerate(names)]


def on_threads(w, gate, requests):
    answers, barrier = [None] * len(requests), Barrier(len(requests))

    def ask(number, name, password, source):
        barrier.wait()
        answers[number] = w.engine.sign_in(name, password, context=w.context(source))

    threads = [Thread(target=ask, args=(number, *request)) for number, request in enumerate(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:  # those that are refused come back while the gate is shut
        if sum(one is not None for one in answers) >= CROWD - PERMITS - QUEUE:
            break
        thread.join(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    return answers


def on_a_loop(w, gate, requests):
    async def all_at_once():
        tasks = [
            asyncio.ensure_future(w.engine.sign_in(name, password, context=w.context(source)))
            for name, password, source in requests
        ]
        refused = asyncio.as_completed(tasks)
        for _ in range(CROWD - PERMITS - QUEUE):
            await next(refused)
        gate.set()
        return await asyncio.gather(*tasks)

    return w._run(all_at_once())


FACES = {"blocking": (world, on_threads), "async": (async_world, on_a_loop)}


def refusals(face, order=crowd):
    """Of people and of names that nobody has, how many were refused, and how many sent away, under the same overload each time."""
    make, at_once = FACES[face]
    gate, known, unknown = Event(), Counter(), Counter()
    w = gated(make, gate)
    for seed in range(ROUNDS):
        gate.clear()
        requests = order(seed)
        for (name, *_), answer in zip(requests, at_once(w, gate, requests), strict=True):
            assert isinstance(answer, Refused | TryAgain), answer
            (known if name in NAMES[::2] else unknown)[type(answer).__name__] += 1
    if make is async_world:
        w.close()
    assert known["TryAgain"] + unknown["TryAgain"] == ROUNDS * (CROWD - PERMITS - QUEUE)
    return surprise(known, {}, sampled=unknown)


@pytest.mark.parametrize("face", FACES)
def test_past_the_queue_as_many_are_sent_away_whether_or_not_somebody_is_named(face):
    """By chi-square over 1,600 sign-ins, two hundred at once, where 62 have room: denied wrongly once in a million."""
    found, bound = refusals(face)
    assert found < bound


def test_a_queue_that_is_reached_sooner_for_people_is_found_out():
    def people_first(seed):
        chance = Random(seed)
        return sorted(crowd(seed), key=lambda request: chance.random() - 0.15 * (request[0] in NAMES[::2]))

    found, bound = refusals("async", people_first)
    assert found > bound


# --- what shows after a loss of the meters, and at the stop ------------------------------------------------------------


def both_guessed(w, watch, number, *, source):
    """The same wrong password for somebody and for nobody: what each was answered, and what was asked of the ports."""
    seen = []
    for name in (KNOWN, UNKNOWN):
        watch.begin()
        answer = w.calls.sign_in(name, f"wrong {number}", context=w.context(source))
        seen.append((repr(answer), [(one.name, one.detail if one.name == "records.commit" else None) for one in watch.calls]))
    return seen


def without_commits(seen):
    return seen[0], [one for one in seen[1] if one[0] != "records.commit"]


@pytest.mark.parametrize("before", [5, 9, 15, 25, 49])
def test_after_a_loss_of_the_meters_nothing_differs_but_at_which_guess_a_commit_is_made(before):
    """A record remembers every tenth failure; a name that nobody has begins anew. Answers, hashes and all other calls stay equal."""
    w = world()
    w.sign_up()
    watch, apart = Watch(w), 0
    for number in range(before + 60):
        if number == before:
            w.store._rows.clear()
            w.store._round.clear()
        somebody, nobody = both_guessed(w, watch, number, source=address(number))
        assert without_commits(somebody) == without_commits(nobody), number
        assert number >= before or somebody == nobody, number
        apart += somebody != nobody
        w.clock.advance(minutes=31)
    assert apart <= 12


def test_before_any_loss_the_whole_way_to_the_stop_differs_by_the_notices_alone():
    """The owner is told that guessing stopped, by one entry an address in a commit that both make."""
    w = world()
    w.sign_up(addresses=(KNOWN, "alice@example.net"))
    watch, apart = Watch(w), []
    for number in range(60):
        somebody, nobody = both_guessed(w, watch, number, source=address(number))
        if somebody != nobody:
            apart.append((number, [one for one in somebody[1] if one not in nobody[1]], len(somebody[1]) - len(nobody[1])))
        w.clock.advance(minutes=31)
    assert apart == [(49, [("records.commit", 3)], 0)]
