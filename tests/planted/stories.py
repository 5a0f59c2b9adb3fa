"""What the instruments of the kit are asked, in small: stories, races, crashes and attacks that a healthy engine passes."""

from pathlib import Path

from attrs import evolve
from tests.planted.planting import Instrument

from acctsec import MessagePurpose, PasswordChanged, Refused, ResetLink, SessionValid, SignedIn, events
from acctsec.claims import CurrentPassword, FreshSession
from acctsec.context import Context
from acctsec.stores import MemoryStore
from acctsec.testing import (
    RACING,
    History,
    Operation,
    assert_no_oracle,
    check_history,
    crash_everywhere,
    explore,
    race_world,
    world,
)
from acctsec.testing.machine import EngineMachine
from acctsec.testing.scenarios import play, read_scenario
from acctsec.testing.world import IDENTIFIER, PASSWORD

ROOT = Path(__file__).parents[2]
NEW, NEWER = "a wholly new phrase 77", "another phrase entirely 99"

# --- histories --------------------------------------------------------------------------------------------------------


def program(make_store):
    """A few calls one after the other, as a worker makes them."""
    history = History()
    store = history.record(make_store())
    store.commit(b"key", None, b"one", (), b"1" * 16)
    store.load(b"key")
    store.commit(b"key", b"1" * 16, b"two", (), b"2" * 16)
    store.load(b"key")
    check_history(history.calls)


PROGRAMS = Instrument(name="check_history", ask=program, healthy=MemoryStore)

# --- scenarios --------------------------------------------------------------------------------------------------------


def scenario(name, folder="seeds/scenarios"):
    """An attack that is data, played under its policy; with a store of that kind where one is given."""

    def ask(make_store=MemoryStore):
        loaded = read_scenario(ROOT / folder / f"{name}.toml")
        play(loaded, world(policy=loaded.policy, store=make_store()))

    return Instrument(name="scenario", ask=ask, healthy=MemoryStore)


# --- the machine ------------------------------------------------------------------------------------------------------


def told(*moves, policy=EngineMachine.policy):
    """A story that the machine holds against its model, move by move: one that it could come upon by itself."""

    class Machine(EngineMachine):
        pass

    Machine.policy = policy

    def ask():
        machine = Machine()
        try:
            for move in moves:
                move(machine)
                machine.the_record_is_as_the_model_says()
        finally:
            machine.teardown()

    return Instrument(name="EngineMachine", ask=ask)


ALICE, STAFF = 0, 1


def begun(first, second=0):
    """Alice and the one of the staff: 0 has no password, 1 has one, 2 an authenticator as well, 3 printed codes too."""
    return lambda m: m.begin(first=first, second=second)


def answered(kind="code", step=0, *, at_once=True):
    """Alice signs in, unless a ticket waits, and answers what she is asked."""
    return lambda m: m.verify_factor(who=ALICE, at_once=at_once, number=0, step=step, app=0, kind=kind)


def later(m):
    """A minute goes by: the next code is another one."""
    m.world.clock.advance(minutes=1)


def entered(m):
    """Alice types her password."""
    person = m.people[ALICE]
    m.try_password(person, person.identifier, person.password, None)


def looked(m):
    """Every session of both is looked at, the newest first."""
    for who, person in enumerate(m.people):
        for number in range(len(person.sessions)):
            m.look_at_session(who=who, number=number)


def reset(*, at_once=True, number=0):
    """A link is redeemed: a new one, or one that was mailed before."""
    return lambda m: m.redeem(who=ALICE, at_once=at_once, number=number, by_code=False, kind="good")


def mailed(m):
    """Alice asks for a reset, and it is mailed."""
    m.ask(m.people[ALICE], m.people[ALICE].identifier, delivered=True)


def changed(m):
    """She changes her password, by the one she has and a session."""
    m.change_by_current_password(who=ALICE, right=True, at_once=True, number=0)


# --- worlds -----------------------------------------------------------------------------------------------------------


def in_a_world(check, thing=None):
    """What has to be true in a world, of a *thing* of the platform's or of the engine itself."""
    return Instrument(name="world", ask=lambda *things: check(world(), *things), healthy=thing)


def a_token_of_here_is_nothing_elsewhere(w):
    """Two tenants of one deployment share keys and a store, and nothing else."""
    w.sign_up()
    session = w.sign_in().session
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionValid)
    elsewhere = w.engine.check_session(session, context=w.context(tenant="elsewhere"))
    assert not isinstance(elsewhere, SessionValid), "a session of one tenant is valid at another"


def context_of(peer, headers):
    """How a platform takes a request: its source is the peer of the connection."""
    return Context.of(peer)


def one_client_gets_five(w, context_of):
    """Whatever headers a client sends, he is who his connection says."""
    w.sign_up()
    w.comparisons.clear()
    for number in range(30):
        request = context_of("198.51.100.7", {"x-forwarded-for": f"203.0.113.{number}"})
        w.engine.sign_in(IDENTIFIER, f"guess {number}", context=request)
    guesses = len(w.comparisons.guesses)
    assert guesses <= 5, f"one client had {guesses} guesses"


ONE_CLIENT = in_a_world(one_client_gets_five, context_of)


# --- races ------------------------------------------------------------------------------------------------------------


def raced(make_world, flows, check):
    """A race in every order."""
    return Instrument(name="explore", ask=lambda: explore(make_world, flows, check))


def racing_on(make_store):
    """A world of races in which a link was mailed, on a store of that kind."""
    w = race_world(store=make_store())
    w.sign_up()
    w.session = w.sign_in().session
    w.reset_link()
    w.comparisons.clear()
    return w


def a_link():
    return racing_on(MemoryStore)


def two_redemptions(w):
    link = ResetLink(w.messenger.link)
    return [w.engine.redeem_reset(link, new, context=w.context()) for new in (NEW, NEWER)]


def one_changes_the_password(w, answers):
    changes = sum(isinstance(one, PasswordChanged) for one in answers)
    assert changes == 1, f"one link changed the password {changes} times"


TWO_REDEMPTIONS = raced(a_link, two_redemptions, one_changes_the_password)
TWO_REDEMPTIONS_ON = Instrument(
    name="explore",
    ask=lambda make_store: explore(lambda: racing_on(make_store), two_redemptions, one_changes_the_password),
    healthy=MemoryStore,
)


def old_password_and_change(w):
    by = FreshSession(w.session)
    return [
        w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
        w.engine.set_password("u1", NEW, by=by, context=w.context()),
    ]


def the_old_password_is_no_way_in(w, answers):
    signed_in, change = answers
    if isinstance(signed_in, SignedIn) and isinstance(change, PasswordChanged):
        stands = w.calls.check_session(signed_in.session, context=w.context())
        assert not isinstance(stands, SessionValid), "a session of the old password stands under the new one"


CHANGE_MEANWHILE = raced(a_link, old_password_and_change, the_old_password_is_no_way_in)


def guesses_on(make_store):
    """Three guesses at once where two are free."""
    from datetime import timedelta

    from acctsec.budgets import Rungs

    free = Rungs(free=2, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=50)
    policy = evolve(RACING, lockout=evolve(RACING.lockout, strangers=free))

    def make_world():
        w = race_world(policy=policy, store=make_store())
        w.sign_up()
        w.comparisons.clear()
        return w

    def check(w, answers):
        compared = len(w.comparisons.guesses)
        assert compared <= 2, f"{compared} guesses were compared where two are free"
        assert all(isinstance(one, Refused) or type(one).__name__ == "TryAgain" for one in answers)

    explore(
        make_world,
        lambda w: [w.engine.sign_in(IDENTIFIER, f"guess {n}", context=w.context(f"10.0.0.{n}")) for n in range(3)],
        check,
        limit=200_000,
    )


THREE_GUESSES_ON = Instrument(name="explore", ask=guesses_on, healthy=MemoryStore)

# --- crashes ----------------------------------------------------------------------------------------------------------


def crashed(begin, happened, means, **told_of):
    """An operation that is interrupted at each of its store calls, in every way."""
    once = told_of.pop("once", True)
    operation = Operation(begin=begin, happened=happened, means=means, once=once, **told_of)
    return Instrument(name="crash_everywhere", ask=lambda: crash_everywhere(a_link, operation))


def is_new(w):
    """Whether the new password is the one."""
    return isinstance(w.calls.sign_in(IDENTIFIER, NEW, context=w.context("203.0.113.99")), SignedIn)


REDEEMED = crashed(
    lambda w: w.engine.redeem_reset(ResetLink(w.messenger.of(MessagePurpose.RESET)[0].link), NEW, context=w.context()),
    is_new,
    PasswordChanged,
    events=(events.PasswordReset,),
    messages=(MessagePurpose.PASSWORD_CHANGED,),
)
CHANGED = crashed(
    lambda w: w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()),
    is_new,
    PasswordChanged,
    messages=(MessagePurpose.PASSWORD_CHANGED,),
)

# --- oracles ----------------------------------------------------------------------------------------------------------


def sign_in_page(w):
    """The page of a platform: it asks the engine, and shows which class of answer came."""
    return {"the sign-in page": lambda name, password, at: type(w.calls.sign_in(name, password, context=w.context(at))).__name__}


def reset_page(w):
    """The page of a platform: it asks the engine, and says the same to everybody."""

    def page(name, _, at):
        w.calls.request_reset(name, context=w.context(at))
        return "If there is such an account, a mail is on its way."

    return {"the reset page": page}


def indistinct(operations):
    """Nobody can tell somebody from nobody by these pages."""
    return Instrument(name="assert_no_oracle", ask=lambda pages: assert_no_oracle(world, operations=pages), healthy=operations)


AT_SIGN_IN, AT_RESET = indistinct(sign_in_page), indistinct(reset_page)


def a_message(address):
    """A mail that a platform sends by itself."""
    from acctsec.protocols import Message
    from acctsec.testing.doubles import START

    return Message(
        key="own", purpose=MessagePurpose.RESET, tenant="", subject="", address=address, at=START, link="https://example.org/r"
    )
