"""StoreContract, as its user meets it: in a real run of pytest, with stores that keep their contract, that do not, and that say so."""

import subprocess
import sys
import textwrap
from xml.etree import ElementTree as ET

import pytest

from acctsec.testing import WHOLE, Capability
from acctsec.testing._contract import CLAUSES

TESTS = """
    import pytest
    from acctsec.stores import AsyncMemoryStore, MemoryStore
    from acctsec.testing import WHOLE, Capability, StoreContract

    class TestKeeps(StoreContract):
        def make_store(self):
            return MemoryStore()

    class TestKeepsByCoroutine(StoreContract):
        async def make_store(self):
            return AsyncMemoryStore()

    class Meters:
        def __init__(self):
            store = MemoryStore()
            self.charge, self.settle, self.read = store.charge, store.settle, store.read

    class TestHalf(StoreContract):
        capabilities = Capability.METERS
        def make_store(self):
            return Meters()

    class TestHalfThatSaysNothing(StoreContract):
        def make_store(self):
            return Meters()

    class TestSaysTooMuch(StoreContract):
        capabilities = WHOLE | Capability.SHARED
        def make_store(self):
            return MemoryStore()

    class TestUnfinished(StoreContract):
        pass

    class AcksAll(MemoryStore):
        def ack(self, ids):
            self._outbox.clear()

    class TestBreaks(StoreContract):
        def make_store(self):
            return AcksAll()

    class TestBreaksAndSaysSo(StoreContract):
        def make_store(self):
            return AcksAll()
        @pytest.mark.xfail(reason="our queue acknowledges all or nothing")
        def test_acknowledges(self):
            super().test_acknowledges()
"""
SEARCH = "agrees_with_the_arithmetic"
"""It takes longer than all the others, and tests/stores/test_every_store.py asks it."""

ASKED = [clause for clause in CLAUSES if clause.name != SEARCH]
SHARED = sum(Capability.SHARED in clause.needs for clause in CLAUSES)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What became of each test of each class, and what was said of it."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "test_ours.py").write_text(textwrap.dedent(TESTS))
    (folder / "pytest.toml").write_text("[pytest]\naddopts = ['-p', 'no:cacheprovider']\n")
    asked = [sys.executable, "-m", "pytest", "-q", "--junitxml=told.xml", "--tb=short", "-k", f"not {SEARCH}"]
    said = subprocess.run(asked, cwd=folder, check=False, capture_output=True, text=True)
    assert (folder / "told.xml").exists(), said.stdout + said.stderr
    found = {}
    for case in ET.parse(folder / "told.xml").iter("testcase"):
        outcome = next(iter(case), None)
        what = ("passed", "") if outcome is None else (outcome.tag, f"{outcome.get('message')} {outcome.text}")
        found.setdefault(case.get("classname").rpartition(".")[2], {})[case.get("name").removeprefix("test_")] = what
    return found


def of(told, outcome):
    return {name: said for name, (kind, said) in told.items() if kind == outcome}


def test_each_clause_is_a_test_with_its_sentence(told):
    assert list(told["TestKeeps"]) == [clause.name for clause in ASKED]
    assert all(clause.sentence.endswith(".") and clause.sentence[0].isupper() for clause in ASKED)
    assert len({clause.name for clause in ASKED}) == len(ASKED)


@pytest.mark.parametrize("name", ["TestKeeps", "TestKeepsByCoroutine"])
def test_a_store_that_keeps_it_passes_all_but_what_it_does_not_declare(name, told):
    assert len(of(told[name], "passed")) == len(ASKED) - SHARED
    assert all("does not declare SHARED" in said for said in of(told[name], "skipped").values())


def test_a_half_is_asked_its_half_and_the_rest_is_shown(told):
    asked = {clause.name for clause in ASKED if clause.needs in Capability.METERS}

    assert set(of(told["TestHalf"], "passed")) == asked
    assert set(of(told["TestHalf"], "skipped")) == {clause.name for clause in ASKED} - asked


def test_a_half_that_says_nothing_fails(told):
    assert "declares RECORDS and has no load" in of(told["TestHalfThatSaysNothing"], "failure")["has_what_it_declares"]


def test_what_is_declared_and_not_given_fails(told):
    assert "Give `open_again`, or leave SHARED out" in of(told["TestSaysTooMuch"], "failure")["has_what_it_declares"]


def test_a_class_without_a_store_is_told_what_it_lacks(told):
    failures = of(told["TestUnfinished"], "failure")

    assert len(failures) == len(ASKED) - SHARED
    assert all("let it return a fresh, empty store" in said for said in failures.values())


def test_a_broken_clause_fails_alone_and_in_its_words(told):
    failures = of(told["TestBreaks"], "failure")

    assert "acknowledges" in failures
    assert "was acknowledged must never return, and nothing else must go" in failures["acknowledges"]
    assert len(failures) < 8


def test_a_broken_clause_that_is_said_is_left_to_its_reason(told):
    assert "all or nothing" in of(told["TestBreaksAndSaysSo"], "skipped")["acknowledges"]
    assert set(of(told["TestBreaksAndSaysSo"], "failure")) == set(of(told["TestBreaks"], "failure")) - {"acknowledges"}


def test_whoever_declares_nothing_is_taken_for_a_whole_store():
    assert Capability.RECORDS | Capability.OUTBOX | Capability.METERS == WHOLE
