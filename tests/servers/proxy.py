"""
A network that does as it is told, between a client and a real server.

    with Proxy(("127.0.0.1", server.port)) as proxy:        # or the path of a socket; a thread of its own
        server.conninfo(port=proxy.port)                    # PostgreSQL through it
        server.url(port=proxy.port)                         # Valkey through it

        proxy.cut_reply(when=b"COMMIT")                     # once: the server does it, the client never hears
        proxy.cut_request(when=b"EVALSHA")                  # once: the server never hears
        proxy.lose_reply(when=...)                          # once: done, never answered, the connection stays open
        proxy.lose_request(when=...)                        # once: not done, never answered, the connection stays open
        proxy.delay(0.2)                                    # every request, from now on
        proxy.black_hole()                                  # connections are taken, nothing goes through, new or old
        proxy.refuse()                                      # nobody listens, and all connections are cut
        proxy.heal()                                        # all goes through again

        before = proxy.trips
        ...
        assert proxy.trips - before <= 2                    # round trips on the wire

*when* is bytes that the request contains, or a predicate over its bytes; without it any request is meant. A *request* is all
that the client has sent since the server last answered, however many pieces it came in. A fault strikes *times* requests (1),
then the network is well again; `proxy.struck` counts them. A *cut* is a reset, as from a host that is gone.

A cut reply is cut when the server has answered all (PostgreSQL says so, of Valkey it is taken from 0.03 seconds of silence), so
what was asked has happened in full. A connection that has lost something stays lost: nothing goes through it any more, also
after `heal`, which cuts it.

A round trip is counted when the client sends after the server has answered (or first), once however many requests it carries.
That is exact for requests of one piece. redis-py sends one above 6,000 bytes in pieces, and the first may be answered before
the last is sent: where such are counted, *hold* answers back for 0.02 seconds, and what arrives until then belongs to the same
trip.

It lives in a thread: fork no process while one runs (Python 3.12 warns, and a warning is an error here), start one anew instead.
A trip through it takes about 0.05 ms more.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from tests.servers.household import LOOPBACK, free_port

CHUNK = 1 << 16
QUIET, LONGEST = 0.03, 5.0
POSTGRES = {b"\x00\x03", b"\x04\xd2"}  # begins a client's first message after its length: a version, or the wish to encrypt
READY = b"Z\x00\x00\x00\x05"  # PostgreSQL's ReadyForQuery, before one byte of state: it has done all that was asked
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, and for no time


class _Fault:
    """What happens to the next requests that are meant."""

    def __init__(self, kind, when, times):
        self.kind, self.left = kind, times
        self._when = when if callable(when) else lambda request: when in request

    def means(self, request):
        return self.left > 0 and self._when(request)


class Connection:
    """One client's connection: its `number`, its round `trips`, the bytes it `sent` and `received`."""

    def __init__(self, number):
        self.number = number
        self.trips = self.sent = self.received = 0
        self.request = b""  # since the last answer
        self.answered = True
        self.fate = None  # what has struck it, for good
        self.is_postgres = False
        self.tail = b""  # of what the server said
        self._ends = []
        self.replied = asyncio.Event()

    def seems_done(self):
        """Whether nothing more is to be expected of an answer whose last piece has arrived."""
        return not self.is_postgres or self.tail[:-1] == READY

    def add(self, writer):
        """Know one end of it."""
        self._ends.append((writer, writer.get_extra_info("socket")))

    def cut(self):
        """Reset both ends, unless they are closed."""
        for writer, peer in self._ends:
            with suppress(OSError):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with suppress(AttributeError):  # what asyncio's TLS of Python 3.11.2 makes of a second end
                writer.transport.abort()
        self._ends.clear()

    def __repr__(self):
        return f"<Connection {self.number}: {self.trips} trips>"


class Proxy:
    """
    Forwards what arrives at its `port` to *upstream*, as well or as badly as it is told; see the module.

    With *tls*, an `ssl.SSLContext` of a server, its clients speak TLS and the server behind it hears plain text.
    """

    def __init__(self, upstream, *, port=None, tls=None, hold=0.0):
        self.upstream = upstream
        self._hold = hold
        self.port = port or free_port()
        self._tls = tls
        self._loop = self._thread = self._server = None
        self._numbers = count(1)
        self._tasks = set()
        self._delay = 0.0
        self._faults = []
        self._swallowing = False
        self.connections: list[Connection] = []
        self.struck = 0

    # How it is told.

    def cut_reply(self, *, when: bytes | Callable[[bytes], bool] = b"", times=1):
        """The server does what is asked, and the connection is cut before the client hears of it."""
        self._add("cut_reply", when, times)

    def cut_request(self, *, when: bytes | Callable[[bytes], bool] = b"", times=1):
        """The connection is cut before the server hears what is asked."""
        self._add("cut_request", when, times)

    def lose_reply(self, *, when: bytes | Callable[[bytes], bool] = b"", times=1):
        """The server does what is asked, its answer never arrives, and the connection stays open."""
        self._add("lose_reply", when, times)

    def lose_request(self, *, when: bytes | Callable[[bytes], bool] = b"", times=1):
        """The server never hears what is asked, and the connection stays open."""
        self._add("lose_request", when, times)

    def delay(self, seconds):
        """Every request arrives so much later, until it is told otherwise."""
        self._delay = seconds

    def black_hole(self):
        """Take connections and let nothing through, neither on new ones nor on old ones, until `heal`."""
        self._swallowing = True

    def refuse(self):
        """Stop to listen, and cut all connections, until `heal`."""
        self._call(self._close())

    def cut_all(self):
        """Cut all connections that are open now."""
        self._call(self._cut(lambda connection: True))

    def heal(self):
        """Forget all that it was told; connections that have lost something are cut, the others go on."""
        self._faults, self._delay, self._swallowing = [], 0.0, False
        self._call(self._cut(lambda connection: connection.fate is not None))
        self._call(self._open())

    # What it saw.

    @property
    def trips(self):
        """The round trips of all connections so far."""
        return sum(connection.trips for connection in self.connections)

    # How it lives.

    def start(self):
        """Listen."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name=f"proxy-{self.port}", daemon=True)
        self._thread.start()
        ready.wait()
        self._call(self._open())
        return self

    def stop(self):
        """Cut all connections and stop to listen; it may be started again."""
        if self._thread is not None:
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _add(self, kind, when, times):
        self._faults = [*self._faults, _Fault(kind, when, times)]

    def _run(self, ready):
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._loop.call_soon(ready.set)
            self._loop.run_forever()

    def _call(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _open(self):
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port, ssl=self._tls, backlog=512)

    async def _close(self):
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut(lambda connection: True)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _cut(self, meant):
        for connection in self.connections:
            if meant(connection):
                connection.cut()

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        connection = Connection(next(self._numbers))
        connection.add(writer)
        self.connections.append(connection)
        try:
            if isinstance(self.upstream, str):
                answers, requests = await asyncio.open_unix_connection(self.upstream)
            else:
                answers, requests = await asyncio.open_connection(*self.upstream)
            connection.add(requests)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(connection, reader, requests))
                both.create_task(self._back(connection, answers, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            connection.cut()
            self._tasks.discard(task)

    async def _forward(self, connection, reader, requests):
        """From the client to the server."""
        while data := await reader.read(CHUNK):
            if connection.sent == 0:
                connection.is_postgres = data[4:6] in POSTGRES
            connection.sent += len(data)
            if connection.answered:
                connection.answered, connection.request = False, b""
                connection.trips += 1
            connection.request += data
            self._strike(connection)
            if connection.fate == "cut_request":
                connection.cut()
                return
            if connection.fate == "lose_request":
                continue
            if self._delay:
                await asyncio.sleep(self._delay)
            requests.write(data)
            await requests.drain()
        if connection.fate is not None:
            connection.cut()
        elif not requests.is_closing():
            requests.write_eof()

    async def _back(self, connection, answers, writer):
        """From the server to the client."""
        while data := await self._read(connection, answers):
            connection.received += len(data)
            connection.tail = (connection.tail + data)[-6:]
            if self._hold and not connection.answered and connection.fate is None:
                await asyncio.sleep(self._hold)
            connection.answered = True
            if connection.fate is None and self._swallowing:
                connection.fate = "lose_reply"
            if connection.fate is None:
                writer.write(data)
                await writer.drain()
        if connection.fate == "cut_reply":
            connection.cut()
        elif connection.fate is None:
            writer.close()  # with what is on its way: a server that ends a connection says why
            await writer.wait_closed()

    async def _read(self, connection, answers):
        """The next piece of an answer; when its fate is to be cut, nothing after the last one."""
        if connection.fate != "cut_reply" or not connection.answered:
            return await answers.read(CHUNK)
        with suppress(TimeoutError):
            return await asyncio.wait_for(answers.read(CHUNK), QUIET if connection.seems_done() else LONGEST)
        return b""

    def _strike(self, connection):
        """Decide the fate of a connection by what it asks now."""
        if connection.fate is not None:
            return
        if self._swallowing:
            connection.fate = "lose_request"
            return
        for fault in self._faults:
            if fault.means(connection.request):
                fault.left -= 1
                self.struck += 1
                connection.fate = fault.kind
                return
