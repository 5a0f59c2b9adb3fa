"""
What the host gives to hashing: cores, memory, large pages, and the way Argon2 was built.

Nothing is guessed: what cannot be read is None.
"""

import os
import re
from collections.abc import Iterator
from enum import Enum
from importlib.util import find_spec
from math import ceil
from pathlib import Path, PurePosixPath

from attrs import frozen

_ROOT = Path("/")


class Build(Enum):
    """Which instructions the C library of argon2-cffi was built with."""

    SSE2 = "SSE2"  # what wheels are published with, since it runs on every x86-64
    WIDE = "AVX2 or AVX-512"
    UNKNOWN = "unknown"  # not an x86, or a library of the system's


@frozen(kw_only=True)
class Host:
    """
    What this process may use.

    *cores* are those it may run on, *quota* how much time of theirs its container grants, in cores. *memory_kib* is of the
    machine, *limit_kib* of the container. *large_pages* is the system's rule: ``always``, ``madvise`` or ``never``.
    *vectors* are the wide instructions that the CPU has, *load* how many threads wanted a core over the last minute.
    """

    cores: int
    quota: float | None
    memory_kib: int | None
    limit_kib: int | None
    large_pages: str | None
    build: Build
    vectors: tuple[str, ...]
    load: float | None

    @property
    def usable_cores(self) -> int:
        """Hashes at once that gain anything: more than the quota would only be stopped halfway."""
        return _granted(self.cores, self.quota)

    @property
    def usable_kib(self) -> int | None:
        """Memory beyond which the process is stopped, or the machine swaps."""
        return min((kib for kib in (self.memory_kib, self.limit_kib) if kib is not None), default=None)


def read(root: Path = _ROOT) -> Host:
    """Look at this host; *root* is where its file system begins."""
    return Host(
        cores=_cores(),
        quota=_quota(root),
        memory_kib=_memory_kib(),
        limit_kib=_limit_kib(root),
        large_pages=_large_pages(root),
        build=_build(_binding()),
        vectors=_vectors(root),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def usable_cores(root: Path = _ROOT) -> int:
    """Cores that this process may use: by its affinity, and by the quota of its container."""
    return _granted(_cores(), _quota(root))


def _granted(cores: int, quota: float | None) -> int:
    return cores if quota is None else min(cores, max(1, ceil(quota)))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_kib() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def _quota(root: Path) -> float | None:
    """The least of what all control groups above this process grant."""
    granted = []
    for group in _groups(root, "cpu"):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        if not quota:
            quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):  # not "max", not -1
            granted.append(int(quota) / int(period))
    return min(granted, default=None)


def _limit_kib(root: Path) -> int | None:
    limits = []
    for group in _groups(root, "memory"):
        limit = _text(group / "memory.max") or _text(group / "memory.limit_in_bytes")
        if limit.isdecimal() and int(limit) < 1 << 60:  # version 1 writes "none" as the greatest multiple of a page
            limits.append(int(limit) // 1024)
    return min(limits, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """
    The control groups of this process for a *controller*, from its own up to the root: each of them may limit it.

    Inside a container the path may be the host's, and nothing be there; then the root is the container's own group.
    """
    for controllers, path in re.findall(r"^\d+:([^:]*):(/.*)$", _text(root / "proc/self/cgroup"), flags=re.MULTILINE):
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        own = PurePosixPath(path)
        for group in (own, *own.parents):
            yield mount / group.relative_to("/")


def _large_pages(root: Path) -> str | None:
    chosen = re.search(r"\[(\w+)\]", _text(root / "sys/kernel/mm/transparent_hugepage/enabled"))
    return chosen[1] if chosen else None


def _vectors(root: Path) -> tuple[str, ...]:
    flags = re.search(r"^flags\s*:(.*)$", _text(root / "proc/cpuinfo"), flags=re.MULTILINE)
    present = flags[1].split() if flags else []
    return tuple(name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512")) if flag in present)


def _binding() -> bytes:
    """The machine code that argon2-cffi calls."""
    try:
        found = find_spec("_argon2_cffi_bindings._ffi")
    except ModuleNotFoundError:  # it is not argon2-cffi's public name
        return b""
    return Path(found.origin).read_bytes() if found and found.origin else b""


def _build(library: bytes) -> Build:
    """
    Tell from the machine code how the block function multiplies.

    It consists of ``pmuludq``, opcode F4: behind 66 0F it works on the 128 bits of SSE2, behind a prefix of AVX (C4, C5) or
    AVX-512 (62) on more. A build has some thirty of one kind; by chance there is none in so small a file.
    """
    narrow = len(re.findall(rb"\x66[\x40-\x4f]?\x0f\xf4", library))
    wide = len(re.findall(rb"(?:\xc5.|\xc4..|\x62...)\xf4", library, flags=re.DOTALL))
    if max(narrow, wide) < 8:
        return Build.UNKNOWN
    return Build.SSE2 if narrow > wide else Build.WIDE


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
