"""acctsec audit says what a policy means and breaks, writes it down, and answers with the exit codes it documents."""

import json
import re
import sys
from xml.etree import ElementTree as ET

import pytest

from acctsec.__main__ import main
from acctsec.testing.laws import LAWS

QUICK = ("--law", "lane-never-above-stop", "--law", "hit-count-is-never-exceeded", "--law", "failures-never-loosen")
MODULE = """
from attrs import evolve
from acctsec import CHEAPEST, LockoutPolicy, Objection, PasswordPolicy, Policy, ResetPolicy
from acctsec.lockout import Admitted
from acctsec.password import Length

class Open(LockoutPolicy):
    def judge(self, charges, readings):
        return Admitted(1, new=True)

class NoPenguins:
    def judge(self, password, facts):
        return (Objection("no-penguins"),) if "b" in password else ()

ours = evolve(CHEAPEST, name="ours")
broken = evolve(CHEAPEST, name="broken", lockout=Open())
ruled = evolve(CHEAPEST, name="ruled", password=PasswordPolicy(rules=(Length(), NoPenguins())))
number = 4

def make():
    return ours

def impossible():
    return Policy(reset=ResetPolicy(live=9))

def careless():
    raise KeyError("the key sk-live-4711")

def clumsy():
    raise AttributeError("the key sk-live-4711")

def leaves():
    raise SystemExit(0)

class Leaves:
    def judge(self, password, facts):
        raise SystemExit(0)

leaving = evolve(CHEAPEST, name="leaving", password=PasswordPolicy(rules=(Length(), Leaves())))

def noisy():
    print("hello")
    return ours
"""


@pytest.fixture
def platform(tmp_path, monkeypatch):
    """A platform's own module, where the command is called."""
    (tmp_path / "platform_policies.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("platform_policies", None)


def test_a_policy_that_holds_is_told_and_answers_zero(platform, capsys):
    assert main(["audit", "platform_policies:ours", *QUICK]) == 0
    told = capsys.readouterr().out
    assert "3 laws: 2 hold, 0 broken, 1 not asked." in told
    assert "The policy has no hit count" in told


def test_a_function_that_makes_a_policy_and_a_preset_are_audited_too(platform, capsys):
    assert main(["audit", "platform_policies:make", *QUICK]) == 0
    assert main(["audit", "social-guarded", *QUICK]) == 0
    assert "social-guarded-2026.11" in capsys.readouterr().out


def test_what_is_broken_is_told_in_words_with_what_to_type(platform, capsys):
    assert main(["audit", "platform_policies:broken", *QUICK]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "The lane compares the guess number 51; its stop is 50." in told
    assert "To see it again: acctsec audit platform_policies:broken --law lane-never-above-stop" in told
    assert "1 broken" in told


def test_own_codes_are_named(platform, capsys):
    asked = ["audit", "platform_policies:ruled", "--law", "password-always-judged", "--examples", "40"]
    assert main(asked) == 1
    assert "--examples 40" in capsys.readouterr().out
    assert main([*asked, "--codes", "no-penguins"]) == 0


def test_a_policy_that_cannot_be_built_is_a_finding_and_no_traceback(platform, capsys):
    assert main(["audit", "platform_policies:impossible", "--json", "a.json", "--junit", "a.xml"]) == 1
    told = capsys.readouterr()
    assert "platform_policies:impossible is loaded. It is refused: live is 9." in " ".join(told.out.split())
    assert "Traceback" not in told.out + told.err
    assert json.loads((platform / "a.json").read_text())["laws"][0]["id"] == "policy-can-be-built"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["platform_policies:gone"], "cannot be found"),
        (["no_such_module_of_ours:policy"], "cannot be found"),
        (["platform_policies:number"], "is a int, and no Policy"),
        (["social"], "names no policy"),
        (["platform_policies:careless"], "KeyError is raised at platform_policies.py:"),
        (["platform_policies:clumsy"], "AttributeError is raised at platform_policies.py:"),
        (["platform_policies:leaves"], "SystemExit is raised at platform_policies.py:"),
        (["social-default", *QUICK, "--json", "a.out", "--junit", "./a.out"], "the same file"),
        (["social-default", "--law", "no-such-law"], "there is no law no-such-law"),
        ([], "name a policy"),
        (["social-default", *QUICK, "--json", "no/such/place.json"], "cannot be written"),
    ],
    ids=["attribute", "module", "number", "name", "raises", "misses", "leaves", "twice", "law", "nothing", "file"],
)
def test_what_cannot_be_carried_out_says_why_and_answers_two(platform, capsys, typed, why):
    assert main(["audit", *typed]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert "sk-live" not in told
    assert "Traceback" not in told


def test_a_rule_that_ends_the_process_does_not_end_the_audit_as_if_all_were_well(platform, capsys):
    assert main(["audit", "platform_policies:leaving", "--law", "password-always-judged", "--examples", "5"]) == 1
    assert "SystemExit is raised" in " ".join(capsys.readouterr().out.split())


def test_what_a_module_prints_is_not_told_as_ours(platform, capsys):
    assert main(["audit", "platform_policies:noisy", *QUICK]) == 0
    told = capsys.readouterr()
    assert "hello" not in told.out
    assert "hello" in told.err


@pytest.mark.parametrize("typed", ["0", "-3", "many", "1.5"])
def test_a_number_that_is_none_is_refused_in_words(capsys, typed):
    with pytest.raises(SystemExit, match="2"):
        main(["audit", "social-default", f"--examples={typed}"])
    assert "give a number from 1 on" in capsys.readouterr().err


def test_without_hypothesis_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("acctsec._audit_command.find_spec", lambda name: None)
    assert main(["audit", "social-default"]) == 2
    assert "acctsec[testing]" in capsys.readouterr().err


def test_the_list_has_every_law(capsys):
    assert main(["audit", "--list"]) == 0
    told = capsys.readouterr().out
    assert all(law.id in told for law in LAWS)


def test_the_json_is_the_same_twice_but_for_the_times(platform, capsys):
    found = []
    for name in ("a.json", "b.json"):
        main(["audit", "platform_policies:broken", *QUICK, "--json", name, "--seed", "7"])
        found.append(re.sub(r'"seconds": [\d.]+', "", (platform / name).read_text()))
    assert found[0] == found[1]
    document = json.loads((platform / "a.json").read_text())
    assert list(document) == ["version", "acctsec", "policy", "asked", "holds", "laws", "means"]
    assert (document["version"], document["holds"], document["asked"]["seed"]) == (1, False, 7)
    by_id = {law["id"]: law for law in document["laws"]}
    common = ["id", "family", "says", "invariants", "outcome"]
    assert list(by_id["failures-never-loosen"]) == [*common, "cases", "seconds"]
    assert list(by_id["hit-count-is-never-exceeded"]) == [*common, "why"]
    assert list(by_id["lane-never-above-stop"]) == [*common, "cases", "seconds", "given", "found", "again"]
    assert by_id["lane-never-above-stop"]["again"].endswith("--seed 7")


def test_the_figures_say_what_the_policy_means(platform):
    from acctsec import SOCIAL_DEFAULT
    from acctsec._audit.means import figures

    told = {one.question: one.answer for one in figures(SOCIAL_DEFAULT)}
    assert told["guesses compared: botnet, one account"].startswith("50 within 30 days, 50 within a year")
    assert told["and its owner, on a known device"] == "meets nothing"
    assert told["a thief: mailbox, with a second factor"] == "never signs in"
    assert told["a thief: phisher, with a second factor"] == "does at once: everything"


SHAPE = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testcase"}),
    "testcase": ({"classname", "name", "time"}, {"failure", "skipped"}),
    "failure": ({"type", "message"}, set()),
    "skipped": ({"message"}, set()),
}
"""JUnit, as Jenkins' schema and GitLab read it: elements, with the attributes and the children that each may have."""


def test_the_junit_file_has_the_shape_that_build_servers_read(platform):
    main(["audit", "platform_policies:broken", *QUICK, "--junit", "a.xml"])
    root = ET.fromstring((platform / "a.xml").read_text(encoding="utf-8"))
    assert root.tag == "testsuites"
    for parent in root.iter():
        attributes, children = SHAPE[parent.tag]
        assert set(parent.attrib) == attributes
        assert {child.tag for child in parent} <= children
    suite = root[0]
    cases = list(suite)
    counts = tuple(int(suite.attrib[name]) for name in ("tests", "failures", "skipped"))
    assert counts == (len(cases), len(suite.findall("*/failure")), len(suite.findall("*/skipped"))) == (3, 1, 1)
    assert all(float(case.attrib["time"]) >= 0 for case in cases)
    assert "its stop is 50" in suite.find("*/failure").text


def test_xml_holds_whatever_a_counterexample_shows():
    from acctsec._audit.report import _allowed

    shown = _allowed("a\x00b\ud800c\x1bd\ufffe\uffff\ne")
    assert ET.fromstring(f"<a>{shown}</a>").text.count("\n") == 1


@pytest.mark.deep
def test_a_whole_audit_of_the_default_policy_holds(capsys):
    assert main(["audit", "social-default"]) == 0
    assert "What this policy means" in capsys.readouterr().out
