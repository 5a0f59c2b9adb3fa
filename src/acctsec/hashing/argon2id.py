"""
Computing one Argon2id tag, in memory that a worker thread keeps.

argon2-cffi lets the C library allocate. From 32 MiB on every hash then pays for fresh pages, half of its time at 46 MiB;
below that, once there are more threads than the allocator has arenas, every worker ends up holding twice the memory. A
thread that called ``keep_memory`` hands its own block to the C core instead, again and again; the core leaves it wiped.
The way to hand it over is one that argon2-cffi calls hazardous: each block is first tried against the safe interface.
"""

import mmap
import sys
from contextlib import suppress
from threading import local
from typing import Any

from argon2 import low_level
from argon2.exceptions import HashingError

from acctsec.hashing.parameters import Argon2Parameters

_VERSION = 0x13
_WIPE_ON_FORK = 18  # MADV_WIPEONFORK of Linux 4.14, which the module mmap has no name for
_thread = local()


def keep_memory() -> None:
    """Let the calling thread keep a block of memory for its hashes, until it gives it back or ends."""
    _thread.block = None


def give_back_memory() -> None:
    """Return what the calling thread keeps to the system; its next hash takes it anew."""
    _thread.block = None


def memory_can_be_kept() -> bool:
    """Whether this platform and this argon2-cffi let a thread use its memory again."""
    return _Block(8).usable


def derive(password: bytes, *, salt: bytes, cost: Argon2Parameters, tag_bytes: int, keep_kib: int) -> bytes:
    """
    Compute a tag. A thread that keeps memory keeps *keep_kib* KiB; a costlier hash is computed outside of that.

    Raises argon2's HashingError when there is no memory.
    """
    if hasattr(_thread, "block") and cost.memory_kib <= keep_kib:
        if _thread.block is None or _thread.block.kib < keep_kib:
            _thread.block = _Block(keep_kib)
        block: _Block = _thread.block
        if block.usable:
            return block.derive(password, salt, cost, tag_bytes)
    return _safely(password, salt, cost, tag_bytes)


def _safely(password: bytes, salt: bytes, cost: Argon2Parameters, tag_bytes: int) -> bytes:
    return low_level.hash_secret_raw(
        password, salt, cost.time_cost, cost.memory_kib, cost.parallelism, tag_bytes, low_level.Type.ID, _VERSION
    )


class _Block:
    """Memory for one hash at a time. Not ``usable`` where the platform or argon2-cffi lacks what it takes."""

    def __init__(self, kib: int) -> None:
        self.kib = kib
        try:
            self._pages = _private_pages(kib * 1024)
            start = low_level.ffi.from_buffer("uint8_t[]", self._pages)

            def allocate(memory: Any, _size: int) -> int:
                memory[0] = start
                return 0

            self._allocate = low_level.ffi.callback("int(uint8_t **, size_t)", allocate)
            self._release = low_level.ffi.cast("void(*)(uint8_t *, size_t)", _address_of_nothing())
            probe = (b"probe", bytes(16), Argon2Parameters(memory_kib=8, time_cost=1), 32)
            self.usable = self.derive(*probe) == _safely(*probe)
        except Exception:  # noqa: BLE001 - whatever is missing, hashing goes on without
            self.usable = False

    def derive(self, password: bytes, salt: bytes, cost: Argon2Parameters, tag_bytes: int) -> bytes:
        ffi = low_level.ffi
        tag, secret, grain = ffi.new("uint8_t[]", tag_bytes), ffi.new("uint8_t[]", password), ffi.new("uint8_t[]", salt)
        fields = {
            "out": tag, "outlen": tag_bytes, "pwd": secret, "pwdlen": len(password), "salt": grain, "saltlen": len(salt),
            "secret": ffi.NULL, "secretlen": 0, "ad": ffi.NULL, "adlen": 0, "flags": 0, "version": _VERSION,
            "t_cost": cost.time_cost, "m_cost": cost.memory_kib, "lanes": cost.parallelism, "threads": cost.parallelism,
            "allocate_cbk": self._allocate, "free_cbk": self._release,
        }  # fmt: skip
        answer = low_level.core(ffi.new("argon2_context *", fields), low_level.Type.ID.value)
        if answer != 0:
            raise HashingError(low_level.error_to_str(answer))
        return bytes(ffi.buffer(tag, tag_bytes))


def _private_pages(size: int) -> mmap.mmap:
    """
    Pages that no child shares, large ones where the system has them.

    A child finds zeros: no half-done hash is copied to it, and the parent does not have to copy the block page by page.
    """
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if sys.platform == "linux":
        for advice in (mmap.MADV_HUGEPAGE, _WIPE_ON_FORK):
            with suppress(OSError):  # a kernel without either hashes as well
                pages.madvise(advice)
    return pages


def _address_of_nothing() -> int:
    """
    The address of a C function that does nothing with (memory, size), to stand for ``free``.

    ``strnlen`` finds a zero in the first byte of the wiped block and goes. A Python function in its place would have to
    wait for the interpreter lock at the end of every hash.
    """
    import ctypes

    return ctypes.cast(ctypes.CDLL(None).strnlen, ctypes.c_void_p).value or 0
