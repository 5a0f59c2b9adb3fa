"""Downloads of passwords that nobody has: small ones of every shape, and one of any size that is never on a disk."""

import gzip
import random
import re
from hashlib import sha1

from acctsec.corpora.build import build
from acctsec.corpora.sources import Download

KINDS = 61
"""How many different texts the ranges of a large download have."""


def written(folder, known, how, digest):
    """A download of *known*, digests in hexadecimal with their counts."""
    width = digest.hex_digits
    known = {**dict.fromkeys(["00" * (width // 2)] if how["padding"] else [], 0), **known}
    by_range = {}
    for key, count in sorted(known.items()):
        again = {"no": [], "less": [(key, count // 2)], "more": [(key, count)]}[how["twice"]]
        first = (key, count // 3) if how["twice"] == "more" else (key, count)
        by_range.setdefault(key[:5], []).extend([first, *again])
    spelt = {"upper": str.upper, "lower": str.lower, "mixed": lambda key: key[:20].lower() + key[20:]}[how["case"]]
    for prefix, entries in by_range.items():
        cut = 0 if how["shape"] == "file" else 5
        lines = how["end"].join(f"{spelt(key)}:{count}"[cut:] for key, count in entries)
        text = ("\ufeff" if how["bom"] else "") + lines + (how["end"] if how["shape"] == "file" else how["last"])
        if how["shape"] == "file":
            with (folder / "all.txt").open("ab") as file:
                file.write(text.encode())
        elif how["shape"] == "ranges":
            (folder / f"{prefix}.txt").write_bytes(text.encode())
        else:
            inner = folder / prefix[:2].lower()
            inner.mkdir(exist_ok=True)
            (inner / f"{prefix.lower()}.gz").write_bytes(gzip.compress(text.encode(), 1))
    return folder / "all.txt" if how["shape"] == "file" else folder


def small(path, *passwords, counts=True):
    """A breach file of some passwords, each seen nine times."""
    source = path.with_suffix(".txt")
    source.write_text("".join(sorted(f"{sha1(p.encode()).hexdigest()}:9\n" for p in passwords)))
    build(source, path, counts=counts, partial=True)
    return path


def plain(path, known):
    """The plainest download of digests in hexadecimal with their counts."""
    path.write_text("".join(f"{key}:{count}\n" for key, count in sorted(known.items())))
    return path


def texts(per_range, kinds=KINDS, seed=11):
    """What the ranges of a large download have behind their digits, and how often that was seen."""
    chance = random.Random(seed)
    return [
        sorted((chance.getrandbits(140), int(chance.paretovariate(0.7))) for _ in range(chance.randint(*per_range)))
        for _ in range(kinds)
    ]


def digest_of(number, rest):
    """The digest of an entry of the range *number*."""
    return (number << 140 | rest).to_bytes(20)


def in_files(folder, ranges, per_range):
    """A download with one file a range; answers how many entries there are."""
    folder.mkdir()
    kinds = texts(per_range)
    bodies = [b"\r\n".join(b"%035X:%d" % one for one in text) for text in kinds]
    for number in range(ranges):
        (folder / f"{number:05X}.txt").write_bytes(bodies[number % KINDS])
    return sum(len(kinds[number % KINDS]) for number in range(ranges))


class Streamed(Download):
    """The single file of a large download, made while it is read."""

    per_range = (95, 97)

    def __init__(self, source, digest):
        self.digest, self.is_file, self.source, self.files = digest, True, source, 1
        self.ranges = int(re.fullmatch(r"(\d+) ranges", source.name)[1])
        self.most, self.fingerprint = 97 * self.ranges, "made up"

    def parts(self, first=0):
        """The one there is."""
        yield 0, Stream(self.source, ranges=self.ranges, per_range=self.per_range)


class Stream:
    """A file that says one range after the other; it stands for a Part."""

    prefix = b""

    def __init__(self, path, *, ranges, per_range):
        self.path, self.made = path, (ranges, per_range)

    def open(self):
        """From its beginning on."""
        return Lines(*self.made)


class Lines:
    """As much of a file as a reader of downloads asks for."""

    def __init__(self, ranges, per_range):
        self.ranges = ranges
        self._bodies = [b"".join(b"\n%035X:%d" % one for one in text) for text in texts(per_range)]
        self.seek(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def seek(self, at):
        """To the beginning."""
        assert at == 0
        self._made = (self._bodies[n % KINDS].replace(b"\n", b"\r\n%05X" % n)[2:] + b"\r\n" for n in range(self.ranges))
        self._left = b""

    def read(self, size):
        """The next bytes."""
        pieces, have = [self._left], len(self._left)
        while have < size and (text := next(self._made, b"")):
            pieces.append(text)
            have += len(text)
        data = b"".join(pieces)
        self._left = data[size:]
        return data[:size]
