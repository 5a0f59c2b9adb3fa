"""Every reader keeps its word: for what Hypothesis makes up in the normal run, and for what coverage leads to in the deep one."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.targets import SEEDS, TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 60


@pytest.mark.parametrize(("target", "seed"), [(target, seed) for target, seeds in SEEDS.items() for seed in seeds])
@given(at=st.integers(0, 300), to=st.binary(max_size=3), cut=st.integers(0, 3))
def test_keeps_its_word_near_what_is_right(target, seed, at, to, cut):
    """A few bytes away from what the reader takes."""
    data = seed if isinstance(seed, bytes) else seed.encode()
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
    """Each target is fuzzed for a minute; what breaks it is printed as bytes."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(SEEDS.get(target, [])):
        (seeds / str(number)).write_bytes(seed if isinstance(seed, bytes) else seed.encode())
    options = [str(seeds), f"-max_total_time={SECONDS}", "-rss_limit_mb=4096", "-max_len=2048", "-print_final_stats=1"]
    command = [sys.executable, "-m", "tests.fuzz", target, *options, f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10 * SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "stat::number_of_executed_units" in done.stderr
