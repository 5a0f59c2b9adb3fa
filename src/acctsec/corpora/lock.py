"""One at a time makes a file; the right to is given back by the system when its holder dies."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acctsec.errors import ConfigError


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the right to make *path*. Raises ConfigError while another one has it."""
    name = path.with_name(f"{path.name}.lock.part")
    descriptor = _held(name, path)
    try:
        yield
    finally:
        if sys.platform != "win32":  # which removes no open file
            name.unlink(missing_ok=True)
        os.close(descriptor)
        if sys.platform == "win32":
            with suppress(OSError):
                name.unlink()


def _held(name: Path, path: Path) -> int:
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(descriptor):
            os.close(descriptor)
            raise ConfigError(f"Another run is making {path}.", remedy="Wait for it, or name another file.")
        with suppress(FileNotFoundError):
            if os.path.samestat(name.stat(), os.fstat(descriptor)):
                return descriptor
        os.close(descriptor)  # whoever had it removed it meanwhile: what is locked here has no name any more


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
