"""A passkey that signed: what it proves, and what the record remembers of it."""

from acctsec._values import Value, evolve
from acctsec.assurance import Method
from acctsec.mfa.passkeys.judgement import Usable, judge
from acctsec.mfa.proving import Proven, Unproven
from acctsec.protocols import Asserted, PasskeyRules, Rejection
from acctsec.record import Factors, Passkey

UNVERIFIED = {Method.PASSKEY: Method.PASSKEY_TOUCH, Method.PASSKEY_BOUND: Method.PASSKEY_TOUCH_BOUND}
"""What a use that verified its holder is worth, where the passkey has never been known to do so."""


class PasskeyMatch(Value, frozen=True, kw_only=True):
    """
    A passkey *asserted* something, by the *rules* of the policy. *besides* is what was proven before it in the same flow.

    The signature is right. Whether it counts hangs on the record at the commit.
    """

    factor: str
    rules: PasskeyRules
    asserted: Asserted
    besides: tuple[str, ...] = ()

    def use(self, factors: Factors) -> Proven | Unproven:
        """
        Accept it, with a counter that goes up alone: of two uses with one number the second is Unproven.

        Its method is what this use showed. A passkey that never verified its holder begins to beside the password alone
        (Level 3 section 7.2: the change needs another factor), or a thief of the key could give it a PIN of his own.
        """
        stored = next((one for one in factors.passkeys if one.id == self.factor and not one.reported), None)
        if stored is None:
            return Unproven()
        judged = judge(self.rules, stored, self.asserted)
        if not isinstance(judged, Usable):
            return Unproven(f"passkey: {judged.reason.value}", regressed=judged.reason is Rejection.COUNTER)
        verified = stored.verified or (self.asserted.verified and Method.PASSWORD in self.besides)
        method = Method(judged.method)
        used = evolve(stored, counter=judged.counter, backed_up=judged.backed_up, verified=verified)
        shown = method if verified else UNVERIFIED.get(method, method)
        return Proven(factors.with_factor(used), shown.value, regressed=judged.regressed)


def holds(factors: Factors, new: Passkey) -> bool:
    """Whether a credential is registered already, here: one that signs for two factors would count for both."""
    return any(one.credential == new.credential for one in factors.passkeys)
