"""What callers claim: each value says by which proof, and shows none of it."""

from collections.abc import Mapping

from attrs import field, frozen

from acctsec.checks import text


@frozen
class CurrentPassword:
    """
    The subject's current password; counted like any guess.

    A subject with a live factor has to show a *session* at its full level beside it.
    """

    password: str = field(repr=False)
    session: str | None = field(default=None, repr=False)


@frozen
class FreshSession:
    """A session proven within ``SessionPolicy.fresh`` at the subject's full level."""

    token: str = field(repr=False)


@frozen
class ChangeTicket:
    """The ticket of ``PasswordChangeRequired``."""

    ticket: str = field(repr=False)


@frozen
class Admin:
    """An administrator, by name for the audit; the platform vouches for him. Raises ConfigError for one without a name."""

    actor: str = field(validator=text())


@frozen
class Initial:
    """The first password of a new subject; refused where there is one already."""


PasswordClaim = CurrentPassword | FreshSession | ChangeTicket | Admin | Initial


@frozen
class TotpCode:
    """A code from an authenticator app, or a token with a clock: six to eight ASCII digits, as many as it shows."""

    code: str = field(repr=False)


@frozen
class RecoveryCode:
    """
    A printed recovery code, ``xxxx-xxxx-xxxx-xxxx``.

    As the first proof of a reset it needs the *handle* that ``request_reset`` gave this browser.
    """

    code: str = field(repr=False)
    handle: str | None = field(default=None, repr=False)


@frozen
class HotpCode:
    """
    A code from a token with a button: six to eight ASCII digits, as many as it shows.

    Where its button was pressed too often, *next* is the code after it: two in a row bring the counters together again.
    """

    code: str = field(repr=False)
    next: str | None = field(default=None, repr=False)


@frozen
class OutsideAnswer:
    """
    What somebody else has to check: *answer* is what his page handed back, at most 8,192 characters, for the very ticket that
    ``begin_outside`` was called with. *method* is his name in ``MfaPolicy.outside``.
    """

    method: str
    answer: str = field(repr=False)


@frozen
class DeliveredCode:
    """A code that ``send_code`` sent, for the very ticket that it was sent for: ASCII digits alone."""

    code: str = field(repr=False)


@frozen
class PushApproval:
    """The prompt that ``push_prompt`` had pushed for this ticket was answered in the app: there is nothing to type here."""


@frozen
class PasskeyAssertion:
    """
    A passkey's answer to request options: what ``navigator.credentials.get`` gave, by ``toJSON()``, as JSON text or read already.
    """

    response: str | Mapping[str, object] = field(repr=False)


@frozen
class PasskeyAttestation:
    """
    A new passkey: what ``navigator.credentials.create`` gave, by ``toJSON()``, as JSON text or read already. It confirms
    ``enroll_passkey``.
    """

    response: str | Mapping[str, object] = field(repr=False)


FactorAnswer = TotpCode | HotpCode | RecoveryCode | DeliveredCode | PushApproval | PasskeyAssertion | OutsideAnswer
NewFactorAnswer = FactorAnswer | PasskeyAttestation


@frozen
class ChallengeAnswer:
    """
    The answer to a ``ChallengeRequired``, with its *ticket*: put it into the Context and call the same operation again.

    It is looked at once, whatever comes of it.
    """

    ticket: str = field(repr=False)
    answer: str = field(repr=False)


@frozen
class ResetLink:
    """
    The token of a mailed reset link; with the *ticket* of ``ProofRequired``, beside what was shown for that.
    """

    token: str = field(repr=False)
    ticket: str | None = field(default=None, repr=False)


@frozen
class ResetCode:
    """
    A typed reset code, beside the *handle* that ``request_reset`` gave this browser; with the *ticket* of ``ProofRequired``,
    beside what was shown for that: so a text and a mail come together.
    """

    handle: str = field(repr=False)
    code: str = field(repr=False)
    ticket: str | None = field(default=None, repr=False)


@frozen
class ResumeTicket:
    """The ticket of ``ProofAccepted``, or of ``Waiting``."""

    ticket: str = field(repr=False)


ResetProof = ResetLink | ResetCode | RecoveryCode | ResumeTicket


@frozen
class AddressLink:
    """The token of a mailed link that proves an address."""

    token: str = field(repr=False)


@frozen
class AddressCode:
    """A code that was sent to a new address, for the *change* of AddressPending. It needs a session beside it."""

    change: str
    code: str = field(repr=False)


AddressProof = AddressLink | AddressCode | ResumeTicket


@frozen
class UnlockLink:
    """The token of a mailed link that opens the lane of strangers."""

    token: str = field(repr=False)


@frozen
class UnlockFactor:
    """A live second factor of whom *identifier* names, without the password."""

    identifier: str = field(repr=False)
    answer: FactorAnswer = field(repr=False)


UnlockProof = UnlockLink | UnlockFactor
