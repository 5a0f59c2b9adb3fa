"""
Bytes of records, claims and outbox entries.

A record is one schema byte and a MessagePack body. Every added field raises the schema; ``UPCASTS`` brings an older body to
the newest form, one step a schema, before it is typed.

Nodes are upgraded one by one, so the release that adds a field reads the new schema and goes on writing the one before:
whoever still runs the older release reads what it writes. The release after it writes the new one.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from acctsec._values import Value
from acctsec.errors import RecordError
from acctsec.events import EVENTS, Event
from acctsec.record import MAX_BYTES, MAX_SIGN_INS, Factors, History, Part, Record
from acctsec.record.habits import NAME_BYTES
from acctsec.record.lockout import RUNGS, coded
from acctsec.record.sessions import CODES

T = TypeVar("T", bound=Value)

WRITES = 4
READS = 4
"""The schema of what is written, and the newest that is read: the same, or one more while a field is being introduced."""

Upcast = Callable[[Any], Any]


def _without_names(body: dict[str, Any]) -> dict[str, Any]:
    """To schema 3: of the parts of which there are many, the values lie there without names."""
    for name in ("history", "resets", "devices", "networks", "sessions", "spent", "openings"):
        body[name] = [[*one.values()] for one in body.get(name, ())]
    factors = body.get("factors") or {}
    factors["totp"] = [[*one.values()] for one in factors.get("totp", ())]
    for holder, name in ((body, "verifier"), (factors, "recovery")):
        holder[name] = holder.get(name) and [*holder[name].values()]
    return body | {"factors": factors}


def _in_order(body: dict[str, Any]) -> list[Any]:
    """To schema 4: no names at all, places of sign-ins as one row of bytes, lanes as a code, and beside a level its proofs."""
    habits = body.get("habits")
    if habits:
        places = [[b"".join(name[:NAME_BYTES] for name in names), count] for names, count in habits.get("places", ())]
        hours = bytes(min(number, MAX_SIGN_INS) for number in habits.get("hours", bytes(24)))
        habits = _values_of(History(), habits | {"places": places, "hours": hours})
    factors = _values_of(Factors(), body.get("factors") or {})
    points = [[*coded(lane), count, RUNGS.index(rung), *rest] for lane, count, rung, *rest in body.get("checkpoints", ())]
    sessions = [[*one[:4], _proofs(level=one[1], at=one[3])] for one in body.get("sessions", ())]
    changed = {"habits": habits, "factors": factors, "checkpoints": points, "sessions": sessions}
    return _values_of(Record(incarnation=b""), body | changed)


def _proofs(*, level: int, at: datetime) -> list[list[Any]]:
    """What a session of a level had proven when there were apps alone; a printed code counts as one."""
    methods = ("password", "totp") if level > 1 else ("password",)
    return [[CODES.index(method), at.replace(microsecond=0)] for method in methods]


def _values_of(blank: Part, body: Mapping[str, Any]) -> list[Any]:
    """The values of a body in the order of the fields; what it does not have yet is as in a *blank* one."""
    defaults = msgspec.to_builtins(blank, builtin_types=(bytes, datetime))
    return [body.get(name, default) for name, default in zip(blank.__struct_fields__, defaults, strict=True)]


UPCASTS: dict[int, Upcast] = {1: lambda body: body, 2: _without_names, 3: _in_order}
"""From schema n to n + 1, on the plain body. What a body does not have yet has the default of its field."""

_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(Record).decode
_decode_plain = msgspec.msgpack.Decoder().decode


def encode_record(record: Record) -> bytes:
    """Write a record; raises RecordError past 16 KiB, which the caps on its parts keep from happening."""
    encoded = bytes([WRITES]) + _encode(record)
    if len(encoded) > MAX_BYTES:
        raise RecordError(f"The record would take {len(encoded)} bytes.", remedy=f"Keep it within {MAX_BYTES}.")
    return encoded


def decode_record(stored: bytes) -> Record:
    """Read a record of this or an older schema; raises RecordError for anything else and changes nothing."""
    schema = stored[0] if stored else 0
    if schema > READS:
        message = f"The record has schema {schema}, this release reads up to {READS}."
        raise RecordError(message, remedy="Upgrade acctsec on this node; nothing was changed.")
    try:
        if schema == READS:
            return _decode_record(stored[1:])
        body = _decode_plain(stored[1:])
        for step in range(schema, READS):
            body = UPCASTS[step](body)
        return msgspec.convert(body, Record)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, msgspec.MsgspecError) as error:
        message = f"A stored record of schema {schema} cannot be read ({type(error).__name__})."
        raise RecordError(message, remedy="Restore it from a backup and raise the keyring's generation.") from None


def pack(value: Value) -> bytes:
    """Write a value."""
    return _encode(value)


def unpack(kind: type[T], packed: bytes) -> T | None:
    """Read what ``pack`` wrote; None for anything else."""
    try:
        value: T = _decoder(kind).decode(packed)
    except (RecursionError, ValueError, msgspec.MsgspecError):
        return None
    return value


def pack_event(event: Event) -> bytes:
    """Write an event under its name."""
    return _encode([type(event).__name__, event])


def unpack_event(packed: bytes) -> Event | None:
    """Read an event; None for one this release does not know."""
    try:
        name, body = _decode_plain(packed)
        return msgspec.convert(body, EVENTS[name])
    except (KeyError, RecursionError, TypeError, ValueError, msgspec.MsgspecError):
        return None


@cache
def _decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    return msgspec.msgpack.Decoder(kind)
