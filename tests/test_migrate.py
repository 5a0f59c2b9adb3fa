"""The tables of a store on PostgreSQL are made and changed on demand, once, whoever asks and however many ask at once."""

import os
import socket
import subprocess
import sys
import time

import psycopg
import pytest

from acctsec.__main__ import main
from acctsec.errors import ConfigError, StoreBusy, StoreError, StoreUnavailable
from acctsec.protocols import Charge, Committed, Ladder
from acctsec.stores import _postgres_pool
from acctsec.stores import postgres as module
from acctsec.stores._postgres_schema import SCHEMA_VERSION, STEPS, Step, check_version, migrate_tables
from acctsec.stores.postgres import PostgresStore, check, migrate

LADDER = Ladder(free=10**6, first=0, longest=0, stop=10**7, window=0, lease=10**6)
NOW = 1_750_000_000_000_000


@pytest.fixture
def database(postgres):
    with postgres.database() as name:
        yield name


@pytest.fixture
def conninfo(postgres, database):
    """The owner's."""
    return postgres.conninfo(database=database)


@pytest.fixture
def owner(conninfo):
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture
def role(postgres):
    return postgres.role("engine")


def relations(owner, schema="acctsec"):
    """The tables and indexes of a schema."""
    found = owner.execute("SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace", (f'"{schema}"',))
    return {name for (name,) in found}


def command(*arguments, **environment):
    return [sys.executable, "-m", "acctsec", "store", *arguments], {**os.environ, **environment}


def run(*arguments, **environment):
    line, env = command(*arguments, **environment)
    return subprocess.run(line, env=env, capture_output=True, text=True, check=False)


def works(conninfo, schema="acctsec"):
    """Whether an engine can do what it does."""
    with PostgresStore(conninfo, schema=schema, may_lose_commits=True) as store:
        assert store.commit(b"key", None, b"value", [b"entry"], b"1" * 16) == Committed(b"1" * 16)
        store.charge([Charge(b"slot", b"m", LADDER, None, b"hold")], NOW)
        assert store.read([(b"slot", b"m", LADDER)], NOW)[0].count == 1
    return True


# --- once -------------------------------------------------------------------------------------------------------------


def test_makes_what_an_engine_needs_and_then_nothing(postgres, database, conninfo, owner, role):
    """A second time finds nothing to do, and what was written is still there."""
    assert migrate(conninfo, grant_to=role) == (0, SCHEMA_VERSION)
    made = relations(owner)
    assert works(postgres.conninfo(user=role, database=database))

    assert migrate(conninfo, grant_to=role) == (SCHEMA_VERSION, SCHEMA_VERSION)
    assert relations(owner) == made
    assert owner.execute("SELECT count(*) FROM acctsec.records").fetchone() == (1,)


@pytest.mark.parametrize("partitions", [0, 1, 5])
def test_large_tables_have_as_many_parts_as_were_wanted(conninfo, owner, partitions):
    """Without parts they are plain, for engines that shard by themselves."""
    migrate(conninfo, partitions=partitions)

    for table in ("records", "meters"):
        parts = {name for name in relations(owner) if name.startswith(f"{table}_") and not name.endswith("_pkey")}
        assert len(parts) == partitions
        [(kind,)] = owner.execute("SELECT relkind::text FROM pg_class WHERE oid = %s::regclass", (f"acctsec.{table}",))
        assert kind == ("p" if partitions else "r")
    assert works(conninfo)


@pytest.mark.parametrize("schema", ['with "quotes"', "a b; DROP TABLE x", "public", "ünïcode", "%s"])
def test_any_name_is_a_schema(conninfo, owner, schema):
    """It is quoted wherever it stands."""
    migrate(conninfo, schema=schema)

    assert works(conninfo, schema)
    assert migrate(conninfo, schema=schema) == (SCHEMA_VERSION, SCHEMA_VERSION)


@pytest.mark.parametrize("schema", ["", "x" * 64, "null\0byte"])
def test_what_is_no_name_is_refused(conninfo, schema):
    """Before anything is done."""
    with pytest.raises(ConfigError, match="name"):
        migrate(conninfo, schema=schema)


def test_whoever_owns_the_schema_only_can_migrate_inside_of_it(postgres, database, owner, role):
    """The right to create schemas is not needed once there is one."""
    owner.execute(f'CREATE SCHEMA acctsec AUTHORIZATION "{role}"')

    assert migrate(postgres.conninfo(user=role, database=database)) == (0, SCHEMA_VERSION)


def test_who_may_not_is_told(postgres, database, role):
    """In one sentence, with what to do."""
    with pytest.raises(StoreError, match="permission denied") as refused:
        migrate(postgres.conninfo(user=role, database=database))

    assert "owns" in refused.value.remedy


def test_a_role_that_is_not_there_is_told_from_a_right_that_is_not(conninfo, owner):
    """Nothing is made then."""
    with pytest.raises(StoreError, match='role "nobody knows" does not exist') as refused:
        migrate(conninfo, grant_to="nobody knows")

    assert "CREATE ROLE" in refused.value.remedy
    assert relations(owner, "public") == set()
    assert not owner.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'acctsec'").fetchone()


def test_a_database_that_is_not_there_cannot_be_reached(postgres):
    """Nor does it help to be its owner."""
    with pytest.raises(StoreUnavailable, match="does not exist") as refused:
        migrate(postgres.conninfo(database="nowhere"))

    assert "database, user and password are right" in refused.value.remedy


def test_whatever_swallows_a_migration_is_given_up(monkeypatch):
    """It takes connections and says nothing."""
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 2)
    with socket.create_server(("127.0.0.1", 0)) as hole:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            migrate(f"host=127.0.0.1 port={hole.getsockname()[1]} user=any")
        assert time.monotonic() - begun < 4


def test_a_migration_waits_for_a_busy_table_for_a_while_only(conninfo, owner, monkeypatch):
    """Whoever comes after it to that table would wait for as long. It changes nothing then."""
    migrate(conninfo)
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "200ms")
    with psycopg.connect(conninfo) as other:
        other.execute("SELECT 1 FROM acctsec.schema_version FOR UPDATE")
        begun = time.monotonic()
        with pytest.raises(StoreBusy, match="lock timeout") as refused:
            migrate(conninfo)
        assert 0.2 <= time.monotonic() - begun < 2
        assert "no long transaction" in refused.value.remedy
    assert migrate(conninfo) == (SCHEMA_VERSION, SCHEMA_VERSION)


@pytest.mark.parametrize("partitions", [-3, 1025, 100_000, 2.0, True, "16"])
def test_tables_are_not_cut_into_what_cannot_be(conninfo, owner, partitions, capsys):
    """It is the one choice that cannot be taken back."""
    with pytest.raises(ConfigError, match="partitions is"):
        migrate(conninfo, partitions=partitions)
    if type(partitions) is int:
        assert main(["store", "migrate", conninfo, "--partitions", str(partitions)]) == 2
        assert "from 0 to 1024" in capsys.readouterr().err

    assert not owner.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'acctsec'").fetchone()


# --- many at once -----------------------------------------------------------------------------------------------------


def test_processes_migrate_at_once(postgres, database, conninfo, owner, role):
    """One does it, the others find it done; none fails."""
    line, environment = command("migrate", "--grant-to", role, ACCTSEC_STORE=conninfo)
    started = [subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in started]

    assert [process.returncode for process in started] == [0] * 4
    assert sorted(said) == sorted([f"version 0 became version {SCHEMA_VERSION}\n", *[f"version {SCHEMA_VERSION}\n"] * 3])
    assert works(postgres.conninfo(user=role, database=database))


# --- from one version to the next -------------------------------------------------------------------------------------


NOTE = Step(lambda schema, _: [f"ALTER TABLE {schema}.records ADD COLUMN note text"], readable_from=1)
SPLIT = Step(
    lambda schema, _: [f"ALTER TABLE {schema}.records DROP COLUMN note", f"CREATE TABLE {schema}.new (a int)"],
    readable_from=SCHEMA_VERSION + 2,
)
BROKEN = Step(
    lambda schema, _: [f"CREATE TABLE {schema}.half (a int)", f"CREATE TABLE {schema}.records (a int)"],
    readable_from=SCHEMA_VERSION + 1,
)


def migrated(conninfo, *more):
    """What a later release would do, with steps of its own."""
    with psycopg.connect(conninfo) as connection:
        return migrate_tables(connection, schema="acctsec", partitions=2, grant_to=None, steps=[*STEPS, *more])


def test_steps_are_done_in_order_each_once(conninfo, owner):
    """Whatever version the tables have."""
    known = SCHEMA_VERSION
    assert migrated(conninfo) == (0, known)
    assert migrated(conninfo, NOTE) == (known, known + 1)
    assert migrated(conninfo, NOTE, SPLIT) == (known + 1, known + 2)
    assert migrated(conninfo, NOTE, SPLIT) == (known + 2, known + 2)
    assert "new" in relations(owner)

    owner.execute("DROP SCHEMA acctsec CASCADE")
    assert migrated(conninfo, NOTE, SPLIT) == (0, known + 2)
    assert "new" in relations(owner)


def test_a_step_that_fails_leaves_nothing_behind(conninfo, owner):
    """The version before goes on, and mending the step is enough."""
    migrated(conninfo)
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrated(conninfo, BROKEN)

    assert "half" not in relations(owner)
    assert works(conninfo)
    assert migrated(conninfo, NOTE) == (SCHEMA_VERSION, SCHEMA_VERSION + 1)


def test_nodes_are_upgraded_one_by_one(conninfo):
    """This release goes on while the next one's tables can be read by it, and says so when they cannot."""
    migrated(conninfo)
    assert works(conninfo)
    migrated(conninfo, NOTE)
    with PostgresStore(conninfo, may_lose_commits=True) as store:
        assert store.load(b"key") == (b"value", b"1" * 16)
        migrated(conninfo, NOTE, SPLIT)
        assert store.load(b"key") == (b"value", b"1" * 16), "What is connected is not cut off."
    with pytest.raises(ConfigError, match=rf"newer release \(version {SCHEMA_VERSION + 2}, this one knows {SCHEMA_VERSION}\)"):
        PostgresStore(conninfo, may_lose_commits=True)
    with pytest.raises(ConfigError, match="newer release"):
        migrate(conninfo)


@pytest.mark.parametrize(
    ("found", "knows", "accepts", "fits"),
    [
        ([(4, 3)], 4, 3, True),
        ([(3, 2)], 4, 3, True),
        ([(2, 2)], 4, 3, False),
        ([], 4, 3, False),
        ([(5, 4)], 4, 3, True),
        ([(5, 5)], 4, 3, False),
        ([(9, 1)], 4, 3, True),
    ],
)
def test_a_release_works_on_its_version_and_the_one_before(found, knows, accepts, fits):
    """And on a later one that says it may."""
    if fits:
        check_version(found, "here", "do this", knows=knows, accepts=accepts)
    else:
        with pytest.raises(ConfigError):
            check_version(found, "here", "do this", knows=knows, accepts=accepts)


def test_tables_of_no_version_are_refused_with_the_command(conninfo, owner):
    """A migration that was never finished, or tables that somebody emptied."""
    migrate(conninfo)
    owner.execute("UPDATE acctsec.schema_version SET version = 0")

    with pytest.raises(ConfigError, match="have version 0") as refused:
        PostgresStore(conninfo, may_lose_commits=True)
    assert refused.value.remedy == "Run `python -m acctsec store migrate`."


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_makes_tables_and_says_what_it_did(postgres, database, conninfo, role):
    """The conninfo comes from the environment, where a password is not for all to see."""
    first = run("migrate", "--schema", "mine", "--partitions", "2", "--grant-to", role, ACCTSEC_STORE=conninfo)
    second = run("migrate", conninfo, "--schema", "mine")

    assert (first.returncode, first.stdout, first.stderr) == (0, f"version 0 became version {SCHEMA_VERSION}\n", "")
    assert (second.returncode, second.stdout) == (0, f"version {SCHEMA_VERSION}\n")
    assert works(postgres.conninfo(user=role, database=database), "mine")


def test_the_check_says_whether_an_engine_can_run(postgres, database, conninfo, owner, role):
    """As the role it runs as, with its settings; each failure with what mends it."""
    engine = postgres.conninfo(user=role, database=database)

    def check():
        done = run("check", ACCTSEC_STORE=engine)
        return done.returncode, done.stdout + done.stderr

    assert check() == (1, check()[1])
    assert "permission denied" in check()[1] or "are missing" in check()[1]
    migrate(conninfo)
    assert "store migrate --grant-to ROLE" in check()[1]
    migrate(conninfo, grant_to=role)
    assert "fsync=off" in check()[1]


def test_a_role_that_lacks_something_is_told_what(postgres, database, conninfo, owner, role, capsys):
    """Before the first sign-in finds out."""
    migrate(conninfo, grant_to=role)
    owner.execute(f'REVOKE DELETE ON acctsec.outbox FROM "{role}"; REVOKE INSERT ON acctsec.meters FROM "{role}"')
    with PostgresStore(postgres.conninfo(user=role, database=database), may_lose_commits=True) as store:
        with pytest.raises(ConfigError) as refused:
            store._examined()
        assert "lacks INSERT on meters, DELETE on outbox." in str(refused.value)
        migrate(conninfo, grant_to=role)
        assert "is ready" in store._examined()


@pytest.mark.parametrize(("right", "table"), [("UPDATE", "age"), ("SELECT", "age"), ("SELECT", "schema_version")])
def test_the_check_looks_at_the_small_tables_too(postgres, database, conninfo, owner, role, right, table):
    """Each charge, or each connection, would be refused."""
    migrate(conninfo, grant_to=role)
    owner.execute(f'REVOKE {right} ON acctsec.{table} FROM "{role}"')

    with pytest.raises(ConfigError, match=f"{right} on {table}|permission denied for table {table}") as refused:
        check(postgres.conninfo(user=role, database=database), may_lose_commits=True)
    assert "--grant-to ROLE" in refused.value.remedy


def test_the_check_takes_what_the_store_takes(postgres, database, conninfo, role, capsys, monkeypatch):
    """Whoever accepts something for a reason can pass it."""
    migrate(conninfo, grant_to=role)
    engine = postgres.conninfo(user=role, database=database)

    assert main(["store", "check", engine]) == 1
    assert "fsync=off" in capsys.readouterr().err
    assert main(["store", "check", engine, "--may-lose-commits", "--behind-pooler"]) == 0
    assert "is ready" in capsys.readouterr().out
    monkeypatch.setattr(_postgres_pool, "time_ns", lambda: time.time_ns() + 60 * 10**9)
    assert main(["store", "check", engine, "--may-lose-commits"]) == 1
    assert "seconds apart" in capsys.readouterr().err
    assert main(["store", "check", engine, "--may-lose-commits", "--max-skew", "61"]) == 0


@pytest.mark.parametrize("skew", ["0", "-1", "nan", "inf", "1e300"])
def test_a_skew_that_cannot_be_meant_was_mistyped(skew, capsys):
    """Exit code 2."""
    assert main(["store", "check", "host=127.0.0.1 port=1", "--max-skew", skew]) == 2
    assert "--max-skew" in capsys.readouterr().err


def test_without_a_database_the_command_cannot_be_carried_out(monkeypatch, capsys):
    """Exit code 2, and how to name one."""
    monkeypatch.delenv("ACCTSEC_STORE", raising=False)

    assert main(["store", "migrate"]) == 2
    assert "ACCTSEC_STORE" in capsys.readouterr().err


def test_what_went_wrong_is_one_line_without_the_password(monkeypatch, capsys):
    """Exit code 1."""
    assert main(["store", "migrate", "host=127.0.0.1 port=1 password=Hunter2"]) == 1
    said = capsys.readouterr().err

    assert said.count("\n") == 1
    assert "Connection refused" in said
    assert "Hunter2" not in said
