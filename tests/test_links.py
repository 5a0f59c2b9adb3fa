"""Links lead where the configuration says, and nowhere else: whoever reads them, and whatever stands in a message."""

import inspect
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from attrs import evolve, fields
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from acctsec import Account, AsyncEngine, ConfigError, Context, Engine, Links, Message, MessagePurpose
from acctsec.testing import world

RESET = Message(
    key="k",
    purpose=MessagePurpose.RESET,
    tenant="",
    subject="u1",
    address="alice@example.org",
    at=datetime(2026, 1, 5, tzinfo=UTC),
    link="dG9rZW4_x-1",
)
VOUCHED = (MessagePurpose.CONTACT_SHARE, MessagePurpose.RECOVERY_LINK)
PURPOSES = (MessagePurpose.RESET, MessagePurpose.INITIAL_PASSWORD, MessagePurpose.GUESSING_STOPPED, MessagePurpose.PROVE_ADDRESS)

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
INTERNATIONAL = st.sampled_from(
    ["xn--exmple-cua", "xn--80ak6aa92e", "xn--strae-oqa", "xn--fsqu00a", "xn--", "xn---", "xn--a", "xn--\N{SNOWMAN}"]
)
HOST = st.lists(LABEL | INTERNATIONAL, min_size=1, max_size=3).map(".".join) | st.sampled_from(
    ["localhost", "127.0.0.1", "[::1]"]
)
PORT = st.just("") | st.integers(0, 70000).map(":{}".format)
ORIGIN = st.builds("{}://{}{}".format, st.sampled_from(["https", "http"]), HOST, PORT)
SPOILT = st.builds(
    lambda origin, at, what: origin[: at % (len(origin) + 1)] + what + origin[at % (len(origin) + 1) :],
    ORIGIN,
    st.integers(0, 40),
    st.text(alphabet="@/\\?#:%.[]-_ \t\r\n\0aA0\u3002\uff0e\u00ad\u200b\u2024\uff0f\u2100", min_size=1, max_size=3)
    | st.characters(),
)
PLAIN = st.from_regex(r"(/[A-Za-z0-9._~-]{1,6}){1,3}/?", fullmatch=True)
PATH = st.text(alphabet="/\\.?#%2e:@a \t\n", max_size=8) | st.text(max_size=8)
TOKEN = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True)


def as_browsers_read(url):
    """The host, path, query and fragment that the WHATWG URL standard finds in an absolute URL of http or https."""
    url = re.sub(r"[\t\n\r]", "", url.strip("".join(map(chr, range(0x21)))))
    scheme, rest = re.fullmatch(r"(https?):[/\\]*(.*)", url, re.DOTALL | re.IGNORECASE).groups()
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, path = re.fullmatch(r"([^/\\]*)(.*)", rest, re.DOTALL).groups()
    host = re.sub(r":[0-9]*$", "", authority.rpartition("@")[2])
    steps = []
    for step in path.replace("\\", "/").split("/")[1:]:
        dots = step.lower().replace("%2e", ".")
        if dots == "..":
            steps = steps[:-1]
        elif dots != ".":
            steps.append(step)
    last = host.rstrip(".").rpartition(".")[2]
    assert host in {"127.0.0.1", "[::1]"} or not re.fullmatch(r"[0-9]+|0[xX][0-9A-Fa-f]*", last), (
        "a number: another host than it looks"
    )
    return scheme.lower(), host, "/" + "/".join(steps), query, fragment


def hosts(url):
    return {urlsplit(url).hostname, as_browsers_read(url)[1].strip("[]")}


def made(**knobs):
    try:
        return Links(**knobs)
    except ConfigError:
        reject()


@given(origin=ORIGIN | ORIGIN | SPOILT, path=PLAIN | PLAIN | PATH, token=TOKEN, purpose=st.sampled_from(PURPOSES))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_every_reader_finds_the_configured_host_and_the_token_in_the_fragment_alone(origin, path, token, purpose):
    links = made(origin=origin, reset=path, unlock=path, verify=path)
    url = links.url(evolve(RESET, purpose=purpose, link=token))
    host = re.fullmatch(r"https?://(.*?)(:[0-9]+)?", origin)[1].strip("[]")
    assert hosts(url) == {host}
    scheme, _, read, query, fragment = as_browsers_read(url)
    parts = urlsplit(url)
    assert (parts.scheme, parts.path, parts.query, parts.fragment) == (scheme, path, "", token)
    assert (read, query, fragment) == (path, "", token)
    assert parts.username is None
    assert url.isascii()
    assert url.isprintable()
    assert scheme == "https" or host in {"localhost", "127.0.0.1", "::1"}


@given(link=st.text(max_size=30), origin=ORIGIN)
def test_no_link_of_a_message_moves_the_host(link, origin):
    links = made(origin=origin)
    try:
        url = links.url(evolve(RESET, link=link))
    except ConfigError:
        assert not re.fullmatch(r"[A-Za-z0-9_-]+", link, re.ASCII)
    else:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", link, re.ASCII)
        assert url == f"{origin}/reset#{link}"


@given(
    message=st.builds(
        lambda words, address, locale: evolve(RESET, subject=words, tenant=words, key=words, address=address, locale=locale),
        st.text(max_size=20),
        st.text(max_size=20),
        st.text(max_size=20),
    )
)
def test_of_a_message_nothing_but_the_purpose_and_the_token_shows_in_a_link(message):
    assert Links(origin="https://example.org").url(message) == f"https://example.org/reset#{RESET.link}"


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "https://accounts.example.org:8443",
        "https://xn--exmple-cua.org",
        "https://xn--strae-oqa.de",
        "https://xn--80ak6aa92e.com",
        "https://intranet",
        "http://localhost",
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "https://[::1]",
    ],
)
def test_an_origin_is_a_scheme_and_a_host(origin):
    assert Links(origin=origin).url(RESET) == f"{origin}/reset#{RESET.link}"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"https://example.org",
        "",
        "example.org",
        "//example.org",
        "http://example.org",
        "http://localhost.example.org",
        "http://127.0.0.2",
        "http://127.1",
        "javascript://example.org",
        "ftp://example.org",
        "HTTPS://example.org",
        "https://Example.org",
        "https:/example.org",
        "https:///example.org",
        "https:\\\\example.org",
        "https://example.org/",
        "https://example.org/app",
        "https://example.org?x",
        "https://example.org#x",
        "https://ok.com@evil.example",
        "https://evil.example/ok.com",
        "https://evil.example\\@ok.com",
        "https://ok.com:pass@evil.example",
        "https://example.org:",
        "https://example.org:0",
        "https://example.org:0443",
        "https://example.org:65536",
        "https://example.org:80@evil.example",
        "https://example.org:evil.example",
        "https://example.org\n",
        "https://exam\tple.org",
        "https://example.org\0.evil.example",
        " https://example.org",
        "https://",
        "https://.",
        "https://.example.org",
        "https://example.org.",
        "https://example..org",
        "https://-example.org",
        "https://example-.org",
        "https://exa_mple.org",
        "https://example%2eorg",
        "https://exämple.org",
        "https://example\N{IDEOGRAPHIC FULL STOP}org",
        "https://ex\N{FULLWIDTH LATIN SMALL LETTER A}mple.org",
        "https://xn--example.org",
        "https://xn--.org",
        "https://xn--a-.org",
        "https://ab--cd.org",
        "https://1.2.3.4",
        "https://2130706433",
        "https://0x7f.1",
        "https://example.0x1",
        "https://example.1",
        "https://[::ffff:127.0.0.1]",
        "https://[fe80::1%25eth0]",
        "https://" + "a" * 64 + ".org",
        "https://" + "a.bcd." * 50 + "org",
    ],
)
def test_what_two_readers_could_take_for_two_hosts_is_refused(origin):
    with pytest.raises(ConfigError) as error:
        Links(origin=origin)
    assert error.value.remedy


@pytest.mark.parametrize("page", ["reset", "unlock", "veto"])
@pytest.mark.parametrize(
    "path",
    [None, "", "reset", "//evil.example", "/\\evil.example", "\\evil", "/a//b", "/..", "/../x", "/a/../b", "/./a", "/.", "/a?b",
     "/a#b", "/%2e%2e/a", "/a%2fb", "/a b", "/a\n", "/ä", "/a;b", "/@evil.example", ".evil.example", ":80@evil.example"],
)  # fmt: skip
def test_a_path_stays_within_the_origin(page, path):
    with pytest.raises(ConfigError, match=f"{page} is no plain path"):
        Links(origin="https://example.org", **{page: path})


@pytest.mark.parametrize("path", ["/", "/reset", "/account/new-password/", "/a.b/~c_d", "/...", "/.well-known/reset"])
def test_a_plain_path_is_kept_as_it_is(path):
    assert Links(origin="https://example.org", reset=path).url(RESET) == f"https://example.org{path}#{RESET.link}"


def test_a_link_that_opens_a_lane_leads_to_a_page_of_its_own():
    links = Links(origin="https://example.org", reset="/r", unlock="/u", verify="/a")
    urls = [links.url(evolve(RESET, purpose=purpose)) for purpose in PURPOSES]
    assert [urlsplit(url).path for url in urls] == ["/r", "/r", "/u", "/a"]


def test_what_contacts_and_administrators_bring_about_has_its_pages():
    links = Links(origin="https://example.org", reset="/r", vouch="/v")
    assert links.url(evolve(RESET, purpose=MessagePurpose.CONTACT_SHARE)) == f"https://example.org/v#{RESET.link}"
    assert links.url(evolve(RESET, purpose=MessagePurpose.RECOVERY_LINK)) == f"https://example.org/r#{RESET.link}"


def test_a_token_stands_in_the_query_where_somebody_must():
    links = Links(origin="https://example.org", place="query")
    assert links.url(RESET) == f"https://example.org/reset?token={RESET.link}"
    with pytest.raises(ConfigError, match="place"):
        Links(origin="https://example.org", place="path")


@pytest.mark.parametrize("purpose", sorted(set(MessagePurpose) - set(PURPOSES) - set(VOUCHED)))
def test_a_link_that_has_no_page_is_shown_to_none(purpose):
    with pytest.raises(ConfigError, match="no page"):
        Links(origin="https://example.org").url(evolve(RESET, purpose=purpose))


def test_a_veto_leads_to_its_page_whatever_the_notice_is_about():
    notices = [evolve(RESET, purpose=purpose, link=None, veto="dmV0bw") for purpose in MessagePurpose]
    urls = {Links(origin="https://example.org").url(notice) for notice in notices}
    assert urls == {"https://example.org/veto#dmV0bw"}


@pytest.mark.parametrize("spoilt", [{"link": None}, {"link": ""}, {"veto": "dmV0bw"}])
def test_a_message_with_no_link_or_two_has_no_url(spoilt):
    with pytest.raises(ConfigError, match="no link"):
        Links(origin="https://example.org").url(evolve(RESET, **spoilt))


def test_there_is_no_default_origin():
    with pytest.raises(TypeError, match="origin"):
        Links()


def test_every_link_that_the_engine_makes_has_a_page():
    w = world()
    w.sign_up(password=None)
    w.engine.admin.initial_password("u1", actor="root")
    w.sign_up("u2", "bob@example.org")
    w.engine.add_address(w.sign_in("bob@example.org").session, "b@example.org", context=w.context())
    w.reset_link("bob@example.org")
    for number in range(60):
        w.engine.sign_in("bob@example.org", f"guess {number}", context=w.context(f"198.51.100.{number}"))
        w.clock.advance(minutes=31)
    w.deliver()
    links = Links(origin="https://example.org")
    urls = {one.purpose: links.url(one) for one in w.messenger.messages if one.link}
    assert set(urls) == set(PURPOSES)
    assert all(re.fullmatch(r"https://example\.org/(reset|unlock|verify)#[A-Za-z0-9_-]+", url) for url in urls.values())


def test_neither_an_operation_nor_a_fact_of_a_request_nor_an_account_names_a_host():
    """Links are for whoever renders messages: the engine does not even know them."""
    operations = [getattr(face, name) for face in (Engine, AsyncEngine) for name in vars(face) if not name.startswith("_")]
    taken = {name for one in operations if callable(one) for name in inspect.signature(one).parameters}
    taken |= {name for face in (Engine, AsyncEngine) for name in inspect.signature(face).parameters}
    taken |= {one.name for kind in (Context, Account) for one in fields(kind)}
    assert not {name for name in taken if re.search("host|url|uri|link|origin|base|redirect|next|domain|path", name)} - {"link"}
    assert "link" in inspect.signature(Engine.inspect_reset).parameters  # the token, to look at
