"""Every recipe runs on every store there is."""

import pytest
from tests.museum.harness import MemoryPlace, SqlitePlace, exhibit


@pytest.fixture(params=["memory", "sqlite"])
def place(request, tmp_path):
    """A place for records and meters, of each kind in turn."""
    made = MemoryPlace() if request.param == "memory" else SqlitePlace(tmp_path / "acctsec.db")
    yield made
    made.close()


@pytest.fixture
def w(place):
    """A world on that place."""
    return exhibit(place)


@pytest.fixture
def sqlite(tmp_path):
    """An SQLite file, for what needs more than one process."""
    made = SqlitePlace(tmp_path / "acctsec.db")
    yield made
    made.close()
