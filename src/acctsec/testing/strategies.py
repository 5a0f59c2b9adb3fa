"""
Hypothesis strategies for what reaches an account system (passwords, names and their spellings, addresses, clocks, rubbish) and
for its policies.

Needs ``acctsec[testing]``. All of them shrink towards the plain case. ``from_type`` knows those of OF_TYPE by itself, as
Hypothesis finds them where both are installed.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from acctsec.budgets import Budget, Rungs
from acctsec.context import Context, Source
from acctsec.hashing import HashingPolicy
from acctsec.lockout import LockoutPolicy
from acctsec.mfa import MfaPolicy
from acctsec.password import PasswordPolicy
from acctsec.password.blocklist import common_passwords
from acctsec.policy import Policy
from acctsec.protocols import Account
from acctsec.recovery import RecoveryPolicy
from acctsec.reset import ResetPolicy
from acctsec.sessions import Lifetime, SessionPolicy
from acctsec.testing._policy_strategies import (
    budgets,
    hashing_policies,
    lifetimes,
    lockout_policies,
    mfa_policies,
    password_policies,
    policies,
    recovery_policies,
    reset_policies,
    rungs,
    session_policies,
)

__all__ = [
    "OF_TYPE",
    "Liar",
    "accounts",
    "addresses",
    "budgets",
    "common",
    "contexts",
    "for_type",
    "forwarded",
    "hashing_policies",
    "hostile",
    "hostile_text",
    "identifiers",
    "instants_out_of_range",
    "leaps",
    "lifetimes",
    "lockout_policies",
    "mfa_policies",
    "passphrases",
    "password_policies",
    "passwords",
    "policies",
    "recovery_policies",
    "register",
    "reset_policies",
    "rungs",
    "session_policies",
    "sources",
    "spellings",
    "steps",
    "unicode_passwords",
]

Text = st.SearchStrategy[str]


@cache
def _common() -> tuple[str, ...]:
    return tuple(sorted(common_passwords()))


# --- passwords --------------------------------------------------------------------------------------------------------


def common() -> Text:
    """Passwords that everybody tries first, as people write them: capitalised, with a digit or a sign at the end."""
    forms = st.sampled_from((str, str.capitalize, str.upper))
    tails = st.sampled_from(("", "1", "!", "123", "2024"))
    return st.builds(lambda word, form, tail: form(word) + tail, st.deferred(lambda: st.sampled_from(_common())), forms, tails)


def passphrases() -> Text:
    """Passwords that a usual policy takes: four or five words of no language, and a number."""
    syllables = st.sampled_from(
        ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve", "wi", "xo", "zu"]
    )
    word = st.lists(syllables, min_size=2, max_size=3).map("".join)
    words = st.lists(word, min_size=4, max_size=5, unique=True)
    return st.builds(lambda chosen, number: f"{' '.join(chosen)} {number}", words, st.integers(10, 9999))


def unicode_passwords() -> Text:
    """Letters of every script, spaces of every width, combining marks: text that a keyboard may spell in several ways."""
    letters = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"))
    marks = st.sampled_from(["é", "é", "Å", "Å", "한", "\u2003", "\u3000", "ﬁ"])
    return st.lists(letters | marks, min_size=1, max_size=40).map("".join)


def hostile_text() -> Text:
    """Text that breaks what is written for text: NUL, surrogates, direction marks, a megabyte, what others take for code."""
    made = ("", "\x00", "\ud800", "a\x00b" * 9, "\u202e\u2066", "\ufeff", "\r\n\x1b[31m", "\u2028", "' OR 1=1 --", "${jndi:x}")
    return st.sampled_from((*made, "x" * 72 + "y", "x" * 1_000_000, "e\u0301" * 3_000, "\U0001f468\u200d" * 200)) | st.text()


def passwords() -> Text:
    """Passwords of every kind, mostly text that a person could type."""
    return passphrases() | common() | unicode_passwords() | hostile_text()


# --- names ------------------------------------------------------------------------------------------------------------


def identifiers() -> Text:
    """What people sign in with: e-mail addresses, phone numbers, names."""
    names = st.text("abcdefghijklmnopqrstuvwxyz\u00e9\u00f6\u03b1", min_size=1, max_size=12)
    mail = st.builds(lambda local, host: f"{local}@{host}.example", names, st.text("abcdefgh", min_size=1, max_size=8))
    phone = st.integers(10**9, 10**14).map(lambda number: f"+{number}")
    return mail | names | phone


@st.composite
def spellings(draw: st.DrawFn, identifier: str) -> str:
    """Another way of typing an identifier: its canonical form is the same."""
    wide = {ord(char): ord(char) + 0xFEE0 for char in "abcdefghijklmnopqrstuvwxyz"}
    local, at, domain = identifier.partition("@")
    forms: tuple[Callable[[str], str], ...] = (
        str,
        str.upper,
        str.title,
        lambda text: text.translate(wide),
        lambda text: unicodedata.normalize("NFD", text),
    )
    respelt = draw(st.sampled_from(forms))(local)
    domains: tuple[Callable[[str], str], ...] = (str, str.upper)
    around = draw(st.sampled_from(("", " ", "\t", "\u00a0")))
    return f"{around}{respelt}{at}{draw(st.sampled_from(domains))(domain)}{around}"


def accounts() -> st.SearchStrategy[Account]:
    """Rows of a user table: a name or an e-mail address, at times verified, at times of staff."""
    names = identifiers()
    groups = st.sampled_from((frozenset[str](), frozenset({"staff"})))

    def made(name: str, number: int, of: frozenset[str], *, verified: bool) -> Account:
        reached = (name,) if verified and "@" in name else ()
        return Account(subject=f"u{number}", identifiers=(name,), addresses=reached, groups=of)

    return st.builds(made, names, st.integers(1, 5), groups, verified=st.booleans())


# --- where requests come from -----------------------------------------------------------------------------------------


def addresses() -> Text:
    """Network addresses as a server sees them: IPv4, IPv6, mapped, in brackets, with a zone."""
    four = st.ip_addresses(v=4).map(str)
    six = st.ip_addresses(v=6).map(str)
    dressed = st.sampled_from(("::ffff:{}", " {} "))
    return four | six | st.builds(lambda form, four: form.format(four), dressed, four) | six.map(lambda a: f"[{a}%eth0]")


def forwarded() -> st.SearchStrategy[tuple[str, str | None, int]]:
    """A peer, an X-Forwarded-For header (what a client wrote stands left) and the number of proxies of one's own."""
    hop = addresses() | st.sampled_from(("unknown", "", "127.0.0.1", "_hidden", "1.2.3.4:80"))
    header = st.none() | st.lists(hop, max_size=6).map(",".join)
    return st.tuples(addresses(), header, st.integers(0, 3))


def sources() -> st.SearchStrategy[Source]:
    """Sources, a few of them shared."""
    few = st.integers(1, 5).map(lambda number: f"192.0.2.{number}")
    return (few | addresses() | st.none()).map(Source.of)


def contexts(*, tenant: str = "") -> st.SearchStrategy[Context]:
    """The facts of a request, without a device or with rubbish for one."""
    device = st.none() | st.sampled_from(("", "x", "A" * 316))
    return st.builds(lambda source, token: Context(source=source, device=token, tenant=tenant), sources(), device)


# --- clocks -----------------------------------------------------------------------------------------------------------


def steps(*, most: timedelta = timedelta(days=40)) -> st.SearchStrategy[timedelta]:
    """How a clock moves on: instants, the lengths that policies are made of, and anything up to *most*."""
    usual = (0, 1, 29, 30, 31, 60, 600, 601, 900, 1800, 3600, 86_400, 14 * 86_400, 31 * 86_400)
    lengths = st.sampled_from([timedelta(seconds=length) for length in usual if length <= most.total_seconds()])
    return lengths | st.timedeltas(timedelta(0), most)


def leaps(*, most: timedelta = timedelta(days=1)) -> st.SearchStrategy[timedelta]:
    """How a broken clock moves: on, back and about."""
    return steps(most=most) | steps(most=most).map(lambda step: -step)


def instants_out_of_range() -> st.SearchStrategy[object]:
    """What a clock must not tell: instants before 1970 or about 9999, naive ones, and what is no instant at all."""
    told = (datetime(1969, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    return st.sampled_from((*told, datetime.min.replace(tzinfo=UTC), datetime(2026, 1, 1), None, 0, "now"))  # noqa: DTZ001


# --- rubbish ----------------------------------------------------------------------------------------------------------


class Liar(str):
    """A str that answers otherwise than it is."""

    __slots__ = ()

    def __len__(self) -> int:
        return 20

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return "something else"


def hostile() -> st.SearchStrategy[object]:
    """Objects of every kind where text is due."""
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.builds(Liar, st.text(max_size=30))
    return plain | hostile_text() | st.lists(plain, max_size=2) | st.dictionaries(st.text(max_size=3), plain, max_size=2)


# --- by type ----------------------------------------------------------------------------------------------------------

OF_TYPE: Mapping[type, Callable[[], st.SearchStrategy[Any]]] = MappingProxyType(
    {
        Account: accounts,
        Budget: budgets,
        Context: contexts,
        HashingPolicy: hashing_policies,
        Lifetime: lifetimes,
        LockoutPolicy: lockout_policies,
        MfaPolicy: mfa_policies,
        PasswordPolicy: password_policies,
        Policy: policies,
        RecoveryPolicy: recovery_policies,
        ResetPolicy: reset_policies,
        Rungs: rungs,
        SessionPolicy: session_policies,
        Source: sources,
    }
)
"""The types that ``from_type`` makes by these strategies."""


def for_type(kind: type) -> st.SearchStrategy[Any] | None:
    """The strategy for a type, or None where Hypothesis can read how to make one."""
    made_by = OF_TYPE.get(kind)
    return None if made_by is None else made_by()


def register() -> None:
    """
    Tell Hypothesis of all that is in OF_TYPE, where its plugins are switched off. Doing it again changes nothing.

    A strategy that you registered for one of these types yourself is replaced: register yours afterwards.
    """
    for kind in OF_TYPE:
        st.register_type_strategy(kind, lambda kind: OF_TYPE[kind]())
