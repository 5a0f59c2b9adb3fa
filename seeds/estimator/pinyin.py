# ruff: noqa: INP001 - a script
"""
Make the pinyin table from the words of jieba 0.42.1 and the readings of pypinyin 0.55.0 (both MIT). Run by hand, rarely.

    python seeds/estimator/pinyin.py     writes the table beside the data of acctsec.password

Neither package is needed at run time. The 6,000 most frequent words of four letters and more in pinyin, and how often each
syllable stands in the 40,000 most frequent words.
"""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import jieba
from pypinyin import lazy_pinyin

TABLE = Path(__file__).parents[2] / "src/acctsec/password/data/pinyin.json.gz"
HAN, PLAIN = re.compile("[\u4e00-\u9fff]{1,4}"), re.compile("[a-z]+")


def table():
    """The text of the table."""
    lines = (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").split("\n")
    listed = [(word, int(count)) for word, count, _ in (line.split() for line in lines if line) if HAN.fullmatch(word)]
    listed.sort(key=lambda one: (-one[1], one[0]))
    syllables, words = Counter(), Counter()
    for word, count in listed[:40_000]:
        read = lazy_pinyin(word)
        syllables.update({one: count * read.count(one) for one in set(read) if PLAIN.fullmatch(one)})
        if len(read) > 1:
            words["".join(read)] += count
    ranked = sorted((word for word in words if len(word) >= 4 and PLAIN.fullmatch(word)), key=lambda word: (-words[word], word))
    return json.dumps({"words": " ".join(ranked[:6000]), "syllables": dict(sorted(syllables.items()))}, separators=(",", ":"))


if __name__ == "__main__":
    TABLE.write_bytes(gzip.compress(table().encode(), 9, mtime=0))
