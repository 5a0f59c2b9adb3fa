"""Sessions die when they should, everywhere at once (I30)."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.museum.artefacts import ARTEFACTS
from tests.museum.harness import NEW, OTHERS, SHORT, Traced, address, exhibit, other_node, par

from acctsec import (
    Admin,
    CurrentPassword,
    EnrollmentRequired,
    FactorRequired,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    RecoveryCode,
    Refused,
    ResetLink,
    ResumeTicket,
    SessionEnded,
    SessionsEnded,
    SessionValid,
    SignedIn,
    Vetoed,
)
from acctsec.events import SessionClosed, SessionCopied, SessionsClosed, SignedInEvent
from acctsec.outcomes import EndReason
from acctsec.record import SKEW
from acctsec.sessions import SessionPolicy
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD


def valid(w, token, engine=None):
    return isinstance((engine or w.engine).check_session(token, context=w.context()), SessionValid)


def lane_is_known(w, device):
    """Whether a device token still has a lane of its own."""
    before = len(w.sink.of(SignedInEvent))
    w.engine.sign_in(IDENTIFIER, NEW, context=w.context(device=device))
    w.deliver()
    found = w.sink.of(SignedInEvent)[before:]
    return bool(found) and found[-1].known_device


@pytest.mark.parametrize("by", ["reset", "current password", "administrator", "fresh session"])
def test_m173_a_new_password_ends_every_session_and_forgets_every_device(w, by):
    """Three browsers signed in: after the change, by whichever way, none of them is, and none has a lane of its own."""
    w.sign_up()
    signed = [w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(3)]
    link = w.reset_link()
    changed = {
        "reset": lambda: w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()),
        "current password": lambda: w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()),
        "administrator": lambda: w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context()),
        "fresh session": lambda: w.engine.set_password("u1", NEW, by=FreshSession(signed[0].session), context=w.context()),
    }[by]()

    assert isinstance(changed, PasswordChanged)
    assert not any(valid(w, one.session) for one in signed)
    assert [w.engine.check_session(one.session, context=w.context()) for one in signed] == [SessionEnded(EndReason.ENDED)] * 3
    assert not any(lane_is_known(w, one.device) for one in signed)
    if by != "administrator":
        assert lane_is_known(w, changed.device)


def test_m173_on_every_node_at_once(w, place):
    """Another process that held the session valid a moment ago asks the store, not its memory."""
    w.sign_up()
    session, node = w.sign_in().session, other_node(w, place)
    assert valid(w, session, node)

    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())

    assert not valid(w, session, node)


def test_m175_devices_have_secrets_of_their_own(w):
    """Two browsers have different device tokens, and neither outlives a change of password or a sign-out everywhere."""
    w.sign_up()
    one, other = (w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(2))
    assert one.device != other.device
    assert len(w.engine.admin.export("u1").devices) == 2

    w.engine.sign_out_everywhere("u1", by=FreshSession(one.session), context=w.context())

    assert w.engine.admin.export("u1").devices == ()
    w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context())
    assert not any(lane_is_known(w, signed.device) for signed in (one, other))


def test_m175_one_device_signed_out_leaves_the_other(w):
    """Signing one browser out ends its session alone, and is one event."""
    w.sign_up()
    one, other = (w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(2))

    assert w.engine.sign_out(one.session, context=w.context()) == SessionsEnded(1)
    assert w.engine.sign_out(one.session, context=w.context()) == SessionsEnded(0)

    assert (valid(w, one.session), valid(w, other.session)) == (False, True)
    w.deliver()
    assert len(w.sink.of(SessionClosed)) == 1


class Cached(Traced):
    """A layered store whose upper layer answers reads from what it saw first, for ever."""

    def __init__(self, store, trace):
        super().__init__(store, trace)
        self.seen = {}
        load = self.load
        self.load = lambda key: self.seen.setdefault(key, load(key))


def test_m177_a_stale_layer_cannot_write_on_top_of_the_truth(place):
    """A node that reads through a stale cache commits nothing on what it read: the store's version decides."""
    w = exhibit(place)
    w.sign_up()
    session = w.sign_in().session
    stale = exhibit(place, seed=1)
    stale.directory.put(w.directory.get("", "u1"))
    stale.keyring = w.keyring
    stale.store = Cached(place.open(), stale.trace)
    stale.restart()
    assert valid(stale, session)
    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())

    outcomes = [
        stale.engine.set_password("u1", OTHERS[0], by=FreshSession(session), context=w.context()),
        stale.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
        stale.engine.enroll_totp(session, context=w.context()),
    ]

    assert not any(isinstance(one, PasswordChanged | SignedIn) for one in outcomes)
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)
    assert not valid(w, session)


def test_m177_every_check_reads_the_store_once_and_writes_nothing(w):
    """There is no cache to be stale: one load a check, every time."""
    w.sign_up()
    session = w.sign_in().session
    for _ in range(3):
        outcome, calls = w.observe(lambda: w.engine.check_session(session, context=w.context()))
        assert isinstance(outcome, SessionValid)
        assert calls == [("load",)]


def test_i30_a_token_of_before_a_change_of_privilege_is_dead(w):
    """Enrolling, printing codes and removing give a new token and end the one that asked, on every copy of it."""
    w.sign_up()
    first = w.sign_in().session
    _, second = w.enroll(first)
    third = w.engine.issue_recovery_codes(second, context=w.context()).session
    factor = w.engine.list_factors(third, context=w.context()).factors[0].id
    fourth = w.engine.remove_factor(third, factor, context=w.context()).session

    assert [valid(w, token) for token in (first, second, third, fourth)] == [False, False, False, True]
    for stolen in (first, second, third):
        assert w.engine.enroll_totp(stolen, context=w.context()) == Refused()
        assert w.engine.list_factors(stolen, context=w.context()) == Refused()


def test_i30_an_idle_copy_ends_though_the_session_is_used(w):
    """A copy that was stolen and kept idles out by itself, while its owner's renewed token lives on."""
    w.sign_up()
    copy = token = w.sign_in().session
    for _ in range(9):
        w.clock.advance(w.policy.sessions.idle / 8)
        checked = w.engine.check_session(token, context=w.context())
        assert isinstance(checked, SessionValid)
        token = checked.renewed or token

    assert w.engine.check_session(copy, context=w.context()) == SessionEnded(EndReason.IDLE)
    assert valid(w, token)


def test_i30_a_sign_in_under_way_does_not_outlive_the_change(w):
    """Sign-ins that race with a sign-out everywhere leave sessions of after it, or none: the count of live ones is exact."""
    w.sign_up()
    for _ in range(3):
        w.sign_in()

    def sign_in():
        return w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())

    def everywhere():
        return w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context())

    answers = par(sign_in, sign_in, everywhere, sign_in)

    alive = sum(isinstance(one, SignedIn) and valid(w, one.session) for one in answers)
    assert alive == len(w.engine.admin.export("u1").sessions)
    w.deliver()
    assert len(w.sink.of(SessionsClosed)) == 1


# --- everything that lets somebody in, and everything that ends it ----------------------------------------------------


def full(w):
    """A session that was just proven at the subject's full level; None where a password has to be changed first."""
    w.clock.advance(seconds=30)
    outcome = w.engine.sign_in(IDENTIFIER, w.password, context=w.context(address(50)))
    if isinstance(outcome, FactorRequired):
        outcome = w.engine.verify_factor(outcome.ticket, w.app.code(w.clock()), context=w.context(address(50)))
    if isinstance(outcome, EnrollmentRequired):
        return added(w, outcome.ticket)
    return outcome.session if isinstance(outcome, SignedIn) else None


def added(w, session):
    """Set an authenticator up; answers the session that it leaves."""
    app = Authenticator(w.engine.enroll_totp(session, context=w.context(address(50))))
    w.own = app
    found = w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context(address(50)))
    w.clock.advance(seconds=30)
    return found.session


def own_password(w):
    session = full(w) if getattr(w, "app", None) and w.engine.admin.export("u1").factors else None
    changed = w.engine.set_password("u1", OTHERS[1], by=CurrentPassword(w.password, session), context=w.context(address(51)))
    return isinstance(changed, PasswordChanged)


def factor_added(w):
    session = full(w)
    return session is not None and bool(added(w, session))


def codes_printed(w):
    session = full(w)
    if session is None:
        return False
    if not w.engine.list_factors(session, context=w.context()).factors:
        session = added(w, session)
    return bool(w.engine.issue_recovery_codes(session, context=w.context(address(52))).codes)


def factor_removed(w):
    session = full(w)
    if session is None:
        return False
    session = added(w, session)
    found = w.engine.list_factors(session, context=w.context()).factors
    kept = {one.id for one in found if one.id != "recovery"}
    newest = max((one for one in found if one.id in kept), key=lambda one: one.created)
    outcome = w.engine.remove_factor(session, newest.id, context=w.context(address(53)))
    return hasattr(outcome, "session") or len(kept) == 1  # what a policy demands stays


def erased(w):
    w.engine.admin.erase("u1", actor="root")
    w.sign_up(groups=w.directory.get("", "u1").groups)
    return True


def disabled(w):
    return bool(w.engine.admin.disable("u1", actor="root"))


def vetoed(w):
    outcome = w.engine.redeem_reset(ResetLink(w.reset_link()), OTHERS[0], context=w.context(address(54)))
    if isinstance(outcome, FactorRequired):
        proof = w.engine.verify_factor(outcome.ticket, RecoveryCode(w.codes[9]), context=w.context(address(54)))
        outcome = w.engine.redeem_reset(ResumeTicket(proof.ticket), OTHERS[0], context=w.context(address(54)))
        assert isinstance(outcome, PasswordChanged)
    w.deliver()
    veto = w.messenger.of(MessagePurpose.PASSWORD_CHANGED, subject="u1")[-1].veto
    return not veto or isinstance(w.engine.veto(veto, context=w.context(address(55))), Vetoed)


ENDINGS = {one.__name__: one for one in (own_password, factor_added, codes_printed, factor_removed, disabled, erased, vetoed)}
OUTLIVE = {
    "handle": set(ENDINGS),  # it proves nothing: it says where a code belongs
    "veto": {*ENDINGS} - {"erased"},  # it gives nothing, and a thief would end it by another change
    "device": {"factor_added", "codes_printed", "factor_removed"},  # a lane and no proof (decision 8)
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ARTEFACTS)
def test_m173_nothing_that_lets_somebody_in_outlives_a_change_of_what_it_rests_on(place, name, ending):
    """Sessions, devices, tickets, enrolments, links, codes: each one dies with each change of password, factor, status or life."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    w.password = NEW if name == "veto" else PASSWORD  # to be told of, a change has to be made
    happened = ENDINGS[ending](w)

    if not happened:
        # Nobody gets as far as the factors before the password is changed, or anywhere where the lane is stopped.
        assert name == "unlock link" or (name == "change ticket" and ending != "own_password")
        return
    assert not artefact.use(w, token) or ending in OUTLIVE.get(name, ())


@pytest.mark.parametrize("seconds", [0, 7, 60])
def test_m173_within_the_declared_bound_where_a_node_may_be_behind(place, seconds):
    """A node that answers from what it read says yes for so long and not a moment longer, and never to anything but a check."""
    bound = timedelta(seconds=seconds)
    w = exhibit(place, policy=evolve(SHORT, sessions=SessionPolicy(staleness=bound)))
    w.sign_up()
    session, node = w.sign_in().session, other_node(w, place)
    assert valid(w, session, node)
    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())

    assert not valid(w, session)
    assert node.list_sessions(session, context=w.context()) == Refused()
    assert node.set_password("u1", OTHERS[0], by=FreshSession(session), context=w.context()) == Refused()
    w.clock.advance(bound)
    assert not valid(w, session, node)


def test_m177_a_node_that_may_be_behind_never_answers_from_before_its_own_commit(place):
    """What it has ended itself is over there at once, and whatever decides more than a check asks the store."""
    w = exhibit(place, policy=evolve(SHORT, sessions=SessionPolicy(staleness=timedelta(seconds=30))))
    w.sign_up()
    session = w.sign_in().session
    assert valid(w, session) and valid(w, session)

    w.engine.sign_out(session, context=w.context())

    assert not valid(w, session)
    assert w.engine.enroll_totp(session, context=w.context()) == Refused()


def test_m180_a_token_that_was_replaced_ends_the_whole_family_and_is_told(w):
    """Whoever of thief and owner comes second with the older token: no token of the session works, and the owner has mail."""
    w.sign_up()
    stolen, other = w.sign_in().session, w.sign_in().session
    family = [stolen]
    for _ in range(3):
        w.clock.advance(w.policy.sessions.rotate)
        family.append(w.engine.check_session(family[-1], context=w.context()).renewed)
        assert valid(w, family[-1])
    w.clock.advance(w.policy.sessions.grace + SKEW)

    assert w.engine.check_session(stolen, context=w.context()) == SessionEnded(EndReason.COPIED)

    assert not any(valid(w, one) for one in family)
    assert valid(w, other)
    w.deliver()
    assert len(w.sink.of(SessionCopied)) == len(w.messenger.of(MessagePurpose.SESSION_COPIED)) == 1
