"""Sources take turns, and a full queue takes from who holds most: compared with a model that a reader sees through."""

from itertools import count, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.hashing.fair import FairQueue

KEYS = ("a", "b", None)
ROOM = 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from(["a", "b", "c", "d", None])),
        st.tuples(st.just("pop"), st.none()),
        st.tuples(st.just("remove"), st.integers(0, 30)),
    ),
    max_size=60,
)


class Model:
    """The same in lists, and slowly: lanes in the order of their turns."""

    def __init__(self):
        self.lanes = []

    def lane(self, key):
        return next((items for name, items in self.lanes if name == key), [])

    def push(self, item, key):
        if not self.lane(key):
            self.lanes.append((key, []))
        self.lane(key).append(item)

    def pop(self):
        key, items = self.lanes.pop(0)
        if items[1:]:
            self.lanes.append((key, items[1:]))
        return items[0]

    def remove(self, item):
        for _, items in self.lanes:
            if item in items:
                items.remove(item)
                self.lanes = [lane for lane in self.lanes if lane[1]]
                return True
        return False

    def may_displace(self, key):
        """The newest of each lane that is longest, where it is longer than *key*'s by two."""
        longest = max((len(items) for _, items in self.lanes), default=0)
        if longest < len(self.lane(key)) + 2:
            return {None}
        return {items[-1] for _, items in self.lanes if len(items) == longest}

    @property
    def items(self):
        return [item for _, items in self.lanes for item in items]


def play(steps, room):
    """Play *steps* on both, as the governor does with *room* for so many; answers who was refused, and who displaced."""
    queue, model, numbers, keys, refused, displaced = FairQueue(), Model(), count(), {}, [], []
    for step, what in steps:
        if step == "come":
            item = next(numbers)
            keys[item] = what
            if len(queue) >= room:
                gone = queue.displace(key=what)
                assert gone in model.may_displace(what)
                if gone is None:
                    refused.append(item)
                    continue
                model.remove(gone)
                displaced.append(gone)
            queue.push(item, key=what)
            model.push(item, what)
        elif step == "pop" and model.lanes:
            assert queue.pop() == model.pop()
        elif step == "pop":
            with pytest.raises(KeyError):
                queue.pop()
        elif step == "remove":
            assert queue.remove(what, key=keys.get(what)) is model.remove(what)
        assert len(queue) == len(model.items) <= room
    assert [queue.pop() for _ in range(len(queue))] == [model.pop() for _ in range(len(model.items))]
    assert (len(queue), queue._lanes, queue._by_length, queue._longest) == (0, {}, {}, 0)
    return refused, displaced


@given(STEPS, st.integers(1, 8))
def test_it_does_what_the_model_does(steps, room):
    play(steps, room)


def test_it_does_so_in_every_short_story():
    """All orders of six steps of three sources at a queue of three places."""
    steps = [*(("come", key) for key in KEYS), ("pop", None), ("remove", 0), ("remove", 2)]
    for story in product(steps, repeat=6):
        play(story, ROOM)


@given(st.integers(1, 200), st.integers(1, 30))
def test_whoever_floods_it_waits_behind_everybody_else(flood, others):
    """A newcomer waits for one item of the flood, however long that is."""
    queue = FairQueue()
    for number in range(flood):
        queue.push(("flood", number), key="flood")
    for number in range(others):
        queue.push(number, key=number)

    served = [queue.pop() for _ in range(others + 1)]

    assert served == [("flood", 0), *range(others)]


@given(st.integers(2, 60), st.integers(1, 59))
def test_no_flood_keeps_a_newcomer_out(room, newcomers):
    """Of a full queue of one source, everybody else gets a place, until all hold one."""
    newcomers = min(newcomers, room - 1)
    queue = FairQueue()
    for number in range(room):
        queue.push(("flood", number), key="flood")

    gone = []
    for number in range(newcomers):
        gone.append(queue.displace(key=number))
        queue.push(number, key=number)

    assert gone == [("flood", number) for number in range(room - 1, room - 1 - newcomers, -1)]
    assert len(queue) == room


@given(STEPS, st.integers(1, 8))
def test_nobody_is_displaced_who_holds_no_more_than_the_newcomer(steps, room):
    """Else two sources of the same greed would push each other out for ever."""
    queue, held, keys = FairQueue(), {}, {}
    for item, (step, key) in enumerate(steps):
        if step != "come":
            continue
        if len(queue) >= room:
            gone = queue.displace(key=key)
            if gone is None:
                continue
            loser = keys[gone]
            assert held[loser] - 1 >= held.get(key, 0) + 1
            held[loser] -= 1
        queue.push(item, key=key)
        keys[item], held[key] = key, held.get(key, 0) + 1


def test_the_newest_of_a_lane_goes_and_the_oldest_is_served():
    queue = FairQueue()
    for number in range(4):
        queue.push(number, key="a")

    assert (queue.displace(key="b"), queue.pop()) == (3, 0)


def test_who_has_no_key_has_a_lane_like_any_other():
    queue = FairQueue()
    for number in range(3):
        queue.push(number, key=None)
    queue.push("other", key="a")

    assert [queue.pop() for _ in range(4)] == [0, "other", 1, 2]


def test_an_item_of_another_key_is_not_found():
    queue = FairQueue()
    queue.push("x", key="a")

    assert not queue.remove("x", key="b")
    assert queue.remove("x", key="a")
