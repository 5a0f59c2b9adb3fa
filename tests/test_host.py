"""What the host gives is read from the files of Linux, and nothing is guessed where there are none."""

import platform
import re
import sys
from datetime import timedelta
from importlib.metadata import distribution
from pathlib import Path

import pytest

from acctsec import _host
from acctsec._host import Build, Host, read, usable_cores
from acctsec.hashing.governor import Governor


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


UNLIMITED = "9223372036854771712"
CGROUPS = {
    "version 2, in a container": (
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n", "sys/fs/cgroup/memory.max": "536870912\n"},
        (1.5, 524_288),
    ),
    "version 2, limited further up": (
        {
            "proc/self/cgroup": "0::/shop.slice/web.service\n",
            "sys/fs/cgroup/shop.slice/web.service/cpu.max": "max 100000\n",
            "sys/fs/cgroup/shop.slice/cpu.max": "300000 100000\n",
            "sys/fs/cgroup/shop.slice/web.service/memory.max": "max\n",
            "sys/fs/cgroup/shop.slice/memory.max": "1073741824\n",
        },
        (3.0, 1_048_576),
    ),
    "version 2, the least of several": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
            "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/a/b/memory.max": "2097152\n",
            "sys/fs/cgroup/a/memory.max": "1048576\n",
        },
        (0.5, 1_024),
    ),
    "version 1, the path is the host's": (
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
        },
        (2.5, 262_144),
    ),
    "version 1, without limits": (
        {
            "proc/self/cgroup": "4:memory:/\n3:cpu:/\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
        },
        (None, None),
    ),
    "no control groups": ({}, (None, None)),
    "files that make no sense": (
        {"proc/self/cgroup": "what\n0::\n5:cpu\n0::/\n", "sys/fs/cgroup/cpu.max": "x y", "sys/fs/cgroup/memory.max": "\xff"},
        (None, None),
    ),
}


@pytest.mark.parametrize("name", CGROUPS)
def test_a_container_s_limits_are_found(tmp_path, name):
    files, expected = CGROUPS[name]

    host = read(tree(tmp_path, files))

    assert (host.quota, host.limit_kib) == expected


@pytest.mark.parametrize(
    ("quota", "usable"), [("max", 8), ("1000", 1), ("100000", 1), ("100001", 2), ("250000", 3), ("9900000", 8)]
)
def test_cores_are_those_of_the_quota_rounded_up(tmp_path, monkeypatch, quota, usable):
    """A thread more than the quota would be stopped in the middle of a hash, with its memory taken."""
    monkeypatch.setattr(_host, "_cores", lambda: 8)
    root = tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": f"{quota} 100000\n"})

    assert usable_cores(root) == read(root).usable_cores == usable


def test_the_governor_has_a_permit_for_each_of_them(monkeypatch):
    monkeypatch.setattr("acctsec._host.usable_cores", lambda: 3)

    assert Governor(permits=None, queue=1, patience=timedelta(seconds=1)).permits == 3


def test_memory_is_the_less_of_machine_and_container():
    def usable(memory, limit):
        return Host(
            cores=1, quota=None, memory_kib=memory, limit_kib=limit, large_pages=None, build=Build.UNKNOWN, vectors=(), load=None
        ).usable_kib

    assert [usable(8, 4), usable(4, 8), usable(8, None), usable(None, 4), usable(None, None)] == [4, 4, 8, 4, None]


@pytest.mark.parametrize(
    ("text", "chosen"), [("always [madvise] never", "madvise"), ("always madvise [never]", "never"), ("", None)]
)
def test_the_rule_for_large_pages_is_the_one_in_brackets(tmp_path, text, chosen):
    root = tree(tmp_path, {"sys/kernel/mm/transparent_hugepage/enabled": text} if text else {})

    assert read(root).large_pages == chosen


@pytest.mark.parametrize(
    ("flags", "vectors"),
    [("fpu sse2 avx avx2 avx512f", ("AVX2", "AVX-512")), ("sse2 avx2", ("AVX2",)), ("sse2 avx", ()), (None, ())],
)
def test_the_cpu_says_what_it_has(tmp_path, flags, vectors):
    files = {} if flags is None else {"proc/cpuinfo": f"model name\t: x\nflags\t\t: {flags}\nbugs\t\t:\n\nflags\t\t: {flags}\n"}

    assert read(tree(tmp_path, files)).vectors == vectors


SSE2 = bytes.fromhex("66440ff4c1 660ff4d0 90")
AVX2 = bytes.fromhex("c5fdf4c1 c4413df4d0 90")
AVX512 = bytes.fromhex("62f1fd48f4c1 90")


@pytest.mark.parametrize(
    ("code", "build"),
    [
        (SSE2 * 16, Build.SSE2),
        (AVX2 * 16, Build.WIDE),
        (AVX512 * 32, Build.WIDE),
        (AVX512 * 32 + SSE2, Build.WIDE),
        (SSE2 * 2, Build.UNKNOWN),
        (bytes(range(256)) * 200, Build.UNKNOWN),
        (b"", Build.UNKNOWN),
    ],
)
def test_a_build_is_told_by_how_it_multiplies(code, build):
    assert _host._build(b"\x7fELF" + code) is build


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="reads an x86 wheel")
def test_the_published_wheel_is_recognised():
    """It has SSE2 only; one that was built here is whatever its compiler was told."""
    wheel = distribution("argon2-cffi-bindings").read_text("WHEEL") or ""
    if not re.search(r"Tag: \S+-(manylinux|musllinux)", wheel):
        pytest.skip("argon2-cffi-bindings was built on this machine")

    assert read().build is Build.SSE2


def test_without_the_binding_nothing_is_claimed(monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(_host, "find_spec", gone)

    assert read(Path("/nowhere")).build is Build.UNKNOWN


def test_where_nothing_can_be_read_nothing_is_guessed(monkeypatch, tmp_path):
    """As on a system that is neither Linux nor POSIX."""
    for name in ("sched_getaffinity", "sysconf", "getloadavg"):
        monkeypatch.delattr(f"os.{name}", raising=False)
    host = read(tmp_path)

    assert host.cores >= 1
    assert (host.quota, host.memory_kib, host.limit_kib, host.large_pages, host.vectors, host.load) == (
        None,
        None,
        None,
        None,
        (),
        None,
    )
