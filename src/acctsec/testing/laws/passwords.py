"""Laws of password policies."""

from time import thread_time
from unicodedata import normalize

from attrs import evolve

from acctsec.outcomes import PasswordAccepted, PasswordRejected
from acctsec.password import BannedTerms, Blocklist, Classes, Code, Length, PasswordPolicy
from acctsec.password.feedback import LANGUAGES, catalogue, feedback, message
from acctsec.protocols import Account
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law
from acctsec.testing.laws.words import member, names, rules, text

Judged = PasswordAccepted | PasswordRejected
OTHERS = (
    PasswordPolicy(),
    PasswordPolicy(rules=(Length(minimum=8, maximum=64),), estimator=lambda _, __: 20.0),
    PasswordPolicy(rules=(Length(minimum=20), Blocklist(variants=True)), words=("otters",)),
    PasswordPolicy(rules=(Length(minimum=12), Classes(minimum=3), BannedTerms(terms=("contoso",)))),
)
LONG = 1.0
"""Seconds of work that no password may cost: a hundred times what the slowest honest rules take for the longest one."""
LENGTHS = (*range(8, 65, 2), 96, 128, 256, 512, 1024, 4096)


def _codes(judged: Judged) -> set[str]:
    return {one.code for one in judged.objections} if isinstance(judged, PasswordRejected) else set()


def _answer(judged: Judged) -> str:
    return f"rejected for {names(_codes(judged))}" if isinstance(judged, PasswordRejected) else "accepted"


@law("password-always-judged", Family.PASSWORD, "I25", "I06", examples=120)
def always_judged(ask: Asking) -> None:
    """Whatever is given for a password is accepted or rejected with objections of known codes; nothing is raised."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import hostile, passwords

    def case(password: object, mfa: bool, count: int | None) -> None:  # noqa: FBT001 - drawn
        judged = ask.policy.password.check(password, breach_count=count, mfa=mfa)
        assert type(judged) in (PasswordAccepted, PasswordRejected), f"The answer is a {type(judged).__name__}, no judgement."
        if isinstance(judged, PasswordRejected):
            assert judged.objections, "It is rejected without a reason."
            unknown = _codes(judged) - ask.codes
            assert not unknown, f"It is rejected for {names(unknown)}, a code that nobody knows: name it by --codes or codes=."
        assert isinstance(password, str) or isinstance(judged, PasswordRejected), "It is accepted, and is no text."

    def says(password: object, mfa: bool, count: int | None) -> str:  # noqa: FBT001 - drawn
        leaks = "that no corpus was asked about" if count is None else f"that leaks hold {count:,} times"
        return f"Somebody {'with' if mfa else 'without'} a second factor chooses {text(password)}, {leaks}."

    ask.of(case, passwords() | hostile(), st.booleans(), st.none() | st.integers(0, 10**9), says=says)


@law("password-judged-alike", Family.PASSWORD, examples=50)
def judged_alike(ask: Asking) -> None:
    """A password is judged alike every time."""
    from acctsec.testing.strategies import passwords

    def case(password: str) -> None:
        words = ("alice", "alice@example.org")
        judged = [ask.policy.password.check(password, words=words) for _ in range(8)]
        other = next((one for one in judged if one != judged[0]), judged[0])
        assert other == judged[0], f"First it is {_answer(judged[0])}, and then {_answer(other)}."

    ask.of(case, passwords(), says=lambda password: f"The password {text(password)} is judged eight times.")


@law("password-spelling-is-nothing", Family.PASSWORD, "I26", examples=50)
def spelling_does_not_matter(ask: Asking) -> None:
    """A password is judged alike however a keyboard composes it."""
    from acctsec.testing.strategies import unicode_passwords

    def case(password: str) -> None:
        policy = ask.policy.password
        composed, decomposed = normalize("NFC", password), normalize("NFD", password)
        if max(len(composed), len(decomposed.encode())) <= policy.max_bytes:
            one, other = policy.check(composed), policy.check(decomposed)
            assert one == other, f"Composed it is {_answer(one)}, decomposed {_answer(other)}."

    ask.of(case, unicode_passwords(), says=lambda password: f"The password {text(password)} is typed on two keyboards.")


@law("composition-only-tightens", Family.PASSWORD, "I29", examples=50)
def both_is_stricter_than_each(ask: Asking) -> None:
    """Two policies joined by ``&`` accept only what each of them accepts, and object wherever one of them does."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import passwords

    def case(password: str, other: PasswordPolicy, mfa: bool) -> None:  # noqa: FBT001 - drawn
        own = ask.policy.password
        for both in (own & other, other & own):
            judged = both.check(password, mfa=mfa)
            apart = [one.check(password, mfa=mfa) for one in (own, other)]
            refusal = next((one for one in apart if isinstance(one, PasswordRejected)), None)
            if isinstance(judged, PasswordAccepted):
                assert refusal is None, "Together they accept it; alone one of them rejects it."
            least = min(one.strength.guesses_log10 for one in apart)
            assert judged.strength.guesses_log10 <= least, "Together they find it stronger than one of them does."

    def says(password: str, other: PasswordPolicy, mfa: bool) -> str:  # noqa: FBT001, ARG001 - drawn
        return f"The policy is joined with {rules(other)}, and both judge {text(password)}."

    ask.of(case, passwords(), st.sampled_from(OTHERS), st.booleans(), says=says)


@law("composition-has-no-order", Family.PASSWORD, "I29", examples=50)
def order_and_repetition_do_not_matter(ask: Asking) -> None:
    """However policies are joined by ``&``, in any order, nesting and number, they object to the same."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import passwords

    def case(password: str, others: list[PasswordPolicy], again: list[int], mfa: bool) -> None:  # noqa: FBT001 - drawn
        first, second, third = parts = (ask.policy.password, *others)
        both = first & second
        judged = [
            one.check(password, mfa=mfa)
            for one in (both & third, third & (second & first), both & third & parts[again[0]] & parts[again[1]])
        ]
        first_, other = judged[0], next((one for one in judged if _codes(one) != _codes(judged[0])), judged[0])
        assert len({type(one) for one in judged}) == 1, "In one order they accept it, and in another they do not."
        assert _codes(first_) == _codes(other), f"In one order it is {_answer(first_)}, and in another {_answer(other)}."
        assert len({one.strength for one in judged}) == 1, "The order decides how strong it is."

    def says(password: str, others: list[PasswordPolicy], again: list[int], mfa: bool) -> str:  # noqa: FBT001, ARG001 - drawn
        joined = " and ".join(map(rules, others))
        return f"The policy is joined with {joined}, in several orders, and all judge {text(password)}."

    others = st.lists(st.sampled_from((ask.policy.password, *OTHERS)), min_size=2, max_size=2)
    twice = st.lists(st.integers(0, 2), min_size=2, max_size=2)
    ask.of(case, passwords(), others, twice, st.booleans(), says=says)


@law("account-held-to-every-part", Family.PASSWORD, "I29", examples=50)
def an_account_is_held_to_every_part(ask: Asking) -> None:
    """``for_account`` accepts only what the policy, each group of the account and its tenant accept, and does it once."""
    from hypothesis import strategies as st

    from acctsec.testing.strategies import passwords

    policy = ask.policy
    whole = evolve(policy, groups={"kit-staff": OTHERS[2], **policy.groups}, tenants={"kit-bank": OTHERS[3], **policy.tenants})

    def case(password: str, groups: frozenset[str], tenant: str, mfa: bool, count: int | None) -> None:  # noqa: FBT001 - drawn
        def check(one: PasswordPolicy) -> Judged:
            return one.check(password, words=("alice", "Bea Lomu"), breach_count=count, mfa=mfa)

        account = Account(subject="s", groups=groups)
        composed = whole.for_account(account, tenant=tenant)
        named = [*(whole.groups[one] for one in groups if one in whole.groups), *filter(None, [whole.tenants.get(tenant)])]
        parts = [whole.password, *named]
        judged, apart = check(composed.password), [*map(check, parts)]
        accepted = all(isinstance(one, PasswordAccepted) for one in apart)
        alone = "accepted by every part" if accepted else "rejected by one of the parts"
        assert isinstance(judged, PasswordAccepted) == accepted, f"It is {_answer(judged)} for the account, and {alone}."
        if all(part.max_bytes == composed.password.max_bytes for part in parts):
            due = set[str]().union(*map(_codes, apart))
            assert _codes(judged) == due, f"It is {_answer(judged)}; the parts object {names(due)}."
        assert composed.password.history >= max(part.history for part in parts), "A part of the history is lost."
        assert composed.for_account(account, tenant=tenant) is composed, "What was composed is composed once more."

    def says(password: str, groups: frozenset[str], tenant: str, mfa: bool, count: int | None) -> str:  # noqa: FBT001, ARG001 - drawn
        return f"In the tenant {tenant!r} {member(groups)} chooses {text(password)}."

    groups = st.frozensets(st.sampled_from([*whole.groups, "kit-nobody"]))
    tenants, counts = st.sampled_from([*whole.tenants, ""]), st.sampled_from([None, 0, 10**6])
    ask.of(case, passwords(), groups, tenants, st.booleans(), counts, says=says)


@law("objections-hide-the-password", Family.PASSWORD, "I32", examples=25)
def objections_hold_nothing_of_the_password(ask: Asking) -> None:
    """Neither objections nor outcomes show the password, a part of it or a word of the subject."""
    from acctsec.testing.strategies import passphrases

    def case(password: str) -> None:
        words = ("sesquipedalian", "sesqui@example.org")
        for secret in (password, password[:10], password.replace(" ", ""), "sesquipedalian" + password[:4]):
            judged = ask.policy.password.check(secret, words=words)
            shown = repr(judged) + repr([dict(one.params) for one in getattr(judged, "objections", ())])
            parts = [part for part in (*secret.split(), "sesquipedalian") if len(part) > 3 and not part.isdigit()]
            part = next((one for one in parts if one in shown), "")
            assert not part, f"The answer to {text(secret)} shows {part!r}."

    ask.of(case, passphrases(), says=lambda password: f"Somebody called Sesquipedalian chooses {text(password)}.")


@law("more-against-it-never-helps", Family.PASSWORD, "I29", examples=50)
def more_facts_against_it_never_help(ask: Asking) -> None:
    """A password that is rejected stays rejected when it is also breached, or a word of the subject."""
    from acctsec.testing.strategies import common, passphrases

    def case(password: str) -> None:
        check = ask.policy.password.check
        before = check(password, breach_count=0)
        if isinstance(before, PasswordRejected):
            breached, own = check(password, breach_count=10**6), check(password, words=(password,), breach_count=0)
            assert isinstance(breached, PasswordRejected), f"It is {_answer(before)}; once leaks hold it, it is accepted."
            assert isinstance(own, PasswordRejected), f"It is {_answer(before)}; as a name of its owner it is accepted."

    ask.of(case, common() | passphrases(), says=lambda password: f"Somebody chooses {text(password)}.")


@law("people-can-find-a-password", Family.PASSWORD, examples=100)
def people_can_find_one(ask: Asking) -> None:
    """Some passphrase of five words passes, and so people can find a password."""
    from hypothesis import Phase, find, settings
    from hypothesis.errors import NoSuchExample

    from acctsec.testing.strategies import passphrases

    effort = settings(max_examples=ask.law.examples, derandomize=True, database=None, phases=[Phase.generate])

    def passes(password: str) -> bool:
        ask.asked += 1
        return isinstance(ask.policy.password.check(password, breach_count=0), PasswordAccepted)

    try:
        find(passphrases(), passes, settings=effort)
    except NoSuchExample:
        with ask.trying(f"Passphrases of four or five invented words and a number are tried, {ask.asked} of them."):
            raise AssertionError("The policy refuses every one of them.") from None


@law("objections-have-words", Family.PASSWORD)
def objections_have_words(ask: Asking) -> None:
    """Each objection has a sentence in every language that is shipped, and it is no bare code."""
    for language in LANGUAGES:
        texts = catalogue(language)
        for secret in ("", "aaaa", "password1", "x" * 9000, "\x00nul", "alice alice"):
            with ask.trying(f"Somebody chooses {text(secret)} and is told in {language} why not."):
                judged = ask.policy.password.check(secret, words=("alice",), breach_count=10**6)
                told = feedback(getattr(judged, "objections", ()), password=secret, words=("alice",))
                for one in told:
                    if one.code in {*Code}:  # those of the team's own are in a catalogue of theirs
                        said = message(one, texts)
                        assert said not in {"", one.code}, f"There is no sentence for {one.code}."


@law("password-work-is-bounded", Family.PASSWORD, "I27")
def work_is_bounded(ask: Asking) -> None:
    """No password costs more than a second of work to judge, however long it is and whatever it repeats."""
    for pattern in ("a", "aB1!", "4@", "é", "correct horse "):
        for size in LENGTHS:
            secret = (pattern * size)[:size]
            with ask.trying(f"Somebody chooses {text(secret)}, which repeats {pattern!r}."):
                before = thread_time()
                ask.policy.password.check(secret, words=("alice", "correct", pattern))
                assert thread_time() - before < LONG, "Judging it takes more than a second."


@law("groups-can-be-met", Family.PASSWORD)
def groups_and_tenants_can_be_met(ask: Asking) -> None:
    """What the policy asks of each group and each tenant of its own can be met together with the policy itself."""
    policy = ask.policy
    whom = [(f"the group {name!r}", Account(subject="s", groups=frozenset({name})), "") for name in policy.groups]
    whom += [(f"the tenant {name!r}", Account(subject="s"), name) for name in policy.tenants]
    if not whom:
        raise NotAsked("The policy names no groups and no tenants.")
    some = [f"{one} {two} 4711" for one in ("nine patient herons", "Nine-Patient Herons!") for two in ("sang at dusk", "Étude")]
    for name, account, tenant in whom:
        with ask.trying(f"Members of {name} try {len(some)} long passphrases."):
            one = policy.for_account(account, tenant=tenant).password
            assert any(isinstance(one.check(each, breach_count=0), PasswordAccepted) for each in some), "None is accepted."


LAWS = (
    always_judged,
    judged_alike,
    spelling_does_not_matter,
    both_is_stricter_than_each,
    order_and_repetition_do_not_matter,
    an_account_is_held_to_every_part,
    objections_hold_nothing_of_the_password,
    more_facts_against_it_never_help,
    people_can_find_one,
    objections_have_words,
    work_is_bounded,
    groups_and_tenants_can_be_met,
)
