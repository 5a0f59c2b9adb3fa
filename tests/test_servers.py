"""The servers of the tests do what they say: they start, die, come back, lag, fall silent, and leave nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis
import tests.servers.postgres
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.servers import Authority, Postgres, Proxy, RemotePostgres, RemoteValkey, ServerError, Valkey
from tests.servers.household import PASSWORD, Process, copied, free_port, in_wheel, new_folder, nobody, reachable
from tests.servers.reaper import family
from tests.servers.valkey import REDIS, wheel

ROOT = Path(__file__).resolve().parent.parent
ONCE = Retry(NoBackoff(), 0)


def eventually(true):
    """Wait for what another process does."""
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


@pytest.fixture
def database(mortal_postgres):
    """A database of its own, with one table."""
    with mortal_postgres.database() as name:
        mortal_postgres.run("CREATE TABLE seen (n int)", database=name)
        yield name


def rows(server, database):
    return [n for (n,) in server.run("SELECT n FROM seen ORDER BY n", database=database)]


# PostgreSQL


def test_postgres_is_there(postgres):
    """A session has one, and the tests are its superuser."""
    assert postgres.run("SELECT current_setting('is_superuser')") == [("on",)]


def test_a_database_is_fresh_and_goes_with_everyone_in_it(postgres):
    """What a test leaves behind, also a session of its own, is no concern of the next one."""
    with postgres.database() as name:
        left = psycopg.connect(postgres.conninfo(database=name))
        left.execute("CREATE TABLE seen (n int)")
        left.commit()
        with postgres.database() as other, psycopg.connect(postgres.conninfo(database=other)) as connection:
            assert connection.execute("SELECT to_regclass('seen')").fetchone() == (None,)

    with closing(left), pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    assert postgres.run(f"SELECT FROM pg_database WHERE datname = '{name}'") == []


def test_a_database_can_be_a_copy(postgres):
    """What took long to build is built once."""
    with postgres.database() as built:
        postgres.run("CREATE TABLE seen (n int)", database=built)
        with postgres.database(template=built) as copy:
            assert rows(postgres, copy) == []


def test_emptying_keeps_the_tables_and_what_is_named(postgres):
    """References and partitions do not stand in the way."""
    with postgres.database() as name:
        for statement in (
            "CREATE TABLE version (n int)",
            "INSERT INTO version VALUES (1)",
            "CREATE TABLE parent (n int PRIMARY KEY) PARTITION BY HASH (n)",
            "CREATE TABLE parent_0 PARTITION OF parent FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            "CREATE TABLE child (n int REFERENCES parent)",
            "INSERT INTO parent VALUES (1)",
            "INSERT INTO child VALUES (1)",
        ):
            postgres.run(statement, database=name)

        postgres.empty(name, keep=["version"])

        counted = postgres.run(
            "SELECT (TABLE version), (SELECT count(*) FROM parent), (SELECT count(*) FROM child)", database=name
        )
        assert counted == [(1, 0, 0)]


def test_a_role_may_log_in_and_nothing_else(postgres):
    """What a least-privilege test grants is all that its role has."""
    app = postgres.role("app")
    with postgres.database() as name:
        postgres.run("CREATE TABLE seen (n int)", database=name)
        with psycopg.connect(postgres.conninfo(user=app, database=name)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (app,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT n FROM seen")


def test_postgres_wants_a_password(mortal_postgres):
    """Other people on the machine are strangers."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(mortal_postgres.conninfo(password="guess"))


def test_what_postgres_acknowledged_survives_a_kill(mortal_postgres, database):
    """It comes back on the same port with all that was committed, and nothing that was not."""
    with closing(psycopg.connect(mortal_postgres.conninfo(database=database))) as connection:
        connection.execute("INSERT INTO seen VALUES (1)")
        connection.commit()
        connection.execute("INSERT INTO seen VALUES (2)")

        mortal_postgres.kill()

        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(mortal_postgres.conninfo())
    mortal_postgres.start()
    assert rows(mortal_postgres, database) == [1]


@pytest.mark.parametrize("kind", ["mortal_postgres", "own_valkey"])
def test_a_paused_server_does_not_answer_until_it_is_resumed(request, kind):
    """Connections stay open; what was asked is answered later."""
    server, answers = request.getfixturevalue(kind), []
    asking = threading.Thread(target=lambda: answers.append(server.run("SELECT 1" if kind == "mortal_postgres" else "PING")))

    server.pause()
    try:
        asking.start()
        asking.join(0.2)
        assert answers == []
    finally:
        server.resume()

    asking.join(10)
    assert len(answers) == 1


def test_a_standby_lags_as_long_as_it_is_told(mortal_postgres, database):
    """It answers from the past, and catches up."""
    with mortal_postgres.standby() as standby:
        standby.pause_replay()
        mortal_postgres.run("INSERT INTO seen VALUES (1)", database=database)
        assert rows(standby, database) == []

        standby.resume_replay()
        standby.catch_up()

        assert rows(standby, database) == [1]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            standby.run("INSERT INTO seen VALUES (2)", database=database)


def test_a_durable_postgres_writes_through():
    """Who measures can have what production has."""
    with Postgres(durable=True) as server:
        assert server.run("SHOW fsync") == [("on",)]
        assert not str(server.data).startswith("/dev/shm")


def test_a_server_that_is_named_needs_no_wheel(mortal_postgres):
    """It gives databases and roles, and takes its roles back."""
    remote = RemotePostgres(mortal_postgres.conninfo()).check()
    with remote.database() as name:
        app = remote.role("app")
        with psycopg.connect(remote.conninfo(user=app, database=name)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    remote.stop()

    assert remote.run(f"SELECT FROM pg_roles WHERE rolname = '{app}'") == []


def test_a_server_that_is_named_in_vain_says_so(mortal_postgres):
    """A mistake in a variable is a sentence, and no skipped test."""
    with pytest.raises(ServerError, match="ACCTSEC_TEST_POSTGRES cannot be reached"):
        RemotePostgres(f"host=127.0.0.1 port={free_port()} user=postgres").check()
    with pytest.raises(ServerError, match="no superuser"):
        RemotePostgres(mortal_postgres.conninfo(user=mortal_postgres.role("app"))).check()
    with pytest.raises(ServerError, match="ACCTSEC_TEST_VALKEY does not answer"):
        RemoteValkey(f"redis://127.0.0.1:{free_port()}").check()


def test_a_server_that_cannot_start_says_why():
    """What it printed is in the message."""
    with (
        pytest.raises(ServerError, match='unrecognized configuration parameter "no_such_setting"'),
        Postgres(settings={"no_such_setting": 1}),
    ):
        pass
    with pytest.raises(ServerError, match="no-such-option"), Valkey(options={"no-such-option": "1"}):
        pass
    with pytest.raises(ServerError, match=r"not there\. Install .*, or do without"):
        in_wheel("no_such_package", instead="do without")


def test_programs_are_copied_from_where_nobody_may_enter():
    """A checkout below a closed home is no obstacle, whoever runs the tests."""
    home = new_folder("home")
    (home / "bin").mkdir()
    shutil.copy(wheel(), home / "bin" / "server")
    (home / "include").mkdir()
    assert not reachable(home / "bin" / "server")

    copy = copied(home, ignore=["include"])

    assert reachable(copy / "bin" / "server")
    assert not (copy / "include").exists()
    process = Process([copy / "bin" / "server", "--version"], folder=new_folder("nobody"), user=nobody())
    assert (process.wait(), b"Valkey server" in process.printed()) == (0, True)


def test_postgres_runs_from_a_checkout_that_nobody_may_enter(monkeypatch):
    """With the libraries that its programs need."""
    monkeypatch.setattr(tests.servers.postgres, "reachable", lambda path: "copies" in path.parts or "pginstall" not in path.parts)
    with Postgres() as server:
        assert server.run("SELECT 1") == [(1,)]


# Valkey and Redis


@pytest.fixture
def own_valkey():
    """One that may be killed."""
    with Valkey() as server:
        yield server


def test_each_kind_answers_and_forgets(any_valkey):
    """Valkey everywhere, and Redis where the machine has it."""
    with closing(any_valkey.client()) as client:
        client.set("key", "value")
        any_valkey.flush()
        assert client.get("key") is None


@pytest.mark.parametrize(("options", "left"), [({}, None), ({"appendonly": "yes", "appendfsync": "always"}, b"value")])
def test_a_killed_valkey_has_what_its_options_kept(options, left):
    """Without persistence all is lost, and with it nothing that was acknowledged; the port is the same."""
    with Valkey(options=options) as server, closing(server.client()) as client:
        client.set("key", "value")
        server.kill()
        server.start()
        assert client.get("key") == left


def test_a_user_may_do_what_its_rules_say(own_valkey):
    """Least privilege can be tested."""
    with closing(redis.Redis.from_url(own_valkey.url(user=own_valkey.user("meters", "~mine:*", "+get")))) as client:
        assert client.get("mine:1") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("other:1")


def test_a_stranger_is_refused(own_valkey):
    """Other people on the machine do not know the password."""
    with closing(redis.Redis(port=own_valkey.port, retry=ONCE)) as client, pytest.raises(redis.exceptions.AuthenticationError):
        client.get("key")


@pytest.mark.parametrize("binary", [None, REDIS] if REDIS else [None])
def test_tls_shows_a_certificate_of_its_authority(binary):
    """Who trusts another authority does not connect; the server's own TLS where it has any."""
    with Valkey(binary=binary, tls=True) as server:
        assert server.run("PING") is True
        client = redis.Redis(port=server.port, ssl=True, ssl_ca_certs=str(Authority().ca), retry=ONCE)
        with closing(client), pytest.raises(redis.exceptions.ConnectionError, match="certificate verify failed"):
            client.ping()


def test_a_socket_needs_no_port():
    """It lies in a folder that is ours."""
    with Valkey(unix=True) as server:
        assert server.url().startswith("unix://")
        assert server.run("PING") is True


def test_a_replica_has_what_its_master_has(own_valkey):
    """From its start on."""
    own_valkey.run("SET", "key", "value")
    with Valkey(replica_of=own_valkey) as replica:
        assert replica.run("GET", "key") == "value"


def test_a_cluster_promotes_and_heals(valkey_cluster):
    """A killed master is replaced by its replica, and comes back as one."""
    with closing(valkey_cluster.client()) as client:
        client.set("{subject}:key", "value")
        client.wait(1, 5_000, target_nodes=client.get_node_from_key("{subject}:key"))
        slot = valkey_cluster.slot("{subject}:key")

        dead = valkey_cluster.kill_master(slot)
        valkey_cluster.wait_for_promotion(dead)

        assert valkey_cluster.master_of(slot) is not dead
        assert client.get("{subject}:key") == b"value"
        valkey_cluster.heal()
        assert dead.info("replication")["role"] == "slave"
        assert len(valkey_cluster.masters()) == 3
        valkey_cluster.flush()
        assert client.get("{subject}:key") is None


# The network


@pytest.fixture
def network(mortal_postgres):
    """A network between us and PostgreSQL."""
    with Proxy(("127.0.0.1", mortal_postgres.port)) as proxy:
        yield proxy


@pytest.fixture
def line(mortal_postgres, network, database):
    """A connection through that network."""
    with closing(psycopg.connect(mortal_postgres.conninfo(database=database, port=network.port))) as connection:
        yield connection


@pytest.fixture
def wire(own_valkey):
    """A network between us and Valkey."""
    with Proxy(("127.0.0.1", own_valkey.port)) as proxy:
        yield proxy


@pytest.fixture
def caller(own_valkey, wire):
    """A client through that network, which asks once and waits for a fifth of a second."""
    with closing(redis.Redis.from_url(own_valkey.url(port=wire.port), socket_timeout=0.2, retry=ONCE)) as client:
        client.ping()
        yield client


@pytest.mark.parametrize(("fault", "left"), [("cut_reply", [1]), ("cut_request", [])])
def test_a_commit_is_cut_before_or_after_it_happened(mortal_postgres, database, network, line, fault, left):
    """The client cannot tell the two apart, the test can."""
    getattr(network, fault)(when=b"COMMIT")
    line.execute("INSERT INTO seen VALUES (1)")

    with pytest.raises(psycopg.OperationalError):
        line.commit()

    assert network.struck == 1
    assert rows(mortal_postgres, database) == left
    assert psycopg.connect(mortal_postgres.conninfo(port=network.port)).close() is None


def test_all_of_a_pipeline_is_done_before_its_reply_is_cut(mortal_postgres, database, network, line):
    """The first of several answers is not taken for the last."""
    network.cut_reply(when=b"COMMIT")

    def ask():
        with line.pipeline():
            for n in range(100):
                line.execute(
                    "INSERT INTO seen SELECT %s FROM pg_sleep(%s) RETURNING repeat('x', 1000)", [n, 0.1 if n == 50 else 0]
                )
            line.execute("COMMIT")

    with pytest.raises(psycopg.OperationalError):
        ask()

    assert rows(mortal_postgres, database) == list(range(100))


def test_a_long_request_is_known_by_all_of_its_bytes(mortal_postgres, database, network, line):
    """It arrives in pieces, and what is looked for is in the last one."""
    network.cut_reply(when=lambda request: request.startswith(b"P") and b"the end" in request)

    with pytest.raises(psycopg.OperationalError):
        line.execute("SELECT %s::text", ["x" * 1_000_000 + "the end"])

    assert network.struck == 1


@pytest.mark.parametrize(("fault", "left"), [("lose_reply", b"1"), ("lose_request", None)])
def test_a_loss_is_silence_before_or_after_it_happened(own_valkey, wire, caller, fault, left):
    """The connection stays open, and nobody answers."""
    getattr(wire, fault)(when=b"INCR")

    with pytest.raises(redis.exceptions.TimeoutError):
        caller.incr("key")

    assert caller.get("key") == left


def test_a_fault_strikes_as_often_as_it_is_told(wire, caller):
    """Then the network is well."""
    wire.cut_request(when=b"INCR", times=2)

    for _ in range(2):
        with pytest.raises(redis.exceptions.ConnectionError):
            caller.incr("key")

    assert caller.incr("key") == 1


def test_what_is_delayed_arrives(wire, caller):
    """Later, and whole."""
    wire.delay(0.1)
    began = time.monotonic()

    assert caller.incr("key") == 1

    assert time.monotonic() - began >= 0.1


def test_a_black_hole_takes_connections_and_never_answers(own_valkey, wire, caller):
    """Old connections are struck as well as new ones, until it is healed."""
    wire.black_hole()

    for _ in range(2):  # the second on a connection of its own
        with pytest.raises(redis.exceptions.TimeoutError):
            caller.incr("key")
    wire.heal()

    assert caller.incr("key") == 1


def test_a_refusing_network_answers_at_once(wire, caller):
    """As a server that is not there; healing brings it back on the same port."""
    wire.refuse()

    for _ in range(2):
        with pytest.raises(redis.exceptions.ConnectionError):
            caller.incr("key")
    wire.heal()

    assert caller.incr("key") == 1


def test_postgres_is_reached_by_tls(mortal_postgres):
    """The wheel's server knows no TLS: the network ends it, and who trusts another authority does not connect."""
    ours, other = Authority(), Authority()
    context = ours.server_context(protocols=["postgresql"])
    with Proxy(("127.0.0.1", mortal_postgres.port), tls=context) as proxy:
        by_tls = {"port": proxy.port, "sslmode": "verify-full", "sslnegotiation": "direct"}
        with psycopg.connect(mortal_postgres.conninfo(**by_tls, sslrootcert=str(ours.ca))) as connection:
            assert connection.pgconn.ssl_in_use
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            psycopg.connect(mortal_postgres.conninfo(**by_tls, sslrootcert=str(other.ca)))


def test_round_trips_are_counted_on_the_wire(wire, caller, network, line):
    """Whatever is sent together is one, and an answer in pieces is too."""
    for proxy, ask, trips in (
        (wire, lambda: caller.get("key"), 1),
        (wire, lambda: caller.pipeline(transaction=True).set("key", "x" * 1_000).get("key").get("key").execute(), 1),
        (network, lambda: line.execute("SELECT repeat('x', 1000000)").fetchall(), 2),  # it begins a transaction
        (network, line.commit, 1),
    ):
        before = proxy.trips
        ask()
        assert proxy.trips - before == trips


def test_a_request_in_pieces_is_one_round_trip_where_answers_are_held(own_valkey):
    """A driver that sends on does not wait, whatever has been answered by then."""
    with Proxy(("127.0.0.1", own_valkey.port), hold=0.05) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        answers = client.makefile("rb")
        for command in (b"AUTH %s\r\n" % PASSWORD.encode(), b"PING\r\n"):
            client.sendall(command)
            time.sleep(0.01)  # it is answered by now
        assert [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        client.sendall(b"PING\r\n")
        assert answers.readline() == b"+PONG\r\n"
        answers.close()

    assert proxy.trips == 2


# The end

SESSION = """
import os, sys, time
from tests.servers import Postgres, Valkey
from tests.servers.household import session

servers = [Postgres().start(), Valkey().start()]
if pid := os.fork():
    os.waitpid(pid, 0)  # who inherits the servers does not end them
    servers[0].run("SELECT 1")
    print(session().folder, session().memory, *(server.process.pid for server in servers), flush=True)
    if sys.argv[1] == "wait":
        time.sleep(60)
"""


@pytest.mark.parametrize("death", ["end", "interrupt", "kill"])
def test_a_session_leaves_nothing_behind(death):
    """Not a process, not a folder, not a segment of memory, whatever the session died of."""
    command = [sys.executable, "-c", SESSION, "go" if death == "end" else "wait"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        *folders, postmaster, valkey = process.stdout.readline().split()
        segment = (
            next(Path(folders[1]).glob("*/data/postmaster.pid")).read_text().split("\n")[6].split()[1] if death != "end" else None
        )
        if death != "end":
            process.send_signal(signal.SIGKILL if death == "kill" else signal.SIGINT)
        process.wait()

    assert eventually(lambda: not any(map(os.path.exists, folders)))
    assert not any(map(family, map(int, [postmaster, valkey])))
    assert (
        segment is None
        or segment not in subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout.split()
    )
