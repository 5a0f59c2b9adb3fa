"""K1: a passkey verified, beside the bare call of the library that checks its signature."""

from collections.abc import Callable
from functools import partial

from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, interleaved

from acctsec.mfa.passkeys import Asserted, PasskeyPolicy, Registered, WebauthnVerifier, creation_options, request_options
from acctsec.testing.authenticator import SoftAuthenticator

ORIGIN, CHALLENGE = "https://www.example.com", b"k" * 32
POLICY = PasskeyPolicy(rp_id="example.com", rp_name="Otterly", origins=(ORIGIN,))


@BENCH.row("K1")
def passkeys(pace: Pace):
    """Registered and used, with ours and with ``webauthn`` alone: the JSON that a browser sends, read before."""
    try:
        import webauthn
    except ImportError:
        return
    verifier = WebauthnVerifier()
    for name, algorithm in (("ES256", -7), ("EdDSA", -8), ("RS256", -257)):
        key = SoftAuthenticator(algorithm=algorithm)
        made = key.create(
            creation_options(POLICY, challenge=CHALLENGE, subject="u-1", account="ada", display="Ada"), origin=ORIGIN
        )
        new = verifier.register(POLICY, made, challenge=CHALLENGE)
        assert isinstance(new, Registered)
        signed = key.get(request_options(POLICY, challenge=CHALLENGE), origin=ORIGIN)
        known = (new.credential, new.key, 0)
        assert isinstance(verifier.authenticate(POLICY, signed, challenge=CHALLENGE, credential=known), Asserted)
        bare = {"expected_challenge": CHALLENGE, "expected_rp_id": "example.com", "expected_origin": ORIGIN}
        stored = {"credential_public_key": new.key, "credential_current_sign_count": 0}
        yield _row(
            pace,
            f"a passkey's use verified, {name} ÷ webauthn alone",
            partial(verifier.authenticate, POLICY, signed, challenge=CHALLENGE, credential=known),
            partial(webauthn.verify_authentication_response, credential=signed, **bare, **stored),
            goal=1.5,
        )
        yield _row(
            pace,
            f"a new passkey verified, {name} ÷ webauthn alone",
            partial(verifier.register, POLICY, made, challenge=CHALLENGE),
            partial(webauthn.verify_registration_response, credential=made, **bare),
        )


def _row(pace: Pace, what: str, ours: Callable[[], object], peer: Callable[[], object], *, goal: float | None = None) -> Row:
    """No goal for a new passkey: alone, the library looks at nothing that is signed and never loads the key."""
    timed = interleaved(pace, {"ours": ours, "peer": peer})
    ratio = timed.ratio("ours", "peer")
    return Row(
        id="K1",
        what=what,
        ours=si(timed.seconds("ours")),
        peer=f"webauthn {si(timed.seconds('peer'))}",
        ratio=f"{ratio:.2f}",
        goal="-" if goal is None else f"≤ {goal}",
        met=None if goal is None else ratio <= goal,
    )
