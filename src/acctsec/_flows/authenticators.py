"""Setting up what shows one-time codes: an app with a secret of ours, or a token that came with one."""

import hmac

from acctsec._flows.answers import factor_infos
from acctsec._flows.core import Core, operation
from acctsec._flows.factors import FactorFlows, clean
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import Admin, Enrollment
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.mfa import hotp, totp
from acctsec.mfa.otp import OtpForm
from acctsec.mfa.provisioning import OtpKind, Provisioning, UnreadableUri, read_uri
from acctsec.outcomes import (
    EnrollmentStarted,
    EnrollOtpOutcome,
    FactorImported,
    FactorKind,
    ImportFactorOutcome,
    ImportObjection,
    NotImported,
    Refused,
    TokenRejected,
    TryAgain,
    UriFlaw,
)
from acctsec.record import Factors, Hotp, Record, Totp
from acctsec.steps import Done, Scene, Step, import_factor


class Authenticators:
    """The record learns of one only when a code of it confirms it."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def enroll_totp(
        self, token: str, *, name: str, otpauth: str | None, replaces: str, context: Context
    ) -> EnrollOtpOutcome:
        """Begin to set up what shows codes that change with the time; see Engine.enroll_totp."""
        core, given = self.core, None if otpauth is None else token_of(otpauth, OtpKind.TOTP)
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
    async def enroll_hotp(
        self, token: str, *, name: str, otpauth: str | None, replaces: str, context: Context
    ) -> EnrollOtpOutcome:
        """Begin to set up what shows codes that count; see Engine.enroll_hotp."""
        core, given = self.core, None if otpauth is None else token_of(otpauth, OtpKind.HOTP)
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

    async def import_factor(
        self, subject: str, otpauth: str, *, actor: str, name: str, tell: bool, tenant: str, dry_run: bool
    ) -> ImportFactorOutcome:
        """Take a token over by its URI; see Engine.admin."""
        core, admin, label, given = self.core, Admin(actor), clean(name), token_of(otpauth)
        if isinstance(given, TokenRejected):
            return given
        kind = FactorKind(given.kind.value)
        if kind not in core.policy.mfa.kinds:
            raise ConfigError(f"The policy has no factor of the kind {kind.value}.", remedy="Add it to MfaPolicy.kinds.")
        if label is None:
            raise ConfigError("That is no name of a factor.", remedy="Give at most 40 printable characters.")
        scene, loaded = await core.enter(tenant, subject)
        if scene.account is None:
            return NotImported(ImportObjection.UNKNOWN_SUBJECT)
        same = self._same(scene, loaded.record.factors, given)
        new = self._imported(scene, given, label)

        def step(record: Record) -> Step:
            return import_factor(core.policy, record, scene=scene, new=new, same=same, by=admin, tell=tell)

        done = step(loaded.record) if dry_run else await core.apply(scene, loaded, step)
        if isinstance(done.verdict, TryAgain):
            return done.verdict
        if not isinstance(done.verdict, Done):
            return NotImported(ImportObjection.HAS_FACTOR)
        again = not done.verdict.count
        info = next(one for one in factor_infos(done.record.factors) if one.id == (same if again else new.id))
        return FactorImported(info, again=again)

    def _same(self, scene: Scene, factors: Factors, given: Provisioning) -> str:
        """The factor that has this very secret, if there is one."""
        present: tuple[Totp | Hotp, ...] = (*factors.totp, *factors.hotp)
        for one in present:
            held = self.core.keyring.open(one.KIND.value, one.sealed, scene.tenant, scene.subject, one.id)
            if held is not None and given.kind.value == one.KIND and hmac.compare_digest(held, given.secret):
                return one.id
        return ""

    def _imported(self, scene: Scene, given: Provisioning, name: str) -> Totp | Hotp:
        """
        The factor that a URI describes. No code that a clock showed before is good here, as it may have been used where it comes
        from: the first is one that is shown once the window is past.
        """
        core, factor_id = self.core, self.core.draw(8).hex()
        algorithm, digits, period = plain(given.form)
        sealed = core.keyring.seal(given.kind.value, given.secret, scene.tenant, scene.subject, factor_id)
        if given.kind is OtpKind.HOTP:
            made = Hotp(id=factor_id, name=name, sealed=sealed, created=scene.now, counter=given.counter)
            return evolve(made, algorithm=algorithm, digits=digits)
        last = totp.step_of(scene.now, given.form) + core.policy.mfa.window
        made_ = Totp(id=factor_id, name=name, sealed=sealed, created=scene.now, last_step=last)
        return evolve(made_, algorithm=algorithm, digits=digits, period=period)

    def _programmed(self, enrollment: Enrollment, given: Provisioning | TokenRejected) -> EnrollOtpOutcome:
        """A token that has its secret already: nothing of it is shown again."""
        if isinstance(given, TokenRejected):
            return given
        enrollment = evolve(enrollment, secret=given.secret, form=plain(given.form), counter=given.counter)
        return EnrollmentStarted(self.core.tokens.seal(Purpose.CONFIRM, enrollment), "", "")


def token_of(uri: object, kind: OtpKind | None = None) -> Provisioning | TokenRejected:
    """
    The token that an otpauth URI describes, if it is of that kind, or any, and within all bounds (museum M-127). Somebody else
    wrote it, so whatever is wrong with it is an answer and no mistake of the caller.
    """
    found = read_uri(uri)
    if isinstance(found, UnreadableUri):
        return TokenRejected(found.flaw)
    if kind not in {None, found.kind}:
        return TokenRejected(UriFlaw.SHAPE)
    return found if totp.is_fit(found.form) else TokenRejected(UriFlaw.FORM)


def plain(form: OtpForm) -> tuple[str, int, int]:
    """A form as tickets hold it."""
    return form.algorithm.value, form.digits, form.period.seconds


def _account(scene: Scene) -> str:
    """What an app calls the account: the otpauth URI uses colons."""
    identifiers = scene.account.identifiers if scene.account else ()
    return (identifiers[0] if identifiers else scene.subject).replace(":", " ")
