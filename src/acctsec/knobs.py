"""
Every knob of a policy, with its value in words, what it means and where its default comes from.

The words are those of the ``Args:`` sections of the policy classes: what a page, a review or a terminal shows cannot drift
from what the reader of the code sees.
"""

import inspect
import re
from datetime import timedelta
from enum import Enum

from attrs import AttrsInstance, fields, frozen, has

from acctsec.attacks.posture import Band, Bands
from acctsec.budgets import Budget, Rungs
from acctsec.hashing import Argon2Parameters
from acctsec.lockout.hits import HitCount
from acctsec.mfa.needs import AllOf, AnyOf, AtLeast, Quality, Shown
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import HIDDEN, Parts, Policy
from acctsec.recovery import RecoveryPath
from acctsec.recovery.paths import PathSets
from acctsec.sessions import Lifetime

_NAMES = re.compile(r"(\w+(?:, \w+)*): ?(.*)")
_DEFAULT = re.compile(r"(?:^|(?<=[.;,)] ))Default\b")
_UNITS = ((timedelta(days=1), "day", "days"), (timedelta(hours=1), "h", "h"), (timedelta(minutes=1), "min", "min"))


@frozen(kw_only=True)
class Knob:
    """
    One field of a policy.

    *meaning* says what it does, *source* what its default is and why: a clause, a measurement, or what peers do.
    """

    name: str
    value: str
    meaning: str
    source: str

    @property
    def family(self) -> str:
        """The family it belongs to: ``password``, ``lockout`` ..."""
        return self.name.partition(".")[0]


def knobs(policy: Policy) -> tuple[Knob, ...]:
    """Every knob of *policy*, in the order of its families; the fields of rules, formats and further parts follow them."""
    found: list[Knob] = []
    for family in fields(Policy):
        part = getattr(policy, family.name)
        if has(type(part)):
            found += _of(part, family.name)
        elif isinstance(part, Parts):
            for name, one in part.items():
                found += _of(one, f"{family.name}.{name}")
        elif family.name == "risk" and part is not None:
            found.append(Knob(name=family.name, value=type(part).__qualname__, meaning="", source=""))
    return tuple(found)


def documented(kind: type) -> dict[str, str]:
    """What the ``Args:`` section of a class says of each name; names before one colon share its text."""
    texts: dict[str, list[str]] = {}
    current: list[str] = []
    section = (inspect.getdoc(kind) or "").partition("Args:\n")[2]
    for line in section.splitlines():
        indent = len(line) - len(line.lstrip())
        entry = _NAMES.fullmatch(line.strip()) if indent == 4 else None
        if entry:
            current = [entry[2]]
            texts.update(dict.fromkeys(entry[1].split(", "), current))
        elif indent > 4 and current:
            current.append(line.strip())
        elif line.strip():
            break
    return {name: " ".join(lines).strip() for name, lines in texts.items()}


def shown(value: object) -> str:
    """A value in words: ``30 min``, ``10 free, then 1 min doubling to 30 min, stop at 50``."""
    match value:
        case None:
            return "not set"
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case timedelta():
            return _length(value)
        case Rungs():
            return _ladder(value)
        case Budget():
            return f"{value.limit} in {_length(value.window)}"
        case HitCount():
            return f"{100 * value.mass:.2g} % in {_length(value.window)}"
        case Band():
            return f"at {value.at:,}, left below {value.below:,}"
        case Bands():
            named = [
                f"{name} {shown(getattr(value, name))}" for name in ("notify", "challenge", "tighten") if getattr(value, name)
            ]
            return "; ".join([*named, f"held for {_length(value.hold)}"])
        case Argon2Parameters():
            return (
                f"{value.memory_kib:,} KiB \N{MULTIPLICATION SIGN} {value.time_cost} \N{MULTIPLICATION SIGN} {value.parallelism}"
            )
        case Lifetime():
            return f"{_length(value.absolute)}, {_length(value.idle)} idle"
        case RecoveryPath():
            return _path(value)
        case Shown() | AtLeast() | Quality() | AnyOf() | AllOf():
            return str(value)
        case PathSets():
            return "; ".join(f"{name}: {shown(paths)}" for name, paths in value.items()) or "none"
        case tuple() | frozenset():
            each = [type(one).__qualname__ if _is_part(one) else shown(one) for one in value]
            return " · ".join(each if isinstance(value, tuple) else sorted(each)) or "none"
        case _ if _is_part(value):
            return type(value).__qualname__
        case _:
            return str(getattr(value, "__qualname__", value))


def _of(part: AttrsInstance, prefix: str) -> list[Knob]:
    """The knobs of one policy object, or of one rule."""
    texts = documented(type(part))
    found = []
    for one in fields(type(part)):
        value = getattr(part, one.name)
        meaning, source = _split(texts.get(one.name, ""))
        secret = not one.repr and (prefix.startswith("hashing") or isinstance(value, str | bytes))
        text = HIDDEN if secret else shown(value)
        found.append(Knob(name=f"{prefix}.{one.name}", value=text, meaning=meaning, source=source))
        if isinstance(value, tuple):
            for inner in filter(_is_part, value):
                found += _of(inner, f"{prefix}.{type(inner).__qualname__}")
        elif _is_part(value):
            found += _of(value, f"{prefix}.{one.name}")
    return found


def _is_part(value: object) -> bool:
    """Whether a value has knobs of its own: a rule, a format of stored hashes, a further policy."""
    whole = Argon2Parameters | Rungs | Budget | Bands | Band | Lifetime | RecoveryPath | Shown | AtLeast | Quality | AnyOf | AllOf
    return has(type(value)) and not isinstance(value, whole)


def _path(path: RecoveryPath) -> str:
    """A path in a few words: of a dozen, each with four knobs of its own, nobody would read a page."""
    level = f", at AAL{path.level}" if path.level > AssuranceLevel.AAL1 else ""
    return f"{path}{level}{f', after {_length(path.wait)}' if path.wait else ''}"


def _split(text: str) -> tuple[str, str]:
    """What a text says before its default, and from there on."""
    found = _DEFAULT.search(text)
    at = found.start() if found else len(text)
    return text[:at].strip().rstrip(",;"), text[at:].strip()


def _length(length: timedelta) -> str:
    for unit, one, many in _UNITS:
        if length >= unit and length % unit == timedelta(0):
            count = length // unit
            return f"{count} {one if count == 1 else many}"
    return f"{length.total_seconds():g} s"


def _ladder(rungs: Rungs) -> str:
    parts = [f"{rungs.free:,} free"]
    if rungs.stop > rungs.free:
        parts.append(f"then {_length(rungs.first)} doubling to {_length(rungs.longest)}")
        parts.append(f"stop at {rungs.stop:,}")
    if rungs.window is not None:
        parts.append(f"within {_length(rungs.window)}")
    return ", ".join(parts)
