"""Every knob of a policy can be shown in words, with what it means and where its default comes from."""

from datetime import timedelta

import pytest
from attrs import evolve, field, fields, frozen, has

from acctsec import CHEAPEST, SOCIAL_DEFAULT, PasswordPolicy, Policy, presets
from acctsec.attacks.posture import Band, Bands
from acctsec.budgets import Budget, Rungs
from acctsec.hashing import Argon2Parameters, HashingPolicy
from acctsec.hashing.foreign import Bcrypt, FirebaseScrypt
from acctsec.knobs import documented, knobs, shown
from acctsec.lockout import Repeats
from acctsec.outcomes import AssuranceLevel
from acctsec.password.rules import Length

PRESETS = [value for value in vars(presets).values() if isinstance(value, Policy)]


@pytest.mark.parametrize("policy", PRESETS, ids=lambda policy: policy.name)
def test_every_knob_is_explained(policy):
    """A number without a source is somebody's taste."""
    bare = [knob.name for knob in knobs(policy) if not (knob.value and knob.meaning and knob.source)]

    assert bare == []


def test_no_field_of_a_policy_is_left_out():
    """What is not shown cannot be reviewed."""
    families = {one.name: type(getattr(SOCIAL_DEFAULT, one.name)) for one in fields(Policy)}
    wanted = {f"{family}.{one.name}" for family, kind in families.items() if has(kind) for one in fields(kind)}

    assert wanted <= {knob.name for knob in knobs(SOCIAL_DEFAULT)}


def test_knobs_of_rules_follow_the_rules():
    """A rule's own numbers are knobs as well."""
    found = {knob.name: knob.value for knob in knobs(SOCIAL_DEFAULT)}

    assert found["password.rules"] == "Length · ContextWords · Blocklist · MinimumStrength · Breached"
    assert found["password.Length.minimum"] == "15"
    assert found["password.MinimumStrength.guesses_log10"] == "8"


def test_knobs_of_further_policies_follow_them():
    """However deep: a threshold that nobody sees is nobody's decision."""
    found = {knob.name: knob.value for knob in knobs(SOCIAL_DEFAULT)}

    assert found["attacks.reputation"] == "ReputationPolicy" and found["attacks.reputation.half_life"] == "12 h"
    assert found["attacks.spray.candidates.keys"] == "512"
    assert found["attacks.posture.surge"] == "challenge at 900, left below 300; held for 30 min"


def test_a_changed_knob_shows_its_new_value_and_the_old_source():
    """The source is the default's; whoever changes the value has his own reasons."""
    changed = evolve(SOCIAL_DEFAULT, reset=evolve(SOCIAL_DEFAULT.reset, link_lifetime=timedelta(minutes=45)))

    before, after = ({knob.name: knob for knob in knobs(policy)}["reset.link_lifetime"] for policy in (SOCIAL_DEFAULT, changed))

    assert (before.value, after.value) == ("30 min", "45 min")
    assert before.source == after.source


def test_families_come_in_the_order_of_the_policy():
    """A page has one table a family."""
    families = list(dict.fromkeys(knob.family for knob in knobs(CHEAPEST)))

    assert families == ["password", "hashing", "reset", "recovery", "mfa", "lockout", "attacks", "sessions"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "not set"),
        (True, "yes"),
        (False, "no"),
        (19456, "19,456"),
        (8.0, "8"),
        ("acctsec", "acctsec"),
        (timedelta(days=30), "30 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=1), "1 h"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(seconds=2), "2 s"),
        (timedelta(milliseconds=2500), "2.5 s"),
        (Repeats.FREE, "free"),
        (AssuranceLevel.AAL2, "2"),
        (Budget(limit=3, window=timedelta(hours=1)), "3 in 1 h"),
        (Argon2Parameters(19_456, 2), "19,456 KiB × 2 × 1"),
        ((), "none"),
        (frozenset({"staff", "admins"}), "admins · staff"),
        ((Length(),), "Length"),
        (shown, "shown"),
        (
            Bands(notify=Band(at=1_000, below=5), tighten=Band(at=2_000, below=50), hold=timedelta(hours=2)),
            "notify at 1,000, left below 5; tighten at 2,000, left below 50; held for 2 h",
        ),
        (
            Rungs(free=10, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=50),
            "10 free, then 1 min doubling to 30 min, stop at 50",
        ),
        (
            Rungs(free=100, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=100, window=timedelta(days=30)),
            "100 free, within 30 days",
        ),
    ],
)
def test_values_are_shown_in_words(value, words):
    """Nobody reads ``datetime.timedelta(seconds=1800)``."""
    assert shown(value) == words


def test_names_before_one_colon_share_its_text():
    """``memory_kib, time_cost, parallelism: ...`` explains all three."""

    class Documented:
        """
        Something.

        Args:
            one, two: both of them. Default 1
                and a second line: with a colon.
            three: alone.

        Raises nothing: at all.
        """

    assert documented(Documented) == {
        "one": "both of them. Default 1 and a second line: with a colon.",
        "two": "both of them. Default 1 and a second line: with a colon.",
        "three": "alone.",
    }


def test_a_class_without_a_section_explains_nothing():
    """A rule of one's own may be silent; it is shown all the same."""

    @frozen
    class Palindrome:
        longest: int = 3

        def judge(self, password, facts):
            return ()

    policy = evolve(SOCIAL_DEFAULT, password=PasswordPolicy(rules=(Length(), Palindrome())))

    found = {knob.name.rpartition(".")[2]: knob for knob in knobs(policy)}

    assert (found["longest"].value, found["longest"].meaning, found["longest"].source) == ("3", "", "")


def test_what_holds_for_groups_tenants_and_composed_parts_is_shown():
    strict = PasswordPolicy(rules=(Length(minimum=20),))
    policy = Policy(groups={"staff": strict}, tenants={"bank": strict & PasswordPolicy()})
    found = {knob.name: knob.value for knob in knobs(policy)}

    assert found["groups.staff.Length.minimum"] == "20"
    assert found["tenants.bank.PasswordPolicy.Length.minimum"] in {"15", "20"}


def test_the_pepper_of_another_system_is_nowhere_among_the_knobs():
    """Formats are shown with their numbers; what is secret in them is left out, in both lists and in the digest's ground."""
    secrets = "pepper-of-the-old-system", "c2lnbmVyLWtleS1vZi1maXJlYmFzZQ=="
    formats = (
        Bcrypt(pepper=secrets[0], max_cost=13, share=0),
        FirebaseScrypt(signer_key=secrets[1], salt_separator="Bw==", share=0),
    )
    policy = Policy(hashing=HashingPolicy(foreign=formats))
    found = {knob.name: knob.value for knob in knobs(policy)}

    assert found["hashing.Bcrypt.max_cost"] == "13"
    assert found["hashing.Bcrypt.pepper"] == "not shown"
    told = repr(found) + repr(policy.knobs()) + repr(policy)
    assert not any(secret in told for secret in secrets)


@frozen(kw_only=True)
class Rotating:
    """A format of a platform's own with several peppers."""

    name: str = "rotating"
    share: float = 0.0
    peppers: tuple[str, ...] = field(default=("first pepper", "second pepper"), repr=False)

    def reads(self, stored):
        return stored.startswith("rotating:")

    def verify(self, stored, password):
        return False

    def decoy(self):
        return "rotating:"


def test_what_a_format_hides_is_hidden_whatever_its_type():
    policy = Policy(hashing=HashingPolicy(foreign=(Rotating(),)))

    assert "pepper" not in repr(policy.knobs()).replace("peppers", "")
    assert {knob.name: knob.value for knob in knobs(policy)}["hashing.Rotating.peppers"] == "not shown"
