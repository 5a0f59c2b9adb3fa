"""How each kind of factor is answered, confirmed and sealed: one module a kind, and the one list of them."""

from acctsec._flows.kinds._kind import Kind, Pretending
from acctsec._flows.kinds.delivered import DeliveredCodes, meant
from acctsec._flows.kinds.hotp import HotpTokens
from acctsec._flows.kinds.outside import OutsideFactors
from acctsec._flows.kinds.passkeys import Passkeys
from acctsec._flows.kinds.push import PushApps
from acctsec._flows.kinds.recovery import PrintedCodes
from acctsec._flows.kinds.totp import TotpApps

__all__ = [
    "DeliveredCodes",
    "HotpTokens",
    "Kind",
    "OutsideFactors",
    "Passkeys",
    "Pretending",
    "PrintedCodes",
    "PushApps",
    "TotpApps",
    "meant",
]
