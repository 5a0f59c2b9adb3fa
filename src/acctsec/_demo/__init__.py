"""The demo: five acts on a real store, each of which asserts what it claims. Run it with ``python -m acctsec demo``."""
