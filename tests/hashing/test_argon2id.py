"""Memory that a thread keeps changes nothing but the cost."""

import threading

import pytest
from argon2 import low_level
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec.hashing import Argon2Parameters
from acctsec.hashing import argon2id as module
from acctsec.hashing.argon2id import derive, keep_memory

SALT = bytes(16)
SMALL = Argon2Parameters(memory_kib=64, time_cost=2)


def in_keeping_thread(work):
    """Run *work* in a thread that keeps memory, and answer what it answers."""
    answers = []

    def run():
        keep_memory()
        answers.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return answers[0]


def block():
    return getattr(module._thread, "block", None)


COSTS = st.builds(lambda m, t, p: Argon2Parameters(8 * p + m, t, p), st.integers(0, 256), st.integers(1, 3), st.integers(1, 4))


@settings(max_examples=100)  # each derives up to twelve tags
@given(
    st.lists(
        st.tuples(st.binary(max_size=80), st.binary(min_size=16, max_size=64), COSTS, st.integers(16, 64)), min_size=1, max_size=4
    )
)
def test_the_tags_are_the_same(jobs):
    def all_of_them():
        return [derive(secret, salt=salt, cost=cost, tag_bytes=size, keep_kib=512) for secret, salt, cost, size in jobs]

    reference = [
        low_level.hash_secret_raw(secret, salt, cost.time_cost, cost.memory_kib, cost.parallelism, size, low_level.Type.ID)
        for secret, salt, cost, size in jobs
    ]

    assert all_of_them() == in_keeping_thread(all_of_them) == reference


def test_the_memory_is_used_again_and_left_wiped():
    def twice():
        derive(b"secret", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64)
        first = block()
        derive(b"other", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64)
        return first is block(), first.usable, bytes(first._pages)

    assert in_keeping_thread(twice) == (True, True, bytes(64 * 1024))
    assert module.memory_can_be_kept()


def test_a_costlier_hash_does_not_enlarge_what_is_kept():
    def costlier():
        derive(b"x", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64)
        derive(b"x", salt=SALT, cost=Argon2Parameters(memory_kib=1024, time_cost=1), tag_bytes=32, keep_kib=64)
        return block().kib

    assert in_keeping_thread(costlier) == 64


def test_a_thread_that_did_not_ask_keeps_nothing():
    derive(b"x", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64)

    assert block() is None


@pytest.mark.parametrize("missing", ["core", "ffi"])
def test_a_binding_without_the_way_in_hashes_all_the_same(monkeypatch, missing):
    expected = derive(b"x", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64)

    class Changed:
        """argon2-cffi as some later release may be."""

        hash_secret_raw = staticmethod(low_level.hash_secret_raw)
        Type = low_level.Type
        core = staticmethod(low_level.core)
        ffi = low_level.ffi

    delattr(Changed, missing)
    monkeypatch.setattr(module, "low_level", Changed)

    def one():
        return derive(b"x", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64), block().usable

    assert in_keeping_thread(one) == (expected, False)
    assert not module.memory_can_be_kept()


def test_a_core_that_answers_wrongly_is_not_used(monkeypatch):
    expected = derive(b"x", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64)
    monkeypatch.setattr(module.low_level, "core", lambda context, kind: 0)

    def one():
        return derive(b"x", salt=SALT, cost=SMALL, tag_bytes=32, keep_kib=64), block().usable

    assert in_keeping_thread(one) == (expected, False)


def test_an_error_of_the_core_is_an_error():
    def one():
        with pytest.raises(module.HashingError):
            derive(b"x", salt=b"short", cost=SMALL, tag_bytes=32, keep_kib=64)
        return True

    assert in_keeping_thread(one)
