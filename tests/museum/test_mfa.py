"""No way around the second factor, and none of it works twice (I19, I20)."""

import ast
import base64

import pytest
from tests.museum.artefacts import STAFF
from tests.museum.harness import NEW, ROOT, address, exhibit, kinds, par

from acctsec import (
    AssuranceLevel,
    ConfigError,
    FactorAdded,
    FactorRemoved,
    FactorRequired,
    MfaPolicy,
    PasswordChanged,
    ProofAccepted,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TokenRejected,
    TotpCode,
)
from acctsec.keyring import frame
from acctsec.mfa import totp
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD

VARIANTS = (
    lambda code: "".join(chr(ord(char) - 0x30 + 0xFF10) for char in code),  # full width
    lambda code: "".join(chr(ord(char) - 0x30 + 0x1D7CE) for char in code),  # mathematical bold
    lambda code: "".join(chr(ord(char) - 0x30 + 0x0660) for char in code),  # Arabic-Indic
    lambda code: code.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),  # superscript
    lambda code: code + "\n",
    lambda code: " " + code,
    lambda code: code[:3] + " " + code[3:],
    lambda code: code + "\u200b",
    int,
    lambda code: code.encode(),
)


COLLISION = (b"acctsec museum piece", 55_847_446)
"""A secret and a time step before and after which it shows one and the same code; found by search."""


def factor(w, ticket, answer, number=0):
    return w.engine.verify_factor(ticket, answer, context=w.context(address(number)))


def test_m114_a_reset_gives_no_session_and_no_way_around_the_factor(w):
    """The mailbox alone changes nothing where a factor is; with the factor the password changes, and that is all."""
    app, _, _ = w.guarded()
    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(due, FactorRequired)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)

    proof = factor(w, due.ticket, app.code(w.clock()))
    assert isinstance(proof, ProofAccepted)
    changed = w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context())

    assert isinstance(changed, PasswordChanged)
    assert w.engine.admin.export("u1").sessions == ()
    for token in (due.ticket, proof.ticket, changed.device):
        assert w.engine.enroll_totp(token, context=w.context()) == Refused()
        assert w.engine.issue_recovery_codes(token, context=w.context()) == Refused()
    again = w.engine.sign_in(IDENTIFIER, NEW, context=w.context(device=changed.device))
    assert isinstance(again, FactorRequired)


def test_m114_two_mails_are_not_two_proofs(w):
    """A link and a code out of one mailbox are one kind of proof, in whichever order."""
    w.guarded()
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()
    link, code = w.messenger.link, w.messenger.code

    assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), FactorRequired)
    assert isinstance(w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context()), FactorRequired)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)


def test_m114_a_recovery_code_alone_resets_nothing(w):
    """One recovery code is spent and asks for another kind of proof; a second recovery code is not one."""
    app, codes, _ = w.guarded()
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    due = w.engine.redeem_reset(RecoveryCode(codes[0], handle), NEW, context=w.context())
    assert isinstance(due, FactorRequired)

    second = factor(w, due.ticket, RecoveryCode(codes[1]))

    if isinstance(second, ProofAccepted):
        outcome = w.engine.redeem_reset(ResumeTicket(second.ticket), NEW, context=w.context())
        assert not isinstance(outcome, PasswordChanged)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)
    due = w.engine.redeem_reset(RecoveryCode(codes[2], handle), NEW, context=w.context(address(3)))
    proof = factor(w, due.ticket, app.code(w.clock()), 4)
    assert isinstance(w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context()), PasswordChanged)


def test_m115_sessions_come_from_the_gates_alone():
    """In the source: a session row is made in two functions, each of which demands a proof, and nowhere else."""
    makers = []
    for path in sorted((ROOT / "src/acctsec/steps").rglob("*.py")) + sorted((ROOT / "src/acctsec/_flows").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
                makers += [function.name for call in calls if isinstance(call, ast.Name) and call.id == "Session"]
    assert makers == ["add_factor", "_grant"]


def test_m115_no_operation_but_the_gate_gives_a_session_without_a_factor(w):
    """With a right password and no code, every way on ends in a question for the factor or in a refusal."""
    w.guarded()
    ticket = w.ticket()
    for answer in (TotpCode("000000"), RecoveryCode("0000-0000-0000-0000")):
        assert factor(w, ticket, answer) == Refused()
    for token in (ticket,):
        assert w.engine.enroll_totp(token, context=w.context()) == Refused()
        assert w.engine.issue_recovery_codes(token, context=w.context()) == Refused()
        assert type(w.engine.check_session(token, context=w.context())).__name__ == "SessionEnded"
    assert w.engine.admin.export("u1").sessions != ()  # the one that enrolled


def test_m117_a_known_device_is_asked_for_its_factor_all_the_same(w):
    """A device token, of this subject or another, old, forged or none, spares nobody the second factor."""
    app, _, _ = w.guarded()
    w.guarded("u2", "bob@example.org")
    old = w.fully(app).device
    w.clock.advance(days=400)
    mine = w.fully(app).device
    devices = [None, mine, old, mine[::-1], mine[:-4] + "AAAA", "", "x" * len(mine)]

    for device in devices:
        assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device)), FactorRequired)
        assert isinstance(w.engine.sign_in("bob@example.org", PASSWORD, context=w.context(device=device)), FactorRequired)


def test_m118_the_level_is_computed_from_live_factors(w):
    """Enrolling raises what the next sign-in needs at once; removing the last factor, and only that, lowers it."""
    app, _, session = w.guarded()
    second, session = w.enroll(session, name="tablet")
    ids = [one.id for one in w.engine.list_factors(session, context=w.context()).factors if one.name]
    assert len(ids) == 2
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)

    w.directory.change("u1", identifiers=("renamed@example.org",))
    assert isinstance(w.engine.sign_in("renamed@example.org", PASSWORD, context=w.context()), FactorRequired)

    session = w.engine.remove_factor(session, ids[0], context=w.context()).session
    ticket = w.ticket("renamed@example.org")
    assert factor(w, ticket, app.code(w.clock())) == Refused()
    signed = factor(w, ticket, second.code(w.clock()))
    assert signed.info.level is AssuranceLevel.AAL2

    removed = w.engine.remove_factor(signed.session, ids[1], context=w.context())
    assert isinstance(removed, FactorRemoved)
    plain = w.engine.sign_in("renamed@example.org", PASSWORD, context=w.context())
    assert plain.info.level is AssuranceLevel.AAL1
    assert w.engine.check_session(removed.session, context=w.context()).session.level is AssuranceLevel.AAL1


def test_m118_a_group_that_needs_a_factor_needs_it_now(place):
    """Who joins such a group signs in no more without setting a factor up, whatever was true when his session began."""
    w = exhibit(place, policy=STAFF)
    w.sign_up()
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)

    w.directory.change("u1", groups={"staff"})

    assert type(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())).__name__ == "EnrollmentRequired"


# --- time-based codes -------------------------------------------------------------------------------------------------


def test_m121_a_code_is_accepted_once(w):
    """The same code, again on the same ticket and on a new one, in this step and in the next: refused."""
    app, _, _ = w.guarded()
    ticket, code = w.ticket(), app.code(w.clock())
    assert isinstance(factor(w, ticket, code), SignedIn)

    for number in range(4):
        assert factor(w, ticket, code, number) == Refused()
        assert factor(w, w.ticket(), code, number) == Refused()
        w.clock.advance(seconds=15)


@pytest.mark.parametrize("variant", range(len(VARIANTS)))
def test_m121_no_spelling_makes_a_used_code_new(w, variant):
    """Full-width, bold, superscript and Arabic digits, white space, numbers: not one is a code, used or not."""
    app, _, _ = w.guarded()
    ticket, code = w.ticket(), app.code(w.clock()).code

    assert factor(w, ticket, TotpCode(VARIANTS[variant](code))) == Refused()
    assert isinstance(factor(w, ticket, TotpCode(code)), SignedIn)
    assert factor(w, w.ticket(), TotpCode(VARIANTS[variant](code))) == Refused()


def test_m121_the_code_that_confirmed_the_factor_is_spent(w):
    """Setting an authenticator up uses its code up: the same one signs nobody in."""
    w.sign_up()
    started = w.engine.enroll_totp(w.sign_in().session, context=w.context())
    app = Authenticator(started)
    code = app.code(w.clock())
    assert isinstance(w.engine.confirm_factor(started.ticket, code, context=w.context()), FactorAdded)

    assert factor(w, w.ticket(), code) == Refused()


def test_m121_a_code_that_belongs_to_two_steps_is_accepted_once(place):
    """By chance a code may show twice within the drift; its later step is used up with it."""
    secret, step = COLLISION
    w = exhibit(place)
    w.clock.now = w.clock.now.fromtimestamp(30 * (step - 200), tz=w.clock.now.tzinfo)
    w.sign_up()
    session = w.sign_in().session
    draw = w.entropy
    w.entropy = lambda size: secret if size == totp.SECRET_BYTES else draw(size)
    w.restart()
    app, _ = w.enroll(session)
    w.entropy = draw
    w.restart()
    w.clock.now = w.clock.now.fromtimestamp(30 * step + 5, tz=w.clock.now.tzinfo)
    code = app.code(w.clock(), step=-1)
    assert code == app.code(w.clock(), step=1)

    assert isinstance(factor(w, w.ticket(), code), SignedIn)
    for number in range(6):
        assert factor(w, w.ticket(), code, number) == Refused()
        w.clock.advance(seconds=10)


def test_m122_steps_only_go_up(w):
    """A code of step k is dead at k+1, within the drift; after k+1's code, k's is dead even if it was never used."""
    app, _, _ = w.guarded()
    first = app.code(w.clock())
    assert isinstance(factor(w, w.ticket(), first), SignedIn)
    w.clock.advance(seconds=30)
    assert factor(w, w.ticket(), first) == Refused()
    skipped = app.code(w.clock())

    assert isinstance(factor(w, w.ticket(), app.code(w.clock(), step=1)), SignedIn)

    assert factor(w, w.ticket(), skipped) == Refused()


def test_m124_one_code_on_eight_tickets_at_once_signs_in_once(w):
    """Eight challenges of one subject, one code, one barrier: exactly one session."""
    app, _, _ = w.guarded()
    tickets, code = [w.ticket(address=address(n)) for n in range(8)], app.code(w.clock())

    outcomes = par(*(lambda n=n, t=t: factor(w, t, code, n) for n, t in enumerate(tickets)))

    assert kinds(outcomes)["SignedIn"] == 1
    assert set(kinds(outcomes)) <= {"SignedIn", "Refused", "TryAgain"}


def test_m127_nobody_brings_parameters_of_his_own(w):
    """But for a token that has them, digits, period, algorithm and secret are the policy's: 6, 30 s, SHA-1 and 160 bits."""
    w.sign_up()
    started = w.engine.enroll_totp(w.sign_in().session, name="phone", context=w.context())
    assert len(base64.b32decode(started.key.replace(" ", ""))) == 20
    assert (totp.DIGITS, totp.PERIOD) == (6, 30)
    for knobs in ({"window": 2}, {"window": -1}, {"window": True, "issuer": ""}, {"recovery_codes": 0}, {"issuer": "a:b"}):
        with pytest.raises((ConfigError, ValueError, TypeError)):
            MfaPolicy(**knobs)


def test_m127_a_token_brings_parameters_within_the_bounds_or_none(w):
    """Digits, period, algorithm or secret out of bounds: not set up, by its owner or by an operator, and nothing is written."""
    w.sign_up()
    session, before = w.sign_in().session, w.store.load(frame("subject", "", "u1"))
    good = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    hostile = (
        "&digits=5",
        "&digits=9",
        "&digits=-1",
        "&period=14",
        "&period=61",
        "&period=0",
        "&algorithm=MD5",
        "&algorithm=",
        "&encoder=steam",
    )
    for uri in (*(good + more for more in hostile), good.replace("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "GEZDGNBV"), "", None):
        if uri is not None:
            assert isinstance(w.engine.enroll_totp(session, otpauth=uri, context=w.context()), TokenRejected)
        assert isinstance(w.engine.admin.import_factor("u1", uri, actor="mover"), TokenRejected)
    assert w.store.load(frame("subject", "", "u1")) == before
