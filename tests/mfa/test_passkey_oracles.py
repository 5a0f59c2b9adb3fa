"""Nobody learns from a passkey whether somebody exists, has one, or may come in: `assert_no_oracle`, and every oracle planted."""

import pytest
from attrs import evolve
from tests.mfa.passkeys import a_world, alone, guarded, signed, soft, with_passkeys
from tests.mfa.stage import ORIGIN, policy
from tests.places import STORES

from acctsec import PasskeyAssertion, PasskeyAttestation, Refused
from acctsec._flows.kinds.passkeys import Passkeys
from acctsec._flows.passkeys import PasskeyFlows
from acctsec.outcomes import FactorAdded, SignedIn
from acctsec.protocols import Status
from acctsec.testing import OracleFound, assert_no_oracle, async_world, engine_operations, world
from acctsec.testing._outsider import forged_passkey
from acctsec.testing._watched import Watch
from acctsec.testing.oracles import Kind

RULES = policy(algorithms=(-7,))
POLICY = with_passkeys(rules=RULES)


def has_a_passkey(place, **fields):
    w = place.world
    account = place.sign_up(**fields)
    session = w.calls.sign_in(place.identifier, place.password, context=w.context()).session
    started, key = w.calls.enroll_passkey(session, name="", context=w.context()), soft()
    answer = PasskeyAttestation(key.create(started.options, origin=ORIGIN))
    assert isinstance(w.calls.confirm_factor(started.ticket, answer, context=w.context()), FactorAdded)
    return account


def disabled_with_a_passkey(place):
    account = has_a_passkey(place)
    place.world.directory.put(evolve(account, status=Status.DISABLED))


KINDS = [
    Kind(name="has a passkey", make=has_a_passkey),
    Kind(name="has a passkey and is disabled", make=disabled_with_a_passkey, shut=True),
]


def passkeys_alone(w):
    return {name: call for name, call in engine_operations(w).items() if "passkey" in name}


@pytest.mark.parametrize("make", [world, async_world])
def test_no_passkey_lets_an_outsider_tell_somebody_from_nobody(make):
    assert_no_oracle(lambda: make(policy=POLICY), operations=passkeys_alone, kinds=KINDS)


@pytest.mark.deep
@pytest.mark.parametrize("store", STORES)
def test_nor_does_any_store(store, places):
    opened = []

    def make():
        for place in opened:
            place.close()
        opened[:] = [places.fresh(store)]
        return async_world(policy=POLICY, store=opened[0].open_async())

    assert_no_oracle(make, operations=passkeys_alone, kinds=KINDS)
    opened[0].close()


def test_an_account_with_a_passkey_is_told_from_nobody_by_no_other_operation():
    others = lambda w: {
        name: call for name, call in engine_operations(w).items() if name == "sign_in" or name.startswith("request")
    }
    assert_no_oracle(lambda: world(policy=POLICY), operations=others, kinds=KINDS)


def test_a_signature_that_is_not_computed_for_nobody_would_be_found(monkeypatch):
    """The work of the verifier is no port's: it is counted here."""
    w = a_world(rules=RULES)
    key, _ = guarded(w)
    calls = []
    verifier = w.engine._flows.passkeys.passkeys.verifier
    usual = verifier.authenticate
    monkeypatch.setattr(verifier, "authenticate", lambda *given, **named: calls.append(1) or usual(*given, **named))
    for subject in ("u1", "nobody"):
        asked = w.calls.begin_passkey_sign_in(context=w.context())
        answer = forged_passkey(RULES, asked.options, subject, seed=7)
        assert w.calls.sign_in_with_passkey(asked.ticket, PasskeyAssertion(answer), context=w.context()) == Refused()
        assert len(calls) == 1
        calls.clear()
    assert isinstance(alone(w, key), SignedIn)


def test_the_right_key_of_who_may_not_come_in_is_answered_like_a_wrong_one():
    """Ports in the same order: a disabled owner learns no more than a stranger."""
    w = a_world(rules=RULES)
    key, _ = guarded(w)
    w.directory.put(evolve(w.directory.get("", "u1"), status=Status.DISABLED))
    watch, seen = Watch(w), []
    for by in ("owner", "stranger", "nobody"):
        asked = w.calls.begin_passkey_sign_in(context=w.context())
        answer = signed(key, asked.options)
        if by != "owner":
            subject = "u1" if by == "stranger" else "u9"
            answer = PasskeyAssertion(forged_passkey(RULES, asked.options, subject, seed=7))
        watch.calls.clear()
        outcome = w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context())
        seen.append((outcome, [one.name for one in watch.calls]))
    watch.let_go()

    assert seen[0] == seen[1] == seen[2]


# --- planted ----------------------------------------------------------------------------------------------------------


def found(monkeypatch, cls, name, around):
    usual = getattr(cls, name)
    monkeypatch.setattr(cls, name, lambda *given, **named: around(usual, *given, **named))
    with pytest.raises(OracleFound) as oracle:
        assert_no_oracle(lambda: world(policy=POLICY), operations=passkeys_alone, kinds=KINDS)
    return oracle.value


def test_an_unknown_account_that_is_charged_nothing_is_found(monkeypatch):
    async def charge(usual, self, scene, context, lane):
        return Refused() if scene.account is None else await usual(self, scene, context, lane)

    assert found(monkeypatch, PasskeyFlows, "_charge", charge).what == "port calls"


def test_an_answer_that_says_there_is_no_such_passkey_is_found(monkeypatch):
    def signed(usual, self, scene, factors, answer, **named):
        if not factors.passkeys:
            raise LookupError("no such passkey")
        return usual(self, scene, factors, answer, **named)

    assert found(monkeypatch, Passkeys, "signed", signed).what in {"exception", "port calls"}
