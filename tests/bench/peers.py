"""
The packages we are measured beside. ``make bench`` installs them; without them their cells stay empty.

Django runs without a project, with a hasher that does no work, on an SQLite file in WAL mode at synchronous=NORMAL or on the
PostgreSQL that everything else is measured on, at synchronous_commit=off.
"""

import atexit
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from attrs import frozen

AXES = "axes.backends.AxesStandaloneBackend"
MODEL = "django.contrib.auth.backends.ModelBackend"
DATABASE = "axes.handlers.database.AxesDatabaseHandler"
CACHE = "axes.handlers.cache.AxesCacheHandler"
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

    def limit_by(self, handler: str) -> None:
        """Say where django-axes counts from now on."""
        from axes.handlers.proxy import AxesProxyHandler

        self.settings.AXES_HANDLER = handler
        AxesProxyHandler.get_implementation(force=True)

    @contextmanager
    def on_postgres(self, conninfo: str) -> Iterator[None]:
        """Meanwhile its tables are in an empty database of PostgreSQL."""
        from django.db import connections
        from psycopg.conninfo import conninfo_to_dict

        given, sqlite = conninfo_to_dict(conninfo), connections["default"]
        settings = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": given["dbname"],
            "USER": given["user"],
            "PASSWORD": given.get("password", ""),
            "HOST": given["host"],
            "PORT": given["port"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {"options": given["options"]},
        }
        connections.settings["postgres"] = connections.configure_settings({"default": settings})["default"]
        connections["default"] = connections["postgres"] = connections.create_connection("postgres")
        try:
            _fill(self.users)
            yield
        finally:
            connections["default"].close()
            del connections["postgres"]
            connections["default"] = sqlite

    @contextmanager
    def cached_in(self, url: str) -> Iterator[None]:
        """Meanwhile its cache is a Valkey or Redis, and django-axes counts there."""
        from django.core.cache import caches

        before = caches.settings["default"]
        caches.settings["default"] = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
        caches["default"] = caches.create_connection("default")
        self.limit_by(CACHE)
        try:
            yield
        finally:
            caches.settings["default"] = before
            caches["default"] = caches.create_connection("default")
            self.limit_by(DATABASE)


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
    from django.db import connection
    from django.test import RequestFactory

    users = get_user_model()
    _fill(users)
    return Django(users, connection, RequestFactory(), authenticate, settings)


def _fill(users) -> None:
    """Make the tables, and people in them."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    users.objects.create_user("alice", "alice@example.org", "right")
    users.objects.bulk_create([users(username=f"u{n}", email=f"u{n}@example.org", password="nowork$s$x") for n in range(USERS)])


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
