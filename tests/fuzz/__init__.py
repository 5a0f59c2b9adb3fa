"""
Fuzzing of all that reads bytes from outside, guided by coverage.

    python -m tests.fuzz                                    # the names of the targets
    python -m tests.fuzz phc -max_total_time=600            # one of them, with options of libFuzzer
    python -m tests.fuzz phc crash-0a1b…                    # what it found, once more

A target takes bytes and fails where a reader breaks its word: raises what it does not name, reads one thing in two spellings, or
shows a secret. `make test-deep` runs each for a while (test_targets.py).
"""
