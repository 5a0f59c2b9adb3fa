"""What is fuzzed, and the word that each reader has given."""

import json
import re
import struct
import tempfile
from base64 import urlsafe_b64decode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from tests.fuzz import files
from tests.fuzz import sealed as sealed_targets
from tests.mfa.stage import CREATION, REQUEST, VERIFIER, answered, created, policy, soft

from acctsec import ConfigError, Keyring, PasswordAccepted, PasswordPolicy, PasswordRejected
from acctsec._codec import decode_record, encode_record, pack_event, unpack_event
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.attacks.networks import networks
from acctsec.challenges import ProofOfWork, solve
from acctsec.claims import DeviceClaims, SessionClaims
from acctsec.context import Source
from acctsec.corpora.built import Built
from acctsec.corpora.digests import Digest
from acctsec.corpora.file import Mapped
from acctsec.corpora.layout import HEADER, Header
from acctsec.corpora.lines import Reader, SourceError
from acctsec.devices import _BROWSERS, _SYSTEMS, MAX_NAME, MAX_READ, device_name
from acctsec.errors import RecordError, StoreError
from acctsec.events import PortFailed
from acctsec.hashing import foreign, phc
from acctsec.hashing.foreign import identify
from acctsec.headers import step_up_header
from acctsec.identifiers import canonical
from acctsec.keyring import frame, unframe
from acctsec.meters import Meter
from acctsec.mfa import otp, recovery, totp
from acctsec.mfa.delivered import DeliveredPolicy, masked
from acctsec.mfa.passkeys import Registered, Rejected
from acctsec.mfa.passkeys.responses import base64url
from acctsec.mfa.provisioning import UnreadableUri, read_uri
from acctsec.mfa.push import PushPolicy
from acctsec.outcomes import AssuranceLevel, Objection
from acctsec.password import prepare
from acctsec.password.context import remainder
from acctsec.protocols import Solved, Unsolved
from acctsec.record import Device, Record, Verifier
from acctsec.stores._postgres_target import parsed
from acctsec.stores._rows import Row, read_row
from acctsec.stores._valkey_links import parse_url

KEYRING = Keyring(sealing=[bytes(range(32))], index=[bytes(range(32, 64))])
POLICY = PasswordPolicy()
APART = ("FirebaseScrypt", "ForeignFormat", "Wrappable")
SECRET = "hunter-Σ-2"
FOREIGN = [
    *(getattr(foreign, name)() for name in foreign.__all__ if isinstance(getattr(foreign, name), type) and name not in APART),
    foreign.FirebaseScrypt(signer_key="A" * 86 + "=="),
]
NOW = datetime(2026, 11, 25, tzinfo=UTC)
TOKENS = Tokens(KEYRING)
KEY = soft()
MADE, USED = created(KEY), answered(KEY)
PUZZLES = ProofOfWork(bits=8)
PUZZLE = PUZZLES.puzzle(bytes(16))
ANSWER = solve(PUZZLE)
DELIVERED, PUSHED = DeliveredPolicy(), PushPolicy()
DEVICE_WORDS = {word for _, name in (*_BROWSERS, *_SYSTEMS, ("", "Chirp Safari")) for word in name.split()}
PASSKEYS = policy()
PASSKEY = VERIFIER.register(PASSKEYS, MADE, challenge=CREATION)
KNOWN = (PASSKEY.credential, PASSKEY.key, PASSKEY.counter)


def passkey(data):
    """A passkey response is a value whatever it is, and an answer to one challenge alone."""
    text = _text(data)
    assert isinstance(VERIFIER.register(PASSKEYS, text, challenge=CREATION), Registered | Rejected)
    assert isinstance(VERIFIER.authenticate(PASSKEYS, text, challenge=bytes(32), credential=KNOWN), Rejected)
    found = VERIFIER.credential_of(text)
    assert found is None or (0 < len(found[0]) <= 255 and (found[1] is None or 0 < len(found[1]) <= 64))


def passkey_object(data):
    """What an authenticator sent is a value, and nothing it did not sign counts."""
    text = base64url(data)
    made = {**MADE, "response": {**MADE["response"], "attestationObject": text}}
    assert isinstance(VERIFIER.register(PASSKEYS, made, challenge=CREATION), Registered | Rejected)
    used = {**USED, "response": {**USED["response"], "authenticatorData": text}}
    found = VERIFIER.authenticate(PASSKEYS, used, challenge=REQUEST, credential=KNOWN)
    assert isinstance(found, Rejected) or text == USED["response"]["authenticatorData"]


def stored_hash(data):
    """A stored hash has one spelling."""
    text = _text(data)
    read = phc.parse(text)
    assert read is None or str(read) == text


def foreign_hash(data):
    """A hash of another system is read by the one format that its mark names, or by none."""
    text = _text(data)
    name = identify(text)
    for one in FOREIGN:
        if one.reads(text):
            assert one.name == name
            assert one.settings(text) and len(one.tag(text)) >= 16
        else:
            assert one.verify(text, SECRET) is False


def password(data):
    """What was prepared stays as it is, and is judged whatever it is made of."""
    text = _text(data)
    once = prepare(text)
    if not isinstance(once, Objection):
        assert prepare(once) == once
    verdict = POLICY.check(text, words=(text[1:9],))
    assert isinstance(verdict, PasswordAccepted | PasswordRejected)
    assert verdict.strength.guesses_log10 >= 0


def context_words(data):
    """Some of the password is left without the words, or all of it."""
    first, _, second = _text(data).partition("\0")
    rest = remainder(first, second.split("\1"))
    assert rest is None or rest >= 0


def record(data):
    """A record is read as it was written, or refused."""
    with suppress(RecordError):
        read = decode_record(data)
        assert decode_record(encode_record(read)) == read


def event(data):
    """An event is read as it was written, or not at all."""
    read = unpack_event(data)
    if read is not None:
        assert unpack_event(pack_event(read)) == read


def meter_row(data):
    """A row of meters is read to its last meter, or refused."""
    with suppress(StoreError):
        row = read_row(data)
        assert len(row) == len([row[name] for name in row])


def framed(data):
    """Parts of text come out as they went in, and nothing else comes out."""
    parts = unframe(data)
    assert not parts or frame(*parts) == data


def sealed(data):
    """Nobody makes what opens."""
    assert KEYRING.open("verifier", data, "tenant", "subject") is None


def token(data):
    """Nobody makes a token."""
    assert TOKENS.open(Purpose.SESSION, _text(data), SessionClaims) is None


def identifier(data):
    """The canonical form of a canonical form is itself."""
    found = canonical(_text(data))
    assert found is None or canonical(found.value) == found


def source(data):
    """An address is read in one way, however many proxies wrote it down."""
    peer, _, header = _text(data).partition("\0")
    found = Source.of(peer)
    assert Source.of(peer) == found
    assert isinstance(Source.forwarded(peer=peer, header=header, trusted_proxies=len(data) % 4), Source)


def codes(data):
    """A code of another form is no code, and none is found that was not given."""
    text = _text(data)
    assert totp.is_code(text) == (len(text) == 6 and text.isascii() and text.isdecimal())
    assert recovery.find(recovery.digests(("aaaa-bbbb",)), text) is None or recovery.is_code(text)


def provisioning_uri(data):
    """An otpauth URI is read within all bounds, or refused."""
    text = _text(data)
    read = read_uri(text)
    assert isinstance(read, UnreadableUri) or (text.isascii() and otp.check_secret(read.secret) and read.counter >= 0)


def breach_lines(data):
    """The lines of a download are read to the last entry, or refused by the number of one of them."""
    bits = 8 + len(data) % 21
    reader = Reader(path=Path("download"), prefix=b"", digest=Digest.NTLM, bits=bits, counts=True)
    try:
        keys, classes = reader.read(data + b"\n", 1)
    except SourceError:
        return
    known = {}
    for line in data.split(b"\n"):
        digits, _, count = line.removeprefix(b"\xef\xbb\xbf").strip().partition(b":")
        if digits and int(count):
            key = int(digits, 16) >> 96 - bits
            known[key] = max(int(count).bit_length(), known.get(key, 0))
    assert dict(zip(keys, classes, strict=True)) == known
    assert all(one < other for one, other in pairwise(keys))


def breach_header(data):
    """The head of a breach file is read as it was written, or refused."""
    head = data[: HEADER - 4].ljust(HEADER - 4, b"\0")
    head += struct.pack("<I", crc32(head))
    for size in (len(data), HEADER + 1028):
        with suppress(StoreError):
            assert Header.unpack(head, size=size, name="breached").pack() == head


def breach_file(data):
    """
    Whatever a breach file has under sums that are right: a look-up answers or refuses, and once the check has passed
    it finds each entry.
    """
    index = data[:_INDEX].ljust(_INDEX, b"\0")
    body = data[_INDEX:][: len(data[_INDEX:]) // 5 * 5]
    header = Header(
        digest=Digest.SHA1,
        bits=8,
        wide=False,
        has_counts=True,
        entries=len(body) // 5,
        index_sum=crc32(index),
        body_sum=crc32(body),
        ranges=1,
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(header.pack() + index + body)
        file.flush()
        mapped, built = Mapped(Path(file.name)), Built(Path(file.name))
        for first in (0, 127, 128, 255):
            with suppress(StoreError):
                assert mapped.find(bytes([first]) * 20) >= 0
        with suppress(StoreError):
            built.check()
            for block in built.blocks():
                assert all(mapped.find((key << 24).to_bytes(8) + bytes(12)) for key in block.keys)


_INDEX = 257 * 4


def networks_of(data):
    """Whatever a source is called, its networks are named, and hold it where it is an address."""
    with suppress(ConfigError):
        named = networks(Source(_text(data)))
        assert named.address == _text(data)
        assert networks(Source.of(_text(data))).address == Source.of(_text(data)).key


def device(data):
    """A name of a device is put together from a table, whatever a browser says of itself."""
    said = _text(data)
    name = device_name(said, apps=("Chirp",))
    assert name.isascii() and name.isprintable() and len(name) <= MAX_NAME
    assert set(name.replace(" on ", " ").split()) <= DEVICE_WORDS
    assert device_name(said + said[:MAX_READ], apps=("Chirp",)) == name or len(said) < MAX_READ


def puzzle(data):
    """Neither a puzzle nor an answer that nobody worked for is taken."""
    first, _, second = _text(data).partition("\0")
    assert PUZZLES.verify(PUZZLE, second, source="") in (Unsolved(), Solved())
    assert isinstance(PUZZLES.verify(first, "0" * 128, source=""), Unsolved)
    assert second == ANSWER or isinstance(PUZZLES.verify(PUZZLE, second, source=""), Unsolved) or len(second) == 128


def step_up(data):
    """A header is one line in which every value stands between its quotes, or it is refused."""
    realm, _, name = _text(data).partition("\0")
    names = {AssuranceLevel.AAL2: name, AssuranceLevel.AAL3: f"{name}3"}
    with suppress(ConfigError):
        header = step_up_header(acr=AssuranceLevel.AAL2, max_age=timedelta(seconds=len(data)), realm=realm, names=names)
        assert header.isascii() and header.isprintable()
        found = dict(re.findall(r'([a-z_]+)="([^"\\]*)"', header))
        assert found["realm"] == realm and found["acr_values"] == f"{name} {name}3" and len(found) == 5


def short_codes(data):
    """A code that is typed has one spelling: ASCII digits, as many as were sent."""
    text = _text(data)
    plain = text.isascii() and text.isdecimal()
    assert DELIVERED.is_code(text) == (plain and len(text) == DELIVERED.digits)
    assert PUSHED.is_number(text) == (plain and len(text) == PUSHED.digits)
    shown = masked(text)
    assert len(shown) <= 48 and shown.replace("…", "").isascii()


def conninfo(data):
    """Where PostgreSQL is, is read or refused, and a refusal shows nothing of it."""
    _says_nothing(parsed, f"postgresql://user:{SECRET}{_text(data)}")
    _says_nothing(parsed, f"password={SECRET}{_text(data)}")


def valkey_url(data):
    """Where Valkey is, is read or refused, and a refusal shows nothing of it."""
    _says_nothing(parse_url, f"redis://user:{SECRET}{_text(data)}")
    _says_nothing(parse_url, f"{_text(data)}{SECRET}")


def _says_nothing(read, text):
    refusal = None
    try:
        read(text)
    except ConfigError as error:
        refusal = f"{error} {error!r} {error.__cause__!r} {error.remedy}"
    assert SECRET not in (refusal or "")


def _raw(response, name):
    text = response["response"][name]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data):
    """Text of every kind, lone surrogates among it."""
    return data.decode("utf-8", "surrogateescape")


SEEDS = {
    **files.SEEDS,
    **sealed_targets.SEEDS,
    "device": ["Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0", "Chirp/4.2 (iPhone; iOS 19.1)"],
    "networks-of": ["192.0.2.1", "2001:db8::/64", "unknown"],
    "puzzle": [f"pow1:8:{'0' * 32}\0{ANSWER}"],
    "step-up": ["example\0urn:acr:2"],
    "short-codes": ["123456", "+49 170 1234567"],
    "foreign-hash": [one.decoy() for one in FOREIGN],
    "breach-lines": [b"\n".join(b"%032X:%d" % (n << 100, n) for n in range(9)), b"\xef\xbb\xbf" + b"aB" * 16 + b":007\r\n\r\n"],
    "breach-header": [
        Header(digest=Digest.SHA1, bits=8, wide=False, has_counts=False, entries=0, index_sum=0, body_sum=0, ranges=0).pack()
    ],
    "breach-file": [struct.pack("<257I24I24B", *(n // 11 for n in range(256)), 24, *range(24), *[3] * 24)],
    "stored-hash": [f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"],
    "token": [TOKENS.seal(Purpose.DEVICE, DeviceClaims(tenant="", subject="s", incarnation=bytes(16), id=bytes(16)))],
    "source": ["2001:db8::1\0203.0.113.9, 198.51.100.7", "::ffff:192.0.2.1"],
    "identifier": ["Straße@example.com", "+44 20 7946 0000"],
    "conninfo": ["@localhost:5432/app?sslmode=require", " host=localhost port=5432"],
    "valkey-url": ["@localhost:6379/0?db=1", "rediss://user:"],
    "record": [
        encode_record(
            Record(
                incarnation=bytes(16),
                verifier=Verifier(sealed=bytes(133), born=1, preparation=1, since=NOW),
                devices=(Device(id=bytes(16), since=NOW),),
            )
        )
    ],
    "passkey": [json.dumps(MADE), json.dumps(USED)],
    "passkey-object": [_raw(MADE, "attestationObject"), _raw(USED, "authenticatorData")],
    "provisioning-uri": [f"otpauth://hotp/a:b?secret={'A' * 32}&issuer=a&counter=7&digits=8&algorithm=SHA256"],
    "meter-row": [Row({}).with_changes({b"meter": Meter()})],
    "event": [pack_event(PortFailed(tenant="", subject="", at=NOW, port="corpus"))],
}
"""Where the search begins, for what chance alone would not find."""

TARGETS = {
    target.__name__.replace("_", "-"): target
    for target in (
        *files.TARGETS,
        *sealed_targets.TARGETS,
        breach_file,
        breach_header,
        breach_lines,
        codes,
        conninfo,
        context_words,
        device,
        event,
        foreign_hash,
        framed,
        identifier,
        meter_row,
        networks_of,
        passkey,
        passkey_object,
        password,
        provisioning_uri,
        puzzle,
        record,
        sealed,
        short_codes,
        source,
        step_up,
        stored_hash,
        token,
        valkey_url,
    )
}
