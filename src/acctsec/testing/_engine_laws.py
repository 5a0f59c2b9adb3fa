"""Laws of the other families, and of a policy as a whole under an engine."""

from datetime import datetime, timedelta
from unicodedata import normalize

from acctsec.claims import Initial, ResetLink
from acctsec.engine import Engine
from acctsec.hashing import Comparison
from acctsec.mfa.actions import Action
from acctsec.outcomes import (
    AssuranceLevel,
    EnrollmentRequired,
    EnrollmentStarted,
    FactorAdded,
    PasswordAccepted,
    PasswordChanged,
    PasswordRejected,
    Refused,
    SignedIn,
)
from acctsec.policy import Policy
from acctsec.record import SKEW, Reset, Session
from acctsec.reset import Redeemable
from acctsec.sessions import PLACE_BITS, Live, Minted
from acctsec.steps import Scene, shown_by
from acctsec.testing._laws import for_all
from acctsec.testing.doubles import START, Authenticator
from acctsec.testing.world import World, world

# --- of the families --------------------------------------------------------------------------------------------------


def hashes_are_its_own(policy: Policy) -> None:
    """A new hash verifies its own password and no other, is in no need of a new one, and the decoy verifies nothing."""
    hashing = policy.hashing
    phc = hashing.hash("seven quiet otters", salt=bytes(range(hashing.salt_bytes)))
    assert hashing.verify(phc, "seven quiet otters") is Comparison.MATCHED
    assert hashing.verify(phc, "seven quiet otter") is Comparison.DIFFERENT
    assert hashing.verify(hashing.decoy(), "seven quiet otters") is Comparison.DIFFERENT
    assert not hashing.needs_rehash(phc), "a new hash would be replaced at once"


def foreign_hashes_are_read_and_replaced(policy: Policy) -> None:
    """A format that is listed reads what it writes, bare and wrapped; it is due for a new hash, and no decoy verifies."""
    hashing = policy.hashing
    salt = bytes(range(hashing.salt_bytes))
    decoys = [decoy for _, decoy in hashing.decoys if decoy != hashing.decoy()]
    decoys += [one.decoy() for one in hashing.foreign]
    for decoy in decoys:
        assert hashing.reads(decoy), f"a decoy of {hashing.scheme(decoy)} is not read"
        assert hashing.verify(decoy, "seven quiet otters") is Comparison.DIFFERENT
        assert hashing.needs_rehash(decoy), "a foreign hash would stay for ever"
        if hashing.wraps(decoy):
            wrapped = hashing.wrap(decoy, salt=salt)
            assert hashing.verify(wrapped, "seven quiet otters") is Comparison.DIFFERENT
            assert hashing.needs_rehash(wrapped), "a wrapped hash would stay for ever"


def resets_end(policy: Policy) -> None:
    """A reset works in its time alone, under its own epoch, and a request displaces none that is live."""
    from hypothesis import strategies as st

    reset = policy.reset

    def law(before: timedelta, after: timedelta, number: int) -> None:
        asked = [_reset(policy, index, START - before) for index in range(number)]
        live: tuple[Reset, ...] = ()
        for one in asked:
            more = reset.issue(live, one, epoch=1, now=START - before)
            assert more is None or set(live) < set(more), "a request displaced a live reset"
            live = live if more is None else more
        assert len(live) <= reset.live
        now = START + after
        for one in live:
            in_time = now < one.expires
            found = isinstance(reset.resume(live, reset=one.id, epoch=1, now=now), Redeemable)
            assert found <= in_time, "a reset outlived its time"
            assert not isinstance(reset.resume(live, reset=one.id, epoch=2, now=now), Redeemable), "it outlived its epoch"

    some = st.timedeltas(timedelta(0), timedelta(days=2))
    for_all(law, some, some, st.integers(1, 6))


def _reset(policy: Policy, number: int, now: datetime) -> Reset:
    return Reset(
        id=bytes([number]) * 16,
        epoch=1,
        recipient=b"",
        link=bytes(32),
        code=bytes(32),
        expires=now + policy.reset.link_lifetime,
        code_expires=now + policy.reset.code_lifetime,
    )


def sessions_end(policy: Policy) -> None:
    """
    A session that is over stays over, at no level does one outlive its absolute or its idle time, and a token that was replaced
    is good for the grace at most.
    """
    from hypothesis import strategies as st

    sessions = policy.sessions

    def law(level: AssuranceLevel, idle: timedelta, first: timedelta, more: timedelta) -> None:
        session = Session(id=bytes(16), level=level, created=START, authenticated=START)
        active, limits = START + idle, sessions.lifetime(level)
        token = Minted(active=active)
        seen = [isinstance(sessions.judge(session, token=token, now=active + step), Live) for step in (first, first + more)]
        assert seen != [False, True], "a session came back"
        for step, live in zip((first, first + more), seen, strict=True):
            now = active + step
            assert not live or now < min(START + limits.absolute, active + limits.idle), "a session outlived its time"
            demand = policy.mfa.demand(Action.CHANGE_FACTORS, groups=frozenset(), fresh=sessions.fresh)
            age = sessions.fresh if demand.max_age is None else demand.max_age
            shown = shown_by(session, demand, Scene(tenant="", subject="s", account=None, now=now))
            assert not live or now < START + age or not shown, "a proof was fresh for too long"

    def replaced(level: AssuranceLevel, turned: timedelta, after: timedelta) -> None:
        session = Session(
            id=bytes(16), level=level, created=START, authenticated=START, generation=1 << PLACE_BITS, turned=START + turned
        )
        judged = sessions.judge(session, token=Minted(active=START), now=START + turned + after)
        assert after < sessions.grace + SKEW or not isinstance(judged, Live), "a token that was replaced is good"

    some = st.timedeltas(timedelta(0), timedelta(days=100))
    levels = st.sampled_from(AssuranceLevel)
    for_all(law, levels, some, some, some)
    for_all(replaced, levels, st.timedeltas(timedelta(0), sessions.rotate * 2), st.timedeltas(timedelta(0), timedelta(hours=1)))


PURE = (hashes_are_its_own, foreign_hashes_are_read_and_replaced, resets_end, sessions_end)

# --- of the whole -----------------------------------------------------------------------------------------------------

NEW = "nine patient herons 2751 sang"


def who_signed_up_signs_in(policy: Policy) -> None:
    """Who chose a password that passes signs in with it, in every spelling and with no other one."""
    from hypothesis import assume

    from acctsec.testing.strategies import passphrases, unicode_passwords

    def law(password: str) -> None:
        w = world(policy=policy)
        w.sign_up(password=None)
        changed = w.calls.set_password("u1", password, by=Initial(), context=w.context())
        assume(not isinstance(changed, PasswordRejected))
        assert isinstance(changed, PasswordChanged), changed
        for spelling in (password, normalize("NFD", password)):
            assert isinstance(_try(w, spelling), SignedIn | EnrollmentRequired), "the owner is refused"
        for wrong in (password + "x", password[1:], password.swapcase() + "!"):
            assert isinstance(_try(w, wrong), Refused), "another password signs in"

    for_all(law, passphrases() | unicode_passwords(), examples=25)


def a_whole_story_shows_no_secret(policy: Policy) -> None:
    """From sign-up over a second factor and a reset to the end, no event, outcome or record shows a secret."""
    w = world(policy=policy)
    password = _passing(policy)
    w.sign_up(password=password)
    entered = _try(w, password)
    assert isinstance(entered, SignedIn | EnrollmentRequired), "the owner is refused"
    session = entered.session if isinstance(entered, SignedIn) else entered.ticket
    started = w.calls.enroll_totp(session, context=w.context())
    assert isinstance(started, EnrollmentStarted), "a first factor cannot be set up"
    app = Authenticator(started)
    added = w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(added, FactorAdded), "a first factor cannot be confirmed"
    w.clock.advance(seconds=60)
    link = w.reset_link()
    due = w.calls.redeem_reset(ResetLink(link), NEW, context=w.context())
    assert not isinstance(due, PasswordChanged | SignedIn), "a reset passes by the factor"
    shown = [entered, started, added, due, _try(w, "wrong guess 4711 of mine")]
    w.deliver()
    told = repr([*shown, w.sink.handed, w.messenger.handed, policy])
    for secret in (password, "wrong guess 4711 of mine", NEW, session, link, started.key, started.uri, added.session):
        assert secret not in told, "a secret is shown"


def _passing(policy: Policy) -> str:
    passes = (NEW[::-1], "seven quiet otters 418", "ruvehu zocegu banixo 9931 tajemu")
    for one in passes:
        if isinstance(policy.password.check(one, breach_count=0), PasswordAccepted):
            return one
    from hypothesis import find

    from acctsec.testing.strategies import passphrases

    return find(passphrases(), lambda one: isinstance(policy.password.check(one, breach_count=0), PasswordAccepted))


def _try(w: World[Engine], password: str) -> object:
    return w.calls.sign_in("alice@example.org", password, context=w.context())


WHOLE = (who_signed_up_signs_in, a_whole_story_shows_no_secret)
