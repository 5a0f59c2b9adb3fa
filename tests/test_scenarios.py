"""Attacks written down as data end as their files say, on every store."""

import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve
from tests.places import STORES

from acctsec import SOCIAL_DEFAULT
from acctsec.errors import ConfigError
from acctsec.testing import world
from acctsec.testing.scenarios import describing, perform, play, read_scenario, schema
from acctsec.testing.scenarios.steps import STEPS, Operation, Step, filled
from acctsec.testing.scenarios.timeline import timeline

FOLDER = Path(__file__).resolve().parent.parent / "seeds/scenarios"
FILES = sorted(FOLDER.glob("*.toml"))

WHOLE = """
title = "A guess"
defence = "It is one."

[accounts.alice]

[actors.guesser]

[[steps]]
by = "guesser"
do = "sign-in"
account = "alice"
password = "a guess"
times = 3
expect = "Refused"

[expect]
guesses = 3
"""


KINDS = [pytest.param(kind, marks=() if kind in {"memory", "sqlite"} else pytest.mark.deep) for kind in STORES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_ends_as_its_file_says(path, kind, places):
    """Outcomes step by step, and what has to be true at the end."""
    loaded = read_scenario(path)
    with closing(places.fresh(kind)) as place:
        play(loaded, world(policy=loaded.policy, store=place.open()))


# --- what there is ----------------------------------------------------------------------------------------------------

README = (FOLDER / "README.md").read_text(encoding="utf-8")
CLASSES = re.findall(r"^\| (.+) \| (\[.+\)) \| ((?:I\d\d(?:, )?)+) \|$", README, flags=re.MULTILINE)
SCENARIOS = [read_scenario(path).scenario for path in FILES]


def test_every_attack_is_of_one_class_and_every_class_has_one():
    """A file that the table does not name is one that nobody finds."""
    named = [name for _, files, _ in CLASSES for name in re.findall(r"\(([a-z-]+)\.toml\)", files)]

    assert sorted(named) == sorted(path.stem for path in FILES)
    assert len({name for name, _, _ in CLASSES}) == len(CLASSES) >= 30


def test_every_invariant_of_the_museum_is_attacked_or_said_to_be_out_of_reach():
    """All thirty-eight: a class that nobody plays is a gap that somebody chose."""
    attacked = {name for _, _, names in CLASSES for name in names.split(", ")}
    (out_of_reach,) = re.findall(r"^Not here,.*$", README, flags=re.MULTILINE)

    assert attacked.isdisjoint(re.findall(r"I\d\d", out_of_reach))
    assert sorted(attacked | set(re.findall(r"I\d\d", out_of_reach))) == [f"I{n:02d}" for n in range(1, 39)]


def test_every_attack_says_what_has_to_be_true_at_the_end():
    """Outcomes alone are what the engine says of itself."""
    nothing = schema.Expected()

    assert [one.title for one in SCENARIOS if one.expect == nothing] == []
    assert [one.title for one in SCENARIOS if not (one.title.strip() and one.defence.strip().endswith("."))] == []


def test_every_word_of_the_language_is_used_by_an_attack():
    """Each step and each key: what no attack needs is no part of it."""
    steps = {type(step) for one in SCENARIOS for step in one.steps}
    said = {
        kind: {key for text in map(raw, FILES) for table in find(text) for key in table}
        for kind, find in {
            schema.Account: lambda text: text["accounts"].values(),
            schema.Actor: lambda text: text["actors"].values(),
            schema.Expected: lambda text: [text["expect"]],
            schema.Scenario: lambda text: [text],
        }.items()
    }
    unused = [(kind.__name__, key) for kind, keys in said.items() for key in kind.__struct_fields__ if key not in keys]
    for step in STEPS:
        keys = {
            key for text in map(raw, FILES) for one in text["steps"] if one["do"] == step.__struct_config__.tag for key in one
        }
        common = set(Operation.__struct_fields__)
        unused += [(step.__name__, key) for key in step.__struct_fields__ if key not in keys | common]

    assert set(STEPS) - steps == set()
    assert unused == []


def raw(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_the_reference_is_what_files_are_read_by():
    """Mend it by `python -m acctsec.testing.scenarios.describing > docs/reference/scenarios.md`."""
    page = (FOLDER.parent.parent / "docs/reference/scenarios.md").read_text(encoding="utf-8")

    assert page == describing.page()


@pytest.mark.parametrize("kind", [schema.Scenario, schema.Account, schema.Actor, schema.Expected, Step, Operation, *STEPS])
def test_every_key_is_explained(kind):
    """In the docstring of its table, which is what the reference shows."""
    own = set(kind.__struct_fields__) - (set(Step.__struct_fields__) if kind is Operation else set())
    if kind in STEPS:
        own -= set(Operation.__struct_fields__)
    structure = {"accounts", "actors", "steps", "expect"} if kind is schema.Scenario else set()

    assert sorted(key for key in own - structure if f"*{key}*" not in kind.__doc__) == []


# --- reading ----------------------------------------------------------------------------------------------------------


def read(text, tmp_path):
    path = tmp_path / "attack.toml"
    path.write_text(text, encoding="utf-8")
    return read_scenario(path)


MALFORMED = {
    "no toml": ("title =", "the file", "title ="),
    "a key that is missing": ("defence", None, "defence"),
    "a key that is unknown": ("[expect]\nguesses", "[expect]\nguessed", "expect: object contains unknown field `guessed`"),
    "a value of another type": ("times = 3", 'times = "three"', "steps[0].times: expected `int`, got `str`"),
    "a number out of bounds": ("times = 3", "times = 0", "steps[0].times: expected `int` >= 1"),
    "an unknown step": ('do = "sign-in"', 'do = "sing-in"', "steps[0].do: invalid value 'sing-in'"),
    "an unknown actor": ('by = "guesser"', 'by = "gusser"', "steps[0].by: there is no actor 'gusser'"),
    "an unknown account": ('account = "alice"', 'account = "alcie"', "steps[0].account: there is no account 'alcie'"),
    "an account beyond a count": (
        'account = "alice"',
        'account = "alice-{n}"',
        "steps[0].account: there is no account 'alice-1'",
    ),
    "an unknown outcome": ('expect = "Refused"', 'expect = "Refusd"', "steps[0].expect: 'Refusd' is no outcome"),
    "outcomes that do not add up": (
        'expect = "Refused"',
        "expect = { Refused = 2 }",
        "steps[0].expect: the outcomes do not add up to 3",
    ),
    "no length of time": ("times = 3", 'times = 3\nevery = "3 weeks"', "steps[0].every: '3 weeks' is no length of time"),
    "time between what happens at once": (
        "times = 3",
        'times = 3\nat_once = true\nevery = "1 s"',
        "steps[0].every: no time passes",
    ),
    "a thing the actor does not have": (
        'do = "sign-in"\naccount = "alice"\npassword = "a guess"',
        'do = "inspect-reset"',
        "steps[0].by: 'guesser' has no mailbox",
    ),
    "a thing nobody has": (
        "[actors.guesser]",
        '[actors.guesser]\nphone = "alice"',
        "actors.guesser.phone: no account 'alice' has one",
    ),
    "codes without an authenticator": (
        "[accounts.alice]",
        "[accounts.alice]\nrecovery_codes = true",
        "accounts.alice.recovery_codes: there is no factor",
    ),
    "a thing of an account that has none": (
        "[actors.guesser]",
        '[actors.guesser]\npasskey = "alice"',
        "actors.guesser.passkey: no account 'alice' has one; set passkey there",
    ),
    "an address beside sources": (
        "[actors.guesser]",
        '[actors.guesser]\nsources = 2\naddress = "192.0.2.1"',
        "actors.guesser.address: it takes the place of sources",
    ),
    "texts without a number": (
        "[accounts.alice]",
        '[accounts.alice]\ncodes = "text"',
        "accounts.alice.codes: there is no number to send a text to; give it one",
    ),
    "a hash that nobody reads": (
        "[accounts.alice]",
        '[accounts.alice]\nimported = "5f4dcc3b5aa765d61d8327deb882cf99"',
        "accounts.alice.imported: it is no hash of bcrypt",
    ),
    "a factor without a password": (
        "[accounts.alice]",
        '[accounts.alice]\npassword = ""\ntotp = true',
        "accounts.alice.password: an owner without one sets no factor up",
    ),
    "a copy of nobody's": (
        "[expect]",
        '[[steps]]\nby = "guesser"\ndo = "copy"\nof = "gusser"\nwhat = "session"\n\n[expect]',
        "steps[1].of: there is no actor 'gusser'; there are guesser",
    ),
    "an act of a stranger": (
        "[expect]",
        '[[steps]]\nby = "guesser"\ndo = "administer"\nact = "disable"\naccount = "alice"\nexpect = "Acted"\n\n[expect]',
        "steps[1].by: 'guesser' has no administrator; give it to him in actors.guesser",
    ),
    "an unknown trouble": (
        "times = 3",
        'times = 3\ntrouble = "bad-weather"',
        "steps[0].trouble: invalid enum value 'bad-weather'",
    ),
    "an unknown event": ("guesses = 3", "events = { Guesed = 1 }", "expect.events: there is no event 'Guesed'"),
    "somebody who is like himself": ("guesses = 3", 'same = ["guesser"]', "expect.same: one actor alone is always like himself"),
    "a figure of nobody": ("guesses = 3", "sessions = { gusser = 0 }", "expect.sessions: there is no actor 'gusser'"),
    "a password of nobody": ("guesses = 3", 'kept = ["alcie"]', "expect.kept: there is no account 'alcie'"),
    "an unknown purpose": ("guesses = 3", "messages = { rest = 1 }", "expect.messages"),
    "an unknown preset": ("[expect]", '[policy]\npreset = "lax"\n\n[expect]', "policy: There is no preset 'lax'"),
    "an unknown family": ("[expect]", "[policy.lokout]\n\n[expect]", "policy: policy has no knob 'lokout'"),
    "a family that is no table": ("[expect]", "[policy]\nlockout = 5\n\n[expect]", "policy: policy.lockout is no table"),
    "an unknown knob": (
        "[expect]",
        "[policy.lockout.strangers]\nfee = 5\n\n[expect]",
        "policy.lockout.strangers has no knob 'fee'",
    ),
    "a knob of another type": (
        "[expect]",
        '[policy.lockout.strangers]\nfree = "five"\n\n[expect]',
        "policy: policy.lockout.strangers cannot be so",
    ),
    "a knob that is no length of time": (
        "[expect]",
        "[policy.lockout]\nlease = 30\n\n[expect]",
        "policy: policy.lockout.lease is 30",
    ),
    "knobs that contradict": (
        "[expect]",
        "[policy.lockout.strangers]\nstop = 90\n\n[expect]",
        "policy: policy.lockout cannot be so",
    ),
}


@pytest.mark.parametrize(("old", "new", "complaint"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_scenario_is_refused_with_file_and_key(old, new, complaint, tmp_path):
    """Whoever wrote it finds the place."""
    assert old in WHOLE
    text = re.sub(r"^defence.*$", "", WHOLE, flags=re.MULTILINE) if new is None else WHOLE.replace(old, new)

    with pytest.raises(ConfigError) as refusal:
        read(text, tmp_path)

    assert str(refusal.value).startswith("attack.toml: ")
    if complaint != "title =":
        assert complaint in str(refusal.value)


def test_a_policy_is_the_default_with_what_is_overridden(tmp_path):
    """Knobs are read in the form they have: numbers, lengths of time, choices, lists."""
    loaded = read(
        WHOLE.replace(
            "[expect]",
            """
            [policy.lockout]
            repeats = "count"
            lease = "40 s"
            strangers = { free = 4, first = "2 min" }

            [policy.password]
            words = ["acme"]

            [policy.mfa]
            required_groups = ["staff"]

            [expect]
            """,
        ),
        tmp_path,
    )

    policy = loaded.policy
    assert (policy.lockout.repeats.value, policy.lockout.lease.total_seconds()) == ("count", 40)
    assert (policy.lockout.strangers.free, policy.lockout.strangers.first.total_seconds()) == (4, 120)
    assert policy.lockout.strangers.stop == 50
    assert (policy.password.words, policy.mfa.required_groups) == (("acme",), frozenset({"staff"}))
    assert policy.hashing.memory_kib == 8


# --- playing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "unmet"),
    [
        ('expect = "Refused"', "expect = { Refused = 2, SignedIn = 1 }", "steps[0].expect: "),
        ("guesses = 3", "hashed = 2", "expect.hashed: 2, but it was 3"),
        ("guesses = 3", "events = { GuessingStopped = 1 }", "expect.events.GuessingStopped: 1, but it was 0"),
        ("guesses = 3", 'factors = { alice = ["totp"] }', "expect.factors.alice: totp, but it was none"),
        ("guesses = 3", "addresses = { alice = [] }", "expect.addresses.alice: none, but it was alice@example.org"),
        ("guesses = 3", 'disabled = ["alice"]', "expect.disabled.alice: disabled, but it was not disabled"),
        ("guesses = 3", "guesses = 2", "expect.guesses: 2, but it was 3"),
        ("guesses = 3", "compared = 0", "expect.compared: 0, but it was 3"),
        ("guesses = 3", "messages = { reset = 1 }", "expect.messages.reset: 1, but it was 0"),
        ("guesses = 3", "sessions = { guesser = 1 }", "expect.sessions.guesser: 1, but it was 0"),
        ("guesses = 3", "failures = { alice = 3 }", "expect.failures.alice: 3, but it was 1"),
        ("guesses = 3", "factor_failures = { alice = 1 }", "expect.factor_failures.alice: 1, but it was 0"),
        ("guesses = 3", 'changed = ["alice"]', "expect.changed.alice: changed, but it was kept"),
        ("guesses = 3", 'stopped = ["alice"]', "expect.stopped.alice: stopped, but it was not stopped"),
        ("guesses = 3", 'contested = ["alice"]', "expect.contested.alice: contested, but it was not contested"),
    ],
)
def test_what_a_file_expects_in_vain_is_named(old, new, unmet, tmp_path):
    """The key, what it wants, and what it was."""
    loaded = read(WHOLE.replace(old, new), tmp_path)

    with pytest.raises(AssertionError) as broken:
        play(loaded, world(policy=loaded.policy))

    assert str(broken.value).startswith("attack.toml: A guess\n")
    assert unmet in str(broken.value)


def test_a_password_that_should_have_been_kept_is_named(tmp_path):
    """The one expectation that takes a reset to break."""
    text = """
    title = "A reset"
    defence = "None."
    accounts.alice = {}
    actors.owner.mailbox = "alice"
    expect.kept = ["alice"]

    [[steps]]
    by = "owner"
    do = "request-reset"
    account = "alice"
    expect = "ResetRequested"

    [[steps]]
    by = "owner"
    do = "redeem-reset"
    proof = "code"
    password = "copper lanterns drift 63"
    expect = "PasswordChanged"
    """
    loaded = read(text, tmp_path)

    with pytest.raises(AssertionError, match=r"expect\.kept\.alice: kept, but it was changed"):
        play(loaded, world(policy=loaded.policy))


SAME = """
title = "Two look"
defence = "One answer."
accounts.alice = {}
accounts.barred = {}
actors.one = {}
actors.other = {}

[[steps]]
by = "one"
do = "sign-in"
account = "alice"
password = "a guess"
expect = "Refused"

[[steps]]
by = "other"
do = "sign-in"
account = "nobody"
password = "a guess"
expect = "Refused"

[expect]
same = ["one", "other"]
"""


def test_who_sees_the_same_is_the_same_and_who_does_not_is_told_apart(tmp_path):
    """An answer that is another one, and an answer that took another number of hashes."""
    alike = read(SAME, tmp_path)
    play(alike, world(policy=alike.policy))

    let_in = read(SAME.replace('"alice"\npassword = "a guess"\nexpect = "Refused"', '"alice"\nexpect = "SignedIn"'), tmp_path)
    with pytest.raises(AssertionError, match=r"expect\.same\.other: what one sees, but it was at attempt 1 one sees SignedIn"):
        play(let_in, world(policy=let_in.policy))

    longer = read(SAME.replace('nobody"\npassword = "a guess"', 'nobody"\npassword = "{a*5000}"'), tmp_path)
    with pytest.raises(AssertionError, match=r"hashes: 1\), other sees .*hashes: 0\)"):
        play(longer, world(policy=longer.policy))


def test_a_policy_without_a_stop_loses_the_siege():
    """What the files say is true of the policy, and not of the player."""
    lockout = SOCIAL_DEFAULT.lockout
    lax = evolve(SOCIAL_DEFAULT, lockout=evolve(lockout, strangers=evolve(lockout.strangers, free=40)))
    loaded = read_scenario(FOLDER / "parallel-guessing.toml", policy=lax)

    played = perform(loaded, world(policy=loaded.policy))

    assert not played.held
    assert [(one.key, one.found) for one in played.checks if not one.held] == [
        ("expect.compared", "41"),
        ("expect.guesses", "40"),
        ("expect.failures.alice", "40"),
    ]


def test_texts_are_filled_with_the_number_and_with_what_is_repeated():
    """In that order."""
    assert [filled(text, 7) for text in ("{n}", "{n:4}", "{a*3}b", "{n*2}", "plain")] == ["7", "0007", "aaab", "nn", "plain"]


def test_the_time_line_folds_what_is_alike_and_says_why(tmp_path):
    """Outcome, number, place in the row, how long one is told to wait, and the reason that operators see."""
    loaded = read(
        WHOLE.replace('password = "a guess"\ntimes = 3\nexpect = "Refused"', LATER).replace("guesses = 3", "guesses = 5"),
        tmp_path,
    )

    (entry,) = timeline(loaded.scenario, play(loaded, world(policy=loaded.policy)))

    assert (entry.when, entry.what) == (
        "00:00:00",
        'guesser (10.1.0.0): sign-in alice password "guess {n}", \N{MULTIPLICATION SIGN}9',
    )
    compared, waited = entry.answers
    assert compared == "Refused \N{MULTIPLICATION SIGN}5 (1 to 5): wrong (evaluated): it was compared"
    assert waited.startswith("Refused(retry_after) \N{MULTIPLICATION SIGN}4 (6 to 9), again after 30 s: source (budget): ")


LATER = 'password = "guess {n}"\ntimes = 9\nexpect = { Refused = 5, "Refused(retry_after)" = 4 }'


# --- the command ------------------------------------------------------------------------------------------------------


ROOT = FOLDER.parent.parent


def run(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, "-m", "acctsec", "scenario", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8", **environment},
        check=False,
    )


def test_run_says_what_happened_and_why():
    """One line for what was done, one for each thing that came of it, and every expectation."""
    done = run("run", FOLDER / "parallel-guessing.toml")

    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    for said in (
        "parallel-guessing.toml: A hundred guesses at one account",
        'botnet (100 sources): sign-in alice password "parallel guess number {n}", ×100 at once',
        "-> Refused ×10: wrong (evaluated): it was compared",
        "-> Refused ×90: lane (evaluated)",
        "event: GuessingSlowed: lane password/strangers, count 10",
        "✓ expect.guesses: 10",
        "All 8 expectations are met.",
    ):
        assert said in words
    assert "\x1b" not in done.stdout


def test_an_expectation_that_is_not_met_is_marked_and_the_command_ends_with_1(tmp_path):
    """Expected and got, side by side."""
    (tmp_path / "hopeful.toml").write_text(WHOLE.replace("guesses = 3", "guesses = 2"), encoding="utf-8")

    done = run("run", tmp_path / "hopeful.toml", "--store", "sqlite")

    assert done.returncode == 1
    assert "✗ expect.guesses: expected 2, got 3" in done.stdout
    assert "1 of 2 expectations are not met." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.toml"], "nowhere.toml: the file: it cannot be read: No such file or directory"),
        (["src"], "src has no scenario."),
        (["n" * 400], "cannot be read: File name too long."),
        (["seeds/scenarios/siege.toml", "--policy", "siege"], "'siege' names no policy: write module:attribute"),
        (["seeds/scenarios/siege.toml", "--policy", "acctsec.presets:NONE"], "'acctsec.presets:NONE' cannot be found"),
        (["seeds/scenarios/siege.toml", "--policy", "acctsec:Keyring"], "cannot be loaded: TypeError is raised"),
    ],
    ids=["no file", "no scenario", "no file name", "no name", "nobody there", "no policy"],
)
def test_what_cannot_be_carried_out_is_2(arguments, complaint):
    """And says how to mend it, on standard error."""
    done = run("run", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("acctsec: ")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scenario_is_played_under_the_policy_that_is_named(tmp_path):
    """Whatever the file says of its own; a module beside it is found."""
    (tmp_path / "ours.py").write_text(
        "from attrs import evolve\nfrom acctsec import SOCIAL_DEFAULT\n"
        "lockout = evolve(SOCIAL_DEFAULT.lockout, pair=evolve(SOCIAL_DEFAULT.lockout.pair, free=2))\n"
        "def policy():\n    return evolve(SOCIAL_DEFAULT, name='ours', lockout=lockout)\n",
        encoding="utf-8",
    )

    done = run("run", FOLDER / "own-success.toml", "--policy", "ours:policy", cwd=tmp_path)

    assert done.returncode == 1
    assert "Played under ours." in done.stdout
    assert "✗ expect.guesses: expected 5, got 2" in done.stdout


def test_json_says_the_same_to_a_program():
    """One scenario a line."""
    done = run("run", FOLDER / "siege.toml", FOLDER / "one-source.toml", "--json")

    siege, _ = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert (siege["file"], siege["held"], siege["policy"]) == ("siege.toml", True, SOCIAL_DEFAULT.name)
    assert [(one["outcome"], one["times"]) for one in siege["steps"][0]["outcomes"]] == [("Refused", 50), ("Refused", 286)]
    assert {"key": "expect.guesses", "expected": "50", "got": "50", "held": True} in siege["checks"]


def test_json_is_json_whatever_standard_output_can_write(tmp_path):
    """And whatever the module of a policy prints."""
    (tmp_path / "noisy.py").write_text("print('hello')\nfrom acctsec import SOCIAL_DEFAULT as policy\n", encoding="utf-8")
    title = 'title = "Caf\u00e9 \u00d7 \u20ac'
    text = (FOLDER / "siege.toml").read_text(encoding="utf-8")
    (tmp_path / "one.toml").write_text(text.replace('title = "', title, 1), encoding="utf-8")

    done = run("run", "one.toml", "--policy", "noisy:policy", "--json", cwd=tmp_path, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")

    assert json.loads(done.stdout)["title"].startswith("Caf\u00e9 \u00d7 \u20ac")
    assert "hello" in done.stderr


def test_list_names_every_attack_with_what_stops_it():
    """In the order of their names."""
    done = run("list")

    assert done.returncode == 0
    assert re.findall(r"^ +([a-z-]+\.toml) ", done.stdout, flags=re.MULTILINE) == [path.name for path in FILES]
    assert "Equal guesses count once" in done.stdout


def test_the_schema_is_printed_as_json():
    """With every step, for an editor that completes TOML by it."""
    found = json.loads(run("schema").stdout)
    tags = {one["properties"]["do"]["enum"][0] for one in found["$defs"].values() if "do" in one.get("properties", {})}

    assert tags == {step.__struct_config__.tag for step in STEPS}


def test_no_secret_is_printed_but_those_of_the_file():
    """Links, codes, tickets, sessions: what actors hold shows nowhere, in neither form."""
    files = [FOLDER / f"{name}.toml" for name in ("mailbox-veto", "push-fatigue", "passkey-phishing", "lost-mailbox", "insider")]
    text = run("run", *files).stdout + run("run", *files, "--json").stdout

    assert "5 of 5 scenarios end as their files say." in text
    assert re.findall(r"[A-Za-z0-9_-]{44,}", text) == []


def test_a_pipe_that_knows_ascii_only_gets_ascii():
    """And a sign that can be read in place of the one that cannot."""
    done = run("run", FOLDER / "siege.toml", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "Refused x50" in done.stdout
