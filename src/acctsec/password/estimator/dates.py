"""Years and dates, with zxcvbn's way to read digits as a date and its formulas, and years to come."""

import re
from collections.abc import Iterator
from types import ModuleType

from acctsec.password.estimator.sequence import Span

_YEAR = re.compile(r"19[0-9]{2}|20[0-4][0-9]")
_DATE = re.compile(r"(\d{1,4})([\s/\\_.-])(\d{1,2})\2(\d{1,4})")


def years(password: str, scoring: ModuleType) -> Iterator[Span]:
    """Years from 1900 to 2049."""
    for year in _YEAR.finditer(password):
        space = max(abs(int(year[0]) - scoring.REFERENCE_YEAR), scoring.MIN_YEAR_SPACE)
        yield year.start(), year.end() - 1, space


def dates(password: str, matching: ModuleType, scoring: ModuleType) -> Iterator[Span]:
    """
    Dates with and without separators; of one within another only the outer.

    zxcvbn compares every date it finds with every other, which forty digits turn into milliseconds.
    """
    end = -1
    for i, first in enumerate(password):
        if not first.isdecimal():
            continue
        for j in range(min(i + 9, len(password) - 1), max(i + 2, end), -1):  # longest first: what is left is within it
            if (guesses := _date(password[i : j + 1], matching, scoring)) is not None:
                yield i, j, guesses
                end = j
                break


def _date(token: str, matching: ModuleType, scoring: ModuleType) -> float | None:
    """Guesses for a whole date, read with the year that is nearest to zxcvbn's reference year."""
    separated = _DATE.fullmatch(token)
    if separated:
        splits = [(separated[1], separated[3], separated[4])]
    elif token.isdecimal() and len(token) <= 8:
        splits = [(token[:k], token[k:m], token[m:]) for k, m in matching.DATE_SPLITS[len(token)]]
    else:
        return None
    read = [date for split in splits if (date := matching.map_ints_to_dmy([int(part) for part in split]))]
    if not read:
        return None
    year = min((date["year"] for date in read), key=lambda year: abs(year - scoring.REFERENCE_YEAR))
    return float(scoring.date_guesses({"year": year, "separator": separated[2] if separated else ""}))
