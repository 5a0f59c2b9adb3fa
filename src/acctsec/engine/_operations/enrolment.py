"""How a factor is set up, of any kind."""

from acctsec.claims import NewFactorAnswer
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import (
    CodeEnrollmentStarted,
    ConfirmFactorOutcome,
    EnrollOtpOutcome,
    OutsideBegun,
    PasskeyEnrollmentStarted,
    PushEnrollmentStarted,
    Refused,
    TryAgain,
)
from acctsec.protocols import Channel


class EnrolmentOperations(Face):
    """How a factor is set up, of any kind."""

    @on_both_faces
    async def enroll_totp(
        self, token: str, *, name: str = "", otpauth: str | None = None, replaces: str = "", context: Context
    ) -> EnrollOtpOutcome:
        """
        Begin to set up an authenticator app, with a fresh session at the subject's full level or the ticket of
        EnrollmentRequired. Nothing is stored until ``confirm_factor``.

        *otpauth* is the URI of a token that has its secret already; TokenRejected says why it cannot be used. Without, the secret
        is ours and the form that of ``MfaPolicy.totp``.

        Refused for an account without a verified address: a squatter's factor would block the address's later owner.
        """
        return await self._flows.authenticators.enroll_totp(token, name=name, otpauth=otpauth, replaces=replaces, context=context)

    @on_both_faces
    async def enroll_hotp(
        self, token: str, *, name: str = "", otpauth: str | None = None, replaces: str = "", context: Context
    ) -> EnrollOtpOutcome:
        """
        Begin to set up a token with a button, as ``enroll_totp`` does an app; the policy's kinds have to name HOTP.

        Confirm it with ``HotpCode``: two codes in a row, where its button was pressed often before.
        """
        return await self._flows.authenticators.enroll_hotp(token, name=name, otpauth=otpauth, replaces=replaces, context=context)

    @on_both_faces
    async def enroll_outside(
        self, token: str, method: str, reference: str, *, name: str = "", replaces: str = "", context: Context
    ) -> OutsideBegun | Refused | TryAgain:
        """
        Begin to set up a factor that somebody else checks: *method* is his name in ``MfaPolicy.outside``, *reference* what he
        knows the subject by, of at most 128 bytes. Take it from him and not from the page. Confirm it with ``OutsideAnswer``.

        Raises ConfigError for a name that the policy has not.
        """
        return await self._flows.outside.enroll_outside(token, method, reference, name=name, replaces=replaces, context=context)

    @on_both_faces
    async def enroll_passkey(
        self, token: str, *, name: str = "", replaces: str = "", context: Context
    ) -> PasskeyEnrollmentStarted | Refused:
        """
        Begin to set up a passkey, with what ``enroll_totp`` asks: hand the options to the browser, and what comes back to
        ``confirm_factor`` as PasskeyAttestation. Those that the subject has are excluded, but the one that it *replaces*.

        The passkey keeps the subject, of at most 64 bytes; ConfigError beyond, and where the policy has no passkeys.
        """
        return await self._flows.passkeys.enroll_passkey(token, name=name, replaces=replaces, context=context)

    @on_both_faces
    async def enroll_delivered(
        self,
        token: str,
        address: str,
        *,
        channel: Channel | None = None,
        name: str = "",
        replaces: str = "",
        context: Context,
    ) -> CodeEnrollmentStarted | Refused | TryAgain:
        """
        Begin to set up codes that go to a verified *address* of the account, and send the first one: with a fresh session at the
        subject's full level or the ticket of EnrollmentRequired.

        By text to a number and by mail to a mailbox, or by a call where *channel* is ``Channel.VOICE``, as far as
        ``DeliveredPolicy.channels`` goes. ``confirm_factor`` with the code sets it up; ``send_code(ticket, sent.factor)`` sends
        another. Where the address leaves the account the factor goes with it.
        """
        return await self._flows.codes.enroll_delivered(
            token, address, channel=channel, name=name, replaces=replaces, context=context
        )

    @on_both_faces
    async def enroll_push(
        self, token: str, address: str, *, name: str = "", replaces: str = "", context: Context
    ) -> PushEnrollmentStarted | Refused | TryAgain:
        """
        Begin to set up an app of the platform that prompts are pushed to, and push it the first: with a fresh session at the
        subject's full level or the ticket of EnrollmentRequired.

        *address* is the platform's own name for where that app is reached, at most 255 bytes, kept sealed and handed to the
        messenger as it is. Show the number; once it is typed in the app, ``confirm_factor(ticket, PushApproval())`` sets it up.
        """
        return await self._flows.prompts.enroll_push(token, address, name=name, replaces=replaces, context=context)

    @on_both_faces
    async def confirm_factor(self, ticket: str, answer: NewFactorAnswer, *, context: Context) -> ConfirmFactorOutcome:
        """
        Prove the new authenticator by a code, which is spent by it. Other sessions end; the answer has a new one.

        EnrollmentRequired, FactorRequired: it was set up for a sign-in, is there now, and that sign-in asks for more. Go on with
        the new ticket; there is no session before.
        """
        return await self._flows.factors.confirm_factor(ticket, answer, context=context)
