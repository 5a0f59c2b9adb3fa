"""
The connections of one process to Valkey or Redis, blocking and async: this module loads the driver.

The driver's own clients ask again behind one's back, and a guess that is charged twice is a guess too many. So only its
connections are used, with every retry off: whether something may be asked again is the plan's to say.
"""

import select
from asyncio import Lock, Semaphore, gather, get_running_loop, sleep, timeout
from collections.abc import Awaitable, Callable, Iterator, Sequence
from os import getpid
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore
from typing import Any, TypeVar

import redis.asyncio.connection
import redis.connection
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from acctsec._values import Value
from acctsec.errors import ConfigError, StoreBusy, StoreError, StoreUnavailable
from acctsec.stores._plans import Breaker, Plan, carry_out, carry_out_async

Answer = TypeVar("Answer")
Address = tuple[str, int]
"""Host and port; a socket is its path and port 0."""

Command = Sequence[bytes | str | int]
Ask = tuple[Address, Sequence[Command]]
"""What goes to one server in one round trip; each command is answered once."""

MAX_WAITING = 100  # calls a connection that may wait for one; more are refused at once

REMEDY = "Bring the server back, and see that this process can reach it; the store notices by itself."


class Unanswered(Value, frozen=True):
    """What was asked has no answer. Unless it was *sent*, it was not done."""

    error: StoreUnavailable
    sent: bool


class Replica(StoreUnavailable):
    """The server is a replica: what it says may be old, and it counts nothing."""


def parse_url(url: str) -> tuple[Address, dict[str, Any]]:
    """The address in *url*, and what the driver is told beside it. No message quotes the URL: it holds a password."""
    try:
        options: dict[str, Any] = redis.connection.parse_url(url)  # type: ignore[no-untyped-call]
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            "The URL of the server cannot be read.",
            remedy="Write redis://user:password@host:6379/0, rediss:// for TLS or unix:// for a socket.",
        ) from (error if "Redis URL" in str(error) else None)
    if "path" in options:
        return (options["path"], 0), options
    return (options.get("host", "localhost"), options.get("port", 6379)), options


class _Links:
    """What both forms know: how to make a connection to an address."""

    _kinds: Any

    def __init__(self, options: dict[str, Any], *, connections: int, timeout: float) -> None:
        self.connections = connections
        self.timeout = timeout
        self.closed = False
        self._kind = getattr(self._kinds, options.get("connection_class", redis.connection.Connection).__name__)
        self._options = {name: value for name, value in options.items() if name != "connection_class"} | {
            "protocol": 3,
            "decode_responses": False,
            "socket_connect_timeout": timeout,
            "socket_timeout": timeout if self._kinds is redis.connection else None,  # asyncio bounds a call as a whole
            "health_check_interval": 0,
            "retry": Retry(NoBackoff(), 0),
            "retry_on_timeout": False,
            "driver_info": None,
        }

    def connection(self, address: Address) -> Any:
        """A new connection, not yet open."""
        if self.closed:
            raise StoreError("This store was closed.", remedy="Close a store when nothing uses it any more.")
        host, port = address
        place = {"host": host, "port": port} if port else {"path": host}
        try:
            return self._kind(**(self._options | place))
        except (TypeError, RedisError):
            raise ConfigError(
                "The URL of the server has an option that the driver does not know.", remedy="Take it out."
            ) from None


class Link:
    """
    At most so many connections to one server; the one used last is used first.

    When one of them is of no use any more, those that idle go too: they lead to the same server, and the next call shall find
    whom its name means by then.
    """

    def __init__(self, links: "Links", address: Address) -> None:
        self.name = name_of(address)
        self._links = links
        self._address = address
        self._breaker = Breaker(self.name, timeout=links.timeout)
        # A permit for each connection: a queue of C is several times as quick as a semaphore.
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(links.connections):
            self._room.put(None)
        self._queue = BoundedSemaphore(links.connections * MAX_WAITING)
        self._idle: list[Any] = []

    def exchange(self, commands: Sequence[Command]) -> Iterator[list[Any] | Unanswered | None]:
        """Send *commands* up to the first answer, None; the next one is what came back."""
        sent = False
        try:
            with self._breaker:
                connection = self._take()
                whole = False
                try:
                    sent = True
                    connection.send_packed_command(connection.pack_commands(commands))
                    yield None
                    replies = [_reply(connection) for _ in commands]
                    whole = not is_deposed(commands, replies)
                    if not whole:
                        self.close()
                except (RedisError, OSError) as error:
                    sent = not _was_refused(error)
                    self.close()
                    raise unavailable(self.name, error) from error
                finally:
                    self._give_back(connection, whole=whole)
        except StoreUnavailable as error:
            yield Unanswered(error, sent)
        else:
            yield replies

    def close(self) -> None:
        """Close what is idle; the rest closes when it is given back."""
        while connection := self._last_used():
            connection.disconnect()

    def _last_used(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:  # another thread may have taken it since one looked
            return None

    def _take(self) -> Any:
        try:
            self._room.get_nowait()
        except Empty:
            self._wait()
        try:
            while connection := self._last_used():
                if _is_quiet(connection):
                    return connection
                connection.disconnect()
            connection = self._links.connection(self._address)
            try:
                connection.connect()
                check_primary(self.name, connection.handshake_metadata)
            except BaseException as error:
                connection.disconnect()
                if isinstance(error, RedisError | OSError):
                    raise unreachable(self.name, error) from error
                raise
        except BaseException:
            self._room.put(None)
            raise
        return connection

    def _wait(self) -> None:
        """Wait for a connection among so many others and no more."""
        if not self._queue.acquire(blocking=False):
            raise crowded(self.name, self._links.connections)
        try:
            self._room.get(timeout=self._links.timeout)
        except Empty:
            raise crowded(self.name, self._links.connections) from None
        finally:
            self._queue.release()

    def _give_back(self, connection: Any, *, whole: bool) -> None:
        if whole and not self._links.closed:
            self._idle.append(connection)
        else:
            connection.disconnect()
        self._room.put(None)


class Links(_Links):
    """The blocking form. A forked child begins with connections of its own."""

    _kinds = redis.connection

    def __init__(self, options: dict[str, Any], *, connections: int, timeout: float) -> None:
        super().__init__(options, connections=connections, timeout=timeout)
        self._links: dict[Address, Link] = {}
        self._process = getpid()

    def run(self, plan: Plan[Answer]) -> Answer:
        """Carry out a plan."""
        return carry_out(plan, self._trip)

    def close(self) -> None:
        """Close every connection."""
        self.closed = True
        for link in self._links.values():
            link.close()

    def _trip(self, asks: Sequence[Ask]) -> list[list[Any] | Unanswered]:
        if self._process != getpid():
            # Sockets are shared with the parent: let go of them, and say nothing on them.
            self._process = getpid()
            self._links = {}
        exchanges = [self._link(address).exchange(commands) for address, commands in asks]
        begun = [next(exchange) for exchange in exchanges]
        return [next(exchange) if answer is None else answer for exchange, answer in zip(exchanges, begun, strict=True)]  # type: ignore[misc]

    def _link(self, address: Address) -> Link:
        link = self._links.get(address)
        return link or self._links.setdefault(address, Link(self, address))


class AsyncLink:
    """The async form of `Link`."""

    def __init__(self, links: "AsyncLinks", address: Address) -> None:
        self.name = name_of(address)
        self._links = links
        self._address = address
        self._breaker = Breaker(self.name, timeout=links.timeout)
        self._room = Semaphore(links.connections)
        self._waiting = 0
        self._idle: list[Any] = []

    async def exchange(self, commands: Sequence[Command]) -> list[Any] | Unanswered:
        """Send *commands*, and answer what came back."""
        sent = False
        try:
            with self._breaker:
                connection = await self._take()
                whole = False
                try:
                    sent = True
                    async with timeout(self._links.timeout):
                        await connection.send_packed_command(connection.pack_commands(commands))
                        answers = [await _async_reply(connection) for _ in commands]
                    whole = not is_deposed(commands, answers)
                    if not whole:
                        await self.close()
                except (RedisError, OSError) as error:
                    sent = not _was_refused(error)
                    await self.close()
                    raise unavailable(self.name, error) from error
                finally:
                    await self._give_back(connection, whole=whole)
        except StoreUnavailable as error:
            return Unanswered(error, sent)
        return answers

    async def close(self) -> None:
        """Close what is idle; the rest closes when it is given back."""
        while self._idle:
            await _drop(self._idle.pop())
        await sleep(0)  # a loop that ends now has closed their sockets

    async def _take(self) -> Any:
        if self._room.locked():
            if self._waiting >= self._links.connections * MAX_WAITING:
                raise crowded(self.name, self._links.connections)
            self._waiting += 1
            try:
                async with timeout(self._links.timeout):
                    await self._room.acquire()
            except TimeoutError:
                raise crowded(self.name, self._links.connections) from None
            finally:
                self._waiting -= 1
        else:
            await self._room.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                # The loop may not have come round yet to hear what waits at the socket.
                if not (_has_news(connection._writer.get_extra_info("socket")) or await connection.can_read()):  # noqa: SLF001 - no other way
                    return connection
                await _drop(connection)
            connection = self._links.connection(self._address)
            try:
                async with timeout(self._links.timeout):
                    await connection.connect()
                    await connection.send_command("HELLO")
                    check_primary(self.name, await connection.read_response())
            except BaseException as error:
                await _drop(connection)
                if isinstance(error, RedisError | OSError):
                    raise unreachable(self.name, error) from error
                raise
        except BaseException:
            self._room.release()
            raise
        return connection

    async def _give_back(self, connection: Any, *, whole: bool) -> None:
        try:
            if whole and not self._links.closed:
                self._idle.append(connection)
            else:
                await _drop(connection)
        finally:
            self._room.release()


class AsyncLinks(_Links):
    """The async form; it belongs to the event loop that used it first."""

    _kinds = redis.asyncio.connection

    def __init__(self, options: dict[str, Any], *, connections: int, timeout: float, start: Callable[[], Plan[None]]) -> None:
        super().__init__(options, connections=connections, timeout=timeout)
        self._links: dict[Address, AsyncLink] = {}
        self._loop: Any = None
        # Carried out before the first plan, once; None when it was.
        self._start: Callable[[], Plan[None]] | None = start
        self._starting = Lock()

    async def run(self, plan: Plan[Answer]) -> Answer:
        """Carry out a plan."""
        self._own()
        if self._start is not None:
            await self._begin()
        return await carry_out_async(plan, self._trip)

    async def close(self) -> None:
        """Close every connection."""
        self._own()
        self.closed = True
        for link in self._links.values():
            await link.close()

    async def _begin(self) -> None:
        async with self._starting:
            if self._start is not None:
                await carry_out_async(self._start(), self._trip)
                self._start = None

    def _own(self) -> None:
        loop = get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ConfigError(
                "This store belongs to another event loop: its connections cannot be used here.",
                remedy="Make one store for each loop, and close it there.",
            )

    async def _trip(self, asks: Sequence[Ask]) -> list[list[Any] | Unanswered]:
        trips: list[Awaitable[list[Any] | Unanswered]] = [self._link(address).exchange(commands) for address, commands in asks]
        if len(trips) == 1:
            return [await trips[0]]
        return await gather(*trips)

    def _link(self, address: Address) -> AsyncLink:
        link = self._links.get(address)
        return link or self._links.setdefault(address, AsyncLink(self, address))


def name_of(address: Address) -> str:
    """How an address is called in messages."""
    host, port = address
    return f"{host}:{port}" if port else host


def crowded(name: str, connections: int) -> StoreBusy:
    """Nobody gave a connection back in time, or too many wait for one already."""
    return StoreBusy(
        f"All {connections} connections to {name} were busy for too long; nothing was asked.",
        remedy="Give the store more connections, or this process fewer requests at once.",
    )


def unreachable(name: str, error: Exception) -> StoreUnavailable:
    """No connection could be made, or the server let nobody in."""
    if isinstance(error, ResponseError) or getattr(error, "status_code", None) is not None:
        return StoreUnavailable(
            f"{name} does not let this process in ({type(error).__name__}); nothing was asked.",
            remedy="Check user and password in the URL, and the server's maxclients; while it loads its data, wait.",
        )
    return StoreUnavailable(f"{name} cannot be reached ({type(error).__name__}); nothing was asked.", remedy=REMEDY)


def unavailable(name: str, error: Exception) -> StoreUnavailable:
    """The connection broke, or no answer came in time."""
    if _was_refused(error):
        return StoreUnavailable(f"{name} does not serve now ({error.status_code}); nothing was done.", remedy=REMEDY)  # type: ignore[attr-defined]
    return StoreUnavailable(f"{name} did not answer ({type(error).__name__}).", remedy=REMEDY)


def check_primary(name: str, greeting: dict[bytes, Any]) -> None:
    """Refuse a server that says it is a replica; in a cluster it would send us away."""
    if greeting.get(b"mode") != b"cluster" and greeting.get(b"role") != b"master":
        raise Replica(f"{name} is a replica, and a decision never reads one.", remedy="Name the primary in the URL of the store.")


def _was_refused(error: Exception) -> bool:
    """Whether an exception is the server's own word, such as LOADING, that it did nothing."""
    return getattr(error, "status_code", None) is not None


def word_of(error: ResponseError) -> str:
    """The first word of a server's no."""
    if "ACL failure" in str(error):  # of a command inside a script
        return "NOPERM"
    return error.status_code or str(error).partition(" ")[0]


def is_deposed(commands: Sequence[Command], answers: Sequence[Any]) -> bool:
    """
    Whether a server says that it is not, or perhaps no longer, the one to ask.

    Its connections stay open after a fail-over, while its name may lead to another by then.
    """
    for answer in answers:
        if isinstance(answer, ResponseError) and word_of(answer) in _DEPOSED:
            return True
    last = answers[-1]
    # A primary that was cut off from its replicas is often the last to know.
    return type(last) is int and commands[-1][0] == "WAIT" and last < commands[-1][1]  # type: ignore[operator]


_DEPOSED = {"READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "MISCONF", "NOPERM", "UNBLOCKED"}


def _is_quiet(connection: Any) -> bool:
    """Whether an idle connection is still open; one that has something to say is of no use either."""
    try:
        return not connection.can_read(0)
    except RedisError:
        return False


def _has_news(socket: Any) -> bool:
    """Whether bytes, or the end of all bytes, wait at a socket."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _reply(connection: Any) -> Any:
    """One answer; that a server says no is one too."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


async def _drop(connection: Any) -> None:
    """Close a connection without a last word: a TLS peer's good-bye may never come."""
    if connection._writer is not None:  # noqa: SLF001 - no other way
        connection._writer.transport.abort()  # noqa: SLF001
    await connection.disconnect(nowait=True)


async def _async_reply(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
