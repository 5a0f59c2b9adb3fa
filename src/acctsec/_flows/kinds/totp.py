"""Authenticator apps, and tokens with a clock."""

from collections.abc import Iterator
from datetime import timedelta

from acctsec._flows.core import Core
from acctsec._flows.kinds._kind import moment, nothing
from acctsec.claims import Enrollment, Ticket, TotpCode
from acctsec.mfa import otp, totp
from acctsec.mfa.otp import Algorithm, OtpForm
from acctsec.mfa.proving import TotpMatch
from acctsec.outcomes import FactorKind
from acctsec.record import MAX_FACTORS, Factors, Totp
from acctsec.steps import Scene

LABEL = "totp"


class TotpApps:
    """Codes that change with the time, each authenticator by a form and a clock of its own."""

    kind: FactorKind = FactorKind.TOTP
    answers: tuple[type, ...] = (TotpCode,)

    def __init__(self, core: Core) -> None:
        self.core = core

    def is_form(self, answer: TotpCode) -> bool:
        """Six to eight digits, and no other spelling of them: which number is right only the record knows."""
        return is_digits(answer.code)

    def guess(self, answer: TotpCode, scene: Scene) -> str:
        """The code, at this time."""
        return f"{moment(scene)}:{answer.code}"

    async def find(self, scene: Scene, factors: Factors, answer: TotpCode, ticket: Ticket | None) -> TotpMatch | None:  # noqa: ARG002
        """What it fits. Every authenticator is tried."""
        found = None
        for one in factors.totp:
            secret = self.core.keyring.open(LABEL, one.sealed, scene.tenant, scene.subject, one.id)
            if secret is None:
                continue  # sealed under a key that is gone: it can prove nothing
            form, drift = form_of(one.algorithm, one.digits, one.period), totp.bounded(one.drift, self.core.policy.mfa.drift)
            steps = self._steps(secret, answer.code, scene, form, drift)
            fresh = tuple(step for step in steps if step > one.last_step)
            if fresh and not one.reported:
                found = TotpMatch(one.id, fresh, self._learned(drift, fresh, scene, form))
        return found

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: TotpCode) -> Totp | None:
        """The new authenticator; the code that confirms it is spent by that."""
        form = form_of(*enrollment.form)
        steps = self._steps(enrollment.secret, answer.code, scene, form, 0)
        if not steps:
            return None
        factor_id = enrollment.id.hex()
        return Totp(
            id=factor_id,
            name=enrollment.name,
            sealed=self.core.keyring.seal(LABEL, enrollment.secret, scene.tenant, scene.subject, factor_id),
            created=scene.now,
            last_step=steps[-1],
            algorithm=form.algorithm.value,
            digits=form.digits,
            period=form.period.seconds,
            drift=self._learned(0, steps, scene, form),
        )

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """The secrets."""
        for one in factors.totp:
            yield LABEL, one.sealed, one.id

    def pretend(self, scene: Scene, factors: Factors) -> None:
        """
        As many are opened as may be, and codes are computed with each hash as if all of them had it: neither how many there are
        shows, nor which form they have.
        """
        for _ in range(len(factors.totp), MAX_FACTORS):
            self.core.keyring.open(LABEL, nothing(self.core, totp.SECRET_BYTES), scene.tenant, scene.subject, "")
        for algorithm in Algorithm:
            form = OtpForm(algorithm=algorithm)
            for _ in range(sum(one.algorithm == algorithm for one in factors.totp), MAX_FACTORS):
                self._steps(bytes(form.secret_bytes), "", scene, form, 0)

    def _steps(self, secret: bytes, code: str, scene: Scene, form: OtpForm, drift: int) -> tuple[int, ...]:
        """The steps that a code belongs to; one of another length belongs to none, after as much work."""
        fits = totp.is_code(code, form.digits)
        typed = code if fits else "0" * form.digits
        window = self.core.policy.mfa.window
        steps = totp.matching_steps(secret, typed, now=scene.now, window=window, form=form, drift=drift)
        return steps if fits else ()

    def _learned(self, drift: int, steps: tuple[int, ...], scene: Scene, form: OtpForm) -> int:
        cap = self.core.policy.mfa.drift
        return totp.learned(drift, offset=max(steps) - totp.step_of(scene.now, form), cap=cap)


def form_of(algorithm: str, digits: int, period: int = totp.PERIOD) -> OtpForm:
    """The form of what the record, or a ticket, holds."""
    return OtpForm(algorithm=Algorithm(algorithm), digits=digits, period=timedelta(seconds=period))


def is_digits(code: object) -> bool:
    """Whether this is a code of any form there is."""
    return any(otp.is_code(code, digits) for digits in (6, 7, 8))
