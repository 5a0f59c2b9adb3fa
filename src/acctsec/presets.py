"""Named policies. Each number has its source in the docstring of the field it sets."""

from datetime import timedelta

from acctsec.hashing import Argon2Parameters, HashingPolicy
from acctsec.mfa import PHISHING_RESISTANT, SECOND_FACTOR, Action, MfaPolicy, Rule
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import Policy
from acctsec.recovery import Capability, Delays, Proof, RecoveryPath, RecoveryPolicy
from acctsec.sessions import SessionPolicy

AAL2 = AssuranceLevel.AAL2
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FOR_GOOD = (Action.CREATE_CREDENTIAL, Action.EXPORT_DATA, Action.DELETE_ACCOUNT)
CREDENTIALS = tuple(one for one in Action if one.startswith("change-"))

SOCIAL_DEFAULT = Policy(name="social-default-2026.11")
"""The default, for consumers: SP 800-63B-4 at AAL1 with optional factors, the OWASP cheat sheets, RFC 6238."""

SOCIAL_GUARDED = Policy(
    name="social-guarded-2026.11",
    recovery=RecoveryPolicy(
        paths=(
            RecoveryPath({Proof.MAIL, Proof.DEVICE}),
            RecoveryPath({Proof.MAIL}, wait=3 * DAY),
            RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=AAL2),
            RecoveryPath({Proof.RECOVERY_CODE, Proof.FACTOR}, level=AAL2),
            RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE, Proof.DEVICE}, level=AAL2),
            RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, level=AAL2, wait=3 * DAY),
            RecoveryPath({Proof.MAIL, Proof.CONTACTS}, level=AAL2, wait=7 * DAY),
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, level=AAL2, wait=7 * DAY),
            RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, gives=Capability.FACTORS, level=AAL2, wait=3 * DAY),
            RecoveryPath({Proof.MAIL, Proof.CONTACTS}, gives=Capability.FACTORS, level=AAL2, wait=7 * DAY),
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, gives=Capability.FACTORS, level=AAL2, wait=7 * DAY),
            RecoveryPath({Proof.ADMINISTRATORS}, gives=Capability.ADDRESSES, level=AAL2, wait=14 * DAY),
        ),
        delays=Delays(new_device=DAY, new_country=3 * DAY, address_changed=7 * DAY, sim_changed=7 * DAY, lately=30 * DAY),
        told=30 * DAY,
        veto_window=7 * DAY,
    ),
)
"""
For people who are targets: creators with an audience, journalists, officials. SOCIAL_DEFAULT with a recovery that whoever has
taken over a number or a mailbox does not complete unseen.

No texts: SP 800-63B-4 section 3.1.3.3 restricts codes over the telephone network, as numbers are taken over. Mail alone waits
three days, unless it comes from a known device. What rests on no live factor waits 3 to 14 days, and can be vetoed for 7 more:
its owner may be in the air, on a stage or in custody, and a weekend is too short. An address that was removed is told for 30
days, as long as its change counts as lately. These lengths are this project's judgement: no peer waits at all.
"""

WORKFORCE_DEFAULT = Policy(
    name="workforce-default-2026.11",
    mfa=MfaPolicy(
        required=True,
        rules=(
            Rule(PHISHING_RESISTANT, actions=set(Action) - {Action.REPORT_FACTOR}, groups={"administrators"}),
            Rule(SECOND_FACTOR, actions=(*CREDENTIALS, Action.END_SESSIONS)),
            Rule(SECOND_FACTOR, actions=FOR_GOOD, max_age=5 * MINUTE),
        ),
    ),
    sessions=SessionPolicy(absolute=DAY, idle=timedelta(hours=1)),
    recovery=RecoveryPolicy(
        paths=(
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, level=AAL2),
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS, Proof.FACTOR}, level=AAL2),
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, gives=Capability.FACTORS, level=AAL2, wait=DAY),
            RecoveryPath({Proof.ADMINISTRATORS}, gives=Capability.ADDRESSES, level=AAL2, wait=3 * DAY),
        ),
    ),
)
"""
For staff: everybody has a second factor (ASVS 5.0 6.3.3, PCI DSS 4.0.1 8.4.2), and nobody resets alone. Two administrators have
to agree, so a call to the help desk opens nothing; the mailbox has to confirm it, so two who do not have it first change the
address, which is told for three days, a weekend.

Members of the group ``administrators`` prove a passkey, whatever they do, as ASVS 5.0 6.3.3 asks of everybody at level 3: set
``mfa.passkeys``, as no preset knows your domain. Only to report it lost the password is enough, or who lost it could not.
Changes of credentials ask for a factor of the last 15 minutes (``SessionPolicy.fresh``; ASVS 5.0 7.5.1), what nobody takes back
for one of the last 5 (ASVS 5.0 7.5.3 names no number; 5 is what allauth gives to everything).

Sessions last 24 h, and 1 h idle, as SP 800-63B-4 section 2.2.3 recommends for AAL2. Where card data are handled, PCI DSS 4.0.1
8.2.8 wants 15 min idle: give ``SessionPolicy`` that.

Warehouse refuses its staff a reset, too, and answers them alike; no peer asks for a second administrator. With the factor beside,
the same path settles an account that was contested meanwhile.
"""

CHEAPEST = Policy(
    name="cheapest",
    hashing=HashingPolicy(
        memory_kib=8,
        time_cost=1,
        floor=Argon2Parameters(memory_kib=8, time_cost=1, parallelism=1),
        queue=1000,
        patience=timedelta(seconds=10),
    ),
)
"""For tests only: hashes that anybody can reverse. Everything else is SOCIAL_DEFAULT."""
