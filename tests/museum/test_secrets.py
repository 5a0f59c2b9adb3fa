"""Secrets are unpredictable, kept as digests, and have one spelling (I05, I06)."""

import ast
import base64
import inspect
import json
import random
from collections import Counter

import pytest
from tests.museum.harness import NEW, OTHERS, ROOT, address, exhibit, forms
from tests.museum.test_binding import NO

import acctsec
from acctsec import (
    Account,
    ChangeTicket,
    ConfigError,
    CurrentPassword,
    EnrollmentStarted,
    FactorRequired,
    FreshSession,
    Keyring,
    MfaPolicy,
    PasswordChanged,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TotpCode,
)
from acctsec._flows.tokens import Purpose, Tokens
from acctsec._ports import entropy
from acctsec.claims import LinkClaims
from acctsec.testing.world import IDENTIFIER, PASSWORD


class Slippery:
    """Equal to everything, true, and of whatever length is asked for."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def __len__(self):
        return 8

    def __str__(self):
        return "00000000"


HOSTILE = [None, 0, True, [], [None], {}, {"$gt": ""}, {"$ne": None}, b"", 0.0, "", Slippery(), "\0", "x" * 10**6]


def minted(w, count):
    """So many handles, links and sessions as *w* gives to the same questions at the same instant."""
    return [w.engine.request_reset(IDENTIFIER, context=w.context()).handle for _ in range(count)]


def test_m033_ten_thousand_tokens_under_one_seed_are_ten_thousand(monkeypatch):
    """Half of them in a process whose module `random` was seeded like that of the other half: none is there twice."""
    monkeypatch.setattr(random, "_inst", random.Random(0))
    halves = []
    for _ in range(2):
        random.seed(0)
        tokens = Tokens(Keyring(sealing=[bytes(range(32))], index=[bytes(range(1, 33))]))
        claims = LinkClaims(tenant="", subject="u1", incarnation=bytes(16), secret=bytes(32))
        halves.append({tokens.seal(Purpose.LINK, claims) for _ in range(5_000)})
    assert [len(one) for one in halves] == [5_000, 5_000]
    assert halves[0].isdisjoint(halves[1])


def test_m033_the_random_module_has_no_say_in_any_token(place, monkeypatch):
    """With the module `random` seeded the same, two runs give different tokens; with it broken, they give tokens all the same."""
    w = exhibit(place)
    w.sign_up()
    w.entropy = entropy
    w.keyring = Keyring(sealing=[w.keys[0]], index=[w.keys[1]])
    w.restart()
    random.seed(0)
    first = minted(w, 100)
    random.seed(0)
    second = minted(w, 100)

    def broken(*_):
        raise AssertionError("somebody asked the module random")

    for name in ("random", "getrandbits", "randint", "choice", "randbytes"):
        monkeypatch.setattr(random, name, broken)

    third = minted(w, 100)
    assert len({*first, *second, *third}) == 300
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_m034_a_thousand_tokens_of_one_instant_have_nothing_in_common(place):
    """The clock stands, all inputs are equal: every byte of a thousand tokens, beyond the public key id, varies."""
    w = exhibit(place)
    w.sign_up()
    w.entropy = entropy
    w.keyring = Keyring(sealing=[w.keys[0]], index=[w.keys[1]])
    w.restart()
    tokens = [base64.urlsafe_b64decode(one) for one in minted(w, 1000)]

    assert len({one[4:20] for one in tokens}) == 1000
    for position in range(4, len(tokens[0])):
        counted = Counter(one[position] for one in tokens)
        assert counted.most_common(1)[0][1] <= 25, position  # 4 are expected; 25 has a chance below 1e-11
    assert len(tokens[0][4:20]) * 8 >= 128


def test_m036_nothing_that_opens_anything_lies_in_the_store(w, place):
    """After every operation, the bytes at rest hold no token, code, password, seed or a part of one."""
    w.sign_up()
    signed = w.sign_in()
    started = w.engine.enroll_totp(signed.session, context=w.context())
    app, session = w.enroll(signed.session)
    issued = w.engine.issue_recovery_codes(session, context=w.context())
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    before_delivery = place.dump()
    w.deliver()
    link, code = w.messenger.link, w.messenger.code
    due = w.engine.redeem_reset(ResetLink(link), NEW, context=w.context())
    proof = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    pending = place.dump()
    w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context())
    w.engine.sign_in(IDENTIFIER, OTHERS[0], context=w.context())
    secrets = [PASSWORD, NEW, OTHERS[0], code, *issued.codes, app._secret.hex(), started.key.replace(" ", "")]
    tokens = [signed.session, signed.device, started.ticket, session, issued.session, handle, link, due.ticket, proof.ticket]

    for dump in (before_delivery, pending, place.dump()):
        assert dump
        for secret in secrets:
            assert not [form for form in forms(secret) if form in dump], secret
        for token in tokens:
            raw = base64.urlsafe_b64decode(token)
            assert token[:12].encode() not in dump
            assert raw[4:12] not in dump
            assert raw[-12:] not in dump


def test_m036_what_lies_in_the_store_redeems_nothing(w, place):
    """Every value in the store, spelt as a token, is refused everywhere."""
    w.guarded()
    w.engine.request_reset(IDENTIFIER, context=w.context())
    entries = [entry for call in w.trace if call[0] == "commit" for entry in (*call[1][3], call[1][2] or b"")]
    w.deliver()
    entries += [value for call in w.trace if call[0] == "load" and call[2] for value in call[2]]

    for entry in entries:
        token = base64.urlsafe_b64encode(entry).decode()
        assert w.engine.redeem_reset(ResetLink(token), NEW, context=w.context()) == Refused()
        assert w.engine.check_session(token, context=w.context()) in NO
        assert w.engine.verify_factor(token, TotpCode("123456"), context=w.context()) == Refused()


def test_m037_no_lookup_key_is_made_of_a_secret(w):
    """What stores are asked for is the same whatever the secret is, so a lookup's time tells nothing about it."""
    w.sign_up()
    one, other = w.reset_link(), w.reset_link()
    asked = []
    for link in (one, other):
        mark = len(w.trace)
        w.engine.inspect_reset(link, context=w.context())
        asked.append([call[:2] for call in w.trace[mark:]])

    assert asked[0] == asked[1]
    assert not any(base64.urlsafe_b64decode(one)[4:12] in repr(call).encode() for call in asked[0])


def test_m037_the_names_of_meters_are_keyed(w, place):
    """The rows of a subject and of a source cannot be found, or guessed at, without the index key."""
    w.sign_up()
    w.engine.sign_in(IDENTIFIER, OTHERS[0], context=w.context("203.0.113.99"))
    slots = {one.slot for call in w.trace if call[0] == "charge" for one in call[1][0]}

    assert slots
    assert all(len(slot) == 16 for slot in slots)
    dump = place.dump()
    assert b"203.0.113.99" not in dump
    assert IDENTIFIER.encode() not in dump


def takes(w, hostile):
    """Every operation that takes a secret, given a hostile value in its place."""
    engine, here = w.engine, w.context()
    text = "0000-0000-0000-0000"
    yield lambda: engine.sign_in(hostile, PASSWORD, context=here)
    if hostile != "" or isinstance(hostile, Slippery):  # as a password it is one more wrong one
        yield lambda: engine.sign_in(IDENTIFIER, hostile, context=here)
        yield lambda: engine.set_password("u1", NEW, by=CurrentPassword(hostile), context=here)
    yield lambda: engine.verify_factor(hostile, TotpCode("123456"), context=here)
    yield lambda: engine.verify_factor(w.waiting, TotpCode(hostile), context=here)
    yield lambda: engine.verify_factor(w.waiting, RecoveryCode(hostile), context=here)
    yield lambda: engine.verify_factor(w.waiting, hostile, context=here)
    yield lambda: engine.redeem_reset(ResetLink(hostile), NEW, context=here)
    yield lambda: engine.redeem_reset(ResumeTicket(hostile), NEW, context=here)
    yield lambda: engine.redeem_reset(ResetCode(hostile, "12345678"), NEW, context=here)
    yield lambda: engine.redeem_reset(ResetCode(w.handle, hostile), NEW, context=here)
    yield lambda: engine.redeem_reset(RecoveryCode(hostile, w.handle), NEW, context=here)
    yield lambda: engine.redeem_reset(RecoveryCode(text, hostile), NEW, context=here)
    yield lambda: engine.redeem_reset(hostile, NEW, context=here)
    yield lambda: engine.inspect_reset(hostile, context=here)
    yield lambda: engine.check_session(hostile, context=here)
    yield lambda: engine.sign_out(hostile, context=here)
    yield lambda: engine.list_sessions(hostile, context=here)
    yield lambda: engine.end_session(hostile, "0" * 32, context=here)
    yield lambda: engine.enroll_totp(hostile, context=here)
    yield lambda: engine.enroll_delivered(hostile, IDENTIFIER, context=here)
    yield lambda: engine.send_code(hostile, hostile, context=here)
    yield lambda: engine.confirm_factor(hostile, TotpCode("123456"), context=here)
    yield lambda: engine.confirm_factor(w.confirming, TotpCode(hostile), context=here)
    yield lambda: engine.issue_recovery_codes(hostile, context=here)
    yield lambda: engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD, hostile or "x"), context=here)
    yield lambda: engine.set_password("u1", NEW, by=ChangeTicket(hostile), context=here)
    yield lambda: engine.set_password("u1", NEW, by=FreshSession(hostile), context=here)
    yield lambda: engine.set_password("u1", NEW, by=hostile, context=here)
    yield lambda: engine.sign_out_everywhere("u1", by=FreshSession(hostile), context=here)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda one: repr(one)[:12])
def test_m038_a_value_of_the_wrong_type_or_form_is_refused_before_any_read(w, hostile):
    """None, lists, query operators, numbers, objects that equal everything: refused, and the store hears nothing of it."""
    _, _, session = w.guarded()
    w.waiting = w.ticket()
    w.handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.confirming = w.engine.enroll_totp(session, context=w.context()).ticket
    for number, attempt in enumerate(takes(w, hostile)):
        mark = len(w.trace)
        try:
            outcome = attempt()
        except ConfigError:
            outcome = Refused()  # a mistake of the caller's, found at once
        assert outcome in NO, number
        assert w.trace[mark:] == [], number


def test_m040_query_operators_from_json_are_refused(w):
    """What a JSON body can hold in the place of a string reaches no store."""
    w.sign_up()
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    mark = len(w.trace)
    for text in ('{"$gt": ""}', '{"$ne": null}', "[]", '["00000000"]', "0", "true", "null", '{"$regex": ".*"}'):
        value = json.loads(text)
        assert w.engine.redeem_reset(ResetCode(handle, value), NEW, context=w.context()) == Refused()
        assert w.engine.redeem_reset(ResetLink(value), NEW, context=w.context()) == Refused()
        assert w.engine.sign_in(value, value, context=w.context()) == Refused()
    assert w.trace[mark:] == []


@pytest.mark.parametrize("state", ["unknown", "expired", "consumed"])
def test_m042_a_challenge_that_is_not_there_matches_no_answer(w, state):
    """Neither an empty answer nor any other completes a challenge that is unknown, expired or used, at whichever attempt."""
    app, codes, _ = w.guarded()
    ticket = w.ticket()
    if state == "unknown":
        ticket = ticket[::-1]
    elif state == "expired":
        w.clock.advance(w.policy.sessions.ticket_lifetime)
    else:
        assert isinstance(w.engine.verify_factor(ticket, app.code(w.clock()), context=w.context()), SignedIn)
        w.clock.advance(seconds=30)
    answers = [TotpCode(""), RecoveryCode(""), TotpCode("000000"), RecoveryCode("0000-0000-0000-0000"), TotpCode(None)]
    answers += [app.code(w.clock()), RecoveryCode(codes[0])]

    for number, answer in enumerate(answers * 2):
        assert w.engine.verify_factor(ticket, answer, context=w.context(address(number))) == Refused()


@pytest.mark.parametrize("claim", ["false", "0", 0, None, "no", "", "true", 1], ids=repr)
def test_m043_a_word_is_not_taken_for_a_truth(claim):
    """Where a truth or a status is due, a string or a number raises; it never passes for yes."""
    with pytest.raises((TypeError, ValueError)):
        MfaPolicy(required=claim)
    with pytest.raises((TypeError, ValueError)):
        Account(subject="u1", status=claim)


def test_m043_verified_is_what_is_listed_as_verified(w):
    """An address is verified by being among the verified ones; no flag beside it can be mistaken."""
    w.sign_up(addresses=())
    sent = len(w.messenger.handed)

    w.engine.request_reset(IDENTIFIER, context=w.context())
    w.deliver()

    assert len(w.messenger.handed) == sent


SENSITIVE = {"digest", "digests", "secret", "mac", "tag", "code", "stored", "link", "password", "phc"}


def test_m198_secrets_are_compared_in_constant_time_alone():
    """No ``==`` and no ``in`` of the library has a digest, a code or another secret on either side."""
    found = []
    for path in (ROOT / "src/acctsec").rglob("*.py"):
        if not {"testing", "_demo", "bench"}.isdisjoint(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq | ast.In) for op in node.ops):
                sides = (node.left, *node.comparators)
                names = {
                    one.id if isinstance(one, ast.Name) else one.attr
                    for one in sides
                    if isinstance(one, ast.Name | ast.Attribute)
                }
                found += [(path.name, ast.unparse(node)) for name in names & SENSITIVE]
    assert found == []
    for module in (acctsec.reset, acctsec.mfa.recovery, acctsec.mfa.totp):
        assert "compare_digest(" in inspect.getsource(module)


@pytest.mark.parametrize("keys", [[], [b""], [None], ["x" * 32], [b"x" * 31], [bytes(32)], [b"changeme" * 4], [b"ab" * 16]])
def test_m198_a_missing_empty_or_default_key_is_refused_at_once(keys):
    """No engine comes into being with a key that is absent, short, of the wrong type or obviously not random."""
    good = [bytes(range(32))]
    for sealing, index in ((keys, good), (good, keys)):
        with pytest.raises(ConfigError):
            Keyring(sealing=sealing, index=index)


def test_the_ordinary_values_pass(w):
    """The values that the hostile ones stand in for work: the tests above test what they say."""
    w.guarded()
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)
    session = w.fully(w.guarded("u2", "bob@example.org")[0], "bob@example.org").session
    assert isinstance(w.engine.enroll_totp(session, context=w.context()), EnrollmentStarted)
    changed = w.engine.set_password("u2", NEW, by=CurrentPassword(PASSWORD, session), context=w.context())
    assert isinstance(changed, PasswordChanged)
