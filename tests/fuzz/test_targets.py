"""Every target keeps its word: on what was kept, near what is right, on whatever Hypothesis makes up, and under fuzzing."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.targets import SEEDS, TARGETS

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "seeds" / "fuzz"
MOST = 200_000
SECONDS = 60


@pytest.mark.parametrize("target", TARGETS)
def test_keeps_its_word_on_what_was_kept(target):
    """What the fuzzer once found, and what once broke a reader; and the inputs that are right."""
    for path in sorted((KEPT / target).glob("*")):
        TARGETS[target](path.read_bytes())
    for seed in SEEDS.get(target, []):
        TARGETS[target](_bytes(seed))


def test_what_was_kept_is_small_and_of_targets_that_are_there():
    files = [path for path in KEPT.rglob("*") if path.is_file() and path.name != "README.md"]
    assert {path.parent.name for path in files} <= {*TARGETS} and sum(path.stat().st_size for path in files) <= MOST


@pytest.mark.parametrize(("target", "seed"), [(target, seed) for target, seeds in SEEDS.items() for seed in seeds])
@given(at=st.integers(0, 300), to=st.binary(max_size=3), cut=st.integers(0, 3))
def test_keeps_its_word_near_what_is_right(target, seed, at, to, cut):
    """A few bytes away from what the reader takes."""
    data = _bytes(seed)
    at %= len(data)
    TARGETS[target](data[:at] + to + data[at + cut :])


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary() | st.text().map(str.encode))
def test_keeps_its_word(target, data):
    """Whatever the bytes are."""
    TARGETS[target](data)


@pytest.mark.deep
@pytest.mark.parametrize("target", TARGETS)
def test_keeps_its_word_under_fuzzing(target, tmp_path):
    """Each target is fuzzed for a minute, from all that was kept; what breaks it is printed as bytes."""
    found, seeds = tmp_path / "found", tmp_path / "seeds"
    for folder in (found, seeds):
        folder.mkdir()
    for number, seed in enumerate(SEEDS.get(target, [])):
        (seeds / str(number)).write_bytes(_bytes(seed))
    folders = [str(folder) for folder in (found, seeds, KEPT / target) if folder.is_dir()]
    options = [f"-max_total_time={SECONDS}", "-rss_limit_mb=4096", "-max_len=2048", "-print_final_stats=1"]
    command = [sys.executable, "-m", "tests.fuzz", target, *folders, *options, f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10 * SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "stat::number_of_executed_units" in done.stderr


def _bytes(seed):
    return seed if isinstance(seed, bytes) else seed.encode()
