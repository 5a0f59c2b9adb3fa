"""The range service, and several corpora as one: what they answer, how long they may take, and what is refused."""

import asyncio
import socket
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.corpora import AnyCorpus, AsyncAnyCorpus, AsyncRangeApiCorpus, Digest, RangeApiCorpus
from acctsec.corpora import ranges as module
from acctsec.errors import ConfigError, PortError


@contextmanager
def service(answer):
    """A server of ranges; *answer* makes status, headers and body of a request."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": len(body), **headers}.items():
                if value is None:
                    continue
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                pass

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/range/", asked
        finally:
            server.shutdown()
            thread.join()


def body_of(password, count, digest=Digest.SHA1):
    rest = digest.of(password).hex()[5:]
    return f"{'0' * len(rest)}:0\r\n{rest}:{count}\r\n".encode()


@pytest.mark.parametrize("digest", Digest)
def test_a_service_hears_five_digits_and_is_asked_once(digest):
    """With the headers that it wants; what it pads with is no entry."""
    with service(lambda path: (200, {}, body_of("hunter2", 17, digest))) as (url, asked):
        corpus = RangeApiCorpus(url=url, allow_http=True, digest=digest)

        assert [corpus.count("hunter2"), asyncio.run(AsyncRangeApiCorpus(corpus).count("hunter2"))] == [17, 17]

    [(path, headers)] = asked
    assert path == "/range/" + digest.of("hunter2").hex()[:5].upper() + ("?mode=ntlm" if digest is Digest.NTLM else "")
    assert headers["Add-Padding"] == "true" and headers["User-Agent"] == "acctsec"


@pytest.mark.parametrize(
    "answer",
    [
        (503, {}, b""),
        (302, {"Location": "http://192.0.2.1/"}, b""),
        (200, {}, b""),
        (200, {}, b"<html>sign in to this network</html>"),
        (200, {}, b"0" * 35 + b":x\n"),
        (200, {}, b"0" * 34 + b":1\n"),
        (200, {}, (b"0" * 35 + b":1\n") * 40_000),
        (200, {"Content-Length": 500}, b"0" * 35 + b":1\n"),
        (200, {"Content-Length": None}, b"0" * 35 + b":1\n"),
        (200, {"Content-Length": None, "Transfer-Encoding": "chunked"}, b"26\r\n" + b"0" * 35 + b":1\n\r\n"),
    ],
)
def test_a_service_that_answers_something_else_cannot_tell(answer):
    """It raises what the policy decides on, and shows nothing of the password."""
    with service(lambda path: answer) as (url, _), pytest.raises(PortError) as caught:
        RangeApiCorpus(url=url, allow_http=True).count("hunter2")

    assert "hunter2" not in str(caught.value) and sha1(b"hunter2").hexdigest()[:5].upper() not in str(caught.value)


@contextmanager
def dripping(first, drop):
    """A server that says *first*, and then *drop* every fiftieth of a second."""
    over = threading.Event()

    def serve(connection):
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(first)
            while not over.wait(0.02):
                connection.sendall(drop)

    def accept(server):
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, args=(server,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/range/"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n0\r\n"),
    ],
)
def test_a_service_that_answers_drop_by_drop_is_not_waited_for(first, drop):
    """Each drop comes within the time; all of them do not."""
    with dripping(first, drop) as url:
        corpus = RangeApiCorpus(url=url, allow_http=True, timeout=timedelta(seconds=0.3))
        started = monotonic()
        with pytest.raises(PortError):
            corpus.count("hunter2")
        assert monotonic() - started < 0.3 + 1


def test_calls_that_nobody_waits_for_do_not_pile_up():
    """A client that hangs holds so many threads and not one more; when it lets go, all is as before."""
    held, called = threading.Event(), []

    def get(url, headers, seconds):
        called.append(url)
        held.wait()
        return b"0" * 35 + b":1"

    corpus = RangeApiCorpus(get=get, timeout=timedelta(milliseconds=1), kept=0)
    for n in range(module.CALLS + 5):
        with pytest.raises(PortError):
            corpus.count(str(n))
    assert len(called) == module.CALLS
    held.set()
    patient = monotonic() + 10
    while monotonic() < patient:
        try:
            assert corpus.count("hunter2") == 0
            break
        except PortError:
            sleep(0.01)
    else:
        pytest.fail("The calls did not come back.")


@pytest.mark.parametrize("error", [ValueError("https://x/5BAA6"), TimeoutError("5BAA6"), "5BAA6", None, bytearray(b"5BAA6")])
def test_what_a_client_raises_or_answers_instead_shows_nothing(error):
    """Not even the five digits: they would go where the error goes."""

    def get(url, headers, seconds):
        if isinstance(error, Exception):
            raise error
        return error

    with pytest.raises(PortError) as caught:
        RangeApiCorpus(get=get).count("hunter2")
    assert "5BAA6" not in str(caught.value) and caught.value.__cause__ is None


def test_ranges_are_kept_for_a_time_and_not_without_bound():
    """The last ones, and only within their time."""
    now, asked = [0.0], []

    def get(url, headers, seconds):
        asked.append(url)
        return b"0" * 35 + b":0"

    corpus = RangeApiCorpus(get=get, kept=2, keep=timedelta(seconds=60), clock=lambda: now[0])
    for password in ("a", "b", "a", "c", "a", "b"):
        corpus.count(password)
    assert len(asked) == 4
    now[0] = 60.0
    corpus.count("b")
    assert len(asked) == 5


def test_the_ranges_that_are_kept_have_a_largest_size(monkeypatch):
    """However many they may be."""
    monkeypatch.setattr(module, "MAX_KEPT", 36 * 1_000)
    asked = []

    def get(url, headers, seconds):
        asked.append(url[-5:])
        return b"\n".join(b"%035X:1" % n for n in range(len(asked) % 400 + 1))

    corpus = RangeApiCorpus(get=get, kept=10_000)
    for n in range(300):
        corpus.count(str(n))
        assert sum(len(body) for _, body in corpus._ranges.values()) == corpus._bytes <= module.MAX_KEPT
    assert len(corpus._ranges) > 1
    now = len(asked)
    corpus.count("299")
    assert len(asked) == now


@pytest.mark.parametrize("url", ["http://127.0.0.1/range/", "https://x.example/range", "https:///range/", "file:///range/"])
def test_a_service_without_tls_is_refused(url):
    """A stranger on the line could say that every password is a good one."""
    with pytest.raises(ConfigError):
        RangeApiCorpus(url=url)


class Says:
    def __init__(self, answer):
        self.answer = answer

    def count(self, password):
        if self.answer is None:
            raise PortError("It is gone.", remedy="Wait.")
        return self.answer


class AsyncSays(Says):
    async def count(self, password):
        return super().count(password)


@given(st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=4))
def test_any_of_several_corpora(answers):
    """The largest count; a failure only where nobody found anything."""
    known = max((answer or 0) for answer in answers)
    asks = (
        AnyCorpus(*map(Says, answers)).count,
        lambda password: asyncio.run(AsyncAnyCorpus(*map(AsyncSays, answers)).count(password)),
    )
    for ask in asks:
        if None in answers and not known:
            with pytest.raises(PortError):
                ask("hunter2")
        else:
            assert ask("hunter2") == known


@pytest.mark.parametrize(
    ("kind", "parts", "why"),
    [
        (AnyCorpus, (), "no corpus"),
        (AnyCorpus, (Says(1), AsyncSays(1)), "AsyncSays is the async form"),
        (AsyncAnyCorpus, (AsyncSays(1), Says(1)), "Says is the blocking form"),
        (AnyCorpus, ([Says(1), Says(2)],), "list is no corpus"),
        (AnyCorpus, (Says,), "Says is no corpus"),
        (AnyCorpus, (Says(1), None), "NoneType is no corpus"),
        (AsyncAnyCorpus, (AsyncAnyCorpus(AsyncSays(1)), AnyCorpus(Says(1))), "AnyCorpus is the blocking form"),
        (AnyCorpus, (AsyncRangeApiCorpus(),), "AsyncRangeApiCorpus is the async form"),
    ],
)
def test_a_part_of_the_wrong_form_is_refused_where_it_is_given(kind, parts, why):
    """Not at the first password, where it would count as an outage."""
    with pytest.raises(ConfigError, match=why):
        kind(*parts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 1},
        {"timeout": timedelta(0)},
        {"keep": timedelta(seconds=-1)},
        {"keep": 60},
        {"kept": -1},
        {"kept": True},
        {"digest": "md5"},
        {"get": None},
        {"get": AsyncSays(1).count},
    ],
)
def test_a_limit_of_the_wrong_kind_is_refused_by_its_name(wrong):
    """Where it is given, and not with the first password."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RangeApiCorpus(**wrong)


def test_the_async_form_takes_the_blocking_one():
    """And nothing else in its place."""
    with pytest.raises(ConfigError, match="Says is no RangeApiCorpus"):
        AsyncRangeApiCorpus(Says(1))
