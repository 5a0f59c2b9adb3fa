"""
K1: a passkey verified, beside the bare call of the library that checks its signature. K2: the same through the engine, beside a
password and alone.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

from attrs import evolve
from tests.bench import world
from tests.bench.factors import Ticking
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, Prepared, interleaved

from acctsec import FactorRequired, MfaPolicy, PasskeyAssertion, PasskeyAttestation, SignedIn, SqliteStore
from acctsec.mfa.passkeys import Asserted, PasskeyPolicy, Registered, WebauthnVerifier, creation_options, request_options
from acctsec.outcomes import FactorAdded
from acctsec.testing import SeededEntropy
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


@BENCH.row("K2")
def through_the_engine(pace: Pace):
    """What one use costs beyond its signature: the record read, charged and committed, on SQLite without flushes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        store = world.without_flushes(stack.enter_context(SqliteStore(folder / "store")))
        people = Holders(store, pace.of(12, 2))
        timed = interleaved(
            pace,
            {"bare": people.bare, "beside": Prepared(people.beside), "alone": Prepared(people.alone)},
        )
        for name, what in (("beside", "verify_factor by passkey"), ("alone", "sign_in_with_passkey")):
            yield Row(
                id="K2",
                what=f"{what} ÷ its signature verified, SQLite",
                ours=si(timed.seconds(name)),
                floor=f"signature {si(timed.seconds('bare'))}",
                ratio=f"{timed.ratio(name, 'bare'):.2f}",
                figure=timed.ratio(name, "bare"),
                goal="-",
            )


class Holders:
    """People with a passkey each."""

    def __init__(self, store, people: int) -> None:
        keys, self.people = world.keyring(), people
        world.adopt(store, keys, world.policy(), people)
        rules = evolve(world.policy(), mfa=MfaPolicy(passkeys=POLICY))
        self.clock = Ticking()
        self.engine = world.engine(store, world.Users(people), rules=rules, keys=keys, clock=self.clock)
        self.contexts = [context for context, _ in zip(world.sources(), range(people), strict=False)]
        self.keys = [self._enroll(person) for person in range(people)]
        verifier, options = WebauthnVerifier(), request_options(POLICY, challenge=CHALLENGE)
        key = SoftAuthenticator(algorithm=-7)
        made = key.create(creation_options(POLICY, challenge=CHALLENGE, subject="u", account="a", display="a"), origin=ORIGIN)
        new = verifier.register(POLICY, made, challenge=CHALLENGE)
        assert isinstance(new, Registered)
        signed, known = key.get(options, origin=ORIGIN), (new.credential, new.key, 0)
        self.bare = partial(verifier.authenticate, POLICY, signed, challenge=CHALLENGE, credential=known)

    def _enroll(self, person: int) -> SoftAuthenticator:
        context, key = self.contexts[person], SoftAuthenticator(algorithm=-7, entropy=SeededEntropy(person))
        session = self.engine.sign_in(world.name(person), world.RIGHT, context=context).session
        started = self.engine.enroll_passkey(session, context=context)
        answer = PasskeyAttestation(key.create(started.options, origin=ORIGIN))
        assert isinstance(self.engine.confirm_factor(started.ticket, answer, context=context), FactorAdded)
        return key

    def beside(self):
        """Everybody has typed the password and touched the key; what is timed is the answer."""
        self.clock.now += timedelta(minutes=2)  # what was spent is remembered for as long as a ticket lives
        return [self._beside(person) for person in range(self.people)]

    def alone(self):
        """Everybody has touched the key."""
        self.clock.now += timedelta(minutes=2)
        return [self._alone(person) for person in range(self.people)]

    def _beside(self, person: int):
        context = self.contexts[person]
        due = self.engine.sign_in(world.name(person), world.RIGHT, context=context)
        assert isinstance(due, FactorRequired), due
        answer = PasskeyAssertion(self.keys[person].get(due.passkey, origin=ORIGIN))
        return partial(_signed_in, partial(self.engine.verify_factor, due.ticket, answer, context=context))

    def _alone(self, person: int):
        context = self.contexts[person]
        asked = self.engine.begin_passkey_sign_in(context=context)
        answer = PasskeyAssertion(self.keys[person].get(asked.options, origin=ORIGIN))
        return partial(_signed_in, partial(self.engine.sign_in_with_passkey, asked.ticket, answer, context=context))


def _signed_in(call: Callable[[], object]) -> None:
    outcome = call()
    assert isinstance(outcome, SignedIn), outcome


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
        figure=ratio,
        goal="-" if goal is None else f"≤ {goal}",
        met=None if goal is None else ratio <= goal,
    )
