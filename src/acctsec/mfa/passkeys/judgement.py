"""What a passkey that signed is worth, beside what the record knows of it."""

from datetime import datetime
from uuid import UUID

from acctsec._values import Value
from acctsec.assurance import Method
from acctsec.protocols import Asserted, CounterRegression, PasskeyRules, Registered, Rejected, Rejection, UserVerification
from acctsec.record import Passkey


class Usable(Value, frozen=True):
    """
    The passkey counts, as *method*; *counter* and *backed_up* go into the record.

    *regressed* says that its counter did not rise and the policy lets it pass: tell the operators.
    """

    method: str
    counter: int
    backed_up: bool
    regressed: bool = False


def judge(policy: PasskeyRules, stored: Passkey, asserted: Asserted) -> Usable | Rejected:
    """
    Judge a signature against the passkey as the record has it at the commit.

    Backup eligibility is part of a passkey from its birth (Level 3 section 6.1.3): one that changes it is another key. A
    counter is compared here, not only when the signature is: of two uses at once one may have been written in between.
    """
    if asserted.backup_eligible is not stored.syncable or (asserted.backed_up and not asserted.backup_eligible):
        return Rejected(Rejection.BACKUP_FLAGS)
    if policy.user_verification is UserVerification.REQUIRED and not asserted.verified:
        return Rejected(Rejection.NOT_VERIFIED)
    behind = regressed(stored.counter, asserted.counter)
    if behind and policy.on_counter_regression is CounterRegression.REFUSE:
        return Rejected(Rejection.COUNTER)
    return Usable(method(asserted), max(stored.counter, asserted.counter), asserted.backed_up, regressed=behind)


def regressed(before: int, now: int) -> bool:
    """Whether a counter did not rise. One that was always 0 does not count, and says nothing (Level 3 section 6.1.1)."""
    return (before > 0 or now > 0) and now <= before


def method(asserted: Asserted) -> str:
    """What was proven: the holder was verified or only touched it, and its key is bound to one device or not."""
    if asserted.verified:
        return (Method.PASSKEY if asserted.backup_eligible else Method.PASSKEY_BOUND).value
    return (Method.PASSKEY_TOUCH if asserted.backup_eligible else Method.PASSKEY_TOUCH_BOUND).value


def kept(registered: Registered, *, factor_id: str, name: str, now: datetime) -> Passkey:
    """What the record keeps of a new passkey."""
    return Passkey(
        id=factor_id,
        name=name,
        credential=registered.credential,
        key=registered.key,
        created=now,
        counter=registered.counter,
        verified=registered.verified,
        syncable=registered.backup_eligible,
        backed_up=registered.backed_up,
        aaguid=UUID(registered.aaguid).bytes,
        transports=registered.transports,
    )
