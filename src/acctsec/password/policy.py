"""The password policy: which rules hold, asked all at once."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import ParamSpec, TypeVar

from attrs import evolve, field, frozen

from acctsec.checks import kind
from acctsec.errors import ConfigError, PortError
from acctsec.outcomes import Objection, PasswordAccepted, PasswordRejected, Strength
from acctsec.password.context import bounded, remains
from acctsec.password.identity import identity
from acctsec.password.preparation import prepare
from acctsec.password.rules import Blocklist, Breached, ContextWords, Facts, Length, MinimumStrength, Rule
from acctsec.password.strength import estimate
from acctsec.protocols import Estimator

MAX_HISTORY = 24
"""How many earlier verifiers a record keeps at most."""

MAX_SERVICE_WORDS = 16
"""How many words a policy may have; of the 64 that a check looks at the rest are left to the subject."""

P = ParamSpec("P")
T = TypeVar("T")
OrderedT = TypeVar("OrderedT", int, timedelta)


def _as_rules(given: Iterable[Rule]) -> tuple[Rule, ...]:
    if not isinstance(given, Iterable):
        raise ConfigError("rules is not a sequence of rules.", remedy="Give rules=(Length(), ...).")
    return tuple(given)


class Outage(StrEnum):
    """What an unreachable port does to the operation that asked it."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class AtSignIn(StrEnum):
    """Whether a right password is looked up among the leaked ones as well; sterner ones come later."""

    OFF = "off"
    LATER = "later"
    CHECK = "check"


class Age(StrEnum):
    """What follows once a password is older than the policy likes; sterner ones come later."""

    NONE = "none"
    PROMPT = "prompt"
    FORCE = "force"


@frozen(kw_only=True)
class PasswordPolicy:
    """
    What a password must be, wherever one is set.

    Args:
        rules: asked in this order, all of them, so that a person reads everything there is to mend. Character classes
            and periodic change are missing on purpose: they make passwords worse. Default: the length and the lists of SP
            800-63B-4 section 3.1.1.2, which forbids those two, and a minimum strength.
        words: of the service itself: its name and terms that every password avoids. At most 16. Default: none; give the name,
            which SP 800-63B-4 section 3.1.1.2 expects on the list.
        max_bytes: of UTF-8; more is refused before anything looks at it. Default 1,024: 256 characters of four bytes.
        history: how many earlier passwords may not come back, the current one aside. Default 0, since
            nobody is made to change without cause (ASVS 5.0 6.2.10); at most 24. Above 0, none of the last day is forgotten,
            however many there were: rapid changes bring nothing back.
        on_outage: what becomes of a new password when the breach corpus, or the counter of *popularity_cap*, cannot be asked.
            Default ACCEPT, with an event: the other rules still hold, and a sign-up that nobody can finish helps nobody. REFUSE
            objects.
        at_sign_in: whether a password that proved right is looked up in the breach corpus too, where the engine has one and a
            rule ``Breached`` asks for it: it may have leaked since it was set. Default CHECK: a leaked one has to be changed
            first, since SP 800-63B-4 section 3.1.1.2 forces a change on evidence of compromise. A corpus that cannot tell stops
            nobody. LATER: the answer does not wait for the corpus, and the change is due at the next sign-in. OFF: it is asked
            when a password is set, and never again.
        max_age: how old a password may become before *on_age* follows. Default: not set, since SP 800-63B-4 section 3.1.1.2
            forbids changes without cause; 90 days where PCI DSS 4.0.1 requirement 8.3.9 binds a password that is the only
            factor. China's MLPS (GB/T 22239-2019 section 8.1.4.1) asks for regular change and names no number.
        on_age: what follows then: PROMPT says when in ``SignedIn.password_due``, FORCE demands the change before a session.
            Default NONE, for the same clause.
        min_age: how long nobody changes a password without cause: by the current one, or by a fresh session. A reset, an
            administrator and a demanded change never wait. Default 0: whoever fears for a password must be able to change it
            at once, and the history needs no waiting to hold; 1 day is common where auditors ask for it.
        grace: how long the owner of a password that was accepted once, and is refused by the rules of today, may go on signing in
            with it; counted from the sign-in at which that is seen, and set once: no further change of rules moves the day.
            Default 30 days: as long before the end Google Workspace begins to remind of an expiry, and as a session of
            ``SessionPolicy`` may last, so whoever comes at all comes once more. 0 asks for the change at once. None: it is known
            and counted, and nobody is asked; rules that peers tighten bind new passwords alone.
        popularity_cap: how many accounts of a tenant may choose the same password; the next is refused it. Needs an engine with
            ``popularity``. Default: not set. Some ten, or one in 100,000 accounts where that is more, take from who guesses
            at many accounts what is popular here and on no list (Schechter, Herley and Mitzenmacher 2010). *on_outage* says
            what happens when nobody can tell.
        estimator: says how many guesses a password stands. Default: ``estimate``, in this process.
        also: policies that must accept the password as well; made by ``&``. Default: none.

    Raises ConfigError for values outside these bounds, and when no rule asks for a length.
    """

    rules: tuple[Rule, ...] = field(
        default=(Length(), ContextWords(), Blocklist(), MinimumStrength(), Breached()), converter=_as_rules
    )
    words: tuple[str, ...] = field(default=(), repr=False)
    max_bytes: int = 1024
    history: int = 0
    on_outage: Outage = field(default=Outage.ACCEPT, validator=kind(Outage))
    at_sign_in: AtSignIn = field(default=AtSignIn.CHECK, validator=kind(AtSignIn))
    max_age: timedelta | None = None
    on_age: Age = field(default=Age.NONE, validator=kind(Age))
    min_age: timedelta = timedelta(0)
    grace: timedelta | None = timedelta(days=30)
    popularity_cap: int | None = None
    estimator: Estimator = estimate
    also: "tuple[PasswordPolicy, ...]" = ()

    def __attrs_post_init__(self) -> None:
        for rule in self.rules:
            if isinstance(rule, type) or not callable(getattr(rule, "judge", None)):
                raise ConfigError(f"{rule!r} is not a rule.", remedy="Give values with a method judge(password, facts).")
        lengths = [rule for rule in self.rules if isinstance(rule, Length)]
        if not lengths:
            raise ConfigError("No rule asks for a length.", remedy="Put Length() among the rules.")
        _whole("max_bytes", self.max_bytes, 256, 65_536)  # 64 characters of four bytes must pass
        _whole("history", self.history, 0, MAX_HISTORY)
        if not self.also and any(rule.maximum > self.max_bytes for rule in lengths):  # & may narrow max_bytes
            message = f"Length allows more characters than max_bytes ({self.max_bytes}) has bytes."
            raise ConfigError(message, remedy="Raise max_bytes or lower Length.maximum.")
        if len(_texts(self.words)) > MAX_SERVICE_WORDS:
            message = f"There are more than {MAX_SERVICE_WORDS} words."
            raise ConfigError(message, remedy="Keep those that people put into their passwords.")
        self._check_ages()
        if self.popularity_cap is not None:
            _whole("popularity_cap", self.popularity_cap, 1, 10**9)
        if not callable(self.estimator):
            raise ConfigError("The estimator cannot be called.", remedy="Give a callable (password, words) -> float.")

    def _check_ages(self) -> None:
        if self.max_age is not None:
            _length("max_age", self.max_age, timedelta(days=1))
        _length("min_age", self.min_age, timedelta(0))
        if self.grace is not None:
            _length("grace", self.grace, timedelta(0))
        if (self.max_age is None) is not (self.on_age is Age.NONE):
            raise ConfigError("max_age and on_age go together.", remedy="Give both, or leave both out.")
        if self.max_age is not None and not self.also and self.min_age >= self.max_age:
            raise ConfigError("min_age is not below max_age.", remedy="Let a password be changed before it is due.")

    def due(self, since: datetime) -> datetime | None:
        """When a password that was set at *since* comes of age; None where age means nothing."""
        return None if self.max_age is None else since + self.max_age

    @cached_property
    def identity(self) -> bytes:
        """
        Names what this policy accepts, in eight bytes: its rules, words, bound and estimator, and the policies it has to agree
        with. History, ages and ports are not among them.

        It is the same in every process. A rule that is neither attrs nor a dataclass is known by its class alone: give it another
        name where it comes to refuse more.
        """
        parts = (self, *self.also)
        return identity(*((part.rules, part.words, part.max_bytes, part.estimator) for part in parts))

    def refuses_leaked(self, count: int | None, *, mfa: bool = False) -> bool:
        """Whether a rule ``Breached`` of this policy, or of one it has to agree with, refuses what was seen that often."""
        facts = Facts(words=(), rest=None, breach_count=count, strength=Strength(0.0), mfa=mfa)
        rules = (rule for part in (self, *self.also) for rule in part.rules if isinstance(rule, Breached))
        return any(rule.judge("", facts) for rule in rules)

    @property
    def looks_up_at_sign_in(self) -> bool:
        """Whether a right password is looked up, now or later: the policy wants it, and a rule has something to say."""
        asked = any(isinstance(rule, Breached) for part in (self, *self.also) for rule in part.rules)
        return asked and self.at_sign_in is not AtSignIn.OFF

    def check(
        self, password: object, *, words: tuple[str, ...] = (), breach_count: int | None = None, mfa: bool = False
    ) -> PasswordAccepted | PasswordRejected:
        """
        Judge a password, prepared or as typed; answers every objection there is, not the first.

        *words* are the subject's: names, identifiers, birthday (48 always count, each up to its 256th character).
        *breach_count* is what a breach corpus said, None where none was asked. *mfa*: the password is never enough by
        itself. Strength is 0 where a password has no form that could be judged; where a rule ``ContextWords`` asks, it is that of
        what is left without the words, if that is less.

        Raises ConfigError when *words* is not a tuple of str, PortError when a rule or the estimator raised or answered
        something else than it must: nothing is accepted then.
        """
        text = prepare(password, max_bytes=self.max_bytes)
        if isinstance(text, Objection):
            return PasswordRejected((text,), Strength(0.0))
        own = _texts(words)
        verdicts = [part._judge(text, own, breach_count, mfa=mfa) for part in (self, *self.also)]  # noqa: SLF001 - its own kind
        objections = tuple({_key(one): one for objections, _ in verdicts for one in objections}.values())
        strength = min((strength for _, strength in verdicts), key=lambda one: one.guesses_log10)
        return PasswordRejected(objections, strength) if objections else PasswordAccepted(strength)

    def __and__(self, other: "PasswordPolicy") -> "PasswordPolicy":
        """Both: accepts only what each of the two accepts, whatever their rules, words and estimators are."""
        if not isinstance(other, PasswordPolicy):
            return NotImplemented
        return evolve(
            self,
            max_bytes=min(self.max_bytes, other.max_bytes),
            history=max(self.history, other.history),
            on_outage=max(self.on_outage, other.on_outage),  # by their names, refuse wins
            at_sign_in=max(self.at_sign_in, other.at_sign_in, key=list(AtSignIn).index),
            max_age=_least(self.max_age, other.max_age),
            on_age=max(self.on_age, other.on_age, key=list(Age).index),
            min_age=max(self.min_age, other.min_age),
            grace=_least(self.grace, other.grace),
            popularity_cap=_least(self.popularity_cap, other.popularity_cap),
            also=(*self.also, evolve(other, also=()), *other.also),
        )

    def _judge(
        self, password: str, words: tuple[str, ...], breach_count: int | None, *, mfa: bool
    ) -> tuple[tuple[Objection, ...], Strength]:
        every = bounded((*self.words, *words))
        guesses, rest = self._guesses(password, every), remains(password, every)
        if rest is not None and any(isinstance(rule, ContextWords) for rule in self.rules):
            guesses = min(guesses, self._guesses(rest, every) if rest else 0.0)
        strength = Strength(guesses)
        facts = Facts(words=every, rest=rest, breach_count=breach_count, strength=strength, mfa=mfa)
        found: list[Objection] = []
        for rule in self.rules:
            objections = _answer(rule.judge, rule, password, facts)
            if type(objections) is not tuple or not all(isinstance(one, Objection) for one in objections):
                raise PortError(f"The rule {_name(rule)} did not answer a tuple of Objection.", remedy=_MEND)
            found.extend(objections)
        return tuple(found), strength

    def _guesses(self, text: str, words: tuple[str, ...]) -> float:
        guesses = _answer(self.estimator, self.estimator, text, words)
        if type(guesses) not in {int, float} or not 0 <= guesses <= _UNGUESSABLE:
            raise PortError(f"The estimator {_name(self.estimator)} did not answer a power of ten.", remedy=_MEND)
        return float(guesses)


_MEND = "Mend it; until then no password is accepted."
_UNGUESSABLE = 10_000
_FOR_EVER = timedelta(days=3660)


def _least(one: OrderedT | None, other: OrderedT | None) -> OrderedT | None:
    """The stricter of two bounds; None is none."""
    return min((bound for bound in (one, other) if bound is not None), default=None)


def _answer(call: Callable[P, T], asked: object, /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask what is not ours. What it raised is named but not carried along: its message may hold the password."""
    try:
        return call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever a rule does wrong, the answer is no
        failure = type(error).__name__
    raise PortError(f"{_name(asked)} raised {failure}.", remedy=_MEND)


def _name(asked: object) -> str:
    return str(getattr(asked, "__qualname__", type(asked).__qualname__))


def _key(objection: Objection) -> tuple[object, ...]:
    return objection.code, *sorted(objection.params.items())


def _texts(words: object) -> tuple[str, ...]:
    """A lone str is a sequence of letters; taken for words it would switch the rule off without a sound."""
    if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
        raise ConfigError("words is not a tuple of str.", remedy='Give words=("name", "address", ...).')
    return words


def _length(name: str, value: object, least: timedelta) -> None:
    if type(value) is not timedelta or not least <= value <= _FOR_EVER:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a timedelta from {least} to {_FOR_EVER}.")


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number from {low} to {high}.")
