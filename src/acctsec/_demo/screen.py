"""
What the demo and the command line show: with rich in a terminal, as plain text everywhere else.

Rich is an extra. Without it, through a pipe, or on a stream that cannot write the signs, the same words come as plain text.
"""

import os
import shutil
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import IO

WIDTH = 108
MIDDLE = 28
"""The widest that a column in the middle of a table gets before it wraps."""
Advance = Callable[[], object]


class Screen:
    """Plain text."""

    def __init__(self, out: IO[str], *, width: int = WIDTH) -> None:
        self.out = out
        self.width = width
        self._signs = _writes(out, "█▌✓✗·●")

    # --- words ---

    def title(self, text: str, below: str) -> None:
        """The head of everything."""
        self._print(f"{text}\n{below}")

    def act(self, number: int, title: str, lead: str) -> None:
        """The head of an act."""
        rule = ("─" if self._signs else "-") * self.width
        self._print(f"\n{rule}\n{number}  {title}\n")
        self.say(lead)
        self.say()

    def say(self, text: str = "") -> None:
        """A paragraph."""
        self._print(self._wrapped(text, 3))

    def beat(self, when: str, what: str, answer: str, *, good: bool | None = None) -> None:
        """One moment of a story: when, what was done, what the engine answered."""
        del good
        self._print(self._wrapped(f"{when}  {what}", 3, 10))
        if answer:
            self.answer(answer)

    def answer(self, text: str, *, good: bool | None = None) -> None:
        """One more thing that the engine answered at that moment, or that came of it."""
        del good
        self._print(self._wrapped(f"-> {text}", 10, 13))

    def claim(self, text: str, held: bool) -> None:  # noqa: FBT001 - the two of a claim
        """A claim that held, or did not."""
        mark = ("✓" if held else "✗") if self._signs else ("ok" if held else "NO")
        self._print(self._wrapped(f"{mark} {text}", 3, 5))

    def last(self, text: str, held: bool) -> None:  # noqa: FBT001 - the two of a claim
        """The line that sums everything up."""
        del held
        self._print(f"\n{text}")

    # --- figures ---

    def bar(self, part: int, whole: int, width: int = 24) -> str:
        """A bar of *part* in *whole*."""
        halves = round(2 * width * part / whole) if whole else 0
        if not self._signs:
            return "#" * ((halves + 1) // 2)
        return "█" * (halves // 2) + "▌" * (halves % 2)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()) -> None:
        """A table; columns in *right* are numbers. The first column never wraps, the last takes what room there is."""
        lines = [tuple(head), *map(tuple, rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
        widths = [*widths[:1], *(min(width, MIDDLE) for width in widths[1:])]
        widths.append(max(self.width - 3 - sum(width + 2 for width in widths), 20))
        for number, row in enumerate(lines):
            cells = [textwrap.wrap(text, width) or [""] for text, width in zip(row, widths, strict=True)]
            for parts in zip_longest(*cells, fillvalue=""):
                padded = [
                    f"{text:>{w}}" if at in right else f"{text:<{w}}"
                    for at, (text, w) in enumerate(zip(parts, widths, strict=True))
                ]
                self._print("   " + "  ".join(padded).rstrip())
            if number == 0:
                self._print("   " + ("─" if self._signs else "-") * (self.width - 3))
        self._print("")

    def grid(self, text: str, *, good: bool) -> None:
        """A picture made of signs: one line of it."""
        del good
        self._print(f"     {text}")

    def dot(self, filled: bool) -> str:  # noqa: FBT001 - one of two signs
        """One sign of a grid."""
        return "●" if filled and self._signs else "#" if filled else "·" if self._signs else "."

    def code(self, uri: str, key: str) -> None:
        """The QR picture of an otpauth URI where it can be shown, and the key as people type it."""
        del uri
        self._print(self._wrapped(f"key to type: {key}", 10))

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Advance]:
        """Something that takes a while: call what this gives once a piece."""
        done = 0
        tty = self.out.isatty()

        def advance() -> None:
            nonlocal done
            done += 1
            self.out.write(f"\r   {label} {self.bar(done, total)} {done}/{total}")
            self.out.flush()

        yield advance if tty else _nothing
        if tty:
            self._print("")

    # --- means ---

    def _wrapped(self, text: str, indent: int, hanging: int | None = None) -> str:
        first, rest = " " * indent, " " * (indent if hanging is None else hanging)
        return textwrap.fill(
            text, self.width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
        )

    def _print(self, text: str) -> None:
        print(text, file=self.out, flush=True)


class RichScreen(Screen):
    """The same in colour, with what rich knows of terminals. Colour is never the only sign of anything."""

    def __init__(self, out: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=out, highlight=False, soft_wrap=False)
        super().__init__(out, width=min(self._console.width, WIDTH))

    def title(self, text: str, below: str) -> None:
        self._styled((text, "bold"), ("\n" + below, "dim"))

    def act(self, number: int, title: str, lead: str) -> None:
        from rich.rule import Rule
        from rich.text import Text

        head = Text.assemble((f" {number} ", "bold reverse cyan"), (f"  {title} ", "bold"))
        self._console.print()
        self._console.print(Rule(head, align="left", style="dim cyan"), width=self.width)
        self._console.print()
        self.say(lead)
        self.say()

    def beat(self, when: str, what: str, answer: str, *, good: bool | None = None) -> None:
        self._styled((self._wrapped(f"{when}  {what}", 3, 10), ""))
        if answer:
            self.answer(answer, good=good)

    def answer(self, text: str, *, good: bool | None = None) -> None:
        self._styled((self._wrapped(f"→ {text}", 10, 12), {True: "green", False: "red", None: "cyan"}[good]))

    def claim(self, text: str, held: bool) -> None:  # noqa: FBT001 - the two of a claim
        body = self._wrapped(f"· {text}", 3, 5)[5:]
        self._styled(("   ✓ " if held else "   ✗ ", "bold green" if held else "bold red"), (body, "" if held else "red"))

    def last(self, text: str, held: bool) -> None:  # noqa: FBT001 - the two of a claim
        self._styled(("\n" + text, "bold green" if held else "bold red"))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()) -> None:
        from rich import box
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for at, name in enumerate(head):
            most = MIDDLE if 0 < at < len(head) - 1 else None
            table.add_column(name, justify="right" if at in right else "left", no_wrap=at == 0, max_width=most)
        for row in rows:
            table.add_row(*(Text(cell, style="cyan" if cell and set(cell) <= {"█", "▌"} else "") for cell in row))
        self._console.print(Padding(table, (0, 0, 1, 3)), width=self.width)

    def grid(self, text: str, *, good: bool) -> None:
        from rich.text import Text

        line = Text(f"     {text}", style="dim")
        line.highlight_regex("●", style=f"not dim bold {'green' if good else 'red'}")
        self._console.print(line)

    def code(self, uri: str, key: str) -> None:
        for line in _squares(uri, inverted=self._console.no_color):
            self._styled(("          ", ""), (line, "" if self._console.no_color else "black on white"))
        super().code(uri, key)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Advance]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = TextColumn(f"   {label}"), BarColumn(bar_width=40), MofNCompleteColumn()
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(label, total=total)
            yield lambda: progress.advance(task)

    def _styled(self, *parts: tuple[str, str]) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*parts))

    def _print(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(text))


def choose(out: IO[str]) -> Screen:
    """The best screen for a stream: rich where it is a terminal and rich is installed."""
    if out.isatty():
        try:
            return RichScreen(out)
        except ImportError:
            pass
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if out.isatty() else WIDTH
    return Screen(out, width=min(columns, WIDTH))


def _squares(uri: str, *, inverted: bool) -> list[str]:
    """A QR picture in half blocks, two rows a line; none where segno is missing."""
    try:
        import segno
    except ImportError:
        return []
    rows = [[bool(cell) for cell in row] for row in segno.make(uri, micro=False).matrix_iter(border=2)]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    signs = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
    return [
        "".join(signs[upper != inverted, lower != inverted] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]


def _writes(out: IO[str], signs: str) -> bool:
    """Whether a stream can write these signs."""
    encoding = getattr(out, "encoding", None)
    try:
        signs.encode(encoding or "utf-8")  # a stream without an encoding keeps text as it is
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "dumb"


def _nothing() -> None:
    pass
