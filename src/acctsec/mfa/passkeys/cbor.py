"""
The CBOR that authenticators may send (CTAP 2.1 section 8), and nothing else.

It is read here before any library sees it: general decoders build dates, regular expressions, huge numbers and values that
hold themselves, all from a few bytes of a stranger.
"""

MAX_DEPTH = 4

Item = int | bytes | str | bool | list["Item"] | dict[int | str, "Item"] | None


class Malformed(ValueError):  # noqa: N818 - it names a state, not a mistake
    """A response that no browser makes."""


def decode(data: bytes, at: int = 0, depth: int = 0) -> tuple[Item, int]:
    """The item that begins at *at*, and where it ends. Raises Malformed for tags, floats, open lengths and too much depth."""
    kind, value, at = _head(data, at)
    if kind == 0:
        return value, at
    if kind == 1:
        return -1 - value, at
    if kind in {2, 3}:
        return _string(data, at, value, is_text=kind == 3)
    if kind == 7 and value in {20, 21, 22}:
        return {20: False, 21: True, 22: None}[value], at
    if depth == MAX_DEPTH or kind not in {4, 5} or value > len(data) - at:
        raise Malformed
    return _list(data, at, value, depth + 1) if kind == 4 else _map(data, at, value, depth + 1)


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    if at >= len(data):
        raise Malformed
    kind, short = data[at] >> 5, data[at] & 31
    if short < 24:
        return kind, short, at + 1
    if short > 27 or kind == 7:
        raise Malformed
    size = 1 << short - 24
    value = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    if at + 1 + size > len(data) or value < (24 if size == 1 else 1 << 4 * size):
        raise Malformed
    return kind, value, at + 1 + size


def _string(data: bytes, at: int, size: int, *, is_text: bool) -> tuple[bytes | str, int]:
    if size > len(data) - at:
        raise Malformed
    raw = data[at : at + size]
    try:
        return (raw.decode() if is_text else raw), at + size
    except UnicodeDecodeError as error:
        raise Malformed from error


def _list(data: bytes, at: int, size: int, depth: int) -> tuple[list[Item], int]:
    found: list[Item] = []
    for _ in range(size):
        item, at = decode(data, at, depth)
        found.append(item)
    return found, at


def _map(data: bytes, at: int, size: int, depth: int) -> tuple[dict[int | str, Item], int]:
    found: dict[int | str, Item] = {}
    for _ in range(size):
        key, at = decode(data, at, depth)
        if type(key) not in {int, str} or key in found:
            raise Malformed
        found[key], at = decode(data, at, depth)  # type: ignore[index]
    return found, at
