"""How many accounts share a password, counted by many processes on Valkey or Redis."""

from acctsec.stores.popularity import check_shape
from acctsec.stores.valkey import AsyncValkeyStore, ValkeyStore, links_of


class ValkeyPopularity:
    """
    Counts on a server how often each password was chosen, as a port ``popularity`` that many processes share.

    Args:
        store: whose servers, connections and namespace it uses; it may serve as the meters too. Close it when you are done.
        width: counters in a row. Default 1,048,576, with the error of ``MemoryPopularity``: with 10 million passwords in it a
            count is at most 26 too high, but for one in 55.
        depth: rows. Default 4, which with that width take 16 MiB, and never more.

    The sketch is cut into pages of 64 KiB, each a key, spread over a cluster. A call is one round trip. A count is never too
    low as far as the server keeps what it was told: a crash or fail-over may take back the last moments, and lets a password
    be chosen so much more often. It keeps counts by keyed digest and no digest; who has them and the keyring's index key can
    test whether a guess is popular here. All processes need the same *width* and *depth*, or they count apart.

    Its user needs ``+bitfield +bitfield_ro +evalsha +eval``. Raises StoreUnavailable from a call when the server does not
    answer in the time of the store, and ConfigError for a width outside 1,024 to 16,777,216, or a depth outside 2 to 8.
    """

    def __init__(self, store: ValkeyStore, *, width: int = 1_048_576, depth: int = 4) -> None:
        from acctsec.stores._valkey_sketch import Sketch

        check_shape(width, depth)
        caller, self._links, prefix = links_of(store, ValkeyStore)
        self._sketch = Sketch(caller, prefix + b"popular:", width=width, depth=depth)

    def count(self, digest: bytes) -> int:
        """How often *digest* was added, or a little more."""
        return self._links.run(self._sketch.count(digest))  # type: ignore[no-any-return]

    def add(self, digest: bytes) -> None:
        """One account more."""
        self._links.run(self._sketch.add(digest))


class AsyncValkeyPopularity:
    """The async form of `ValkeyPopularity`, on an AsyncValkeyStore."""

    def __init__(self, store: AsyncValkeyStore, *, width: int = 1_048_576, depth: int = 4) -> None:
        from acctsec.stores._valkey_sketch import Sketch

        check_shape(width, depth)
        caller, self._links, prefix = links_of(store, AsyncValkeyStore)
        self._sketch = Sketch(caller, prefix + b"popular:", width=width, depth=depth)

    async def count(self, digest: bytes) -> int:
        """How often *digest* was added, or a little more."""
        return await self._links.run(self._sketch.count(digest))  # type: ignore[no-any-return]

    async def add(self, digest: bytes) -> None:
        """One account more."""
        await self._links.run(self._sketch.add(digest))
