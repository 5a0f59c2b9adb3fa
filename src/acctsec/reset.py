"""Reset: a link or a code that proves one thing once, and dies with every change of a credential."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from attrs import field, frozen

from acctsec._values import Value
from acctsec.budgets import Budget
from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError
from acctsec.protocols import Channel
from acctsec.record import MAX_RESETS, SKEW, Reset

MAX_TEXT = timedelta(minutes=10)
"""How long a code in a text may work at most (SP 800-63B-4 section 4.2.1.2)."""


class Redeemable(Value, frozen=True):
    """Proof that *reset* is live and was asked for by whoever presents it."""

    reset: Reset


class Dead(Value, frozen=True):
    """There is no such live reset; what was wrong is not told."""


@frozen(kw_only=True)
class ResetPolicy:
    """
    How a forgotten password is replaced.

    Args:
        link_lifetime: how long a mailed link works. Default 30 min: peers give 5 min to 3 days, SP 800-63B-4 section 4.2.1.2
            allows 24 h by e-mail.
        code_lifetime: how long a code in a mail works. Default 10 min (ASVS 5.0 6.5.5).
        text_lifetime: how long a code in a text works; a text carries nothing else. Default 10 min, the most that SP 800-63B-4
            section 4.2.1.2 allows.
        code_digits: of a typed code. Default 8, from 6 (SP 800-63B-4 section 4.2.1.2) to 10.
        live: how many resets may be live at once, at most 3. A request beyond displaces none of them. Default 3, since people
            whose mail is late ask again and then take any of them. Of two addresses each has room for one at least.
        per_source: requests from one source. Default 10 an hour: three people behind one address, with all of theirs.
            As many again for new addresses and names.
        per_subject: reset messages each address of a subject gets. Default 3 in 25 min. The window ends before a link does:
            whoever uses up an owner's messages has filled the mailbox with links that still work.
        per_number: reset messages each phone number of a subject gets. Default 2 in 8 min: one more for whoever waits for a text
            that does not come. The window ends before a code does, so whoever uses up an owner's texts has sent codes that
            still work; Twilio Verify allows 5 in 10 min (error 60203).
        initial_lifetime: how long the link works that ``admin.initial_password`` mails, and how long a password signs in that an
            administrator set. Default 24 h, the most that SP 800-63B-4 section 4.2.1.2 allows by e-mail: nobody waits for this
            mail, as whoever asked for a reset does. ASVS 5.0 6.4.1 wants a short time.
        passwords_by_administrators: whether ``set_password(by=Admin(...))`` works, after which an administrator knows a
            password. Default no: ASVS 5.0 6.4.6 lets administrators begin a reset and never choose the password. Where there is
            no mail to send a link to, say yes; such a password gives no session, but has to be changed within
            *initial_lifetime*.
        resume_lifetime: how long a proven second factor waits for the new password. Default 10 min, as long as a code lives
            (ASVS 5.0 6.5.5).

    Raises ConfigError for values outside these bounds.
    """

    link_lifetime: timedelta = field(default=timedelta(minutes=30), validator=length())
    code_lifetime: timedelta = field(default=timedelta(minutes=10), validator=length())
    text_lifetime: timedelta = field(default=MAX_TEXT, validator=length(timedelta(minutes=1), MAX_TEXT))
    code_digits: int = field(default=8, validator=whole(6, 10))
    live: int = field(default=MAX_RESETS, validator=whole(1, MAX_RESETS))
    per_source: Budget = field(default=Budget(limit=10, window=timedelta(hours=1)), validator=kind(Budget))
    per_subject: Budget = field(default=Budget(limit=3, window=timedelta(minutes=25)), validator=kind(Budget))
    per_number: Budget = field(default=Budget(limit=2, window=timedelta(minutes=8)), validator=kind(Budget))
    initial_lifetime: timedelta = field(default=timedelta(hours=24), validator=length())
    passwords_by_administrators: bool = field(default=False, validator=kind(bool))
    resume_lifetime: timedelta = field(default=timedelta(minutes=10), validator=length())

    def __attrs_post_init__(self) -> None:
        if not timedelta(minutes=1) <= self.link_lifetime <= timedelta(hours=24):
            message = f"link_lifetime is {self.link_lifetime}."
            raise ConfigError(message, remedy="Keep it from 1 minute to 24 hours (SP 800-63B-4 section 4.2.1.2).")
        if not timedelta(minutes=1) <= self.initial_lifetime <= timedelta(hours=24):
            message = f"initial_lifetime is {self.initial_lifetime}."
            raise ConfigError(message, remedy="Keep it from 1 minute to 24 hours (SP 800-63B-4 section 4.2.1.2).")
        if not timedelta(minutes=1) <= self.code_lifetime <= self.link_lifetime:
            raise ConfigError("code_lifetime is not between 1 minute and link_lifetime.", remedy="Shorten it to 10 minutes.")
        if self.per_subject.window * 9 / 8 > self.link_lifetime:  # a budget forgets in eighths of its window
            message = "The window of per_subject outlasts a link: strangers could use it up and leave the owner without one."
            raise ConfigError(message, remedy="Let link_lifetime be at least 9/8 of it.")
        if self.text_lifetime > self.link_lifetime:
            raise ConfigError("text_lifetime is longer than link_lifetime.", remedy="Let nothing live longer than a link.")
        if self.per_number.window * 9 / 8 > self.text_lifetime:
            message = "The window of per_number outlasts a text: strangers could use it up and leave the owner without a code."
            raise ConfigError(message, remedy="Let text_lifetime be at least 9/8 of it.")
        if not timedelta(minutes=1) <= self.resume_lifetime <= self.link_lifetime:
            raise ConfigError("resume_lifetime is not between 1 minute and link_lifetime.", remedy="Shorten it to 10 minutes.")

    def ends(self, channel: Channel, asked: datetime, *, initial: bool = False) -> tuple[datetime, datetime]:
        """
        When a reset that was *asked* for then ends, and its code: a text has nothing that outlives its code. *initial*: an
        administrator asked.
        """
        if channel is Channel.TEXT:
            return asked + self.text_lifetime, asked + self.text_lifetime
        return asked + (self.initial_lifetime if initial else self.link_lifetime), asked + self.code_lifetime

    def issue(
        self, live: tuple[Reset, ...], new: Reset, *, epoch: int, now: datetime, addresses: int = 1
    ) -> tuple[Reset, ...] | None:
        """
        Add *new* to the live resets, or answer None when there is no room: a request never displaces a live reset.

        Where the subject has several *addresses*, none takes the room of the others: somebody who has lost one of them needs
        the next, whatever is asked for the first. The same request delivered again (equal id) replaces its own earlier reset.

        One that an administrator asked for has a place of its own, and takes that of the one before: what lives a day must not
        keep the owner from asking, nor may strangers who ask keep out the administrator.
        """
        kept = tuple(reset for reset in self.alive(live, epoch=epoch, now=now) if reset.id != new.id)
        asked = tuple(reset for reset in kept if not reset.initial)
        if new.initial:
            return (*asked, new)
        own = sum(reset.recipient == new.recipient for reset in asked)
        return (*kept, new) if len(asked) < self.live and own < max(self.live + 1 - addresses, 1) else None

    def alive(self, live: tuple[Reset, ...], *, epoch: int, now: datetime) -> tuple[Reset, ...]:
        """The resets that can still be redeemed."""
        return tuple(reset for reset in live if reset.epoch == epoch and self.lives(reset, now))

    def redeem(self, live: tuple[Reset, ...], *, secret: bytes, epoch: int, now: datetime) -> Redeemable | Dead:
        """Find the live reset a link *secret* belongs to."""
        digest = sha256(secret).digest()
        for reset in live:
            if compare_digest(reset.link, digest) and reset.epoch == epoch and self.lives(reset, now):
                return Redeemable(reset)
        return Dead()

    def redeem_code(
        self,
        live: tuple[Reset, ...],
        *,
        handle: bytes,
        digests: Sequence[bytes],
        texted: Sequence[bytes] = (),
        epoch: int,
        now: datetime,
    ) -> Redeemable | Dead:
        """
        Find the live reset of *handle* whose code has one of *digests* (one an index key), or any that was sent by a text and
        whose code has one of *texted*.

        A text has no link beside its code. Were its code bound to a handle, texts that strangers ask for would be of no use to
        the owner, and would use up those he can get.
        """
        for reset in live:
            by_text = reset.channel == Channel.TEXT
            right = sum([compare_digest(reset.code, digest) for digest in (texted if by_text else digests)])
            live_code = self.lives(reset, now) and now < reset.code_expires
            if right and (by_text or reset.id == handle) and reset.epoch == epoch and live_code:
                return Redeemable(reset)
        return Dead()

    def resume(self, live: tuple[Reset, ...], *, reset: bytes, epoch: int, now: datetime) -> Redeemable | Dead:
        """Find the live reset a ticket was given for."""
        found = next((one for one in self.alive(live, epoch=epoch, now=now) if one.id == reset), None)
        return Dead() if found is None else Redeemable(found)

    def lives(self, reset: Reset, now: datetime) -> bool:
        """Whether a reset has begun and not ended."""
        if reset.initial:
            return now < reset.expires <= now + self.initial_lifetime + SKEW
        return self.in_time(reset.expires, now)

    def in_time(self, expires: datetime, now: datetime) -> bool:
        """Whether what ends at *expires*, with the link that was asked for, has begun and not ended."""
        return now < expires <= now + self.link_lifetime + SKEW

    def code(self, entropy: bytes) -> str:
        """A code of ``code_digits`` from 16 random bytes; the bias of the reduction is below 2**-90."""
        return str(int.from_bytes(entropy, "big") % 10**self.code_digits).zfill(self.code_digits)
