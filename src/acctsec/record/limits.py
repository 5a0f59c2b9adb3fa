"""How many there may be of each part; past that the part's own method says who goes."""

from datetime import timedelta

MAX_RESETS = 3
MAX_DEVICES = 5
MAX_NETWORKS = 3  # home, work, the phone
MAX_SESSIONS = 32
MAX_HISTORY = 24
MAX_FACTORS = 8  # of all kinds together
MAX_FACTOR_BYTES = 2_304  # and of no more bytes: five passkeys with RSA keys, or eight of any other kind
MAX_SENT = 3
MAX_PROOFS = 3  # of a session: a password, a factor, and one more for something that needs another
MAX_SPENT = 24  # resets and tickets within half an hour
MAX_COMMITS = 8
MAX_PLACES = 24
MAX_SIGN_INS = 255  # above, all is halved: who moved house is known in the new one after as many sign-ins
MAX_CHECKPOINTS = 2 * (2 + MAX_DEVICES + MAX_NETWORKS) + 7 + 1
"""Lanes and months of password and factor, the other classes, the hit count."""
MAX_OPENINGS = MAX_DEVICES  # an opened lane takes the room of a device
MAX_CHANGES = 4
MAX_ADDRESSES = 8
MAX_REMOVED = 2  # of them, addresses that were taken off and are told a while longer
MAX_CONTACTS = 5
MAX_BYTES = 16 * 1024

RAPID = timedelta(days=1)
"""Changes of password within so long of each other do not push one out of the history."""

SKEW = timedelta(minutes=1)
"""
How far the clocks of two nodes may be apart. What was handed out further in the future than that was handed out by a broken
clock: it is not accepted, or it would live for as long as that clock was ahead.
"""
