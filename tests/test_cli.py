"""The command line says what it does, does it, and answers with the exit codes it documents."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest

import acctsec
from acctsec import SOCIAL_DEFAULT, Keyring
from acctsec.__main__ import main
from acctsec._demo.screen import RichScreen, Screen, choose
from acctsec.knobs import knobs

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")
URI = "otpauth://totp/acctsec:ada%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=acctsec"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


class Ascii(io.StringIO):
    """A stream that can write ASCII only."""

    encoding = "ascii"


def show_everything(screen):
    screen.title("title", "below")
    screen.act(1, "an act", "its lead")
    screen.beat("08:00", "something is done", "refused", good=False)
    screen.beat("08:01", "something else", "")
    screen.table(("name", "n", "rest"), [("one", "1", screen.bar(1, 2)), ("two", "22", "word " * 60)], right=(1,))
    screen.grid(" ".join(map(screen.dot, (True, False))), good=True)
    screen.code(URI, "JBSW Y3DP")
    with screen.progress("working", 2) as advance:
        advance()
        advance()
    screen.claim("this holds", True)
    screen.claim("this does not", False)
    screen.last("the end", True)


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "acctsec", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


# --- commands ---------------------------------------------------------------------------------------------------------


def test_the_version_is_the_package_s(capsys):
    """A bug report can name it."""
    with pytest.raises(SystemExit) as left:
        main(["--version"])

    assert (left.value.code, capsys.readouterr().out) == (0, f"acctsec {acctsec.__version__}\n")


@pytest.mark.parametrize("command", [[], ["demo"], ["keys"], ["policy"]])
def test_help_documents_the_exit_codes(command, capsys):
    """Scripts need them, at every command."""
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])

    words = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0
    assert "exit codes: 0 all is well; 1 something failed" in words
    assert "2 the command cannot be carried out" in words


@pytest.mark.parametrize("arguments", [[], ["dance"], ["policy", "--preset", "nobody"], ["demo", "--store"]])
def test_what_is_not_understood_is_2(arguments, capsys):
    """And goes to standard error."""
    with pytest.raises(SystemExit) as left:
        main(arguments)

    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    assert "usage:" in said.err


def test_keys_are_what_a_keyring_reads(capsys):
    """One line, nothing else, so that it can go straight into a secret store."""
    assert main(["keys"]) == 0

    text = capsys.readouterr().out
    assert re.fullmatch(r"seal:\S{43} index:\S{43}\n", text)
    assert Keyring.from_text(text).index_count == 1


def test_keys_are_fresh(capsys):
    """Two calls share nothing."""
    main(["keys"])
    first = capsys.readouterr().out.split()
    main(["keys"])
    second = capsys.readouterr().out.split()

    assert set(first).isdisjoint(second)


def test_policy_shows_every_knob_with_value_and_source(capsys):
    """What a reviewer asks for."""
    assert main(["policy"]) == 0

    text = capsys.readouterr().out
    assert SOCIAL_DEFAULT.name in text
    assert SOCIAL_DEFAULT.digest in text
    words = " ".join(text.split())
    for knob in knobs(SOCIAL_DEFAULT):
        assert knob.name.partition(".")[2] in words
        assert knob.source.split()[0] in words


def test_policy_shows_beside_the_cost_of_a_hash_what_it_costs_an_attacker(capsys):
    """In the order of magnitude of the published runs: thousands a second, about a cent for a million."""
    assert main(["policy"]) == 0
    said = " ".join(capsys.readouterr().out.split())

    assert "8,804 guesses a second at one stolen hash on one RTX 4090, $0.013 in rent for a million" in said


def test_policy_shows_the_preset_that_was_named(capsys):
    """Each of them, by its name without the date."""
    assert main(["policy", "--preset", "cheapest"]) == 0

    assert capsys.readouterr().out.startswith("cheapest\n")


def test_a_reader_that_goes_away_is_no_traceback():
    """``python -m acctsec policy | head -1``."""
    with subprocess.Popen([sys.executable, "-m", "acctsec", "policy"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        complaint = process.stderr.read()

    assert (process.returncode, complaint) == (1, b"")


def test_an_interrupt_is_no_traceback(monkeypatch, capsys):
    """Control-C is a decision, not an accident."""

    def interrupt(given):
        raise KeyboardInterrupt

    monkeypatch.setattr("acctsec.__main__._run", interrupt)

    assert main(["keys"]) == 130
    assert capsys.readouterr().err == "\nacctsec: stopped.\n"


def test_a_pipe_gets_plain_text():
    """No escape sequence in a file or a log."""
    done = run("policy", FORCE_COLOR="1", PYTHONIOENCODING="utf-8")

    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_a_pipe_that_knows_ascii_only_gets_ascii():
    """Signs are replaced rather than raised about."""
    done = run("policy", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == 0
    assert done.stdout.isascii()


def in_terminal(**environment):
    """What a real terminal shows of ``policy``."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "acctsec", "policy"],
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(master)
    assert process.returncode == 0
    return shown.decode()


def test_a_terminal_gets_style_and_no_color_is_heeded():
    """``NO_COLOR`` as no-color.org asks."""

    assert "\x1b[" in in_terminal()
    assert not COLOUR.search(in_terminal(NO_COLOR="1"))


# --- screens ----------------------------------------------------------------------------------------------------------


def test_a_terminal_gets_the_rich_screen_and_everything_else_the_plain_one():
    """By what the stream says of itself."""

    assert type(choose(Terminal())) is RichScreen
    assert type(choose(io.StringIO())) is Screen


def test_without_rich_a_terminal_gets_plain_text(monkeypatch):
    """Rich is an extra: the library works without."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    out = Terminal()

    screen = choose(out)
    show_everything(screen)

    assert type(screen) is Screen
    assert "\x1b" not in out.getvalue()
    assert "2/2" in out.getvalue()  # even so there is a progress bar


@pytest.mark.parametrize("kind", [Screen, RichScreen])
def test_both_screens_say_the_same_words(kind, monkeypatch):
    """A claim, a table and a key are never told by colour alone."""
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()

    show_everything(kind(out))

    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    for words in (
        "title",
        "an act",
        "its lead",
        "08:00",
        "refused",
        "✓ this holds",
        "✗ this does not",
        "JBSW Y3DP",
        "● ·",
        "the end",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 108


def test_a_plain_table_keeps_its_columns():
    """Only the last column and wide middle ones wrap, under themselves."""
    out = io.StringIO()

    Screen(out, width=60).table(("name", "n", "text"), [("a", "5", "word " * 20), ("long name", "12", "short")], right=(1,))

    lines = out.getvalue().splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert lines[2].startswith("   a           5  word")
    assert lines[3].startswith(" " * 18 + "word")


def test_a_plain_screen_writes_ascii_where_nothing_else_can_be_written():
    """Bars, dots and marks have an ASCII form."""
    out = Ascii()

    show_everything(Screen(out))

    assert out.getvalue().isascii()
    assert "ok this holds" in out.getvalue()
    assert "NO this does not" in out.getvalue()


def test_a_terminal_shows_the_qr_picture_and_the_key():
    """The picture for a phone, the key for fingers."""
    out = Terminal()

    RichScreen(out).code(URI, "JBSW Y3DP")

    assert out.getvalue().count("█") > 100
    assert "JBSW Y3DP" in out.getvalue()


def test_without_segno_the_key_is_enough(monkeypatch):
    """The picture is a convenience."""
    monkeypatch.setitem(sys.modules, "segno", None)
    out = Terminal()

    RichScreen(out).code(URI, "JBSW Y3DP")

    assert "█" not in out.getvalue()
    assert "JBSW Y3DP" in out.getvalue()
