"""Actions that ask for fresh proof, and the rules that say which."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from attrs import field, frozen
from attrs.validators import optional

from acctsec._values import Value
from acctsec.checks import kind, length
from acctsec.errors import ConfigError
from acctsec.mfa.needs import Needs, needs_of
from acctsec.protocols import name_set


class Action(StrEnum):
    """
    What asks for fresh proof (ASVS 5.0 7.5.1, 7.5.3). A platform lists its own in a StrEnum: ``MfaPolicy(actions=Payments)``.
    """

    SIGN_IN = "sign-in"
    CHANGE_PASSWORD = "change-password"  # noqa: S105 - an action
    CHANGE_FACTORS = "change-factors"
    REPORT_FACTOR = "report-factor"  # lost or stolen: the password is enough, in a session that once proved a factor
    CHANGE_ADDRESSES = "change-addresses"
    CHANGE_IDENTIFIER = "change-identifier"
    CHANGE_CONTACTS = "change-contacts"
    END_SESSIONS = "end-sessions"
    CREATE_CREDENTIAL = "create-credential"
    EXPORT_DATA = "export-data"
    DELETE_ACCOUNT = "delete-account"


class Demand(Value, frozen=True, kw_only=True):
    """What an action asks for: *needs* (None: any proof will do), each proven within *max_age* (None: at whatever time)."""

    needs: Needs | None
    max_age: timedelta | None


def _actions(given: "str | Iterable[str]") -> frozenset[str]:
    names = name_set((given,) if isinstance(given, str) else given)
    if not names:
        raise ConfigError("A rule names no action.", remedy="Give Action.SIGN_IN, or several.")
    return frozenset(map(str, names))


@frozen
class Rule:
    """
    One line of the policy: *needs* has to be proven for *actions*, by members of *groups*.

    Args:
        needs: a method, a level, or ``any_of`` and ``all_of`` of such. Default: none, every rule says it (ASVS 5.0 7.5.3 leaves
            it to the service).
        actions: one action or several. ``Action.SIGN_IN`` is one. Default: none, every rule says it.
        groups: of ``Account.groups``. Default: none named, so it holds for everybody.
        max_age: how old each proof may be. Default None: ``SessionPolicy.fresh``; a sign-in proves everything anew.
        risky: it holds only for requests that ``Policy.risk`` finds strange: sign-ins, and what `authorize` is asked. Default
            False.

    Several rules for one action hold together: all their needs, and the shortest of their ages.
    """

    needs: Needs = field(converter=needs_of)
    actions: frozenset[str] = field(converter=_actions, kw_only=True)
    groups: frozenset[str] = field(default=frozenset(), converter=name_set, kw_only=True)
    max_age: timedelta | None = field(default=None, validator=optional(length()), kw_only=True)
    risky: bool = field(default=False, validator=kind(bool), kw_only=True)

    def holds(self, action: str, groups: frozenset[str], *, risky: bool) -> bool:
        """Whether this rule has a say."""
        member = not self.groups or not self.groups.isdisjoint(groups)
        return action in self.actions and member and (risky or not self.risky)
