"""Attacks written down as data end as their files say, on every store."""

import re
from pathlib import Path

import pytest

from acctsec.errors import ConfigError
from acctsec.stores import MemoryStore, SqliteStore
from acctsec.testing import world
from acctsec.testing.scenarios import play, read_scenario, schema

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


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_attack_ends_as_its_file_says(path, kind, tmp_path):
    """Outcomes step by step, and what has to be true at the end."""
    loaded = read_scenario(path)
    store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "accounts.db")

    play(loaded, world(policy=loaded.policy, store=store))


def test_the_attacks_of_the_folder_are_all_described():
    """A file that its README does not name is one that nobody finds."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| \[([a-z-]+\.toml)\]", readme, flags=re.MULTILINE) == [path.name for path in FILES]


def test_the_schema_is_described_in_full():
    """Every step, and every key of every table."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    tables = [schema.Scenario, schema.Account, schema.Actor, schema.Step, schema.Expected, *schema.Step.__subclasses__()]
    keys = {key for table in tables for key in table.__struct_fields__}
    steps = {step.__struct_config__.tag for step in schema.Step.__subclasses__()}

    assert sorted(word for word in keys | steps if f"`{word}`" not in readme) == []


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
