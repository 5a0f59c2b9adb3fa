"""What sent codes are allowed to be: bounds, what is shown of an address, and the words around a code."""

from datetime import timedelta
from gettext import NullTranslations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acctsec import (
    Channel,
    ConfigError,
    DeliveredPolicy,
    Message,
    MessagePurpose,
    MfaPolicy,
)
from acctsec._values import evolve as evolved
from acctsec.assurance import Traits
from acctsec.budgets import Budget
from acctsec.mfa import Outside
from acctsec.mfa.delivered import masked
from acctsec.mfa.proving import DeliveredMatch, Unproven
from acctsec.mfa.worded import MAX_SERVICE, worded
from acctsec.outcomes import FactorKind
from acctsec.password.feedback import LANGUAGES, catalogue
from acctsec.policy import Policy
from acctsec.record import MAX_SENT, Delivered, Factors, Sent
from acctsec.testing.doubles import START

NUMBER = "+442079460958"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
EVERY = DeliveredPolicy(channels=set(Channel) - {Channel.PUSH})


SENT = st.builds(
    lambda ticket, factor, ends, again, apart: Sent(
        factor=factor, ticket=bytes([ticket]) * 16, digest=bytes(32), expires=START + SECOND * ends, again=again, apart=apart
    ),
    st.integers(0, 5),
    st.sampled_from("ab"),
    st.integers(-60, 600),
    st.integers(0, 570),
    st.booleans(),
)


@given(past=st.lists(SENT, max_size=MAX_SENT), new=SENT)
def test_what_was_sent_is_bounded_and_strangers_never_push_out_the_owners(past, new):
    kept = EVERY.room(Factors(sent=tuple(past)), new, now=START)
    live = [one for one in past if one.expires > START]
    if kept is None:
        assert not new.apart
        assert sum(one.apart for one in live) == MAX_SENT
        return
    assert len(kept) <= MAX_SENT
    assert kept[-1] is new
    gone = [one for one in live if all(one is not each for each in kept)]
    assert all(not one.apart for one in gone) or (new.apart and all(one.apart for one in live))


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("+49 170 1234512", "+49 … 12"),
        ("+1 (212) 555-0143", "+1 … 43"),
        ("+358 40 123 4567", "+358 … 67"),
        ("020 7946 0958", "… 58"),
        ("+4912", "…"),
        ("jane.doe@example.org", "j…@example.org"),
        ("j@example.org", "…@example.org"),
        ("\N{CYRILLIC SMALL LETTER A}bc@example.org", "…@example.org"),
        ("abc@xn--80ak6aa92e.com", "a…@xn--80ak6aa92e.com"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}abc@example.org", "…"),
        ("nobody", "…"),
        ("", "…"),
    ],
)
def test_so_much_is_shown_of_an_address(address, shown):
    assert masked(address) == shown


@given(st.text(max_size=300) | st.from_regex(r"\A\+?[0-9 ()./-]{1,30}\Z") | st.emails())
@settings(suppress_health_check=list(HealthCheck))
def test_what_is_shown_is_short_and_ascii_and_no_more_than_a_hint(address):
    shown = masked(address)
    assert len(shown) <= 48
    assert shown.replace("…", "").isascii()
    assert shown.isprintable()
    local, at, domain = address.strip().partition("@")
    if at and len(domain) < 40:
        assert shown.partition("@")[0] in ("…", f"{local[:1].lower()}…")
    if not at:
        assert sum(char.isdigit() for char in shown) <= 5


# --- words ------------------------------------------------------------------------------------------------------------


def told(action="sign-in", channel=Channel.TEXT, purpose=MessagePurpose.FACTOR_CODE, **more):
    more = {"code": "407193"} | more
    return Message(
        key="k", purpose=purpose, tenant="", subject="u1", address=NUMBER, at=START, action=action, channel=channel, **more
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("action", ["sign-in", "set-up", "reset", "delete-account"])
def test_a_text_says_what_it_is_for_in_one_text_and_holds_no_link(language, action):
    said = worded(
        told(action), service="A" * MAX_SERVICE, translations=catalogue(language), domain="accounts.otterly-example.org"
    )
    assert said.startswith("407193")
    assert said.endswith("\n\n@accounts.otterly-example.org #407193")
    assert len(said) <= (160 if said.isascii() else 2 * 67), "one text of GSM 03.38, or two of UCS-2"
    assert "://" not in said
    assert "delete-account" in said or action != "delete-account"


def test_a_call_has_digits_and_no_line_for_browsers():
    said = worded(told(channel=Channel.VOICE), service="Otterly", translations=catalogue("en"), domain="otterly.org")
    assert said.startswith("4, 0, 7, 1, 9, 3 is your code to sign in to Otterly")
    assert "@" not in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": ""},
        {"service": "x" * 41},
        {"service": "two\nlines"},
        {"domain": "https://otterly.org"},
        {"domain": "otterly.org/path"},
        {"domain": "org"},
        {"domain": "Otterly.org"},
        {"translations": NullTranslations()},
        {"message": told(purpose=MessagePurpose.RESET)},
        {"message": told(code=None)},
    ],
)
def test_what_cannot_be_worded_is_a_mistake_of_the_caller(wrong):
    given = {"message": told(), "service": "Otterly", "translations": catalogue("en")} | wrong
    with pytest.raises(ConfigError):
        worded(given.pop("message"), **given)


# --- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "knobs",
    [
        {"channels": ()},
        {"channels": "text"},
        {"channels": {"pigeon"}},
        {"channels": 7},
        {"digits": 5},
        {"digits": 9},
        {"lifetime": timedelta(minutes=11)},
        {"lifetime": SECOND},
        {"resend": SECOND},
        {"resend": timedelta(minutes=2), "lifetime": MINUTE},
        {"sim_freeze": -SECOND},
        {"per_number": Budget(limit=2, window=4 * HOUR)},
        {"budget": 6},
    ],
)
def test_a_policy_outside_its_bounds_is_refused(knobs):
    with pytest.raises(ConfigError) as refused:
        DeliveredPolicy(**knobs)
    assert refused.value.remedy


def test_codes_over_the_telephone_network_need_something_better_beside_them():
    """SP 800-63B-4 section 3.2.9: an alternative that is not restricted. Mail is none at that level."""
    telephone = Outside(name="calls", traits=Traits(restricted=True))
    for kinds, outside in (({FactorKind.DELIVERED}, ()), ({FactorKind.DELIVERED, FactorKind.OUTSIDE}, (telephone,))):
        with pytest.raises(ConfigError, match="telephone"):
            MfaPolicy(kinds=kinds, outside=outside, delivered=EVERY)
    MfaPolicy(kinds={FactorKind.DELIVERED}, delivered=DeliveredPolicy(channels={Channel.MAIL}))
    MfaPolicy(kinds={FactorKind.DELIVERED, FactorKind.PASSKEY})


def test_the_default_sets_up_no_codes():
    assert FactorKind.DELIVERED not in Policy().mfa.kinds
    assert Policy().mfa.delivered.channels == (Channel.TEXT,)


def test_channels_have_one_order():
    assert DeliveredPolicy(channels={"voice", "mail", "text"}) == DeliveredPolicy(channels=["text", "mail", "voice", "text"])


def test_a_code_that_comes_after_a_report_of_loss_proves_nothing():
    lost = Delivered(id="a", name="", channel="text", sealed=b"", digest=b"", created=START, reported="lost")
    sent = Sent(factor="a", ticket=b"t", digest=b"d" * 32, expires=START)
    match = DeliveredMatch(factor="a", sent=b"d" * 32, method="text-code")
    assert match.use(Factors(delivered=(lost,), sent=(sent,))) == Unproven()
    assert match.use(Factors(delivered=(evolved(lost, reported=""),))) == Unproven()
