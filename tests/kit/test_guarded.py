"""The guard of contracts: no test of one is lost in silence, however it is done. Each way is a module of a real run of pytest."""

import re
import subprocess
import sys
import textwrap
from xml.etree import ElementTree as ET

import pytest

CONTRACT = '''
    from acctsec.testing._guarded import Guarded

    def test_second(self):
        """The second thing must hold."""
        assert self.make() == "thing"

    class Contract(Guarded, tests=[test_second], yours=("make",)):
        def make(self):
            raise NotImplementedError

        def test_first(self):
            """The first thing must hold."""
            assert self.make() is not None

    class Other(Guarded, tests=()):
        def test_third(self):
            pass
'''

KEPT = {
    "plain": """
        class TestOurs(Contract):
            def make(self): return "thing"
            def test_of_our_own(self): pass
        """,
    "named otherwise": """
        class OurThings(Contract):
            def make(self): return "thing"
        """,
    "by a mix-in": """
        class Things:
            def make(self): return "thing"
        class TestOurs(Things, Contract): pass
        """,
    "through a base of its own": """
        class Base(Contract):
            __test__ = False
            def make(self): return "thing"
        class TestOurs(Base): pass
        """,
    "two contracts": """
        class TestOurs(Contract, Other):
            def make(self): return "thing"
        """,
    "with fixtures and parameters": """
        class TestOurs(Contract):
            @pytest.fixture(autouse=True, params=[1, 2])
            def number(self, request): self.number = request.param
            def make(self): return "thing" if self.number else None
        """,
    "expected to fail, with a reason": """
        class TestOurs(Contract):
            def make(self): return "another"
            @pytest.mark.xfail(reason="our thing is another one")
            def test_second(self): super().test_second()
        """,
}

LOST = {
    "overridden": ("def test_second(self): pass", "overrides test_second"),
    "overridden async": ("async def test_second(self): pass", "overrides test_second"),
    "overridden by a static method": ("test_second = staticmethod(lambda: None)", "overrides test_second"),
    "overridden by a property": ("test_second = property(lambda self: lambda: None)", "overrides test_second"),
    "overridden by a fixture": ("@pytest.fixture\n    def test_second(self): pass", "overrides test_second"),
    "overridden by a class": ("class test_second: pass", "overrides test_second"),
    "set to None": ("test_second = None", "removes test_second"),
    "expected to fail, without a reason": ("@pytest.mark.xfail\n    def test_second(self): pass", "gives no reason"),
    "expected to fail, with an empty reason": ("@pytest.mark.xfail(reason=' ')\n    def test_second(self): pass", "gives no reason"),
    "expected to fail, and passing": (
        "@pytest.mark.xfail(reason='we think so')\n    def test_second(self): pass",
        "and it passes. Take the mark away",
    ),
    "expected to fail, and never run": (
        "@pytest.mark.xfail(reason='later', run=False)\n    def test_second(self): super().test_second()",
        "marked xfail and not run",
    ),
    "all expected to fail, and never run": ("pytestmark = pytest.mark.xfail(reason='later', run=False)", "marked xfail and not run"),
    "expected to fail, on a condition that never holds": (
        "@pytest.mark.xfail(False, reason='elsewhere')\n    def test_second(self): pass",
        "its xfail is not in force",
    ),
    "skipped by its mark": ("@pytest.mark.skip\n    def test_second(self): pass", "overrides test_second"),
    "all skipped": ("pytestmark = pytest.mark.skip(reason='slow')", "was left out .*slow"),
    "all skipped on a condition": ("pytestmark = pytest.mark.skipif(True, reason='windows')", "was left out .*windows"),
    "all expected to fail without a reason": ("pytestmark = pytest.mark.xfail", "xfail without a reason"),
    "all expected to fail": ("pytestmark = pytest.mark.xfail(reason='later')", "it passes"),
    "no parameters": (
        "pytestmark = pytest.mark.parametrize('number', [], indirect=True)\n    @pytest.fixture(autouse=True)\n    def number(self): pass",
        "has no parameters",
    ),
    "a fixture without parameters": ("@pytest.fixture(autouse=True, params=[])\n    def number(self): pass", "was left out"),
    "a fixture that skips": ("@pytest.fixture(autouse=True)\n    def mood(self): pytest.skip('not today')", "was left out .*not today"),
    "a fixture that gives up": ("@pytest.fixture(autouse=True)\n    def mood(self): pytest.xfail('not today')", "was left out .*not today"),
    "a set-up that skips": ("def setup_method(self): pytest.skip('not today')", "was left out .*not today"),
    "what it asks of us skips": ("def make(self): pytest.skip('not today')", "was left out .*not today"),
    "a constructor": ("def __init__(self): pass", "changes __init__"),
    "another look at attributes": ("def __getattribute__(self, name): return print", "changes __getattribute__"),
    "the guard itself": ("def pytest_generate_tests(self, metafunc): pass", "changes pytest_generate_tests"),
}  # fmt: skip

ELSEWHERE = {
    "a mix-in that overrides": (
        """
        class Quiet:
            def test_second(self): pass
        class TestOurs(Quiet, Contract):
            def make(self): return "thing"
        """,
        "overrides test_second",
    ),
    "a mix-in that keeps the guard from looking": (
        """
        class Quiet:
            def __init_subclass__(cls): pass
            test_second = None
        class TestOurs(Quiet, Contract):
            def make(self): return "thing"
        """,
        "removes test_second",
    ),
    "a base of its own that overrides": (
        """
        class Base(Contract):
            __test__ = False
            def test_second(self): pass
        class TestOurs(Base):
            def make(self): return "thing"
        """,
        "overrides test_second",
    ),
    "overridden afterwards": (
        """
        class TestOurs(Contract):
            def make(self): return "another"
        TestOurs.test_second = lambda self: None
        """,
        "overrides test_second",
    ),
    "taken from the contract itself": (
        """
        from acctsec.testing._guarded import Guarded
        class Third(Guarded, tests=()):
            def test_one(self): pass
            def test_two(self): assert False
        class TestOurs(Third): pass
        del Third.test_two
        """,
        "removes test_two",
    ),
    "skipped by a decorator": (
        """
        @pytest.mark.skip(reason="flaky")
        class TestOurs(Contract):
            def make(self): return "thing"
        """,
        "was left out .*flaky",
    ),
    "skipped by its module": (
        """
        pytestmark = pytest.mark.skip(reason="flaky")
        class TestOurs(Contract):
            def make(self): return "thing"
        """,
        "was left out .*flaky",
    ),
    "as a TestCase": (
        """
        import unittest
        class TestOurs(Contract, unittest.TestCase):
            def make(self): return "thing"
        """,
        "is a unittest.TestCase",
    ),
}

HEAD = "import pytest\nfrom contract import Contract, Other\n"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What pytest says of each way: its counts and its failures, by name."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "contract.py").write_text(textwrap.dedent(CONTRACT))
    (folder / "pytest.toml").write_text("[pytest]\naddopts = ['-p', 'no:cacheprovider', '--continue-on-collection-errors']\n")
    ways = {
        **{name: textwrap.dedent(body) for name, body in KEPT.items()},
        **{
            name: f'class TestOurs(Contract):\n    def make(self): return "thing"\n    {body}\n'
            for name, (body, _) in LOST.items()
        },
        **{name: textwrap.dedent(body) for name, (body, _) in ELSEWHERE.items()},
    }
    files = {name: f"test_{number}" for number, name in enumerate(ways)}
    for name, body in ways.items():
        (folder / f"{files[name]}.py").write_text(HEAD + body)
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml=told.xml"], cwd=folder, check=False, capture_output=True, text=True
    )
    assert (folder / "told.xml").exists(), said.stdout + said.stderr
    cases = list(ET.parse(folder / "told.xml").iter("testcase"))
    return {
        name: [case for case in cases if stem in f"{case.get('classname')}.{case.get('name')}".split(".")]
        for name, stem in files.items()
    }


def outcomes(cases):
    return {(case.get("name"), next((one.tag for one in case if one.tag != "properties"), "passed")) for case in cases}


@pytest.mark.parametrize("way", KEPT)
def test_a_class_that_keeps_its_contract_is_asked_all_of_it(way, told):
    asked = {name.partition("[")[0]: outcome for name, outcome in outcomes(told[way])}

    expected = "skipped" if way.startswith("expected") else "passed"
    assert (asked["test_first"], asked["test_second"]) == ("passed", expected)
    assert set(asked.values()) <= {"passed", expected}


def test_a_project_that_names_its_tests_otherwise_is_asked_all_the_same(tmp_path):
    """Its own names are for its own tests."""
    (tmp_path / "contract.py").write_text(textwrap.dedent(CONTRACT))
    (tmp_path / "check_ours.py").write_text(HEAD + textwrap.dedent(KEPT["by a mix-in"]))
    (tmp_path / "pytest.toml").write_text("[pytest]\npython_files = ['check_*.py']\npython_functions = ['check_*']\n")
    said = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=tmp_path, check=False, capture_output=True, text=True)

    assert "2 passed" in said.stdout, said.stdout + said.stderr


@pytest.mark.parametrize("way", LOST | ELSEWHERE)
def test_a_class_that_loses_a_test_of_its_contract_fails(way, told):
    sentence = (LOST | ELSEWHERE)[way][1]
    found = " ".join(part for case in told[way] for one in case for part in (one.get("message") or "", one.text or ""))

    assert {"error", "failure"} & {outcome for _, outcome in outcomes(told[way])}, outcomes(told[way])
    assert re.search(sentence, found), found
