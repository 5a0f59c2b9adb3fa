"""
User tables, row by row: CSV (RFC 4180) and JSON Lines, in bounded memory, with the byte at which each row ends.

A row that cannot be read is a row with a problem, and the next one is read; no problem quotes what was read. Where it cannot
be told where a row ends, nothing after it can be trusted: a name that somebody chose would be read as a row of its own. There the
table ends with TableError.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO

from attrs import field, frozen

from acctsec.errors import AcctsecError

MAX_ROW = 256 * 1024
"""Bytes of a row, beyond which it is passed over: a hundred times what a user table has, and no burden to memory."""

CHUNK = 64 * 1024
BOM = b"\xef\xbb\xbf"
_QUOTE, _LF, _CR = b'"\n\r'


class TableError(AcctsecError):
    """The table cannot be read, or not any further; *row* is the first one that was not."""

    def __init__(self, message: str, *, remedy: str, row: int = 0) -> None:
        super().__init__(message, remedy=remedy)
        self.row = row


@frozen
class Row:
    """
    A row of the table by the columns that were asked for: None where it has nothing there. With a *problem* it has no values.

    *number* counts rows from 1, without the header; *end* is the byte behind it.
    """

    number: int
    end: int
    values: Mapping[str, str | None] = field(factory=dict, repr=False)
    problem: str | None = None


class Format(Enum):
    """How a table is written."""

    CSV = "csv"
    JSONL = "jsonl"

    @classmethod
    def of(cls, path: Path) -> "Format | None":
        """By the end of its name."""
        return {".csv": cls.CSV, ".tsv": cls.CSV, ".jsonl": cls.JSONL, ".ndjson": cls.JSONL}.get(path.suffix.lower())


def rows(
    stream: BinaryIO, columns: Sequence[str], *, form: Format, delimiter: str = ",", end: int = 0, number: int = 0
) -> Iterator[Row]:
    """
    The rows of a table behind the byte *end* of row *number*; both 0 is the beginning.

    Raises TableError at once for a column that is not there, and where the rest cannot be told apart.
    """
    begin = stream.read(len(BOM))
    if begin[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise TableError("The table is UTF-16.", remedy="Write it as UTF-8.")
    start = len(BOM) if begin == BOM else 0
    stream.seek(start)
    if form is Format.JSONL:
        return _json_rows(stream, columns, max(start, end), number)
    return _csv_rows(stream, columns, delimiter, start, end, number)


# --- CSV --------------------------------------------------------------------------------------------------------------


class _In(Enum):
    """Where in a record a reader is."""

    START = auto()  # of a field
    BARE = auto()
    QUOTED = auto()
    CLOSED = auto()  # behind a quote that ended a field, or is the first of two
    RETURN = auto()  # behind the first half of a line end


def _csv_rows(stream: BinaryIO, columns: Sequence[str], delimiter: str, start: int, end: int, number: int) -> Iterator[Row]:
    header, behind = next(_records(stream, delimiter, start, 0), (None, 0))
    try:
        names = [name.decode() for name in header or ()]
    except UnicodeDecodeError:
        raise TableError("The header is not UTF-8.", remedy="Write the table as UTF-8.") from None
    for column in columns:
        if names.count(column) != 1:
            raise TableError(
                f"The header has {names.count(column) or 'no'} columns {column!r}.",
                remedy="Name a column once." if column in names else f"Name one of {', '.join(map(repr, names)) or 'a header'}.",
            )
    places = {column: names.index(column) for column in columns}
    at = max(behind, end)
    stream.seek(at)
    return _csv_values(_records(stream, delimiter, at, number), places, len(names), number)


def _csv_values(
    records: Iterator[tuple[list[bytes] | None, int]], places: Mapping[str, int], width: int, number: int
) -> Iterator[Row]:
    for fields, end in records:
        if fields == [b""]:
            continue  # an empty line
        number += 1
        if fields is None:
            yield Row(number, end, problem="longer than a row may be")
        elif len(fields) != width:
            yield Row(number, end, problem=f"{len(fields)} fields, and the header has {width}")
        else:
            try:
                values = {column: _text(fields[place].decode()) for column, place in places.items()}
            except UnicodeDecodeError:
                yield Row(number, end, problem="not UTF-8")
            else:
                yield Row(number, end, values)


def _text(value: str) -> str | None:
    r"""What an empty field says, and ``\N`` as databases write it: nothing."""
    return None if value in {"", r"\N"} else value


def _records(stream: BinaryIO, delimiter: str, at: int, number: int) -> Iterator[tuple[list[bytes] | None, int]]:
    """
    The fields of each record, or None for one that is too long, and the byte behind it. Works on bytes: no part of a letter in
    UTF-8 is a quote, a delimiter or a line end.
    """
    cut = ord(delimiter)
    bare, quoted = re.compile(rb'[^"\r\n%b]*' % re.escape(delimiter.encode())), re.compile(rb'[^"]*')
    fields: list[bytes] = []
    parts: list[bytes] = []
    size, state, seen = 0, _In.START, number

    def broken(what: str) -> TableError:
        return TableError(
            f"Row {seen + 1} has {what}: where it ends cannot be told.",
            remedy='Write fields with quotes in them as RFC 4180 does ("a ""b"" c"), and begin again.',
            row=seen + 1,
        )

    while chunk := stream.read(CHUNK):
        here, length = 0, len(chunk)
        while here < length:
            if state is _In.QUOTED:
                text = quoted.match(chunk, here)[0]  # type: ignore[index]
                here += len(text) + 1
                size += len(text)
                if size <= MAX_ROW:
                    parts.append(text)
                if here <= length:
                    state = _In.CLOSED
                continue
            byte = chunk[here]
            if byte == _QUOTE and state is _In.START:
                state = _In.QUOTED
            elif byte == _QUOTE and state is _In.CLOSED:
                size += 1
                if size <= MAX_ROW:
                    parts.append(b'"')
                state = _In.QUOTED
            elif state is _In.RETURN and byte != _LF:
                raise broken("half of a line end in it")
            elif byte in {cut, _LF}:
                size += 1
                if size <= MAX_ROW:
                    fields.append(b"".join(parts))
                parts, state = [], _In.START
                if byte == _LF:
                    yield (fields if size <= MAX_ROW else None), at + here + 1
                    seen += fields != [b""]
                    fields, size = [], 0
            elif byte == _CR:
                state = _In.RETURN
            elif state is _In.CLOSED:
                raise broken("something behind a closing quote")
            elif byte == _QUOTE:
                raise broken("a quote in a field that does not begin with one")
            else:
                text = bare.match(chunk, here)[0]  # type: ignore[index]
                here += len(text)
                size += len(text)
                if size <= MAX_ROW:
                    parts.append(text)
                state = _In.BARE
                continue
            here += 1
        at += length
    if state is _In.QUOTED:
        raise broken("a quote that is never closed")
    if state is not _In.START or fields:
        fields.append(b"".join(parts))
        yield (fields if size <= MAX_ROW else None), at


# --- JSON Lines -------------------------------------------------------------------------------------------------------


def _json_rows(stream: BinaryIO, columns: Sequence[str], end: int, number: int) -> Iterator[Row]:
    stream.seek(end)
    while line := stream.readline(MAX_ROW):
        end += len(line)
        whole = line.endswith(b"\n") or len(line) < MAX_ROW
        while not line.endswith(b"\n") and (line_rest := stream.readline(CHUNK)):
            end += len(line_rest)
            line, whole = line_rest, False
        if whole and not line.strip():
            continue
        number += 1
        if not whole:
            yield Row(number, end, problem="longer than a row may be")
            continue
        try:
            values = _json_values(line, columns)
        except _NoRowError as error:
            yield Row(number, end, problem=str(error))
        else:
            yield Row(number, end, values)


class _NoRowError(Exception):
    pass


def _json_values(line: bytes, columns: Sequence[str]) -> dict[str, str | None]:
    try:
        found = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_nothing)
    except UnicodeDecodeError:
        raise _NoRowError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise _NoRowError("not JSON") from None
    if type(found) is not dict:
        raise _NoRowError("not an object of JSON")
    values: dict[str, str | None] = {}
    for column in columns:
        value = found.get(column)
        if value is not None and type(value) not in {str, int}:
            raise _NoRowError(f"{column}: neither text nor a whole number")
        values[column] = None if value is None else _text(str(value))
    return values


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A name that comes twice means two things to two readers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NoRowError("a name that comes twice")
    return found


def _nothing(name: str) -> Any:
    raise ValueError(name)
