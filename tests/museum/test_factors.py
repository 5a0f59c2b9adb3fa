"""Recovery codes, the life of a factor, and the challenges it is asked for in (I21, I22, I23)."""

import base64
from datetime import timedelta

import pytest
from attrs import evolve
from tests.mfa.prompting import prompted, pushes, with_an_app
from tests.mfa.prompting import token as token_of
from tests.museum.artefacts import STAFF
from tests.museum.harness import SHORT, address, exhibit, forms, kinds, other_node, par

from acctsec import (
    EnrollmentStarted,
    FactorRemoved,
    Keyring,
    MessagePurpose,
    MfaPolicy,
    PromptDenied,
    PromptSent,
    PushApproval,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    SignedIn,
)
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.claims import Ticket
from acctsec.events import FactorEnrolled, PromptRejected
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD


def factor(w, ticket, answer, number=0):
    return w.engine.verify_factor(ticket, answer, context=w.context(address(number)))


# --- recovery codes ---------------------------------------------------------------------------------------------------


def test_m130_a_recovery_code_works_once_and_no_race_brings_it_back(w):
    """Eight at once with one code: one session. Two different ones at once: both used, none resurrected."""
    _, codes, _ = w.guarded()
    tickets = [w.ticket(address=address(n)) for n in range(8)]
    outcomes = par(*(lambda n=n, t=t: factor(w, t, RecoveryCode(codes[0]), n) for n, t in enumerate(tickets)))
    assert kinds(outcomes)["SignedIn"] == 1

    pair = [w.ticket(address=address(20 + n)) for n in range(2)]
    outcomes = par(*(lambda n=n, t=t: factor(w, t, RecoveryCode(codes[1 + n]), 20 + n) for n, t in enumerate(pair)))
    assert kinds(outcomes) == {"SignedIn": 2}

    for number, code in enumerate(codes[:3]):
        assert factor(w, w.ticket(address=address(40 + number)), RecoveryCode(code), 40 + number) == Refused()


def test_m131_every_recovery_code_works_in_any_order_across_restarts_and_keys(w, place):
    """Ten codes, out of order, each on a new process, the keys rotated half-way: each works once."""
    _, codes, _ = w.guarded()
    for number, code in enumerate(reversed(codes)):
        if number == 5:
            fresh = tuple(bytes([7 * n % 256 for n in range(k, k + 32)]) for k in (1, 2))
            w.keyring = Keyring(sealing=[fresh[0], w.keys[0]], index=[fresh[1], w.keys[1]], entropy=w.entropy)
            w.restart()
        node = other_node(w, place)
        ticket = w.ticket(address=address(number))
        assert isinstance(node.verify_factor(ticket, RecoveryCode(code), context=w.context(address(number))), SignedIn)
        ticket = w.ticket(address=address(number))
        assert node.verify_factor(ticket, RecoveryCode(code), context=w.context(address(number))) == Refused()


def test_m131_new_codes_void_the_old_ones(w):
    """Of two generations only the newer works."""
    _, old, session = w.guarded()
    issued = w.engine.issue_recovery_codes(session, context=w.context())
    assert isinstance(issued, RecoveryCodes)

    assert factor(w, w.ticket(), RecoveryCode(old[0])) == Refused()
    assert isinstance(factor(w, w.ticket(), RecoveryCode(issued.codes[0])), SignedIn)


@pytest.mark.parametrize("code", ["", "0", "0" * 15, "0" * 17, "0" * 19, "x" * 4097, "y" * 10**6, "ä000-0000-0000-0000", "0\0"])
def test_m132_a_code_of_any_size_is_refused_alike(w, code):
    """Empty, short, long, not ASCII, with a NUL: the one refusal, no exception, no work."""
    _, codes, _ = w.guarded()
    ticket = w.ticket()
    for spelt in (code, codes[0].upper(), codes[0].replace("-", ""), codes[0] + "\n"):
        outcome, calls = w.observe(lambda spelt=spelt: factor(w, ticket, RecoveryCode(spelt)))
        assert (outcome, calls) == (Refused(), [])


# --- life of a factor -------------------------------------------------------------------------------------------------


def test_m134_an_enrolment_that_was_not_confirmed_neither_guards_nor_opens(w):
    """Begun and abandoned, an authenticator changes no sign-in; begun beside another, it proves nothing."""
    w.sign_up()
    started = w.engine.enroll_totp(w.sign_in().session, context=w.context())
    assert isinstance(started, EnrollmentStarted)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)

    app, session = w.enroll(w.sign_in().session)
    pending = Authenticator(w.engine.enroll_totp(session, context=w.context()))
    assert factor(w, w.ticket(), pending.code(w.clock())) == Refused()
    assert isinstance(factor(w, w.ticket(), app.code(w.clock())), SignedIn)


def test_m136_two_removals_at_once_leave_the_factor_the_policy_needs(place):
    """Where a factor is required, the last one stays, whatever order two removals come in."""
    w = exhibit(place, policy=STAFF)
    _, _, session = w.guarded()
    _, session = w.enroll(session, name="tablet")
    w.directory.change("u1", groups={"staff"})
    ids = [one.id for one in w.engine.list_factors(session, context=w.context()).factors if one.name]

    outcomes = par(*(lambda one=one: w.engine.remove_factor(session, one, context=w.context()) for one in ids))

    assert kinds(outcomes) == {"FactorRemoved": 1, "Refused": 1}
    left = next(one for one in outcomes if isinstance(one, FactorRemoved)).session
    (last,) = [one.id for one in w.engine.list_factors(left, context=w.context()).factors if one.name]
    assert w.engine.remove_factor(left, last, context=w.context()) == Refused()


def test_m137_a_factor_of_somebody_else_is_unknown(w):
    """V's session with X's factor id: refused, as an id that nobody has."""
    _, _, session = w.guarded()
    _, _, other = w.guarded("u2", "bob@example.org")
    theirs = w.engine.list_factors(other, context=w.context()).factors[0].id

    for one in (theirs, "0" * 16, "", None):
        assert w.engine.remove_factor(session, one, context=w.context()) == Refused()
        assert w.engine.rename_factor(session, one, "mine", context=w.context()) == Refused()
    assert w.engine.list_factors(other, context=w.context()).factors[0].id == theirs


def test_m137_an_enrolment_confirms_one_factor_of_its_own_subject(w):
    """A confirmed ticket confirms nothing more, also with a fresh right code."""
    w.sign_up()
    started = w.engine.enroll_totp(w.sign_in().session, context=w.context())
    app = Authenticator(started)

    outcomes = par(
        *(
            lambda n=n: w.engine.confirm_factor(started.ticket, app.code(w.clock(), step=n % 2), context=w.context())
            for n in range(4)
        )
    )
    assert kinds(outcomes)["FactorAdded"] == 1
    w.clock.advance(seconds=60)
    assert w.engine.confirm_factor(started.ticket, app.code(w.clock()), context=w.context()) == Refused()
    w.deliver()
    assert len(w.sink.of(FactorEnrolled)) == 1


# --- challenges -------------------------------------------------------------------------------------------------------


def test_m139_a_challenge_that_is_over_completes_nothing(w):
    """Past its time the right code is refused; eight right answers at once, by two factors, give one session."""
    app, codes, _ = w.guarded()
    late, ticket = w.ticket(), None
    w.clock.advance(w.policy.sessions.ticket_lifetime)
    assert factor(w, late, app.code(w.clock())) == Refused()

    ticket = w.ticket(address=address(9))
    answers = [RecoveryCode(code) for code in codes[:5]] + [app.code(w.clock(), step=step) for step in (-1, 0, 1)]
    outcomes = par(*(lambda n=n, a=a: factor(w, ticket, a, n) for n, a in enumerate(answers)))
    assert kinds(outcomes)["SignedIn"] == 1


def test_m141_nothing_of_before_is_in_what_comes_after(w):
    """Ticket, session and device of a flow share no byte beyond the public key id, and none serves as another."""
    app, _, _ = w.guarded()
    ticket = w.ticket()
    signed = factor(w, ticket, app.code(w.clock()))
    tokens = [base64.urlsafe_b64decode(one) for one in (ticket, signed.session, signed.device)]

    chunks = [{one[at : at + 8] for at in range(4, len(one) - 8)} for one in tokens]
    assert chunks[0].isdisjoint(chunks[1])
    assert chunks[0].isdisjoint(chunks[2])
    assert chunks[1].isdisjoint(chunks[2])
    assert signed.info.id not in ticket


def test_m142_nothing_of_the_password_waits_with_the_challenge(w, place):
    """Between password and code, neither the ticket nor the store holds anything made of the password but its sealed verifier."""
    w.guarded()
    before = place.dump()
    ticket = w.ticket()

    claims = Tokens(w.keyring).open(Purpose.SIGN_IN, ticket, Ticket)
    said = repr([getattr(claims, name) for name in Ticket.__slots__ if not name.startswith("__")]).encode()
    assert b"password" in said  # by name, as what was proven
    assert not [form for form in forms(PASSWORD) if form in said or form in place.dump() or form in before]


def test_m143_whoever_knows_the_password_brings_one_prompt_at_a_time_few_an_hour_and_none_once_denied(place):
    """A hundred right passwords, each asking for a prompt from an address of its own; approval takes a number that he alone sees."""
    w = with_an_app(exhibit(place, policy=pushes(SHORT)))
    sent = []
    for number in range(100):
        ticket = w.ticket(address=address(number))
        outcome = w.engine.push_prompt(ticket, w.push, context=w.context(address(number)))
        sent += [w.clock()] if isinstance(outcome, PromptSent) else []
        w.deliver()
        w.clock.advance(seconds=40)
    assert all(sum(at <= one < at + timedelta(hours=1) for one in sent) <= 5 for at in sent)
    assert all(sum(at <= one < at + timedelta(minutes=2) for one in sent) == 1 for at in sent)
    assert len(w.messenger.of(MessagePurpose.PROMPT)) == len(sent) >= 5

    w.clock.advance(hours=1)
    ticket, _ = prompted(w)
    token = token_of(w)
    for guess in ("000000", "111111", "222222"):
        assert w.engine.answer_prompt(token, guess, context=w.context()) == Refused()
    assert factor(w, ticket, PushApproval()) == Refused()

    prompted(w)
    assert isinstance(w.engine.deny_prompt(token_of(w), context=w.context()), PromptDenied)
    frozen = [w.engine.push_prompt(w.ticket(address=address(n)), w.push, context=w.context(address(n))) for n in range(200, 220)]
    assert frozen == [Refused()] * 20
    w.deliver()
    assert len(w.sink.of(PromptRejected)) == 1
    assert [mail.address for mail in w.messenger.of(MessagePurpose.PROMPT_DENIED)] == [IDENTIFIER]


def test_the_policy_the_tests_of_groups_use_differs_in_nothing_else():
    """STAFF is SHORT but for the group, and for contacts who count at once."""
    assert evolve(STAFF, mfa=MfaPolicy(), recovery=SHORT.recovery) == SHORT
    assert STAFF.sessions.ticket_lifetime == timedelta(minutes=10)
