"""Breach corpora against a dictionary, in every shape of a download and with every damage."""

import asyncio
import gzip
import mmap
import os
import struct
import subprocess
import sys
from datetime import timedelta
from hashlib import sha1
from unittest import mock
from zlib import crc32

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.corpora.downloads import small, written

from acctsec.corpora import AsyncFileCorpus, Digest, FileCorpus, sources
from acctsec.corpora.build import build
from acctsec.corpora.built import Built
from acctsec.corpora.digests import md4
from acctsec.corpora.layout import HEADER
from acctsec.errors import ConfigError, StoreError


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"message digest", "d9130a8164549fe818874806e1c7014b"),
        (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_is_that_of_rfc_1320(text, digest):
    """Its own vectors."""
    assert md4(text).hex() == digest


shapes = st.fixed_dictionaries(
    {
        "shape": st.sampled_from(["file", "ranges", "gzip"]),
        "end": st.sampled_from(["\n", "\r\n"]),
        "case": st.sampled_from(["upper", "lower", "mixed"]),
        "bom": st.booleans(),
        "last": st.sampled_from(["", "\n", "\n\n"]),
        "padding": st.booleans(),
        "twice": st.sampled_from(["no", "less", "more"]),
    }
)


@settings(max_examples=settings().max_examples // 2)  # each builds a file
@given(
    st.dictionaries(st.text(min_size=1, max_size=6).filter(lambda s: s.isascii()), st.integers(1, 10**9), min_size=1),
    shapes,
    st.sampled_from(Digest),
    st.booleans(),
    st.sampled_from([None, 8, 11, 20]),
    st.sampled_from([61, 100, 1 << 18]),
)
def test_a_file_knows_what_the_download_has(tmp_path_factory, passwords, how, digest, counts, bits, piece):
    """
    Every password is found, whatever shape the download has; a count is the power of two below the true one.

    It is read in pieces of a few lines, too: what comes twice is then in two of them.
    """
    folder = tmp_path_factory.mktemp("download")
    known = {digest.of(password).hex().upper(): count for password, count in passwords.items()}
    path = tmp_path_factory.mktemp("built") / "breached"

    with mock.patch.object(sources, "_CHUNK", piece):
        header = build(written(folder, known, how, digest), path, digest=digest, counts=counts, bits=bits, partial=True)

    corpus = FileCorpus(path)
    assert header.entries == len(known)
    assert header.ranges == len({key[:5] for key in known})
    for password, count in passwords.items():
        assert corpus.count(password) == (1 << count.bit_length() - 1 if counts else 1)
        assert corpus.count(password + "~never~") == 0
    Built(path).check()
    assert [entry.name for entry in path.parent.iterdir()] == ["breached"]


KEYS = sorted(sha1(b"%d" % n).hexdigest().upper() for n in range(100))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (KEYS[50][:-1] + ":3", "hexadecimal"),
        (KEYS[50][:-1] + "G:3", "hexadecimal"),
        (KEYS[50] + ":", "count"),
        (KEYS[50], "count"),
        (KEYS[50] + ":3:4", "count"),
        (KEYS[50] + ": 3", "count"),
        ("data/07/f0/07f07.gz", "hexadecimal"),
        (KEYS[3] + ":3", "order"),
        (KEYS[50][:20] + "\n" + KEYS[50][20:] + ":3", "hexadecimal"),
        (KEYS[50][:20] + ":3\n" + KEYS[50][20:] + ":3", "hexadecimal"),
        (KEYS[50][:20] + " " + KEYS[50][21:] + ":3", "hexadecimal"),
        (KEYS[50][:20] + "\f" + KEYS[50][21:] + ":3", "hexadecimal"),
        (KEYS[50] + ":3" + KEYS[51] + ":3", "hexadecimal"),
        (KEYS[50] + ":3\r" + KEYS[51] + ":3", "hexadecimal"),
        (KEYS[50] + ":-3", "hexadecimal"),
        (KEYS[50] + ":1" + "0" * 18, "hexadecimal"),
        (KEYS[50] + ":3A", "hexadecimal"),
    ],
)
@pytest.mark.parametrize("piece", [100, 500, 1 << 18])
@pytest.mark.parametrize("before", ["", "\n\ufeff\n", "0" * 40 + ":0\n"])
def test_a_line_that_cannot_be_right_is_refused_by_its_number(tmp_path, monkeypatch, bad, why, piece, before):
    """And nothing is put in the place of the file."""
    monkeypatch.setattr(sources, "_CHUNK", piece)
    lines = [f"{key}:1" for key in KEYS]
    lines[50] = bad
    source = tmp_path / "all.txt"
    source.write_text(before + "\n".join(lines) + "\n")

    with pytest.raises(ConfigError, match=why) as caught:
        build(source, tmp_path / "breached", partial=True)

    assert f"all.txt, line {51 + before.count(chr(10))}:" in str(caught.value)
    assert not (tmp_path / "breached").exists()


@pytest.mark.parametrize("before", range(40, 44))
def test_the_line_that_is_out_of_order_is_named_wherever_a_piece_begins(tmp_path, monkeypatch, before):
    """Padding and blank lines in front of it are counted, too."""
    monkeypatch.setattr(sources, "_CHUNK", 160)
    source = tmp_path / "all.txt"
    source.write_text("".join(f"{key}:1\n" for key in KEYS[:before]) + f"\n{'F' * 40}:0\n{KEYS[3]}:1\n")

    with pytest.raises(ConfigError, match=f"line {before + 3}: it is not in ascending order"):
        build(source, tmp_path / "breached", partial=True)


def test_a_download_that_is_cut_off_is_refused(tmp_path):
    """A gzip file in its middle, and one in which a range is missing."""
    (tmp_path / "00000.gz").write_bytes(gzip.compress(b"".join(b"%035X:1\n" % n for n in range(900)))[:-20])

    with pytest.raises(ConfigError, match="1,048,576"):
        build(tmp_path, tmp_path / "breached")
    with pytest.raises(ConfigError, match="cut off"):
        build(tmp_path, tmp_path / "breached", partial=True)


@given(st.data())
def test_a_damaged_byte_is_found(tmp_path_factory, data):
    """At opening in the header and the index, by the check in the body."""
    path = small(tmp_path_factory.mktemp("one") / "breached", "hunter2", "secret")
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)

    with pytest.raises(StoreError):
        Built(path).check()


def test_a_file_of_another_length_is_refused(tmp_path):
    """Before it is mapped: a page that is not there would end the process."""
    path = small(tmp_path / "breached", "hunter2")
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(StoreError, match="bytes instead of"):
        FileCorpus(path)


def test_a_newer_file_is_seen_in_time_and_a_broken_one_is_not_taken(tmp_path):
    """The old one stays until the time is over, and for as long as there is no better one."""
    path, now = small(tmp_path / "breached", "hunter2"), [0.0]
    corpus = FileCorpus(path, reload=timedelta(seconds=10), clock=lambda: now[0])
    small(path, "hunter2", "secret")

    assert corpus.count("secret") == 0
    now[0] = 10.0
    assert corpus.count("secret") == 8
    path.with_suffix(".txt").replace(path)
    now[0] = 20.0
    assert corpus.count("secret") == 8
    path.unlink()
    now[0] = 30.0
    assert corpus.count("secret") == 8


CUT_OFF = """
import sys
from datetime import timedelta
from pathlib import Path
from acctsec.corpora import FileCorpus
from acctsec.errors import StoreError
path, whole = Path(sys.argv[1]), Path(sys.argv[1]).read_bytes()
now = [0]
corpus = FileCorpus(path, reload=timedelta(seconds=10), clock=lambda: now[0])
for left in (len(whole) - 1, len(whole) // 2, 100, 0, len(whole) + 1):
    with path.open("r+b") as file:  # in place: what is mapped shrinks with it
        file.truncate(left)
    for _ in range(2):
        try:
            corpus.count("hunter2")
        except StoreError:
            print(left)
        now[0] += 10
path.write_bytes(whole)
print(corpus.count("hunter2"))
"""


def test_a_file_that_is_cut_off_in_place_ends_no_process(tmp_path):
    """Each look-up says that it cannot tell, also after a look for a newer file; once the file is whole it is read again."""
    path = small(tmp_path / "breached", *map(str, range(5_000)), "hunter2")

    done = subprocess.run([sys.executable, "-c", CUT_OFF, path], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done
    size = path.stat().st_size
    assert done.stdout.split() == [str(left) for left in (size - 1, size // 2, 100, 0, size + 1) for _ in range(2)] + ["8"]


@pytest.mark.parametrize("left", [0, 300])
def test_a_file_that_is_cut_off_while_it_is_opened_is_refused(tmp_path, monkeypatch, left):
    """Between the look at its head, or at its index, and the map."""
    path = small(tmp_path / "breached", *map(str, range(5_000)))
    mapped = mmap.mmap

    def late(*given, **named):
        os.truncate(path, left)
        return mapped(*given, **named)

    monkeypatch.setattr(mmap, "mmap", late)
    with pytest.raises(StoreError, match="shorter"):
        FileCorpus(path)


def crafted(path, *, index=None, body=None, **fields):
    """A file whose sums are right over what nobody built."""
    header, data = Built(path).header, path.read_bytes()
    end = HEADER + header.index_size
    index, body = index or data[HEADER:end], body or data[end:]
    header = evolve(header, index_sum=crc32(index), body_sum=crc32(body), **fields)
    path.write_bytes(header.pack() + index + body)


@pytest.mark.parametrize(
    "index",
    [
        struct.pack("<257I", *[2**32 - 1] * 257),
        struct.pack("<257I", 2, *[0] * 256),
        struct.pack("<257I", *[0] * 257),
        struct.pack("<257I", *[0, 40] * 128, 40),
        struct.pack("<257I", *[0] * 128, *[40] * 129),
    ],
)
def test_an_index_that_nobody_built_is_found_by_the_check_and_ends_no_look_up(tmp_path, index):
    """An entry that no look-up comes to would be a password that passes for a good one."""
    path = small(tmp_path / "breached", *map(str, range(40)))
    crafted(path, index=index)

    with pytest.raises(StoreError, match="damaged"):
        Built(path).check()
    corpus = FileCorpus(path)
    for n in range(300):
        try:
            assert corpus.count(str(n)) in {0, 8}
        except StoreError:
            pass


def test_entries_that_are_out_of_order_are_found_by_the_check(tmp_path):
    """Two of one bucket that changed their places, under a sum that is right."""
    path = small(tmp_path / "breached", *map(str, range(3_000)), counts=False)
    body = path.read_bytes()[HEADER + 257 * 4 :]
    crafted(path, body=body[4:8] + body[:4] + body[8:])

    with pytest.raises(StoreError, match="order"):
        Built(path).check()


KILLED = """
import os, sys
from acctsec.corpora import build as module, writer
from pathlib import Path
writer.SAVE = 4000
left = int(sys.argv[3])
def counted(call):
    def instead(*given, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return call(*given, **named)
    return instead
os.fsync = counted(os.fsync)
Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)
writer.Writer.take = counted(writer.Writer.take)
module.build(Path(sys.argv[1]), Path(sys.argv[2]), counts=True, partial=True)
"""


def many(first):
    """The file of a range, whose entries differ in the digits that are kept."""
    return "".join(f"{k:05X}{k:030X}:{k % 90 + 1:02}\n" for k in range(first, first + 600))


def test_a_build_that_is_killed_leaves_the_old_file_or_the_new_one_and_goes_on(tmp_path):
    """At every flush, rename and piece."""
    download = tmp_path / "download"
    download.mkdir()
    for n in range(4):
        (download / f"0000{n}.txt").write_text(many(600 * n))
    path, wanted = tmp_path / "breached", tmp_path / "wanted"
    build(download, wanted, counts=True, partial=True)
    old = small(path, "hunter2").read_bytes()

    for left in range(100):
        done = subprocess.run([sys.executable, "-c", KILLED, download, path, str(left)], check=False)
        assert path.read_bytes() in (old, wanted.read_bytes())
        if done.returncode == 0:
            break
        if left % 2:  # every other kill is followed by a run to the end, which begins where the killed one was
            build(download, path, counts=True, partial=True)
            assert path.read_bytes() == wanted.read_bytes()
            path.write_bytes(old)
    assert left > 5 and path.read_bytes() == wanted.read_bytes()


def test_a_build_over_a_download_that_changed_begins_anew(tmp_path):
    """Of equal size, and with all of the first files read already: nothing of the older one is in the file."""
    download = tmp_path / "download"
    download.mkdir()
    files = [download / f"0000{n}.txt" for n in range(4)]
    for n, file in enumerate(files):
        file.write_text(many(600 * n))
    path, wanted = tmp_path / "breached", tmp_path / "wanted"
    for left in range(8, 40):
        if subprocess.run([sys.executable, "-c", KILLED, download, path, str(left)], check=False).returncode == 0:
            break
        if (tmp_path / "breached.place.part").exists():
            break
    assert (tmp_path / "breached.place.part").exists()
    before = files[0].stat()
    files[0].write_text(many(10**6))
    assert files[0].stat().st_size == before.st_size

    build(download, path, counts=True, partial=True)

    build(download, wanted, counts=True, partial=True)
    assert path.read_bytes() == wanted.read_bytes()


def test_a_packed_download_that_hides_its_size_is_refused(tmp_path):
    """Its last bytes tell of one entry, for only they are looked at; a bucket would hold too many."""
    lines = [f"{k:05X}{k:035X}:7\n".encode() for k in range(60_000)]
    source = tmp_path / "download.gz"
    source.write_bytes(gzip.compress(b"".join(lines[:-1])) + gzip.compress(lines[-1]))
    with pytest.raises(ConfigError, match="--bits 9"):
        build(source, tmp_path / "breached", partial=True)
    assert not (tmp_path / "breached").exists()


def test_the_async_face_takes_a_file(tmp_path):
    """The same answers."""
    assert asyncio.run(AsyncFileCorpus(small(tmp_path / "breached", "hunter2")).count("hunter2")) == 8


def test_a_tree_may_have_any_names_of_its_ranges(tmp_path):
    """Lower case, upper case and both; what is no range is left alone, and a second file of one is refused."""
    names = [
        "0a1b2.txt",
        "0A1B3",
        "x/0A1b4.gz",
        "x/y/fffff.txt.gz",
        "x/readme.txt",
        "0a1b2.meta",
        "12345678",
        "abcde.d/0A1B5.txt",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = f"{'0' * 34}{len(name) % 16:X}:1"
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    (tmp_path / "0A1B6").mkdir()

    assert build(tmp_path, tmp_path / "breached", partial=True).ranges == 5

    (tmp_path / "x" / "0a1B2").write_text("")
    with pytest.raises(ConfigError, match="second file of the range 0A1B2"):
        build(tmp_path, tmp_path / "breached", partial=True)
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match="no file of a range"):
        build(tmp_path / "none", tmp_path / "breached", partial=True)


def test_a_single_file_that_ends_early_is_refused(tmp_path):
    """Its size would say nothing of it; a range in its middle that is missing is noticed at the end."""
    source = tmp_path / "all.txt"
    for last, why in (("FFFFE", "ends before the last"), ("FFFFF", "1 of 1,048,576")):
        source.write_text(f"{last}{'0' * 35}:1\n")
        with pytest.raises(ConfigError, match=why):
            build(source, tmp_path / "breached")
    assert not (tmp_path / "breached").exists()
