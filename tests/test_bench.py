"""The benchmarks run and tell well-formed rows. What they measure is nobody's test: `make bench` prints it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.bench.page import BEGIN, END, replaced, shown

ROOT = Path(__file__).resolve().parent.parent
GOALS = ["P1", "P1b", *(f"P{number}" for number in range(2, 23))]
CAPACITY = ["C1", "C2"]
WATCHING = ["W1"]
RECOVERY = ["R1"]
PASSKEYS = ["K1", "K2"]
TRIPS = ["T1"]
COLUMNS = ("row", "what", "ours", "floor", "peer", "ratio", "goal", "rounds", "noise", "verdict")
PAGE = ROOT / "docs" / "explanation" / "speed.md"


SHM = Path("/dev/shm")


def run(*arguments):
    """The benchmarks with their files in memory, where that is possible: nobody looks at how long a disk takes."""
    folder = {"TMPDIR": str(SHM)} if os.access(SHM, os.W_OK | os.X_OK) else {}
    command = [sys.executable, "-m", "tests.bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **folder}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every row, measured just long enough to see that it can be: as text, for programs, and in a page."""
    folder = tmp_path_factory.mktemp("bench")
    figures, page = folder / "figures.json", folder / "page.md"
    page.write_text(f"Before.\n\n{BEGIN}\nof last time\n{END}\n\nAfter.\n", encoding="utf-8")
    made = run("--quick", "--json", str(figures), "--page", str(page))
    assert made.returncode == 0, made.stderr
    return SimpleNamespace(
        text=made.stdout, figures=json.loads(figures.read_text(encoding="utf-8")), page=page.read_text(encoding="utf-8")
    )


@pytest.fixture(scope="module")
def rows(made):
    return table_of(made.text)


def table_of(text):
    lines = [line for line in text.splitlines() if re.match(r"\| [PCRWKT]\d", line)]
    return [dict(zip(COLUMNS, [cell.strip() for cell in line.strip()[1:-1].split("|")], strict=True)) for line in lines]


@pytest.mark.parametrize("goal", [*GOALS, *CAPACITY, *WATCHING, *RECOVERY, *PASSKEYS, *TRIPS])
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


def test_a_figure_says_of_how_many_rounds_it_is_and_how_they_scatter(rows, made):
    """A ratio of noisy rounds is told beside its noise, for people and for programs; and how quiet the machine was, at the end."""
    assert any(row["rounds"].isdecimal() for row in rows)
    assert len(made.figures["rows"]) == len(rows)
    assert all(one["rounds"] == 2 and one["spread"] == 0 for one in made.figures["rows"] if one["row"] == "P14")
    assert "a fixed loop took" in made.text
    assert "a fixed loop took" in made.figures["noise"]


def test_the_table_takes_the_place_of_the_one_before(made):
    """`make bench ARGS="--page docs/explanation/speed.md"` changes nothing else in the page."""
    assert made.page.startswith(f"Before.\n\n{BEGIN}")
    assert made.page.endswith(f"{END}\n\nAfter.\n")
    assert "of last time" not in made.page
    assert table_of(shown(made.page)) == table_of(made.text)
    with pytest.raises(ValueError, match="lacks"):
        replaced("a page without marks", "a table")


def test_the_page_shows_every_row(rows):
    """Whatever was measured last, nothing that is measured is left out of it. Figures are of another day, and of more rounds."""

    def names(some):
        return sorted({(row["row"], re.sub(r"[\d,]+", "#", row["what"]).partition(";")[0]) for row in some})

    assert names(table_of(shown(PAGE.read_text(encoding="utf-8")))) == names(rows)


def test_a_profile_says_where_the_time_goes():
    """Store by store, and by parts of the library."""
    made = run("--quick", "--profile", "check_session")

    assert made.returncode == 0, made.stderr
    for named in ("memory", "SQLite", "Valkey", "PostgreSQL", "1 load", "keyring", "calls in all"):
        assert named in made.stdout


def test_rows_can_be_chosen():
    """`make bench ROWS="P5 P7"` measures those two alone."""
    made = run("--quick", "P5", "P7")

    assert {line.split("|")[1].strip() for line in made.stdout.splitlines() if line.startswith("| P")} == {"P5", "P7"}


def test_a_page_is_not_given_a_part_of_the_table(tmp_path):
    """What was left out would look as if it were not measured."""
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nof last time\n{END}\n", encoding="utf-8")

    assert run("--quick", "P5", "--page", str(page)).returncode == 2
    assert "of last time" in page.read_text(encoding="utf-8")


def test_an_unknown_row_is_a_mistake_that_names_the_known_ones():
    """A typing error must not look like a clean bill."""
    made = run("--quick", "P99")

    assert made.returncode == 2
    assert "P99" in made.stderr
    assert "P22" in made.stderr
