"""One of everything the library hands out: how it comes about, what it is good for, how long it lives."""

from collections.abc import Callable
from datetime import timedelta

from attrs import evolve, frozen
from tests.mfa.prompting import APP, KINDS, password, set_up, token
from tests.museum.harness import NEW, SHORT, Exhibit, address, exhibit

from acctsec import (
    Action,
    AddressLink,
    AddressPending,
    AddressVerified,
    ChangeTicket,
    ContactNamed,
    ContactsAsked,
    EnrollmentRequired,
    EnrollmentStarted,
    FactorAdded,
    FactorRequired,
    FreshSession,
    LockOpened,
    MessagePurpose,
    MfaPolicy,
    PasswordChanged,
    PasswordChangeRequired,
    Policy,
    PromptSent,
    ProofAccepted,
    PushPolicy,
    ReauthenticationRequired,
    RecoveryCode,
    ReportReason,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SessionValid,
    SignedIn,
    UnlockLink,
    Vetoed,
    Vouched,
    Waiting,
)
from acctsec.budgets import Rungs
from acctsec.events import SignedInEvent
from acctsec.lockout import UNLOCK_LIFETIME
from acctsec.outcomes import FactorsRemoved, PromptApproved
from acctsec.steps.vouching import GATHERING
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD

DAY = timedelta(days=1)
RECOVERY = evolve(SHORT.recovery, contacts_settle=timedelta(0))
FEW = Rungs(free=4, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=6)
SINCE = timedelta(minutes=31 * 3)
"""How long ago the sixth of eight guesses, a rest apart, stopped the lane."""
STAFF = evolve(SHORT, mfa=MfaPolicy(required_groups={"staff"}), recovery=RECOVERY)
"""SHORT, where members of the group staff must have a factor, and a contact counts at once."""


@frozen(kw_only=True)
class Artefact:
    """
    Something that is handed out.

    *make* leads a new world to where it is handed out and answers it. *use* tries it for its own purpose and says whether that
    worked. *lifetime* is how long it lives in that world. *changes*: to use it is to change the password.
    """

    make: Callable[[Exhibit], object]
    use: Callable[[Exhibit, object], bool]
    lifetime: Callable[[Policy], timedelta]
    changes: bool = False
    policy: Policy = STAFF

    def world(self, place, seed: int = 0) -> Exhibit:
        """A world to make it in."""
        return exhibit(place, policy=self.policy, seed=seed)


def _session(w: Exhibit) -> str:
    w.sign_up()
    return w.sign_in().session


def _device(w: Exhibit) -> str:
    w.sign_up()
    return w.sign_in().device


def _known_device(w: Exhibit, device: str) -> bool:
    outcome = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device))
    w.deliver()
    return isinstance(outcome, SignedIn) and w.sink.of(SignedInEvent)[-1].known_device


def _sign_in_ticket(w: Exhibit) -> str:
    w.app, w.codes, _ = w.guarded()
    return w.ticket()


def _change_ticket(w: Exhibit) -> str:
    w.sign_up()
    w.engine.admin.require_password_change("u1", actor="root")
    outcome = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(outcome, PasswordChangeRequired)
    return outcome.ticket


def _enrollment_ticket(w: Exhibit) -> str:
    w.sign_up(groups={"staff"})
    outcome = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(outcome, EnrollmentRequired)
    return outcome.ticket


def _factor_ticket(w: Exhibit) -> str:
    w.sign_up()
    started = w.engine.enroll_totp(w.sign_in().session, context=w.context())
    w.app = Authenticator(started)
    return started.ticket


def _link(w: Exhibit) -> str:
    w.sign_up()
    return w.reset_link()


def _code(w: Exhibit) -> ResetCode:
    w.sign_up()
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()
    return ResetCode(handle, w.messenger.code)


def _handle(w: Exhibit) -> str:
    w.app, w.codes, _ = w.guarded()
    return w.engine.request_reset(IDENTIFIER, context=w.context()).handle


def _reset_ticket(w: Exhibit) -> str:
    w.app, w.codes, _ = w.guarded()
    outcome = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(outcome, FactorRequired)
    return outcome.ticket


def _resume_ticket(w: Exhibit) -> str:
    ticket = _reset_ticket(w)
    outcome = w.engine.verify_factor(ticket, w.app.code(w.clock()), context=w.context())
    assert isinstance(outcome, ProofAccepted)
    return outcome.ticket


def _share(w: Exhibit) -> str:
    w.app, w.codes, session = w.guarded()
    for one in ("u7", "u8"):
        w.sign_up(one, f"{one}@example.org")
        assert isinstance(w.engine.name_contact(session, one, context=w.context()), ContactNamed)
    outcome = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(w.engine.ask_contacts(outcome.ticket, context=w.context()), ContactsAsked)
    w.deliver()
    return w.messenger.of(MessagePurpose.CONTACT_SHARE, subject="u7")[-1].link


def _vouches(w: Exhibit, token: str) -> bool:
    contact = w.engine.sign_in("u7@example.org", PASSWORD, context=w.context())
    by = FreshSession(getattr(contact, "session", ""))
    return isinstance(w.engine.vouch(token, by=by, context=w.context()), Vouched)


def _veto(w: Exhibit) -> str:
    w.sign_up()
    assert _redeems(w, ResetLink(w.reset_link()))
    w.deliver()
    return w.messenger.messages[-1].veto


def _waiting_ticket(w: Exhibit) -> str:
    w.app, w.codes, _ = w.guarded()
    asked = w.engine.remove_lost_factors(ResetLink(w.reset_link()), context=w.context())
    assert isinstance(asked, FactorRequired)
    proven = w.engine.verify_factor(asked.ticket, RecoveryCode(w.codes[0]), context=w.context())
    assert isinstance(proven, ProofAccepted)
    outcome = w.engine.remove_lost_factors(ResumeTicket(proven.ticket), context=w.context())
    assert isinstance(outcome, Waiting)
    w.until = outcome.until
    return outcome.ticket


def _drops(w: Exhibit, ticket: str) -> bool:
    """Take the factors off, once the day is over on which every address was told."""
    if timedelta(0) < w.until - w.clock() <= DAY:
        w.clock.advance(w.until - w.clock())
    outcome = w.engine.remove_lost_factors(ResumeTicket(ticket), context=w.context())
    return isinstance(outcome, FactorsRemoved)


def _address_link(w: Exhibit) -> str:
    w.sign_up()
    pending = w.engine.add_address(w.sign_in().session, "second@example.org", context=w.context())
    assert isinstance(pending, AddressPending)
    w.deliver()
    return w.messenger.address_link


def _unlock_link(w: Exhibit) -> str:
    w.sign_up()
    for number in range(8):
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(address(number)))
        w.clock.advance(minutes=31)
    w.deliver()
    return w.messenger.unlock_link


def _step_up_ticket(w: Exhibit) -> str:
    w.app, w.codes, session = w.guarded()
    w.clock.advance(w.policy.sessions.fresh)
    asked = w.engine.authorize(session, Action.EXPORT_DATA, context=w.context())
    assert isinstance(asked, ReauthenticationRequired), asked
    return asked.ticket


def _steps_up(w: Exhibit, ticket: str) -> bool:
    outcome = w.engine.reauthenticate(ticket, PASSWORD, context=w.context())
    if isinstance(outcome, FactorRequired):
        outcome = w.engine.verify_factor(outcome.ticket, w.app.code(w.clock()), context=w.context())
    return isinstance(outcome, SignedIn)


def _prompt(w: Exhibit) -> str:
    w.app, w.codes, session = w.guarded()
    set_up(w, session)
    w.clock.advance(minutes=5)
    sent = w.engine.push_prompt(password(w), w.push, context=w.context())
    assert isinstance(sent, PromptSent), sent
    w.number = sent.number
    return token(w)


def _redeems(w: Exhibit, proof: object) -> bool:
    return isinstance(w.engine.redeem_reset(proof, NEW, context=w.context()), PasswordChanged)


def _verifies(kind: type):
    return lambda w, token: isinstance(w.engine.verify_factor(token, w.app.code(w.clock()), context=w.context()), kind)


def _sets(claim: type):
    return lambda w, token: isinstance(w.engine.set_password("u1", NEW, by=claim(token), context=w.context()), PasswordChanged)


ARTEFACTS = {
    "session": Artefact(
        make=_session,
        use=lambda w, token: isinstance(w.engine.check_session(token, context=w.context()), SessionValid),
        lifetime=lambda policy: policy.sessions.idle,
    ),
    "fresh session": Artefact(
        make=_session, use=_sets(FreshSession), lifetime=lambda policy: policy.sessions.fresh, changes=True
    ),
    "device": Artefact(make=_device, use=_known_device, lifetime=lambda policy: policy.lockout.remember),
    "sign-in ticket": Artefact(
        make=_sign_in_ticket, use=_verifies(SignedIn), lifetime=lambda policy: policy.sessions.ticket_lifetime
    ),
    "change ticket": Artefact(
        make=_change_ticket, use=_sets(ChangeTicket), lifetime=lambda policy: policy.sessions.ticket_lifetime, changes=True
    ),
    "enrollment ticket": Artefact(
        make=_enrollment_ticket,
        use=lambda w, token: isinstance(w.engine.enroll_totp(token, context=w.context()), EnrollmentStarted),
        lifetime=lambda policy: policy.sessions.ticket_lifetime,
    ),
    "factor ticket": Artefact(
        make=_factor_ticket,
        use=lambda w, token: isinstance(w.engine.confirm_factor(token, w.app.code(w.clock()), context=w.context()), FactorAdded),
        lifetime=lambda policy: policy.sessions.ticket_lifetime,
    ),
    "link": Artefact(
        make=_link,
        use=lambda w, token: _redeems(w, ResetLink(token)),
        lifetime=lambda policy: policy.reset.link_lifetime,
        changes=True,
    ),
    "code": Artefact(make=_code, use=_redeems, lifetime=lambda policy: policy.reset.code_lifetime, changes=True),
    "handle": Artefact(
        make=_handle,
        use=lambda w, token: isinstance(
            w.engine.redeem_reset(RecoveryCode(w.codes[0], token), NEW, context=w.context()), FactorRequired
        ),
        lifetime=lambda policy: policy.reset.link_lifetime,
    ),
    "reset ticket": Artefact(
        make=_reset_ticket, use=_verifies(ProofAccepted), lifetime=lambda policy: policy.reset.resume_lifetime
    ),
    "address link": Artefact(
        make=_address_link,
        use=lambda w, token: isinstance(w.engine.verify_address(AddressLink(token), context=w.context()), AddressVerified),
        lifetime=lambda policy: policy.recovery.claim,
    ),
    "resume ticket": Artefact(
        make=_resume_ticket,
        use=lambda w, token: _redeems(w, ResumeTicket(token)),
        lifetime=lambda policy: policy.reset.resume_lifetime,
        changes=True,
    ),
    "share": Artefact(make=_share, use=_vouches, lifetime=lambda _: GATHERING),
    "veto": Artefact(
        make=_veto,
        use=lambda w, token: isinstance(w.engine.veto(token, context=w.context()), Vetoed),
        lifetime=lambda policy: policy.recovery.veto_window,
    ),
    "unlock link": Artefact(
        make=_unlock_link,
        use=lambda w, token: isinstance(w.engine.unlock(UnlockLink(token), context=w.context()), LockOpened),
        lifetime=lambda _: UNLOCK_LIFETIME - SINCE,
        policy=evolve(STAFF, lockout=evolve(STAFF.lockout, strangers=FEW)),
    ),
    "step-up ticket": Artefact(make=_step_up_ticket, use=_steps_up, lifetime=lambda policy: policy.sessions.ticket_lifetime),
    "prompt": Artefact(
        make=_prompt,
        use=lambda w, token: isinstance(w.engine.answer_prompt(token, w.number, context=w.context()), PromptApproved),
        lifetime=lambda policy: policy.mfa.push.lifetime,
        policy=evolve(STAFF, mfa=evolve(STAFF.mfa, kinds=KINDS, push=PushPolicy())),
    ),
    "waiting ticket": Artefact(make=_waiting_ticket, use=_drops, lifetime=lambda policy: DAY + policy.recovery.claim),
}

# --- doors ------------------------------------------------------------------------------------------------------------


def doors(w: Exhibit, subject: str = "u1") -> dict[str, tuple[Callable[[str], object], frozenset[str]]]:
    """Every operation that takes a token, but those for passkeys: how to give it one, and which artefacts it is there for."""
    engine, code, here = w.engine, w.app.code(w.clock()), w.context()
    session = frozenset({"session", "fresh session"})
    return {
        "verify_factor": (
            lambda t: engine.verify_factor(t, code, context=here),
            {"sign-in ticket", "reset ticket", "step-up ticket"},
        ),
        "set_password by ticket": (
            lambda t: engine.set_password(subject, NEW, by=ChangeTicket(t), context=here),
            {"change ticket"},
        ),
        "set_password by session": (lambda t: engine.set_password(subject, NEW, by=FreshSession(t), context=here), session),
        "redeem_reset by link": (lambda t: engine.redeem_reset(ResetLink(t), NEW, context=here), {"link"}),
        "redeem_reset by ticket": (lambda t: engine.redeem_reset(ResumeTicket(t), NEW, context=here), {"resume ticket"}),
        "redeem_reset by code": (lambda t: engine.redeem_reset(ResetCode(t, "00000000"), NEW, context=here), {"handle", "code"}),
        "remove_lost_factors by link": (lambda t: engine.remove_lost_factors(ResetLink(t), context=here), {"link"}),
        "remove_lost_factors by ticket": (
            lambda t: engine.remove_lost_factors(ResumeTicket(t), context=here),
            {"resume ticket", "waiting ticket"},
        ),
        "inspect_veto": (lambda t: engine.inspect_veto(t, context=here), {"veto"}),
        "veto": (lambda t: engine.veto(t, context=here), {"veto"}),
        "list_changes": (lambda t: engine.list_changes(t, context=here), session),
        "cancel_change by session": (lambda t: engine.cancel_change("0" * 32, by=FreshSession(t), context=here), session),
        "cancel_change by ticket": (
            lambda t: engine.cancel_change("0" * 32, by=ResumeTicket(t), context=here),
            {"resume ticket", "waiting ticket"},
        ),
        "verify_address by link": (lambda t: engine.verify_address(AddressLink(t), context=here), {"address link"}),
        "verify_address by ticket": (lambda t: engine.verify_address(ResumeTicket(t), context=here), {"resume ticket"}),
        "inspect_address": (lambda t: engine.inspect_address(t, context=here), {"address link"}),
        "add_address": (lambda t: engine.add_address(t, "third@example.org", context=here), session),
        "remove_address": (lambda t: engine.remove_address(t, "second@example.org", context=here), session),
        "change_identifier": (lambda t: engine.change_identifier(t, IDENTIFIER, "alice", context=here), session),
        "inspect_unlock": (lambda t: engine.inspect_unlock(t, context=here), {"unlock link"}),
        "unlock": (lambda t: engine.unlock(UnlockLink(t), context=here), {"unlock link"}),
        "inspect_prompt": (lambda t: engine.inspect_prompt(t, context=here), {"prompt"}),
        "answer_prompt": (lambda t: engine.answer_prompt(t, "123456", context=here), {"prompt"}),
        "deny_prompt": (lambda t: engine.deny_prompt(t, context=here), {"prompt"}),
        "push_prompt": (
            lambda t: engine.push_prompt(t, "0" * 16, context=here),
            {"sign-in ticket", "reset ticket", "step-up ticket"},
        ),
        "reauthenticate": (lambda t: engine.reauthenticate(t, PASSWORD, context=here), {"step-up ticket"}),
        "authorize": (lambda t: engine.authorize(t, Action.EXPORT_DATA, context=here), session),
        "enroll_hotp": (lambda t: engine.enroll_hotp(t, context=here), session | {"enrollment ticket"}),
        "enroll_push": (lambda t: engine.enroll_push(t, APP, context=here), session | {"enrollment ticket"}),
        "inspect_reset": (lambda t: engine.inspect_reset(t, context=here), {"link"}),
        "check_session": (lambda t: engine.check_session(t, context=here), session),
        "enroll_totp": (lambda t: engine.enroll_totp(t, context=here), session | {"enrollment ticket"}),
        "enroll_delivered": (lambda t: engine.enroll_delivered(t, IDENTIFIER, context=here), session | {"enrollment ticket"}),
        "send_code": (
            lambda t: engine.send_code(t, "0" * 16, context=here),
            {"sign-in ticket", "reset ticket", "step-up ticket", "factor ticket"},
        ),
        "begin_outside": (
            lambda t: engine.begin_outside(t, "0" * 16, context=here),
            {"sign-in ticket", "reset ticket", "step-up ticket"},
        ),
        "confirm_factor": (lambda t: engine.confirm_factor(t, code, context=here), {"factor ticket"}),
        "list_factors": (lambda t: engine.list_factors(t, context=here), session),
        "rename_factor": (lambda t: engine.rename_factor(t, "0" * 16, "new", context=here), session),
        "remove_factor": (lambda t: engine.remove_factor(t, "0" * 16, context=here), session),
        "report_factor": (lambda t: engine.report_factor(t, "0" * 16, ReportReason.LOST, context=here), session),
        "restore_factor": (lambda t: engine.restore_factor(t, "0" * 16, context=here), session),
        "issue_recovery_codes": (lambda t: engine.issue_recovery_codes(t, context=here), session),
        "list_sessions": (lambda t: engine.list_sessions(t, context=here), session),
        "end_session": (lambda t: engine.end_session(t, "0" * 32, context=here), session),
        "list_devices": (lambda t: engine.list_devices(t, context=here), session),
        "forget_device": (lambda t: engine.forget_device(t, "0" * 32, context=here), session),
        "name_contact": (lambda t: engine.name_contact(t, "u8", context=here), session),
        "list_contacts": (lambda t: engine.list_contacts(t, context=here), session),
        "remove_contact": (lambda t: engine.remove_contact(t, "u8", context=here), session),
        "ask_contacts": (lambda t: engine.ask_contacts(t, context=here), {"reset ticket", "resume ticket"}),
        "inspect_share": (lambda t: engine.inspect_share(t, context=here), {"share"}),
        "vouch": (lambda t: engine.vouch(t, by=FreshSession(t), context=here), {"share"} | session),
        "sign_out": (lambda t: engine.sign_out(t, context=here), session),
        "sign_out_everywhere": (lambda t: engine.sign_out_everywhere(subject, by=FreshSession(t), context=here), session),
    }
