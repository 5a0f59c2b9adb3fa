"""
The packages we are measured beside. ``make bench`` installs them; without them their cells stay empty.

Django runs without a project, on an SQLite file in WAL mode at synchronous=NORMAL, with a hasher that does no work.
"""

import atexit
import sys
import tempfile
import types
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

from attrs import frozen

AXES = "axes.backends.AxesStandaloneBackend"
MODEL = "django.contrib.auth.backends.ModelBackend"
USERS = 500


@frozen
class Django:
    """A Django that is set up: its user model, and what the measurements call."""

    users: object
    connection: object
    factory: object
    authenticate: Callable[..., object]
    settings: object

    def use(self, *backends: str) -> None:
        """Say who authenticates from now on."""
        self.settings.AUTHENTICATION_BACKENDS = list(backends)


def has(*packages: str) -> bool:
    """Whether all of these are installed."""
    return all(find_spec(package) for package in packages)


@cache
def django() -> Django | None:
    """Django with django-axes, set up once; None where they are not installed."""
    if not has("django", "axes"):
        return None
    import logging

    import django
    from django.conf import settings

    logging.disable(logging.CRITICAL)
    folder = tempfile.TemporaryDirectory(prefix="acctsec-bench-django-")
    atexit.register(folder.cleanup)
    settings.configure(
        SECRET_KEY="x" * 50,
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "axes"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{folder.name}/django.sqlite3",
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                },
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        AUTHENTICATION_BACKENDS=[MODEL],
        PASSWORD_HASHERS=[_no_work_hasher()],
        SILENCED_SYSTEM_CHECKS=["axes.W001", "axes.W002", "axes.W003"],
        AXES_FAILURE_LIMIT=10**9,
        AXES_LOCKOUT_PARAMETERS=["username", "ip_address"],
        AXES_COOLOFF_TIME=1,
    )
    django.setup()
    from django.contrib.auth import authenticate, get_user_model
    from django.core.management import call_command
    from django.db import connection
    from django.test import RequestFactory

    call_command("migrate", verbosity=0)
    users = get_user_model()
    users.objects.create_user("alice", "alice@example.org", "right")
    users.objects.bulk_create([users(username=f"u{n}", email=f"u{n}@example.org", password="nowork$s$x") for n in range(USERS)])
    return Django(users, connection, RequestFactory(), authenticate, settings)


def _no_work_hasher() -> str:
    from django.contrib.auth.hashers import BasePasswordHasher

    class Hasher(BasePasswordHasher):
        algorithm = "nowork"

        def salt(self) -> str:
            return "s"

        def encode(self, password: str, salt: str) -> str:
            return f"nowork$s${password}"

        def decode(self, encoded: str) -> dict[str, str]:
            return {"algorithm": "nowork", "salt": "s", "hash": encoded.split("$", 2)[2]}

        def verify(self, password: str, encoded: str) -> bool:
            return encoded == f"nowork$s${password}"

        def must_update(self, encoded: str) -> bool:
            return False

        def harden_runtime(self, password: str, encoded: str) -> None:
            pass

    module = types.ModuleType("acctsec_bench_hasher")
    module.Hasher = Hasher
    sys.modules[module.__name__] = module
    return f"{module.__name__}.Hasher"
