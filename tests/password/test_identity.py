"""Policies are named by what they accept, alike in every process."""

import dataclasses
import re
import subprocess
import sys
from datetime import date, timedelta
from enum import Enum
from functools import partial

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from acctsec.password import Age, BannedTerms, Blocklist, Length, PasswordPolicy, StrengthEstimator
from acctsec.password.identity import identity

DAY = timedelta(days=1)
SCRIPT = """
import re
from attrs import frozen
from acctsec.password import BannedTerms, Blocklist, Length, PasswordPolicy
class Own:
    def __init__(self): self.lock = object()
    def judge(self, password, facts): return ()
@frozen
class Sets:
    allowed: frozenset = frozenset({"one", "two", "three", "four", b"five", None})
    form: re.Pattern = re.compile("x+")
    def judge(self, password, facts): return ()
rules = (Length(), BannedTerms(terms=("contoso",)), Blocklist(words=("word",)), Own(), Sets())
print(PasswordPolicy(rules=rules, words=("otterly",), estimator=lambda password, words: 9.0).identity.hex())
"""


def test_it_is_the_same_in_every_process_whatever_a_rule_holds():
    """Sets in another order, objects at other addresses, lambdas."""
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 16


STRICTER = {
    "length": {"rules": (Length(minimum=16),)},
    "a rule more": {"rules": (Length(), Blocklist())},
    "another order of rules": {"rules": (Blocklist(), Length())},
    "words": {"words": ("otterly",)},
    "words of a rule": {"rules": (Length(), Blocklist(words=("one",)))},
    "other words of a rule": {"rules": (Length(), Blocklist(words=("two",)))},
    "terms": {"rules": (Length(), BannedTerms(terms=("contoso",)))},
    "bytes": {"max_bytes": 1100},
    "estimator": {"estimator": StrengthEstimator()},
    "dictionaries": {"estimator": StrengthEstimator(dictionaries=(("one",),))},
}


def test_whatever_changes_what_is_accepted_changes_the_name():
    base = PasswordPolicy(rules=(Length(),))
    named = [base.identity, *(evolve(base, **fields).identity for fields in STRICTER.values())]
    named += [(base & evolve(base, **fields)).identity for fields in STRICTER.values()]
    assert len(set(named)) == len(named)
    assert {len(one) for one in named} == {8}


def test_what_says_nothing_of_a_password_does_not():
    base = PasswordPolicy()
    others = {"history": 5, "min_age": DAY, "grace": None, "max_age": 90 * DAY, "on_age": Age.FORCE, "popularity_cap": 5}
    assert evolve(base, **others).identity == base.identity == PasswordPolicy().identity


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class Ours:
    value: object = None
    cache: object = field(factory=object, eq=False)


@dataclasses.dataclass(frozen=True)
class Theirs:
    value: object = None
    cache: object = dataclasses.field(default_factory=object, compare=False)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.binary(max_size=3) | st.dates() | st.timedeltas(),
    lambda inner: (
        st.tuples(inner, inner)
        | st.frozensets(st.text(max_size=2), max_size=3)
        | st.builds(Ours, inner)
        | st.builds(Theirs, inner)
    ),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_equal_values_have_equal_names_and_others_others(one, other):
    equal = repr_of(one) == repr_of(other)
    assert (identity(one) == identity(other)) == equal


def repr_of(value):
    """Equality that knows True from 1."""
    if isinstance(value, Ours | Theirs):
        return type(value).__name__, repr_of(value.value)
    if isinstance(value, tuple):
        return tuple(map(repr_of, value))
    return (type(value).__name__, frozenset(value) if isinstance(value, frozenset) else repr(value))


PAIRS = {
    "enums": (Colour.RED, Colour.BLUE),
    "patterns": (re.compile("a"), re.compile("a", re.IGNORECASE)),
    "mappings": ({"a": 1}, {"a": 2}),
    "functions": (len, max),
    "classes": (Ours, Theirs),
    "text and bytes": ("a", b"a"),
    "number and text": (1, "1"),
    "dates": (date(2026, 1, 1), date(2026, 1, 2)),
    "lone surrogates": ("\ud800", "\ud801"),
    "one text and two": (("ab",), ("a", "b")),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_these_are_told_apart(pair):
    assert identity(pair[0]) != identity(pair[1])


def test_mappings_have_no_order():
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})


def test_what_does_not_say_what_it_is_goes_by_its_class():
    """A rule that keeps a counter or a lock must not be another rule in the next process."""
    assert identity(partial(len)) == identity(partial(max)) == identity(partial(print))
