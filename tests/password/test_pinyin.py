"""The table of pinyin: as the script wrote it."""

import gzip
import hashlib
import runpy
from importlib.resources import files
from pathlib import Path

import pytest

PACKED = files("acctsec.password").joinpath("data/pinyin.json.gz").read_bytes()


def test_nobody_changed_the_table_by_hand():
    digest = hashlib.sha256(gzip.decompress(PACKED)).hexdigest()

    assert digest == "a5532d9eb655960c86fddaad4d64169f51a222b524e09cc9d364ef3316854e1e"


@pytest.mark.deep  # what it reads is installed for `make test-deep` alone
@pytest.mark.filterwarnings("ignore:::jieba", "ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_the_table_is_what_the_script_makes():
    script = runpy.run_path(str(Path(__file__).parents[2] / "seeds/estimator/pinyin.py"))

    assert gzip.decompress(PACKED).decode() == script["table"]()
