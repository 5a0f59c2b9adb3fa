"""
Policies of others, modelled from their documentation alone.

An attempt takes no time here, so how each counts attempts that run in parallel is left out: a favour to all but ours.
"""

from collections.abc import Hashable

from tests.simulation.habits import HOUR, MINUTE, SECOND
from tests.simulation.world import Try


class ThreeStrikes:
    """Three consecutive failures lock the account until the helpdesk opens it: the rule of thumb of many audits."""

    name = "3 strikes"

    def __init__(self) -> None:
        self.failures: dict[int, int] = {}

    def admit(self, one: Try, now: int) -> str | None:
        return "account locked" if self.failures.get(one.owner, 0) >= 3 else None

    def settle(self, one: Try, now: int, *, right: bool) -> bytes | None:
        if right:
            self.failures.pop(one.owner, None)
        else:
            self.failures[one.owner] = self.failures.get(one.owner, 0) + 1
        return None

    def reset(self, owner: int, source: int, now: int) -> bytes | None:
        """A new password does not open the account."""

    def unlock(self, owner: int, source: int, now: int) -> None:
        self.failures.pop(owner, None)


class Axes:
    """
    django-axes 8.3 as installed (`axes/conf.py`): AXES_FAILURE_LIMIT 3, AXES_LOCKOUT_PARAMETERS ["ip_address"],
    AXES_COOLOFF_TIME None (for ever), AXES_RESET_ON_SUCCESS False.

    The helpdesk runs `axes_reset_ip` for the address of who asks; Django's reset of a password does not know of axes.
    """

    name = "django-axes"

    def __init__(self) -> None:
        self.failures: dict[int, int] = {}

    def admit(self, one: Try, now: int) -> str | None:
        return "address locked" if self.failures.get(one.source, 0) >= 3 else None

    def settle(self, one: Try, now: int, *, right: bool) -> bytes | None:
        if not right:
            self.failures[one.source] = self.failures.get(one.source, 0) + 1
        return None

    def reset(self, owner: int, source: int, now: int) -> bytes | None:
        """Nothing changes."""

    def unlock(self, owner: int, source: int, now: int) -> None:
        self.failures.pop(source, None)


class Keycloak:
    """
    Keycloak's temporary lockout, switched on (it is off by default), with the defaults and the algorithm of its Server
    Administration Guide, "Brute force attacks": 30 failures, 1 min by multiples up to 15 min, reset after 12 h without a failure,
    quick login check 1,000 ms with a wait of 1 min. The guide: the count does not rise while the account is disabled.

    Assumed: a finished reset by mail signs in, and so resets the count as any success does.
    """

    name = "Keycloak"

    def __init__(self) -> None:
        self.state: dict[int, tuple[int, int, int]] = {}  # count, last failure, disabled until

    def admit(self, one: Try, now: int) -> str | None:
        return "account locked" if now < self.state.get(one.owner, (0, 0, 0))[2] else None

    def settle(self, one: Try, now: int, *, right: bool) -> bytes | None:
        if right:
            self.state.pop(one.owner, None)
            return None
        count, last, until = self.state.get(one.owner, (0, 0, 0))
        count = 1 if now - last > 12 * HOUR else count + 1
        wait = MINUTE * (count // 30)
        if not wait and now - last < SECOND:
            wait = MINUTE
        self.state[one.owner] = count, now, now + min(wait, 15 * MINUTE) if wait else until
        return None

    def reset(self, owner: int, source: int, now: int) -> bytes | None:
        self.state.pop(owner, None)

    def unlock(self, owner: int, source: int, now: int) -> None:
        self.state.pop(owner, None)


class SmartLockout:
    """
    Like Microsoft Entra smart lockout ("Protect user accounts from attacks with Microsoft Entra smart lockout"): 10 failures, then
    60 s and longer after each further one, separate counters for familiar and unfamiliar locations, the last three wrong
    passwords not counted again, a reset by mail opens.

    Assumed, since it is not disclosed: the lock doubles up to one hour; a location is an address, and familiar once somebody signed
    in from it, of the last ten; a success clears the counter of its own kind of location. What else Entra does (signals of
    addresses and behaviour) is not modelled.
    """

    name = "smart lockout"

    def __init__(self) -> None:
        self.familiar: dict[int, tuple[int, ...]] = {}
        self.state: dict[Hashable, tuple[int, int]] = {}  # count, locked until; by owner and whether familiar
        self.wrong: dict[int, tuple[int, ...]] = {}

    def admit(self, one: Try, now: int) -> str | None:
        return "account locked" if now < self.state.get(self._counter(one), (0, 0))[1] else None

    def _counter(self, one: Try) -> Hashable:
        return one.owner, one.source in self.familiar.get(one.owner, ())

    def settle(self, one: Try, now: int, *, right: bool) -> bytes | None:
        counter = self._counter(one)
        if right:
            self.state.pop(counter, None)
            others = tuple(place for place in self.familiar.get(one.owner, ()) if place != one.source)
            self.familiar[one.owner] = (*others, one.source)[-10:]
        elif one.password not in self.wrong.get(one.owner, ()):
            self.wrong[one.owner] = (*self.wrong.get(one.owner, ()), one.password)[-3:]
            count, until = self.state.get(counter, (0, 0))
            count += 1
            if count >= 10:
                until = now + min(MINUTE << min(count - 10, 10), HOUR)
            self.state[counter] = count, until
        return None

    def reset(self, owner: int, source: int, now: int) -> bytes | None:
        self.wrong.pop(owner, None)
        self.unlock(owner, source, now)

    def unlock(self, owner: int, source: int, now: int) -> None:
        for familiar in (True, False):
            self.state.pop((owner, familiar), None)
