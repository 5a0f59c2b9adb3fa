"""The passwords that everybody tries first."""

from functools import cache, lru_cache

from acctsec.password.nearby import Nearby

LISTED = 19_640
"""How many the shipped list holds."""

FUZZY_FROM = 7
"""From so many characters on a listed password is recognised with one edit: what is compared has eight at least."""

_SIZES = 4  # as many different sizes are held at once: the whole list, and what some groups have of their own


@cache
def ranked_passwords() -> tuple[str, ...]:
    """The 19,640 most used passwords in lower case, in order, read on first use. Origin and licence lie beside the data."""
    import gzip
    from importlib.resources import files

    packed = files("acctsec.password").joinpath("data/common-passwords.txt.gz").read_bytes()
    return tuple(dict.fromkeys(filter(None, gzip.decompress(packed).decode("utf-8").split("\n"))))


@lru_cache(maxsize=_SIZES)
def common_passwords(size: int = LISTED) -> frozenset[str]:
    """The *size* most used passwords in lower case."""
    return frozenset(ranked_passwords()[:size])


@lru_cache(maxsize=_SIZES)
def nearly_common(size: int = LISTED) -> Nearby:
    """The *size* most used passwords, with one edit each. Some 11 MB and 40 ms, on first use."""
    return Nearby(ranked_passwords()[:size], fuzzy_from=FUZZY_FROM)
