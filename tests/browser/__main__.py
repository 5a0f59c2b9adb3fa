"""Say what the browser tests miss, or nothing: ``python -m tests.browser``."""

import sys

from tests.browser.needs import missing

if gaps := missing():
    print("make test-browser cannot run yet:", *gaps, sep="\n  ", file=sys.stderr)
    sys.exit(1)
