"""Where a run is that may end in the middle: a small file that is whole at any moment."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from acctsec.errors import ConfigError


class Checkpoint:
    """
    A file with where a run is. It is replaced as a whole and is on the disk before the call returns: whenever the run is killed,
    the file is of before or of after.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any] | None:
        """What was written last, or None. Raises ConfigError for a file that is something else."""
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict) or found.get("format") != 1:
            raise ConfigError(f"{self.path} does not say where a run is.", remedy="Remove it, or name another file.")
        return found

    def write(self, state: Mapping[str, Any]) -> None:
        """Put *state* in its place."""
        beside = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps({"format": 1, **state}).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        flush_folder(self.path.parent)

    def remove(self) -> None:
        """There is nothing to take up again."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def flush_folder(folder: Path) -> None:
    """Have the disk know the names in a folder, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
