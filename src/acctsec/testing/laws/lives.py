"""Laws of what has a time to live: hashes, resets, sessions."""

from datetime import datetime, timedelta

from acctsec.hashing import Comparison
from acctsec.mfa.actions import Action
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import Policy
from acctsec.protocols import Channel
from acctsec.record import SKEW, Reset, Session
from acctsec.reset import Redeemable
from acctsec.sessions import PLACE_BITS, Live, Minted
from acctsec.steps import Scene, shown_by
from acctsec.testing.doubles import START
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law
from acctsec.testing.laws.words import span, times

RIGHT, WRONG = "seven quiet otters", "seven quiet otter"

# --- hashes -----------------------------------------------------------------------------------------------------------


@law("hash-verifies-its-own", Family.HASHING, "I26", "I28")
def hashes_are_its_own(ask: Asking) -> None:
    """A new hash verifies its own password and no other, is in no need of a new one, and the decoy verifies nothing."""
    hashing = ask.policy.hashing
    with ask.trying(f"{RIGHT!r} is hashed."):
        phc = hashing.hash(RIGHT, salt=bytes(range(hashing.salt_bytes)))
        assert hashing.verify(phc, RIGHT) is Comparison.MATCHED, "The hash does not verify it."
        assert hashing.verify(phc, WRONG) is Comparison.DIFFERENT, f"The hash verifies {WRONG!r}."
        assert hashing.verify(hashing.decoy(), RIGHT) is Comparison.DIFFERENT, "The decoy verifies it."
        assert not hashing.needs_rehash(phc), "The new hash would be replaced at once."


@law("foreign-hash-is-replaced", Family.HASHING, "I28")
def foreign_hashes_are_read_and_replaced(ask: Asking) -> None:
    """A format that is listed reads what it writes, bare and wrapped; it is due for a new hash, and no decoy verifies."""
    hashing = ask.policy.hashing
    if not hashing.foreign:
        raise NotAsked("The policy reads no hashes of other systems (hashing.foreign).")
    salt = bytes(range(hashing.salt_bytes))
    decoys = [decoy for _, decoy in hashing.decoys if decoy != hashing.decoy()]
    decoys += [one.decoy() for one in hashing.foreign]
    for decoy in decoys:
        with ask.trying(f"A decoy of the format {hashing.scheme(decoy)} is read."):
            assert hashing.reads(decoy), "It is not read."
            assert hashing.verify(decoy, RIGHT) is Comparison.DIFFERENT, f"It verifies {RIGHT!r}."
            assert hashing.needs_rehash(decoy), "It would stay for ever."
            if hashing.wraps(decoy):
                wrapped = hashing.wrap(decoy, salt=salt)
                assert hashing.verify(wrapped, RIGHT) is Comparison.DIFFERENT, f"Wrapped it verifies {RIGHT!r}."
                assert hashing.needs_rehash(wrapped), "Wrapped it would stay for ever."


# --- resets -----------------------------------------------------------------------------------------------------------


def _reset(policy: Policy, number: int, now: datetime) -> Reset:
    expires, code_expires = policy.reset.ends(Channel.MAIL, now)
    return Reset(
        id=bytes([number]) * 16,
        epoch=1,
        recipient=b"",
        link=bytes(32),
        code=bytes(32),
        expires=expires,
        code_expires=code_expires,
    )


@law("reset-ends", Family.RESET, "I03", "I04", examples=50)
def resets_end(ask: Asking) -> None:
    """A reset works in its time alone, under its own epoch, and a request displaces none that is live."""
    from hypothesis import strategies as st

    reset = ask.policy.reset

    def case(before: timedelta, after: timedelta, number: int) -> None:
        asked = [_reset(ask.policy, index, START - before) for index in range(number)]
        live: tuple[Reset, ...] = ()
        for one in asked:
            more = reset.issue(live, one, epoch=1, now=START - before)
            assert more is None or set(live) < set(more), "The last request displaces a live reset."
            live = live if more is None else more
        assert len(live) <= reset.live, f"{len(live)} are live, where {reset.live} may be."
        age = before + after
        for one in live:
            found = isinstance(reset.resume(live, reset=one.id, epoch=1, now=START + after), Redeemable)
            assert not found or age < reset.link_lifetime, (
                f"Its age is {span(age)} and it works; it says {span(reset.link_lifetime)}."
            )
            another = reset.resume(live, reset=one.id, epoch=2, now=START + after)
            assert not isinstance(another, Redeemable), "It works after the password was changed (another epoch)."

    def says(before: timedelta, after: timedelta, number: int) -> str:
        return f"Somebody asks for {times(number, 'reset')}, and tries them {span(before + after)} later."

    some = st.timedeltas(timedelta(0), timedelta(days=2))
    ask.of(case, some, some, st.integers(1, 6), says=says)


@law("reset-says-when-it-ends", Family.RESET, "I04")
def resets_say_when_they_end(ask: Asking) -> None:
    """Whatever carries a reset, it and its code end when the policy says, and a code never later than its link."""
    reset = ask.policy.reset
    most = {Channel.MAIL: reset.link_lifetime, Channel.TEXT: reset.text_lifetime}
    for channel, limit in most.items():
        with ask.trying(f"A reset goes out by {channel.value}."):
            ends, code = reset.ends(channel, START)
            code_limit = reset.code_lifetime if channel is Channel.MAIL else reset.text_lifetime
            assert ends <= START + limit, f"It lives {span(ends - START)}, where the policy says {span(limit)}."
            assert code <= START + code_limit, f"Its code lives {span(code - START)}, where the policy says {span(code_limit)}."
            assert START < code <= ends, "Its code outlives it, or is dead from the first."


# --- sessions ---------------------------------------------------------------------------------------------------------


@law("session-ends", Family.SESSIONS, "I04", "I30", examples=50)
def sessions_end(ask: Asking) -> None:
    """A session that is over stays over, and at no level does one outlive its absolute or its idle time."""
    from hypothesis import strategies as st

    sessions, mfa = ask.policy.sessions, ask.policy.mfa

    def case(level: AssuranceLevel, idle: timedelta, first: timedelta, more: timedelta) -> None:
        session = Session(id=bytes(16), level=level, created=START, authenticated=START)
        active, limits = START + idle, sessions.lifetime(level)
        token = Minted(active=active)
        seen = [isinstance(sessions.judge(session, token=token, now=active + step), Live) for step in (first, first + more)]
        assert seen != [False, True], "It is over at the first look, and there again at the second."
        for step, live in zip((first, first + more), seen, strict=True):
            now = active + step
            assert not live or now < START + limits.absolute, f"It lives on; its absolute time is {span(limits.absolute)}."
            assert not live or now < active + limits.idle, f"It lives on; its idle time is {span(limits.idle)}."
            demand = mfa.demand(Action.CHANGE_FACTORS, groups=frozenset(), fresh=sessions.fresh)
            age = sessions.fresh if demand.max_age is None else demand.max_age
            shown = shown_by(session, demand, Scene(tenant="", subject="s", account=None, now=now))
            assert not live or now < START + age or not shown, (
                f"Its proofs are fresh after {span(now - START)}; it says {span(age)}."
            )

    def says(level: AssuranceLevel, idle: timedelta, first: timedelta, more: timedelta) -> str:
        looks = f"looked at {span(first)} after that and {span(first + more)} after that"
        return f"A session at {level.name} is used for {span(idle)}, and {looks}."

    some = st.timedeltas(timedelta(0), timedelta(days=100))
    ask.of(case, st.sampled_from(AssuranceLevel), some, some, some, says=says)


@law("replaced-token-ends", Family.SESSIONS, "I30", examples=50)
def replaced_tokens_end(ask: Asking) -> None:
    """A session token that was replaced by its next is good for the grace at most."""
    from hypothesis import strategies as st

    sessions = ask.policy.sessions

    def case(level: AssuranceLevel, turned: timedelta, after: timedelta) -> None:
        now = START + turned
        session = Session(id=bytes(16), level=level, created=START, authenticated=START, generation=1 << PLACE_BITS, turned=now)
        judged = sessions.judge(session, token=Minted(active=START), now=now + after)
        good = isinstance(judged, Live)
        assert after < sessions.grace + SKEW or not good, f"It is good; the grace is {span(sessions.grace)}."

    def says(level: AssuranceLevel, turned: timedelta, after: timedelta) -> str:
        age = f"replaced after {span(turned)}"
        return f"A token of a session at {level.name} is {age}, and comes back {span(after)} later."

    before, later = st.timedeltas(timedelta(0), sessions.rotate * 2), st.timedeltas(timedelta(0), timedelta(hours=1))
    ask.of(case, st.sampled_from(AssuranceLevel), before, later, says=says)


LAWS = (
    hashes_are_its_own,
    foreign_hashes_are_read_and_replaced,
    resets_end,
    resets_say_when_they_end,
    sessions_end,
    replaced_tokens_end,
)
