"""``doctor`` and ``calibrate`` measure this host and say what follows; what they print can be pasted."""

import os
import re
import subprocess
import sys
import threading

import pytest
from argon2.exceptions import HashingError

from acctsec import HashingPolicy, Policy, _host, _host_commands
from acctsec.__main__ import main
from acctsec._host import Build, Host
from acctsec.hashing import Argon2Parameters
from acctsec.hashing.cost import SOURCES

SMALL = Host(
    cores=2,
    quota=1.5,
    memory_kib=8 * 1024 * 1024,
    limit_kib=512 * 1024,
    large_pages="madvise",
    build=Build.SSE2,
    vectors=("AVX2",),
    load=0.0,
)


def on(monkeypatch, **different):
    """Let the commands run on another host."""
    host = Host(**{name: getattr(SMALL, name) for name in Host.__slots__ if not name.startswith("_")} | different)
    monkeypatch.setattr(_host, "read", lambda: host)


def fast(monkeypatch, *, seconds_a_gib=0.5):
    """Let hashing take no time, but say it did: a quarter more where others are hashed beside."""

    def rounds(cost, *, at_once, keep_kib):
        taken = cost.memory_kib * cost.time_cost * seconds_a_gib / 1024 / 1024 * (1 if at_once == 1 else 1.25)
        return [tuple(taken if kib else 2 * taken for kib in keep_kib)] * 3

    monkeypatch.setattr(_host_commands, "_rounds", rounds)


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "acctsec", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )


def words(text):
    return " ".join(text.split())


# --- as they are typed ------------------------------------------------------------------------------------------------


def test_doctor_looks_at_this_host():
    """With figures of its own, and every row of both tables."""
    done = run("doctor")

    assert (done.returncode, done.stderr) == (0, "")
    for what in ("cores", "memory", "large pages", "Argon2", "kept memory"):
        assert re.search(rf"^   {what}  ", done.stdout, flags=re.MULTILINE), what
    assert re.search(r"19 MiB, 2 passes +[\d.]+ ms +[\d.]+ ms +\d\.\d\d +\d+ ", done.stdout)
    assert "\x1b" not in done.stdout


def test_calibrate_prints_a_policy_that_can_be_pasted():
    """Two hashes at once in 16 MiB; with a whole second even a busy machine finds something."""
    done = run("calibrate", "--memory", "16", "--concurrency", "2", "--latency", "1000")

    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    policy = eval(first, {"HashingPolicy": HashingPolicy})
    assert Policy(hashing=policy).hashing.permits == 2
    assert policy.memory_kib <= 8 * 1024
    assert policy.time_cost >= 5
    assert re.search(r"One hash takes [\d.]+ ms while 2 are computed at once: \d+ a second, in \d+ of 16 MiB", words(done.stdout))
    assert re.search(r"RTX 4090 +\$0\.013 +\$\d\.\d{3}  \$0\.40 an hour", done.stdout)
    for source in SOURCES:
        assert source in words(done.stdout)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--memory", "13", "--concurrency", "2"], "Give 14 MiB or more"),
        (["--memory", "0"], "Give MiB, 1 or more"),
        (["--memory", "999999999"], "This process may use"),
        (["--concurrency", "0"], "from 1 to 1024"),
        (["--concurrency", "1025"], "from 1 to 1024"),
        (["--latency", "0.5"], "from 1 to 10000"),
        (["--latency", "nan"], "from 1 to 10000"),
        (["--latency", "1"], "Allow more time"),
    ],
)
def test_what_cannot_be_is_2_with_how_to_mend_it(typed, said, capsys):
    assert main(["calibrate", *typed]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("acctsec: ")
    assert said in printed.err


@pytest.mark.parametrize("command", ["doctor", "calibrate"])
def test_help_documents_the_exit_codes(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])

    assert left.value.code == 0
    assert "exit codes: 0 all is well" in words(capsys.readouterr().out)


# --- on other hosts ---------------------------------------------------------------------------------------------------


def test_defaults_are_a_quarter_of_the_memory_and_a_hash_a_core(monkeypatch, capsys):
    """Of the container's, where it has less than the machine."""
    on(monkeypatch)
    fast(monkeypatch)

    assert main(["calibrate"]) == 0

    said = words(capsys.readouterr().out)
    assert "of 128 MiB" in said
    assert "One hash takes 97.0 ms while 2 are computed at once: 21 a second, in 106 of 128 MiB" in said


def test_without_a_known_memory_it_has_to_be_given(monkeypatch, capsys):
    on(monkeypatch, memory_kib=None, limit_kib=None)
    fast(monkeypatch)

    assert main(["calibrate"]) == 2
    assert "Give --memory." in capsys.readouterr().err
    assert main(["calibrate", "--memory", "64"]) == 0
    assert main(["doctor"]) == 0
    assert "this system does not tell" in words(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("different", "says", "says_not"),
    [
        ({}, "SSE2 only this CPU has AVX2: an attacker's", None),
        ({}, _host_commands.REBUILD, None),
        ({"build": Build.WIDE}, "AVX2 or AVX-512", _host_commands.REBUILD),
        ({"build": Build.UNKNOWN}, "how it was built cannot be seen", _host_commands.REBUILD),
        ({"vectors": ()}, "this CPU is not known to have more", _host_commands.REBUILD),
        ({}, "2, 1.5 by the quota of the container", None),
        ({"quota": None}, "2 hashed at once where permits is None", "quota"),
        ({}, "8,192 MiB, 512 MiB by the container", None),
        ({"limit_kib": None}, "8,192 MiB hashes", "by the container"),
        ({"memory_kib": None}, "unknown, 512 MiB by the container", None),
        ({}, "the memory of hashes is advised", None),
        ({"large_pages": "never"}, "transparent_hugepage=madvise", None),
        ({"large_pages": None}, "only Linux has them by advice", None),
        ({}, "1.5", "Others were at work"),
        ({"load": 7.25}, "Others were at work here (7.2 threads on 2 cores", None),
        ({"load": None}, "1.5", "Others were at work"),
    ],
)
def test_doctor_says_what_follows(monkeypatch, capsys, different, says, says_not):
    on(monkeypatch, **different)
    fast(monkeypatch)

    assert main(["doctor"]) == 0

    said = re.sub(r"(SSE2 only) ?", r"\1 ", words(unwrapped(capsys.readouterr().out)))
    assert says in said
    assert says_not is None or says_not not in said


def unwrapped(text):
    """Cells that wrap, one after the other: a row is told by its indent."""
    rows = []
    for line in text.splitlines():
        cells = [(match.start(), match[0]) for match in re.finditer(r"\S+(?: \S+)*", line)]
        if cells and cells[0][0] > 10 and rows and isinstance(rows[-1], dict):
            for at, cell in cells:
                rows[-1][at] = f"{rows[-1].get(at, '')} {cell}"
        elif line.startswith("   ") and len(cells) == 3:
            rows.append(dict(cells))
        else:
            rows.append(line)
    return "\n".join(" ".join(row[at] for at in sorted(row)) if isinstance(row, dict) else row for row in rows)


def test_doctor_tells_kept_memory_and_the_shipped_way_apart(monkeypatch, capsys):
    on(monkeypatch)
    fast(monkeypatch)

    main(["doctor"])

    assert re.search(r"64 MiB, 3 passes +93\.8 ms +187\.5 ms +0\.50 +17  128 MiB", capsys.readouterr().out)


def test_doctor_does_not_try_what_the_host_cannot_hold(monkeypatch, capsys):
    """A look must not be the death of a small container."""
    on(monkeypatch, limit_kib=128 * 1024)
    fast(monkeypatch)

    main(["doctor"])

    said = capsys.readouterr().out
    assert "19 MiB, 2 passes" in said
    assert "46 MiB" not in said


def test_doctor_says_when_memory_cannot_be_kept(monkeypatch, capsys):
    on(monkeypatch)
    fast(monkeypatch)
    monkeypatch.setattr(_host_commands, "memory_can_be_kept", lambda: False)

    assert main(["doctor"]) == 0
    assert "does not work" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["doctor"], ["calibrate", "--concurrency", "2"]])
def test_where_argon2_gets_no_memory_it_failed(monkeypatch, capsys, command):
    """Every thread comes to an end, and the exit code says so."""
    on(monkeypatch)

    def none_left(*arguments, **more):
        raise HashingError("Memory allocation error")

    monkeypatch.setattr(_host_commands, "derive", none_left)

    assert main(command) == 1
    assert "Free memory" in capsys.readouterr().err


# --- measuring --------------------------------------------------------------------------------------------------------


def test_so_many_are_really_computed_at_once(monkeypatch):
    """And each thread as often as another."""
    met, seen = threading.Barrier(3), []

    def derive(*arguments, cost, keep_kib, **more):
        met.wait(30)
        seen.append(threading.get_ident())

    monkeypatch.setattr(_host_commands, "derive", derive)

    assert _host_commands.measured(Argon2Parameters(8, 1), at_once=3) > 0
    assert len(set(seen)) == 3


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="as on Linux")
def test_what_is_measured_grows_with_the_cost():
    """Sixteen times the work, many times the time."""
    little, much = (_host_commands.measured(Argon2Parameters(1024, passes), at_once=1) for passes in (1, 16))

    assert much > 4 * little
