"""
What comes in from others: authentic, once, and never a reason to grant more than was proven (I33, I34).

The library takes no signals. What those recipes are about is tried on what does come in: tokens, hashes of others, passkeys,
the word of whoever checks a factor, and the answers of every port.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import get_type_hints

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import NODEFAULT, msgpack
from msgspec.structs import fields
from tests.hashing.foreign.vectors import VECTORS
from tests.mfa.otp_stage import Toy
from tests.mfa.stage import CREATION, VERIFIER, answered, created, policy, registered, soft, verdict
from tests.museum.artefacts import ARTEFACTS, doors
from tests.museum.guesses import wrong
from tests.museum.harness import NEW, OTHERS, SHORT, address, exhibit
from tests.museum.others import OUT, Yes, asked, given_a_factor, outside
from tests.museum.test_binding import NO
from tests.places import MemoryPlace

from acctsec import (
    Admin,
    Approved,
    CurrentPassword,
    FactorAdded,
    FactorRequired,
    Keyring,
    OutsideAnswer,
    PasswordChanged,
    RecoveryCode,
    Refused,
    ResetLink,
    SignedIn,
    TotpCode,
)
from acctsec._codec import pack, unpack
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Posture
from acctsec.attacks.risk import Assessment, Extra
from acctsec.attacks.watching import Looked
from acctsec.hashing import Comparison, HashingPolicy
from acctsec.mfa.passkeys import Asserted, Registered, Rejected
from acctsec.outcomes import FactorRemoved
from acctsec.protocols import Declined, Solved
from acctsec.testing.world import IDENTIFIER, PASSWORD

# --- who chooses the algorithm ------------------------------------------------------------------------------------------


@given(st.integers(0, len(VECTORS) - 1), st.integers(0, len(VECTORS) - 1))
def test_m196_a_hash_is_read_by_the_formats_of_the_policy_and_not_by_what_it_says_of_itself(one, other):
    """The right password beside a hash of a format that is not listed: not read, whatever its label; and no label is swapped (an Argon2id hash is one under any of its labels)."""
    (format_, stored, password), (listed, like, _) = VECTORS[one], VECTORS[other]
    hashing = HashingPolicy(memory_kib=8, time_cost=1, floor=SHORT.hashing.floor, foreign=(evolve(listed, share=0),))
    if type(format_) is not type(listed) and not hashing.reads(stored):
        assert hashing.verify(stored, password) is Comparison.UNREADABLE
    head, sign, _ = like.partition("$")
    relabelled = head + sign + stored.partition("$")[2]
    if "$argon2id$" not in stored and relabelled != stored and hashing.scheme(relabelled) != hashing.scheme(stored):
        assert hashing.verify(relabelled, password) is not Comparison.MATCHED


@pytest.mark.parametrize("wanted", [-8, -7])
def test_m196_a_passkey_speaks_the_algorithm_of_the_policy_and_of_its_registration(wanted):
    """Made or answered under another one: refused, also where the answer says which it would like."""
    (other,) = {-8, -7} - {wanted}
    rules = policy(algorithms=(wanted,))
    stranger = soft(algorithm=other)
    assert isinstance(VERIFIER.register(rules, created(stranger, policy()), challenge=CREATION), Rejected)
    assert isinstance(VERIFIER.register(rules, created(soft(algorithm=wanted), rules), challenge=CREATION), Registered)

    key = soft(algorithm=wanted)
    passkey = registered(key, policy())
    answer = answered(key, policy())
    assert isinstance(verdict(passkey, answer, policy()), Asserted)
    forged = answered(stranger, policy())
    for said in ({}, {"alg": other}, {"publicKeyAlgorithm": other}, {"alg": "none"}, {"jwk": {}}):
        response = {**answer["response"], "signature": forged["response"]["signature"], **said}
        assert isinstance(verdict(passkey, {**answer, **said, "response": response}, policy()), Rejected)


def jwt(**header):
    """A token of the kind that says of itself how it is to be read."""
    parts = (header, {"sub": "u1", "iss": "https://evil.example", "aud": "acctsec", "exp": 2**40})
    return ".".join(urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + "."


JWTS = [{"alg": "none"}, {"alg": "HS256"}, {"alg": "RS256 "}, {"alg": "ES256", "jwk": {}}, {"kid": "../../dev/null"}]
JWTS += [
    {"jku": "https://evil.example/"},
    {"typ": "secevent+jwt", "alg": "none"},
    {"alg": "HS256", "crit": ["b64"], "b64": False},
]


@pytest.mark.parametrize("header", JWTS, ids=range(len(JWTS)))
def test_m196_no_token_says_how_it_is_to_be_opened(w, header):
    """A token that names an algorithm, a key or where to get one is none, at every door, and no store is read for it."""
    w.app, _, _ = w.guarded()
    mark = len(w.trace)
    for door, (give, _) in doors(w).items():
        for token in (jwt(**header), jwt(**header) + "c2ln", jwt(**header).replace(".", "")):
            assert give(token) in NO, door
    assert w.trace[mark:] == []


def test_m196_the_key_a_token_names_is_one_of_the_ring_or_none(w):
    """Its first bytes name a sealing key; named another one of the ring, or an index key, it does not open."""
    w.sign_up()
    session = w.sign_in().session
    second = bytes(range(3, 35))
    w.restart(keyring=Keyring(sealing=[w.keys[0], second], index=[w.keys[1]], entropy=w.entropy))
    named = [bytes.fromhex(one) for one in w.keyring.sealing_ids]
    raw = Tokens(w.keyring).keyring
    assert len(set(named)) == 2
    for other in (named[1], bytes(4), w.keys[1][:4], b"none"):
        forged = urlsafe_b64encode(other + _raw(session)[4:]).decode()
        assert w.engine.check_session(forged, context=w.context()) in NO
    assert raw.open("session", _raw(session), "1") is None


def _raw(token):
    return urlsafe_b64decode(token)


# --- whole or not at all ------------------------------------------------------------------------------------------------

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SOME = {str: "x", bytes: b"x" * 16, int: 3, bool: False, datetime: NOW, datetime | None: NOW}
SOME |= {tuple[str, ...]: ("password",), tuple[int, ...]: (0,), tuple[bytes, int, int, int, int]: (b"x", 1, 1, 1, 1)}
SOME |= {tuple[str, int, int]: ("SHA1", 6, 30)}


def claims_of(purpose):
    """Claims of a purpose, with something in every field."""
    return purpose.kind(**{name: SOME[kind] for name, kind in get_type_hints(purpose.kind).items()})


WRONG = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=4) | st.lists(st.integers(-9, 9), max_size=3)


@given(st.sampled_from(list(Purpose)), st.data())
def test_m197_claims_are_whole_or_they_are_none(purpose, data):
    """
    Sealed under the right key, with a claim left out, doubled, cut or of another type: not read. What a release of before did
    not know yet may be missing at the end, and then says what it said then.
    """
    claims = claims_of(purpose)
    parts = msgpack.decode(pack(claims))
    needed = _needed(purpose.kind)
    at = data.draw(st.integers(0, len(parts) - 1))
    match data.draw(st.sampled_from(["left out", "doubled", "cut", "retyped", "more"])):
        case "left out":
            changed = parts[:at] + parts[at + 1 :]
        case "doubled":
            changed = [*parts[:at], parts[at], *parts[at:]]
        case "cut":
            changed = parts[:at]
        case "retyped":
            changed = [*parts[:at], data.draw(WRONG), *parts[at + 1 :]]
        case _:
            changed = [*parts, data.draw(WRONG)]
    found = unpack(purpose.kind, msgpack.encode(changed))
    if found is not None:
        read = msgpack.decode(pack(found))
        assert len(changed) <= len(parts) and len(changed) >= needed
        assert read[: len(changed)] == changed


def _needed(kind):
    """How many claims have to be there."""
    return sum(one.default is NODEFAULT and one.default_factory is NODEFAULT for one in fields(kind))


@given(st.sampled_from(list(Purpose)), st.sampled_from(list(Purpose)), st.data())
def test_m197_no_byte_of_a_token_can_be_left_out_changed_or_added(purpose, door, data):
    """Without the key no claim can be taken out of a token, and a token of one purpose is none of another."""
    tokens = Tokens(Keyring(sealing=[bytes(range(32))], index=[bytes(range(1, 33))]))
    claims = claims_of(purpose)
    token = tokens.seal(purpose, claims)
    assert tokens.open(purpose, token, purpose.kind) == claims
    if door is not purpose:
        assert tokens.open(door, token, door.kind) is None
    raw = bytearray(_raw(token))
    at = data.draw(st.integers(0, len(raw) - 1))
    match data.draw(st.sampled_from(["changed", "cut", "left out", "added", "spelt"])):
        case "changed":
            raw[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del raw[at:]
        case "left out":
            del raw[at : at + data.draw(st.integers(1, 48))]
        case "added":
            raw[at:at] = data.draw(st.binary(min_size=1, max_size=48))
        case _:
            for spelt in (token + "=", token + "\n", " " + token, token.replace("-", "+") + ".", token[::-1]):
                assert tokens.open(purpose, spelt, purpose.kind) is None
            return
    assert tokens.open(purpose, urlsafe_b64encode(raw).decode(), purpose.kind) is None or bytes(raw) == _raw(token)


# --- who speaks for whom ------------------------------------------------------------------------------------------------


def test_m201_nobody_is_asked_about_a_factor_that_is_not_his(place):
    """V's factor is checked by the toy, X's by one who takes everything: he is never asked about V, whatever names him."""
    w = outside(place)
    factor = given_a_factor(w, "u1", IDENTIFIER)
    given_a_factor(w, "u2", "mallory@example.org", "evil")
    w.evil.asked.clear()
    ticket = w.ticket()
    mine = w.engine.sign_in("mallory@example.org", PASSWORD, context=w.context())
    assert isinstance(mine, FactorRequired)

    for answer in (OutsideAnswer("evil", "anything"), OutsideAnswer("toy", "anything"), TotpCode("000000")):
        assert w.engine.verify_factor(ticket, answer, context=w.context()) == Refused()
    assert w.evil.asked == []
    assert w.engine.begin_outside(mine.ticket, factor, context=w.context()) == Refused()
    assert w.evil.asked == []
    assert isinstance(w.engine.verify_factor(mine.ticket, OutsideAnswer("evil", "anything"), context=w.context()), SignedIn)
    assert set(w.evil.asked) == {"u2"}
    _, answer = asked(w, factor)
    assert w.engine.verify_factor(ticket, answer, context=w.context()) == Refused()  # of V, and of another sign-in


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["u1", "u2"]), st.sampled_from(["toy", "evil"]), st.booleans()), max_size=12))
def test_m201_a_word_counts_for_its_own_subject_method_and_ticket_alone(tries):
    """Whoever brings whichever answer to whichever ticket: a sign-in follows the right one of its own and no other."""
    w = outside(MemoryPlace())
    names = {"u1": IDENTIFIER, "u2": "mallory@example.org"}
    factors = {subject: given_a_factor(w, subject, name) for subject, name in names.items()}
    for number, (subject, method, own) in enumerate(tries):
        w.clock.advance(hours=1)
        ticket, answer = asked(w, factors[subject], names[subject])
        other = asked(w, factors["u1" if subject == "u2" else "u2"], names["u1" if subject == "u2" else "u2"])[1]
        brought = OutsideAnswer(method, (answer if own else other).answer)
        outcome = w.engine.verify_factor(ticket, brought, context=w.context(address(number)))
        assert isinstance(outcome, SignedIn) is (own and method == "toy"), outcome
    assert w.evil.asked == []


# --- again, and in any order --------------------------------------------------------------------------------------------

LASTING = {"session", "fresh session", "device", "handle"}
LASTING |= {"prompt"}  # approved is approved; what it approves signs in once (tests/mfa/test_push_races.py)
LASTING |= {"enrollment ticket"}  # it begins a set-up as often as it is asked to; what is confirmed is one (tests/test_races.py)
ONCE = sorted(set(ARTEFACTS) - LASTING)
LOCAL = {
    "guess": lambda w, n: w.engine.sign_in(IDENTIFIER, wrong(n), context=w.context(address(n))),
    "sign in": lambda w, n: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))),
    "ask": lambda w, n: w.engine.request_reset(IDENTIFIER, context=w.context(address(n))),
    "deliver": lambda w, n: w.deliver(),
    "restart": lambda w, n: w.restart(),
    "wait": lambda w, n: w.clock.advance(seconds=31),
}


@settings(max_examples=80)
@given(st.sampled_from(ONCE), st.lists(st.sampled_from([*LOCAL, "again"]), max_size=8))
def test_m202_what_is_good_once_is_good_once_whatever_comes_in_between(name, story):
    """Used, and brought again and again among guesses, sign-ins, requests, deliveries and restarts: one effect."""
    artefact = ARTEFACTS[name]
    w = artefact.world(MemoryPlace())
    token = artefact.make(w)
    used = 0
    for number, what in enumerate([*story, "again", "wait", "again"]):
        if what == "again":
            used += artefact.use(w, token)
        else:
            LOCAL[what](w, 40 + number)
    assert used == 1


@pytest.mark.parametrize("name", ONCE)
def test_m202_what_was_used_leaves_the_same_state_however_often_it_comes_again(place, name):
    """Once, then five times more, on new processes too: the record's epoch and all that hangs on it stay what they were."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    assert artefact.use(w, token)
    state = _state(w)
    for number in range(5):
        w.restart()
        assert not artefact.use(w, token), number
        assert _state(w) == state
    w.clock.advance(artefact.lifetime(w.policy) - timedelta(seconds=1))
    assert not artefact.use(w, token)


def _state(w):
    held = w.engine.admin.export("u1")
    return held.has_password, held.factors, held.contested, w.directory.get("", "u1")


# --- what a port may say ------------------------------------------------------------------------------------------------

GENEROUS = {
    "look": Looked(Posture.NORMAL),
    "wrong": (),
    "puzzle": "a puzzle",
    "verify": Solved(),
    "count": 0,
    "add": None,
    "begin": {},
    "check": Approved(),
    "assess": Assessment(0, (), Extra.NONE),
    "origin": None,
    "record": None,
    "send": None,
}
ANSWERS = [
    None,
    True,
    1,
    0,
    "yes",
    (),
    Approved(),
    Declined(),
    Solved(),
    Looked(Posture.NORMAL),
    Assessment(-9999, (), Extra.NONE),
]
ANSWERS += [SignedIn, PasswordChanged, RuntimeError("no"), {"granted": True}]


class Port:
    """Any port there is, with one answer to each question."""

    def __init__(self, answers):
        self.asked = set()
        for name, usual in GENEROUS.items():
            setattr(self, name, self._method(name, answers.get(name, usual)))

    def _method(self, name, answer):
        def call(*_, **__):
            self.asked.add(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def __repr__(self):
        return "<a port>"


def spoken_to(place, answers, seed=0):
    """A world all of whose ports, but for store, user table, clock and entropy, say what they are told to."""
    port = Port(answers)
    policy = evolve(OUT, risk=port, attacks=AttackPolicy())
    more = {"corpus": port, "popularity": port, "challenge": port, "watch": port, "resolver": port}
    w = exhibit(place, policy=policy, seed=seed, outside={"toy": port, "evil": port}, **more)
    w.port = port
    w.messenger.send, w.sink.record = port.send, port.record
    w.restart()
    return w


def nothing_is_given(w):
    """Whatever is tried without its proof."""
    plain = exhibit(w.place, policy=OUT, outside={"toy": Toy(), "evil": Yes()}, seed=7)
    plain.directory, plain.keyring, plain.clock = w.directory, w.keyring, w.clock
    plain.restart()
    app, codes, session = plain.guarded()
    plain.sign_up("u2", "bob@example.org")
    plain.sign_up("u3", "eve@example.org")
    plain.engine.admin.disable("u3", actor="root")
    for number in range(9):
        plain.engine.sign_in("bob@example.org", wrong(number), context=plain.context(address(number)))
    ticket = plain.ticket()
    before = (plain.engine.admin.export("u1").factors, w.directory.get("", "u1"), failures(plain, "u2"))
    engine, here = w.engine, w.context(address(50))
    tries = [
        lambda: engine.sign_in("bob@example.org", wrong(0), context=w.context(address(0))),
        lambda: engine.sign_in("bob@example.org", wrong(50), context=here),
        lambda: engine.sign_in("eve@example.org", PASSWORD, context=here),
        lambda: engine.sign_in(IDENTIFIER, PASSWORD, context=here),
        lambda: engine.verify_factor(ticket, OutsideAnswer("evil", "yes"), context=here),
        lambda: engine.verify_factor(ticket, OutsideAnswer("toy", "yes"), context=here),
        lambda: engine.verify_factor(ticket, app.wrong(w.clock()), context=here),
        lambda: engine.verify_factor(ticket, RecoveryCode("0000-0000-0000-0000"), context=here),
        lambda: engine.redeem_reset(ResetLink(session), NEW, context=here),
        lambda: engine.set_password("u1", OTHERS[0], by=CurrentPassword(wrong(1), session), context=here),
        lambda: engine.set_password("u1", OTHERS[0], by=CurrentPassword(PASSWORD), context=here),
        lambda: engine.check_password("password"),
        lambda: engine.set_password("u2", "password", by=Admin("root"), context=here),
        lambda: engine.request_reset("bob@example.org", context=here),
        engine.deliver,
    ]
    for number, one in enumerate(tries):
        try:
            outcome = one()
        except Exception as error:
            outcome = error
        assert not isinstance(outcome, SignedIn | PasswordChanged | FactorAdded | FactorRemoved), (number, outcome)
        assert type(outcome).__name__ not in {"PasswordAccepted", "ProofAccepted", "AddressVerified"}, (number, outcome)
    after = (plain.engine.admin.export("u1").factors, w.directory.get("", "u1"))
    assert after == before[:2]
    assert failures(plain, "u2") >= before[2]
    assert len(codes) == 10
    assert not [one for one in w.trace if one[0] == "apply"]


def failures(w, subject):
    return max(one.failures for one in w.engine.admin.lock_status(subject))


def test_m204_no_port_grants_anything_however_generous_it_is(place):
    """Every port says yes, nothing known, no risk: what was not proven is refused, budgets stand, nobody loses a factor."""
    w = spoken_to(place, {})
    w.place = place
    nothing_is_given(w)
    assert w.port.asked >= {"look", "wrong", "assess", "count", "send", "record", "origin"}


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(sorted(GENEROUS)), st.sampled_from(ANSWERS), min_size=1, max_size=4))
def test_m204_no_answer_of_a_port_grants_anything(answers):
    """Right ones, wrong ones, rubbish, exceptions, of any ports together: the answer is no, or an error."""
    place = MemoryPlace()
    w = spoken_to(place, answers)
    w.place = place
    nothing_is_given(w)
