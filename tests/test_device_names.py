"""A device has a name that its owner knows it by, and nothing that a stranger writes gets into it."""

import re
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import ConfigError
from acctsec.devices import _BROWSERS, _SYSTEMS, MAX_NAME, device_name

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"

KNOWN = {
    f"{WINDOWS}; rv:145.0) Gecko/20100101 Firefox/145.0": "Firefox on Windows",
    f"{WINDOWS}) {BLINK} Safari/537.36": "Chrome on Windows",
    f"{WINDOWS}) {BLINK} Safari/537.36 Edg/142.0.0.0": "Edge on Windows",
    f"{WINDOWS}) {BLINK} Safari/537.36 OPR/124.0.0.0": "Opera on Windows",
    f"{WINDOWS}) {BLINK} Safari/537.36 Vivaldi/7.6": "Vivaldi on Windows",
    f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15": "Safari on macOS",
    f"{MAC} {BLINK} Safari/537.36": "Chrome on macOS",
    f"{IPHONE} Version/26.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    f"{IPHONE} CriOS/142.0 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
    f"{IPHONE} FxiOS/145.0 Mobile/15E148 Safari/605.1.15": "Firefox on iPhone",
    f"{IPHONE} EdgiOS/142.0 Version/18.0 Mobile/15E148 Safari/604.1": "Edge on iPhone",
    f"{IPAD} Version/26.1 Mobile/15E148 Safari/604.1": "Safari on iPad",
    f"{PHONE} Chrome/142.0.0.0 Mobile Safari/537.36": "Chrome on Android",
    f"{PHONE} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36": "Samsung Internet",
    f"{PHONE} Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0": "Edge on Android",
    "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0": "Firefox on Android",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/A; wv) AppleWebKit/537.36 Version/4.0 Chrome/142.0 Mobile": "Android",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0": "Firefox on Linux",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Safari/537.36": "Chrome on ChromeOS",
    f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.60": "WeChat on iPhone",
    "okhttp/5.1.0": "",
    "curl/8.15.0": "",
    "": "",
}


@pytest.mark.parametrize(("agent", "name"), KNOWN.items())
def test_usual_browsers_have_usual_names(agent, name):
    assert device_name(agent) == name


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Chirp/4.2 (iPhone; iOS 19.1; Scale/3.00)", "Chirp on iPhone"),
        ("Chirp/4.2 (Linux; Android 15)", "Chirp on Android"),
        (f"{IPHONE} Mobile/15E148 Chirp/4.2", "Chirp on iPhone"),
        ("NotChirp/4.2 (iPhone)", "iPhone"),
        ("Chirp-Studio-For-Business/1 (Windows NT 10.0)", "Chirp-Studio-For"),
    ],
)
def test_the_platforms_own_apps_have_their_names(agent, name):
    """Before the browser that they may be built on, and alone where the system would make it too long."""
    apps = ["Chirp", "Chirp-Studio-For"]
    assert device_name(agent.replace("-Business", ""), apps=apps) == name


@pytest.mark.parametrize("app", ["", "a" * 25, "a b", "a\n", "\N{LATIN SMALL LETTER E WITH ACUTE}", "a/b", "...", None, 7])
def test_an_app_has_a_plain_name(app):
    with pytest.raises(ConfigError):
        device_name("", apps=[app])


# By their marks alone, joined with anything: every way in which a header can name several at once.
PIECES = st.sampled_from([mark for mark, _ in (*_BROWSERS, *_SYSTEMS)] + ["Version/", "Safari/", "Chirp/", " "]) | st.text(
    max_size=9
)
NAMES = {name for _, name in _BROWSERS} | {"Safari", "Chirp", ""}
SYSTEMS = {name for _, name in _SYSTEMS} | {""}


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_header_writes_a_name_of_its_own(agent):
    """At most 24 bytes, each name from the table."""
    name = device_name(agent, apps=["Chirp"])
    browser, _, system = name.partition(" on ")

    assert len(name.encode("ascii")) <= MAX_NAME and re.fullmatch(r"[A-Za-z ]*", name)
    assert name in NAMES | SYSTEMS or (browser in NAMES and system in SYSTEMS)


@pytest.mark.parametrize("agent", [None, 7, b"Firefox/1", ["Firefox/1"], object()], ids=lambda agent: type(agent).__name__)
def test_what_is_no_text_has_no_name(agent):
    assert device_name(agent) == ""


class Odd(str):
    """Text that raises when it is looked at."""

    __slots__ = ()

    def __contains__(self, _):
        raise RuntimeError

    startswith = __getitem__ = __contains__


def test_text_of_another_kind_does_not_raise():
    assert device_name(Odd(f"{WINDOWS}) Firefox/1")) == "Firefox on Windows"


def test_a_hostile_header_is_read_in_no_more_than_its_beginning():
    """Megabytes cost what half a kilobyte does; nothing behind it is seen."""
    far = "a" * 512 + "Firefox/1 Windows"
    huge = "Mozilla/5.0 (" * 1_000_000
    start = perf_counter()
    for _ in range(100):
        device_name(huge)

    assert device_name(far) == ""
    assert perf_counter() - start < 1  # a scan of it all takes above 10 ms a time


@pytest.mark.parametrize("spice", ["\x00", "\x1b[31m", "\N{RIGHT-TO-LEFT OVERRIDE}", "<script>", "\r\n", "\ud800", "{0}", "%s"])
def test_no_trick_reaches_the_name(spice):
    assert device_name(f"{spice}Mozilla/5.0 (Windows NT 10.0{spice}) Firefox/145.0{spice}") == "Firefox on Windows"
