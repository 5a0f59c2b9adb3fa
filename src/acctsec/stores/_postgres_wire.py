"""
One connection to PostgreSQL: statements go out together, and one round trip later their rows come back.

It speaks through libpq's pipeline mode, in binary, with statements that are prepared when they are first used. A trip ends
well only when the server has said that all of it is done, commits included.
"""

from collections.abc import Sequence
from hashlib import blake2b
from struct import pack
from time import monotonic
from typing import Any, NoReturn

from psycopg import AsyncConnection, Connection
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready, Wait

from acctsec.errors import ConfigError, StoreBusy, StoreError, StoreUnavailable

Params = tuple[bytes, ...]
Rows = list[tuple[bytes, ...]]
Ask = tuple["Statement", Params]

_BINARY = 1
_BYTEA, _INT8 = 17, 20  # the numbers of types are part of the protocol


class Statement:
    """A statement, and the name under which each connection prepares it."""

    __slots__ = ("name", "text")

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        self.name = b"acctsec_" + blake2b(self.text, digest_size=8).hexdigest().encode()


class Lost(StoreUnavailable):
    """A trip began, and nobody knows whether it came to its end."""


class Slow(StoreBusy):
    """The server answers, and undid what would have had to wait for others for too long."""


class RolledBack(Exception):  # noqa: N818 - it names an outcome, not a mistake
    """The server undid everything of this transaction because of others: it may be tried again."""


def integer(number: int) -> bytes:
    """How an int8 goes over the wire."""
    return number.to_bytes(8, signed=True)


def number(sent: bytes) -> int:
    """What an int8 says that came over the wire."""
    return int.from_bytes(sent, signed=True)


def byte_strings(values: Sequence[bytes]) -> bytes:
    """How a bytea[] goes over the wire."""
    return _array(_BYTEA, values)


def integers(values: Sequence[int]) -> bytes:
    """How an int8[] goes over the wire."""
    return _array(_INT8, [integer(value) for value in values])


def _array(type_: int, values: Sequence[bytes]) -> bytes:
    if not values:
        return pack(">iii", 0, 0, type_)
    return pack(">iiiii", 1, 0, type_, len(values), 1) + b"".join([pack(">i", len(value)) + value for value in values])


class Link:
    """One open connection; whoever has it is the only one to use it."""

    def __init__(self, connection: "Connection[Any] | AsyncConnection[Any]", *, server: str, mend: str, prepare: bool) -> None:
        self.connection = connection
        self.born = self.used = monotonic()
        self._server = server
        self._mend = mend
        self._prepare = prepare
        self._wire = connection.pgconn
        self._prepared: set[bytes] = set()
        self._expected: list[bytes | None] = []
        self._wire.enter_pipeline_mode()

    @property
    def rests(self) -> bool:
        """Whether it could serve somebody else: whole, and outside of any transaction."""
        return self._wire.status == ConnStatus.OK and self._wire.transaction_status == TransactionStatus.IDLE

    @property
    def failed(self) -> bool:
        """Whether the server waits for a ROLLBACK."""
        return self._wire.status == ConnStatus.OK and self._wire.transaction_status == TransactionStatus.INERROR

    @property
    def socket(self) -> int:
        """The number of its socket."""
        return self._wire.socket

    def close(self) -> None:
        """Close the socket, without waiting for anything; the server undoes what was not committed."""
        self._wire.finish()

    def exchange(self, asked: Sequence[Ask]) -> PQGen[list[PGresult]]:
        """Send what is asked, then collect what comes back up to the end of the trip."""
        wire = self._wire
        expected: list[bytes | None] = []
        self._expected = expected
        for statement, params in asked:
            formats = [_BINARY] * len(params)
            if not self._prepare:
                wire.send_query_params(statement.text, params, param_formats=formats, result_format=_BINARY)
            else:
                if statement.name not in self._prepared and statement.name not in expected:
                    wire.send_prepare(statement.name, statement.text)
                    expected.append(statement.name)
                wire.send_query_prepared(statement.name, params, formats, _BINARY)
            expected.append(None)
        wire.pipeline_sync()
        while wire.flush():
            ready = yield Wait.RW
            if ready and ready & Ready.R:
                wire.consume_input()
        results: list[PGresult] = []
        while True:
            while wire.is_busy():
                while not (yield Wait.R):
                    pass
                wire.consume_input()
            result = wire.get_result()
            if result is not None:
                results.append(result)
                if result.status == ExecStatus.PIPELINE_SYNC:
                    return results
            elif wire.status == ConnStatus.BAD:
                return results

    def rows(self, results: Sequence[PGresult]) -> list[Rows]:
        """The rows of each statement; raises what the server had to say against one of them."""
        answers: list[Rows] = []
        # Without strict: an error may come instead of the end, and after it nothing that can be counted.
        for prepared, result in zip(self._expected, results, strict=False):
            if result.status not in _FINE:
                break
            if prepared is None:
                answers.append(_rows(result))
            else:
                self._prepared.add(prepared)
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                self._refuse(result)
        if not results or results[-1].status != ExecStatus.PIPELINE_SYNC:
            raise Lost(f"{self._server} closed the connection.", remedy="See the server's log.")
        return answers

    def _refuse(self, result: PGresult) -> NoReturn:
        state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
        said = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"the connection was closed").decode(errors="replace")
        broken = self._wire.status == ConnStatus.BAD
        if state in _OVER:
            self.close()
        if state in _AGAIN:
            raise RolledBack(f"{self._server}: {said}.")
        if broken or not state or state.startswith(_GONE):
            raise Lost(f"{self._server} broke off: {said}.", remedy="See the server's log.")
        if state in _SLOW:
            raise Slow(f"{self._server}: {said}.", remedy="Look there for long transactions, and for what loads it.")
        if state == "42501":
            raise ConfigError(
                f"{self._server}: {said}.", remedy=f"Let `{self._mend} --grant-to ROLE` grant what this role needs."
            )
        if state in _MISSING:
            raise ConfigError(f"{self._server}: the tables are missing ({said}).", remedy=f"Run `{self._mend}`.")
        what, remedy = _EXPLANATIONS.get(state) or _EXPLANATIONS.get(state[:2]) or (f"{said} ({state}).", "See its manual.")
        raise StoreError(f"{self._server}: {what}", remedy=remedy)


def _rows(result: PGresult) -> Rows:
    columns = range(result.nfields)
    return [tuple([result.get_value(row, column) or b"" for column in columns]) for row in range(result.ntuples)]


_FINE = {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}
_READ_ONLY = "25006"
# Another server has taken over; or what is prepared here does not fit any more. A new connection knows better.
_OVER = {_READ_ONLY, "26000", "42P05", "0A000"}
# Serialization, deadlock; a row that another began; a server that does not write any more.
_AGAIN = {"40001", "40P01", "23505", _READ_ONLY}
_GONE = ("08", "57P", "400")  # 40003 says itself that nobody knows; 08P01 is how poolers say that they lost their server
_SLOW = {"55P03", "57014"}
_MISSING = {"3F000", "42P01", "42703"}
_POOLER = ("statements are prepared on another connection.", "Behind a pooler of transactions, say so: behind_pooler=True.")
_EXPLANATIONS = {
    "53100": ("the disk is full; nothing was written.", "Free some space; what was committed is safe."),
    "53": ("it has run out of something; nothing was written.", "See the server's log."),
    "26000": _POOLER,
    "42P05": _POOLER,
}
