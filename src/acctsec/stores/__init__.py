"""
Where records and meters are kept.

`SqliteStore` serves one machine, `MemoryStore` tests and single processes that may forget; each has an async form. A
store sees keys, versions and bytes, never a policy. Write your own against ``acctsec.protocols`` and prove it with
``acctsec.testing.check_store``.
"""

from acctsec.stores.memory import AsyncMemoryStore, MemoryStore
from acctsec.stores.split import AsyncSplitStore, SplitStore
from acctsec.stores.sqlite import AsyncSqliteStore, SqliteStore

__all__ = ["AsyncMemoryStore", "AsyncSplitStore", "AsyncSqliteStore", "MemoryStore", "SplitStore", "SqliteStore"]
