"""The table of laws in the reference is what the code has."""

import re
from pathlib import Path

from acctsec.testing.laws import LAWS, Family

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/laws.md").read_text(encoding="utf-8")


def test_the_reference_has_each_law_of_each_family_in_its_order():
    families = re.split(r"^## (\w+)$", PAGE, flags=re.MULTILINE)[1:]
    told = {
        name: re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \| (.+) \|$", rows, flags=re.MULTILINE)
        for name, rows in zip(families[::2], families[1::2], strict=True)
    }
    due = {
        family.value: [
            (law.id, law.says, ", ".join(law.invariants) or "–", str(law.examples or "a story"))
            for law in LAWS
            if law.family is family
        ]
        for family in Family
    }
    assert told == due
