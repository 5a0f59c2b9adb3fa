"""Two faces of one engine: the same names, parameters and words; and no port of the wrong form gets in."""

import inspect

import pytest

from acctsec import (
    AsyncEngine,
    AsyncMemoryStore,
    AsyncSqliteStore,
    ConfigError,
    Engine,
    Keyring,
    MemoryStore,
    PortError,
    SqliteStore,
)
from acctsec.challenges import ProofOfWork
from acctsec.testing import MemoryDirectory, RecordingMessenger, RecordingSink, SeededEntropy, as_async, async_world, world
from acctsec.testing.doubles import CHALLENGE, CORPUS, DIRECTORY, MESSENGER, POPULARITY, SINK, STORE

BLOCKING_ONLY = {"close"}  # stops the thread of deliver_in_background, which has no async form


def operations(face):
    return {name: member for name, member in inspect.getmembers(face) if not name.startswith("_")}


PAIRS = [(Engine, AsyncEngine), (type(world().engine.admin), type(async_world().engine.admin))]


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_both_faces_have_the_same_operations(blocking, asynchronous):
    assert set(operations(blocking)) - BLOCKING_ONLY == set(operations(asynchronous))


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_both_faces_take_the_same_parameters_and_say_the_same(blocking, asynchronous):
    for name, member in operations(asynchronous).items():
        twin = operations(blocking)[name]
        assert inspect.getdoc(twin) == inspect.getdoc(member), name
        assert inspect.getdoc(member), name
        if isinstance(member, property):
            assert inspect.signature(twin.fget) == inspect.signature(member.fget), name
            continue
        assert inspect.signature(twin) == inspect.signature(member), name
        assert inspect.iscoroutinefunction(member), name
        assert not inspect.iscoroutinefunction(twin), name


def test_an_operation_is_written_once():
    for blocking, asynchronous in PAIRS:
        for name, member in operations(asynchronous).items():
            if inspect.isfunction(member):
                assert operations(blocking)[name].__wrapped__ is member, name


def test_an_operation_is_bound_to_its_engine_as_any_method():
    engine = world().engine
    assert engine.sign_in.__self__ is engine
    assert engine.sign_in == engine.sign_in
    with pytest.raises(TypeError, match="context"):
        engine.sign_in("alice@example.org", "seven quiet otters 418")


def test_both_faces_are_built_from_the_same_ports():
    blocking = dict(inspect.signature(Engine).parameters)
    asynchronous = dict(inspect.signature(AsyncEngine).parameters)
    assert set(blocking) - set(asynchronous) == {"deliver_in_background"}
    assert not set(asynchronous) - set(blocking)
    for name, parameter in asynchronous.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert (parameter.default, parameter.kind) == (blocking[name].default, blocking[name].kind), name


@pytest.mark.parametrize("form", [MemoryStore, SqliteStore])
def test_both_forms_of_a_store_have_the_same_methods(form):
    twin = {MemoryStore: AsyncMemoryStore, SqliteStore: AsyncSqliteStore}[form]
    for name in STORE:
        one, other = getattr(form, name), getattr(twin, name)
        assert inspect.signature(one) == inspect.signature(other), name
        assert inspect.getdoc(one) == inspect.getdoc(other), name
        assert inspect.iscoroutinefunction(other), name
        assert not inspect.iscoroutinefunction(one), name


class Corpus:
    def count(self, password):
        return 0


class Popularity(Corpus):
    def add(self, digest):
        pass


PORTS = {
    "store": (MemoryStore, STORE),
    "directory": (MemoryDirectory, DIRECTORY),
    "messenger": (RecordingMessenger, MESSENGER),
    "sink": (RecordingSink, SINK),
    "corpus": (Corpus, CORPUS),
    "popularity": (Popularity, POPULARITY),
    "challenge": (ProofOfWork, CHALLENGE),
}


def ports(face, **others):
    from acctsec import CHEAPEST

    entropy = SeededEntropy()
    form = as_async if face is AsyncEngine else lambda port, _: port
    made = {name: form(make(), methods) for name, (make, methods) in PORTS.items()}
    return {
        "policy": CHEAPEST,
        "keyring": Keyring(sealing=[entropy(32)], index=[entropy(32)]),
        **made,
        **others,
    }


@pytest.mark.parametrize("face", [Engine, AsyncEngine])
@pytest.mark.parametrize("name", PORTS)
def test_a_port_of_the_other_form_is_refused_at_construction(face, name):
    face(**ports(face))
    make, methods = PORTS[name]
    wrong = make() if face is AsyncEngine else as_async(make(), methods)
    with pytest.raises(ConfigError, match=f"{name}.*other form"):
        face(**ports(face, **{name: wrong}))


@pytest.mark.parametrize("face", [Engine, AsyncEngine])
@pytest.mark.parametrize("name", PORTS)
def test_a_port_without_its_methods_is_refused_at_construction(face, name):
    with pytest.raises(ConfigError, match=f"The {name} has no method"):
        face(**ports(face, **{name: object()}))


@pytest.mark.parametrize("face", [Engine, AsyncEngine])
@pytest.mark.parametrize("name", PORTS)
def test_a_list_of_ports_or_a_class_is_no_port(face, name):
    """A list has a method count, and would be a corpus that never finds anything."""
    make, methods = PORTS[name]
    form = as_async if face is AsyncEngine else lambda port, _: port
    for wrong in ([form(make(), methods)], (form(make(), methods),), type(make())):
        with pytest.raises(ConfigError, match=f"The {name} has no method"):
            face(**ports(face, **{name: wrong}))


@pytest.mark.parametrize("face", [Engine, AsyncEngine])
@pytest.mark.parametrize("wrong", [{"policy": None}, {"keyring": b"secret"}, {"outbox": "mail"}, {"messenger": None}])
def test_an_engine_that_is_wired_wrong_says_what_to_do(face, wrong):
    with pytest.raises(ConfigError) as refused:
        face(**ports(face, **wrong))
    assert refused.value.remedy


@pytest.mark.parametrize("face", [Engine, AsyncEngine])
def test_an_engine_without_a_messenger_has_to_name_who_delivers(face):
    face(**ports(face, messenger=None, outbox="manual"))


def test_a_blocking_port_that_answers_with_a_coroutine_grants_nothing():
    class Sly(MemoryDirectory):
        def find(self, tenant, identifier):
            async def later():
                return None

            return later()

    w = world()
    w.directory = Sly()
    w.restart()
    with pytest.raises(PortError):
        w.engine.sign_in("alice@example.org", "whatever it may be", context=w.context())


def test_both_faces_tell_one_story():
    def story(w):
        w.sign_up()
        session = w.sign_in().session
        app, _ = w.enroll(session)
        outcomes = [w.calls.sign_in("alice@example.org", "wrong password here", context=w.context())]
        ticket = w.calls.sign_in("alice@example.org", "seven quiet otters 418", context=w.context())
        outcomes += [ticket, w.calls.verify_factor(ticket.ticket, app.code(w.clock()), context=w.context())]
        link = w.reset_link()
        outcomes.append(w.calls.inspect_reset(link, context=w.context()))
        w.deliver()
        w.close()
        return [repr(one) for one in outcomes], [repr(one) for one in w.sink.events], w.messenger.messages

    assert story(world()) == story(async_world())
