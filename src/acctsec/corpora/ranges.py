"""The range protocol: a service hears the first five digits of a digest, and answers all that begin with them."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from acctsec.corpora.digests import Digest
from acctsec.errors import ConfigError, PortError

HIBP = "https://api.pwnedpasswords.com/range/"
MAX_BODY = 1 << 20
"""Bytes of an answer at most; one of the largest public corpus has some 75,000."""
_LINE = re.compile(rb"([0-9A-F]{27}|[0-9A-F]{35}):([0-9]{1,18})")

Fetch = Callable[[str, Mapping[str, str], float], bytes]
"""Gets a URL with headers within some seconds: the body of a 200, or raises. It answers no more than a megabyte."""


def fetch(url: str, headers: Mapping[str, str], seconds: float) -> bytes:
    """Get a URL with the standard library; a redirect is a failure, and no more than a megabyte is read."""
    import urllib.error
    import urllib.request

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    opener = urllib.request.build_opener(NoRedirects)
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - the corpus has looked at the scheme
    try:
        with opener.open(request, timeout=seconds) as answer:
            body: bytes = answer.read(MAX_BODY + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"The service answered {error.code}.") from None
    return body


class RangeApiCorpus:
    """
    Asks a range service, such as Pwned Passwords: it never hears a password, nor the whole digest of one.

    *timeout* is of one call to *get*, and of each of its reads (1 s: whoever sets a password waits for it). *kept* ranges are
    not asked for again within *keep*. Raises PortError when the service does not answer, or answers something else;
    ``PasswordPolicy.on_outage`` says what follows. Threads may share it.
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
        if timeout <= timedelta(0) or kept < 0 or keep < timedelta(0):
            raise ConfigError("A limit of the range service is negative, or no time at all.", remedy="Give 1 s, 256 and 1 h.")
        self._url, self._digest, self._get, self._clock = url, Digest(digest), get, clock
        self._seconds, self._kept, self._keep = timeout.total_seconds(), kept, keep.total_seconds()
        self._ranges: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

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
            self._ranges[prefix] = (now + self._keep, body)
            self._ranges.move_to_end(prefix)
            while len(self._ranges) > self._kept:
                self._ranges.popitem(last=False)
        return body

    def _ask(self, prefix: str) -> bytes:
        url = f"{self._url}{prefix}" + ("?mode=ntlm" if self._digest is Digest.NTLM else "")
        from http.client import HTTPException

        # Padding hides from who watches the line how long the answer is, and so which range it is.
        headers = {"User-Agent": "acctsec", "Add-Padding": "true"}
        remedy = "See whether the service can be reached from here."
        try:
            body = self._get(url, headers, self._seconds)
        except (OSError, HTTPException) as error:
            raise PortError(f"The range service did not answer ({type(error).__name__}).", remedy=remedy) from None
        if len(body) > MAX_BODY:
            raise PortError("The range service answered more than a megabyte.", remedy=remedy)
        lines = [line for line in body.removeprefix(b"\xef\xbb\xbf").upper().split() if not line.endswith(b":0")]
        width = self._digest.hex_digits - 5
        if not body.strip() or any(_LINE.fullmatch(line) is None or line[width : width + 1] != b":" for line in lines):
            raise PortError("The range service answered something that is no range.", remedy=remedy)
        return b"\n".join(lines)


class AsyncRangeApiCorpus:
    """`RangeApiCorpus` for the async face: each call is made on a thread, so that the loop goes on."""

    def __init__(self, corpus: RangeApiCorpus | None = None) -> None:
        self._corpus = RangeApiCorpus() if corpus is None else corpus

    def __repr__(self) -> str:
        return f"Async{self._corpus!r}"

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never. Raises PortError when the service cannot tell."""
        import asyncio

        return await asyncio.to_thread(self._corpus.count, password)


class AnyCorpus:
    """
    Several corpora as one: the largest count that one of them knows.

    One that fails does not matter where another finds the password. Where none does, what it raised is raised: that nobody who
    could be asked knows the password says nothing about those who could not.
    """

    def __init__(self, *corpora: Any) -> None:
        if not corpora:
            raise ConfigError("There is no corpus to ask.", remedy="Give one at least.")
        self._corpora = corpora

    def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never."""
        most, failed = 0, None
        for corpus in self._corpora:
            try:
                most = max(most, corpus.count(password))
            except Exception as error:  # noqa: BLE001 - a port of the platform may raise anything; it is raised again below
                failed = error
        if failed is not None and not most:
            raise failed
        return most


class AsyncAnyCorpus:
    """`AnyCorpus` for the async face."""

    def __init__(self, *corpora: Any) -> None:
        if not corpora:
            raise ConfigError("There is no corpus to ask.", remedy="Give one at least.")
        self._corpora = corpora

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never."""
        most, failed = 0, None
        for corpus in self._corpora:
            try:
                most = max(most, await corpus.count(password))
            except Exception as error:  # noqa: BLE001 - a port of the platform may raise anything; it is raised again below
                failed = error
        if failed is not None and not most:
            raise failed
        return most
