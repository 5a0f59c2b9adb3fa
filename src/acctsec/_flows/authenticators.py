"""Setting up what shows one-time codes: an app with a secret of ours, or a token that came with one."""

from acctsec._flows.core import Core, operation
from acctsec._flows.factors import FactorFlows
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import Enrollment
from acctsec.context import Context
from acctsec.mfa import hotp, totp
from acctsec.mfa.otp import OtpForm
from acctsec.mfa.provisioning import OtpKind, Provisioning, UnreadableUri, read_uri
from acctsec.outcomes import EnrollmentStarted, EnrollOtpOutcome, FactorKind, Refused, TokenRejected, UriFlaw
from acctsec.steps import Scene


class Authenticators:
    """The record learns of one only when a code of it confirms it."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def enroll_totp(self, token: str, *, name: str, uri: str | None, replaces: str, context: Context) -> EnrollOtpOutcome:
        """Begin to set up what shows codes that change with the time; see Engine.enroll_totp."""
        core, given = self.core, None if uri is None else token_of(uri, OtpKind.TOTP)
        begun = await self.factors.begin("enroll_totp", token, FactorKind.TOTP, name=name, replaces=replaces, context=context)
        if isinstance(begun, Refused):
            return begun
        scene, enrollment = begun
        if given is not None:
            return self._programmed(enrollment, given)
        form = core.policy.mfa.totp
        enrollment = evolve(enrollment, secret=core.draw(form.secret_bytes), form=plain(form))
        uri = totp.provisioning_uri(enrollment.secret, account=_account(scene), issuer=core.policy.mfa.issuer, form=form)
        return EnrollmentStarted(core.tokens.seal(Purpose.CONFIRM, enrollment), uri, totp.key_text(enrollment.secret))

    @operation
    async def enroll_hotp(self, token: str, *, name: str, uri: str | None, replaces: str, context: Context) -> EnrollOtpOutcome:
        """Begin to set up what shows codes that count; see Engine.enroll_hotp."""
        core, given = self.core, None if uri is None else token_of(uri, OtpKind.HOTP)
        begun = await self.factors.begin("enroll_hotp", token, FactorKind.HOTP, name=name, replaces=replaces, context=context)
        if isinstance(begun, Refused):
            return begun
        scene, enrollment = begun
        if given is not None:
            return self._programmed(enrollment, given)
        form = core.policy.mfa.hotp.form
        enrollment = evolve(enrollment, secret=core.draw(form.secret_bytes), form=plain(form))
        uri = hotp.provisioning_uri(enrollment.secret, account=_account(scene), issuer=core.policy.mfa.issuer, form=form)
        return EnrollmentStarted(core.tokens.seal(Purpose.CONFIRM, enrollment), uri, totp.key_text(enrollment.secret))

    def _programmed(self, enrollment: Enrollment, given: Provisioning | TokenRejected) -> EnrollOtpOutcome:
        """A token that has its secret already: nothing of it is shown again."""
        if isinstance(given, TokenRejected):
            return given
        enrollment = evolve(enrollment, secret=given.secret, form=plain(given.form), counter=given.counter)
        return EnrollmentStarted(self.core.tokens.seal(Purpose.CONFIRM, enrollment), "", "")


def token_of(uri: object, kind: OtpKind) -> Provisioning | TokenRejected:
    """
    The token that an otpauth URI describes, if it is one of that kind and within all bounds (museum M-127). Somebody else wrote
    it, so whatever is wrong with it is an answer and no mistake of the caller.
    """
    found = read_uri(uri)
    if isinstance(found, UnreadableUri):
        return TokenRejected(found.flaw)
    if found.kind is not kind:
        return TokenRejected(UriFlaw.SHAPE)
    return found if totp.is_fit(found.form) else TokenRejected(UriFlaw.FORM)


def plain(form: OtpForm) -> tuple[str, int, int]:
    """A form as tickets hold it."""
    return form.algorithm.value, form.digits, form.period.seconds


def _account(scene: Scene) -> str:
    """What an app calls the account: the otpauth URI uses colons."""
    identifiers = scene.account.identifiers if scene.account else ()
    return (identifiers[0] if identifiers else scene.subject).replace(":", " ")
