"""A picture that a phone reads and a sheet that a person can use; and the secret is on them and nowhere else."""

import logging
import re
import sys
from datetime import date
from xml.etree import ElementTree as ET

import pytest
import segno
import zxingcpp as zxing
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec import ConfigError, Links
from acctsec.mfa import recovery
from acctsec.mfa.enrolment import MAX_URI, Printed, printable, qr_svg, qr_text
from acctsec.mfa.totp import provisioning_uri
from acctsec.password.feedback import LANGUAGES, catalogue
from acctsec.testing import world

URI = provisioning_uri(bytes(range(20)), account="alice@example.org", issuer="Example")
CODES = tuple(recovery.text(bytes([n]) * 10) for n in range(10))
SVG = "{http://www.w3.org/2000/svg}"
DAY = date(2026, 11, 30)

URIS = st.builds(
    provisioning_uri,
    st.binary(min_size=20, max_size=20),
    account=st.text(st.characters(exclude_characters=":", exclude_categories=["C"]), min_size=1, max_size=40),
    issuer=st.text(st.characters(exclude_characters=":", exclude_categories=["C"]), min_size=1, max_size=20),
)


def drawn(svg):
    """The dark modules of a picture, painted from its path."""
    root = ET.fromstring(svg)
    side = int(root.get("viewBox").split()[-1])
    rows = [[False] * side for _ in range(side)]
    path = root.find(f"{SVG}path").get("d")
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{wide}v1h-{back}z" for x, y, wide, back in runs) == path
    for x, y, wide, back in runs:
        assert wide == back
        rows[int(y)][int(x) : int(x) + int(wide)] = [True] * int(wide)
    return rows


def shown(text):
    """The dark modules of a picture in half blocks, as a terminal paints it: ink is dark."""
    rows = []
    for line in text.split("\n"):
        inside = re.fullmatch(r"\x1b\[38;5;16;48;5;231m([ \u2580\u2584\u2588]+)\x1b\[0m", line)[1]
        rows += [[char in "\u2580\u2588" for char in inside], [char in "\u2584\u2588" for char in inside]]
    return rows


def read(rows, *, scale=4, inverted=False):
    """What a reader of barcodes reads; it is not the program that made the picture."""
    pixels = bytes(0 if dark != inverted else 255 for row in rows for _ in range(scale) for dark in row for _ in range(scale))
    picture = memoryview(pixels).cast("B", shape=[len(rows) * scale, len(rows[0]) * scale])
    found = zxing.read_barcodes(
        picture, formats=zxing.BarcodeFormat.QRCode, try_invert=False
    )  # as an authenticator app looks for
    return [one.text for one in found]


@settings(max_examples=50)
@given(URIS)
def test_a_reader_reads_from_both_pictures_what_was_written(uri):
    """A camera sees many sizes: one of three is read, and none is read as anything else."""
    for rows in (drawn(qr_svg(uri, title="t")), shown(qr_text(uri))):
        frames = [read(rows, scale=scale) for scale in (3, 4, 5)]
        assert [uri] in frames
        assert all(frame in ([], [uri]) for frame in frames)


def test_the_reader_of_these_tests_does_not_read_everything():
    """The guard guards: turned around, or without its quiet zone and a corner, nothing is read."""
    rows = drawn(qr_svg(URI, title="t"))

    assert read(rows) != []
    assert read(rows, inverted=True) == []
    assert read([row[12:] for row in rows[12:]]) == []


@settings(max_examples=50)
@given(URIS)
def test_both_pictures_are_one(uri):
    """Module by module, with four light ones around; half blocks have one light row more, as rows are odd."""
    rows = drawn(qr_svg(uri, title="t"))
    code = segno.make(uri, micro=False, error="m")

    assert rows == [[bool(cell) for cell in row] for row in code.matrix_iter(border=4)]
    assert shown(qr_text(uri)) == [*rows, [False] * len(rows)]
    assert not any(map(any, [*rows[:4], *rows[-4:], *(row[:4] for row in rows), *(row[-4:] for row in rows)]))


def test_a_usual_uri_stays_coarse_and_corrects_at_least_level_m():
    """A camera reads large modules; L would leave nothing for a reflection."""
    rows = drawn(qr_svg(URI, title="t"))
    ranks = {"L": 0, "M": 1, "Q": 2, "H": 3}

    assert len(rows) - 8 == 41
    assert len(qr_text(URI).split("\n")) == 25
    assert ranks[segno.make(URI, micro=False, error="m").error] >= ranks["M"]


def test_the_largest_picture_is_made_and_no_larger_one():
    """A name too long for a picture is refused in words, not by the encoder."""
    largest = "otpauth://" + "a" * (MAX_URI - 10)

    assert len(drawn(qr_svg(largest, title="t"))) == 177 + 8
    with pytest.raises(ConfigError, match="otpauth URI"):
        qr_svg(largest + "a", title="t")


def test_the_picture_says_what_it_is_and_refers_to_nothing():
    """To a screen reader; and no id, style or address could clash, be blocked or tell anybody."""
    svg = qr_svg(URI, title='Key for "Chirp" & <friends>', description="The key is below.")
    root = ET.fromstring(svg)
    names = {name for element in root.iter() for name in element.attrib}

    assert root.get("role") == "img"
    assert root.get("aria-label") == root[0].text == 'Key for "Chirp" & <friends>'
    assert [element.tag.removeprefix(SVG) for element in root.iter()] == ["svg", "title", "desc", "rect", "path"]
    assert root[1].text == "The key is below."
    assert names == {"role", "aria-label", "viewBox", "width", "height", "shape-rendering", "fill", "d"}
    assert svg.count("://") == 1  # the namespace
    assert "\n" not in svg


def test_the_picture_is_dark_on_its_own_light_ground():
    """In dark mode nothing of the page shows through, and the ground lies below the modules."""
    _, ground, modules = ET.fromstring(qr_svg(URI, title="t"))

    assert (ground.get("fill"), modules.get("fill")) == ("#fff", "#000")
    assert ground.get("width") == ground.get("height") == "49"
    assert (ground.get("x"), ground.get("y")) == (None, None)


def test_the_same_uri_is_the_same_picture():
    assert qr_svg(URI, title="t") == qr_svg(URI, title="t")
    assert qr_text(URI) == qr_text(URI)


@settings(max_examples=100)
@given(st.text(max_size=40))
def test_no_title_gets_out_of_its_place(title):
    """Whatever it is made of: refused, or read back as it was given."""
    try:
        svg = qr_svg(URI, title=title)
    except ConfigError:
        assert not 0 < len(title) <= 200 or not title.isprintable()
    else:
        root = ET.fromstring(svg)
        assert root[0].text == root.get("aria-label") == title
        assert len(root) == 3


@pytest.mark.parametrize(
    "uri", ["", "https://example.org/?secret=ABCDEFGH", "otpauth://", URI + "\n", URI + " x", URI + "é", None, 7]
)
@pytest.mark.parametrize("picture", [lambda uri: qr_svg(uri, title="t"), qr_text], ids=["svg", "text"])
def test_a_picture_is_of_an_otpauth_uri_alone_and_the_refusal_does_not_show_it(picture, uri):
    with pytest.raises(ConfigError) as refused:
        picture(uri)
    assert "ABCDEFGH" not in str(refused.value) and "secret=" not in str(refused.value)


def test_without_segno_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "segno", None)

    with pytest.raises(ConfigError, match=r"acctsec\[qr\]"):
        qr_svg(URI, title="t")


# --- the sheet --------------------------------------------------------------------------------------------------------


def sheet(codes=CODES, *, service="Example", account="alice@example.org", language="en", translations=None):
    translations = translations or catalogue(language)
    return printable(codes, service=service, account=account, made=DAY, translations=translations)


def on_paper(text):
    """Number → code, as they stand on a sheet."""
    return {int(number): code for number, code in re.findall(r"\[ \] +(\d+)\. (\S+)", text)}


@given(st.lists(st.binary(min_size=10, max_size=10), min_size=1, max_size=100), st.sampled_from(LANGUAGES))
def test_every_code_is_on_the_sheet_once_and_numbered(raw, language):
    """In the order given, in two columns, and no line is wider than paper."""
    codes = [recovery.text(one) for one in raw]
    text = sheet(codes, language=language)

    assert on_paper(text) == dict(enumerate(codes, 1))
    rows = [line for line in text.split("\n") if "[ ]" in line]
    assert len(rows) == (len(codes) + 1) // 2
    assert all(len(row) <= 64 and row == row.rstrip() for row in rows)
    assert str(len(codes)) in text.split("[ ]")[0]


def test_a_sheet_says_what_the_codes_are_for():
    assert sheet(CODES[:3]).split("\n") == [
        "Recovery codes of alice@example.org for Example.",
        "",
        "Made on 2026-11-30.",
        "A code opens your account when your phone or your security key is not at hand. Type it where Example asks for a code.",
        "There are 3 codes. Each works once: tick it when you have used it.",
        "All codes that you had before no longer work. Make new ones when few are left.",
        "Keep this sheet like a key to your home, and not in one bag with your phone.",
        "Nobody from Example will ever ask you for a code by phone, mail or message.",
        "",
        "[ ] 1. 0000-0000-0000-0000    [ ] 3. 0810-40g2-0810-40g2",
        "[ ] 2. 040g-2081-040g-2081",
        "",
    ]


def test_one_code_is_counted_as_one():
    assert "There is one code." in sheet(CODES[:1])
    assert "共有 1 个代码" in sheet(CODES[:1], language="zh_CN")


@settings(max_examples=100)
@given(st.text(max_size=400))
def test_no_account_name_makes_lines_of_its_own(account):
    """People choose their names: braces, line ends and text that runs backwards among them."""
    text = sheet(account=account)

    assert len(text.split("\n")) == len(sheet().split("\n"))
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert on_paper(text) == dict(enumerate(CODES, 1)) or "[ ]" in account


@pytest.mark.parametrize(
    "codes", [(), CODES * 11, ("0000-0000-0000-000O",), (None,), "0000-0000-0000-0000", ("hunter2-hunter2",)]
)
def test_what_is_no_recovery_code_is_not_printed_and_not_shown(codes):
    with pytest.raises(ConfigError) as refused:
        sheet(codes)
    assert "hunter2" not in str(refused.value) and "0000" not in str(refused.value)


@pytest.mark.parametrize("service", ["", "a\nb", "x" * 201, None])
def test_a_service_has_a_name(service):
    with pytest.raises(ConfigError, match="printable name"):
        sheet(service=service)


def test_translations_without_a_sentence_are_refused_and_with_the_fallback_are_not():
    from gettext import NullTranslations

    own = NullTranslations()
    with pytest.raises(ConfigError, match=Printed.TITLE.value):
        sheet(translations=own)
    own.add_fallback(catalogue("zh_CN"))
    assert sheet(translations=own) == sheet(language="zh_CN")


# --- and nowhere else -------------------------------------------------------------------------------------------------


def test_a_secret_of_enrolment_is_in_no_url_event_log_message_or_repr(caplog):
    """From the start of an authenticator to the codes: what is shown once on a page is nowhere else."""
    caplog.set_level(logging.DEBUG)
    w = world()
    w.sign_up()
    session = w.sign_in().session
    started = w.calls.enroll_totp(session, name="phone", context=w.context())
    app, session = w.enroll(session)
    issued = w.calls.issue_recovery_codes(session, context=w.context())
    w.calls.request_reset("alice@example.org", context=w.context())
    w.deliver()
    qr_svg(started.uri, title="t")
    sheet(issued.codes)

    links = Links(origin="https://example.org")
    urls = [links.url(one) for one in w.messenger.handed if one.link or one.veto]
    key = started.key.replace(" ", "")
    secrets = [started.uri, started.key, key, key.lower(), started.ticket, app.ticket, *issued.codes]
    told = [*urls, *map(repr, w.sink.handed), *map(repr, w.messenger.handed), caplog.text, repr(started), repr(issued)]

    assert key in started.uri and len(urls) >= 1 and len(w.sink.handed) > 3
    assert [secret for secret in secrets for one in told if secret in one] == []
    sent_to_servers = [url.partition("#")[0] for url in urls]
    tokens = [token for one in w.messenger.handed for token in (one.link, one.veto) if token]
    assert [token for token in tokens for url in sent_to_servers if token in url] == []
