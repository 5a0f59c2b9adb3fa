"""The range protocol: a service hears the first five digits of a digest, and answers all that begin with them."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from inspect import iscoroutinefunction
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from acctsec.corpora.digests import Digest
from acctsec.errors import ConfigError, PortError

HIBP = "https://api.pwnedpasswords.com/range/"
MAX_BODY = 1 << 20
"""Bytes of an answer at most; one of the largest public corpus has some 75,000."""
MAX_KEPT = 32 << 20
"""Bytes of ranges that are kept at most: some 400 of them."""
CALLS = 32
"""Calls under way at most, those among them that nobody waits for any more."""
_REMEDY = "See whether the service can be reached from here."
_LINE = re.compile(rb"([0-9A-F]{27}|[0-9A-F]{35}):([0-9]{1,18})")

Fetch = Callable[[str, Mapping[str, str], float], bytes]
"""
Gets a URL with headers within some seconds: the body of a 200, or raises. It follows no redirect and reads a megabyte at most.
It is called on a thread of its own, and not waited for once the seconds are over.
"""


def fetch(url: str, headers: Mapping[str, str], seconds: float) -> bytes:
    """
    Get a URL with the standard library. A redirect is a failure, and no more than a megabyte is read.

    So is an answer that does not tell how long it is: one that was cut off would say that a password never leaked.
    """
    import urllib.error
    import urllib.request

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    opener = urllib.request.build_opener(NoRedirects)
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - the corpus has looked at the scheme
    until = time.monotonic() + seconds  # noqa: TID251 - a deadline of the outside world, not of a decision
    try:
        with opener.open(request, timeout=seconds) as answer:
            if answer.length is None and not answer.chunked:
                raise PortError("The range service does not tell how long its answer is.", remedy=_REMEDY)
            body = bytearray()
            while len(body) <= MAX_BODY and (piece := answer.read1(1 << 16)):
                body += piece
                if time.monotonic() > until:  # noqa: TID251 - the same
                    raise TimeoutError
            if answer.length and len(body) <= MAX_BODY:
                raise PortError("The range service cut its answer off.", remedy=_REMEDY)
    except urllib.error.HTTPError as error:
        error.close()
        raise PortError(f"The range service answered {error.code}.", remedy=_REMEDY) from None
    return bytes(body)


class RangeApiCorpus:
    """
    Asks a range service, such as Pwned Passwords: it never hears a password, nor the whole digest of one.

    An answer comes within *timeout*, or not at all (1 s: whoever sets a password waits for it); that holds for *get* of every
    kind, names and slow drops of an answer included. The last *kept* ranges, of 32 MiB at most, are not asked for again within
    *keep*. Raises PortError when the service does not answer, or answers something else; ``PasswordPolicy.on_outage`` says what
    follows. Threads may share it.
    """

    def __init__(
        self,
        *,
        url: str = HIBP,
        digest: Digest = Digest.SHA1,
        timeout: timedelta = timedelta(seconds=1),
        kept: int = 256,
        keep: timedelta = timedelta(hours=1),
        get: Fetch = fetch,
        allow_http: bool = False,
        clock: Callable[[], float] = time.monotonic,  # noqa: TID251 - a default port: it only ends what is kept
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
            raise ConfigError("The range service is not asked over HTTPS.", remedy="Give an https URL that ends in a slash.")
        if not parts.hostname or not url.endswith("/") or parts.query or parts.fragment:
            raise ConfigError("The URL of the range service is none.", remedy="Give an https URL that ends in a slash.")
        for name, value, least in (
            ("timeout", timeout, timedelta(microseconds=1)),
            ("keep", keep, timedelta(0)),
            ("kept", kept, 0),
        ):
            if type(value) is not type(least) or value < least:  # type: ignore[operator]
                raise ConfigError(f"{name} is {value!r}.", remedy=f"Give {least!r} or more.")
        if not isinstance(digest, Digest):
            raise ConfigError(f"digest is {digest!r}.", remedy="Give Digest.SHA1 or Digest.NTLM.")
        if not callable(get) or iscoroutinefunction(get):
            raise ConfigError("get is no blocking function.", remedy="Give one that takes a URL, headers and seconds.")
        self._url, self._digest, self._get, self._clock = url, digest, get, clock
        self._seconds, self._kept, self._keep = timeout.total_seconds(), kept, keep.total_seconds()
        self._ranges: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._calls = threading.BoundedSemaphore(CALLS)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._digest.value})"

    def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never. Raises PortError when the service cannot tell."""
        text = self._digest.of(password).hex().upper()
        body = self._range(text[:5])
        wanted = text[5:].encode() + b":"
        return max((int(line[len(wanted) :]) for line in body.split(b"\n") if line.startswith(wanted)), default=0)

    def _range(self, prefix: str) -> bytes:
        now = self._clock()
        with self._lock:
            found = self._ranges.get(prefix)
            if found is not None and found[0] > now:
                self._ranges.move_to_end(prefix)
                return found[1]
        body = self._ask(prefix)
        with self._lock:
            self._bytes += len(body) - len(self._ranges.pop(prefix, (0, b""))[1])
            self._ranges[prefix] = (now + self._keep, body)
            while len(self._ranges) > self._kept or self._bytes > MAX_KEPT:
                self._bytes -= len(self._ranges.popitem(last=False)[1][1])
        return body

    def _ask(self, prefix: str) -> bytes:
        url = f"{self._url}{prefix}" + ("?mode=ntlm" if self._digest is Digest.NTLM else "")
        body = self._within(url)
        if len(body) > MAX_BODY:
            raise PortError("The range service answered more than a megabyte.", remedy=_REMEDY)
        lines = [line for line in body.removeprefix(b"\xef\xbb\xbf").upper().split() if not line.endswith(b":0")]
        width = self._digest.hex_digits - 5
        if not body.strip() or any(_LINE.fullmatch(line) is None or line[width : width + 1] != b":" for line in lines):
            raise PortError("The range service answered something that is no range.", remedy=_REMEDY)
        return b"\n".join(lines)

    def _within(self, url: str) -> bytes:
        """
        The body, in time. No timeout of a socket ends a look-up of a name, or an answer that comes a byte a second: the call is
        made on a thread, which is left to itself when the time is over. There are only so many of them.
        """
        until = time.monotonic() + self._seconds  # noqa: TID251 - a deadline of the outside world, not of a decision
        if not self._calls.acquire(timeout=self._seconds):
            raise PortError(f"{CALLS} calls to the range service did not come back yet.", remedy=_REMEDY)
        answers: SimpleQueue[object] = SimpleQueue()
        try:
            threading.Thread(target=self._call, args=(url, answers), name="acctsec-range", daemon=True).start()
        except RuntimeError:  # the system has no thread left, or the interpreter is ending
            self._calls.release()
            raise PortError("There is no thread to ask the range service on.", remedy=_REMEDY) from None
        try:
            answer = answers.get(timeout=max(until - time.monotonic(), 0))  # noqa: TID251 - the same
        except Empty:
            raise PortError("The range service did not answer in time.", remedy=_REMEDY) from None
        if isinstance(answer, PortError):
            raise answer
        if not isinstance(answer, bytes):  # not what the client says of it: that has the digits that were asked for
            raise PortError(f"The range service did not answer ({type(answer).__name__}).", remedy=_REMEDY)
        return answer

    def _call(self, url: str, answers: "SimpleQueue[object]") -> None:
        # Padding hides from who watches the line how long the answer is, and so which range it is.
        headers = {"User-Agent": "acctsec", "Add-Padding": "true"}
        try:
            answers.put(self._get(url, headers, self._seconds))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            answers.put(error)
        finally:
            self._calls.release()


class AsyncRangeApiCorpus:
    """`RangeApiCorpus` for the async face: each call is made on a thread, so that the loop goes on."""

    def __init__(self, corpus: RangeApiCorpus | None = None) -> None:
        if corpus is not None and not isinstance(corpus, RangeApiCorpus):
            raise ConfigError(f"{type(corpus).__name__} is no RangeApiCorpus.", remedy="Give one, or nothing.")
        self._corpus = RangeApiCorpus() if corpus is None else corpus

    def __repr__(self) -> str:
        return f"Async{self._corpus!r}"

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never. Raises PortError when the service cannot tell."""
        import asyncio

        return await asyncio.to_thread(self._corpus.count, password)
