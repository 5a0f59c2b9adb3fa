"""
Names of devices for the list in which people look for a session that is not theirs.

A name is what a browser says of itself. Whoever steals a session can say the same, so it helps a person to recognise and
proves nothing: no decision rests on it.
"""

from collections.abc import Iterable

from acctsec.errors import ConfigError

MAX_NAME = 24  # bytes of ASCII: a column of a small screen, and a bounded part of a record
MAX_READ = 512  # characters of a user agent that are looked at; Context keeps 256

# First match wins: whoever builds on another browser names that one too, and Chrome names Safari.
_BROWSERS = (
    ("MicroMessenger/", "WeChat"),
    ("Instagram ", "Instagram"),
    ("FBAN/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("UCBrowser/", "UC Browser"),
    ("UBrowser/", "UC Browser"),
    ("UCMobile/", "UC Browser"),
    ("UCWEB", "UC Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("OPX/", "Opera"),
    ("OPiOS/", "Opera"),
    ("Opera", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex"),
    ("QQBrowser/", "QQ Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("; wv)", ""),  # a page inside some app of Android: it is not Chrome to the person
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("CrOS ", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def device_name(user_agent: object, *, apps: Iterable[str] = ()) -> str:
    """
    What a person would call a device: ``Firefox on Windows``; "" where nothing is known.

    Every answer is put together from a table and from *apps*, at most 24 bytes of ASCII, so nothing of the header
    itself gets out: no markup, no control characters, no text that runs backwards. It never raises for a *user_agent*, and
    looks at its first 512 characters alone. Where system and browser together are too long, the browser is named alone.

    *apps* are the product names of the platform's own apps, as they stand before a ``/`` in their user agents
    (``Chirp/4.2 (iPhone; iOS 19.1)``). Raises ConfigError for one that is not 1 to 24 letters, digits, ``.``, ``_`` or ``-``.

    iPads ask for desktop pages by default and then say that they are a Mac; browsers that hide among others are named as those.

    >>> device_name("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0")
    'Firefox on Windows'
    """
    own = tuple(_checked(app) for app in apps)
    if not isinstance(user_agent, str):
        return ""
    said = str.__getitem__(user_agent, slice(MAX_READ))
    browser = next((app for app in own if said.startswith(f"{app}/") or f" {app}/" in said), None)
    if browser is None:
        browser = next((name for mark, name in _BROWSERS if mark in said), None)
    if browser is None and "Version/" in said and "Safari/" in said:
        browser = "Safari" if "Android" not in said else ""
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    both = f"{browser} on {system}"
    return both if browser and system and len(both) <= MAX_NAME else browser or system


def _checked(app: object) -> str:
    plain = type(app) is str and app.isascii() and 0 < len(app) <= MAX_NAME
    if not plain or not str(app).translate({ord(char): None for char in "._-"}).isalnum():
        message = "An app has no plain name."
        raise ConfigError(message, remedy=f"Give 1 to {MAX_NAME} ASCII letters, digits, '.', '_' or '-'.")
    return str(app)
