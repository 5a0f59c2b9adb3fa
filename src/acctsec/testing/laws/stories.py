"""Laws of a policy under an engine: short stories that are really played."""

from datetime import timedelta
from typing import Any
from unicodedata import normalize

from acctsec.claims import Initial, ResetLink, ResumeTicket
from acctsec.mfa import Action
from acctsec.mfa.explained import Reach
from acctsec.mfa.explained import Thief as FactorThief
from acctsec.outcomes import (
    Allowed,
    AssuranceLevel,
    EnrollmentRequired,
    EnrollmentStarted,
    FactorAdded,
    FactorKind,
    FactorRemoved,
    FactorRequired,
    PasswordChanged,
    PasswordRejected,
    Refused,
    SessionValid,
    SignedIn,
    Waiting,
)
from acctsec.policy import Policy
from acctsec.recovery import Capability, Proof, RecoveryPath
from acctsec.recovery.explained import Thief
from acctsec.testing._victims import Owner, chosen
from acctsec.testing.doubles import Authenticator
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law
from acctsec.testing.laws.words import span, text
from acctsec.testing.world import World

GUESS = "wrong guess 4711 of mine"


def _try(w: World[Any], password: str) -> object:
    return w.calls.sign_in("alice@example.org", password, context=w.context())


def _named(outcome: object) -> str:
    return f"The answer is {type(outcome).__name__}."


def _needs_totp(policy: Policy) -> None:
    if FactorKind.TOTP not in policy.mfa.kinds:
        raise NotAsked("The policy lets nobody set up an authenticator app (mfa.kinds).")


def _new(policy: Policy, *, again: bool = False) -> str:
    """Another password than the first, and another still."""
    first = chosen(policy)
    second = chosen(policy, but=(first,))
    return chosen(policy, but=(first, second)) if again else second


def _mailed(owner: Owner) -> str:
    link = owner.mailed()
    if link is None:
        raise NotAsked("No reset is mailed to an owner under this policy (recovery.paths).")
    return link


def _paths(policy: Policy) -> tuple[RecoveryPath, ...]:
    return policy.recovery.allowed(gives=Capability.PASSWORD, level=AssuranceLevel.AAL2)


@law("who-signed-up-signs-in", Family.ENGINE, "I26", examples=25)
def who_signed_up_signs_in(ask: Asking) -> None:
    """Who chose a password that passes signs in with it, in every spelling and with no other one."""
    from hypothesis import assume

    from acctsec.testing.strategies import passphrases, unicode_passwords

    def case(password: str) -> None:
        w = ask.world()
        w.sign_up(password=None)
        changed = w.calls.set_password("u1", password, by=Initial(), context=w.context())
        assume(not isinstance(changed, PasswordRejected))
        assert isinstance(changed, PasswordChanged), f"It cannot be set. {_named(changed)}"
        for spelling in (password, normalize("NFD", password)):
            entered = _try(w, spelling)
            assert isinstance(entered, SignedIn | EnrollmentRequired), f"Its owner does not get in with it. {_named(entered)}"
        for wrong in (password + "x", password[1:], password.swapcase() + "!"):
            answer = _try(w, wrong)
            assert isinstance(answer, Refused), f"{text(wrong)} gets in as well. {_named(answer)}"

    ask.of(case, passphrases() | unicode_passwords(), says=lambda password: f"Somebody signs up with {text(password)}.")


@law("story-shows-no-secret", Family.ENGINE, "I32", "I05")
def a_whole_story_shows_no_secret(ask: Asking) -> None:
    """From sign-up over a second factor and a reset to the end, no event, outcome or record shows a secret."""
    _needs_totp(ask.policy)
    w, password = ask.world(), chosen(ask.policy)
    with ask.trying("Somebody signs up, sets up an authenticator app, and asks for a reset; then all that was shown is read."):
        w.sign_up(password=password)
        entered = _try(w, password)
        assert isinstance(entered, SignedIn | EnrollmentRequired), f"The owner is refused. {_named(entered)}"
        session = entered.session if isinstance(entered, SignedIn) else entered.ticket
        started = w.calls.enroll_totp(session, context=w.context())
        assert isinstance(started, EnrollmentStarted), f"A first factor cannot be set up. {_named(started)}"
        app = Authenticator(started)
        added = w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
        assert isinstance(added, FactorAdded), f"A first factor cannot be confirmed. {_named(added)}"
        w.clock.advance(seconds=60)
        link = Owner(world=w, identifier="alice@example.org", password=password).mailed() or ""
        due = w.calls.redeem_reset(ResetLink(link), _new(ask.policy), context=w.context())
        shown = [entered, started, added, due, _try(w, GUESS)]
        w.deliver()
        told = repr([*shown, w.sink.handed, w.messenger.handed, ask.policy])
        secrets = {"the password": password, "a wrong guess": GUESS, "a new password": _new(ask.policy), "a session": session}
        secrets |= {"a reset link": link, "the key of the app": started.key, "the URI of the app": started.uri}
        for name, one in {**secrets, "the new session": added.session}.items():
            assert not one or one not in told, f"It shows {name}."


@law("reset-asks-for-the-factor", Family.RESET, "I19", "I29")
def resets_ask_for_the_factor(ask: Asking) -> None:
    """A reset signs nobody in, and changes nothing at once for who has the mail alone where a second factor is live."""
    _needs_totp(ask.policy)
    for factor in (False, True):
        w = ask.world()
        with ask.trying(f"Who reads the mail of an owner {'with' if factor else 'without'} a second factor redeems a reset."):
            owner = Owner.settled(w, factor=factor)
            answer = w.calls.redeem_reset(ResetLink(_mailed(owner)), _new(ask.policy), context=w.context("203.0.113.9"))
            assert not isinstance(answer, SignedIn), "The reset signs in."
            alone = [one for one in _paths(ask.policy) if one.proofs <= {Proof.MAIL} and not one.wait]
            if not owner.guarded or alone:  # it is named: weaker_than_sign_in
                continue
            assert not isinstance(answer, PasswordChanged), "The password is changed by the mail alone."
            w.clock.advance(seconds=30)
            entered = w.calls.sign_in(owner.identifier, _new(ask.policy), context=w.context("203.0.113.9"))
            assert not isinstance(entered, SignedIn | FactorRequired), f"The new password works. {_named(entered)}"


@law("reset-works-once", Family.RESET, "I01", "I03")
def resets_work_once(ask: Asking) -> None:
    """A reset link that changed a password changes none again, and the links beside it are dead with it."""
    w = ask.world()
    with ask.trying("Two reset links are mailed; one changes the password, and both are tried once more."):
        owner = Owner.settled(w)
        links = [_mailed(owner) for _ in range(2)]
        answer = w.calls.redeem_reset(ResetLink(links[1]), _new(ask.policy), context=w.context())
        if not isinstance(answer, PasswordChanged):
            raise NotAsked(f"Mail alone changes no password under this policy ({type(answer).__name__}).")
        for link in links:
            again = w.calls.redeem_reset(ResetLink(link), _new(ask.policy, again=True), context=w.context())
            assert not isinstance(again, PasswordChanged), "One of them changes it again."


@law("sessions-die-with-the-password", Family.SESSIONS, "I03", "I30")
def sessions_die_with_the_password(ask: Asking) -> None:
    """A change of the password, and a sign-out, end the sessions that were there before."""
    w = ask.world()
    with ask.trying("An owner signs in twice, signs one session out, and resets the password."):
        owner = Owner.settled(w)
        first, second = (owner.enter(f"192.0.2.{number}", device=owner.device) for number in (8, 9))
        if not isinstance(first, SignedIn) or not isinstance(second, SignedIn):
            raise NotAsked("The owner of this story does not come to a session under this policy.")
        w.calls.sign_out(first.session, context=w.context())
        over = w.calls.check_session(first.session, context=w.context())
        assert not isinstance(over, SessionValid), "The session that was signed out is valid."
        answer = w.calls.redeem_reset(ResetLink(_mailed(owner)), _new(ask.policy), context=w.context())
        if isinstance(answer, PasswordChanged):
            left = w.calls.check_session(second.session, context=w.context())
            assert not isinstance(left, SessionValid), "The session from before the reset is valid."


@law("factor-that-is-due-stays", Family.MFA, "I19", "I22")
def a_factor_that_is_due_stays(ask: Asking) -> None:
    """Where a second factor is required, its owner cannot take the last one off."""
    policy = ask.policy
    _needs_totp(policy)
    if not policy.mfa.requires(frozenset()):
        raise NotAsked("The policy requires a second factor of nobody in particular (mfa.required).")
    w = ask.world()
    with ask.trying("An owner with one authenticator app, in a fresh session, takes it off."):
        owner = Owner.settled(w, factor=True)
        entered = owner.enter("192.0.2.8", device=owner.device)
        assert isinstance(entered, SignedIn), f"The owner does not get in. {_named(entered)}"
        listed = w.calls.list_factors(entered.session, context=w.context())
        for factor in getattr(listed, "factors", ()):
            answer = w.calls.remove_factor(entered.session, factor.id, context=w.context())
            assert not isinstance(answer, FactorRemoved), "It is gone."


@law("code-works-once", Family.MFA, "I01", "I20")
def a_code_works_once(ask: Asking) -> None:
    """The code of an authenticator app signs in once, and not again while it is still shown."""
    _needs_totp(ask.policy)
    w = ask.world()
    with ask.trying("Somebody reads a code over the owner's shoulder and uses it right after him."):
        owner = Owner.settled(w, factor=True)
        w.clock.advance(seconds=60)
        code = owner.app.code(w.clock()) if owner.app is not None else None
        answers = []
        for number in (8, 9):
            begun = w.calls.sign_in(owner.identifier, owner.password, context=w.context(f"192.0.2.{number}"))
            if not isinstance(begun, FactorRequired) or code is None:
                raise NotAsked("The owner of this story is asked for no code under this policy.")
            answers.append(w.calls.verify_factor(begun.ticket, code, context=w.context(f"192.0.2.{number}")))
        assert not isinstance(answers[0], Refused), "It does not even work for the owner."
        assert not isinstance(answers[1], SignedIn), "It works again."


@law("recovery-no-sooner-than-said", Family.RECOVERY, "I19")
def recovery_gives_no_sooner_than_said(ask: Asking) -> None:
    """Who reads the mail comes to a new password no sooner than ``explain_recovery()`` says."""
    _needs_totp(ask.policy)
    said = ask.policy.explain_recovery()
    for level in (AssuranceLevel.AAL1, AssuranceLevel.AAL2):
        w = ask.world()
        gain = said.of(Thief.MAILBOX, level).password
        with ask.trying(f"A thief of the mailbox redeems a reset of an account at {level.name}."):
            owner = Owner.settled(w, factor=level is AssuranceLevel.AAL2)
            if owner.guarded != (level is AssuranceLevel.AAL2):
                continue
            answer = w.calls.redeem_reset(ResetLink(_mailed(owner)), _new(ask.policy), context=w.context("203.0.113.9"))
            if isinstance(answer, PasswordChanged):
                assert gain is not None, "The password is his; it is said that it never is."
                assert not gain.quiet, f"The password is his at once; it is said to take {span(gain.quiet)}."
            elif isinstance(answer, Waiting):
                wait = answer.until - w.clock()
                assert gain is not None, f"He waits {span(wait)} for the password; it is said that he never comes to it."
                assert wait >= gain.quiet, f"He waits {span(wait)} for the password; it is said to take {span(gain.quiet)}."


@law("wait-ends", Family.RECOVERY, "I16")
def waits_end(ask: Asking) -> None:
    """A recovery that waits can be made when its wait is over, and not before."""
    w = ask.world()
    owner = Owner.settled(w)
    with ask.trying("An owner who reads the mail redeems a reset, waits as long as is said, and comes back."):
        answer = w.calls.redeem_reset(ResetLink(_mailed(owner)), _new(ask.policy), context=w.context("203.0.113.9"))
        if not isinstance(answer, Waiting) or answer.ticket is None:
            raise NotAsked(f"Mail alone does not wait under this policy ({type(answer).__name__}).")
        wait = answer.until - w.clock()
        w.clock.advance(wait - timedelta(seconds=1))
        early = w.calls.redeem_reset(ResumeTicket(answer.ticket), _new(ask.policy), context=w.context("203.0.113.9"))
        assert not isinstance(early, PasswordChanged), "A second before its end it is made."
        w.clock.advance(seconds=2)
        due = w.calls.redeem_reset(ResumeTicket(answer.ticket), _new(ask.policy), context=w.context("203.0.113.9"))
        assert isinstance(due, PasswordChanged), f"When its {span(wait)} are over it cannot be made. {_named(due)}"


@law("stolen-session-gets-what-is-said", Family.MFA, "I19", "I29")
def a_stolen_session_gets_what_is_said(ask: Asking) -> None:
    """A session whose proofs are old is allowed no action that ``explain_mfa()`` says its thief never comes to at once."""
    _needs_totp(ask.policy)
    said, sessions = ask.policy.explain_mfa(), ask.policy.sessions
    thieves = {AssuranceLevel.AAL1: FactorThief.SESSION, AssuranceLevel.AAL2: FactorThief.FULL_SESSION}
    ages = [row.max_age for row in said.rows if row.max_age is not None]
    old = max([sessions.fresh, *ages]) + timedelta(seconds=1)
    for level, thief in thieves.items():
        limits = sessions.lifetime(level)
        if old >= min(limits.idle, limits.absolute):
            continue  # no session lives so long: there is none to steal
        w = ask.world()
        with ask.trying(f"The token of a session at {level.name} is stolen {span(old)} after its owner signed in."):
            owner = Owner.settled(w, factor=level is AssuranceLevel.AAL2)
            entered = owner.enter("192.0.2.8", device=owner.device)
            if not isinstance(entered, SignedIn) or owner.guarded != (level is AssuranceLevel.AAL2):
                continue
            w.clock.advance(old)
            for row in said.rows:
                if row.level is level and not row.group and not row.risky and row.action != Action.SIGN_IN:
                    answer = w.calls.authorize(entered.session, row.action, context=w.context("203.0.113.9"))
                    allowed, reach = isinstance(answer, Allowed), row.reach(thief)
                    assert not allowed or reach is Reach.AT_ONCE, f"It may {row.action}; it is said to do so {reach.value}."


LAWS = (
    who_signed_up_signs_in,
    a_whole_story_shows_no_secret,
    resets_ask_for_the_factor,
    resets_work_once,
    sessions_die_with_the_password,
    a_factor_that_is_due_stays,
    a_code_works_once,
    recovery_gives_no_sooner_than_said,
    waits_end,
    a_stolen_session_gets_what_is_said,
)
