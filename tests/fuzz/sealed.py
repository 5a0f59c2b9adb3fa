"""Targets behind a seal and in a record: what an older release, a newer one or a damaged disk leaves there."""

import struct
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from acctsec import Keyring
from acctsec._codec import READS, decode_record, encode_record, pack, pack_event, unpack
from acctsec._flows.entries import LABEL, About, Happened, about, seal, unseal
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.claims import DeviceClaims
from acctsec.errors import RecordError, StoreError
from acctsec.events import PortFailed
from acctsec.hashing.compact import packed, unpacked
from acctsec.hashing.wrapped import unwrap
from acctsec.record.lockout import coded
from acctsec.stores.popularity import MemoryPopularity

KEYRING = Keyring(sealing=[bytes(range(32))], index=[bytes(range(32, 64))])
TOKENS = Tokens(KEYRING)
PURPOSES = [*Purpose]
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def claims(data):
    """Whatever lies under a seal is claims of that one kind, written as they were, or nothing."""
    for purpose in PURPOSES:
        read = unpack(purpose.kind, data)
        assert read is None or unpack(purpose.kind, pack(read)) == read
        if read is not None and len(pack(read)) <= purpose.size - 2:
            assert TOKENS.open(purpose, TOKENS.seal(purpose, read), purpose.kind) == read


def outbox(data):
    """An entry is read as it was written, or said to be unreadable; what may be told of it is told."""
    entry = unseal(KEYRING, KEYRING.seal(LABEL, data))
    assert isinstance(about(entry), About)
    if entry is not None and (not isinstance(entry, Happened) or len(entry.key) == 35):
        assert unseal(KEYRING, seal(KEYRING, entry)) == entry


def older_record(data):
    """A record of any schema is read, and from then on as it was written, or refused."""
    for schema in range(READS + 2):
        _read(bytes([schema]) + data[1:])


def older_fields(data):
    """The same where the body is a map with the names of old, and anything for values."""
    try:
        given = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    values = given if isinstance(given, list) else [given]
    names = ("sessions", "factors", "verifier", "habits", "checkpoints", "history", "incarnation", "epoch")
    body = {"incarnation": bytes(16)} | dict(zip(names, values, strict=False))
    for schema in range(READS):
        _read(bytes([schema]) + msgspec.msgpack.encode(body))


def _read(stored):
    """A record that is read can be looked at in all its parts."""
    with suppress(RecordError):
        read = decode_record(stored)
        assert decode_record(encode_record(read)) == read
        for point in read.checkpoints:
            assert isinstance(point.lane, str) and isinstance(point.rung, str)
        for session in read.sessions:
            assert all(isinstance(method, str) for method in session.proven(since=session.created))


def compact_hash(data):
    """What is sealed of a stored hash is read as one text, and that text is sealed so, or it is nothing."""
    text = unpacked(data)
    if text is not None:
        assert unpacked(packed(text)) == text
        found = unwrap(text)
        assert found is None or str(found) == text


def popularity(data):
    """Counts of passwords are read as they were written, or refused."""
    with suppress(StoreError):
        assert MemoryPopularity.from_bytes(data).to_bytes() == data


def lane(data):
    """The code of a lane is that of one lane."""
    name = data.decode("utf-8", "surrogateescape")
    code = coded(name)
    assert coded(name) == code
    assert all(isinstance(part, int | bytes | str) for part in code)


SEEDS = {
    "older-record": [
        bytes([1]) + msgspec.msgpack.encode({"incarnation": bytes(16), "epoch": 3}),
        bytes([3]) + msgspec.msgpack.encode({"incarnation": bytes(16), "sessions": [[bytes(16), 1, b"", 0]]}),
    ],
    "older-fields": [msgspec.msgpack.encode([[[bytes(16), 1, b"", 0]], {"totp": [{"id": "a"}]}, {"sealed": b""}])],
    "claims": [pack(DeviceClaims(tenant="", subject="s", incarnation=bytes(16), id=bytes(16)))],
    "outbox": [b"e" + b"0" * 35 + pack_event(PortFailed(tenant="", subject="", at=NOW, port="corpus"))],
    "popularity": [b"acctsec-popularity-1\n" + struct.pack(">IB", 1_024, 2)],
    "compact-hash": [packed(f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}")],
}

TARGETS = (claims, compact_hash, lane, older_fields, older_record, outbox, popularity)
