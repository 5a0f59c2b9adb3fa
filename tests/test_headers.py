"""A step-up challenge is what RFC 9470 section 3 writes down, and every parser reads what was meant."""

from datetime import timedelta
from urllib.request import parse_http_list, parse_keqv_list

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import AssuranceLevel, ConfigError, StepUp
from acctsec.headers import step_up_header

AAL1, AAL2, AAL3 = AssuranceLevel
QUOTED = st.text(st.sampled_from([chr(n) for n in range(0x20, 0x7F) if chr(n) not in '"\\']), min_size=1, max_size=30)
NAMES = st.text(st.sampled_from([chr(n) for n in range(0x21, 0x7F) if chr(n) not in '"\\']), min_size=1, max_size=30)
AGES = st.timedeltas(timedelta(), timedelta(days=3653))


def parsed(header):
    """The scheme and parameters of a challenge, as the standard library's client reads them."""
    scheme, _, params = header.partition(" ")
    return scheme, parse_keqv_list(parse_http_list(params))


def test_the_first_example_of_the_rfc_asks_for_another_level():
    scheme, params = parsed(step_up_header(acr=AAL3, names={AAL3: "myACR"}))

    assert scheme == "Bearer"
    assert params.pop("error_description")
    assert params == {"error": "insufficient_user_authentication", "acr_values": "myACR"}


def test_the_second_example_of_the_rfc_asks_for_a_recent_sign_in():
    scheme, params = parsed(step_up_header(max_age=timedelta(seconds=5)))

    assert scheme == "Bearer"
    assert params.pop("error_description")
    assert params == {"error": "insufficient_user_authentication", "max_age": "5"}


def test_the_header_is_written_out_once():
    """Byte for byte: names as the registry has them, each value quoted, in an order that does not change."""
    assert step_up_header(acr=AAL2, max_age=timedelta(minutes=5), realm="api") == (
        'Bearer realm="api", error="insufficient_user_authentication", '
        'error_description="A stronger or more recent sign-in is needed", acr_values="aal2 aal3", max_age="300"'
    )


@pytest.mark.parametrize(("level", "values"), [(AAL1, "aal1 aal2 aal3"), (AAL2, "aal2 aal3"), (AAL3, "aal3")])
def test_a_higher_level_does_as_well_and_the_lowest_is_preferred(level, values):
    assert parsed(step_up_header(acr=level))[1]["acr_values"] == values


def test_levels_have_the_names_of_the_authorization_server():
    names = {AAL1: "urn:example:pwd", AAL2: "urn:example:mfa", AAL3: "urn:example:mfa"}

    assert parsed(step_up_header(acr=AAL1, names=names))[1]["acr_values"] == "urn:example:pwd urn:example:mfa"
    assert parsed(step_up_header(acr=AAL2, names={AAL2: "mfa"}))[1]["acr_values"] == "mfa"
    with pytest.raises(ConfigError, match="no name"):
        step_up_header(acr=AAL3, names={AAL2: "mfa"})


@given(
    acr=st.none() | st.sampled_from(AssuranceLevel),
    age=st.none() | AGES,
    realm=st.none() | QUOTED,
    names=st.tuples(NAMES, NAMES, NAMES),
)
def test_a_parser_reads_what_was_meant(acr, age, realm, names):
    """Commas, equals signs and spaces in any of it."""
    named = dict(zip(AssuranceLevel, names, strict=True))
    if acr is None and age is None:
        with pytest.raises(ConfigError):
            step_up_header(acr=acr, max_age=age, realm=realm, names=named)
        return
    header = step_up_header(acr=acr, max_age=age, realm=realm, names=named)
    _, params = parsed(header)

    assert header.isascii() and header.isprintable() and "\\" not in header
    assert params.get("realm") == realm
    assert params.get("max_age") == (None if age is None else str(int(age.total_seconds())))
    wanted = None if acr is None else list(dict.fromkeys(named[level] for level in AssuranceLevel if level >= acr))
    assert params.get("acr_values", "").split() == (wanted or [])


@pytest.mark.parametrize(
    "text", ["", 'a"b', "a\\b", "a\r\nSet-Cookie: x=1", "a\n", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\x7f", None, 7]
)
def test_no_text_breaks_out_of_its_quotes(text):
    if text is not None:
        with pytest.raises(ConfigError):
            step_up_header(acr=AAL2, realm=text)
    with pytest.raises(ConfigError):
        step_up_header(acr=AAL2, names={AAL2: text})


def test_a_name_of_a_level_has_no_space():
    """It would be two."""
    with pytest.raises(ConfigError):
        step_up_header(acr=AAL2, names={AAL2: "a b"})


@pytest.mark.parametrize("age", [timedelta(microseconds=-1), timedelta(days=-1), 5, "5", True], ids=repr)
def test_an_age_is_a_time_that_is_not_negative(age):
    with pytest.raises(ConfigError):
        step_up_header(max_age=age)


def test_an_age_is_cut_to_whole_seconds():
    """Down: the stricter way."""
    assert parsed(step_up_header(max_age=timedelta(milliseconds=1999)))[1]["max_age"] == "1"
    assert parsed(step_up_header(max_age=timedelta()))[1]["max_age"] == "0"


@given(acr=st.none() | st.sampled_from(AssuranceLevel), seconds=st.none() | st.integers(0, 10**6))
def test_what_an_action_asked_for_is_the_same_in_a_header(acr, seconds):
    """An answer that names neither asks for a sign-in now."""
    max_age = None if seconds is None else timedelta(seconds=seconds)
    asked = step_up_header(StepUp(acr=acr, max_age=max_age))

    if acr is None and max_age is None:
        assert asked == step_up_header(max_age=timedelta())
    else:
        assert asked == step_up_header(acr=acr, max_age=max_age)
