"""Several breach files, and newer downloads, become the file that one build of all of them would have made."""

import os
import subprocess
import sys
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.corpora.downloads import plain, small

from acctsec.corpora import Digest, FileCorpus, built, sources
from acctsec.corpora.build import build, merge
from acctsec.corpora.built import Built
from acctsec.corpora.lock import alone
from acctsec.errors import ConfigError, StoreError

# Few ranges and few digits, so that sources have much in common, in keys and in buckets.
digests = st.builds("{:05X}{:05X}{:030X}".format, st.integers(0, 3), st.integers(0, 40), st.integers(0, 2))
known = st.dictionaries(digests, st.integers(1, 10**6), max_size=40)


@given(
    st.lists(known, min_size=1, max_size=3), st.lists(known.filter(bool), max_size=2), st.booleans(), st.booleans(), st.randoms()
)
def test_a_merged_file_is_that_of_one_build_of_everything(tmp_path_factory, files, downloads, counts, small_pieces, chance):
    """To the last byte: each entry is in it once, with its larger count."""
    folder = tmp_path_factory.mktemp("merge")
    everything = {}
    for one in (*files, *downloads):
        for key, count in one.items():
            everything[key] = max(count, everything.get(key, 0))
    given_sources = []
    for number, one in enumerate(files):
        path = folder / f"built{number}"
        build(plain(folder / f"{number}.txt", one), path, counts=counts, bits=11, partial=True)
        given_sources.append(path)
    given_sources += [plain(folder / f"newer{number}.txt", one) for number, one in enumerate(downloads)]
    chance.shuffle(given_sources)
    build(plain(folder / "all.txt", everything), folder / "wanted", counts=counts, bits=11, partial=True)

    sizes = (100, 3, 2) if small_pieces else (1 << 18, 1 << 15, 1 << 10)
    with (
        mock.patch.object(sources, "_CHUNK", sizes[0]),
        mock.patch.object(built, "_ENTRIES", sizes[1]),
        mock.patch.object(built, "_BUCKETS", sizes[2]),
    ):
        merge(given_sources, folder / "merged", partial=True)

    assert (folder / "merged").read_bytes() == (folder / "wanted").read_bytes()
    assert not list(folder.glob("*.part"))


def test_a_file_may_be_merged_into_itself(tmp_path):
    """The usual month: what there is, the newer download, and the same place."""
    path = small(tmp_path / "breached", "hunter2")
    newer = plain(tmp_path / "newer.txt", {Digest.SHA1.of("secret").hex(): 70, Digest.SHA1.of("hunter2").hex(): 3})

    merge([path, newer], path, partial=True)

    corpus = FileCorpus(path)
    assert [corpus.count(one) for one in ("hunter2", "secret", "other")] == [8, 64, 0]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({}, {"digest": Digest.NTLM}, "digests: sha1 and ntlm"),
        ({"counts": True}, {}, "counts: True and False"),
        ({"bits": 8}, {"bits": 9}, "bits: 8 and 9"),
    ],
)
def test_files_that_no_look_up_could_tell_apart_are_not_merged(tmp_path, first, second, why):
    """And both stay as they are."""
    for name, how in (("one", first), ("two", second)):
        digest = how.get("digest", Digest.SHA1)
        source = plain(tmp_path / f"{name}.txt", {digest.of("hunter2").hex(): 1})
        build(source, tmp_path / name, partial=True, **how)
    before = [(tmp_path / name).read_bytes() for name in ("one", "two")]

    with pytest.raises(ConfigError, match=why):
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "two")

    assert [(tmp_path / name).read_bytes() for name in ("one", "two")] == before


def test_downloads_alone_are_not_merged(tmp_path):
    """Nobody said of which kind they are."""
    with pytest.raises(ConfigError, match="None of the sources"):
        merge([plain(tmp_path / "one.txt", {"0" * 40: 1})], tmp_path / "merged")


def test_a_download_of_the_other_digest_is_refused(tmp_path):
    """Its lines have another length."""
    newer = plain(tmp_path / "newer.txt", {Digest.NTLM.of("secret").hex(): 1})
    with pytest.raises(ConfigError, match="line 1: it is not 40"):
        merge([small(tmp_path / "breached", "hunter2"), newer], tmp_path / "merged", partial=True)


def test_a_download_that_is_cut_off_is_not_merged(tmp_path):
    """The single file that ends early, and the folder in which a range is missing."""
    path = small(tmp_path / "breached", "hunter2")
    newer = plain(tmp_path / "newer.txt", {"FFFFE" + "0" * 35: 1})
    with pytest.raises(ConfigError, match="ends before the last"):
        merge([path, newer], path)
    (tmp_path / "ranges").mkdir()
    (tmp_path / "ranges" / "00000.txt").write_text("0" * 35 + ":1")
    with pytest.raises(ConfigError, match="1 of 1,048,576"):
        merge([path, tmp_path / "ranges"], path)
    merge([path, plain(newer, {"FFFFF" + "0" * 35: 1})], path)
    assert Built(path).header.entries == 2


@pytest.mark.parametrize("name", ["newer.txt", "other", "notes"])
def test_what_is_not_merged_is_not_written_over(tmp_path, name):
    """Who forgets to name what to make has named a source there: a download of many hours, or another breach file."""
    path = small(tmp_path / "breached", "hunter2")
    small(tmp_path / "other", "secret")
    plain(tmp_path / "newer.txt", {"F" * 40: 1})
    (tmp_path / "notes").write_text("")
    before = (tmp_path / name).read_bytes()

    with pytest.raises(ConfigError, match="would be lost"):
        merge([path], tmp_path / name, partial=True)
    with pytest.raises(ConfigError, match="would be lost"):
        merge([path, tmp_path / "newer.txt"], tmp_path / "newer.txt" if name == "newer.txt" else tmp_path / name, partial=True)
    if name != "other":
        with pytest.raises(ConfigError, match="no breach file"):
            build(tmp_path / "newer.txt", tmp_path / name, partial=True)
    assert (tmp_path / name).read_bytes() == before


def test_a_damaged_file_is_not_merged(tmp_path):
    """What was a miss in one file would be one in the next for ever, under a sum that is right."""
    path, other = small(tmp_path / "breached", "hunter2", "secret"), small(tmp_path / "other", "third")
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)

    with pytest.raises(StoreError, match="body"):
        merge([other, path], other)


def test_a_merge_that_would_fill_the_buckets_too_far_is_refused(tmp_path):
    """More than 3 in 10^8 other passwords would be taken for one."""
    for name, first in (("one", 0), ("two", 20_000)):
        known = {f"{k:05X}{k:035X}": 1 for k in range(first, first + 20_000)}
        build(plain(tmp_path / f"{name}.txt", known), tmp_path / name, partial=True)
    with pytest.raises(ConfigError, match="--bits 9"):
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "merged")


KILLED = """
import os, sys
from pathlib import Path
from acctsec.corpora import build as module, built, sources, writer
writer.SAVE, built._ENTRIES, built._BUCKETS, sources._CHUNK = 800, 130, 64, 2000
left = int(sys.argv[1])
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
module.merge([Path(one) for one in sys.argv[3:]], Path(sys.argv[2]), partial=True)
"""


def test_a_merge_that_is_killed_goes_on(tmp_path):
    """Wherever it was in each of its sources; the file in its place is of before or of after."""
    everything = {}
    for number, name in enumerate(("one.txt", "two.txt", "three.txt")):
        known = {f"{k // 32:05X}{k * 7:05X}{'0' * 30}": (k + number) % 90 + 1 for k in range(number, 4_000, number + 2)}
        everything.update({key: max(count, everything.get(key, 0)) for key, count in known.items()})
        plain(tmp_path / name, known)
    for name in ("one", "two"):
        build(tmp_path / f"{name}.txt", tmp_path / name, counts=True, bits=20, partial=True)
    build(plain(tmp_path / "all.txt", everything), tmp_path / "wanted", counts=True, bits=20, partial=True)
    path, wanted = tmp_path / "one", (tmp_path / "wanted").read_bytes()
    given_sources, old = [path, tmp_path / "three.txt", tmp_path / "two"], path.read_bytes()

    kills = 0
    for left in (5, 11, 12, 13, 14, 15, 16, 17, 29, 60, 90, 91, 92, 93, 10_000):
        done = subprocess.run([sys.executable, "-c", KILLED, str(left), path, *given_sources], check=False)
        assert path.read_bytes() in {old, wanted}
        kills += done.returncode != 0
        if done.returncode == 0:
            break
    assert kills > 5 and path.read_bytes() == wanted


def test_two_runs_do_not_make_one_file(tmp_path):
    """The second is refused by the name of the file, whatever process it is in; the first goes on."""
    path = small(tmp_path / "breached", "hunter2")
    before = path.read_bytes()
    source = plain(tmp_path / "other.txt", {"0" * 40: 1})
    with alone(path):
        for call in (lambda: build(source, path, partial=True), lambda: merge([path, source], path, partial=True)):
            with pytest.raises(ConfigError, match=r"making .*breached"):
                call()
        command = [sys.executable, "-m", "acctsec", "corpus", "build", str(source), str(path), "--partial"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and str(path) in done.stderr
        assert path.read_bytes() == before
    build(source, path, partial=True)
    assert path.read_bytes() != before
    assert not list(tmp_path.glob("*.part"))


def test_a_lock_that_lost_its_name_is_none(tmp_path):
    """Who waits for the file of one who is about to remove it would hold something that nobody else sees."""
    path = tmp_path / "breached"
    name = tmp_path / "breached.lock.part"
    locked = []

    def late(descriptor):
        if not locked:
            name.unlink()
        locked.append(os.fstat(descriptor).st_nlink)
        return True

    with mock.patch("acctsec.corpora.lock._lock", late), alone(path):
        assert locked == [0, 1]
