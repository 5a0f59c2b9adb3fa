"""The command line of breach corpora, really run: what it makes, what it says and where, and with which exit code."""

import io
import os
import pty
import subprocess
import sys
from hashlib import sha1

import pytest
from tests.corpora.downloads import plain

from acctsec._corpus_command import _Bar
from acctsec.corpora import FileCorpus

KNOWN = {sha1(str(n).encode()).hexdigest(): n + 1 for n in range(3_000)}


def corpus(*arguments):
    command = [sys.executable, "-m", "acctsec", "corpus", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_is_built_checked_looked_at_and_merged(tmp_path):
    """What is said of it is the same each time, on the standard output; nothing else is said where nobody looks."""
    source, path = plain(tmp_path / "all.txt", KNOWN), tmp_path / "breached"
    built = corpus("build", source, path, "--partial", "--counts")
    newer = plain(tmp_path / "newer.txt", {sha1(b"hunter2").hexdigest(): 17})

    assert built.returncode == 0 and built.stderr == ""
    assert " ".join(built.stdout.split()).startswith("3,000 entries of 2,996 ranges under sha1, with counts, in 16,0")
    assert [corpus(act, path).stdout for act in ("check", "stat")] == [built.stdout] * 2
    merged = corpus("merge", path, newer, path, "--partial")
    assert merged.returncode == 0 and merged.stderr == ""
    assert "3,001 entries of 2,997 ranges" in merged.stdout
    assert FileCorpus(path).count("hunter2") == 16
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.txt", "breached", "newer.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "bad.txt", "made", "--partial"), "bad.txt, line 4: it is not 40 hexadecimal digits, a colon and a count."),
        (("build", "good.txt", "made"), "good.txt ends before the last of 1,048,576 ranges. Complete the download"),
        (("build", "nothing", "made"), "No such file or directory: 'nothing'"),
        (("build", "good.txt", "made", "--partial", "--digest", "ntlm"), "good.txt, line 1: it is not 32"),
        (("build", "good.txt", "made", "--partial", "--bits", "40"), "40 bits cannot choose a bucket. Give 8 to 28"),
        (("build", "good.txt", "nowhere/made", "--partial"), "No such file or directory"),
        (("merge", "good.txt", "made"), "None of the sources is a breach file. Build one first"),
        (("check", "good.txt"), "good.txt is no breach file, or its header is damaged. Build it anew."),
        (("stat", "nothing"), "No such file or directory: 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, monkeypatch, arguments, said):
    """On the standard error, with the exit code 1, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / "good.txt", KNOWN)
    lines = (tmp_path / "good.txt").read_text().splitlines()
    (tmp_path / "bad.txt").write_text("\n".join([*lines[:3], "and so on", *lines[3:]]))

    done = corpus(*arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("acctsec: ") and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_a_damaged_file_fails_its_check(tmp_path):
    """And says what of it is damaged."""
    source, path = plain(tmp_path / "all.txt", KNOWN), tmp_path / "breached"
    corpus("build", source, path, "--partial")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    done = corpus("check", path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"acctsec: The body of {path} is damaged. Build it anew.\n"


KILLED = """
import os, sys
from acctsec.__main__ import main
from acctsec.corpora import writer
writer.SAVE = 1
take, left = writer.Writer.take, [6]
def counted(self, keys, classes):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), 9)
    take(self, keys, classes)
writer.Writer.take = counted
main(sys.argv[1:])
"""


def test_the_same_command_goes_on_where_it_was_killed(tmp_path):
    """It does not even look at the ranges that it has: here they are no longer what they were."""
    download, path = tmp_path / "download", tmp_path / "breached"
    download.mkdir()
    files = [download / f"0000{n:X}.txt" for n in range(10)]
    for n, file in enumerate(files):
        file.write_text("".join(f"{n:035X}:1\n" for n in range(n, 2_000_000, 20_000)))
    arguments = ["corpus", "build", str(download), str(path), "--partial"]
    wanted = corpus("build", download, tmp_path / "wanted", "--partial")

    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, check=False)
    assert done.returncode == -9 and not path.exists()
    for file in files[:4]:
        before = file.stat()
        file.write_text("?" * before.st_size)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = corpus(*arguments[1:])

    assert (again.returncode, again.stdout) == (0, wanted.stdout)
    assert path.read_bytes() == (tmp_path / "wanted").read_bytes()


def test_a_terminal_sees_how_far_it_is(tmp_path):
    """A bar on one line of the standard error, full at the end; what is said at last goes to the standard output."""
    source, path = plain(tmp_path / "all.txt", KNOWN), tmp_path / "breached"
    here, there = pty.openpty()
    command = [sys.executable, "-m", "acctsec", "corpus", "build", str(source), str(path), "--partial"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=there) as run:
        os.close(there)
        seen = b""
        while piece := _read(here):
            seen += piece
        assert run.wait() == 0 and run.stdout.read().startswith(b"   3,000 entries")
    os.close(here)

    lines = seen.decode().split("\r")
    assert lines[1].startswith("[######################") and "%, 3,000 entries" in lines[1]
    assert seen.endswith(b"\r\n") and seen.count(b"\n") == 1


def test_nobody_else_sees_it():
    """A log would have a line for each thousandth."""
    out = io.StringIO()
    bar = _Bar(out)
    for done in range(0, 40_000, 10_000):
        bar.told(done, 30_000)
    bar.end()
    assert out.getvalue() == ""


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # what Linux says when the other side is closed
        return b""
