"""
Where records and meters are kept.

`SqliteStore` serves one machine, `MemoryStore` tests and single processes that may forget. Past one machine `PostgresStore`
keeps records, `ValkeyStore` meters, and `SplitStore` joins the two; each of them can also keep both. All have an async form.
A store sees keys, versions and bytes, never a policy. Write your own against ``acctsec.protocols`` and prove it with
``acctsec.testing.check_store``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acctsec.stores.memory import AsyncMemoryStore, MemoryStore
    from acctsec.stores.popularity import AsyncMemoryPopularity, MemoryPopularity
    from acctsec.stores.postgres import AsyncPostgresStore, PostgresStore
    from acctsec.stores.split import AsyncSplitStore, SplitStore
    from acctsec.stores.sqlite import AsyncSqliteStore, SqliteStore
    from acctsec.stores.valkey import AsyncValkeyStore, ValkeyRisk, ValkeyStore
    from acctsec.stores.valkey_popularity import AsyncValkeyPopularity, ValkeyPopularity
    from acctsec.stores.valkey_watch import AsyncValkeyWatch, ValkeyWatch
    from acctsec.stores.watch import AsyncMemoryWatch, MemoryWatch
else:
    from acctsec._contents import STORES, opened

    __getattr__, __dir__ = opened(__name__, STORES)

__all__ = [
    "AsyncMemoryPopularity",
    "AsyncMemoryStore",
    "AsyncMemoryWatch",
    "AsyncPostgresStore",
    "AsyncSplitStore",
    "AsyncSqliteStore",
    "AsyncValkeyPopularity",
    "AsyncValkeyStore",
    "AsyncValkeyWatch",
    "MemoryPopularity",
    "MemoryStore",
    "MemoryWatch",
    "PostgresStore",
    "SplitStore",
    "SqliteStore",
    "ValkeyPopularity",
    "ValkeyRisk",
    "ValkeyStore",
    "ValkeyWatch",
]
