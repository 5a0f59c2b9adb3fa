"""A hashing policy with formats of other systems: read, replaced, wrapped; and a decoy for each as often as it occurs."""

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.foreign.vectors import VECTORS

from acctsec.errors import ConfigError
from acctsec.hashing import Argon2Parameters, Comparison, HashingPolicy, Wrapped
from acctsec.hashing.foreign import Bcrypt, DjangoPbkdf2, Ldap, Phpass

FLOOR = Argon2Parameters(memory_kib=8, time_cost=1)
SALT = b"sixteen bytes ab"


def policy(*foreign, **knobs):
    return HashingPolicy(memory_kib=8, time_cost=1, floor=FLOOR, foreign=foreign, **knobs)


OWN = policy().hash("pässword", salt=SALT)


@pytest.mark.parametrize(("format_", "stored", "password"), [one for one in VECTORS if not policy().reads(one[1])])
def test_a_foreign_hash_is_read_bare_and_wrapped_and_is_due_for_a_new_one(format_, stored, password):
    """Under every format there is: right, wrong, named, and never good enough to stay."""
    hashing = policy(format_, Wrapped(format_))
    assert hashing.wraps(stored)
    wrapped = hashing.wrap(stored, salt=SALT)
    for kept, scheme in ((stored, format_.name), (wrapped, f"wrapped-{format_.name}")):
        assert hashing.verify(kept, password) is Comparison.MATCHED
        assert hashing.verify(kept, password + "x") is Comparison.DIFFERENT
        assert hashing.verify(kept, "") is Comparison.DIFFERENT
        assert hashing.reads(kept)
        assert hashing.needs_rehash(kept)
        assert hashing.scheme(kept) == scheme
        assert hashing.holds(kept, stored)
        assert policy().verify(kept, password) is Comparison.UNREADABLE
        assert not policy().needs_rehash(kept)
    assert not hashing.wraps(wrapped)
    assert not hashing.wraps(OWN)
    assert stored not in wrapped
    assert format_.tag(stored).hex() not in wrapped
    assert format_.tag(stored) not in wrapped.encode()


def test_a_wrapped_hash_has_one_spelling_and_needs_both_of_its_halves():
    hashing = policy(Phpass(), Wrapped(Phpass()), Wrapped(Ldap()))
    _, stored, password = next(one for one in VECTORS if isinstance(one[0], Phpass))
    wrapped = hashing.wrap(stored, salt=SALT)
    mark, name, settings, rest = wrapped[1:].split("$", 3)
    assert (mark, name) == ("wrapped", "phpass")
    for other in (
        wrapped + "\n",
        wrapped.replace("wrapped", "Wrapped"),
        f"$wrapped$ldap${settings}${rest}",
        f"$wrapped$phpass${settings}=${rest}",
        f"$wrapped$phpass$ÿ${rest}",
        f"$wrapped$phpass$_w${rest}",
        f"$wrapped$phpass${settings}",
        wrapped.replace("m=8,", "m=08,"),
    ):
        assert hashing.verify(other, password) is not Comparison.MATCHED, other
    assert hashing.verify(f"$wrapped$phpass$QQ${rest}", password) is Comparison.UNREADABLE, "settings that nobody wrote"
    costly = wrapped.replace("m=8,t=1", "m=4194304,t=9")
    assert hashing.verify(costly, password) is Comparison.UNREADABLE


@given(st.text(max_size=200) | st.text("$wraped0-=phsldv1,mt", max_size=120))
def test_no_text_is_too_odd(text):
    hashing = policy(Phpass(), Wrapped(Phpass()))
    assert hashing.verify(text, "pässword") is Comparison.UNREADABLE
    assert not hashing.needs_rehash(text)
    assert not hashing.wraps(text)


def test_settings_of_a_wrapped_hash_are_judged_like_those_of_a_bare_one():
    """Who could write into a stored hash could otherwise ask for any amount of work through the wrapping."""
    hashing = policy(DjangoPbkdf2(), Wrapped(DjangoPbkdf2()))
    stored = next(one for of, one, _ in VECTORS if isinstance(of, DjangoPbkdf2))
    for foreign in ("pbkdf2_sha256$1000000000$salt$", "pbkdf2_sha256$$salt$", "", "x"):
        within = Wrapped(DjangoPbkdf2()).parse(hashing.wrap(stored, salt=SALT))
        spelled = evolve(within, settings=foreign).spelled("django-pbkdf2")
        assert hashing.verify(spelled, "password") is Comparison.UNREADABLE, foreign


@frozen(kw_only=True)
class Odd:
    """A format of a platform's own."""

    name: str = "odd"
    share: float = 0.0
    tale: str = "odd:decoy"
    asked: list = field(factory=list, repr=False, eq=False)

    def reads(self, stored):
        return stored.startswith("odd:")

    def verify(self, stored, password):
        self.asked.append(stored)
        return stored == "odd:" + password

    def decoy(self):
        return self.tale


def test_a_platform_may_bring_a_format_of_its_own():
    hashing = policy(Odd())
    assert hashing.verify("odd:1", "1") is Comparison.MATCHED
    assert hashing.verify("odd:1", "2") is Comparison.DIFFERENT
    assert hashing.scheme("odd:1") == "odd"
    with pytest.raises(ConfigError, match="cannot be wrapped"):
        Wrapped(Odd())


@pytest.mark.parametrize(
    ("foreign", "message"),
    [
        ((Ldap, Phpass()), "not a format"),
        (("bcrypt",), "not a format"),
        ((Bcrypt(), Bcrypt(pepper="x")), "one name"),
        ((Wrapped(Bcrypt()), Wrapped(Bcrypt())), "one name"),
        ((Odd(name="argon2id"),), "one name"),
        ((Bcrypt(share=0.6), Phpass(share=0.5)), "more than 1"),
        ((Odd(tale="even"),), "decoy"),
        (7, "sequence"),
    ],
)
def test_formats_that_contradict_each_other_are_refused_at_construction(foreign, message):
    with pytest.raises(ConfigError, match=message):
        HashingPolicy(foreign=foreign)


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "0.5", None])
def test_a_share_is_a_proportion(share):
    with pytest.raises(ConfigError, match="share"):
        Wrapped(Phpass(), share=share)


def test_decoys_lie_side_by_side_as_the_accounts_do():
    hashing = policy(Phpass(share=0.25), Ldap(), Wrapped(Ldap(), share=0.5))
    (first, phpass), (second, wrapped), (last, own) = hashing.decoys
    assert (first, second, last) == (0.25, 0.75, 1.0)
    assert [hashing.scheme(one) for one in (phpass, wrapped, own)] == ["phpass", "wrapped-ldap", "argon2id"]
    for one in (phpass, wrapped, own):
        assert hashing.verify(one, "password") is Comparison.DIFFERENT
    assert [end for end, _ in policy(Phpass(share=1)).decoys] == [1]
    assert policy(Phpass()).decoys == ((1.0, policy().decoy()),)


def test_spending_does_the_work_of_what_it_is_given_and_answers_nothing():
    odd = Odd()
    hashing = policy(odd)
    assert hashing.spend("odd:1", "1") is None
    assert odd.asked == ["odd:1"]


def test_what_is_not_listed_as_wrapped_is_not_wrapped():
    _, stored, _ = next(one for one in VECTORS if isinstance(one[0], Phpass))
    assert not policy(Phpass()).wraps(stored)
    with pytest.raises(ConfigError, match="not wrapped"):
        policy(Phpass()).wrap(stored, salt=SALT)
    with pytest.raises(ConfigError, match="salt"):
        policy(Phpass(), Wrapped(Phpass())).wrap(stored, salt=b"short")


def test_a_wrapped_hash_holds_its_own_hash_and_no_other():
    hashing = policy(Phpass(), Wrapped(Phpass()), Ldap(), Wrapped(Ldap()))
    mine = [stored for of, stored, _ in VECTORS if isinstance(of, Phpass | Ldap)]
    wrapped = [hashing.wrap(one, salt=SALT) for one in mine]
    for number, kept in enumerate(wrapped):
        assert [hashing.holds(kept, one) for one in mine] == [other == number for other in range(len(mine))]
    assert not hashing.holds(wrapped[0], OWN)
    salted = mine[0][:4] + ("x" if mine[0][4] != "x" else "y") + mine[0][5:]  # another salt before the very same tag
    assert hashing.reads(salted)
    assert not hashing.holds(wrapped[0], salted)
    assert not hashing.holds(mine[0], mine[0] + " ")
