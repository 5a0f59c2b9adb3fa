"""Whatever is handed to an operation, the answer is an outcome or a ConfigError that says how to mend it."""

import inspect

import pytest
from attrs import evolve
from tests.mfa.otp_stage import ALL, Toy, policy

from acctsec import CHEAPEST, Engine, PasskeyPolicy, ResetPolicy
from acctsec.claims import (
    AddressCode,
    AddressLink,
    Admin,
    ChangeTicket,
    CurrentPassword,
    DeliveredCode,
    FreshSession,
    HotpCode,
    Initial,
    OutsideAnswer,
    PasskeyAssertion,
    PasskeyAttestation,
    RecoveryCode,
    ResetCode,
    ResetLink,
    ResumeTicket,
    TotpCode,
    UnlockFactor,
    UnlockLink,
)
from acctsec.errors import ConfigError
from acctsec.mfa import Action
from acctsec.outcomes import (
    FactorKind,
    FactorRequired,
    IdentifierRejected,
    PasswordRejected,
    Refused,
    ReportReason,
    ResetRequested,
    SessionEnded,
    SessionsEnded,
    SignedIn,
    TokenRejected,
    TryAgain,
)
from acctsec.protocols import AsyncStore
from acctsec.testing import world
from acctsec.testing.world import PASSWORD


class Hostile(str):
    """Equal to everything, and a string only by name."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return True


HOSTILE = {
    "none": None,
    "zero": 0,
    "true": True,
    "float": 0.0,
    "bytes": b"x",
    "list": [],
    "list of none": [None],
    "operator": {"$gt": ""},
    "empty": "",
    "nul": "a\x00b",
    "surrogate": "\ud800",
    "lone surrogate in text": "alice@example.org\udfff",
    "huge": "x" * 10**6,
    "newlines": "alice@example.org\r\nBcc: eve@example.org",
    "bidi": "\N{RIGHT-TO-LEFT OVERRIDE}alice",
    "hostile": Hostile("x"),
    "object": object(),
}
NO = (IdentifierRejected, Refused, SessionEnded, SessionsEnded, PasswordRejected, ResetRequested, TokenRejected, TryAgain)
PASSKEY = {"type": "public-key", "id": "AAAA", "rawId": "AAAA", "response": {"userHandle": "dTE"}}


@pytest.fixture(scope="module")
def w():
    passkeys = PasskeyPolicy(rp_id="example.org", rp_name="Otterly", origins=("https://example.org",))
    base = evolve(CHEAPEST, reset=ResetPolicy(passwords_by_administrators=True))
    w = world(policy=policy(base, kinds=ALL | {FactorKind.PASSKEY}, passkeys=passkeys), outside={"toy": Toy()})
    w.sign_up("u1", "alice@example.org")
    return w


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE.keys())
def value(request):
    return request.param


def operations(w, value):
    """Every operation of the engine, with the hostile value in each place where a caller's input goes."""
    engine, context = w.engine, w.context()
    session = w.sign_in().session
    yield "check_password", lambda: engine.check_password(value)
    for by in (Initial(), Admin("root"), CurrentPassword(PASSWORD), FreshSession(session)):
        yield "set_password", lambda by=by: engine.set_password("u1", value, by=by, context=context)
    for by in (CurrentPassword(value), CurrentPassword(PASSWORD, value or "x"), FreshSession(value), ChangeTicket(value)):
        yield "set_password", lambda by=by: engine.set_password("u1", "new " + PASSWORD, by=by, context=context)
    yield "sign_in", lambda: engine.sign_in(value, PASSWORD, context=context)
    yield "sign_in", lambda: engine.sign_in("alice@example.org", value, context=context)
    yield "verify_factor", lambda: engine.verify_factor(value, TotpCode("123456"), context=context)
    for answer in (
        TotpCode(value),
        HotpCode(value),
        HotpCode("123456", value or "x"),
        OutsideAnswer("toy", value),
        RecoveryCode(value),
        PasskeyAssertion(value),
    ):
        yield "verify_factor", lambda answer=answer: engine.verify_factor(session, answer, context=context)
    yield "check_session", lambda: engine.check_session(value, context=context)
    yield "authorize", lambda: engine.authorize(value, Action.CHANGE_FACTORS, context=context)
    yield "reauthenticate", lambda: engine.reauthenticate(value, PASSWORD, context=context)
    yield "reauthenticate", lambda: engine.reauthenticate(session, value, context=context)
    yield "request_reset", lambda: engine.request_reset(value, context=context)
    yield "inspect_reset", lambda: engine.inspect_reset(value, context=context)
    handle = engine.request_reset("alice@example.org", context=w.context("203.0.113.5")).handle
    for reset in (
        ResetLink(value),
        ResetCode(handle, value),
        ResetCode(value, "12345678"),
        RecoveryCode(value, handle),
        RecoveryCode("0000-0000-0000-0000", value),
        ResumeTicket(value),
    ):
        yield "redeem_reset", lambda reset=reset: engine.redeem_reset(reset, PASSWORD, context=context)
        yield "remove_lost_factors", lambda reset=reset: engine.remove_lost_factors(reset, context=context)
    yield "add_address", lambda: engine.add_address(value, "new@example.org", context=context)
    yield "add_address", lambda: engine.add_address(session, value, context=context)
    if value is not None:
        yield "add_address", lambda: engine.add_address(session, "new@example.org", replaces=value, context=context)
    yield "inspect_address", lambda: engine.inspect_address(value, context=context)
    for proof in (AddressLink(value), AddressCode(value, "12345678"), AddressCode("0" * 32, value), ResumeTicket(value)):
        for token in (None, value, session):
            yield "verify_address", lambda proof=proof, token=token: engine.verify_address(proof, session=token, context=context)
    yield "remove_address", lambda: engine.remove_address(value, "alice@example.org", context=context)
    yield "remove_address", lambda: engine.remove_address(session, value, context=context)
    for given in ((value, "alice@example.org", "new"), (session, value, "new"), (session, "alice@example.org", value)):
        yield "change_identifier", lambda given=given: engine.change_identifier(*given, context=context)
    yield "inspect_veto", lambda: engine.inspect_veto(value, context=context)
    yield "veto", lambda: engine.veto(value, context=context)
    yield "list_changes", lambda: engine.list_changes(value, context=context)
    yield "cancel_change", lambda: engine.cancel_change(value, by=FreshSession(session), context=context)
    for by in (FreshSession(value), ResumeTicket(value)):
        yield "cancel_change", lambda by=by: engine.cancel_change("0" * 32, by=by, context=context)
    yield "name_contact", lambda: engine.name_contact(value, "u2", context=context)
    yield "name_contact", lambda: engine.name_contact(session, value, context=context)
    yield "list_contacts", lambda: engine.list_contacts(value, context=context)
    yield "remove_contact", lambda: engine.remove_contact(value, "u2", context=context)
    yield "remove_contact", lambda: engine.remove_contact(session, value, context=context)
    yield "ask_contacts", lambda: engine.ask_contacts(value, context=context)
    yield "inspect_share", lambda: engine.inspect_share(value, context=context)
    yield "vouch", lambda: engine.vouch(value, by=FreshSession(session), context=context)
    yield "vouch", lambda: engine.vouch("A" * 488, by=FreshSession(value), context=context)
    yield "inspect_unlock", lambda: engine.inspect_unlock(value, context=context)
    for proof in (
        UnlockLink(value),
        UnlockFactor(value, TotpCode("123456")),
        UnlockFactor("alice@example.org", TotpCode(value)),
        UnlockFactor("alice@example.org", RecoveryCode(value)),
    ):
        yield "unlock", lambda proof=proof: engine.unlock(proof, context=context)
    yield "enroll_totp", lambda: engine.enroll_totp(value, context=context)
    if value != "":  # an empty name is a name
        yield "enroll_totp", lambda: engine.enroll_totp(session, name=value, context=context)
    yield "enroll_hotp", lambda: engine.enroll_hotp(value, context=context)
    if value is not None:
        yield "enroll_totp", lambda: engine.enroll_totp(session, otpauth=value, context=context)
        yield "enroll_hotp", lambda: engine.enroll_hotp(session, otpauth=value, context=context)
    yield "enroll_outside", lambda: engine.enroll_outside(value, "toy", "reference", context=context)
    yield "enroll_outside", lambda: engine.enroll_outside("A" * 488, "toy", value, context=context)
    yield "begin_outside", lambda: engine.begin_outside(value, "f", context=context)
    yield "begin_outside", lambda: engine.begin_outside("A" * 488, value, context=context)
    yield "enroll_passkey", lambda: engine.enroll_passkey(value, context=context)
    if value != "":
        yield "enroll_passkey", lambda: engine.enroll_passkey(session, name=value, context=context)
        yield "enroll_passkey", lambda: engine.enroll_passkey(value, replaces=value, context=context)
    yield "sign_in_with_passkey", lambda: engine.sign_in_with_passkey(value, PasskeyAssertion("{}"), context=context)
    asked = engine.begin_passkey_sign_in(context=context).ticket
    for response in (value, {"response": value}, PASSKEY | {"id": value}, PASSKEY | {"response": {"userHandle": value}}):
        answer = PasskeyAssertion(response)
        yield "sign_in_with_passkey", lambda answer=answer: engine.sign_in_with_passkey(asked, answer, context=context)
    yield "confirm_factor", lambda: engine.confirm_factor(session, PasskeyAttestation(value), context=context)
    yield "enroll_delivered", lambda: engine.enroll_delivered(value, "alice@example.org", context=context)
    yield "enroll_delivered", lambda: engine.enroll_delivered(session, value, context=context)
    yield "send_code", lambda: engine.send_code(value, "f", context=context)
    yield "send_code", lambda: engine.send_code("A" * 488, value, context=context)
    yield "verify_factor", lambda: engine.verify_factor("A" * 488, DeliveredCode(value), context=context)
    yield "confirm_factor", lambda: engine.confirm_factor(session, DeliveredCode(value), context=context)
    for given in ((value, "fcm:app"), (session, value)):
        yield "enroll_push", lambda given=given: engine.enroll_push(*given, context=context)
    yield "push_prompt", lambda: engine.push_prompt(value, "f", context=context)
    yield "inspect_prompt", lambda: engine.inspect_prompt(value, context=context)
    yield "answer_prompt", lambda: engine.answer_prompt(value, "123456", context=context)
    yield "answer_prompt", lambda: engine.answer_prompt("A" * 716, value, context=context)
    yield "deny_prompt", lambda: engine.deny_prompt(value, context=context)
    yield "confirm_factor", lambda: engine.confirm_factor(value, TotpCode("123456"), context=context)
    yield "confirm_factor", lambda: engine.confirm_factor(session, TotpCode(value), context=context)
    yield "list_factors", lambda: engine.list_factors(value, context=context)
    yield "rename_factor", lambda: engine.rename_factor(value, "f", "n", context=context)
    yield "rename_factor", lambda: engine.rename_factor(session, value, "n", context=context)
    yield "remove_factor", lambda: engine.remove_factor(value, "f", context=context)
    yield "remove_factor", lambda: engine.remove_factor(session, value, context=context)
    yield "report_factor", lambda: engine.report_factor(value, "f", ReportReason.LOST, context=context)
    yield "report_factor", lambda: engine.report_factor(session, value, ReportReason.LOST, context=context)
    yield "restore_factor", lambda: engine.restore_factor(value, "f", context=context)
    yield "restore_factor", lambda: engine.restore_factor(session, value, context=context)
    yield "issue_recovery_codes", lambda: engine.issue_recovery_codes(value, context=context)
    yield "list_sessions", lambda: engine.list_sessions(value, context=context)
    yield "end_session", lambda: engine.end_session(value, "0" * 32, context=context)
    yield "end_session", lambda: engine.end_session(session, value, context=context)
    yield "list_devices", lambda: engine.list_devices(value, context=context)
    yield "forget_device", lambda: engine.forget_device(value, "0" * 32, context=context)
    yield "forget_device", lambda: engine.forget_device(session, value, context=context)
    yield "sign_out", lambda: engine.sign_out(value, context=context)
    yield "sign_out_everywhere", lambda: engine.sign_out_everywhere("u1", by=FreshSession(value), context=context)


def test_hostile_values_get_a_typed_no_and_change_nothing(w, value):
    before = w.engine.admin.export("u1")
    for name, call in operations(w, value):
        assert isinstance(call(), NO), (name, value)
    after = w.engine.admin.export("u1")
    assert (after.password_since, after.factors) == (before.password_since, before.factors)


def test_every_public_operation_meets_hostile_values(w):
    met = {name for name, _ in operations(w, "x")}
    public = {name for name, _ in inspect.getmembers(Engine, inspect.isfunction) if not name.startswith("_")}
    assert public - met == {"deliver", "close", "begin_passkey_sign_in"}  # to which nothing is handed


@pytest.mark.parametrize("claim", [None, "x", object(), Initial, PASSWORD], ids=["none", "text", "object", "class", "password"])
def test_something_that_is_no_claim_is_a_mistake_of_the_caller(w, claim):
    for call in (
        lambda: w.engine.set_password("u1", PASSWORD, by=claim, context=w.context()),
        lambda: w.engine.redeem_reset(claim, PASSWORD, context=w.context()),
        lambda: w.engine.sign_out_everywhere("u1", by=claim, context=w.context()),
        lambda: w.engine.vouch("share", by=claim, context=w.context()),
        lambda: w.engine.verify_factor("ticket", claim, context=w.context()),
        lambda: w.engine.sign_in_with_passkey("ticket", claim, context=w.context()),
        lambda: w.engine.confirm_factor("ticket", claim, context=w.context()),
        lambda: w.engine.unlock(claim, context=w.context()),
        lambda: w.engine.verify_address(claim, context=w.context()),
        lambda: w.engine.unlock(UnlockFactor("alice@example.org", claim), context=w.context()),
    ):
        with pytest.raises(ConfigError):
            call()


@pytest.mark.parametrize("context", [None, {}, "203.0.113.9"], ids=["none", "dict", "text"])
def test_something_that_is_no_context_is_a_mistake_of_the_caller(w, context):
    with pytest.raises(ConfigError, match="Context"):
        w.engine.sign_in("alice@example.org", PASSWORD, context=context)
    with pytest.raises(ConfigError, match="Context"):
        w.engine.request_reset("alice@example.org", context=context)


@pytest.mark.parametrize("subject", [None, 7, "x" * 65, b"u1"], ids=["none", "number", "long", "bytes"])
def test_something_that_is_no_subject_is_a_mistake_of_the_caller(w, subject):
    for call in (
        lambda: w.engine.set_password(subject, PASSWORD, by=Initial(), context=w.context()),
        lambda: w.engine.admin.unlock(subject, actor="root"),
        lambda: w.engine.admin.export(subject),
    ):
        with pytest.raises(ConfigError, match="subject"):
            call()


@pytest.mark.parametrize("actor", ["", None, "x" * 65], ids=["empty", "none", "long"])
def test_an_administrator_has_a_name(w, actor):
    with pytest.raises(ConfigError, match="actor"):
        w.engine.admin.disable("u1", actor=actor)


def test_forged_truncated_and_swapped_tokens_read_no_store():
    w = world()
    w.sign_up("u1", "alice@example.org")
    signed_in = w.sign_in()
    link = w.reset_link()
    w.store = Watched(w.store)
    w.restart()
    for token in (signed_in.session, signed_in.device, link):
        for forged in (token[:-1], token + "A", token[:-4] + "AAAA", token[::-1], token.swapcase(), f" {token}", token + "="):
            assert isinstance(w.engine.check_session(forged, context=w.context()), SessionEnded)
            assert isinstance(w.engine.redeem_reset(ResetLink(forged), PASSWORD, context=w.context()), Refused)
            assert isinstance(w.engine.verify_factor(forged, TotpCode("123456"), context=w.context()), Refused)
            assert isinstance(w.engine.inspect_reset(forged, context=w.context()), Refused)
            assert isinstance(w.engine.inspect_unlock(forged, context=w.context()), Refused)
            assert isinstance(w.engine.unlock(UnlockLink(forged), context=w.context()), Refused)
            assert isinstance(w.engine.ask_contacts(forged, context=w.context()), Refused)
            assert isinstance(w.engine.inspect_share(forged, context=w.context()), Refused)
            assert isinstance(w.engine.vouch(forged, by=FreshSession(signed_in.session), context=w.context()), Refused)
    assert w.store.calls == []


class Watched:
    """A store that writes down what is asked of it."""

    def __init__(self, store):
        self.calls = []
        for name in dir(AsyncStore):
            if not name.startswith("_"):
                setattr(self, name, self._watch(getattr(store, name)))

    def _watch(self, call):
        def watched(*args):
            self.calls.append(call.__name__)
            return call(*args)

        return watched


def test_every_operation_that_compares_a_secret_trips_a_meter():
    """Twelve wrong secrets at each door: the last ones are refused before they are compared, or told to wait."""
    w = world()
    w.sign_up("u1", "alice@example.org")
    app, session = w.enroll(w.sign_in().session)
    ticket = w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
    assert isinstance(ticket, FactorRequired)
    handle = w.engine.request_reset("alice@example.org", context=w.context()).handle
    enrolling = w.engine.enroll_totp(session, name="second", context=w.context()).ticket
    wrong = [app.wrong(w.clock(), number) for number in range(12)]
    codes = [f"{number:04d}-0000-0000-0000" for number in range(12)]
    doors = {
        "sign_in": lambda n, c: w.engine.sign_in("alice@example.org", f"wrong {n} {PASSWORD}", context=c),
        "current password": lambda n, c: w.engine.set_password(
            "u1", "x" + PASSWORD, by=CurrentPassword(f"wrong {n} {PASSWORD}", session), context=c
        ),
        "totp": lambda n, c: w.engine.verify_factor(ticket.ticket, wrong[n], context=c),
        "recovery code": lambda n, c: w.engine.verify_factor(ticket.ticket, RecoveryCode(codes[n]), context=c),
        "reset code": lambda n, c: w.engine.redeem_reset(ResetCode(handle, f"{n:08d}"), PASSWORD, context=c),
        "recovery reset": lambda n, c: w.engine.redeem_reset(RecoveryCode(codes[n], handle), PASSWORD, context=c),
        "unlock": lambda n, c: w.engine.unlock(UnlockFactor("alice@example.org", wrong[n]), context=c),
        "enrolment": lambda n, c: w.engine.confirm_factor(enrolling, wrong[n], context=c),
    }
    for number, (door, knock) in enumerate(doors.items()):
        context = w.context(f"198.51.100.{number}")
        answers = [knock(n, context) for n in range(12)]
        assert all(isinstance(answer, Refused) for answer in answers), door
        assert answers[-1].retry_after is not None, door


def test_the_right_door_still_opens():
    w = world()
    w.sign_up("u1", "alice@example.org")
    assert isinstance(w.engine.sign_in("alice@example.org", PASSWORD, context=w.context()), SignedIn)
