"""What a signature is worth hangs on the policy and on the passkey as the record has it."""

from datetime import UTC, datetime

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.mfa.stage import policy

from acctsec._values import evolve as changed
from acctsec.mfa.passkeys import (
    Asserted,
    CounterRegression,
    Registered,
    Rejected,
    Rejection,
    Usable,
    UserVerification,
    judge,
    kept,
)

COUNTERS = st.integers(0, 2**32 - 1)
NEW = Registered(
    credential=b"c",
    key=b"k",
    counter=0,
    verified=True,
    backup_eligible=True,
    backed_up=True,
    aaguid="ac575ec0-0000-4000-8000-000000000001",
)
STORED = kept(NEW, factor_id="f", name="Phone", now=datetime(2027, 1, 1, tzinfo=UTC))
SIGNED = Asserted(counter=0, verified=True, backup_eligible=True, backed_up=False)


def test_four_names_for_what_was_proven():
    """Who held it, and whether its key can be anywhere else."""
    found = {}
    for verified in (True, False):
        for eligible in (True, False):
            stored, signed = changed(STORED, syncable=eligible), evolve(SIGNED, verified=verified, backup_eligible=eligible)
            found[verified, eligible] = judge(policy(), stored, signed).method

    assert found == {
        (True, True): "passkey",
        (True, False): "passkey-bound",
        (False, True): "passkey-touch",
        (False, False): "passkey-touch-bound",
    }


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), COUNTERS, COUNTERS)
def test_backup_eligibility_never_changes(before, now, backed_up, verified, old, new):
    """A passkey that becomes syncable, or stops to be, is another key; and none is backed up that cannot be."""
    stored = changed(STORED, syncable=before, counter=old)
    signed = evolve(SIGNED, backup_eligible=now, backed_up=backed_up, verified=verified, counter=new)
    found = judge(policy(on_counter_regression=CounterRegression.REPORT), stored, signed)

    assert (found == Rejected(Rejection.BACKUP_FLAGS)) == (before != now or (backed_up and not now))
    assert isinstance(found, Rejected) or found.backed_up is backed_up


@given(COUNTERS, COUNTERS)
def test_a_counter_only_rises_or_is_always_nought(old, new):
    """Refused or reported; the record keeps the higher one either way, so that a replay of the lower is found again."""
    stored, signed = changed(STORED, counter=old), evolve(SIGNED, counter=new)
    fine = new > old or old == new == 0

    refusing = judge(policy(), stored, signed)
    assert refusing == (Usable("passkey", new, backed_up=False) if fine else Rejected(Rejection.COUNTER))
    reporting = judge(policy(on_counter_regression=CounterRegression.REPORT), stored, signed)
    assert reporting == Usable("passkey", max(old, new), backed_up=False, regressed=not fine)


def test_where_verification_is_required_a_touch_is_not_enough():
    strict = policy(user_verification=UserVerification.REQUIRED)

    assert judge(strict, STORED, evolve(SIGNED, verified=False)) == Rejected(Rejection.NOT_VERIFIED)
    assert isinstance(judge(strict, STORED, SIGNED), Usable)


def test_neither_key_nor_account_shows_in_a_repr():
    """Logs are read by many."""
    shown = repr((NEW, STORED, evolve(SIGNED, user_handle=b"subject-7")))

    assert "subject-7" not in shown and "b'" not in shown
