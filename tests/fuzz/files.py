"""Targets in files and settings: what operators write, what tools exchange, and what a run leaves behind when it is killed."""

import json
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from acctsec import ConfigError, Keyring
from acctsec._checkpoint import Checkpoint
from acctsec._host import read as read_host
from acctsec._import_command import _resumed, _wrong
from acctsec._migration.tables import Format, Row, TableError, rows
from acctsec.keyring import new_keys
from acctsec.links import Links
from acctsec.testing._histories import read_history
from acctsec.testing.scenarios.policies import duration
from acctsec.testing.scenarios.reading import read_scenario
from acctsec.wellknown import change_password

KEYS = new_keys(lambda size: bytes(range(size)))
ABOUT = {"table": "t", "keys": ["k"]}


def keys(data):
    """A text of keys has one meaning: its keys are written as they stand in it, or it is refused and not shown."""
    text = _text(data)
    try:
        ring = Keyring.from_text(text)
    except ConfigError as error:
        assert len(text) < 16 or text not in f"{error!r} {error.remedy}"
        return
    assert len(text.split()) == ring.index_count + len(ring.sealing_ids)
    assert all(43 <= len(word.partition(":")[2]) <= 44 for word in text.split())


def scenario(data):
    """A scenario file is whole, or refused by its name."""
    with _file(data) as path:
        try:
            loaded = read_scenario(path)
        except ConfigError as error:
            assert str(error).startswith(path.name)
        else:
            assert loaded.scenario.steps


def lengths_of_time(data):
    """A length of time is no less than none and no more than it says."""
    with suppress(ConfigError):
        assert duration(_text(data)).total_seconds() >= 0


def history(data):
    """The file of a killed process is read up to where it was killed, or refused."""
    with _file(data) as path, suppress(ConfigError):
        calls = read_history(path)
        assert len(calls) <= data.count(b"\n")


def user_table(data):
    """Rows of a table come with the byte behind each, from which the rest is read as it was read in one go."""
    for form, columns in ((Format.CSV, ("id",)), (Format.JSONL, ("id", "hash"))):
        given = data if form is Format.JSONL else b"id,hash\n" + data
        found = _rows(given, columns, form)
        for row in found:
            assert isinstance(row, Row)
            assert (row.problem is None) == bool(row.values)
            _, _ = _wrong(row.values.get("id"), "", row.values.get("hash"))
        for row in found[:3]:
            rest = _rows(given, columns, form, end=row.end, number=row.number)
            assert [(one.number, one.end, dict(one.values)) for one in rest] == [
                (one.number, one.end, dict(one.values)) for one in found[row.number :]
            ]


def instants_of_changes(data):
    """When a password was set is an instant, or said to be unreadable."""
    problem, instant = _wrong("subject", "", _text(data))
    assert (problem is None) == (instant is not None)
    assert instant is None or instant.tzinfo is UTC


def checkpoint(data):
    """Where a run is, is read or refused: damage never looks like a beginning."""
    with _file(data) as path:
        with suppress(ConfigError):
            found = Checkpoint(path).read()
            assert found is not None and found["format"] == 1
        with suppress(ConfigError):
            assert _resumed(Checkpoint(path), ABOUT) is not None


def host(data):
    """Whatever a kernel says of itself, a host is described."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number, name in enumerate(("proc/self/cgroup", "proc/cpuinfo", "sys/fs/cgroup/cpu.max", "sys/fs/cgroup/memory.max")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data.split(b"\0")[number % (1 + data.count(b"\0"))])
        found = read_host(root)
        assert found.cores >= 1 and (found.quota is None or found.quota >= 0)


def origin(data):
    """An origin is one to every reader of URLs, or refused."""
    text = _text(data)
    with suppress(ConfigError):
        Links(origin=text)
        parts = urlsplit(text)
        assert f"{parts.scheme}://{parts.netloc}" == text == text.lower()
        assert parts.username is None and parts.hostname and (parts.port is None or 0 < parts.port < 65_536)
    with suppress(ConfigError):
        where = change_password(text).location
        parts = urlsplit(where)
        assert parts.scheme == "https" and parts.username is None and where.isascii() and where.isprintable()


def _rows(data, columns, form, **where):
    found = []
    with suppress(TableError):
        found.extend(rows(BytesIO(data), columns, form=form, **where))
    return found


class _file:
    """A file with these bytes."""

    def __init__(self, data):
        self.data = data

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name, "given.toml")
        path.write_bytes(self.data)
        return path

    def __exit__(self, *_):
        self.folder.cleanup()


def _text(data):
    return data.decode("utf-8", "surrogateescape")


SCENARIOS = sorted(Path(__file__).parents[2].joinpath("seeds/scenarios").glob("*.toml"))

SEEDS = {
    "keys": [KEYS, f"{KEYS} index:{'A1' * 21}A"],
    "scenario": [SCENARIOS[0].read_bytes()] if SCENARIOS else [],
    "lengths-of-time": ["30 s", "2 d"],
    "history": [b'{"call": 0, "worker": "", "method": "load", "arguments": [{"bytes": "AA=="}], "begin": 1}\n'],
    "user-table": ['a,"b ""c"""\r\n"d\ne",f\n', '{"id": "a", "hash": 3}\n{"id": 1}\n'],
    "instants-of-changes": ["2026-11-25T00:00:00+01:00", "1700000000.5", datetime(2026, 1, 1, tzinfo=UTC).isoformat()],
    "checkpoint": [json.dumps({"format": 1, "about": ABOUT, "row": 1, "found": {}, "reasons": {}})],
    "host": [b"0::/a/b\n\0flags : avx2\n\0max 100000\0" + b"1073741824"],
    "origin": ["https://example.org", "http://[::1]:8080", "https://example.org/settings?a=b#c"],
}

TARGETS = (
    checkpoint,
    history,
    host,
    instants_of_changes,
    keys,
    lengths_of_time,
    origin,
    scenario,
    user_table,
)
