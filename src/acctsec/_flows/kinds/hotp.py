"""Tokens with a button, which count."""

from collections.abc import Iterator

from acctsec._flows.core import Core
from acctsec._flows.kinds._kind import moment
from acctsec._flows.kinds.totp import form_of, is_digits
from acctsec.claims import Enrollment, HotpCode, Ticket
from acctsec.mfa import hotp
from acctsec.mfa.otp import LAST_COUNT, OtpForm
from acctsec.mfa.proving import HotpMatch
from acctsec.outcomes import FactorKind
from acctsec.record import Factors, Hotp
from acctsec.steps import Scene

LABEL = "hotp"


class HotpTokens:
    """Codes that change with each press of a button; two in a row bring counters together that lost each other."""

    kind: FactorKind = FactorKind.HOTP
    answers: tuple[type, ...] = (HotpCode,)

    def __init__(self, core: Core) -> None:
        self.core = core

    def is_form(self, answer: HotpCode) -> bool:
        """Six to eight digits, twice as many in a row where two are shown."""
        return is_digits(answer.code) and (
            answer.next is None or (is_digits(answer.next) and len(answer.next) == len(answer.code))
        )

    def guess(self, answer: HotpCode, scene: Scene) -> str:
        """The codes, at this time: each time the owner presses his button others are right."""
        return f"{moment(scene)}:{answer.code}:{answer.next or ''}"

    async def find(self, scene: Scene, factors: Factors, answer: HotpCode, ticket: Ticket | None) -> HotpMatch | None:  # noqa: ARG002
        """What it fits. Every token is tried."""
        found = None
        for one in factors.hotp:
            secret = self.core.keyring.open(LABEL, one.sealed, scene.tenant, scene.subject, one.id)
            if secret is None or one.counter > LAST_COUNT:
                continue  # sealed under a key that is gone, or at its end: it can prove nothing
            counter = self._counter(secret, answer, one.counter, form_of(one.algorithm, one.digits))
            if counter is not None and not one.reported:
                found = HotpMatch(one.id, counter)
        return found

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: HotpCode) -> Hotp | None:
        """The new token; what confirms it is spent by that, and all before it."""
        form = form_of(*enrollment.form)
        counter = self._counter(enrollment.secret, answer, enrollment.counter, form)
        if counter is None:
            return None
        factor_id = enrollment.id.hex()
        return Hotp(
            id=factor_id,
            name=enrollment.name,
            sealed=self.core.keyring.seal(LABEL, enrollment.secret, scene.tenant, scene.subject, factor_id),
            created=scene.now,
            counter=counter + 1,
            algorithm=form.algorithm.value,
            digits=form.digits,
        )

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """The secrets."""
        for one in factors.hotp:
            yield LABEL, one.sealed, one.id

    def _counter(self, secret: bytes, answer: HotpCode, counter: int, form: OtpForm) -> int | None:
        """Which counter the answer is of, the later one of two."""
        policy = self.core.policy.mfa.hotp
        if answer.next is None:
            return hotp.matching_counter(secret, answer.code, counter=counter, look_ahead=policy.look_ahead, form=form)
        return hotp.resynchronised(secret, answer.code, answer.next, counter=counter, span=policy.span, form=form)
