"""
Which functions read bytes or text, and which target tries each: a reader that is in no line here fails a test.

A reader is a function that calls something which takes text or bytes apart (`CALLS`). Those that only read what this very
process has just made stand in `INSIDE`, and those that another test reads for, in `ELSEWHERE`.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "acctsec"

CALLS = frozenset(
    [
        "a2b_hex",
        "b32decode",
        "b64decode",
        "convert",
        "fromhex",
        "fromisoformat",
        "fromtimestamp",
        "fullmatch",
        "ip_address",
        "ip_network",
        "iter_unpack",
        "loads",
        "parse_qsl",
        "strptime",
        "unhexlify",
        "unpack",
        "unpack_from",
        "unquote",
        "urlparse",
        "urlsafe_b64decode",
        "urlsplit",
    ]
)
"""What takes something apart. `bytes.decode` and `int.from_bytes` are not here: nearly all that call them make something."""

TARGETS = {
    "breach-file": ("corpora.file:Mapped.__init__", "corpora.built:Built.__init__", "corpora.sources:_unpacked"),
    "breach-header": ("corpora.layout:Header.unpack",),
    "breach-lines": ("corpora.lines:Reader.read", "corpora.lines:Reader._refused"),
    "checkpoint": ("_checkpoint:Checkpoint.read", "_import_command:_as_before"),
    "claims": ("_codec:unpack",),
    "codes": ("mfa.otp:is_code", "mfa.recovery:find"),
    "compact-hash": ("hashing.compact:unpacked", "hashing.wrapped:unwrap"),
    "conninfo": ("stores._postgres_target:parsed",),
    "context-words": ("password.context:remainder",),
    "device": ("devices:device_name",),
    "event": ("_codec:unpack_event",),
    "foreign-hash": (
        "hashing.foreign.argon2:Argon2._derivation",
        "hashing.foreign.aspnet:AspNetIdentity._derivation",
        "hashing.foreign.bcrypt:PasslibBcryptSha256._derivation",
        "hashing.foreign.bcrypt:_OnBcrypt._derivation",
        "hashing.foreign.bcrypt:_OnBcrypt._split",
        "hashing.foreign.crypt:Md5Crypt._derivation",
        "hashing.foreign.crypt:Md5Crypt._split",
        "hashing.foreign.crypt:ShaCrypt._derivation",
        "hashing.foreign.crypt:ShaCrypt._split",
        "hashing.foreign.digests:DjangoDigest._derivation",
        "hashing.foreign.digests:DjangoDigest._split",
        "hashing.foreign.encodings:b64_bytes",
        "hashing.foreign.firebase:FirebaseScrypt._derivation",
        "hashing.foreign.keycloak:Keycloak._derivation",
        "hashing.foreign.keycloak:_number",
        "hashing.foreign.keycloak:_object",
        "hashing.foreign.ldap:Ldap._derivation",
        "hashing.foreign.ldap:Ldap._split",
        "hashing.foreign.pbkdf2:DjangoPbkdf2._derivation",
        "hashing.foreign.pbkdf2:PasslibPbkdf2._derivation",
        "hashing.foreign.pbkdf2:PasslibPbkdf2._split",
        "hashing.foreign.pbkdf2:PhcPbkdf2._derivation",
        "hashing.foreign.phpass:Drupal._split",
        "hashing.foreign.phpass:Phpass._split",
        "hashing.foreign.phpass:_Portable._rounds",
        "hashing.foreign.scrypt:DjangoScrypt._derivation",
        "hashing.foreign.scrypt:Scrypt._derivation",
        "hashing.foreign.symfony:SymfonyDigest._derivation",
        "hashing.foreign.symfony:SymfonyPbkdf2._derivation",
        "hashing.foreign.symfony:_column",
    ),
    "framed": ("keyring:unframe",),
    "history": ("testing._histories:_calls", "testing._histories:_unpacked"),
    "host": ("_host:read",),
    "identifier": ("identifiers:canonical",),
    "instants-of-changes": ("_import_command:_wrong",),
    "keys": ("keyring:Keyring.from_text",),
    "lane": ("record.lockout:coded",),
    "lengths-of-time": ("testing.scenarios.policies:duration",),
    "meter-row": ("stores._rows:read_row",),
    "networks-of": ("attacks.networks:_named",),
    "older-fields": ("_codec:decode_record",),
    "older-record": ("_codec:decode_record",),
    "origin": ("links:_is_label", "links:_origin", "wellknown:_checked"),
    "outbox": ("_flows.entries:unseal",),
    "passkey": ("mfa.passkeys.responses:_bytes",),
    "passkey-object": ("mfa.passkeys.cbor:decode",),
    "password": ("password.preparation:prepare", "password.estimator.dates:_date", "password.words:_forms"),
    "popularity": ("stores.popularity:MemoryPopularity.from_bytes",),
    "provisioning-uri": (
        "mfa.provisioning:_decoded",
        "mfa.provisioning:_number",
        "mfa.provisioning:_secret",
        "mfa.provisioning:read_uri",
    ),
    "puzzle": ("challenges:ProofOfWork.verify", "challenges:_read"),
    "record": ("_codec:decode_record",),
    "scenario": ("testing.scenarios.reading:read_scenario", "testing.scenarios.checking:_of_account"),
    "sealed": ("keyring:Keyring.open",),
    "short-codes": ("mfa.delivered:DeliveredPolicy.is_code", "mfa.push:PushPolicy.is_number"),
    "source": ("context:Source.of", "context:Source.forwarded"),
    "step-up": ("headers:_fitting",),
    "stored-hash": ("hashing.phc:parse",),
    "token": ("_flows.tokens:Tokens.open",),
    "user-table": ("_migration.tables:_json_values", "_migration.tables:_records"),
    "valkey-url": ("stores._valkey_links:parse_url",),
}
"""Each target, and the readers that it tries."""

ELSEWHERE = {
    "_flows.carrying:Carrying.gone": "tests/test_addresses.py",
    "_flows.carrying:Carrying.replaced": "tests/test_addresses.py",
    "_flows.changes:id_of": "tests/test_inputs.py",
    "_flows.devices:_id": "tests/test_inputs.py",
    "_flows.kinds._kind:nothing": "tests/test_inputs.py",
    "_flows.kinds.delivered:DeliveredCodes.enrolled": "tests/mfa/test_delivered.py",
    "_flows.kinds.passkeys:": "tests/mfa/test_passkey_flows.py",
    "_flows.outbox:_known": "tests/test_outbox.py",
    "_flows.sessions:id_of": "tests/test_inputs.py",
    "_migration.runs:load_engine": "tests/test_migrate.py",
    "_named_policy:load": "tests/audit/test_command.py",
    "_rewrap_command:Rewrap.resume": "tests/test_rewrap.py",
    "corpora.ranges:RangeApiCorpus._ask": "tests/corpora/test_ranges.py",
    "corpora.sources:Download._find": "tests/corpora/test_corpora.py",
    "knobs:documented": "tests/test_knobs.py",
    "links:_path": "tests/test_links.py",
    "mfa.passkeys.policy:PasskeyPolicy._check_domain": "tests/mfa/test_passkey_policy.py",
    "mfa.passkeys.policy:PasskeyPolicy._check_origin": "tests/mfa/test_passkey_policy.py",
    "mfa.policy:Outside.__attrs_post_init__": "tests/mfa/test_outside.py",
    "protocols.directory:_check_locale": "tests/test_host.py",
    "stores._valkey_records:_Place.read": "tests/test_rewrap.py",
}
"""Readers of what a platform or an operator writes into code or a command line, whose forms another test lists one by one."""

INSIDE = {
    "corpora.digests:md4",
    "links:Links.url",
    "mfa.enrolment:_modules",
    "mfa.worded:worded",
    "password.estimator.chinese:_pinyin",
    "password.estimator.ngrams:trigrams",
    "password.strength:repetitions",
    "stores._valkey_checks:Checks._check_clock",
    "stores.popularity:MemoryPopularity._places",
    "stores.valkey:_Parts.__init__",
    "testing.doubles:Authenticator.__init__",
}
"""Those that read what the library has made, or brings along; and the clock of a server that is trusted with all the rest."""


def readers(root=SOURCE):
    """Every function that takes text or bytes apart: `module:Class.function`."""
    found = set()
    for path in root.rglob("*.py"):
        if "_demo" not in path.parts:
            _walk(ast.parse(path.read_text(encoding="utf-8")), ".".join(path.relative_to(root).with_suffix("").parts), (), found)
    return found


def functions(root=SOURCE):
    """Every function there is."""
    found = set()
    for path in root.rglob("*.py"):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.add(f"{module}:")
        for node in tree.body:
            for one in [node, *node.body] if isinstance(node, ast.ClassDef) else [node]:
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(f"{module}:{one.name}" if one is node else f"{module}:{node.name}.{one.name}")
    return found


def _walk(node, module, names, found):
    for child in ast.iter_child_nodes(node):
        inner = names
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*names, child.name)
        elif isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.func.attr in CALLS:
            found.add(f"{module}:{'.'.join(names)}")
        _walk(child, module, inner, found)
