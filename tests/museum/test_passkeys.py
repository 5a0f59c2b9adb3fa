"""Passkey ceremonies: what the verifier alone decides, and what the tickets of the engine do (I02, I23)."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.mfa.passkeys import add, due, guarded, prove, signed, soft, with_passkeys
from tests.mfa.stage import VERIFIER, policy, registered
from tests.museum.harness import NEW, SHORT, address, exhibit, kinds, par

from acctsec import Allowed, FactorRequired, ProofAccepted, Refused, ResetLink, Rule, SignedIn
from acctsec.mfa import USER_VERIFIED, Action
from acctsec.mfa.passkeys import Asserted, Registered, Rejected, Rejection, creation_options, request_options

ORIGIN, CHALLENGE = "https://www.example.com", b"\x0e" * 32


@pytest.mark.parametrize("algorithm", [-8, -7])
def test_m014_an_answer_of_one_ceremony_is_none_of_the_other(algorithm):
    """Enrolment answered to a sign-in and a sign-in to an enrolment, on one challenge: the type that was signed decides."""
    key, rules = soft(algorithm=algorithm), policy()
    passkey = registered(key)
    creation = creation_options(rules, challenge=CHALLENGE, subject="u-1", account="ada", display="Ada")
    request = request_options(rules, challenge=CHALLENGE)
    made, signed = key.create(creation, origin=ORIGIN), key.get(request, origin=ORIGIN)
    new = VERIFIER.register(rules, made, challenge=CHALLENGE)
    known = (new.credential, new.key, 0)
    assert isinstance(new, Registered)
    assert isinstance(VERIFIER.authenticate(rules, signed, challenge=CHALLENGE, credential=known), Asserted)

    assert isinstance(VERIFIER.register(rules, signed, challenge=CHALLENGE), Rejected)
    assert isinstance(VERIFIER.authenticate(rules, made, challenge=CHALLENGE, credential=known), Rejected)
    # A page under attack sends the right members with what was signed for the other ceremony.
    crossed = key.get(request, origin=ORIGIN, type="webauthn.create")
    assert VERIFIER.authenticate(rules, crossed, challenge=CHALLENGE, credential=known) == Rejected(Rejection.WRONG_CEREMONY)
    crossed = soft().create(creation, origin=ORIGIN, type="webauthn.get")
    assert VERIFIER.register(rules, crossed, challenge=CHALLENGE) == Rejected(Rejection.WRONG_CEREMONY)
    assert passkey.credential != new.credential


def test_m014_a_challenge_of_one_ceremony_is_none_of_the_other():
    """Each flow has a challenge of its own, and an answer is for one."""
    key, rules = soft(), policy()
    passkey = registered(key)
    known = (passkey.credential, passkey.key, 0)
    enrolling, signing = b"\x01" * 32, b"\x02" * 32
    answer = key.get(request_options(rules, challenge=enrolling), origin=ORIGIN)
    made = soft().create(creation_options(rules, challenge=signing, subject="u-1", account="ada", display="Ada"), origin=ORIGIN)

    assert VERIFIER.authenticate(rules, answer, challenge=signing, credential=known) == Rejected(Rejection.WRONG_CHALLENGE)
    assert VERIFIER.register(rules, made, challenge=enrolling) == Rejected(Rejection.WRONG_CHALLENGE)


# --- through the engine -----------------------------------------------------------------------------------------------


@pytest.fixture
def p(place):
    """A world on that place whose service takes passkeys, and somebody who has one."""
    w = exhibit(place, policy=with_passkeys(SHORT))
    w.sign_up()
    w.key, w.session = guarded(w)
    return w


def test_m014_no_flow_takes_what_was_signed_for_another(p):
    """Registration, second factor, first factor, step-up and reset: each answer is tried at each door, and fits its own alone."""
    p.clock.advance(minutes=16)  # the session is not fresh any more
    reset = p.calls.redeem_reset(ResetLink(p.reset_link()), NEW, context=p.context())
    step = p.calls.authorize(p.session, Action.EXPORT_DATA, context=p.context())
    second, first = due(p), p.calls.begin_passkey_sign_in(context=p.context())
    assert isinstance(step, FactorRequired) and isinstance(reset, FactorRequired)
    asked = {"step-up": step.passkey, "reset": reset.passkey, "second": second.passkey, "first": first.options}
    tickets = {"step-up": step.ticket, "reset": reset.ticket, "second": second.ticket}
    answers = {name: signed(p.key, options) for name, options in asked.items()}
    right = {"step-up": SignedIn, "reset": ProofAccepted, "second": SignedIn}

    for number, (door, ticket) in enumerate(tickets.items()):
        for of, answer in answers.items():
            if of != door:
                assert p.calls.verify_factor(ticket, answer, context=p.context(address(number))) == Refused(), (door, of)
        other = [(n, t) for n, t in tickets.items() if n != door]
        for name, one in other:
            assert p.calls.sign_in_with_passkey(one, answers[name], context=p.context()) == Refused()
    for of in ("step-up", "reset", "second"):
        assert p.calls.sign_in_with_passkey(first.ticket, answers[of], context=p.context()) == Refused(), of

    for door, ticket in tickets.items():
        assert isinstance(p.calls.verify_factor(ticket, answers[door], context=p.context()), right[door]), door
    assert isinstance(p.calls.sign_in_with_passkey(first.ticket, answers["first"], context=p.context()), SignedIn)


def test_m120_a_step_up_takes_the_passkey_that_the_action_asks_for_and_no_other_proof(p):
    """An app and a passkey that was only touched are both second factors, and neither is what the rule wants."""
    app, session = p.enroll(p.session)
    weak = soft(verified=False)
    _, session = add(p, session, weak, name="touched")
    rule = Rule(USER_VERIFIED, actions=Action.EXPORT_DATA, max_age=timedelta(minutes=5))
    p.restart(evolve(p.policy, mfa=evolve(p.policy.mfa, rules=(rule,))))
    p.clock.advance(minutes=6)

    def asked():
        found = p.calls.authorize(session, Action.EXPORT_DATA, context=p.context())
        assert isinstance(found, FactorRequired), found
        return found

    begun = asked()
    assert [one.name for one in begun.factors] == ["Phone"]
    assert len(begun.passkey["allowCredentials"]) == 1
    assert not isinstance(p.calls.verify_factor(begun.ticket, app.code(p.clock()), context=p.context()), SignedIn)
    options = {**asked().passkey, "allowCredentials": []}
    assert not isinstance(p.calls.verify_factor(begun.ticket, signed(weak, options), context=p.context()), SignedIn)
    touched = asked()
    p.key.verified = False
    assert not isinstance(prove(p, p.key, touched), SignedIn)

    p.key.verified = True
    stepped = prove(p, p.key, asked())
    assert isinstance(stepped, SignedIn), stepped
    assert isinstance(p.calls.authorize(stepped.session, Action.EXPORT_DATA, context=p.context()), Allowed)


def test_m139_a_passkey_challenge_that_is_over_or_used_completes_nothing(p):
    """Eight at once with one answer are one session, for a ticket of somebody and for one of nobody; past its time it is none."""
    for ask in (lambda: due(p), lambda: p.calls.begin_passkey_sign_in(context=p.context())):
        late = ask()
        p.clock.advance(p.policy.sessions.ticket_lifetime)
        assert sent(p, late, signed(p.key, options_of(late))) == Refused()
        one = ask()
        answer = signed(p.key, options_of(one))
        outcomes = par(*(lambda n=n, one=one, answer=answer: sent(p, one, answer, n) for n in range(8)))
        assert kinds(outcomes)["SignedIn"] == 1, outcomes
        assert sent(p, one, answer) == Refused()


def options_of(asked):
    return asked.passkey if isinstance(asked, FactorRequired) else asked.options


def sent(w, asked, answer, number=0):
    send = w.calls.verify_factor if isinstance(asked, FactorRequired) else w.calls.sign_in_with_passkey
    return send(asked.ticket, answer, context=w.context(address(number)))
