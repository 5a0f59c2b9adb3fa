"""Passkeys: what is asked of a browser, and what its answer fits."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from hmac import compare_digest
from typing import Any, TypeVar

from acctsec import events
from acctsec._flows.core import Core
from acctsec.claims import Enrollment, PasskeyAssertion, PasskeyAttestation, PasskeyClaims, Ticket
from acctsec.errors import ConfigError, PortError
from acctsec.mfa.passkeys import (
    Asserted,
    PasskeyMatch,
    PasskeyPolicy,
    PasskeyVerifier,
    Registered,
    Rejected,
    Rejection,
    WebauthnVerifier,
    kept,
    request_options,
    subject_of,
)
from acctsec.mfa.policy import method_of
from acctsec.outcomes import FactorKind
from acctsec.record import Factors, Passkey
from acctsec.steps import Scene

SIGNED = ("attestationObject", "authenticatorData", "clientDataJSON", "signature")

DECOY = bytes.fromhex(
    "a5010203262001215820"
    "66db38b2967e40a87a8a1bb85df525ef8e058f197e58e73d9422fe7da854d823"
    "225820"
    "7d7bca84a4100148bedfe7553ae22f648f57dd1b2e14a768818655c529ca0ec8"
)
"""The public key that is tried where there is no passkey: a point of P-256 whose private key nobody has, as it is a hash."""

Answer = TypeVar("Answer")


class Passkeys:
    """Keys in devices, which sign what they are asked for."""

    kind: FactorKind = FactorKind.PASSKEY
    answers: tuple[type, ...] = (PasskeyAssertion, PasskeyAttestation)

    def __init__(self, core: Core) -> None:
        self.core = core

    @cached_property
    def verifier(self) -> PasskeyVerifier:
        """What checks signatures: that of the engine, or the library, which is loaded when it is first needed."""
        return self.core.ports.passkeys or WebauthnVerifier()

    @property
    def rules(self) -> PasskeyPolicy:
        """What the policy says of passkeys. Raises ConfigError where it says nothing."""
        return rules_of(self.core)

    def named(self, answer: PasskeyAssertion | PasskeyAttestation) -> tuple[bytes, bytes | None] | None:
        """The credential and the user handle that an answer says it is from."""
        response = answer.response
        return self.verifier.credential_of(response) if isinstance(response, str | Mapping) else None

    def is_form(self, answer: PasskeyAssertion | PasskeyAttestation) -> bool:
        """What a browser sends, within bounds; nothing is where the policy has no passkeys."""
        return self.core.policy.mfa.passkeys is not None and self.named(answer) is not None

    def guess(self, answer: PasskeyAssertion | PasskeyAttestation, scene: Scene) -> str:  # noqa: ARG002
        """All that was signed."""
        given = answer.response
        inner = {} if isinstance(given, str) else given.get("response")
        parts = [inner.get(name) for name in SIGNED] if isinstance(inner, Mapping) else []
        text = given if isinstance(given, str) else "\n".join(part for part in parts if isinstance(part, str))
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    async def find(
        self, scene: Scene, factors: Factors, answer: PasskeyAssertion | PasskeyAttestation, ticket: Ticket | None
    ) -> PasskeyMatch | None:
        """What it fits, for the ticket whose options it answers. Without one nothing was asked."""
        if ticket is None or not isinstance(answer, PasskeyAssertion):
            return None
        signed = self.signed(scene, factors, answer, rules=self.rules, ticket=ticket)
        if isinstance(signed, Rejected):
            self.rejected(scene, "verify_factor", signed)
            return None
        passkey, asserted = signed
        return PasskeyMatch(factor=passkey.id, rules=self.rules, asserted=asserted, besides=ticket.methods)

    async def confirm(
        self, scene: Scene, enrollment: Enrollment, answer: PasskeyAssertion | PasskeyAttestation
    ) -> Passkey | None:
        """The new passkey."""
        if not isinstance(answer, PasskeyAttestation):
            return None
        for challenge in challenges(self.core, enrollment):
            found = self.verifier.register(self.rules, answer.response, challenge=challenge)
            if found != Rejected(Rejection.WRONG_CHALLENGE):
                break
        if isinstance(found, Rejected):
            self.rejected(scene, "confirm_factor", found)
            return None
        new = _checked(found, Registered)
        return kept(new, factor_id=enrollment.id.hex(), name=enrollment.name, now=scene.now)

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:  # noqa: ARG002
        """Nothing: what is kept of a passkey is public."""
        return iter(())

    def signed(
        self, scene: Scene, factors: Factors, answer: PasskeyAssertion, *, rules: PasskeyPolicy, ticket: Ticket | PasskeyClaims
    ) -> tuple[Passkey, Asserted] | Rejected:
        """
        Which passkey signed the challenge of a ticket; as much is computed where there is none. Its counter is left to the step,
        which knows the record as it is then.
        """
        named = self.named(answer)
        if named is None:
            return Rejected(Rejection.MALFORMED)
        credential, handle = named
        stored = next((one for one in factors.passkeys if compare_digest(one.credential, credential)), None)
        tried = (credential, DECOY if stored is None else stored.key, 0)
        for challenge in challenges(self.core, ticket):
            found = self.verifier.authenticate(rules, answer.response, challenge=challenge, credential=tried)
            if found != Rejected(Rejection.WRONG_CHALLENGE):
                break
        if isinstance(found, Rejected):
            unknown = stored is None and found.reason is Rejection.SIGNATURE
            return Rejected(Rejection.WRONG_CREDENTIAL) if unknown else found
        owned = handle is None or subject_of(handle) == scene.subject
        return (stored, _checked(found, Asserted)) if stored and owned else Rejected(Rejection.WRONG_CREDENTIAL)

    def rejected(self, scene: Scene, operation: str, found: Rejected) -> None:
        """Let operators know why."""
        self.core.observe(events.PasskeyRejected(**scene.head(), operation=operation, reason=found.reason.value))


def rules_of(core: Core) -> PasskeyPolicy:
    """What the policy says of passkeys. Raises ConfigError where it says nothing."""
    rules = core.policy.mfa.passkeys
    if rules is None:
        remedy = 'Give MfaPolicy(passkeys=PasskeyPolicy(rp_id="example.com", rp_name=..., origins=(...,))).'
        raise ConfigError("The policy says nothing of passkeys, so none can be set up or used.", remedy=remedy)
    return rules


def requested(core: Core, factors: Factors, ticket: Ticket, *, ways: Sequence[frozenset[str]] = ()) -> Mapping[str, Any] | None:
    """What a browser is asked for so that a ticket goes on; None where no passkey helps."""
    rules, helpful = core.policy.mfa.passkeys, frozenset[str]().union(*ways)
    usable = [one for one in factors.passkeys if not one.reported and (not helpful or method_of(one) in helpful)]
    if rules is None or not usable:
        return None
    challenge = challenges(core, ticket)[0]
    return request_options(rules, challenge=challenge, allow=[(one.credential, one.transports) for one in usable])


def challenges(core: Core, ticket: Ticket | Enrollment | PasskeyClaims) -> tuple[bytes, ...]:
    """
    The challenge of a ticket, under each index key, the newest first. Nothing of it is stored: it is as good as its ticket, and
    for that alone, whose id was drawn for it.
    """
    match ticket:
        case Enrollment():
            purpose = ("enroll", ticket.tenant, ticket.subject)
        case PasskeyClaims():
            purpose = ("first factor", ticket.tenant, "")
        case Ticket():
            purpose = ("step-up" if ticket.session else "second factor", ticket.tenant, ticket.subject)
    keys = range(core.keyring.index_count)
    return tuple(core.keyring.digest("passkey challenge", *purpose, ticket.id, key=key) for key in keys)


def _checked(found: object, kind: type[Answer]) -> Answer:
    if not isinstance(found, kind):
        message = f"The passkey verifier answered with {type(found).__name__}."
        raise PortError(message, remedy=f"Answer {kind.__name__} or Rejected.")
    return found
