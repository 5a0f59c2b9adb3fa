"""What an owner's steps bring about: the next record to its last field, and each event and notice of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.steps.stage import ADMIN, CLAIMS, DAY, DRAWN, HOME, HOUR, LONG_AGO, MINE, NOW, OLD, POLICY, RECORD, SCENE, app, change

from acctsec import events
from acctsec._values import evolve
from acctsec.outcomes import ChangeReason, FactorKind, TryAgain
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_CHANGES, Factors, Record
from acctsec.record.recovery import Address
from acctsec.steps import (
    Carry,
    Done,
    Held,
    Making,
    NewVerifier,
    No,
    Notice,
    Stale,
    Step,
    administer,
    change_identifier,
    finish,
    forget_device,
    import_factor,
    import_verifier,
    is_new,
    issue_codes,
    remove_factor,
    rename_factor,
    send_code,
    sign_out,
    sign_out_everywhere,
    withdraw_address,
)
from acctsec.steps.addresses import CARRYING, Named, purged

HEAD = {"tenant": "", "subject": "u1", "at": NOW, "source": "192.0.2.1"}
NOBODY = evolve(RECORD, verifier=None, factors=Factors(), history=())
NEW = Named(names=(b"digest of new",))
GONE = Named(names=(OLD,), sealed=b"sealed address")
UNDER_WAY = {"made": NOW - HOUR, "weak": False}


def differences(before, after):
    """The fields that are not what they were."""
    return {name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)}


# --- factors ----------------------------------------------------------------------------------------------------------


def test_a_factor_has_another_name():
    step = rename_factor(POLICY, RECORD, scene=SCENE, claims=CLAIMS, factor_id="t0", name="tablet")
    factors = evolve(RECORD.factors, totp=(app("t0", name="tablet"), app("t1")))
    assert step == Step(Done(), evolve(RECORD, factors=factors), (events.FactorRelabelled(**HEAD, factor="t0"),))


@pytest.mark.parametrize("step", [rename_factor, remove_factor])
def test_what_is_not_there_is_left_alone(step):
    rest = {"name": "x"} if step is rename_factor else {"drawn": DRAWN}
    assert step(POLICY, RECORD, scene=SCENE, claims=CLAIMS, factor_id="t9", **rest) == Step(No("factor"), RECORD)


def test_a_factor_that_goes_takes_every_other_session_and_all_that_is_under_way_with_it():
    waiting = change(kind="password")
    record = evolve(RECORD, accepted=b"rules", changes=(waiting,))
    step = remove_factor(POLICY, record, scene=SCENE, claims=CLAIMS, factor_id="t0", drawn=DRAWN)
    assert [one.id for one in step.record.factors.totp] == ["t1"] and step.record.epoch == 4
    assert step.record.sessions == (step.verdict.session,) and step.verdict.session.id == DRAWN.session
    assert step.record.accepted == b"rules", "there is another factor beside the password"
    assert step.record.changes == () and step.record.resets == ()
    dropped, notice, *over = step.effects
    assert dropped == events.FactorDropped(**HEAD, factor="t0", kind=FactorKind.TOTP)
    assert notice == Notice(MessagePurpose.FACTOR_REMOVED)
    assert [type(one) for one in over][:1] == [events.ChangeDropped]
    assert over[0].change == waiting.id.hex()


def test_the_last_factor_that_goes_has_the_password_judged_anew():
    record = evolve(RECORD, accepted=b"rules", factors=evolve(RECORD.factors, totp=(app("t0"),), recovery=None))
    step = remove_factor(POLICY, record, scene=SCENE, claims=CLAIMS, factor_id="t0", drawn=DRAWN)
    assert not step.record.factors.live and step.record.accepted == b""
    assert [one.method for one in step.verdict.session.proofs] == ["password"] and step.verdict.session.level == 1


def test_codes_that_are_issued_take_the_place_of_all_before():
    step = issue_codes(POLICY, RECORD, scene=SCENE, claims=CLAIMS, sealed=b"new codes", total=8, drawn=DRAWN)
    codes = step.record.factors.recovery
    assert (codes.sealed, codes.total, codes.since) == (b"new codes", 8, NOW) and codes.generation > 5
    assert step.verdict == Done(evolve(RECORD.session(MINE), id=DRAWN.session)) and step.record.epoch == 4
    assert step.effects[:2] == (
        events.RecoveryCodesIssued(**HEAD, generation=codes.generation),
        Notice(MessagePurpose.RECOVERY_CODES_ISSUED),
    )


@pytest.mark.parametrize("tell", [True, False])
def test_a_token_is_taken_over_for_who_has_none(tell):
    step = import_factor(POLICY, NOBODY, scene=SCENE, new=app("t5"), same="", by=ADMIN, tell=tell)
    assert step.verdict == Done(count=1) and step.record.factors.factor("t5") is not None
    told = (Notice(MessagePurpose.FACTOR_ADDED),) if tell else ()
    assert step.effects == (events.FactorImported(**HEAD, factor="t5", kind=FactorKind.TOTP, actor="ops"), *told)


def test_a_token_is_taken_over_once_and_never_beside_another():
    again = import_factor(POLICY, RECORD, scene=SCENE, new=app("t5"), same="t1", by=ADMIN, tell=True)
    assert again == Step(Done(), RECORD)
    another = import_factor(POLICY, RECORD, scene=SCENE, new=app("t5"), same="t9", by=ADMIN, tell=True)
    assert another == Step(No("has factor"), RECORD)


# --- sessions, devices, administrators --------------------------------------------------------------------------------


def test_a_session_that_is_signed_out_is_the_only_one_to_end():
    step = sign_out(POLICY, RECORD, scene=SCENE, claims=CLAIMS)
    assert step.verdict == Done(count=1) and [one.id for one in step.record.sessions] == [b"o" * 16]
    assert step.effects == (events.SessionClosed(**HEAD, session=MINE.hex()),)


def test_signing_out_everywhere_forgets_every_place():
    for by, claims, actor in ((ADMIN, None, "ops"), (None, CLAIMS, "")):
        step = sign_out_everywhere(POLICY, RECORD, scene=SCENE, by=by, claims=claims)
        assert step.verdict == Done(count=2) and step.record.epoch == 4
        assert step.record.sessions == step.record.devices == step.record.networks == ()
        assert step.effects[0] == events.SessionsClosed(**HEAD, count=2, actor=actor)
    assert sign_out_everywhere(POLICY, RECORD, scene=SCENE, by=None, claims=None) == Step(No("session"), RECORD)


def test_a_device_that_is_forgotten_leaves_nothing():
    device = RECORD.devices[0].id
    step = forget_device(POLICY, RECORD, scene=SCENE, claims=CLAIMS, device=device)
    assert step == Step(Done(), evolve(RECORD, devices=()), (events.DeviceRevoked(**HEAD, device=device.hex()),))
    assert forget_device(POLICY, RECORD, scene=SCENE, claims=CLAIMS, device=b"x" * 16) == Step(No("device"), RECORD)


def test_a_hash_is_taken_over_once():
    new = NewVerifier(b"foreign", 1)
    step = import_verifier(NOBODY, scene=SCENE, new=new, same=None, since=LONG_AGO, scheme="bcrypt", by=ADMIN)
    assert step.verdict == Done(count=1) and step.record.history == ()
    assert (step.record.verifier.sealed, step.record.verifier.since) == (b"foreign", LONG_AGO)
    assert step.effects == (events.VerifierImported(**HEAD, scheme="bcrypt", actor="ops"),)
    for same, verdict in ((b"old", Done()), (b"another", Stale()), (None, Stale())):
        step = import_verifier(RECORD, scene=SCENE, new=new, same=same, since=LONG_AGO, scheme="bcrypt", by=ADMIN)
        assert step == Step(verdict, RECORD)


@pytest.mark.parametrize(
    ("action", "record", "changed", "event"),
    [
        ("unlock", RECORD, {"meters", "checkpoints", "openings"}, events.Unlocked),
        ("disable", RECORD, {"disabled", "epoch", "sessions", "resets", "devices", "spent"}, events.Disabled),
        ("enable", evolve(RECORD, disabled=True), {"disabled"}, events.Enabled),
        ("require-change", RECORD, {"change"}, events.ChangeDemanded),
    ],
)
def test_what_an_administrator_does_is_one_event_and_nothing_besides(action, record, changed, event):
    step = administer(record, scene=SCENE, action=action, by=ADMIN)
    assert step.verdict == Done() and differences(record, step.record) == changed
    assert type(step.effects[0]) is event and step.effects[0].actor == "ops"


@pytest.mark.parametrize(
    ("action", "record"),
    [
        ("disable", evolve(RECORD, disabled=True)),
        ("enable", RECORD),
        ("require-change", NOBODY),
        ("something else", RECORD),
    ],
)
def test_what_an_administrator_does_to_no_effect_is_no_event(action, record):
    assert administer(record, scene=SCENE, action=action, by=ADMIN) == Step(Done(), record)


dues = st.none() | st.integers(-3, 3).map(lambda days: NOW + days * DAY)


@given(dues, dues)
def test_a_change_that_is_demanded_may_be_demanded_sooner_and_never_later(first, second):
    once = administer(RECORD, scene=SCENE, action="require-change", by=ADMIN, due=first)
    assert (once.record.change, once.record.change_by) == (ChangeReason.REQUIRED_BY_ADMINISTRATOR, first)
    twice = administer(once.record, scene=SCENE, action="require-change", by=ADMIN, due=second)
    sooner = first is not None and (second is None or second < first)
    assert twice.record.change_by == (second if sooner else first) and bool(twice.effects) is sooner


# --- addresses and identifiers ----------------------------------------------------------------------------------------


def test_an_identifier_changes_at_once_and_the_table_has_its_time_to_follow():
    asked = change(kind="identifier", until=LONG_AGO, expires=LONG_AGO)
    step = change_identifier(POLICY, RECORD, scene=SCENE, claims=CLAIMS, change=asked, known=b"")
    made = evolve(asked, until=NOW, expires=NOW + POLICY.recovery.claim, made=NOW, weak=False)
    assert step == Step(Making(made), evolve(RECORD, changes=(made,)), (Carry(made),))


def test_an_identifier_that_is_under_way_is_not_changed_again_whoever_asks():
    made = change(kind="identifier", **UNDER_WAY)
    record = evolve(RECORD, changes=(made,))
    dead = evolve(CLAIMS, epoch=0)
    step = change_identifier(POLICY, record, scene=SCENE, claims=dead, change=change(), known=made.id)
    assert step == Step(Making(made), record)


def test_nobody_changes_an_identifier_while_what_rested_on_little_can_be_vetoed():
    weak = change(kind="password", made=NOW - HOUR, weak=True, expires=NOW + DAY)
    record = evolve(RECORD, changes=(weak,))
    step = change_identifier(POLICY, record, scene=SCENE, claims=CLAIMS, change=change(kind="identifier"), known=b"")
    assert step == Step(Held(weak.expires), record)


def test_the_first_address_that_was_proven_without_a_session_leaves_nothing_that_anybody_may_have_set_up():
    """What stays is what guards the account, and what has been decided."""
    first = change(**UNDER_WAY)
    decided = change(id=b"2" * 16, kind="address-removed", **UNDER_WAY)
    waits = change(id=b"3" * 16, kind="password")
    record = evolve(
        RECORD, changes=(first, decided, waits), addresses=(Address(digest=NEW.names[0], since=NOW),), contest=None, disabled=True
    )
    assert purged(record, first, NEW)
    step = finish(POLICY, record, scene=SCENE, change_id=first.id, new=NEW, gone=None, taken=False)
    assert step.verdict == Done(count=True)
    kept = {"incarnation", "meters", "lanes", "checkpoints", "openings", "disabled", "commits", "addresses"}
    blank = Record(incarnation=record.incarnation)
    for name in kept:
        assert getattr(step.record, name) == getattr(record, name) != getattr(blank, name) or name == "incarnation"
    assert step.record.epoch == record.epoch + 1 and step.record.changes == (decided,)
    assert step.record.factors == Factors(generation=5), "codes of before are not codes of now"
    assert {one.id for one in step.record.spent} == {b"p" * 16, b"r" * 16}, "a reset that was handed out is not made again"
    others = {*record.__struct_fields__} - kept - {"epoch", "changes", "factors", "spent"}
    assert all(getattr(step.record, name) == getattr(blank, name) for name in others)


@pytest.mark.parametrize(
    ("proofs", "row", "purges"),
    [
        (("mail-link",), Address(digest=NEW.names[0], since=NOW), True),
        (("mail-link", "session"), Address(digest=NEW.names[0], since=NOW), False),
        (("mail-link",), Address(digest=NEW.names[0], since=NOW, changed=True), False),
        (("mail-link",), None, False),
    ],
)
def test_nothing_is_purged_beside_a_session_or_beside_another_address(proofs, row, purges):
    record = evolve(RECORD, addresses=() if row is None else (row,))
    assert purged(record, change(proofs=proofs), NEW) is purges


def test_an_address_that_is_anothers_is_taken_back_and_the_old_one_stays():
    """It was on its way off: it is told of nothing any longer as one that was removed, for it is one of the account again."""
    made = change(**UNDER_WAY)
    rows = (Address(digest=NEW.names[0], since=NOW), Address(digest=OLD, since=LONG_AGO, told=NOW + DAY, sealed=b"kept"))
    record = evolve(RECORD, changes=(made,), addresses=rows)
    step = finish(POLICY, record, scene=SCENE, change_id=made.id, new=NEW, gone=GONE, taken=True)
    assert step.record.addresses == (Address(digest=OLD, since=LONG_AGO),)
    assert step.record.changes == () and step.verdict == No("taken")
    assert step.effects == (events.ChangeDropped(**HEAD, change=made.id.hex(), kind=made.kind, by="taken"),)
    for gone in (None, Named(names=(b"nobody's",))):
        step = finish(POLICY, record, scene=SCENE, change_id=made.id, new=NEW, gone=gone, taken=True)
        assert step.record.addresses == rows[1:]


def test_what_is_finished_is_finished_once():
    for changes in ((), (change(),), (change(made=NOW, weak=True),)):
        record = evolve(RECORD, changes=changes)
        step = finish(POLICY, record, scene=SCENE, change_id=b"1" * 16, new=NEW, gone=None, taken=False)
        assert step == Step(Done(), record)


def test_an_identifier_that_was_replaced_is_told():
    made = change(kind="identifier", **UNDER_WAY)
    step = finish(POLICY, evolve(RECORD, changes=(made,)), scene=SCENE, change_id=made.id, new=None, gone=None, taken=False)
    told = (events.IdentifierReplaced(**HEAD, change=made.id.hex()), Notice(MessagePurpose.IDENTIFIER_CHANGED))
    assert step == Step(Done(), RECORD, told)


@pytest.mark.parametrize(("proofs", "actor"), [(("administrator", "ops"), "ops"), (("session",), ""), ((), "")])
def test_an_address_that_was_removed_is_told_and_by_whom(proofs, actor):
    made = change(kind="address-removed", proofs=proofs, **UNDER_WAY)
    step = finish(POLICY, evolve(RECORD, changes=(made,)), scene=SCENE, change_id=made.id, new=None, gone=GONE, taken=False)
    dropped = events.AddressDropped(**HEAD, change=made.id.hex(), address=OLD.hex(), actor=actor)
    assert step.verdict == Done() and step.effects[:2] == (dropped, Notice(MessagePurpose.ADDRESS_REMOVED))


@given(st.integers(0, 4), st.integers(0, 4))
def test_a_new_address_is_told_but_stops_nothing_for_as_long_as_the_policy_says(changed, age):
    lately = POLICY.recovery.delays.lately
    row = Address(digest=HOME, since=NOW - lately * age / 2, changed=bool(changed))
    assert is_new(POLICY, row, NOW) is (bool(changed) and age < 2)


def test_a_code_of_an_address_is_good_from_its_message_on():
    waits = change()
    record = evolve(RECORD, changes=(change(id=b"2" * 16), waits))
    step = send_code(record, scene=SCENE, change_id=waits.id, asked=NOW + HOUR, code=b"digest")
    assert step == Step(Done(), evolve(record, changes=(record.changes[0], evolve(waits, asked=NOW + HOUR, code=b"digest"))))


@pytest.mark.parametrize(
    "given",
    [{"kind": "address-removed"}, {"made": NOW}, {"expires": NOW}, {"id": b"9" * 16}],
    ids=lambda given: next(iter(given)),
)
def test_no_code_goes_out_for_what_is_over(given):
    record = evolve(RECORD, changes=(change(**given),))
    step = send_code(record, scene=SCENE, change_id=b"1" * 16, asked=NOW, code=b"digest")
    assert step == Step(No("dead"), record)


def test_what_is_decided_comes_before_what_waits_for_the_owners_own_wish_and_after_nothing_that_can_be_vetoed():
    mine = [change(id=bytes([n]) * 16, expires=NOW + DAY) for n in range(2)]
    lost = [change(id=bytes([n]) * 16, kind="password", expires=NOW + DAY) for n in range(4, 4 + MAX_CHANGES - 2)]
    record = evolve(RECORD, changes=(*lost, *mine))
    asked = change(id=b"8" * 16, kind="address-removed")
    step = withdraw_address(POLICY, record, scene=SCENE, change=asked, same=(), old=GONE)
    assert isinstance(step.verdict, Making)
    assert [one.id for one in step.record.changes] == [*(one.id for one in lost), mine[1].id, asked.id]
    weak, *under_way = (change(id=bytes([n]) * 16, made=NOW, weak=not n) for n in range(MAX_CHANGES))
    full = evolve(RECORD, changes=(weak, *under_way))
    assert withdraw_address(POLICY, full, scene=SCENE, change=asked, same=(), old=GONE) == Step(TryAgain(CARRYING), full)
