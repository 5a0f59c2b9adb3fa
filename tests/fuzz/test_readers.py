"""No reader without a target, no target without a reader."""

from tests.fuzz.readers import ELSEWHERE, INSIDE, ROOT, functions, readers
from tests.fuzz.readers import TARGETS as READ
from tests.fuzz.targets import TARGETS

NAMED = {reader for names in READ.values() for reader in names}


def test_every_function_that_takes_bytes_or_text_apart_has_a_target_or_a_reason_for_having_none():
    assert not readers() - NAMED - {*ELSEWHERE} - INSIDE


def test_every_target_says_what_it_reads():
    assert {*READ} == {*TARGETS}


def test_every_reader_that_is_named_is_there():
    """In packages and in modules; one that was moved is named anew."""
    there = functions()
    assert not {*NAMED, *ELSEWHERE, *INSIDE} - there


def test_every_other_test_that_is_named_is_there():
    assert all((ROOT / path).is_file() for path in ELSEWHERE.values())


def test_a_new_reader_is_found(tmp_path):
    (tmp_path / "module.py").write_text("class Reader:\n    def read(self, data):\n        return json.loads(data)\n")
    assert readers(tmp_path) == {"module:Reader.read"}
