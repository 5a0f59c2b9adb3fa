"""The command ``audit``: ask a policy every law there is, and say what it means and what it breaks."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acctsec.errors import ConfigError
from acctsec.policy import Policy

if TYPE_CHECKING:
    from acctsec._audit.report import Audit
    from acctsec.testing.laws import Law

PROFILES = {"quick": 1, "thorough": 20}
"""How many times a law's own number of values is drawn."""


def describe(commands: Any, named: Mapping[str, Policy], *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    audit = commands.add_parser("audit", help="prove a policy of your own: every law, and what breaks it in words", epilog=epilog)
    audit.add_argument(
        "policy", nargs="?", metavar="MODULE:NAME", help=f"your policy, what makes one, or a preset: {', '.join(sorted(named))}"
    )
    audit.add_argument("--list", action="store_true", help="say which laws there are, and stop")
    audit.add_argument("--law", action="append", default=[], metavar="ID", help="ask this law alone; may be repeated")
    audit.add_argument(
        "--codes", action="append", default=[], metavar="CODE", help="an objection code of your own rules; repeat it"
    )
    audit.add_argument("--profile", choices=sorted(PROFILES), default="quick", help="thorough draws 20 times as many values")
    audit.add_argument("--examples", type=_positive, metavar="N", help="draw so many values a law instead")
    audit.add_argument("--seed", type=int, default=0, metavar="N", help="draw other values (default: 0)")
    audit.add_argument("--json", type=Path, metavar="FILE", help="write what was found as JSON")
    audit.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML, for a build server")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return number


def run(given: argparse.Namespace, named: Mapping[str, Policy]) -> int:
    """Do what was typed and answer the exit code."""
    if find_spec("hypothesis") is None:
        return _cannot("the audit draws its values with Hypothesis, which is missing. Install acctsec[testing].")
    from acctsec.testing.laws import LAWS

    if given.list:
        return _list(LAWS)
    if given.policy is None:
        return _cannot("name a policy to audit, as module:attribute, or a preset.")
    known = {law.id: law for law in LAWS}
    unknown = sorted({*given.law} - {*known})
    if given.json and given.junit and given.json.resolve() == given.junit.resolve():
        return _cannot("--json and --junit name the same file. Name two.")
    if unknown:
        return _cannot(f"there is no law {', '.join(unknown)}. acctsec audit --list says which there are.")
    laws = [law for law in LAWS if not given.law or law.id in given.law]
    from acctsec._named_policy import NotFound

    try:
        audit = _audit(given, laws, named)
    except NotFound as error:
        return _cannot(str(error))
    return _tell(audit, given)


def _cannot(why: str) -> int:
    print(f"acctsec: {why}", file=sys.stderr)
    return 2


def _list(laws: "Sequence[Law]") -> int:
    from acctsec._demo.screen import choose

    choose(sys.stdout).table(("law", "family", "what holds"), [(one.id, one.family.value, one.says) for one in laws])
    return 0


def _audit(given: argparse.Namespace, laws: "Sequence[Law]", named: Mapping[str, Policy]) -> "Audit":
    from acctsec._audit.means import figures
    from acctsec._audit.report import Audit
    from acctsec._demo.screen import choose
    from acctsec._named_policy import load
    from acctsec.testing.laws import LAWS, Counterexample
    from acctsec.testing.policies import Broken, ask_all

    facts = {"target": given.policy, "profile": given.profile, "examples": given.examples, "seed": given.seed}
    try:
        policy = load(given.policy, named)
    except ConfigError as error:
        found = Counterexample(given=f"{given.policy} is loaded.", found=f"It is refused: {error}")
        return Audit(
            **facts,
            name="",
            digest="",
            answers=[Broken(law=LAWS[0], asked=1, seconds=0.0, counterexample=found)],
            figures=(),
        )
    answers, screen = [], choose(sys.stderr)
    with screen.progress("asking", len(laws)) as advance:
        asked = ask_all(
            policy, laws=laws, codes=given.codes, examples=given.examples, times=PROFILES[given.profile], seed=given.seed
        )
        for answer in asked:
            answers.append(answer)
            advance()
    means = () if given.law else figures(policy)
    return Audit(**facts, name=policy.name, digest=policy.digest, answers=answers, figures=means)


def _tell(audit: "Audit", given: argparse.Namespace) -> int:
    from acctsec._audit.report import as_json, as_junit, show
    from acctsec._demo.screen import choose

    screen = choose(sys.stdout)
    screen.title(f"{audit.target}, a policy named {audit.name!r}" if audit.name else audit.target, f"digest {audit.digest}\n")
    show(audit, screen)
    for path, text in ((given.json, as_json), (given.junit, as_junit)):
        if path is not None:
            try:
                path.write_text(text(audit), encoding="utf-8", newline="\n")
            except OSError as error:
                return _cannot(f"{path} cannot be written: {error.strerror}.")
    return 1 if audit.broken else 0
