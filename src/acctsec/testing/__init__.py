"""The public kit: prove that a store of your own keeps the contract the engine relies on. Needs ``acctsec[testing]``."""

from acctsec.testing.stores import check_store

__all__ = ["check_store"]
