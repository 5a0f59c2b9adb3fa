"""
Sites: where records and meters lie in these tests, each server of ours behind a proxy, so that the network can be broken.

    site.open(timeout=2.0)                  # a store as a process of a deployment would make it
    site.records.cut_reply(when=...)        # the proxy in front of the server that keeps the records (tests/servers/proxy.py)
    site.meters.black_hole()                # and of the one that keeps the meters: the same, where one server keeps both
    opened(site.address())                  # in another process: an address goes through JSON
"""

from datetime import timedelta

import psycopg
from psycopg.conninfo import make_conninfo
from tests.faults.planted import PLANTED
from tests.places import PostgresHome, Split, ValkeyHome
from tests.servers import Postgres, Proxy, Valkey
from tests.servers.household import LOOPBACK

from acctsec.stores.postgres import PostgresStore
from acctsec.stores.valkey import ValkeyRisk, ValkeyStore

KINDS = ("postgres", "valkey", "postgres+valkey")


class Site:
    """One kind of store, on servers that every test finds empty and whole."""

    def __init__(self, kind, homes):
        self.kind = kind
        self._homes = {name: home for name, home in homes.items() if name in kind}
        self._proxies = {name: Proxy((LOOPBACK, home.port)) for name, home in self._homes.items()}
        self._opened = []

    @property
    def records(self):
        """The proxy before the server that keeps the records."""
        return next(iter(self._proxies.values()))

    @property
    def meters(self):
        """The proxy before the server that keeps the meters."""
        return list(self._proxies.values())[-1]

    def home(self, name):
        """What it has on one server."""
        return self._homes[name]

    def address(self, *, direct=False, isolation="read committed", **options):
        """How to reach it: through the proxies, or *direct*. *options* are those of `opened`."""
        address = {"kind": self.kind, **options}
        for name, home in self._homes.items():
            address[name] = home.address(home.port if direct else self._proxies[name].port, isolation)
        return address

    def open(self, **options):
        """A store of its own; it is closed when the site is cleared."""
        self._opened.append(opened(self.address(**options)))
        return self._opened[-1]

    def strike(self, fault, when, times=1):
        """Tell every proxy of a *fault*, such as ``cut_reply``, for the requests that *when* means."""
        for proxy in self._proxies.values():
            getattr(proxy, fault)(when=when, times=times)

    @property
    def struck(self):
        """How many requests a fault has struck."""
        return sum(proxy.struck for proxy in self._proxies.values())

    def cut_all(self):
        """Cut every connection that is open now."""
        for proxy in self._proxies.values():
            proxy.cut_all()

    def heal(self):
        """Let all go through again."""
        for proxy in self._proxies.values():
            proxy.heal()

    def empty(self):
        """Mend what was broken, and empty what was filled; stores stay open."""
        self.heal()
        for home in self._homes.values():
            home.clear()

    def clear(self):
        """The same, and close what was opened."""
        while self._opened:
            self._opened.pop().close()
        self.empty()

    def lose_meters(self):
        """Forget every meter."""
        list(self._homes.values())[-1].lose_meters()

    def __enter__(self):
        for proxy in self._proxies.values():
            proxy.start()
        return self

    def __exit__(self, *_):
        for proxy in self._proxies.values():
            proxy.stop()
        while self._opened:
            self._opened.pop().close()


class PostgresSite(PostgresHome):
    """A database on a PostgreSQL of ours, with the tables of a store."""

    def __init__(self, server):
        super().__init__(server)
        self.port = server.port

    def revive(self):
        """Empty it, and connect to it anew where its server was killed."""
        if self.owner.broken or not self._answers():
            self.owner.close()
            self.owner = self.enter_context(psycopg.connect(self.server.conninfo(database=self.database), autocommit=True))
        self.clear()

    def _answers(self):
        try:
            self.owner.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def address(self, port, isolation="read committed"):
        """The conninfo of an engine's role, by way of *port*."""
        return make_conninfo(self.conninfo(isolation), port=port)


class ValkeySite(ValkeyHome):
    """A Valkey of ours."""

    def __init__(self, server):
        super().__init__(server)
        self.server = server
        self.port = server.port

    def address(self, port, isolation=""):
        """The URL, by way of *port*."""
        return self.server.url(port=port)


class Nth:
    """Means the request number *number* of all that are sent from now on."""

    def __init__(self, number):
        self._left = number

    def __call__(self, request):
        self._left -= 1
        return self._left == 0


def opened(address):
    """
    A blocking store of the site that has this address.

    Its options are the names of the stores' own: *timeout* in seconds, *connections*, *replicas*; and *durable* for a
    PostgreSQL that keeps its word through a crash. *plant* names a fault to plant in it (planted.py).
    """
    timeout, connections = address.get("timeout", 4), address.get("connections", 8)
    stores = []
    if "postgres" in address:
        lossy = not address.get("durable")
        allowed = timedelta(seconds=max(timeout, 2))  # it takes no less
        stores.append(PostgresStore(address["postgres"], timeout=allowed, connections=connections, may_lose_commits=lossy))
    for name in ("valkey", "cluster"):
        if name in address:
            stores.append(
                ValkeyStore(
                    address[name],
                    cluster=name == "cluster",
                    timeout=timedelta(seconds=address.get("meters_timeout", timeout)),
                    connections=connections,
                    replicas=address.get("replicas", 0),
                    records=not stores,
                    accept=() if address.get("durable") else [ValkeyRisk.NO_PERSISTENCE],
                )
            )
    store = stores[0] if len(stores) == 1 else Split(records=stores[0], meters=stores[1])
    return PLANTED[address["plant"]](store) if "plant" in address else store


def servers(stack):
    """The homes of all sites, on servers of our own that *stack* ends."""
    postgres = stack.enter_context(Postgres())
    valkey = stack.enter_context(Valkey())
    return {
        "postgres": stack.enter_context(PostgresSite(postgres)),
        "valkey": stack.enter_context(ValkeySite(valkey)),
    }
