"""RecoveryPolicy: what proofs come to, that no accepted policy is weaker than signing in, and that every fact only tightens."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, permutations, product

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from acctsec import ConfigError, Policy, presets
from acctsec.outcomes import AssuranceLevel
from acctsec.recovery import (
    Capability,
    Delays,
    Enough,
    Facts,
    Forbidden,
    Lacking,
    Proof,
    RecoveryPath,
    RecoveryPolicy,
    proofs_of,
)
from acctsec.recovery.explained import Thief
from acctsec.recovery.paths import MAX_PATHS, OF_FACTORS, STARTS, PathSets, independent

AAL1, AAL2 = AssuranceLevel.AAL1, AssuranceLevel.AAL2
MAIL, TEXT, CODE, FACTOR, DEVICE = Proof.MAIL, Proof.TEXT, Proof.RECOVERY_CODE, Proof.FACTOR, Proof.DEVICE
CONTACTS, ADMINISTRATORS = Proof.CONTACTS, Proof.ADMINISTRATORS
PASSWORD, FACTORS, ADDRESSES = Capability
NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY = timedelta(days=1)
QUIET = Facts(now=NOW, known_device=True)
NOBODY = frozenset()

few = st.frozensets(st.sampled_from(Proof))
proof_sets = few | few.map(lambda some: frozenset(Proof) - some)  # most of them as often as few
levels = st.sampled_from([AAL1, AAL2])
capabilities = st.sampled_from(Capability)


def every_path():
    """All that are paths, of at most three proofs."""
    waits = [timedelta(0), timedelta(hours=1), DAY - timedelta(seconds=1), DAY, 3 * DAY]
    for wait, level in product(waits, (AAL1, AAL2)):
        yield RecoveryPath({ADMINISTRATORS}, gives=ADDRESSES, level=level, wait=wait)
        for gives, several in product((PASSWORD, FACTORS), combinations_with_replacement(Proof, 3)):
            bare = AAL2 if gives is FACTORS or OF_FACTORS & set(several) else AAL1
            if STARTS & set(several) and level >= bare:
                yield RecoveryPath(set(several), gives=gives, level=level, wait=wait)


EVERY = sorted(set(every_path()), key=lambda path: (len(path.proofs), str(path), path.level, path.wait))


def sets(least=0, most=7):
    key = {one: (one.proofs, one.gives, one.level) for one in EVERY}.__getitem__
    return st.lists(st.sampled_from(EVERY), min_size=least, max_size=most, unique_by=key).map(tuple)


lengths = st.sampled_from([timedelta(0), timedelta(hours=2), DAY, 4 * DAY])
delays = st.builds(
    Delays, new_device=lengths, new_country=lengths, address_changed=lengths, sim_changed=lengths, lately=lengths.filter(bool)
)
groups = st.dictionaries(st.sampled_from(["staff", "press", "legal"]), sets(least=2, most=5) | st.just(()), max_size=3)
anything = st.builds(RecoveryPolicy, paths=sets(), groups=groups, delays=delays, weaker_than_sign_in=st.just(True))
memberships = st.frozensets(st.sampled_from(["staff", "press", "legal", "others"]))
instants = st.sampled_from([None, NOW - 9 * DAY, NOW - 3 * DAY, NOW - timedelta(hours=1), NOW])
all_facts = st.builds(
    Facts,
    now=st.just(NOW),
    known_device=st.booleans(),
    new_country=st.booleans(),
    address_changed=instants,
    sim_changed=instants,
)


@st.composite
def accepted(draw):
    """Policies of paths of which each is good enough by itself."""
    contacts, found = draw(st.sampled_from([1, 2])), draw(sets(most=12))

    def good(path):
        try:
            return RecoveryPolicy(paths=(path,), contacts_needed=contacts)
        except ConfigError:
            return None

    paths = tuple(path for path in found if good(path))
    half = len(paths) // 2
    return RecoveryPolicy(
        paths=paths, groups={"staff": paths[:half], "press": paths[half:]}, delays=draw(delays), contacts_needed=contacts
    )


# --- what proofs come to ----------------------------------------------------------------------------------------------


TAKEN_AT_ONCE = [*({one} for one in Proof), {TEXT, FACTOR}, {MAIL, TEXT}]
"""What falls to whoever takes one thing from the owner."""


def model(policy, proofs, *, gives, level, groups, facts, contested=None):
    """The same as `judge`, by trying one path of every group, in every way there is."""
    names = sorted(policy.groups.keys() & groups)
    rules = [policy.groups[name] for name in names] if names else [policy.paths]
    usable = [
        [one for one in rule if one.gives is gives and one.level >= level and (level >= AAL2 or not one.proofs & OF_FACTORS)]
        for rule in rules
    ]
    ways = {frozenset().union(*(one.proofs for one in way)) for way in product(*usable)}
    if contested is not None:
        strong = {one | other for one in ways for other in ways}
        ways = {one for one in strong if len(one - {DEVICE}) > 1 and (one - {DEVICE}) - contested}
    full = FACTOR in proofs and bool(proofs - {FACTOR, TEXT, DEVICE})
    found = [
        (
            max(
                *(min(one.wait for one in each if one.proofs <= way) for each in usable),
                timedelta(0) if full else policy.delays.wait(facts, way),
            ),
            way - {DEVICE} in TAKEN_AT_ONCE,
        )
        for way in ways
        if way <= proofs
    ]
    if found:
        wait, alone = min(found)
        return Enough(wait, not full and (wait > timedelta(0) or alone))
    return {way - proofs for way in ways} or Forbidden()


@given(
    policy=anything,
    proofs=proof_sets,
    gives=capabilities,
    level=levels,
    groups=memberships,
    facts=all_facts,
    contested=st.none() | proof_sets,
)
def test_proofs_come_to_what_trying_every_way_finds(policy, proofs, gives, level, groups, facts, contested):
    """And what is lacking is the least there is, in one order."""
    asked = {"gives": gives, "level": level, "groups": groups, "facts": facts, "contested": contested}
    judged, expected = policy.judge(proofs, **asked), model(policy, proofs, **asked)

    if isinstance(judged, Lacking):
        assert set(judged.paths) == {one for one in expected if not any(other < one for other in expected)}
        assert list(judged.paths) == sorted(judged.paths, key=lambda one: (len(one), sorted(one)))
        for more in judged.paths:
            assert isinstance(policy.judge(proofs | more, **asked), Enough)
    else:
        assert judged == expected


@given(policy=anything, gives=capabilities, level=levels, groups=memberships, proofs=proof_sets)
def test_the_paths_that_are_allowed_are_those_that_are_judged_by(policy, gives, level, groups, proofs):
    """A page that shows them promises what is kept."""
    paths = policy.allowed(gives=gives, level=level, groups=groups)
    met = [one.wait for one in paths if one.proofs <= proofs]
    judged = policy.judge(proofs, gives=gives, level=level, groups=groups, facts=QUIET)

    assert all(one.gives is gives and one.level >= level for one in paths)
    full = {one.proofs for one in policy.allowed(gives=gives, level=AAL2, groups=groups)}
    assert all((one.level is AAL2) == any(each <= one.proofs for each in full) for one in paths)
    assert isinstance(judged, Enough) == bool(met)
    if met:
        assert judged.wait == min(met)
    assert isinstance(judged, Forbidden) == (not paths)


@given(policy=anything, more=proof_sets, gives=capabilities, level=levels, groups=memberships, facts=all_facts)
def test_more_proofs_never_make_it_worse(policy, more, gives, level, groups, facts):
    """Nobody is punished for showing what he has."""
    asked = {"gives": gives, "level": level, "groups": groups, "facts": facts}
    for path in policy.allowed(gives=gives, level=level, groups=groups):
        less, judged = (policy.judge(proofs, **asked) for proofs in (path.proofs, path.proofs | more))

        assert judged.wait <= less.wait
        assert judged.weak <= less.weak


@given(policy=anything, proofs=proof_sets, gives=capabilities, level=levels, facts=all_facts, worse=all_facts)
def test_whatever_speaks_against_it_never_shortens_a_wait(policy, proofs, gives, level, facts, worse):
    """Fact by fact."""
    both = Facts(
        now=NOW,
        known_device=facts.known_device and worse.known_device,
        new_country=facts.new_country or worse.new_country,
        address_changed=latest(facts.address_changed, worse.address_changed),
        sim_changed=latest(facts.sim_changed, worse.sim_changed),
    )
    one = policy.judge(proofs, gives=gives, level=level, groups=NOBODY, facts=facts)
    other = policy.judge(proofs, gives=gives, level=level, groups=NOBODY, facts=both)

    if isinstance(one, Enough):
        assert other.wait >= one.wait
        assert other.weak >= one.weak
    else:
        assert other == one


def latest(one, other):
    return max((each for each in (one, other) if each), default=None)


@given(policy=anything, gives=capabilities, level=levels, proofs=proof_sets, facts=all_facts)
def test_another_group_only_tightens(policy, gives, level, proofs, facts):
    """Whoever is in one with paths of its own gets nothing more, and nothing sooner, by being in a second one as well."""
    asked = {"gives": gives, "level": level, "facts": facts}
    for first, second in permutations(policy.groups, 2):
        wide = policy.judge(proofs, groups=frozenset({first, second}), **asked)
        if isinstance(wide, Enough):
            narrow = policy.judge(proofs, groups=frozenset({first}), **asked)
            assert isinstance(narrow, Enough)
            assert narrow.wait <= wide.wait


@given(policy=anything, proofs=proof_sets, groups=memberships, facts=all_facts)
def test_who_has_a_factor_gets_nothing_that_others_do_not(policy, proofs, groups, facts):
    """What is good enough with a factor is without one, where it can be shown there."""
    proofs -= OF_FACTORS
    full = policy.judge(proofs, gives=PASSWORD, level=AAL2, groups=groups, facts=facts)
    if isinstance(full, Enough):
        plain = policy.judge(proofs, gives=PASSWORD, level=AAL1, groups=groups, facts=facts)
        assert isinstance(plain, Enough)
        assert plain.wait <= full.wait


@given(policy=anything, contested=proof_sets, level=levels, groups=memberships)
def test_a_contested_account_is_settled_by_two_proofs_of_which_one_is_new(policy, contested, level, groups):
    """Whatever the policy; a known device is none."""
    asked = {"gives": PASSWORD, "level": level, "groups": groups, "facts": QUIET, "contested": contested}
    for path in policy.allowed(gives=PASSWORD, level=level, groups=groups):
        strong = path.proofs - {DEVICE}
        settled = len(strong) >= 2 and bool(strong - contested)
        assert isinstance(policy.judge(path.proofs, **asked), Enough) == settled or joined(policy, path, level, groups)


def joined(policy, path, level, groups):
    """Whether a path is what others ask together."""
    others = policy.allowed(gives=PASSWORD, level=level, groups=groups)
    return sum(one.proofs <= path.proofs for one in others) > 1


def test_two_ways_that_are_enough_alone_settle_a_contest_together():
    """A mailed code and a texted one, where each sets a password: nobody is left outside for want of a path that says so."""
    policy = RecoveryPolicy(paths=(RecoveryPath({MAIL}), RecoveryPath({TEXT})))
    asked = {"gives": PASSWORD, "level": AAL1, "groups": NOBODY, "facts": QUIET, "contested": frozenset({MAIL})}

    assert policy.judge(frozenset({MAIL}), **asked) == Lacking((frozenset({TEXT}),))
    assert policy.judge(frozenset({MAIL, TEXT}), **asked) == Enough(timedelta(0), weak=True)


def test_groups_that_ask_for_different_proofs_ask_for_both():
    """Not for neither, which would leave a member of both without a way."""
    policy = RecoveryPolicy(
        groups={
            "staff": (RecoveryPath({MAIL, FACTOR}, level=AAL2, wait=DAY),),
            "press": (RecoveryPath({MAIL, CODE}, level=AAL2), RecoveryPath({MAIL, ADMINISTRATORS}, level=AAL2)),
        }
    )
    both = policy.allowed(gives=PASSWORD, level=AAL2, groups=frozenset({"staff", "press"}))

    assert [str(one) for one in both] == [
        "mail + recovery-code + factor → password",
        "mail + factor + administrators → password",
    ]
    assert {one.wait for one in both} == {DAY}
    uneven = evolve(policy, groups={"a": (RecoveryPath({MAIL}),), "b": (RecoveryPath({MAIL, CONTACTS}, level=AAL2),)})
    assert [one.level for one in uneven.allowed(gives=PASSWORD, level=AAL1, groups=frozenset({"a", "b"}))] == [AAL1]
    empty = evolve(policy, groups={**policy.groups, "legal": ()})
    assert empty.allowed(gives=PASSWORD, level=AAL2, groups=frozenset({"staff", "legal"})) == ()
    assert not empty.self_service(level=AAL1, groups=frozenset({"legal"}))


def test_who_has_no_factor_is_not_asked_for_one():
    """What is lacking is what he could show."""
    policy = RecoveryPolicy(paths=(RecoveryPath({MAIL, FACTOR}, level=AAL2), RecoveryPath({MAIL, CONTACTS}, level=AAL2)))
    asked = {"gives": PASSWORD, "groups": NOBODY, "facts": QUIET}

    assert policy.judge(frozenset({MAIL}), level=AAL1, **asked) == Lacking((frozenset({CONTACTS}),))
    assert policy.judge(frozenset({MAIL}), level=AAL2, **asked) == Lacking((frozenset({CONTACTS}), frozenset({FACTOR})))


def test_two_proofs_that_have_nothing_to_wait_for_are_the_full_level():
    """An owner whose phone was stolen is not vetoed by who reads an old address; but two that one theft gives are one."""
    policy = RecoveryPolicy(
        paths=(*RecoveryPolicy().paths, RecoveryPath({MAIL, TEXT}, level=AAL2, wait=timedelta(0))), weaker_than_sign_in=True
    )

    def judged(*proofs, **facts):
        asked = {"gives": PASSWORD, "level": AAL2, "groups": NOBODY}
        return policy.judge(frozenset(proofs), facts=seen_at_home(**facts), **asked)

    assert judged(MAIL, CODE) == Enough(timedelta(0), weak=False)
    assert judged(MAIL, CODE, new_country=True) == Enough(DAY, weak=True)
    assert judged(MAIL, ADMINISTRATORS) == Enough(DAY, weak=True)
    assert judged(MAIL, TEXT) == Enough(timedelta(0), weak=True)


def seen_at_home(**facts):
    return Facts(now=NOW, known_device=True, **facts)


def test_an_owner_with_his_factor_does_not_wait_for_what_speaks_against_strangers():
    """But for a path that waits by itself; and one phone is not the full level, whatever is on it."""
    policy = RecoveryPolicy()
    loud = Facts(now=NOW, new_country=True, address_changed=NOW, sim_changed=NOW)

    def judged(*proofs, level=AAL2):
        return policy.judge(frozenset(proofs), gives=PASSWORD, level=level, groups=NOBODY, facts=loud)

    assert judged(MAIL, FACTOR) == judged(CODE, FACTOR) == Enough(timedelta(0), weak=False)
    assert judged(TEXT, FACTOR) == judged(TEXT, FACTOR, DEVICE) == Enough(3 * DAY, weak=True)
    assert judged(MAIL, CODE) == Enough(3 * DAY, weak=True)
    assert judged(MAIL, level=AAL1) == Enough(3 * DAY, weak=True)


@pytest.mark.parametrize(
    ("facts", "mail", "text"),
    [
        (Facts(now=NOW, known_device=True), 0, 0),
        (Facts(now=NOW), 1, 1),
        (Facts(now=NOW, known_device=True, new_country=True), 2, 2),
        (Facts(now=NOW, known_device=True, address_changed=NOW - 7 * DAY + timedelta(microseconds=1)), 4, 4),
        (Facts(now=NOW, known_device=True, address_changed=NOW - 7 * DAY), 0, 0),
        (Facts(now=NOW, known_device=True, sim_changed=NOW - 6 * DAY), 0, 5),
        (Facts(now=NOW, new_country=True, address_changed=NOW, sim_changed=NOW), 4, 5),
    ],
)
def test_the_longest_delay_that_applies_is_waited_for(facts, mail, text):
    """A SIM speaks against texts alone; what was changed a week ago was not changed lately."""
    every = Delays(new_device=DAY, new_country=2 * DAY, address_changed=4 * DAY, sim_changed=5 * DAY)

    assert every.wait(facts, frozenset({MAIL})) == mail * DAY
    assert every.wait(facts, frozenset({TEXT})) == text * DAY


def test_methods_are_proofs_of_kinds():
    """A link and a code of one mail are one proof; what is unknown is none."""
    assert proofs_of(["link", "code", "totp", "password"]) == {MAIL, FACTOR}


# --- recovery is not weaker than sign-in ------------------------------------------------------------------------------

THEFTS = [{MAIL, TEXT}, {TEXT, FACTOR}, {CODE}, {CONTACTS}, {ADMINISTRATORS}]
"""What one theft can give: a number and the mailbox that is reset by it, one phone, one sheet, those who are asked."""


@given(policy=accepted(), stolen=st.sampled_from(THEFTS), groups=memberships)
def test_no_accepted_policy_lets_one_theft_pass_a_factor_within_a_day(policy, stolen, groups):
    """Neither a password nor the factors, on a known device or not; where one contact is enough, not with that one beside."""
    alone = {CONTACTS} if policy.contacts_needed == 1 and stolen != {MAIL, TEXT} else set()
    for gives in (PASSWORD, FACTORS, ADDRESSES):
        judged = policy.judge(frozenset(stolen | alone | {DEVICE}), gives=gives, level=AAL2, groups=groups, facts=QUIET)
        assert not isinstance(judged, Enough) or judged.wait >= DAY


@given(policy=accepted(), proofs=proof_sets, groups=memberships)
def test_no_accepted_policy_takes_factors_off_within_a_day_without_one_of_them(policy, proofs, groups):
    """Whatever else is shown."""
    judged = policy.judge(proofs - {FACTOR}, gives=FACTORS, level=AAL2, groups=groups, facts=QUIET)

    assert not isinstance(judged, Enough) or (judged.wait >= DAY and judged.weak)


@given(policy=accepted())
def test_no_accepted_policy_lets_a_thief_of_one_thing_sign_in_past_a_factor_within_a_day(policy):
    """However he takes one step upon the other."""
    told = policy.explain()
    for one in told.thieves:
        if one.level is AAL2 and one.thief is not Thief.MAILBOX_AND_PHONE:
            assert all(gain.quiet >= DAY for gain in one.gains)


def paths(*proofs, **terms):
    return (RecoveryPath(set(proofs), **terms),)


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        (paths(MAIL, level=AAL2), "one proof is enough"),
        (paths(MAIL, level=AAL2, wait=30 * DAY), "one proof is enough"),
        (paths(MAIL, DEVICE, level=AAL2), "one proof is enough"),
        (paths(CODE, level=AAL2), "one proof is enough"),
        (paths(MAIL, TEXT, level=AAL2), "one theft gives both"),
        (paths(TEXT, FACTOR, level=AAL2), "one theft gives both"),
        (paths(TEXT, FACTOR, DEVICE, level=AAL2, wait=DAY - timedelta(seconds=1)), "one theft gives both"),
        (paths(TEXT, FACTOR, gives=FACTORS, level=AAL2), "one theft gives both"),
        (paths(MAIL, CODE, gives=FACTORS, level=AAL2), "factors fall without one of them"),
        (paths(MAIL, CONTACTS, gives=FACTORS, level=AAL2, wait=timedelta(hours=23)), "factors fall without one of them"),
        (paths(ADMINISTRATORS, gives=ADDRESSES, wait=timedelta(hours=23)), "less than a day"),
    ],
)
def test_a_policy_whose_recovery_is_weaker_than_its_sign_in_is_refused(weak, why):
    """With the way out; for a group as for all; and it can be had by name."""
    for arguments in ({"paths": weak}, {"groups": {"staff": weak}}):
        with pytest.raises(ConfigError, match=f"is weaker than signing in: .*{why}") as refused:
            RecoveryPolicy(**arguments)
        assert "weaker_than_sign_in=True" in refused.value.remedy
        assert RecoveryPolicy(**arguments, weaker_than_sign_in=True).weaker_than_sign_in


@pytest.mark.parametrize(
    "good",
    [
        paths(MAIL),
        paths(TEXT),
        paths(MAIL, TEXT, level=AAL2, wait=DAY),
        paths(TEXT, FACTOR, level=AAL2, wait=DAY),
        paths(MAIL, FACTOR, level=AAL2),
        paths(MAIL, TEXT, FACTOR, level=AAL2),
        paths(MAIL, FACTOR, gives=FACTORS, level=AAL2),
        paths(MAIL, CODE, gives=FACTORS, level=AAL2, wait=DAY),
        paths(ADMINISTRATORS, gives=ADDRESSES, wait=DAY),
        (),
    ],
)
def test_a_policy_that_asks_for_as_much_is_not(good):
    """The bounds themselves are inside."""
    assert RecoveryPolicy(paths=good).paths == good


def test_one_contact_is_not_the_word_of_several():
    """Beside two other proofs it does no harm, and without a factor to pass it is one proof like others."""
    with pytest.raises(ConfigError, match="one contact alone stands for nothing"):
        RecoveryPolicy(paths=paths(MAIL, CONTACTS, level=AAL2, wait=3 * DAY), contacts_needed=1)

    assert RecoveryPolicy(paths=paths(MAIL, CODE, CONTACTS, level=AAL2), contacts_needed=1)
    assert RecoveryPolicy(paths=paths(MAIL, CONTACTS), contacts_needed=1)


def test_an_address_that_was_removed_is_told_for_as_long_as_its_successor_waits():
    """Or who put his own there would wait while nobody hears of it."""
    with pytest.raises(ConfigError, match="waits longer than the one before it is told"):
        RecoveryPolicy(told=3 * DAY - timedelta(seconds=1))

    assert RecoveryPolicy(told=3 * DAY)
    assert RecoveryPolicy(told=timedelta(0), delays=Delays(address_changed=timedelta(0)))


def test_which_proofs_lie_in_one_hand():
    """A number leads to a mailbox, and a phone to the app on it; a known device proves nobody."""
    assert not any(independent(one) for one in ([], [MAIL], [MAIL, DEVICE], [MAIL, TEXT], [TEXT, FACTOR], [TEXT, FACTOR, DEVICE]))
    assert all(independent(one) for one in ([MAIL, FACTOR], [MAIL, TEXT, FACTOR], [CODE, FACTOR], [TEXT, CODE], [MAIL, CONTACTS]))


# --- what is no path, and no policy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"proofs": {MAIL}, "gives": ADDRESSES}, "rests on something else"),
        ({"proofs": {FACTOR}, "level": AAL2}, "Nothing can begin"),
        ({"proofs": set()}, "Nothing can begin"),
        ({"proofs": {"smoke"}}, "not a set of Proof"),
        ({"proofs": 7}, "not a set of Proof"),
        ({"proofs": {MAIL, FACTOR}}, "none to show or to lose"),
        ({"proofs": {CODE}}, "none to show or to lose"),
        ({"proofs": {MAIL, CONTACTS}, "gives": FACTORS}, "none to show or to lose"),
        ({"proofs": {MAIL}, "level": AssuranceLevel.AAL3}, "above AAL2"),
        ({"proofs": {MAIL}, "wait": -DAY}, "wait is"),
        ({"proofs": {MAIL}, "wait": 91 * DAY}, "wait is"),
    ],
)
def test_a_path_that_nobody_could_go_is_refused(arguments, why):
    """With the way out."""
    with pytest.raises(ConfigError, match=why) as refused:
        RecoveryPath(**arguments)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"paths": ({MAIL},)}, "no RecoveryPath"),
        ({"paths": None}, "no RecoveryPath"),
        ({"paths": "mail"}, "no RecoveryPath"),
        ({"paths": (RecoveryPath({MAIL}), RecoveryPath({MAIL}, wait=DAY))}, "the same but for how long"),
        ({"groups": ["staff"]}, "not a mapping"),
        ({"groups": {1: ()}}, "not a mapping"),
        ({"delays": DAY}, "delays"),
        ({"contacts_needed": 0}, "contacts_needed"),
        ({"veto_window": timedelta(0)}, "veto_window"),
        ({"weaker_than_sign_in": "yes"}, "weaker_than_sign_in"),
    ],
)
def test_what_is_no_policy_is_refused(arguments, why):
    """At construction, with the way out."""
    with pytest.raises(ConfigError, match=why) as refused:
        RecoveryPolicy(**arguments)
    assert refused.value.remedy


def test_a_policy_has_no_more_paths_than_somebody_can_read():
    """64, each set of them."""
    found = tuple(one for one in EVERY if one.level is AAL2 and one.gives is PASSWORD and one.wait == DAY)
    more = tuple(evolve(one, proofs=one.proofs | {DEVICE}) for one in found)
    found = tuple(dict.fromkeys((*found, *more)))
    with pytest.raises(ConfigError, match="There are 65 paths"):
        RecoveryPolicy(paths=found[: MAX_PATHS + 1], weaker_than_sign_in=True)

    full = RecoveryPolicy(paths=found[:MAX_PATHS], groups={"staff": found[:MAX_PATHS]}, weaker_than_sign_in=True)
    assert len(full.allowed(gives=PASSWORD, level=AAL2)) == MAX_PATHS


def test_paths_by_group_cannot_change_and_can_be_hashed():
    """Like all of a policy."""
    sets = PathSets({"staff": (), "press": [RecoveryPath({MAIL})]})

    assert list(sets) == ["press", "staff"]
    assert hash(sets) == hash(PathSets({"press": (RecoveryPath({MAIL}),), "staff": ()}))
    assert repr(sets) == "{'press': (RecoveryPath(mail → password, level=AAL1, wait=0:00:00),), 'staff': ()}"


def test_policies_read_alike_in_every_process():
    """Sets have an order of their own in each: knobs, digests, words and pictures do not."""
    code = """
from acctsec import Policy
from acctsec.recovery import Proof, RecoveryPath, RecoveryPolicy
from acctsec.knobs import knobs
path = RecoveryPath(frozenset({"mail", "contacts", "device", "administrators"}))
policy = Policy(recovery=RecoveryPolicy(groups={"staff": (path,), "press": ()}))
told = policy.recovery.explain()
print(policy.digest, policy.knobs(), knobs(policy), told, told.svg(), told.svg("staff"), sep="\\n")
"""
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("0", "1", "77")
    ]

    assert said[0].stdout
    assert said[0].stdout == said[1].stdout == said[2].stdout


@pytest.mark.parametrize("waits", ["address_changed", "sim_changed"])
def test_a_wait_for_what_was_changed_lately_is_refused_where_nothing_counts_as_lately(waits):
    none = {"address_changed": timedelta(0), "sim_changed": timedelta(0), "lately": timedelta(0)}
    assert Delays(**none).wait(Facts(now=NOW, known_device=True, sim_changed=NOW), frozenset({Proof.TEXT})) == timedelta(0)
    with pytest.raises(ConfigError, match="Nothing counts as lately") as refused:
        Delays(**none | {waits: DAY})
    assert "lately" in refused.value.remedy


@pytest.mark.parametrize("name", ["SOCIAL_DEFAULT", "SOCIAL_GUARDED", "WORKFORCE_DEFAULT"])
def test_a_preset_has_no_path_that_another_makes_useless(name):
    """Fewer proofs for the same, no later, leave nobody a reason to show more; but for what settles a contested account."""
    policy = getattr(presets, name)
    assert isinstance(policy, Policy)
    found = policy.recovery.paths
    useless = [
        one
        for one in found
        for other in found
        if (one.gives, one.level) == (other.gives, other.level)
        and other.proofs < one.proofs
        and other.wait <= one.wait
        and FACTOR not in one.proofs
    ]

    assert useless == []
