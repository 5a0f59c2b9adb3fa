"""A hashing policy with formats of other systems: read, replaced, wrapped; and a decoy for each as often as it occurs."""

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.foreign.vectors import VECTORS

from acctsec.errors import ConfigError
from acctsec.hashing import Argon2Parameters, Comparison, HashingPolicy
from acctsec.hashing.foreign import Argon2, Bcrypt, DjangoPbkdf2, Ldap, Phpass
from acctsec.hashing.wrapped import unwrap

FLOOR = Argon2Parameters(memory_kib=8, time_cost=1)
SALT = b"sixteen bytes ab"


def policy(*foreign, **knobs):
    counted = [one if one.share is not None else evolve(one, share=0) for one in foreign]
    return HashingPolicy(memory_kib=8, time_cost=1, floor=FLOOR, foreign=counted, **knobs)


OWN = policy().hash("pässword", salt=SALT)


@pytest.mark.parametrize(("format_", "stored", "password"), [one for one in VECTORS if not policy().reads(one[1])])
def test_a_foreign_hash_is_read_bare_and_wrapped_and_is_due_for_a_new_one(format_, stored, password):
    """Under every format there is: right, wrong, named, and never good enough to stay."""
    hashing = policy(format_)
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
    hashing = policy(Phpass(), Ldap())
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
    hashing = policy(Phpass())
    assert hashing.verify(text, "pässword") is Comparison.UNREADABLE
    assert not hashing.needs_rehash(text)
    assert not hashing.wraps(text)


def test_settings_of_a_wrapped_hash_are_judged_like_those_of_a_bare_one():
    """Who could write into a stored hash could otherwise ask for any amount of work through the wrapping."""
    hashing = policy(DjangoPbkdf2())
    stored = next(one for of, one, _ in VECTORS if isinstance(of, DjangoPbkdf2))
    for foreign in ("pbkdf2_sha256$1000000000$salt$", "pbkdf2_sha256$$salt$", "", "x"):
        within = unwrap(hashing.wrap(stored, salt=SALT))
        spelled = str(evolve(within, settings=foreign))
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
    assert not hashing.wraps("odd:1")
    with pytest.raises(ConfigError, match="cannot be wrapped"):
        hashing.wrap("odd:1", salt=SALT)


@pytest.mark.parametrize(
    ("foreign", "message"),
    [
        ((Ldap, Phpass()), "not a format"),
        (("bcrypt",), "not a format"),
        ((Bcrypt(share=0), Bcrypt(pepper="x", share=0)), "one name"),
        ((Bcrypt(),), "not said"),
        ((Odd(share=float("nan")),), "not said"),
        ((Odd(share=-0.5),), "not said"),
        ((Odd(share="0.5"),), "not said"),
        ((Odd(name="argon2id"),), "one name"),
        ((Bcrypt(share=0.6), Phpass(share=0.5)), "more than 1"),
        ((Odd(tale="even"),), "decoy"),
        (7, "sequence"),
    ],
)
def test_formats_that_contradict_each_other_are_refused_at_construction(foreign, message):
    with pytest.raises(ConfigError, match=message):
        HashingPolicy(foreign=foreign)


@pytest.mark.parametrize("share", [-0.1, 1.1, True, "0.5", float("nan")])
def test_a_share_is_a_proportion(share):
    with pytest.raises(ConfigError, match="share"):
        Phpass(share=share)


def test_decoys_lie_side_by_side_as_the_accounts_do():
    hashing = policy(Phpass(share=0.25), Bcrypt(cost=4), Ldap(share=0.5))
    (first, phpass), (second, ldap), (last, own) = hashing.decoys
    assert (first, second, last) == (0.25, 0.75, 1.0)
    assert [hashing.scheme(one) for one in (phpass, ldap, own)] == ["phpass", "ldap", "argon2id"]
    for one in (phpass, ldap, own):
        assert hashing.verify(one, "password") is Comparison.DIFFERENT
    assert [end for end, _ in policy(Phpass(share=1)).decoys] == [1]
    assert policy(Phpass()).decoys == ((1.0, policy().decoy()),)


def test_spending_does_the_work_of_what_it_is_given_and_answers_nothing():
    odd = Odd()
    hashing = policy(odd)
    assert hashing.spend("odd:1", "1") is None
    assert odd.asked == ["odd:1"]


def test_what_is_no_bare_foreign_hash_is_not_wrapped():
    _, stored, _ = next(one for one in VECTORS if isinstance(one[0], Phpass))
    for one in (OWN, policy(Phpass()).wrap(stored, salt=SALT), "", "x"):
        assert not policy(Phpass()).wraps(one)
        with pytest.raises(ConfigError, match="cannot be wrapped"):
            policy(Phpass()).wrap(one, salt=SALT)
    with pytest.raises(ConfigError, match="salt"):
        policy(Phpass()).wrap(stored, salt=b"short")


def test_bare_and_wrapped_hashes_and_the_decoy_of_a_format_spend_the_same(monkeypatch):
    """One derivation of the format and one of Argon2id each: whether somebody was wrapped tells nothing, nor whether he exists."""
    _, stored, _ = next(one for one in VECTORS if isinstance(one[0], Phpass))
    hashing, spent = policy(Phpass(share=0.5)), []
    wrapped = hashing.wrap(stored, salt=SALT)
    real = {"argon2id": HashingPolicy._derive, "phpass": Phpass.derive}
    monkeypatch.setattr(HashingPolicy, "_derive", lambda *given: spent.append("argon2id") or real["argon2id"](*given))
    monkeypatch.setattr(Phpass, "derive", lambda *given: spent.append("phpass") or real["phpass"](*given))
    for one in (stored, wrapped, hashing.decoys[0][1]):
        spent.clear()
        hashing.verify(one, "wrong")
        assert sorted(spent) == ["argon2id", "phpass"]


def test_a_format_that_raises_denies_and_carries_nothing_out():
    """Its message could hold the password; what it did not do is done on a decoy."""

    class Raising(Odd):
        def verify(self, stored, password):
            raise RuntimeError(f"cannot compare {password} with {stored}")

    assert policy(Raising()).verify("odd:1", "1") is Comparison.UNREADABLE
    assert policy(Raising()).spend("odd:1", "1") is None


def test_what_the_policy_itself_would_not_take_is_due_whatever_it_costs():
    """A hash below the floor that a format reads: its owner gets one of today, or taking the format out would lock him out."""
    costly = policy(ceiling=Argon2Parameters(1024, 99)).parameters
    stored = HashingPolicy(memory_kib=8, time_cost=40, floor=FLOOR, ceiling=Argon2Parameters(1024, 99)).hash("x", salt=SALT)
    hashing = HashingPolicy(memory_kib=64, time_cost=2, floor=Argon2Parameters(64, 2), foreign=(EARLIER,))
    assert hashing.parameters.traffic < 8 * (3 * 40 - 1)
    assert costly.traffic < hashing.parameters.traffic
    assert hashing.verify(stored, "x") is Comparison.MATCHED
    assert hashing.scheme(stored) == "argon2"
    assert hashing.needs_rehash(stored)


EARLIER = Argon2(floor=FLOOR, ceiling=Argon2Parameters(1024, 99), cost=FLOOR, share=0)


def test_shares_that_were_rounded_may_be_a_little_more_than_all():
    hashing = policy(Phpass(share=0.3334), Ldap(share=0.3334), Bcrypt(cost=4, share=0.3335))
    ends = [end for end, _ in hashing.decoys]
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(1)


def test_a_wrapped_hash_holds_its_own_hash_and_no_other():
    hashing = policy(Phpass(), Ldap())
    mine = [stored for of, stored, _ in VECTORS if isinstance(of, Phpass | Ldap)]
    wrapped = [hashing.wrap(one, salt=SALT) for one in mine]
    for number, kept in enumerate(wrapped):
        assert [hashing.holds(kept, one) for one in mine] == [other == number for other in range(len(mine))]
    assert not hashing.holds(wrapped[0], OWN)
    salted = mine[0][:4] + ("x" if mine[0][4] != "x" else "y") + mine[0][5:]  # another salt before the very same tag
    assert hashing.reads(salted)
    assert not hashing.holds(wrapped[0], salted)
    assert not hashing.holds(mine[0], mine[0] + " ")
