"""The trigram table is what its script makes of the lists, and the model over it is one of chances."""

import gzip
import json
import runpy
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

from acctsec.password import strength
from acctsec.password.estimator.ngrams import END, START, trained, trigrams

FIT = runpy.run_path(str(Path(__file__).parents[2] / "seeds/estimator/fit.py"))


def test_the_shipped_table_is_what_the_script_makes():
    packed = files("acctsec.password").joinpath("data/trigrams.json.gz").read_bytes()

    assert gzip.decompress(packed).decode() == FIT["table"]()


def test_the_weights_are_what_the_script_fits():
    assert FIT["weights"]() == (strength._SEARCH, strength._SURPRISE, strength._CONSTANT)


def test_the_chances_after_a_context_are_at_most_one_together():
    """Of 96 signs and the end; the model knows nothing else in this small world."""
    model = trained({START + START: {"a": 3, "b": 1}, START + "a": {END: 2, "b": 1}, "ab": {END: 1}})
    signs = [*map(chr, range(32, 127)), ""]

    total = sum(10 ** -model.surprise("".join(text)) for size in (0, 1, 2) for text in product(signs[:-1], repeat=size))

    assert 0.5 < total <= 1


def test_common_characters_surprise_less_than_rare_ones():
    surprise = trigrams().surprise

    assert surprise("password") < surprise("passwxqz") < surprise("pa\u4e2d\u6587wxqz")


def test_the_table_is_plain_counts():
    table = json.loads(FIT["table"]())

    assert all(count > 0 for followers in table.values() for count in followers.values())
    assert all(len(context) == 2 for context in table)
    assert len(table) == pytest.approx(1700, rel=0.1)
