"""The parts of what is watched agree with each other, and whoever does not ask for them does not load them."""

import subprocess
import sys

import pytest
from attrs import evolve

from acctsec import ConfigError
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Band, Bands, PosturePolicy
from acctsec.attacks.reputation import ReputationPolicy
from acctsec.attacks.spray import SprayPolicy
from acctsec.attacks.spread import SpreadPolicy


def upto(at, name=""):
    if name == "unknown":
        return Bands(notify=Band(at=at, below=15))
    return Bands(challenge=Band(at=30, below=15), tighten=Band(at=at, below=15))


@pytest.mark.parametrize(
    ("name", "most"),
    [("address", 20_000), ("prefix", 20_000), ("asn", 20_000), ("unknown", 20_000), ("spray", 512), ("crowd", 512)],
)
def test_a_threshold_out_of_reach_is_refused(name, most):
    """It would never be reached, and nobody would know."""
    AttackPolicy(posture=PosturePolicy(**{name: upto(most, name)}))
    AttackPolicy(posture=PosturePolicy(**{name: None}))
    for bands in (upto(most + 1, name), Bands(notify=Band(at=most + 1, below=1))):
        with pytest.raises(ConfigError, match=name):
            AttackPolicy(posture=PosturePolicy(**{name: bands}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"reputation": ReputationPolicy(most=9_999)},
        {"spray": SprayPolicy(candidates=SpreadPolicy(bits=598)), "posture": PosturePolicy(spray=upto(300))},
        {"spray": SprayPolicy(prefixes=SpreadPolicy(bits=598)), "posture": PosturePolicy(crowd=upto(300))},
        {"spray": SpreadPolicy()},
        {"reputation": None},
        {"surge": 5},
        {"posture": upto(300)},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(wrong):
    """The other way round as well."""
    with pytest.raises(ConfigError):
        evolve(AttackPolicy(), **wrong)


def test_importing_the_library_imports_nothing_that_is_off():
    """Nobody pays for what he did not ask for."""
    off = ["acctsec.attacks.history", "acctsec.attacks.maxmind", "acctsec.attacks.risk"]
    found = f"import sys, acctsec; print(sorted(set({off}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True).stdout.strip() == "[]"
