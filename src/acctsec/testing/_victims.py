"""
Victims: owners of accounts whom attackers meet, and what an owner does meanwhile.

An owner has a password that the policy accepts, an authenticator app where one is asked for, and a browser that is known.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from attrs import define, field

from acctsec.errors import ConfigError
from acctsec.outcomes import (
    ChallengeRequired,
    EnrollmentRequired,
    EnrollmentStarted,
    FactorKind,
    FactorRequired,
    PasswordAccepted,
    PasswordChangeRequired,
    SignedIn,
)
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import PASSWORD, World

PASSING = (PASSWORD, "nine patient herons 2751 sang", "ruvehu zocegu banixo 9931 tajemu", "Seven-Quiet Otters! 418 at Dusk")
ENTERED = (SignedIn, FactorRequired, EnrollmentRequired, PasswordChangeRequired)
"""What tells somebody that the password was right."""
MINUTE = timedelta(minutes=1)
FOR_EVER = timedelta(days=3650)
"""Longer than anybody waits."""


def chosen(policy: Policy, *, but: Sequence[str] = ()) -> str:
    """A password that the policy accepts, and none of *but*. Raises ConfigError where none is found."""

    def passes(password: str) -> bool:
        return password not in but and isinstance(policy.password.check(password, breach_count=0), PasswordAccepted)

    for one in PASSING:
        if passes(one):
            return one
    from hypothesis import Phase, find, settings
    from hypothesis.errors import NoSuchExample

    from acctsec.testing.strategies import passphrases

    effort = settings(max_examples=200, derandomize=True, database=None, phases=[Phase.generate])
    try:
        return find(passphrases(), passes, settings=effort)
    except NoSuchExample:
        raise ConfigError("No password was found that the policy accepts.", remedy="Let people find one.") from None


@define(kw_only=True)
class Owner:
    """Somebody with an account: *app* is the authenticator, if any, and *device* the token of a browser that is known."""

    world: World[Any] = field(repr=False)
    identifier: str
    password: str = field(repr=False)
    app: Authenticator | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)

    @classmethod
    def settled(cls, world: World[Any], *, name: str = "alice", factor: bool = False) -> "Owner":
        """
        Sign somebody up, with an authenticator app where *factor* says so or the policy asks for one, and in once, if possible.
        """
        number = len(world.directory.accounts) if hasattr(world.directory, "accounts") else 0
        owner = cls(world=world, identifier=f"{name}@example.org", password=chosen(world.policy))
        world.sign_up(f"{name}-{number}", owner.identifier, owner.password)
        entered = owner._begin("192.0.2.7")
        if isinstance(entered, EnrollmentRequired) or (factor and isinstance(entered, SignedIn)):
            owner._enrol(entered)
            entered = owner.enter("192.0.2.7")
        if isinstance(entered, SignedIn) and entered.device:
            owner.device = entered.device
        return owner

    def _enrol(self, entered: SignedIn | EnrollmentRequired) -> None:
        w = self.world
        if FactorKind.TOTP not in w.policy.mfa.kinds:
            return
        token = entered.session if isinstance(entered, SignedIn) else entered.ticket
        started = w.calls.enroll_totp(token, context=w.context("192.0.2.7"))
        if isinstance(started, EnrollmentStarted):
            self.app = Authenticator(started)
            w.calls.confirm_factor(self.app.ticket, self.app.code(w.clock()), context=w.context("192.0.2.7"))

    @property
    def guarded(self) -> bool:
        """Whether there is a second factor."""
        return self.app is not None

    def enter(self, address: str, *, device: str | None = None) -> object:
        """Sign in with all that there is; the clock moves on to a fresh code where one is asked for."""
        w, entered = self.world, self._begin(address, device)
        if isinstance(entered, FactorRequired) and self.app is not None:
            w.clock.advance(seconds=30)
            return w.calls.verify_factor(entered.ticket, self.app.code(w.clock()), context=w.context(address, device=device))
        return entered

    def _begin(self, address: str, device: str | None = None) -> object:
        w = self.world
        return w.calls.sign_in(self.identifier, self.password, context=w.context(address, device=device))

    def mailed(self) -> str | None:
        """The link of a reset that is asked for, or None where the policy mails none."""
        w, before = self.world, len(self.world.messenger.of(MessagePurpose.RESET))
        w.calls.request_reset(self.identifier, context=w.context("192.0.2.7"))
        w.deliver()
        return w.messenger.link if len(w.messenger.of(MessagePurpose.RESET)) > before else None

    def kept_out(self, address: str, *, device: str | None = None, most: timedelta = timedelta(hours=2)) -> timedelta:
        """How long it takes until the owner is let in, trying every minute; `FOR_EVER` past *most*."""
        begun = self.world.clock()
        while self.world.clock() - begun <= most:
            entered = self._begin(address, device)
            if isinstance(entered, (*ENTERED, ChallengeRequired)):
                return self.world.clock() - begun
            self.world.clock.advance(MINUTE)
        return FOR_EVER


def addresses(number: int) -> Iterator[str]:
    """So many addresses of a botnet, each in a network of its own, over and over."""
    while True:
        for one in range(number):
            yield f"198.{18 + one % 2}.{one // 2 % 256}.{one // 512 % 250 + 1}"
