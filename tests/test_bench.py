"""The benchmarks run and tell well-formed rows. What they measure is nobody's test: `make bench` prints it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOALS = ["P1", "P1b", *(f"P{number}" for number in range(2, 23))]
CAPACITY = ["C1", "C2"]
WATCHING = ["W1"]
RECOVERY = ["R1"]
PASSKEYS = ["K1", "K2"]
COLUMNS = ("row", "what", "ours", "floor", "peer", "ratio", "goal", "verdict")


SHM = Path("/dev/shm")


def run(*arguments):
    """The benchmarks with their files in memory, where that is possible: nobody looks at how long a disk takes."""
    folder = {"TMPDIR": str(SHM)} if os.access(SHM, os.W_OK | os.X_OK) else {}
    command = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **folder}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rows():
    """Every row, measured just long enough to see that it can be."""
    made = run("--quick")
    assert made.returncode == 0, made.stderr
    lines = [line for line in made.stdout.splitlines() if re.match(r"\| [PCRWK]\d", line)]
    return [dict(zip(COLUMNS, re.split(r" *\| *", line.strip("| "), maxsplit=7), strict=False)) for line in lines]


@pytest.mark.parametrize("goal", [*GOALS, *CAPACITY, *WATCHING, *RECOVERY, *PASSKEYS])
def test_every_goal_has_a_row(rows, goal):
    """A goal that nobody measures would be missed without a word."""
    mine = [row for row in rows if row["row"] == goal]

    assert mine
    assert all(row["ours"] for row in mine)


@pytest.mark.parametrize(
    ("goal", "server"),
    [(goal, "PostgreSQL") for goal in ("P1", "P2", "P3", "P4", "P6", "P22")]
    + [(goal, "Valkey") for goal in ("P1", "P2", "P3", "P4", "P22")],
)
def test_what_is_kept_on_a_server_is_measured_there(rows, goal, server):
    """Whoever outgrows one machine reads the figures of the stores that he will use."""
    assert any(server in row["what"] for row in rows if row["row"] == goal)


def test_every_row_says_what_it_measured(rows):
    """Who reads the table needs no other file."""
    for row in rows:
        assert len(row["what"]) > 10, row
        assert re.search(r"\d", row["ours"]) or row["ours"] == "later part", row
        assert row.get("verdict", "") in {"", "met", "MISSED"}, row
        assert not row.get("verdict") or row["goal"] != "-", row


def test_rows_can_be_chosen():
    """`make bench ROWS="P5 P7"` measures those two alone."""
    made = run("--quick", "P5", "P7")

    assert {line.split("|")[1].strip() for line in made.stdout.splitlines() if line.startswith("| P")} == {"P5", "P7"}


def test_an_unknown_row_is_a_mistake_that_names_the_known_ones():
    """A typing error must not look like a clean bill."""
    made = run("--quick", "P99")

    assert made.returncode == 2
    assert "P99" in made.stderr
    assert "P22" in made.stderr
