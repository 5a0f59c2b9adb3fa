"""RecoveryPolicy.explain(): how far a thief of each kind comes, in words, in a picture, and by no figure that was written down."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.test_recovery_policy import anything

from acctsec import SOCIAL_DEFAULT, ConfigError
from acctsec.outcomes import AssuranceLevel
from acctsec.presets import SOCIAL_GUARDED, WORKFORCE_DEFAULT
from acctsec.recovery import Capability, Delays, Enough, Facts, Proof, RecoveryPath, RecoveryPolicy
from acctsec.recovery.explained import HELD, Freeze, Stop, Thief
from acctsec.recovery.said import length

AAL1, AAL2 = AssuranceLevel.AAL1, AssuranceLevel.AAL2
PASSWORD, FACTORS, ADDRESSES = Capability
NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY, ZERO = timedelta(days=1), timedelta(0)
PAGE = Path(__file__).parents[1] / "docs/how-to"
PRESETS = [SOCIAL_DEFAULT, SOCIAL_GUARDED, WORKFORCE_DEFAULT]

some = settings(max_examples=100)  # each explains a policy, or draws it
presets = pytest.mark.parametrize("policy", PRESETS, ids=lambda policy: policy.name)


def told(policy=SOCIAL_DEFAULT):
    return policy.recovery.explain()


# --- the answers ------------------------------------------------------------------------------------------------------


def times(policy, thief, level, group, order):
    """When a thief has each of *order*, one after the other, where nothing but his strange device speaks against him."""
    at, moved, had = ZERO, None, []
    for gives in order:
        now = AAL1 if FACTORS in had else level
        proofs = HELD.get(thief, frozenset()) | ({Proof.MAIL, Proof.TEXT} if ADDRESSES in had else set())
        proofs -= {Proof.FACTOR, Proof.RECOVERY_CODE} if now is AAL1 else set()
        if gives is FACTORS and now is AAL1:
            return
        asked = {"gives": gives, "level": now, "groups": frozenset({group} - {""})}
        changed = None if moved is None else NOW - (at - moved)
        loud = policy.judge(proofs, facts=Facts(now=NOW, address_changed=changed), **asked)
        if not isinstance(loud, Enough):
            return
        still = ZERO if moved is None else max(moved + policy.delays.lately - at, ZERO)
        quiet = policy.judge(proofs, facts=Facts(now=NOW), **asked)
        at += min(loud.wait, still + quiet.wait)
        moved = at if gives is ADDRESSES else moved
        had.append(gives)
        yield tuple(had), at


@given(policy=anything)
@some
def test_no_order_of_steps_brings_a_thief_further_than_is_told(policy):
    """Nor less far: all orders are tried."""
    for one in policy.explain().thieves:
        ways = [way for order in permutations(Capability) for way in times(policy, one.thief, one.level, one.group, order)]
        for gives, gain in ((PASSWORD, one.password), (FACTORS, one.factors), (ADDRESSES, one.addresses)):
            soonest = min((at for had, at in ways if gives in had), default=None)
            assert (gain and gain.quiet) == soonest
        signs_in = [
            at
            for had, at in [((), ZERO), *ways]
            if (PASSWORD in had or one.thief is Thief.PASSWORD)
            and (one.level is AAL1 or FACTORS in had or Proof.FACTOR in HELD.get(one.thief, ()))
        ]
        assert (one.session and one.session.quiet) == min(signs_in, default=None)


@given(policy=anything)
@some
def test_what_speaks_against_a_thief_never_helps_him(policy):
    """It takes as long at worst as in the quiet case, or longer, and comes to no less in the end."""
    for one in policy.explain().thieves:
        assert all(gain.quiet <= gain.worst for gain in one.gains)


@given(policy=anything, member=st.sampled_from(["", "staff", "press", "legal"]))
@some
def test_who_controls_more_comes_as_far(policy, member):
    """The mailbox and the phone together are no less than either."""
    explained = policy.explain()
    if member not in explained.groups:
        return
    for level in (AAL1, AAL2):
        both = explained.of(Thief.MAILBOX_AND_PHONE, level, member)
        for thief in (Thief.MAILBOX, Thief.PHONE):
            one = explained.of(thief, level, member)
            for name in ("password", "factors", "addresses", "session"):
                less, more = getattr(one, name), getattr(both, name)
                assert less is None or more.quiet <= less.quiet


@given(policy=anything)
@some
def test_one_administrator_and_an_old_address_come_to_nothing(policy):
    """Whatever the policy: the one is half of a proof, the other none."""
    explained = policy.explain()
    for one in explained.thieves:
        if one.thief in {Thief.HELP_DESK, Thief.OLD_ADDRESS}:
            assert one.gains == ()
            assert one.stop is None
            assert one.freezes is not Freeze.AT_WILL


def test_the_mailbox_alone_passes_no_factor():
    """The question that a consumer service asks first."""
    one, other = told().of(Thief.MAILBOX, AAL1), told().of(Thief.MAILBOX, AAL2)

    assert (one.password.quiet, one.session.quiet, one.session.worst) == (ZERO, ZERO, 3 * DAY)
    assert (one.factors, one.addresses, one.stop, one.freezes) == (None, None, Stop.AFTER, Freeze.AT_WILL)
    assert (other.gains, other.freezes) == ((), Freeze.AFTERWARDS)


def test_one_phone_passes_a_factor_after_a_day_in_which_its_owner_can_stop_it():
    """Texts and the app are on it; with the mailbox beside nothing waits."""
    one = told().of(Thief.PHONE, AAL2)

    assert (one.session.quiet, one.session.worst, one.stop, one.freezes) == (DAY, 3 * DAY, Stop.BEFORE, Freeze.NEVER)
    both = told().of(Thief.MAILBOX_AND_PHONE, AAL2)
    assert (both.session.quiet, both.session.worst, both.stop, both.freezes) == (ZERO, ZERO, Stop.NEVER, Freeze.AT_WILL)


def test_two_administrators_take_the_address_first_and_everything_by_it():
    """7 days for the address, 3 for its having been changed; the factors, then, by mail, the password: 3 more."""
    one = told().of(Thief.TWO_ADMINISTRATORS, AAL2)

    assert [gain.quiet / DAY for gain in (one.addresses, one.factors, one.password, one.session)] == [7, 10, 10, 13]
    assert {gain.stop for gain in one.gains} == {Stop.BEFORE}


def test_who_waits_until_an_address_was_not_changed_lately_is_told_to():
    """Where that is sooner than to be kept waiting."""
    patient = RecoveryPolicy(delays=Delays(address_changed=6 * DAY, lately=2 * DAY))

    assert patient.explain().of(Thief.TWO_ADMINISTRATORS, AAL1).session.quiet == 9 * DAY
    # The factors fall after 7 + 2 + 3 days; by then the address was not changed lately any more.
    assert patient.explain().of(Thief.TWO_ADMINISTRATORS, AAL2).session.quiet == 12 * DAY
    assert patient.explain().of(Thief.MAILBOX, AAL1).session.worst == 3 * DAY  # 2 days still, 1 for the other country


def test_an_administrator_who_may_set_passwords_signs_in_where_there_is_no_factor():
    """And nowhere else."""
    explained = SOCIAL_DEFAULT.recovery.explain(passwords_by_administrators=True)
    one, other = explained.of(Thief.HELP_DESK, AAL1), explained.of(Thief.HELP_DESK, AAL2)

    assert (one.password.quiet, one.session.worst, one.stop) == (ZERO, ZERO, Stop.NEVER)
    assert (other.password.quiet, other.session) == (ZERO, None)
    named = evolve(SOCIAL_DEFAULT, reset=evolve(SOCIAL_DEFAULT.reset, passwords_by_administrators=True))
    assert (named.explain_recovery(), SOCIAL_DEFAULT.explain_recovery()) == (explained, told())


def test_a_password_alone_is_no_matter_of_recovery():
    """Signing in with it is not; with a factor live it is nothing."""
    one, other = told().of(Thief.PASSWORD, AAL1), told().of(Thief.PASSWORD, AAL2)

    assert (one.password, one.session.quiet, one.stop) == (None, ZERO, Stop.NEVER)
    assert other.gains == ()


def test_an_old_address_that_is_not_told_freezes_nothing():
    """Nor one where nothing can be vetoed."""
    deaf = RecoveryPolicy(told=ZERO, delays=Delays(address_changed=ZERO)).explain()
    strong = RecoveryPolicy(paths=(RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=AAL2),)).explain()

    assert told().of(Thief.OLD_ADDRESS, AAL2).freezes is Freeze.AFTERWARDS
    assert {deaf.of(Thief.OLD_ADDRESS, level).freezes for level in (AAL1, AAL2)} == {Freeze.NEVER}
    assert {one.freezes for one in strong.thieves} == {Freeze.NEVER}


def test_whoever_had_an_address_of_his_own_put_there_vetoes_that():
    """Whatever else the policy gives him."""
    only = RecoveryPolicy(paths=(RecoveryPath({Proof.ADMINISTRATORS}, gives=ADDRESSES, level=AAL2, wait=DAY),)).explain()

    assert only.of(Thief.TWO_ADMINISTRATORS, AAL2).freezes is Freeze.AT_WILL
    assert only.of(Thief.MAILBOX, AAL2).freezes is only.of(Thief.OLD_ADDRESS, AAL1).freezes is Freeze.AFTERWARDS
    assert only.of(Thief.HELP_DESK, AAL2).freezes is Freeze.NEVER


def test_the_owner_stops_a_thief_at_any_step_of_his_way():
    """The password by mail is made at once; the change of the address before it is not."""
    one = RecoveryPolicy(delays=Delays(address_changed=ZERO)).explain().of(Thief.TWO_ADMINISTRATORS, AAL1)

    assert (one.session.quiet, one.session.stop) == (7 * DAY, Stop.BEFORE)


def test_of_two_ways_as_fast_the_one_is_told_that_the_owner_stops_least():
    """With the factors off first, the password by mail alone could be vetoed; so he does not take them off."""
    both = {Proof.MAIL, Proof.FACTOR}
    paths = (RecoveryPath(both, level=AAL2), RecoveryPath({Proof.MAIL}), RecoveryPath(both, gives=FACTORS, level=AAL2))
    one = RecoveryPolicy(paths=paths).explain().of(Thief.MAILBOX_AND_PHONE, AAL2)

    assert (one.session.quiet, one.session.stop) == (ZERO, Stop.NEVER)


def test_a_sim_that_was_changed_speaks_against_the_phone_at_worst():
    """And not against the mailbox."""
    told = RecoveryPolicy(delays=Delays(address_changed=ZERO, sim_changed=5 * DAY)).explain()

    assert told.of(Thief.PHONE, AAL1).session.worst == 5 * DAY
    assert told.of(Thief.MAILBOX, AAL1).session.worst == DAY


def test_whoever_comes_from_another_country_makes_a_recovery_weak():
    """Two proofs are the full level where nothing waits; who reads the mail and has the codes can have it wait, and veto it."""
    two = RecoveryPolicy(paths=(RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, level=AAL2),))
    at_home = evolve(two, delays=Delays(new_country=ZERO))

    assert two.explain().of(Thief.OLD_ADDRESS, AAL2).freezes is Freeze.AFTERWARDS
    assert at_home.explain().of(Thief.OLD_ADDRESS, AAL2).freezes is Freeze.NEVER


def test_a_group_is_told_of_by_its_own_paths():
    """Beside everybody else; one that has none is no group of this policy."""
    explained = RecoveryPolicy(groups={"staff": ()}).explain()

    assert explained.groups == ("", "staff")
    assert explained.of(Thief.MAILBOX, AAL1).session
    assert explained.of(Thief.MAILBOX_AND_PHONE, AAL1, "staff").gains == ()
    assert "without a second factor, group staff" in str(explained)
    assert str(explained).count("none; an operator has to") == 2
    for level, group in ((AAL1, "press"), (AssuranceLevel.AAL3, "")):
        with pytest.raises(ConfigError):
            explained.of(Thief.MAILBOX, level, group)
    with pytest.raises(ConfigError, match="no group 'press'"):
        explained.svg("press")


def test_in_the_guarded_preset_no_thief_is_in_before_the_owner_can_stop_it_but_with_mailbox_and_phone():
    """And texts lead nowhere."""
    for one in told(SOCIAL_GUARDED).thieves:
        if one.thief not in {Thief.PASSWORD, Thief.MAILBOX_AND_PHONE}:
            assert one.stop in {None, Stop.BEFORE}
            assert all(gain.quiet >= 3 * DAY for gain in one.gains)
    assert told(SOCIAL_GUARDED).of(Thief.PHONE, AAL1).gains == told(SOCIAL_GUARDED).of(Thief.PHONE, AAL2).gains == ()


def test_in_the_workforce_preset_nothing_of_the_owners_opens_the_account():
    """Two administrators do, seen for days; and nobody resets by himself."""
    for one in told(WORKFORCE_DEFAULT).thieves:
        if one.gains and one.thief is not Thief.PASSWORD:
            assert one.thief is Thief.TWO_ADMINISTRATORS
            assert one.stop is Stop.BEFORE
    assert not any(WORKFORCE_DEFAULT.recovery.self_service(level=level, groups=frozenset()) for level in (AAL1, AAL2))


@presets
def test_who_reads_the_mail_freezes_no_account_of_a_preset_for_ever(policy):
    """There is a way out at each level."""
    assert all(one.paths for one in told(policy).ways_out)


# --- words and picture ------------------------------------------------------------------------------------------------


@given(policy=anything)
@some
def test_the_words_fit_a_terminal(policy):
    """100 columns, whatever the lengths."""
    assert max(map(len, str(policy.explain()).splitlines())) <= 100


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (ZERO, "at once"),
        (3 * DAY, "3 d"),
        (90 * DAY, "90 d"),
        (timedelta(hours=36), "1.5 d"),
        (DAY - timedelta(seconds=1), "24 h"),
        (timedelta(minutes=90), "1.5 h"),
        (timedelta(minutes=10, seconds=29), "10 min"),
        (timedelta(seconds=1.5), "1.5 s"),
        (timedelta(microseconds=1), "under 1 s"),
    ],
)
def test_lengths_are_short(span, words):
    """For a table."""
    assert length(span) == words


def test_a_repr_holds_no_policy():
    """Nor does it grow with one."""
    assert "paths=(RecoveryPath" not in repr(told())


SVG = "{http://www.w3.org/2000/svg}"


@presets
def test_the_picture_is_a_document_of_its_own(policy):
    """Valid, without scripts, links or fonts from elsewhere, and with words for those who do not see it: a sentence a path."""
    svg = told(policy).svg()
    root = ET.fromstring(svg)

    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "text",
        "path",
        "circle",
    }
    assert not [word for word in ("href", "url(", "@import", "<script", "onload") if word in svg]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [root.find(SVG + "title").get("id"), root.find(SVG + "desc").get("id")]
    assert root.find(SVG + "desc").text.count(" give ") == len(policy.recovery.paths)


@given(policy=anything)
@some
def test_every_proof_of_every_path_has_a_line_and_no_two_boxes_of_a_column_meet(policy):
    """Whatever the paths, inside the picture."""
    for group in ("", *policy.groups):
        paths = policy.groups[group] if group else policy.paths
        root = ET.fromstring(policy.explain().svg(group))
        lines = [one.get("class") for one in root.iter(SVG + "path")]
        assert lines.count("c") == sum(len(one.proofs) for one in paths)
        assert lines.count("g") == len(paths)
        boxes = [one for one in root.iter(SVG + "rect") if one.get("class") == "n"]
        for column in {one.get("x") for one in boxes}:
            tops = sorted(float(one.get("y")) for one in boxes if one.get("x") == column)
            assert all(below - above >= 36 for above, below in pairwise(tops))
            assert tops[0] >= 96 and tops[-1] + 36 <= float(root.get("height"))


def test_a_group_without_a_path_is_said_to_have_none():
    """In words, where a picture would be empty."""
    svg = RecoveryPolicy(groups={"a<b": ()}).explain().svg("a<b")

    assert "a&lt;b" in svg
    assert svg.count("No path leads anywhere") == 2


def test_the_picture_of_the_page_is_that_of_the_default():
    """Drawn again after every change."""
    assert (PAGE / "recovery.svg").read_text(encoding="utf-8") == told().svg()


def test_the_page_has_a_column_for_every_preset_and_a_row_for_every_thief():
    """Its table is printed by the example above it, which is run."""
    text = (PAGE / "recovery.md").read_text(encoding="utf-8")

    for thief in Thief:
        assert len(re.findall(rf"^{thief.value}  +\S", text, flags=re.MULTILINE)) >= 2
    assert all(name in text for name in ("SOCIAL_DEFAULT", "SOCIAL_GUARDED", "WORKFORCE_DEFAULT"))


def test_nothing_of_it_is_loaded_before_it_is_asked_for():
    """`import acctsec` is no slower."""
    code = "import sys, acctsec; print([name for name in sys.modules if name in ('acctsec.recovery.explained', 'acctsec.recovery.picture')])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_explanation_is_of_one_policy():
    """Another one has another."""
    assert told() == told()
    assert told() != evolve(SOCIAL_DEFAULT.recovery, told=30 * DAY, paths=()).explain()
