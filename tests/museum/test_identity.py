"""Mail goes where the store says, and a name is one name however it is spelt (I08, I09, I10, I11)."""

import inspect
import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.museum.artefacts import STAFF
from tests.museum.harness import NEW, OTHERS, address, exhibit
from tests.places import MemoryPlace

from acctsec import (
    Account,
    Admin,
    ChangeTicket,
    ConfigError,
    Context,
    CurrentPassword,
    Engine,
    EnrollmentRequired,
    FactorRequired,
    Links,
    MessagePurpose,
    PasswordChanged,
    Refused,
    ResetCode,
    ResetLink,
    SignedIn,
)
from acctsec.identifiers import IdentifierKind, canonical
from acctsec.testing.world import IDENTIFIER, PASSWORD

SPELLINGS = (
    "alice@example.org",
    "ALICE@EXAMPLE.ORG",
    "  Alice@Example.Org\t",
    "ａｌｉｃｅ@example.org",
    "𝐚𝐥𝐢𝐜𝐞@example.org",
    "alice@ExAmple.org",
    "ⓐlice@example.org",
)
TURNING_ASCII = [
    char
    for char in map(chr, range(0x80, 0x110000))
    if any(form.isascii() for form in (char.upper(), char.lower(), char.casefold(), unicodedata.normalize("NFKC", char)))
]
HOSTILE_ADDRESSES = (
    '"e@evil.example"@example.org',
    "alice@example.org@evil.example",
    "alice@evil.example,alice@example.org",
    "alice@example.org, alice@evil.example",
    "alice@example.org;alice@evil.example",
    "alice@example.org\r\nBcc: alice@evil.example",
    "alice@example.org\nalice@evil.example",
    "<alice@evil.example>alice@example.org",
    "alice(comment@evil.example)@example.org",
    "alice＠evil.example@example.org",
    "alice﹫example.org",
    "alice@example.org%00@evil.example",
    "alice@[127.0.0.1]",
    "@example.org",
    "alice@",
)


class Sloppy:
    """A platform whose look-up takes anything for anybody, like a case-insensitive collation."""

    def __init__(self, account):
        self.account = account

    def find(self, tenant, identifier):
        return self.account

    def get(self, tenant, subject):
        return self.account


def asked(w, *identifiers):
    """The mails that came of asking for resets of *identifiers*, from as many sources."""
    before = len(w.messenger.handed)
    for number, identifier in enumerate(identifiers):
        w.engine.request_reset(identifier, context=w.context(address(number)))
        w.deliver()
    return w.messenger.handed[before:]


def test_m048_a_lookalike_address_gets_no_mail(w):
    """A dotless i finds nobody, also where every code point that some mapping turns into ASCII is tried."""
    w.sign_up("u1", "mike@example.org")

    mails = asked(w, *("m\u0131ke@example.org", "mi\u212ae@example.org"))

    assert {mail.address for mail in mails} <= {"mike@example.org"}
    for char in TURNING_ASCII:
        found = canonical(f"mi{char}e@example.org")
        assert found is None or found.value != "mike@example.org" or unicodedata.normalize("NFKC", char).casefold() == "k"


def test_m048_whatever_the_platform_finds_the_mail_goes_to_the_stored_bytes(w):
    """Even where the platform's collation finds the wrong account, what was typed is never an address."""
    w.sign_up("u1", "Mike@Example.org")
    w.directory = Sloppy(w.directory.get("", "u1"))
    w.restart()

    mails = asked(w, "m\u0131ke@example.org", "m\u0131ke@evil.example", "mike@evil.example")

    assert [mail.address for mail in mails] == ["Mike@Example.org"] * len(mails)
    assert mails


@pytest.mark.parametrize("typed", HOSTILE_ADDRESSES, ids=range(len(HOSTILE_ADDRESSES)))
def test_m049_an_address_that_two_grammars_read_differently_is_refused(w, typed):
    """Quoted local parts, lists, comments, several @ and line breaks end at the boundary: nobody is looked up or mailed."""
    w.sign_up()
    w.directory = Sloppy(w.directory.get("", "u1"))
    w.restart()

    assert canonical(typed) is None or canonical(typed).kind is not IdentifierKind.EMAIL
    assert all(mail.address == IDENTIFIER for mail in asked(w, typed))
    assert canonical(typed) is None
    assert w.engine.sign_in(typed, PASSWORD, context=w.context()) == Refused()


def test_m051_nothing_a_request_brings_along_chooses_the_recipient(w):
    """``request_reset`` takes an identifier and the facts of the request; user agent, device and source change no recipient."""
    w.sign_up(addresses=("alice@example.org", "work@example.org"))
    assert set(inspect.signature(Engine.request_reset).parameters) == {"self", "identifier", "context"}

    for number, agent in enumerate(("evil@evil.example", "to: evil@evil.example", "\r\nTo: evil@evil.example")):
        context = Context.of(address(number), device="evil@evil.example", user_agent=agent)
        w.engine.request_reset(IDENTIFIER, context=context)
    w.deliver()

    assert {mail.address for mail in w.messenger.handed} == {"alice@example.org"}


def test_m052_no_operation_takes_a_host(w):
    """There is nothing a Host header could poison: no operation and no fact of a request has a host, a URL or a path."""
    names = {
        name
        for operation, method in inspect.getmembers(Engine, inspect.isfunction)
        if not operation.startswith("_")
        for name in inspect.signature(method).parameters
    }
    assert {"identifier", "context"} <= names
    names |= set(inspect.signature(Context).parameters) | set(inspect.signature(Engine).parameters)
    assert not {name for name in names if re.search("host|url|uri|base|redirect|next|return|path|domain|origin", name)}


@pytest.mark.parametrize(
    "origin",
    [
        "https://ok.example@evil.example",
        "https://evil.example/ok.example",
        "https://ok.example:80@evil.example",
        "//evil.example",
    ],
)
def test_m052_what_could_be_another_host_is_no_origin(origin):
    """Where links lead is configured once, and a configuration that two readers take for two hosts is refused."""
    with pytest.raises(ConfigError, match="origin"):
        Links(origin=origin)


def test_m053_links_depend_on_no_request(w):
    """What the first request said is not remembered: a link is a bare token, for whatever URL the platform has configured."""
    w.sign_up()
    hostile = Context.of("evil.example", user_agent="https://evil.example/")
    w.engine.request_reset(IDENTIFIER, context=hostile)
    w.engine.request_reset(IDENTIFIER, context=w.context())
    w.deliver()

    links = [mail.link for mail in w.messenger.handed]
    assert len(links) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", link) for link in links)


def test_m054_a_link_is_given_to_the_messenger_alone(w):
    """No answer holds the link, so no caller-supplied target can receive it."""
    w.sign_up()
    outcome = w.engine.request_reset(IDENTIFIER, context=w.context())
    w.deliver()

    assert w.messenger.link not in repr(vars_of(outcome))
    assert w.messenger.link != outcome.handle
    assert w.engine.redeem_reset(ResetLink(outcome.handle), NEW, context=w.context()) == Refused()


def vars_of(value):
    return {name: getattr(value, name) for name in value.__slots__ if not name.startswith("__")}


def test_m055_a_link_that_leaked_after_its_use_is_dead(w):
    """The token is made for a URL's fragment, which no Referer carries, and is worth nothing once exchanged."""
    w.sign_up()
    link = w.reset_link()
    assert Links(origin="https://example.org").url(w.messenger.handed[-1]) == f"https://example.org/reset#{link}"
    assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)

    assert w.engine.inspect_reset(link, context=w.context()) == Refused()
    assert w.engine.redeem_reset(ResetLink(link), OTHERS[0], context=w.context()) == Refused()


def test_m056_an_unverified_address_gets_no_token(w):
    """Asked for by an unverified address, the reset goes to the verified one, the answer is the usual one, and it is charged."""
    w.sign_up()
    w.directory.put(Account(subject="u1", identifiers=(IDENTIFIER, "second@example.org"), addresses=(IDENTIFIER,)))

    _, usual = w.observe(lambda: w.engine.request_reset("nobody@example.org", context=w.context()))
    _, this = w.observe(lambda: w.engine.request_reset("second@example.org", context=w.context()))
    w.deliver()

    assert this == usual
    assert [one[0] for one in this] == ["charge", "commit"]
    assert {mail.address for mail in w.messenger.handed} == {IDENTIFIER}


def test_m057_an_address_whose_verification_was_withdrawn_resets_nothing(w):
    """Its domain changed hands and the platform no longer counts it as verified: no mail, and no life in the mail of before."""
    w.sign_up()
    link = w.reset_link()
    w.directory.change("u1", addresses=())

    assert asked(w, IDENTIFIER) == []
    assert w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()) == Refused()


def test_m057_a_number_that_went_to_somebody_else_resets_nothing(w):
    """A recycled number: off the account, no text goes there, and the code in the one of before is dead."""
    w.sign_up(addresses=("+49 30 123456",))
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()
    code = w.messenger.code
    w.directory.change("u1", addresses=())

    assert asked(w, "+4930123456") == []
    assert w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context()) == Refused()


def test_m058_the_canonical_form_of_a_canonical_form_is_itself():
    """For every assigned code point; one that is not assigned yet is refused, so no later Unicode changes what was accepted."""
    for point in range(0x110000):
        char = chr(point)
        if unicodedata.category(char) in {"Cn", "Co", "Cs"}:
            assert point % 101 or canonical(f"x{char}y") is None
            continue
        once = canonical(f"x{char}y")
        if once is not None:
            assert canonical(once.value) == once, hex(point)


@given(st.text(min_size=1, max_size=12))
def test_m058_the_canonical_form_of_any_text_is_stable(typed):
    """For combinations as well, with and without a domain."""
    for text in (typed, typed + "@example.org", "+49" + typed):
        once = canonical(text)
        assert once is None or canonical(once.value) == once


def test_m058_a_reset_touches_the_registered_subject_alone(w):
    """The Spotify attack: a name that folds twice into somebody else's is its own name or nobody's."""
    w.sign_up("victim", "bigbird", addresses=("victim@example.org",))
    for number, typed in enumerate(("ᴮᴵᴳᴮᴵᴿᴰ", "ＢＩＧＢＩＲＤ", "ʙɪɢʙɪʀᴅ", "ᵇᶦᵍᵇᶦʳᵈ")):
        first = canonical(typed)
        assert first is None or canonical(first.value) == first
        squatter = w.directory.find("", first.value) if first else None
        if first and squatter is None:
            w.sign_up(f"x{number}", typed, OTHERS[0], addresses=(f"x{number}@example.org",))
            assert {mail.subject for mail in asked(w, typed)} == {f"x{number}"}
            assert isinstance(w.engine.sign_in(typed, OTHERS[0], context=w.context()), SignedIn)
    assert isinstance(w.engine.sign_in("bigbird", PASSWORD, context=w.context()), SignedIn)


def test_m060_all_spellings_of_a_name_share_one_budget(w):
    """Guesses under seven spellings are guesses at one account: the lane closes after ten, for every spelling."""
    w.sign_up()
    w.comparisons.clear()

    for number in range(42):
        spelt = SPELLINGS[number % len(SPELLINGS)]
        w.engine.sign_in(spelt, f"wrong guess number {number}", context=w.context(address(number)))

    assert len(w.comparisons.guesses) == 10
    for spelt in SPELLINGS:
        assert w.engine.sign_in(spelt, PASSWORD, context=w.context(address(99))) == Refused()
    assert len(w.comparisons.evaluated) == 10


def test_m060_several_names_of_one_subject_share_one_budget(w):
    """A name, an address and a phone number of one account are three doors to one lane."""
    w.sign_up()
    w.directory.put(Account(subject="u1", identifiers=(IDENTIFIER, "alice", "+4930123456"), addresses=(IDENTIFIER,)))
    w.comparisons.clear()

    for number in range(30):
        name = (IDENTIFIER, "alice", "+49 30 123456")[number % 3]
        w.engine.sign_in(name, f"wrong guess number {number}", context=w.context(address(number)))

    assert len(w.comparisons.guesses) == 10


@pytest.mark.parametrize("spelt", SPELLINGS)
def test_m061_a_factor_guards_every_spelling(w, spelt):
    """A subject with an authenticator is asked for it, and marked by it, however its name is typed."""
    app, _, _ = w.guarded()

    outcome = w.engine.sign_in(spelt, PASSWORD, context=w.context())

    assert isinstance(outcome, FactorRequired)
    assert isinstance(w.engine.verify_factor(outcome.ticket, app.code(w.clock()), context=w.context()), SignedIn)
    again = w.ticket(SPELLINGS[0])
    assert w.engine.verify_factor(again, app.code(w.clock()), context=w.context()) == Refused()


def test_m063_an_account_stored_in_upper_case_is_found_by_every_form(w):
    """Whatever way an account came in, sign-up, administrator or import, each operation finds it, and mails what is stored."""
    w.sign_up("u1", "ALICE@EXAMPLE.ORG", password=None, addresses=("ALICE@Example.Org",))
    assert isinstance(w.engine.set_password("u1", PASSWORD, by=Admin("importer"), context=w.context()), PasswordChanged)
    assert isinstance(w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()), PasswordChanged)

    assert isinstance(w.engine.sign_in("alice@example.org", NEW, context=w.context()), SignedIn)
    mails = [mail for spelt in SPELLINGS[:3] for mail in asked(w, spelt) if mail.purpose is MessagePurpose.RESET]
    assert {mail.address for mail in mails} == {"ALICE@Example.Org"}
    assert len(mails) == 3


@pytest.mark.parametrize("typed", ["a@b@c.example", '"a b"@c.example', '"a@b"@c.example', "a@@c.example", "a@b@"])
def test_m064_an_address_with_two_domains_is_nobodys(w, typed):
    """More than one @, or a quoted local part, is refused wherever an identifier is taken."""
    mark = len(w.trace)

    assert canonical(typed) is None
    assert w.engine.sign_in(typed, PASSWORD, context=w.context()) == Refused()
    w.engine.request_reset(typed, context=w.context())

    assert not any(call[0] in {"find", "load", "commit"} for call in w.trace[mark:])


NAMES = st.text(alphabet="abu1/|:\0-é.!", max_size=6) | st.sampled_from(["subject", "phantom", "reset request", "!source", "u1"])


@given(st.lists(st.tuples(NAMES, NAMES), min_size=2, max_size=4, unique=True))
def test_m066_no_two_names_share_a_key(names):
    """Whatever stands in tenants and subjects, each pair has a record and meters of its own."""
    w = exhibit(MemoryPlace())
    keys, rows = [], []
    for tenant, subject in names:
        assume(subject)
        w.directory.put(Account(subject=subject), tenant=tenant)
        mark = len(w.trace)
        w.engine.set_password(subject, NEW, by=CurrentPassword(PASSWORD), context=Context.of("192.0.2.1", tenant=tenant))
        keys += [call[1][0] for call in w.trace[mark:] if call[0] == "load"]
        rows += [call[1][0][-1].slot for call in w.trace[mark:] if call[0] == "charge"]

    assert len(set(keys)) == len(set(rows)) == len(names)


def test_m066_no_name_that_somebody_types_is_somebody_elses_key(w):
    """A phantom named like a subject, a tenant or a meter shares no row with it."""
    w.sign_up("u1", "alice", addresses=(IDENTIFIER,))
    rows = []
    for typed in ("alice", "u1", "subject", "phantom", "!source", "!password/strangers", "password/month"):
        mark = len(w.trace)
        w.engine.sign_in(typed, NEW, context=w.context())
        (charged,) = [call[1][0] for call in w.trace[mark:] if call[0] == "charge"]
        rows.append(charged[-1].slot)

    assert len(set(rows)) == len(rows)


def test_m026_a_flow_parked_by_a_squatter_goes_no_further(place):
    """X registers V's address and parks at the question for a factor; V proves the address by a reset: X's flow is over."""
    w = exhibit(place, policy=STAFF)
    w.sign_up(addresses=(), groups={"staff"})
    parked = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(parked, EnrollmentRequired)

    w.directory.change("u1", addresses=(IDENTIFIER,))
    assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), PasswordChanged)

    assert w.engine.enroll_totp(parked.ticket, context=w.context()) == Refused()
    assert w.engine.set_password("u1", OTHERS[0], by=ChangeTicket(parked.ticket), context=w.context()) == Refused()
    assert w.engine.admin.export("u1").sessions == ()


def test_m067_nothing_a_squatter_set_up_survives_the_proof(w):
    """X pre-registers V's address with password, session, device and reset, and gets no factor; V's reset ends all of it."""
    w.sign_up(addresses=())
    signed = w.sign_in()
    assert w.engine.enroll_totp(signed.session, context=w.context()) == Refused()
    assert w.engine.issue_recovery_codes(signed.session, context=w.context()) == Refused()
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle

    w.directory.change("u1", addresses=(IDENTIFIER,))
    link = w.reset_link()
    assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)

    held = w.engine.admin.export("u1")
    assert (held.sessions, held.factors, held.live_resets, len(held.devices)) == ((), (), (), 1)
    assert w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=signed.device)) == Refused()
    assert w.engine.redeem_reset(ResetCode(handle, w.messenger.code), OTHERS[0], context=w.context()) == Refused()
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)


def test_m071_nothing_but_the_platform_says_what_is_verified(w):
    """Across the whole life of an account the user table is asked, and never told anything."""
    w.guarded()
    w.reset_link()
    w.engine.admin.disable("u1", actor="root")
    w.engine.admin.enable("u1", actor="root")
    w.engine.admin.erase("u1", actor="root")

    told = {call[0] for call in w.trace} - {"load", "commit", "drain", "ack", "charge", "settle", "read", "verify", "hash"}
    assert told == {"find", "get"}
