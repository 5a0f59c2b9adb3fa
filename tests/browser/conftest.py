"""A real Chromium on a real page, with the virtual authenticator of its DevTools. `make test-browser` says what is missing."""

import os
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.browser.needs import chromedriver, chromium, missing

PAGE = b"<!doctype html><meta charset=utf-8><title>Sign in</title><input autocomplete='username webauthn'>"

CREATE = """
const [options, done] = arguments;
navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})
  .then(made => done(made.toJSON()), error => done({error: error.name}));
"""

GET = """
const [options, extra, done] = arguments;
navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...extra})
  .then(made => done(made.toJSON()), error => done({error: error.name}));
"""


class Page(BaseHTTPRequestHandler):
    """One page with a name field, whatever is asked for."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


class Browser:
    """Chromium on the page, and the authenticator it reaches."""

    def __init__(self, driver, origin) -> None:
        self.driver, self.origin = driver, origin
        self._command("WebAuthn.enable", enableUI=False)
        self.authenticator = None

    def plug(self, **properties):
        """Put another authenticator in place of the last: one of a phone, if nothing else is said."""
        if self.authenticator:
            self._command("WebAuthn.removeVirtualAuthenticator", authenticatorId=self.authenticator)
        usual = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            "defaultBackupEligibility": True,
            "defaultBackupState": True,
        }
        self.authenticator = self._command("WebAuthn.addVirtualAuthenticator", options=usual | properties)["authenticatorId"]

    def verify(self, *, verified):
        """Whether the next PIN or finger is the right one."""
        self._command("WebAuthn.setUserVerified", authenticatorId=self.authenticator, isUserVerified=verified)

    def credentials(self):
        """What the authenticator holds, as DevTools tell it."""
        return self._command("WebAuthn.getCredentials", authenticatorId=self.authenticator)["credentials"]

    def set_counter(self, credential, counter):
        """Act a clone: the same key, with a counter of its own."""
        command = partial(self._command, authenticatorId=self.authenticator)
        command("WebAuthn.removeCredential", credentialId=credential["credentialId"])
        command("WebAuthn.addCredential", credential=credential | {"signCount": counter})

    def create(self, options):
        """What the page answers to creation options."""
        return self.driver.execute_async_script(CREATE, options)

    def get(self, options, **extra):
        """What the page answers to request options."""
        return self.driver.execute_async_script(GET, options, extra)

    def _command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)


@pytest.fixture(scope="session")
def site():
    """The origin of a page on localhost, which counts as secure."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def _driver():
    if gaps := missing():
        pytest.skip(" ".join(gaps))
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium()
    for argument in (
        "--headless=new",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root
    service = webdriver.ChromeService(executable_path=chromedriver())
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(20)
    yield driver
    driver.quit()


@pytest.fixture
def browser(_driver, site):
    """A browser with an authenticator of its own."""
    _driver.get(site)
    made = Browser(_driver, site)
    made.plug()
    yield made
    made._command("WebAuthn.disable")
