"""Where leaked passwords are looked up: a file of one's own, a range service, or several of them."""

from acctsec.corpora.digests import Digest
from acctsec.corpora.file import AsyncFileCorpus, FileCorpus
from acctsec.corpora.ranges import AsyncRangeApiCorpus, RangeApiCorpus
from acctsec.corpora.several import AnyCorpus, AsyncAnyCorpus

__all__ = [
    "AnyCorpus",
    "AsyncAnyCorpus",
    "AsyncFileCorpus",
    "AsyncRangeApiCorpus",
    "Digest",
    "FileCorpus",
    "RangeApiCorpus",
]
