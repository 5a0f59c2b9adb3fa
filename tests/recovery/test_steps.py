"""Recovery as pure steps: what holds of every record, whatever proofs, paths and instants."""

from datetime import UTC, datetime, timedelta
from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as st

from acctsec import CHEAPEST, AssuranceLevel
from acctsec._values import evolve
from acctsec.outcomes import TryAgain
from acctsec.protocols import Account
from acctsec.record import MAX_CHANGES, Change, Contest, Factors, Record, RecoverySet, Reset, Totp, Verifier
from acctsec.recovery import Capability, Enough, Facts, Proof, RecoveryPath, RecoveryPolicy, proofs_of
from acctsec.recovery.paths import PROOF_OF, STARTS
from acctsec.steps import (
    Begun,
    Changed,
    Done,
    NewVerifier,
    No,
    Recovery,
    Scene,
    begin_recovery,
    drop_factors,
    redeem,
    veto,
    weigh,
)
from acctsec.steps.addresses import Named, withdraw_address

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ABOUT = b"recipient of her"
SCENE = Scene(
    tenant="", subject="u1", account=Account(subject="u1", identifiers=("a",), addresses=("a@b.example",)), now=NOW,
    reachable=frozenset({ABOUT}),
)  # fmt: skip
AAL1, AAL2 = AssuranceLevel.AAL1, AssuranceLevel.AAL2
NEW = NewVerifier(b"new", 1)

methods = st.lists(st.sampled_from(sorted(PROOF_OF)), unique=True, max_size=5).map(tuple)
hours = st.integers(-200, 200).map(lambda number: NOW + number * HOUR)


def a_policy(luck):
    """Paths of any strength; the policy is told that it may be weak."""
    found = {}
    for _ in range(luck.randrange(7)):
        gives = luck.choice((Capability.PASSWORD, Capability.FACTORS))
        proofs = {luck.choice(sorted(STARTS)), *luck.sample(sorted(Proof), luck.randrange(3))}
        path = RecoveryPath(proofs, gives=gives, level=AAL2, wait=luck.choice((0, 0, 1, 24, 72)) * HOUR)
        found[path.proofs, gives] = path
    return attrs.evolve(CHEAPEST, recovery=RecoveryPolicy(paths=found.values(), weaker_than_sign_in=True))


policies = st.sampled_from([a_policy(Random(number)) for number in range(100)])


@st.composite
def changes(draw):
    """A change that waits, or was made."""
    asked, made = draw(hours), draw(st.booleans())
    return Change(
        id=draw(st.binary(min_size=16, max_size=16)),
        kind=draw(st.sampled_from(("password", "factors"))),
        proofs=draw(methods),
        asked=asked,
        until=asked + draw(st.integers(0, 90)) * HOUR,
        expires=asked + draw(st.integers(91, 160)) * HOUR,
        made=asked if made else None,
        weak=draw(st.booleans()),
        about=draw(st.sampled_from((ABOUT, b"another"))),
    )


@st.composite
def records(draw):
    """A record with a live reset, with and without factors, changes and a contest."""
    totp = tuple(
        Totp(id=f"t{number}", name="", sealed=b"s", created=draw(hours), last_step=0) for number in range(draw(st.integers(0, 2)))
    )
    codes = RecoverySet(generation=1, sealed=b"r", total=4, since=draw(hours)) if totp and draw(st.booleans()) else None
    reset = Reset(
        id=b"r" * 16,
        epoch=3,
        recipient=ABOUT,
        link=b"d" * 32,
        code=b"c" * 32,
        expires=NOW + HOUR / 2,
        code_expires=NOW + HOUR / 6,
    )
    contest = draw(st.none() | st.builds(Contest, since=hours, proofs=methods))
    return Record(
        incarnation=b"i" * 16,
        epoch=3,
        verifier=Verifier(sealed=b"old", born=3, preparation=1, since=NOW - 300 * HOUR),
        factors=Factors(totp=totp, recovery=codes, generation=1),
        resets=(reset,),
        changes=tuple(draw(st.lists(changes(), max_size=MAX_CHANGES, unique_by=lambda one: one.id))),
        contest=contest,
    )


def recovery(record, methods, gives, *, change=b""):
    return Recovery(
        gives=gives, methods=methods, facts=Facts(now=NOW), reset=b"" if change else record.resets[0].id, change=change
    )


def trusted(record):
    return record.factors.before(record.contest.since) if record.contest else record.factors


@given(policies, records(), methods)
def test_a_password_is_changed_only_on_a_path_all_of_which_was_shown(policy, record, shown):
    done = redeem(policy, record, scene=SCENE, recovery=recovery(record, shown, Capability.PASSWORD), new=NEW, device=b"d" * 16)
    if not isinstance(done.verdict, Changed):
        assert done.record == record, "nothing changes where it is not enough"
        return
    level = AAL2 if trusted(record).live else AAL1
    open_to = policy.recovery.allowed(gives=Capability.PASSWORD, level=level)
    assert any(one.proofs <= proofs_of(shown) and not one.wait for one in open_to)
    assert done.record.verifier.sealed == b"new"
    assert not (done.record.sessions or done.record.resets or done.record.contest)
    assert all(one.made for one in done.record.changes)
    vetoes = [one for one in done.record.changes if one.made == NOW and one.weak and one.id == record.resets[0].id]
    judged = weigh(policy, record, scene=SCENE, recovery=recovery(record, shown, Capability.PASSWORD))
    assert bool(vetoes) == judged.weak, "nothing weak is made for which there is no veto"
    assert {one.id for one in record.changes if one.under_way} <= {one.id for one in done.record.changes}
    if record.contest:
        strong = proofs_of(shown) - {Proof.DEVICE}
        assert len(strong) >= 2
        assert not strong <= proofs_of(record.contest.proofs)
        assert done.record.factors == trusted(record)
    else:
        assert done.record.factors == record.factors


@given(policies, records(), methods)
def test_factors_fall_only_while_nothing_can_be_vetoed(policy, record, shown):
    done = drop_factors(policy, record, scene=SCENE, recovery=recovery(record, shown, Capability.FACTORS))
    if isinstance(done.verdict, Done):
        oldest = min(one.created for one in record.factors.totp)
        assert not any(one.made and one.weak and one.expires > NOW and oldest < one.asked for one in record.changes)
        assert record.contest is None
        assert record.factors.live
        assert not done.record.factors.live
        assert done.record.verifier == record.verifier
    else:
        assert done.record == record


@given(policies, records(), methods, st.sampled_from((Capability.PASSWORD, Capability.FACTORS)))
def test_beginning_a_wait_changes_nothing_but_that_it_waits(policy, record, shown, gives):
    asked = recovery(record, shown, gives)
    judged = weigh(policy, record, scene=SCENE, recovery=asked)
    if not isinstance(judged, Enough) or not judged.wait:
        return
    done = begin_recovery(policy, record, scene=SCENE, recovery=asked, judged=judged, change_id=b"n" * 16)
    same = ("verifier", "history", "factors", "sessions", "devices", "epoch", "contest", "lanes")
    assert all(getattr(done.record, name) == getattr(record, name) for name in same)
    if isinstance(done.verdict, Begun):
        change = done.verdict.change
        assert change.until == NOW + judged.wait
        assert change.weak == judged.weak
        assert [one.id for one in done.record.changes if (one.kind, one.about, one.made) == (gives.value, ABOUT, None)] == [
            change.id
        ]
        others = {one.id for one in record.changes if one.expires > NOW and not one.made and one.about != ABOUT}
        assert others <= {one.id for one in done.record.changes}, "what waits for another address stays"


@given(policies, records(), methods, st.integers(0, 3), st.integers(-3, 3))
def test_what_waits_is_made_in_its_time_alone(policy, record, shown, number, seconds):
    waiting = [one for one in record.changes if not one.made and one.kind == "password" and one.about == ABOUT]
    if not waiting:
        return
    change = waiting[number % len(waiting)]
    for edge in (change.until, change.expires):
        scene = evolve(SCENE, now=edge + timedelta(seconds=seconds))
        asked = recovery(record, change.proofs, Capability.PASSWORD, change=change.id)
        done = redeem(policy, record, scene=scene, recovery=asked, new=NEW, device=b"d" * 16)
        early = scene.now < change.until
        found = policy.recovery.allowed(gives=Capability.PASSWORD, level=AAL2 if trusted(record).live else AAL1)
        at_once = any(one.proofs <= proofs_of(change.proofs) and not one.wait for one in found)
        if scene.now >= change.expires or (early and not at_once):
            assert not isinstance(done.verdict, Changed)


@given(records(), st.integers(0, 3), st.booleans())
def test_a_veto_takes_and_never_gives(record, number, reachable):
    if not record.changes:
        return
    change = record.changes[number % len(record.changes)]
    done = veto(record, scene=SCENE, change_id=change.id, recipient=ABOUT if reachable else b"x", method="link")
    if isinstance(done.verdict, No):
        assert done.record == record
        assert not reachable or not change.weak or change.expires <= NOW
        return
    after = done.record
    assert reachable
    assert change.weak
    assert change.expires > NOW
    assert (after.verifier, after.history, after.factors, after.contacts) == (
        record.verifier, record.history, record.factors, record.contacts,
    )  # fmt: skip
    assert not (after.sessions or after.devices or after.networks or after.resets)
    assert after.changes == tuple(one for one in record.changes if one.under_way), "what is decided is carried on"
    assert after.epoch == record.epoch + 1
    live = [one for one in record.changes if one.weak and one.expires > NOW]
    assert all(after.contest.since <= one.asked for one in live)
    assert {"link"}.union(*(one.proofs for one in live)) <= set(after.contest.proofs)
    if record.contest:
        assert after.contest.since <= record.contest.since
        assert set(record.contest.proofs) <= set(after.contest.proofs)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), methods), max_size=14))
def test_room_is_never_made_at_the_cost_of_what_can_be_stopped(story):
    """At every instant, what is remembered reaches as far back as every change that can still be vetoed, and names its proofs."""
    record, now, made = Record(incarnation=b"i" * 16), NOW, []
    for number, (is_made, later, shown) in enumerate(story):
        now += later * HOUR
        change = Change(
            id=number.to_bytes(16, "big"), kind="password", proofs=shown, asked=now, until=now, expires=now + 72 * HOUR,
            made=now if is_made else None,
        )  # fmt: skip
        after = record.with_change(change, now)
        waiting = {one.id for one in record.changes if not one.made and now < one.expires}
        if after is None:
            assert len(waiting) >= MAX_CHANGES - 1
            continue
        assert waiting <= {one.id for one in after.changes}
        assert len(after.changes) <= MAX_CHANGES
        record = after
        if is_made:
            made.append(change)
        for at in (now, now + 40 * HOUR, now + 71 * HOUR):
            still = [one for one in made if at < one.expires]
            known = [one for one in record.changes if one.made and at < one.expires]
            assert bool(still) == bool(known)
            if still:
                assert min(one.asked for one in known) <= min(one.asked for one in still)
                assert {each for one in still for each in one.proofs} <= {each for one in known for each in one.proofs}


def kept_rooms(*made, waiting=0):
    """A record with a live reset, and changes that were *made* (weak or not), and some that wait."""
    reset = Reset(
        id=b"r" * 16,
        epoch=3,
        recipient=ABOUT,
        link=b"d" * 32,
        code=b"c" * 32,
        expires=NOW + HOUR / 2,
        code_expires=NOW + HOUR / 6,
    )
    rooms = [
        Change(
            id=bytes([number]) * 16,
            kind="password" if weak or weak is None else "address-added",
            proofs=("link",),
            asked=NOW - HOUR,
            until=NOW - HOUR,
            expires=NOW + DAY,
            made=None if weak is None else NOW - HOUR,
            weak=weak is not False,
        )
        for number, weak in enumerate((*made, *[None] * waiting))
    ]
    verifier = Verifier(sealed=b"old", born=3, preparation=1, since=NOW - 300 * HOUR)
    return Record(incarnation=b"i" * 16, epoch=3, verifier=verifier, resets=(reset,), changes=tuple(rooms))


def test_where_there_is_no_room_for_a_veto_nothing_weak_is_made():
    record = kept_rooms(False, False, False, False)
    done = redeem(
        CHEAPEST, record, scene=SCENE, recovery=recovery(record, ("link",), Capability.PASSWORD), new=NEW, device=b"d" * 16
    )
    assert isinstance(done.verdict, TryAgain)
    assert done.record == record


def test_what_is_decided_about_an_address_pushes_out_no_veto():
    record = kept_rooms(True, waiting=3)
    gone = Change(
        id=b"g" * 16, kind="address-removed", proofs=(), asked=NOW, until=NOW, expires=NOW + DAY, weak=False, about=b"x" * 16
    )
    old = Named(names=(b"x" * 16,), sealed=b"s")
    done = withdraw_address(CHEAPEST, record, scene=SCENE, change=gone, same=(), old=old)
    assert record.changes[0] in done.record.changes
    assert len(done.record.changes) == MAX_CHANGES
