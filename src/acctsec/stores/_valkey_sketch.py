"""
A count-min sketch on Valkey, as plans: pages of cells, and all cells of a digest in one page, so in one key.

A page is a sketch of its own for the digests that fall into it. A cluster spreads the pages, and whoever asks for a digest
asks one server.
"""

from acctsec.stores._plans import Plan
from acctsec.stores._valkey_calls import Call, Caller, Script

COLUMNS = 4_096  # of a page, as long as there are two: 64 KiB with four rows

COUNT = Script("sketch", "sketch_count", keeps_on=True)
ADD = Script("sketch", "sketch_add")


class Layout:
    """Which page a digest falls into, and where its cells are in it; a page has *columns* or more."""

    def __init__(self, *, width: int, depth: int, columns: int = COLUMNS) -> None:
        self._pages = max(1, width // columns)
        self._columns = width // self._pages
        self._depth = depth

    def place(self, digest: bytes) -> tuple[int, tuple[int, ...]]:
        """The page of a *digest* of 32 bytes, and one cell for each row: four of its bytes for each."""
        numbers = [int.from_bytes(digest[4 * row : 4 * row + 4], "big") for row in range(self._depth)]
        page, first = divmod(numbers[0] % (self._pages * self._columns), self._columns)
        rest = [row * self._columns + number % self._columns for row, number in enumerate(numbers[1:], 1)]
        return page, (first, *rest)


class Sketch:
    """Counts by way of *caller*, in pages whose keys begin with *prefix*."""

    def __init__(self, caller: Caller, prefix: bytes, *, width: int, depth: int) -> None:
        self._caller = caller
        self._layout = Layout(width=width, depth=depth)
        # Processes that were given other sizes count for themselves, and read nothing into these cells.
        self._prefix = b"%b%dx%d:" % (prefix, width, depth)

    def count(self, digest: bytes) -> Plan[int]:
        """How often *digest* was added, or a little more."""
        [count] = yield from self._caller.run([self._call(COUNT, digest)], again=True)
        return count  # type: ignore[no-any-return]

    def add(self, digest: bytes) -> Plan[None]:
        """Once more. What may have been done is not asked again: nobody is to be counted twice."""
        yield from self._caller.run([self._call(ADD, digest)], again=False)

    def _call(self, script: Script, digest: bytes) -> Call:
        page, cells = self._layout.place(digest)
        return Call(script, [b"%b%d" % (self._prefix, page)], cells)
