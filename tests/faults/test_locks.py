"""What others do in transactions of their own: the engine never joins them, and never waits for them without end."""

from contextlib import contextmanager
from time import perf_counter

import psycopg
import pytest
from tests.faults.deeds import a_world, failures, fresh_look, record

from acctsec import Refused, SignedIn, StoreUnavailable, TryAgain
from acctsec.testing.world import IDENTIFIER, PASSWORD

TIMEOUT, SLACK = 2.0, 1.5


@contextmanager
def host(site, *statements):
    """A connection of somebody else, in the middle of a transaction that will be rolled back."""
    home = site.home("postgres")
    with psycopg.connect(home.server.conninfo(database=home.database)) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection
        connection.rollback()


def test_a_rolled_back_transaction_of_the_host_takes_nothing_with_it(a_site):
    """A framework that wraps a request in a transaction, and rolls it back because the sign-in failed."""
    site = a_site("postgres")
    w = a_world(site.open())
    with host(site, "CREATE TABLE users (name text)", "INSERT INTO users VALUES ('ada')") as connection:
        for number in range(2):
            assert isinstance(
                w.engine.sign_in(IDENTIFIER, f"wrong guess {number}", context=w.context(f"198.18.0.{number + 1}")), Refused
            )
        session = w.sign_in(IDENTIFIER, PASSWORD).session
        w.engine.sign_in(IDENTIFIER, "wrong guess 3", context=w.context("198.18.0.9"))
        connection.execute("INSERT INTO users VALUES ('bob')")
    fresh_look(w)
    assert failures(w) == 1
    assert len(record(w).sessions) == 1
    assert session


@pytest.mark.parametrize(
    "lock",
    [
        "LOCK TABLE acctsec.meters IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE acctsec.records IN ACCESS EXCLUSIVE MODE",
        "SELECT 1 FROM acctsec.records FOR UPDATE",
    ],
    ids=["all meters", "all records", "each record"],
)
def test_what_an_operator_locks_is_waited_for_until_the_timeout(a_site, lock):
    site = a_site("postgres")
    w = a_world(site.open(timeout=TIMEOUT))
    with host(site, lock):
        begin = perf_counter()
        try:
            answer = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
        except StoreUnavailable as error:
            answer = error
        # Meters that others are in the way of are a crowd: nothing was compared, and the guess is told to come again.
        assert isinstance(answer, TryAgain if "meters" in lock else StoreUnavailable)
        assert perf_counter() - begin < TIMEOUT + SLACK
        assert not w.sink.events
    fresh_look(w)
    assert not record(w).sessions
    assert failures(w) <= 1
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)
    assert failures(w) == 0
