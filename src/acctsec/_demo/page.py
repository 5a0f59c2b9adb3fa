"""The page of one run: one HTML file that needs nothing but itself."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files

from attrs import frozen

import acctsec
from acctsec import Policy
from acctsec._demo import pictures
from acctsec._demo.attack import Attack
from acctsec._demo.crashes import Crashes
from acctsec._demo.day import Beat, Day
from acctsec._demo.signups import SignUps
from acctsec._demo.stage import Claim
from acctsec._demo.svg import table, tag
from acctsec.knobs import Knob, knobs

POWER = re.compile(r"\b10\^(\d+(?:\.\d+)?)(?=[^<>]*</(?:td|p|span|li|figcaption)>)")
GOOD = {True: "yes", False: "no", None: "then"}


@frozen(kw_only=True)
class Run:
    """Everything that one run showed. An act that broke off is None."""

    policy: Policy
    when: str
    seconds: float
    heads: Mapping[int, tuple[str, str]]
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
    made, day, attack, crashes = run.signups, run.day, run.attack, run.crashes
    acts = (
        _act(run, 1, _signups(made) if made else ""),
        _act(run, 2, _day(day) if day else ""),
        _act(run, 3, pictures.grids(attack) + pictures.race(attack) if attack else ""),
        _act(run, 4, pictures.killings(crashes) if crashes else ""),
        _act(run, 5, pictures.ladders(run.policy.lockout) + _policy(run.policy)),
    )
    style = files("acctsec._demo").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="color-scheme" content="light dark">'
        f"<title>acctsec: one run of the demo</title>\n<style>\n{style}</style>"
    )
    body = POWER.sub(r"10<sup>\1</sup>", f"{_header(run)}\n<main>\n{''.join(acts)}</main>\n{_footer(run)}")
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
    boxes = "".join(tag("div", tag("dd", escape(figure)), tag("dt", escape(words))) for figure, words in facts)
    lead = (
        f"One run of the acctsec demo, {run.when}: sign-ups, a forgotten password, an attack and four crashes, on a real store. "
        "Every sentence with a tick was checked while it ran."
    )
    return tag(
        "header",
        tag("h1", "Account security, played through"),
        tag("p", escape(lead), class_="lead"),
        tag("dl", boxes, class_="facts"),
    )


def _act(run: Run, number: int, inner: str) -> str:
    title, lead = run.heads.get(number, ("", ""))
    mine = (claim for claim in run.claims if claim.act == number)
    claims = "".join(tag("li", escape(claim.text), class_="held" if claim.held else "broken") for claim in mine)
    said = tag("ul", claims, class_="claims") if claims else ""
    return tag("section", tag("p", f"Act {number}", class_="act"), tag("h2", escape(title)), tag("p", escape(lead)), inner, said)


def _signups(made: SignUps) -> str:
    examples = [
        (one.choice.password, one.choice.habit, f"10^{one.guesses_log10:.1f}", ", ".join(one.codes) or "accepted")
        for one in made.examples()
    ]
    typed = tag("h3", "Some of what was typed") + table(("typed", "habit", "guesses", "answer"), examples, class_="typed")
    return pictures.outcomes(made) + pictures.strengths(made) + pictures.objections(made) + typed


def _day(day: Day) -> str:
    mails = "".join(tag("li", tag("span", escape(when)), tag("span", escape(purpose))) for when, purpose in day.mails)
    phone = tag("h3", "Her authenticator") + pictures.qr(day.uri) + tag("code", escape(day.key))
    note = tag("p", "Made for this run and thrown away with it.")
    card = tag("aside", phone, note, tag("h3", "Her mailbox"), tag("ol", mails), class_="card")
    return tag("div", tag("ol", *map(_beat, day.beats), class_="day"), card, class_="story")


def _beat(beat: Beat) -> str:
    answer = tag("span", escape(beat.answer), class_="answer") if beat.answer else ""
    return tag("li", tag("time", escape(beat.when)), tag("div", escape(beat.what), answer, class_=f"what {GOOD[beat.good]}"))


def _policy(policy: Policy) -> str:
    head = ("knob", "value", "what it is, and where its default comes from")
    every = knobs(policy)
    families = dict.fromkeys(knob.family for knob in every)
    return "".join(tag("h3", family.title()) + table(head, _rows(every, family), class_="knobs") for family in families)


def _rows(every: Iterable[Knob], family: str) -> list[tuple[str, str, str]]:
    return [(one.name.partition(".")[2], one.value, _text(one)) for one in every if one.family == family]


def _text(knob: Knob) -> str:
    text = f"{knob.meaning} {knob.source}".replace("``", "").strip()
    return text[:1].upper() + text[1:]


def _footer(run: Run) -> str:
    words = (
        f"acctsec {acctsec.__version__}, policy {run.policy.name}, digest {run.policy.digest}. This page is one file: it loads "
        "nothing, runs no script, and holds no secret but the throw-away ones of the run."
    )
    return tag("footer", escape(words))
