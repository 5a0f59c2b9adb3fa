"""Laws of password policies."""

from unicodedata import normalize

from attrs import evolve

from acctsec.outcomes import PasswordAccepted, PasswordRejected
from acctsec.password import BannedTerms, Blocklist, Classes, Length, PasswordPolicy
from acctsec.policy import Policy
from acctsec.protocols import Account
from acctsec.testing._laws import for_all

Judged = PasswordAccepted | PasswordRejected
OTHERS = (
    PasswordPolicy(),
    PasswordPolicy(rules=(Length(minimum=8, maximum=64),), estimator=lambda _, __: 20.0),
    PasswordPolicy(rules=(Length(minimum=20), Blocklist(variants=True)), words=("otters",)),
    PasswordPolicy(rules=(Length(minimum=12), Classes(minimum=3), BannedTerms(terms=("contoso",)))),
)


def _codes(judged: Judged) -> set[str]:
    return {one.code for one in judged.objections} if isinstance(judged, PasswordRejected) else set()


def is_total(policy: Policy, known: frozenset[str]) -> None:
    """Whatever is given for a password is accepted or rejected with objections of known codes; nothing is raised."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import hostile, passwords

    def law(password: object, mfa: bool, count: int | None) -> None:  # noqa: FBT001 - drawn
        judged = policy.password.check(password, breach_count=count, mfa=mfa)
        assert type(judged) in (PasswordAccepted, PasswordRejected), judged
        if isinstance(judged, PasswordRejected):
            assert judged.objections, "rejected without a reason"
            unknown = sorted(_codes(judged) - known)
            assert not unknown, f"unknown codes: {unknown}"
        assert isinstance(password, str) or isinstance(judged, PasswordRejected), "accepted what is no text"

    for_all(law, passwords() | hostile(), st.booleans(), st.none() | st.integers(0, 10**9), examples=120)


def is_deterministic(policy: Policy, _: frozenset[str]) -> None:
    """A password is judged alike every time."""
    from acctsec.testing.strategies import passwords

    def law(password: str) -> None:
        words = ("alice", "alice@example.org")
        judged = policy.password.check(password, words=words)
        assert policy.password.check(password, words=words) == judged

    for_all(law, passwords())


def spelling_does_not_matter(policy: Policy, _: frozenset[str]) -> None:
    """A password is judged alike however a keyboard composes it."""
    from acctsec.testing.strategies import unicode_passwords

    def law(password: str) -> None:
        composed, decomposed = normalize("NFC", password), normalize("NFD", password)
        if max(len(composed), len(decomposed.encode())) <= policy.password.max_bytes:
            assert policy.password.check(composed) == policy.password.check(decomposed)

    for_all(law, unicode_passwords())


def both_is_stricter_than_each(policy: Policy, _: frozenset[str]) -> None:
    """Two policies joined by ``&`` accept only what each of them accepts, and object wherever one of them does."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import passwords

    def law(password: str, other: PasswordPolicy, mfa: bool) -> None:  # noqa: FBT001 - drawn
        own = policy.password
        for both in (own & other, other & own):
            judged = both.check(password, mfa=mfa)
            apart = [one.check(password, mfa=mfa) for one in (own, other)]
            if isinstance(judged, PasswordAccepted):
                assert all(isinstance(one, PasswordAccepted) for one in apart), "both accept what one rejects"
            assert judged.strength.guesses_log10 <= min(one.strength.guesses_log10 for one in apart)

    for_all(law, passwords(), st.sampled_from(OTHERS), st.booleans())


def order_and_repetition_do_not_matter(policy: Policy, _: frozenset[str]) -> None:
    """However policies are joined by ``&``, in any order, nesting and number, they object to the same."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import passwords

    def law(password: str, others: list[PasswordPolicy], again: list[int], mfa: bool) -> None:  # noqa: FBT001 - drawn
        first, second, third = parts = (policy.password, *others)
        both = first & second
        judged = [
            one.check(password, mfa=mfa)
            for one in (both & third, third & (second & first), both & third & parts[again[0]] & parts[again[1]])
        ]
        assert len({type(one) for one in judged}) == 1, "the order decides"
        assert len({frozenset(_codes(one)) for one in judged}) == 1, "the order decides what is objected"
        assert len({one.strength for one in judged}) == 1, "the order decides the strength"

    others = st.lists(st.sampled_from((policy.password, *OTHERS)), min_size=2, max_size=2)
    for_all(law, passwords(), others, st.lists(st.integers(0, 2), min_size=2, max_size=2), st.booleans())


def an_account_is_held_to_every_part(policy: Policy, _: frozenset[str]) -> None:
    """``for_account`` accepts only what the policy, each group of the account and its tenant accept, and does it once."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import passwords

    whole = evolve(policy, groups={"kit-staff": OTHERS[2], **policy.groups}, tenants={"kit-bank": OTHERS[3], **policy.tenants})

    def law(password: str, groups: frozenset[str], tenant: str, mfa: bool, count: int | None) -> None:  # noqa: FBT001 - drawn
        def check(one: PasswordPolicy) -> Judged:
            return one.check(password, words=("alice", "Bea Lomu"), breach_count=count, mfa=mfa)

        account = Account(subject="s", groups=groups)
        composed = whole.for_account(account, tenant=tenant)
        named = [*(whole.groups[one] for one in groups if one in whole.groups), *filter(None, [whole.tenants.get(tenant)])]
        parts = [whole.password, *named]
        judged, apart = check(composed.password), [*map(check, parts)]
        accepted = all(isinstance(one, PasswordAccepted) for one in apart)
        assert isinstance(judged, PasswordAccepted) == accepted, "accepted is not what every part accepts"
        if all(part.max_bytes == composed.password.max_bytes for part in parts):
            assert _codes(judged) == set().union(*map(_codes, apart)), "an objection is lost or made up"
        assert composed.password.history >= max(part.history for part in parts), "a part of the history is lost"
        assert composed.for_account(account, tenant=tenant) is composed, "composed twice"

    groups = st.frozensets(st.sampled_from([*whole.groups, "kit-nobody"]))
    tenants, counts = st.sampled_from([*whole.tenants, ""]), st.sampled_from([None, 0, 10**6])
    for_all(law, passwords(), groups, tenants, st.booleans(), counts)


def objections_hold_nothing_of_the_password(policy: Policy, _: frozenset[str]) -> None:
    """Neither objections nor outcomes show the password, a part of it or a word of the subject."""
    from acctsec.testing.strategies import passphrases

    def law(password: str) -> None:
        words = ("sesquipedalian", "sesqui@example.org")
        for secret in (password, password[:10], password.replace(" ", ""), "sesquipedalian" + password[:4]):
            judged = policy.password.check(secret, words=words)
            shown = repr(judged) + repr([dict(one.params) for one in getattr(judged, "objections", ())])
            parts = [part for part in (*secret.split(), "sesquipedalian") if len(part) > 3 and not part.isdigit()]
            assert not any(part in shown for part in parts), "a part of the password is shown"

    for_all(law, passphrases(), examples=25)


def more_facts_against_it_never_help(policy: Policy, _: frozenset[str]) -> None:
    """A password that is rejected stays rejected when it is also breached, or a word of the subject."""
    from acctsec.testing.strategies import common, passphrases

    def law(password: str) -> None:
        if isinstance(policy.password.check(password, breach_count=0), PasswordRejected):
            assert isinstance(policy.password.check(password, breach_count=10**6), PasswordRejected)
            assert isinstance(policy.password.check(password, words=(password,), breach_count=0), PasswordRejected)

    for_all(law, common() | passphrases())


def people_can_find_one(policy: Policy, _: frozenset[str]) -> None:
    """Some passphrase of five words passes, and so people can find a password."""
    from hypothesis import Phase, find, settings

    from acctsec.testing.strategies import passphrases

    effort = settings(max_examples=100, derandomize=True, database=None, phases=[Phase.generate])
    find(passphrases(), lambda one: isinstance(policy.password.check(one, breach_count=0), PasswordAccepted), settings=effort)


LAWS = (
    is_total,
    is_deterministic,
    spelling_does_not_matter,
    both_is_stricter_than_each,
    order_and_repetition_do_not_matter,
    an_account_is_held_to_every_part,
    objections_hold_nothing_of_the_password,
    more_facts_against_it_never_help,
    people_can_find_one,
)
