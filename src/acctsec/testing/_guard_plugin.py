"""What guards a contract while pytest runs; it is registered when the first class of one is collected."""

import sys
from collections.abc import Generator
from typing import Any

import pytest
from _pytest.outcomes import Skipped  # the class behind pytest.skip.Exception, which type checkers do not see

from acctsec.testing._guarded import REMEDY, changed, protected, reason_of

NAME = "acctsec-contracts"
WHOLE = (
    "A class that is collected is asked all of its contract. Where what it needs is missing, leave out the whole module: "
    "`pytest.skip(reason, allow_module_level=True)`."
)


class NotAsked(Skipped):
    """The contract itself leaves a test out, as it is about something that was declared not to be there."""

    __module__ = "builtins"  # as those of pytest, so that a report does not say where it lives


def look_at(cls: type, metafunc: pytest.Metafunc) -> None:
    """Refuse to collect a class that changed its contract, or a test of it whose marks would hide what comes of it."""
    plugins = metafunc.config.pluginmanager
    if not plugins.has_plugin(NAME):
        plugins.register(sys.modules[__name__], NAME)
    name = metafunc.definition.name
    if name not in protected(cls):
        return
    found = changed(cls)
    if found:
        raise pytest.Collector.CollectError(f"{' '.join(found)} {REMEDY}")
    for mark in metafunc.definition.iter_markers():
        if mark.name == "xfail" and not reason_of(mark):
            raise pytest.Collector.CollectError(f"{cls.__name__}.{name} is marked xfail without a reason. Give one.")
        if mark.name == "xfail" and not mark.kwargs.get("run", True):
            raise pytest.Collector.CollectError(f"{cls.__name__}.{name} is marked xfail and not run. Let it run, and fail.")
        if mark.name == "parametrize" and not _values(mark):
            raise pytest.Collector.CollectError(
                f"{cls.__name__}.{name} has no parameters, so it would not run. Give one at least."
            )


def _values(mark: pytest.Mark) -> bool:
    values: Any = mark.kwargs.get("argvalues", mark.args[1] if len(mark.args) > 1 else ())
    return not hasattr(values, "__len__") or len(values) > 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test of a contract that was skipped has failed, and so has one that was expected to and did not."""
    report = yield
    cls = getattr(item, "cls", None)
    name = getattr(item, "originalname", item.name)
    if cls is None or name not in protected(cls):
        return report
    excused = any(reason_of(mark) for mark in item.iter_markers("xfail"))
    if (
        report.skipped
        and not (excused and hasattr(report, "wasxfail"))
        and not (call.excinfo and call.excinfo.errisinstance(NotAsked))
    ):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        _fail(report, f"This test of the contract was left out ({why}). {WHOLE}")
    elif report.when == "call" and report.passed and hasattr(report, "wasxfail"):
        _fail(report, f"This test of the contract is marked xfail ({report.wasxfail}), and it passes. Take the mark away.")
    elif report.when == "call" and report.passed and getattr(cls, name) is not protected(cls)[name]:
        _fail(report, f"This test overrides one of the contract, its xfail is not in force, and it passes. {REMEDY}")
    return report


def _fail(report: pytest.TestReport, sentence: str) -> None:
    report.outcome, report.longrepr = "failed", sentence
    if hasattr(report, "wasxfail"):
        del report.wasxfail
