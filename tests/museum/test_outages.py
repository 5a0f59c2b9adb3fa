"""What fails, hangs or answers rubbish denies, and never lets a stage be skipped (I25)."""

from datetime import UTC, datetime

import pytest
from attrs import evolve
from tests.museum.harness import NEW, SHORT, address

from acctsec import (
    Account,
    AcctsecError,
    Admin,
    FactorRequired,
    PasswordAccepted,
    PasswordChanged,
    PasswordPolicy,
    Refused,
    ResetLink,
    SignedIn,
    StoreError,
    TryAgain,
)
from acctsec.events import PortFailed
from acctsec.password.rules import Length
from acctsec.protocols import Committed, Granted
from acctsec.testing.world import IDENTIFIER, PASSWORD, SOURCE

GRANTS = (SignedIn, FactorRequired, PasswordChanged)


class BrokenError(RuntimeError):
    """What a broken port raises."""


class ControlFlow(BaseException):
    """An exception that a framework uses to jump, as some do for redirects."""


def bang(*_, **__):
    raise BrokenError("the port is broken")


def jump(*_, **__):
    raise ControlFlow


def sessions(w):
    return len(w.engine.admin.export("u1").sessions)


def attempted(operation):
    """What an operation came to: its outcome, or the exception it ended with."""
    try:
        return operation()
    except BaseException as error:
        return error


def broken_ports(w, call):
    """Every extension point, broken by *call*, as (name, how to break it)."""

    class Rule:
        def judge(self, password, facts):
            return call()

    def policy(**knobs):
        return lambda: w.restart(policy=evolve(w.policy, password=PasswordPolicy(**knobs)))

    def port(name, value):
        def replace():
            setattr(w, name, value)
            w.restart()

        return replace

    broken = {
        "estimator": policy(estimator=call),
        "rule": policy(rules=(Length(), Rule())),
        "directory": port("directory", type("Broken", (), {"find": call, "get": call})()),
        "clock": port("clock", call),
        "entropy": port("entropy", call),
    }
    for method in ("load", "commit", "charge", "settle"):
        broken[f"store.{method}"] = lambda method=method: (setattr(w.store, method, call), w.restart())
    return broken


@pytest.mark.parametrize("call", [bang, jump])
@pytest.mark.parametrize(
    "name", ["estimator", "rule", "directory", "clock", "entropy", "store.load", "store.commit", "store.charge", "store.settle"]
)
def test_m147_a_hook_that_raises_lets_nobody_in(w, name, call):
    """Whatever a port raises, ordinary or control flow, wherever it stands: no session, no new password, no skipped factor."""
    app, _, _ = w.guarded()
    w.sign_up("u2", "bob@example.org")
    link, ticket, code = w.reset_link("bob@example.org"), w.ticket(), app.code(w.clock())
    before = sessions(w)
    real = w.store.load, w.store.commit, w.store.charge, w.store.settle, w.directory, w.clock, w.entropy
    broken_ports(w, call)[name]()
    engine, here = w.engine, w.context(address(3))

    answers = [
        attempted(lambda: engine.verify_factor(ticket, code, context=here)),
        attempted(lambda: engine.set_password("u1", NEW, by=Admin("root"), context=here)),
        attempted(lambda: engine.redeem_reset(ResetLink(link), NEW, context=here)),
    ]

    w.store.load, w.store.commit, w.store.charge, w.store.settle, w.directory, w.clock, w.entropy = real
    w.restart(policy=SHORT)
    granted = [one for one in answers if isinstance(one, GRANTS)]
    if name in {"estimator", "rule"}:
        assert [type(one) for one in granted] == [SignedIn]  # no new password is judged when a code is
        assert sessions(w) == before + 1
    else:
        assert granted == []
        # A charge that cannot be settled comes after the commit: the session is there, and nobody was given it.
        assert sessions(w) == before + (name == "store.settle")
    assert (
        isinstance(w.engine.sign_in("bob@example.org", PASSWORD, context=w.context(address(4))), SignedIn)
        or name == "store.settle"
    )


def test_m147_a_sink_that_raises_loses_no_event_and_no_session(w):
    """Events wait in the outbox until the sink takes them; a sign-in never depends on it."""
    w.sign_up()
    w.sink.failure = BrokenError("no")
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)
    report = w.engine.deliver()
    assert (report.sent, report.failed) == (0, 2)

    w.sink.failure = None
    w.clock.advance(minutes=5)
    w.deliver()
    assert [type(event).__name__ for event in w.sink.events] == ["PasswordSet", "SignedInEvent"]


class Stubborn:
    """A user table that answers one thing to everything."""

    def __init__(self, answer):
        self.answer = answer

    def find(self, tenant, identifier):
        return self.answer

    def get(self, tenant, subject):
        return self.answer


GARBAGE = [True, "u1", 1, {"subject": "u1"}, [], object(), Account]


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
def test_m148_rubbish_from_the_user_table_is_nobody(w, answer):
    """True, a name, a dict or a class is not an account: an error is raised, and nobody is let in."""
    w.sign_up()
    w.directory = Stubborn(answer)
    w.restart()

    for operation in (
        lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
        lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()),
    ):
        assert isinstance(attempted(operation), AcctsecError)


def test_m148_an_account_of_somebody_else_is_nobody(w):
    """Asked for V, the table answers with X: an error, not X's rights."""
    w.sign_up()
    other = w.sign_up("u2", "bob@example.org")
    w.directory = Stubborn(other)
    w.restart()

    assert isinstance(attempted(lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context())), AcctsecError)


METER_RUBBISH = [None, [], [None] * 4, [True] * 4, ["granted"] * 4, [Granted] * 4, [Granted(None, 1, new=True)], [1] * 4, "xxxx"]


@pytest.mark.parametrize("answer", METER_RUBBISH, ids=range(len(METER_RUBBISH)))
def test_m148_rubbish_from_the_meters_admits_nothing(w, answer):
    """What is not an exact grant of every meter compares nothing: no verifier is looked at, and nobody is let in."""
    w.sign_up()
    w.store.charge = lambda charges, now: answer
    w.restart()
    w.comparisons.clear()

    outcome = attempted(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()))

    assert not isinstance(outcome, GRANTS)
    assert w.comparisons.evaluated == []


RECORD_RUBBISH = [
    (b"", b"v"),
    (b"\x01", b"v"),
    (b"\xff" * 50, b"v"),
    ("record", b"v"),
    b"xx",
    True,
    (None, None),
    (b"\x02" + b"x" * 20, b"v"),
]


@pytest.mark.parametrize("answer", RECORD_RUBBISH, ids=range(len(RECORD_RUBBISH)))
def test_m148_a_record_that_cannot_be_read_is_not_an_empty_one(w, answer):
    """Damage is an error; it never turns into an account without a factor or a password, and is never written over."""
    w.guarded()
    w.store.load = lambda key: answer
    w.restart()
    mark = len(w.trace)

    for operation in (
        lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
        lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()),
        lambda: w.engine.admin.unlock("u1", actor="root"),
    ):
        assert isinstance(attempted(operation), Exception)
    assert not any(call[0] == "commit" for call in w.trace[mark:])


@pytest.mark.parametrize("answer", [None, True, "committed", Committed, b"\1"], ids=range(5))
def test_m148_a_commit_without_a_clear_answer_grants_nothing(w, answer):
    """Only Committed is success: a truthy something is not."""
    w.sign_up()
    w.store.commit = lambda *_: answer
    w.restart()

    assert isinstance(attempted(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())), AcctsecError)


@pytest.mark.parametrize("answer", [bang, lambda _: "0", lambda _: -1, lambda _: None, lambda _: True], ids=range(5))
def test_m148_a_corpus_that_cannot_tell_is_never_taken_for_a_no(w, answer):
    """The breach list fails as its policy says, out loud: an event tells that the rule went unasked."""
    w.sign_up()
    w.corpus = type("Corpus", (), {"count": staticmethod(answer)})()
    w.restart()

    judged = w.engine.check_password(NEW)
    w.deliver()

    assert isinstance(judged, PasswordAccepted)
    assert [event.port for _, event in w.sink.handed if isinstance(event, PortFailed)] == ["corpus"]
    assert w.policy.password.on_outage


CLOCKS = [None, 0, "now", datetime(2026, 1, 1), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]


@pytest.mark.parametrize("answer", CLOCKS, ids=range(len(CLOCKS)))
def test_m148_a_clock_that_tells_no_time_denies(w, answer):
    """Naive, absent or absurd instants end every operation, before anything is granted."""
    w.sign_up()
    token = w.sign_in().session
    w.clock = lambda: answer
    w.restart()

    for operation in (
        lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
        lambda: w.engine.check_session(token, context=w.context()),
        lambda: w.engine.redeem_reset(ResetLink("x"), NEW, context=w.context()),
    ):
        outcome = attempted(operation)
        assert isinstance(outcome, AcctsecError) or outcome == Refused()


@pytest.mark.parametrize("method", ["load", "commit", "charge", "settle"])
@pytest.mark.parametrize("name", [IDENTIFIER, "nobody@example.org"])
def test_m148_an_unreachable_store_is_not_an_unknown_name(w, method, name):
    """A store that is down raises, for somebody as for nobody; it never says that somebody does not exist."""
    w.sign_up()

    def down(*_):
        raise StoreError("down", remedy="Wait.")

    setattr(w.store, method, down)
    w.restart()

    outcome = attempted(lambda: w.engine.sign_in(name, PASSWORD, context=w.context(SOURCE)))

    wants_no_commit = method == "commit" and name != IDENTIFIER
    assert isinstance(outcome, Refused) if wants_no_commit else isinstance(outcome, StoreError | TryAgain)
