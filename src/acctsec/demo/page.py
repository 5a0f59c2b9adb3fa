"""The page of one run: one HTML file that needs nothing but itself."""

from collections.abc import Iterable
from html import escape
from importlib.resources import files

from attrs import frozen

import acctsec
from acctsec import Policy
from acctsec.demo import pictures
from acctsec.demo.attack import Attack
from acctsec.demo.crashes import Crashes
from acctsec.demo.day import Beat, Day
from acctsec.demo.signups import SignUps
from acctsec.demo.stage import Claim
from acctsec.demo.svg import table, tag
from acctsec.knobs import Knob, knobs

WORDS = {True: "yes", False: "no", None: "then"}


@frozen(kw_only=True)
class Run:
    """Everything that one run showed. An act that broke off is None."""

    policy: Policy
    when: str
    seconds: float
    claims: tuple[Claim, ...]
    signups: SignUps | None
    day: Day | None
    attack: Attack | None
    crashes: Crashes | None

    @property
    def held(self) -> bool:
        """Whether every claim held."""
        return all(claim.held for claim in self.claims)


def page(run: Run) -> str:
    """The page as HTML."""
    acts = (
        _act(run, 1, "People sign up", _signups(run.signups) if run.signups else ""),
        _act(run, 2, "One person’s day", _day(run.day) if run.day else ""),
        _act(run, 3, "A guesser with sixty-four hands", _attack(run.attack) if run.attack else ""),
        _act(run, 4, "Killed in the middle of a reset", _crashes(run.crashes) if run.crashes else ""),
        _act(run, 5, "The policy in force", _policy(run.policy)),
    )
    style = files("acctsec.demo").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="color-scheme" content="light dark">'
        f"<title>acctsec: one run of the demo</title>\n<style>\n{style}</style>"
    )
    body = f"{_header(run)}\n<main>\n{''.join(acts)}</main>\n{_footer(run)}"
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _header(run: Run) -> str:
    held = sum(claim.held for claim in run.claims)
    facts = [(f"{held} of {len(run.claims)}", "claims held"), (f"{run.seconds:.0f} s", "on one SQLite file")]
    if run.signups:
        facts.append((f"{run.signups.holders} of {run.signups.people}", "people hold an account"))
    if run.attack:
        facts.append((f"{run.attack.compared} of {len(run.attack.guesses)}", f"guesses compared, {run.attack.limit} allowed"))
    if run.crashes:
        facts.append((str(len(run.crashes.crashes)), "processes killed, nothing lost" if run.held else "processes killed"))
    boxes = "".join(f"<div>{tag('dd', escape(figure))}{tag('dt', escape(words))}</div>" for figure, words in facts)
    return (
        "<header><h1>Account security, played through</h1>"
        f'<p class="lead">One run of the acctsec demo, {escape(run.when)}: sign-ups, a forgotten password, an attack and four crashes, on a '
        f'real store. Every sentence with a tick was checked while it ran.</p><dl class="facts">{boxes}</dl></header>'
    )


def _act(run: Run, number: int, title: str, inner: str) -> str:
    claims = "".join(
        tag("li", escape(claim.text), **({} if claim.held else {"class_": "broken"})) for claim in run.claims if claim.act == number
    )
    said = f'<ul class="claims">{claims}</ul>' if claims else ""
    return f'<section><p class="act">Act {number}</p>{tag("h2", escape(title))}{inner}{said}</section>\n'


def _signups(made: SignUps) -> str:
    examples = [
        (one.choice.password, one.choice.habit, f"10^{one.guesses_log10:.1f}", ", ".join(one.codes) or "accepted")
        for one in made.examples()
    ]
    return (
        f"<p>{made.people} people chose passwords the way people do: from lists of leaked ones by rank, their own name and birthday, a word "
        "with a year; some used word phrases or a password manager. Who was refused read every reason at once and chose again, at most twice. "
        "How many have which habit is our assumption; the words are from real lists.</p>"
        f"{pictures.outcomes(made)}{pictures.strengths(made)}{pictures.objections(made)}"
        f"<h3>Some of what was typed</h3>{table(('typed', 'habit', 'guesses', 'answer'), examples, class_='typed')}"
    )


def _day(day: Day) -> str:
    mails = "".join(f"<li><span>{escape(when)}</span>{escape(purpose)}</li>" for when, purpose in day.mails)
    card = (
        f"<h3>Her authenticator</h3>{pictures.qr(day.uri)}<code>{escape(day.key)}</code><p>Made for this run and thrown away with it.</p>"
        f"<h3>Her mailbox</h3><ol>{mails}</ol>"
    )
    beats = "".join(map(_beat, day.beats))
    return (
        "<p>Ada signs up, protects her account, forgets her password and gets it back. The clock was moved by hand; everything else is as "
        f'in production.</p><div class="story"><ol class="day">{beats}</ol><aside class="card">{card}</aside></div>'
    )


def _beat(beat: Beat) -> str:
    answer = f'<span class="answer">{escape(beat.answer)}</span>' if beat.answer else ""
    return f'<li><time>{escape(beat.when)}</time><div class="what {WORDS[beat.good]}">{escape(beat.what)}{answer}</div></li>'


def _attack(attack: Attack) -> str:
    return (
        f"<p>{len(attack.guesses)} threads send {len(attack.guesses)} wrong passwords for one account at the same moment, each from an address "
        "of its own. Every guess costs a real Argon2id hash of 19 MiB. A counter that reads, compares and then writes lets them all read the "
        "same count. acctsec reserves room for a guess before it looks at it.</p>"
        f"{pictures.grids(attack)}{pictures.race(attack)}"
    )


def _crashes(result: Crashes) -> str:
    return (
        "<p>Four times a process of its own redeems a reset, and is killed with SIGKILL at a chosen point. Then the store is opened again, the "
        "outbox delivered, and the account tried from outside: with the old password, the new one and the link.</p>"
        f"{pictures.killings(result)}"
    )


def _policy(policy: Policy) -> str:
    every = knobs(policy)
    tables = "".join(
        f"<h3>{escape(family.title())}</h3>{table(('knob', 'value', 'what it is, and where its default comes from'), _rows(every, family), class_='knobs')}"
        for family in dict.fromkeys(knob.family for knob in every)
    )
    return (
        f"<p>{escape(policy.name)}, digest <code>{policy.digest}</code>: {len(every)} knobs. The words are those of the code, so the two cannot "
        f"drift apart.</p>{pictures.ladders(policy.lockout)}{tables}"
    )


def _rows(every: Iterable[Knob], family: str) -> list[tuple[str, str, str]]:
    return [(one.name, one.value, f"{one.meaning} {one.source}".replace("``", "").strip()) for one in every if one.family == family]


def _footer(run: Run) -> str:
    return (
        f"<footer>acctsec {acctsec.__version__}, policy {escape(run.policy.name)}. This page is one file: it loads nothing, runs no script, "
        "and holds no secret but the throw-away ones of the run.</footer>"
    )
