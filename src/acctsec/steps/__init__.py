"""
Steps: where the families meet, still pure.

A step takes the policy, the record and the evidence, and returns the verdict, the next record and the effects. It is
repeated when a commit loses the race; what was compared or hashed is not.
"""

from acctsec.steps.administration import (
    administer,
    sign_out,
    sign_out_everywhere,
)
from acctsec.steps.factors import (
    add_factor,
    guarded,
    issue_codes,
    remove_factor,
    rename_factor,
)
from acctsec.steps.passwords import (
    ChangeProof,
    change_password,
    change_refusal,
    enough,
    find_reset,
    issue_reset,
    prove_for_reset,
    redeem,
    redeem_refusal,
)
from acctsec.steps.scene import (
    Changed,
    Compared,
    Done,
    Drawn,
    FactorFound,
    FactorProven,
    Granted,
    NeedsChange,
    NeedsEnrollment,
    NeedsFactor,
    NewVerifier,
    No,
    Notice,
    Scene,
    Stale,
    Step,
    live_session,
    opens,
    spend,
    with_method,
)
from acctsec.steps.sign_in import (
    count_guess,
    prove_factor,
    reach_rung,
    reached,
    sign_in,
)

__all__ = [
    "ChangeProof",
    "Changed",
    "Compared",
    "Done",
    "Drawn",
    "FactorFound",
    "FactorProven",
    "Granted",
    "NeedsChange",
    "NeedsEnrollment",
    "NeedsFactor",
    "NewVerifier",
    "No",
    "Notice",
    "Scene",
    "Stale",
    "Step",
    "add_factor",
    "administer",
    "change_password",
    "change_refusal",
    "count_guess",
    "enough",
    "find_reset",
    "guarded",
    "issue_codes",
    "issue_reset",
    "live_session",
    "opens",
    "prove_factor",
    "prove_for_reset",
    "reach_rung",
    "reached",
    "redeem",
    "redeem_refusal",
    "remove_factor",
    "rename_factor",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "spend",
    "with_method",
]
