"""Prompts that are pushed to an app: how many, how long they are good, and what an answer comes to."""

from datetime import datetime, timedelta
from hmac import compare_digest

from attrs import field, frozen

from acctsec._values import Value, evolve
from acctsec.assurance import Method
from acctsec.budgets import Budget
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.mfa.proving import Proven, Unproven
from acctsec.record import SKEW, Factors, Prompt, Push

MAX_LIFETIME = timedelta(minutes=10)
"""How long a transaction out of band may be good at most (SP 800-63B-4 section 3.1.3.2)."""

MAX_ADDRESS_BYTES = 255


@frozen(kw_only=True)
class PushPolicy:
    """
    How an app is prompted: one prompt at a time, few of them, and a number that its owner types.

    Args:
        digits: of the number that the browser shows and the app's owner types. Default 6, the fewest that SP 800-63B-4 section
            3.1.3.2 allows; 4 to 9. Of fewer than 6 it is no authenticator of SP 800-63B-4, and whoever types blindly hits one
            in 10,000; `Policy` allows them only with so few *tries* and *prompts*. Two, as Entra ID has, it never does.
        lifetime: how long a prompt may be answered, and how long it is in the way of another. Default 2 min, in which a push
            arrives and a phone is found; at most 10 (SP 800-63B-4 section 3.1.3.2, ASVS 5.0 6.5.5).
        prompts: what strangers who know the password may have pushed to one subject; each known device has as many of its own,
            and so have sessions, and so have resets. Nothing refills it but time. Default 5 in 1 h (SP 800-63B-4 section 3.1.3.2
            and ASVS 5.0 6.6.4 want a limit and name none; at Uber in 2022 prompts went on for more than an hour until one was
            approved).
        tries: wrong numbers that end a prompt. Default 3: who copies a number from a screen rarely errs twice.
        freeze: how long nothing is pushed for strangers once a prompt was denied. Default 1 h, the window of *prompts*: who knows
            the password and was denied begins anew when he would have had to anyway.

    Raises ConfigError for values outside these bounds.
    """

    digits: int = field(default=6, validator=whole(4, 9))
    lifetime: timedelta = field(default=timedelta(minutes=2), validator=length(timedelta(seconds=30), MAX_LIFETIME))
    prompts: Budget = field(default=Budget(limit=5, window=timedelta(hours=1)), validator=kind(Budget))
    tries: int = field(default=3, validator=whole(1, 5))
    freeze: timedelta = field(default=timedelta(hours=1), validator=length(timedelta(minutes=5), timedelta(days=30)))

    def __attrs_post_init__(self) -> None:
        if self.prompts.limit > 100:
            raise ConfigError(f"prompts.limit is {self.prompts.limit}: it would stop nobody.", remedy="Let it be at most 100.")
        if self.prompts.window < self.lifetime:
            raise ConfigError("prompts.window is shorter than lifetime.", remedy="Count prompts over an hour or more.")

    @property
    def guesses_a_day(self) -> float:
        """Numbers that may be typed in a day for those prompts that strangers can bring about."""
        return self.tries * self.prompts.limit * max(timedelta(days=1) / self.prompts.window, 1.0)

    def number(self, seed: bytes) -> str:
        """A number of *digits* from 16 random bytes; the bias of the reduction is below 2**-90."""
        return str(int.from_bytes(seed, "big") % 10**self.digits).zfill(self.digits)

    def is_number(self, number: object) -> bool:
        """Whether this is the one spelling of a number; spaces are the app's form's to drop."""
        return type(number) is str and len(number) == self.digits and number.isascii() and number.isdigit()

    def outstanding(self, factors: Factors, now: datetime) -> Prompt | None:
        """
        The prompt that may be answered, or was and is not used. One that ends later than any that could have been pushed by now
        was made by a broken clock: it must not be in the way for as long as that was ahead.
        """
        prompt = factors.prompt
        if prompt is None or not now < prompt.expires <= now + self.lifetime + SKEW:
            return None
        return prompt

    def frozen(self, factors: Factors, now: datetime) -> bool:
        """Whether nothing is pushed for strangers, as a prompt was denied."""
        return factors.frozen is not None and now < factors.frozen <= now + self.freeze + SKEW

    def in_the_way(self, factors: Factors, new: Prompt, now: datetime) -> datetime | None:
        """
        Until when a *new* prompt has to wait for another that is outstanding, or None.

        A ticket replaces its own, and so does whoever is known: a device, a session, a reset. They replace that of a stranger
        too, or whoever knows the password could keep the owner from ever being asked; nobody else replaces anything, or he could
        end the owner's prompt just when it is answered.
        """
        other = self.outstanding(factors, now)
        if other is None or compare_digest(other.ticket, new.ticket):
            return None
        replaces = new.asker and (not other.asker or compare_digest(other.asker, new.asker))
        return None if replaces else other.expires

    def approved(self, factors: Factors, ticket: bytes, now: datetime) -> Prompt | None:
        """The prompt of a ticket that was approved and not used yet."""
        prompt = self.outstanding(factors, now)
        return prompt if prompt and prompt.approved and compare_digest(prompt.ticket, ticket) else None


class PushMatch(Value, frozen=True):
    """The *prompt* of that id was approved."""

    factor: str
    prompt: bytes

    def use(self, factors: Factors) -> Proven | Unproven:
        """Accept it once: the prompt is gone with it. One that was denied or replaced meanwhile is none."""
        prompt, factor = factors.prompt, factors.factor(self.factor)
        if prompt is None or not prompt.approved or not compare_digest(prompt.id, self.prompt):
            return Unproven()
        if not isinstance(factor, Push) or factor.reported or prompt.factor != factor.id:
            return Unproven()
        return Proven(evolve(factors, prompt=None), Method.PUSH.value)
