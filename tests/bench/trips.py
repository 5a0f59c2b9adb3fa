"""T1: the round trips of an operation, counted on the wire; P4: those of a lockout decision. Nothing here is timed."""

from contextlib import ExitStack
from functools import partial

from tests.bench import factors, meters, resets, servers, sign_in, world
from tests.bench.table import BENCH, Row
from tests.bench.timing import Pace
from tests.servers.proxy import Proxy

from acctsec import Context, SplitStore
from acctsec.stores.postgres import PostgresStore
from acctsec.stores.valkey import ValkeyStore

AGAIN = 5


class Wired:
    """Stores whose words go through a proxy that counts."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.proxies: dict[str, Proxy] = {}

    def proxy(self, name: str, server) -> Proxy:
        """The one in front of a server."""
        if name not in self.proxies:
            self.proxies[name] = self.stack.enter_context(Proxy(("127.0.0.1", server.port)))
        return self.proxies[name]

    def postgres(self) -> PostgresStore:
        """A fresh one."""
        database = self.stack.enter_context(servers.database())
        port = self.proxy("PostgreSQL", servers.postgres()).port
        conninfo = database.server.conninfo(database=database.name, port=port, options="-c synchronous_commit=off")
        return self.stack.enter_context(PostgresStore(conninfo, may_lose_commits=True))

    def valkey(self, *, records: bool, namespace: str) -> ValkeyStore:
        """A fresh one."""
        url = servers.valkey().url(port=self.proxy("Valkey", servers.valkey()).port)
        accept = [servers.NO_PERSISTENCE] if records else []
        return self.stack.enter_context(ValkeyStore(url, namespace=namespace, records=records, accept=accept))

    def store(self, kind: str, name: str):
        """An empty store of a kind."""
        if kind == "PostgreSQL":
            return self.postgres()
        if kind == "Valkey":
            return self.valkey(records=True, namespace=name)
        return SplitStore(records=self.postgres(), meters=self.valkey(records=False, namespace=name))

    def trips(self, call) -> dict[str, int]:
        """The least that a call takes of several: the first ones prepare statements and load scripts."""
        found: list[dict[str, int]] = []
        for _ in range(AGAIN):
            ready = call()
            before = {name: one.trips for name, one in self.proxies.items()}
            ready()
            found.append({name: one.trips - before[name] for name, one in self.proxies.items()})
        return {name: min(one[name] for one in found) for name in self.proxies}


@BENCH.row("T1", "P4", spinning=False)
def counted(pace: Pace):
    """Each operation, on each store that is a server."""
    if not all(hasattr(one, "port") for one in (servers.postgres(), servers.valkey())):
        return  # one that the environment names is somewhere else: nobody can listen in between
    for kind in servers.STORES:
        with ExitStack() as stack:
            wired = Wired(stack)
            operations = _operations(wired, kind)
            charge = operations.pop("charge")
            took = wired.trips(charge)
            yield Row(
                id="P4",
                what=f"round trips of four meters charged, counted on the wire, {kind}",
                ours=_said(took),
                goal="1",
                met=max(took.values()) <= 1,
            )
            for name, (call, goal) in operations.items():
                took = wired.trips(call)
                least = goal if kind == "PostgreSQL + Valkey" and goal else None
                yield Row(
                    id="T1",
                    what=f"round trips of {name}, {kind}",
                    ours=_said(took),
                    goal=f"≤ {least} a store" if least else "-",
                    met=max(took.values()) <= least if least else None,
                )


def _said(took: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in took.items())


def _operations(wired: Wired, kind: str):
    """What makes a call ready, by the name of its operation, with the budget of docs/explanation/scale.md where it has one."""
    first, second, third = (wired.store(kind, f"{name}{id(wired)}") for name in ("plain", "guarded", "forgetful"))
    people, clock = AGAIN + 1, factors.Ticking()
    keys = sign_in.filled(first, people + 1)
    right = sign_in.successes(first, world.Users(people), keys, people=people)
    wrong = sign_in.failures(first, world.Users(people), keys, tries=1)
    engine, context = world.engine(first, world.Users(people + 1), keys=keys), Context.of("192.0.2.7")
    session = engine.sign_in(world.name(people), world.RIGHT, context=context).session
    keys = sign_in.filled(second, 1)
    guarded = factors.Guarded(world.engine(second, world.Users(1), keys=keys, clock=clock), clock, 1)
    forgetful = resets.Forgetful(third, world.Users(1))
    decide = meters.decisions(first, 100)
    return {
        "charge": lambda: decide,
        "sign_in, right": (lambda: right, 2),
        "sign_in, wrong": (lambda: wrong, 2),
        "check_session": (lambda: partial(engine.check_session, session, context=context), 1),
        "verify_factor": (lambda: guarded.answers()[0], 2),
        "request_reset": (lambda: forgetful.request(0), None),
        "redeem_reset": (lambda: forgetful.redemptions()[0], None),
    }
