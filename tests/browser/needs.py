"""What the browser tests need beside the test environment, and how to get it. Nothing is installed from here."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec


def chromium():
    """The browser: the one that CHROMIUM names, or the first on the path."""
    return os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


def chromedriver():
    """Its driver: the one that CHROMEDRIVER names, or the one on the path."""
    return os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")


def missing():
    """One sentence for each thing that is not there or does not fit."""
    found = []
    if find_spec("selenium") is None:
        found.append("The Python package selenium is missing: .venv/bin/python -m pip install -r requirements/browser.txt")
    if chromium() is None:
        found.append("There is no Chromium: apt install chromium (Debian), or name one with CHROMIUM=/path/to/it.")
    if chromedriver() is None:
        found.append("There is no chromedriver: apt install chromium-driver (Debian), or name one with CHROMEDRIVER=/path/to/it.")
    if chromium() and chromedriver():
        browser, driver = _major(chromium()), _major(chromedriver())
        if browser is None or driver is None or browser != driver:
            found.append(f"Chromium is of version {browser}, chromedriver of {driver}: install both of one version.")
    return found


def _major(program):
    """The first number of a program's version, or None where it does not say."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    except OSError:
        return None
    number = re.search(r"\b(\d+)\.\d+", said)
    return number and int(number[1])
