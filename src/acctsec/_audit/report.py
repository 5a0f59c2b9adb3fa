"""An audit, as people read it on a terminal and as machines read it in a file."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from attrs import frozen

import acctsec
from acctsec._audit.means import Figure
from acctsec._demo.screen import Screen
from acctsec.testing.policies import Answer, Broken, Held, Unasked

VERSION = 1
"""Of the JSON. A field that is added keeps it; one that goes or means something else raises it."""
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
SAID = {Held: "held", Broken: "broken", Unasked: "not asked"}


@frozen(kw_only=True)
class Audit:
    """What was asked of which policy, and what came of it. *name* and *digest* are empty for one that cannot be built."""

    target: str
    name: str
    digest: str
    profile: str
    examples: int | None
    seed: int
    answers: Sequence[Answer]
    figures: Sequence[Figure]

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The laws that do not hold."""
        return tuple(one for one in self.answers if isinstance(one, Broken))

    def again(self, one: Broken) -> str:
        """What to type to see a counterexample again."""
        typed = f"acctsec audit {self.target} --law {one.law.id}"
        typed += f" --examples {self.examples}" if self.examples is not None else ""
        typed += f" --profile {self.profile}" if self.profile != "quick" else ""
        return typed + (f" --seed {self.seed}" if self.seed else "")

    @property
    def summary(self) -> str:
        """How many laws were asked and what came of them, in one sentence."""
        count = Counter(map(type, self.answers))
        parts = (f"{count[Held]} hold", f"{count[Broken]} broken", f"{count[Unasked]} not asked")
        return f"{len(self.answers)} laws: {', '.join(parts)}."


def show(audit: Audit, screen: Screen) -> None:
    """Tell an audit: what the policy means, each law, and of the broken ones what was found and how to see it again."""
    if audit.figures:
        screen.say("What this policy means")
        screen.say()
        screen.table(("about", "question", "answer"), [(one.about, one.question, one.answer) for one in audit.figures])
    screen.table(("law", "outcome", "cases", "seconds"), [_row(one) for one in audit.answers])
    for one in audit.broken:
        screen.claim(f"{one.law.id}. {one.law.says}", held=False)
        screen.say(one.counterexample.given)
        screen.say(one.counterexample.found)
        screen.say(f"To see it again: {audit.again(one)}")
        screen.say()
    screen.last(audit.summary, held=not audit.broken)


def _row(one: Answer) -> tuple[str, ...]:
    if isinstance(one, Unasked):
        return (one.law.id, SAID[Unasked], "", one.why)
    return (one.law.id, SAID[type(one)], f"{one.asked:,}", f"{one.seconds:.2f}")


def as_json(audit: Audit) -> str:
    """The audit as JSON; but for ``seconds`` it is the same in every run."""
    document = {
        "version": VERSION,
        "acctsec": acctsec.__version__,
        "policy": {"target": audit.target, "name": audit.name, "digest": audit.digest},
        "asked": {"profile": audit.profile, "examples": audit.examples, "seed": audit.seed},
        "holds": not audit.broken,
        "laws": [_plain(audit, one) for one in audit.answers],
        "means": [{"about": one.about, "question": one.question, "answer": one.answer} for one in audit.figures],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _plain(audit: Audit, one: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.law.id,
        "family": one.law.family.value,
        "says": one.law.says,
        "invariants": list(one.law.invariants),
        "outcome": SAID[type(one)],
    }
    match one:
        case Unasked():
            return found | {"why": one.why}
        case Held():
            return found | {"cases": one.asked, "seconds": round(one.seconds, 3)}
        case Broken():
            counter = {"given": one.counterexample.given, "found": one.counterexample.found, "again": audit.again(one)}
            return found | {"cases": one.asked, "seconds": round(one.seconds, 3), **counter}


def as_junit(audit: Audit) -> str:
    """The audit as JUnit XML: a test case a law, a failure for each that is broken, skipped where it is not asked."""
    spent = sum(getattr(one, "seconds", 0.0) for one in audit.answers)
    counts: dict[str, Any] = {
        "tests": str(len(audit.answers)),
        "failures": str(len(audit.broken)),
        "errors": "0",
        "skipped": str(sum(isinstance(one, Unasked) for one in audit.answers)),
        "time": f"{spent:.3f}",
    }
    suites = ET.Element("testsuites", name="acctsec audit", **counts)
    suite = ET.SubElement(suites, "testsuite", name=audit.target, **counts)
    for one in audit.answers:
        taken = getattr(one, "seconds", 0.0)
        case = ET.SubElement(suite, "testcase", classname=f"acctsec.{one.law.family.value}", name=one.law.id, time=f"{taken:.3f}")
        if isinstance(one, Broken):
            failure = ET.SubElement(case, "failure", type="LawBroken", message=_allowed(one.law.says))
            failure.text = _allowed(f"{one.counterexample.given}\n{one.counterexample.found}\n{audit.again(one)}")
        elif isinstance(one, Unasked):
            ET.SubElement(case, "skipped", message=_allowed(one.why))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _allowed(text: str) -> str:
    """Text without what XML 1.0 cannot hold."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode()
