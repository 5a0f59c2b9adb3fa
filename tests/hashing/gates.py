"""What tests of the governor share: work that ends when it is let, callers in threads, and patience."""

import threading
import time
from datetime import timedelta

from acctsec.hashing.governor import Governor

LONG = timedelta(seconds=30)


def governor(permits=1, queue=100, patience=LONG):
    return Governor(permits=permits, queue=queue, patience=patience)


class Gate:
    """Work that says when it began and ends when it is let."""

    def __init__(self):
        self.began = threading.Event()
        self.let = threading.Event()
        self.ended = threading.Event()

    def __call__(self):
        self.began.set()
        assert self.let.wait(30)
        self.ended.set()
        return "done"


def in_thread(call):
    """Start *call* in a thread; its answer or exception lands in the list."""
    result = []

    def run():
        try:
            result.append(call())
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def waiting(made):
    return sum(len(pool.waiting) for pool in made._pools.values())


def workers():
    return sum(thread.name == "acctsec-hashing" for thread in threading.enumerate())


def until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to pass")
