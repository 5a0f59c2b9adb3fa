"""The page of formats is whole, and says of each what the code says."""

import re
from pathlib import Path

import pytest
from tests.hashing.foreign.vectors import KINDS, VECTORS

from acctsec.hashing import foreign

PAGE = (Path(__file__).parents[3] / "docs/reference/foreign-hashes.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, flags=re.MULTILINE))
LIMITS = ("max_iterations", "max_rounds", "max_rounds_log2", "max_cost", "max_memory_kib", "max_traffic_kib")
SAID = {"max_rounds_log2": "2^{}", "max_cost": "cost {}", "max_memory_kib": "{mib} MiB", "max_traffic_kib": "{mib} MiB moved"}


def test_every_format_that_is_exported_has_a_row_and_a_vector():
    exported = {name for name in foreign.__all__ if name not in {"ForeignFormat", "Wrappable", "identify"}}

    assert set(ROWS) == exported == {type(one).__name__ for one in KINDS}
    assert all(name in PAGE.partition(":members:")[2] for name in exported)


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.name)
def test_a_row_names_what_identify_answers_and_the_ceiling(one):
    row = ROWS[type(one).__name__]

    assert row.startswith(f"`{one.name}` |")
    for limit in LIMITS:
        value = getattr(one, limit, None)
        if value is not None:
            assert SAID.get(limit, "{:,}").format(value, mib=value // 1024) in row


def test_the_ceiling_of_argon2_is_the_one_that_is_said():
    ceiling = foreign.Argon2().ceiling

    assert f"{ceiling.memory_kib // 1024} MiB, {ceiling.time_cost} passes, {ceiling.parallelism} lanes" in ROWS["Argon2"]


def test_a_vector_is_of_the_format_that_its_row_is_about():
    assert [one.name for one, stored, _ in VECTORS if foreign.identify(stored) != one.name] == []
