"""Whatever bytes come, the answer is a value, soon, and never yes for what was not signed."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from time import perf_counter

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mfa.stage import CREATION, REQUEST, VERIFIER, answered, attested, created, policy, soft, verdict

from acctsec.mfa.passkeys import Asserted, Registered, Rejected, Rejection
from acctsec.mfa.passkeys.cbor import Malformed, decode
from acctsec.mfa.passkeys.responses import MAX_BYTES, credential_of
from acctsec.testing.authenticator import cbor

KEY = soft(attestation="packed", counter=3, step=1)
RULES = attested(KEY)
CREATED = created(KEY, RULES)
PASSKEY = VERIFIER.register(RULES, CREATED, challenge=CREATION)
ANSWER = answered(KEY, RULES)
assert isinstance(PASSKEY, Registered) and isinstance(verdict(PASSKEY, ANSWER), Asserted)


def raw(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def with_part(response, name, value):
    return {**response, "response": {**response["response"], name: value}}


@st.composite
def mutations(draw, data):
    """Bytes near some others: changed, cut, grown, repeated."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(found) - 1, 0)))
        match draw(st.integers(0, 3)):
            case 0 if found:
                found[at] ^= draw(st.integers(1, 255))
            case 1:
                del found[at : at + draw(st.integers(1, 40))]
            case 2:
                found[at:at] = draw(st.binary(min_size=1, max_size=12))
            case _:
                found[at:at] = found[at : at + draw(st.integers(1, 40))]
    return bytes(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle", "transports"]


@given(st.data())
def test_one_changed_byte_of_what_was_signed_is_refused(data):
    """Client data, authenticator data and signature of a use."""
    name = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]))
    before = raw(ANSWER["response"][name])
    after = data.draw(mutations(before))

    found = verdict(PASSKEY, with_part(ANSWER, name, text(after)))
    assert isinstance(found, Rejected) or after == before


@given(st.data())
def test_one_changed_byte_of_what_was_attested_is_refused(data):
    """Where the model is proven, nothing of a registration can be changed."""
    name = data.draw(st.sampled_from(["clientDataJSON", "attestationObject"]))
    before = raw(CREATED["response"][name])
    after = data.draw(mutations(before))

    found = VERIFIER.register(RULES, with_part(CREATED, name, text(after)), challenge=CREATION)
    assert found == PASSKEY or isinstance(found, Rejected)
    assert isinstance(found, Rejected) or _same(before, after), (before, after)


def _same(before, after):
    """The order of members, and members that nobody reads, are not signed."""
    known = ("fmt", "attStmt", "authData")
    try:
        return [cbor2.loads(before)[name] for name in known] == [cbor2.loads(after)[name] for name in known]
    except (ValueError, cbor2.CBORError):
        return before == after


@given(st.data())
def test_a_registration_that_nobody_attests_is_a_value_whatever_it_says(data):
    """It may be another passkey than the authenticator made; it is never an exception."""
    lax = policy()
    name = data.draw(st.sampled_from(["clientDataJSON", "attestationObject"]))
    after = data.draw(mutations(raw(CREATED["response"][name])))

    assert isinstance(VERIFIER.register(lax, with_part(CREATED, name, text(after)), challenge=CREATION), Registered | Rejected)


@given(JSON)
def test_any_json_is_a_value(found):
    """Read already, or as text."""
    for response in (found, _written(found)):
        assert VERIFIER.register(policy(), response, challenge=CREATION) == Rejected(Rejection.MALFORMED)
        assert verdict(PASSKEY, response) == Rejected(Rejection.MALFORMED)
        assert credential_of(response) is None


def _written(found):
    return json.dumps(found)


@given(st.sampled_from(MEMBERS), JSON, st.sampled_from([CREATED, ANSWER]))
def test_any_member_may_be_anything(name, value, response):
    found = with_part(response, name, value)

    assert isinstance(VERIFIER.register(policy(), found, challenge=CREATION), Registered | Rejected)
    assert isinstance(verdict(PASSKEY, found), Asserted | Rejected)
    assert isinstance(VERIFIER.credential_of(found), tuple | None)


@given(st.text(max_size=200) | st.binary(max_size=400).map(text))
def test_any_text_is_a_value(found):
    assert verdict(PASSKEY, found) == Rejected(Rejection.MALFORMED)
    assert VERIFIER.credential_of(found) is None


@pytest.mark.parametrize("padded", ["{}=", "{}==", " {}", "{}\n", "{}A", "+{}", "/{}"])
def test_every_text_has_one_spelling(padded):
    """The library ignores what is not of the alphabet, and padding."""
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        found = verdict(PASSKEY, with_part(ANSWER, name, padded.format(ANSWER["response"][name])))
        assert isinstance(found, Rejected)
    renamed = {**ANSWER, "id": padded.format(ANSWER["id"]), "rawId": padded.format(ANSWER["id"])}
    assert isinstance(verdict(PASSKEY, renamed), Rejected)


def test_no_bits_are_left_over():
    """`QQ` and `QR` are one byte to most decoders."""
    found = {**ANSWER, "response": {**ANSWER["response"], "userHandle": "QR"}}

    assert verdict(PASSKEY, found) == Rejected(Rejection.MALFORMED)
    assert credential_of(with_part(ANSWER, "userHandle", "QQ")) == (PASSKEY.credential, b"A")


def test_a_response_names_one_credential():
    """In its id, its raw id, and what the authenticator signed."""
    for response, verify in (
        (CREATED, lambda r: VERIFIER.register(RULES, r, challenge=CREATION)),
        (ANSWER, lambda r: verdict(PASSKEY, r)),
    ):
        for other in ({"id": "AAAA"}, {"rawId": "AAAA"}, {"type": "password"}, {"type": None}):
            assert verify({**response, **other}) == Rejected(Rejection.MALFORMED)
    renamed = {**CREATED, "id": "AAAA", "rawId": "AAAA"}
    assert VERIFIER.register(RULES, renamed, challenge=CREATION) == Rejected(Rejection.MALFORMED)


def test_nothing_comes_behind_what_was_signed():
    """Bytes that one reader ignores are where another one looks."""
    data = raw(ANSWER["response"]["authenticatorData"])
    assert verdict(PASSKEY, with_part(ANSWER, "authenticatorData", text(data + b"\xa0"))) == Rejected(Rejection.MALFORMED)
    made = raw(CREATED["response"]["attestationObject"]) + b"\xa0"
    assert VERIFIER.register(policy(), with_part(CREATED, "attestationObject", text(made)), challenge=CREATION) == Rejected(
        Rejection.MALFORMED
    )


def test_a_key_twice_is_refused():
    """Two readers could each believe another one."""
    twice = json.dumps(ANSWER)[:-1] + ', "id": "AAAA"}'
    client = raw(ANSWER["response"]["clientDataJSON"])[:-1] + b',"origin":"https://www.example.com"}'

    assert verdict(PASSKEY, twice) == Rejected(Rejection.MALFORMED)
    assert verdict(PASSKEY, with_part(ANSWER, "clientDataJSON", text(client))) == Rejected(Rejection.MALFORMED)


def test_client_data_are_utf_8():
    """Python's own parser takes UTF-16 and UTF-32 as well."""
    client = raw(ANSWER["response"]["clientDataJSON"]).decode()

    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
        found = verdict(PASSKEY, with_part(ANSWER, "clientDataJSON", text(client.encode(encoding))))
        assert found == Rejected(Rejection.MALFORMED)


BOMBS = {
    "deep CBOR": b"\x81" * 12_000,
    "deep maps": b"\xa1\x01" * 6_000,
    "a list of 2^64": b"\x9b" + b"\xff" * 8,
    "a map of 2^32": b"\xba" + b"\xff" * 4,
    "bytes of 2^63": b"\x5b\x7f" + b"\xff" * 7,
    "a bigfloat": bytes.fromhex("c5821b00000002540be40001"),
    "a bignum": b"\xc2\x59\x2e\xe0" + b"\xff" * 12_000,
    "a regular expression": b"\xd8\x23\x78\x28" + b"(a+)+$aaaa" * 4,
    "itself": bytes.fromhex("d81c81d81d00"),
    "open lengths": b"\x9f" * 6_000 + b"\xff" * 6_000,
    "12,000 items": b"\x99\x2e\xe0" + b"\x00" * 12_000,
    "a key of two types": bytes.fromhex("a20100f500"),
    "a float": bytes.fromhex("fb7ff8000000000000"),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_at_once(bomb):
    """As the object, within it, as a key, and as an extension."""
    data = raw(ANSWER["response"]["authenticatorData"])
    extended = data[:32] + bytes([data[32] | 128]) + data[33:] + bomb
    attested_data = data[:32] + bytes([data[32] | 64]) + data[33:] + bytes(16) + b"\x00\x01x" + bomb
    started = perf_counter()
    for found in (
        bomb,
        b"\xa3\x63fmt\x64none\x67attStmt" + bomb + b"\x68authData\x41x",
        cbor({"fmt": "none", "attStmt": {}, "authData": attested_data}),
    ):
        response = with_part(CREATED, "attestationObject", text(found))
        assert VERIFIER.register(policy(), response, challenge=CREATION) == Rejected(Rejection.MALFORMED)
    for found in (extended, attested_data):
        assert isinstance(verdict(PASSKEY, with_part(ANSWER, "authenticatorData", text(found))), Rejected)
    assert perf_counter() - started < 1


@pytest.mark.parametrize(
    "response",
    [
        *("[" * 16_000, '{"a":' * 3_000, "1" * 16_000, "-" + "9" * 15_000, "[1e999999]", "[NaN]", '"\\ud800"', " " * 16_384),
        *(
            '{"id": ' + "9" * 5_000 + "}",
            "{" + ",".join(f'"{n}":0' for n in range(1_500)) + "}",
            "",
            "null",
            "x" * (MAX_BYTES + 1),
        ),
    ],
    ids=lambda text: text[:12],
)
def test_a_json_bomb_is_refused_at_once(response):
    """Deep, long, or a number with more digits than Python reads; as the response, and as client data."""
    started = perf_counter()
    assert verdict(PASSKEY, response) == Rejected(Rejection.MALFORMED)
    inner = with_part(ANSWER, "clientDataJSON", text(response.encode("utf-8", "surrogatepass"))[:MAX_BYTES])
    assert verdict(PASSKEY, inner) == Rejected(Rejection.MALFORMED)
    assert perf_counter() - started < 1


def test_a_response_has_a_size():
    """Also one that was read before it came here."""
    for name in ("signature", "clientDataJSON", "somethingElse"):
        assert verdict(PASSKEY, with_part(ANSWER, name, "A" * MAX_BYTES)) == Rejected(Rejection.MALFORMED)
    assert VERIFIER.credential_of({**ANSWER, "id": "A" * 344, "rawId": "A" * 344}) is None  # 258 bytes
    assert VERIFIER.credential_of({**ANSWER, "id": "A" * 340, "rawId": "A" * 340})[0] == bytes(255)
    assert VERIFIER.credential_of({**ANSWER, "id": "", "rawId": ""}) is None
    assert VERIFIER.credential_of(with_part(ANSWER, "userHandle", "A" * 88)) is None  # 66 bytes


def test_more_certificates_than_a_chain_has_are_not_read():
    item = cbor2.loads(raw(CREATED["response"]["attestationObject"]))
    for certificates in ([item["attStmt"]["x5c"][0]] * 6, [1], "x", {}):
        changed = {**item, "attStmt": {**item["attStmt"], "x5c": certificates}}
        response = with_part(CREATED, "attestationObject", text(cbor2.dumps(changed)))
        assert VERIFIER.register(RULES, response, challenge=CREATION) == Rejected(Rejection.MALFORMED)


def test_neither_is_an_answer_of_the_other_ceremony():
    """Members of both, and the type decides."""
    both = with_part(ANSWER, "attestationObject", CREATED["response"]["attestationObject"])

    assert VERIFIER.register(policy(), both, challenge=REQUEST) == Rejected(Rejection.WRONG_CEREMONY)


# --- the reader of CBOR -----------------------------------------------------------------------------------------------

PLAIN = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=40) | st.booleans()
ITEMS = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-300, 300) | st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def depth(item):
    inner = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(ITEMS, st.binary(max_size=8))
def test_what_is_written_is_read_and_no_byte_more(item, behind):
    """The kit writes it, cbor2 writes the same, and four levels are the most."""
    written = cbor(item)
    assert written == cbor2.dumps(item)

    if depth(item) > 4:
        with pytest.raises(Malformed):
            decode(written)
    else:
        assert decode(written + behind) == (item, len(written))


@pytest.mark.parametrize(
    "hostile",
    [
        *("a201000100", "a2616100616101", "a1f500", "a1f600", "a1410000", "a18000", "a1a000"),  # a key twice, or one of no kind
        *("1817", "190017", "1900ff", "1a0000ffff", "1b00000000ffffffff", "5801ff", "7800", "9800", "b800"),  # a longer form
        *("f7", "f818", "f97e00", "fa00000000", "fb0000000000000000", "e0", "ff", "c000", "d81c80", "5f", "1c", "1f", ""),
        *("18", "1900", "1a000000", "42ff", "62", "61ff", "81", "a101"),  # cut off
    ],
)
def test_one_form_of_every_item(hostile):
    """Each key once, a number or text; each number in its shortest form; nothing that CTAP 2 does not have."""
    with pytest.raises(Malformed):
        decode(bytes.fromhex(hostile))


@given(st.binary(max_size=60))
def test_what_is_taken_means_the_same_to_the_library(data):
    """Or the two could be told different things by the same bytes."""
    try:
        item, end = decode(data)
    except Malformed:
        return

    assert cbor2.loads(data[:end]) == item and cbor2.dumps(item) == data[:end]
