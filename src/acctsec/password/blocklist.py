"""The passwords that everybody tries first."""

from functools import cache


@cache
def common_passwords() -> frozenset[str]:
    """The 19,640 most used passwords in lower case, read on first use. Origin and licence lie beside the data."""
    import gzip
    from importlib.resources import files

    packed = files("acctsec.password").joinpath("data/common-passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").split("\n")) - {""}
