"""The pictures of the page, one function each."""

from collections.abc import Sequence
from datetime import timedelta
from math import floor, log10

from acctsec._demo.attack import Attack, Guess
from acctsec._demo.crashes import HEAD, Crash, Crashes
from acctsec._demo.signups import REASONS, SignUps
from acctsec._demo.svg import circle, figure, label, line, picture, rect, tag
from acctsec._demo.victim import Point
from acctsec.budgets import Rungs
from acctsec.lockout import LockoutPolicy

WIDTH = 840


def outcomes(made: SignUps) -> str:
    """Act 1: who holds an account, and after which choice."""
    found = [sum(one.accepted for one in made.of(number)) for number in (1, 2, 3)]
    parts = [("first choice", found[0], "good"), ("second", found[1], "good2"), ("third", found[2], "good3")]
    parts.append(("without account", made.people - sum(found), "bad"))
    marks, x = [], 0.0
    for name, many, class_ in parts:
        width = (WIDTH - 6) * many / made.people
        marks.append(rect(x, 0, max(width - 2, 1), 34, class_, radius=3, hint=f"{name}: {many}"))
        if width > 26:
            marks.append(label(x + 10, 22.5, str(many), "on" if class_ in {"good", "bad"} else "strong"))
        marks.append(label(x + (10 if width > 26 else 0), 52, name, "small") if width > 50 else "")
        x += width
    if made.people - sum(found):
        marks.append(label(WIDTH, 52, f"{made.people - sum(found)} without", "small", "end"))
    drawn = picture(
        "After which choice people were accepted", ", ".join(f"{name}: {many}" for name, many, _ in parts), (WIDTH, 58), *marks
    )
    caption = f"{made.holders} of {made.people} people hold an account: accepted at their first, second or third choice."
    return figure(drawn, caption, ("choice", "people"), [(name, str(many)) for name, many, _ in parts])


def strengths(made: SignUps) -> str:
    """Act 1: every password typed, by the guesses it stands."""
    bins = range(min(30, 1 + max(floor(one.guesses_log10) for one in made.tries)))
    accepted = [sum(one.accepted and floor(one.guesses_log10) == at for one in made.tries) for at in bins]
    refused = [sum(not one.accepted and floor(one.guesses_log10) == at for one in made.tries) for at in bins]
    high, step = 190, (WIDTH - 50) / len(bins)
    unit = (high - 20) / max(a + r for a, r in zip(accepted, refused, strict=True))
    marks = [line(40, high, WIDTH, high, "axis")]
    for at in bins:
        x, a, r = 40 + at * step, accepted[at] * unit, refused[at] * unit
        hint = f"10^{at} to 10^{at + 1} guesses: {accepted[at]} accepted, {refused[at]} refused"
        marks += [rect(x + 2, high - r, step - 4, r, "bad", hint=hint), rect(x + 2, high - r - a, step - 4, a, "good", hint=hint)]
        total = accepted[at] + refused[at]
        marks.append(label(x + step / 2, high - r - a - 6, str(total), "tiny", "middle") if total else "")
        marks.append(label(x, high + 16, str(at), "tiny", "middle") if at % 2 == 0 else "")
    gate = 40 + 8 * step
    marks += [line(gate, 4, gate, high, "gate"), label(gate + 8, 14, "strong enough from here on: 10^8", "small")]
    marks += [label(WIDTH, high + 34, "guesses a well-informed attacker needs, as a power of ten", "small", "end")]
    marks += [rect(40, high + 25, 10, 10, "good"), label(56, high + 34, "accepted", "small")]
    marks += [rect(130, high + 25, 10, 10, "bad"), label(146, high + 34, "refused", "small")]
    drawn = picture(
        "How strong the typed passwords were",
        f"A histogram of {len(made.tries)} passwords over the guesses they stand; none left of 10^8 was accepted.",
        (WIDTH, high + 42),
        *marks,
    )
    rows = [(f"10^{at} to 10^{at + 1}", str(accepted[at]), str(refused[at])) for at in bins if accepted[at] + refused[at]]
    caption = (
        f"All {len(made.tries)} passwords that were typed. Red right of the line: strong enough, and too short or too personal."
    )
    return figure(drawn, caption, ("guesses", "accepted", "refused"), rows)


def objections(made: SignUps) -> str:
    """Act 1: what was objected."""
    marks, row = [], 42
    most = max((every for _, _, every in made.objections), default=1)
    for at, (code, first, every) in enumerate(made.objections):
        y, scale = at * row, (WIDTH - 250) / most
        marks += [
            label(0, y + 15, code, "code"),
            label(0, y + 30, "", "tiny"),
            rect(150, y + 3, every * scale, 16, "bad2", hint=f"{code}: {every} of all"),
            rect(150, y + 3, first * scale, 16, "bad", hint=f"{code}: {first} first choices"),
            label(158 + every * scale, y + 16, f"{every}", "number"),
            label(150, y + 33, REASONS.get(code, ""), "small"),
        ]
    y = len(made.objections) * row + 10
    marks += [rect(150, y, 10, 10, "bad"), label(166, y + 9, "first choices", "small")]
    marks += [rect(260, y, 10, 10, "bad2"), label(276, y + 9, "second and third", "small")]
    drawn = picture(
        "What was objected", "; ".join(f"{code} {every} times" for code, _, every in made.objections), (WIDTH, y + 14), *marks
    )
    rows = [(code, str(first), str(every), REASONS.get(code, "")) for code, first, every in made.objections]
    return figure(
        drawn, "What was objected. One password can meet several objections.", ("code", "first choices", "all", "it says"), rows
    )


def qr(uri: str) -> str:
    """Act 2: the QR picture of an otpauth URI; empty where segno is missing."""
    try:
        import segno
    except ImportError:
        return ""
    rows = [list(row) for row in segno.make(uri, micro=False).matrix_iter(border=4)]
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, cell in enumerate(row) if cell)
    size = len(rows)
    ground = tag("rect", width=size, height=size, fill="#fff")
    modules = tag("path", d=path, fill="#111", shape_rendering="crispEdges")
    words = "The key of the demo's authenticator, for a phone to scan; the key itself stands beside it as text."
    return picture("QR code", words, (size, size), ground, modules, class_="qr")


def grids(attack: Attack) -> str:
    """Act 3: which guesses were compared, under two counters."""
    half, gap = (WIDTH - 60) / 2, 24.0
    marks = []
    sides = ((0.0, "acctsec: reserve, compare, settle", attack.guesses), (half + 60, "usual: read, compare, count", attack.naive))
    for left, name, made in sides:
        compared = sum(guess.compared for guess in made)
        marks += [label(left, 38, str(compared), "big bad-text" if compared > attack.limit else "big good-text")]
        marks += [label(left + 66, 20, f"of {len(made)} guesses compared", "strong"), label(left + 66, 38, name, "small")]
        within = {
            guess.number for guess in sorted((one for one in made if one.compared), key=lambda one: one.end)[: attack.limit]
        }
        for at, guess in enumerate(made):
            class_ = "miss" if not guess.compared else "good" if guess.number in within else "bad"
            hint = f"guess {at + 1}: {'compared' if guess.compared else 'not compared'}"
            marks.append(circle(left + 9 + at % 16 * gap, 68 + at // 16 * gap, 8, class_, hint=hint))
    height = 68 + (len(attack.guesses) - 1) // 16 * gap + 14
    words = f"Of {len(attack.guesses)} guesses acctsec compared {attack.compared}, the usual counter {attack.naive_compared}."
    drawn = picture("Guesses compared with the real hash", words, (WIDTH, height), *marks)
    rows = [
        ("acctsec: reserve, compare, settle", str(len(attack.guesses)), str(attack.limit), str(attack.compared)),
        ("usual: read, compare, count", str(len(attack.naive)), str(attack.limit), str(attack.naive_compared)),
    ]
    caption = (
        "Each dot is a thread with a wrong password of its own. Filled ones met the real hash: green up to the limit of "
        f"{attack.limit}, red beyond it. When all was over, the usual counter stood at {attack.naive_count}, since its threads "
        "overwrote each other."
    )
    return figure(drawn, caption, ("counter", "guesses", "limit", "compared"), rows)


def race(attack: Attack) -> str:
    """Act 3: when each guess was answered, and the owner among them."""
    order = sorted(attack.guesses, key=lambda guess: guess.end)
    over = max(order[-1].end, attack.owner[1])
    left, row, top = 104, 5.0, 30
    scale, bottom = (WIDTH - left - 10) / over, top + row * len(order)
    marks: list[str] = []
    for at in range(int(over / _tick(over)) + 1):
        x = left + at * _tick(over) * scale
        marks += [line(x, top - 6, x, bottom + 4, "grid"), label(x, top - 12, f"{at * _tick(over):g} s", "tiny", "middle")]
    for at, guess in enumerate(order):
        x, width = left + guess.start * scale, (guess.end - guess.start) * scale
        marks.append(rect(x, top + at * row, width, row - 1.6, "good" if guess.compared else "quiet", radius=1.5))
    marks += [*_braces(order, top, row), *_owner(attack, left, scale, bottom + 14)]
    words = (
        f"{len(order)} bars from sent to answered; {attack.compared} were compared, all were answered alike within {over:.1f} "
        f"seconds, and the owner signed in after {attack.owner[1]:.1f} seconds."
    )
    drawn = picture("The attack as it went", words, (WIDTH, bottom + 34), *marks)
    rows = [
        (str(guess.number + 1), f"{guess.start:.2f}", f"{guess.end:.2f}", "the hash" if guess.compared else "a decoy")
        for guess in order
    ]
    caption = (
        "Each bar is one guess, from sent to answered. Green ones met the real hash; the others waited for room, found the lane "
        "resting, and did the same work on a decoy. All got the same answer. Ben signed in between them, on a lane of his own."
    )
    return figure(drawn, caption, ("guess", "sent (s)", "answered (s)", "compared with"), rows)


def _owner(attack: Attack, left: float, scale: float, y: float) -> list[str]:
    """The owner's own bar, with its text inside where there is no room beside it."""
    start, end = left + max(attack.owner[0], 0) * scale, left + attack.owner[1] * scale
    text = f"in after {attack.owner[1]:.1f} s"
    beside = label(end + 8, y + 9.5, text, "small") if end < WIDTH - 150 else label(end - 8, y + 9.5, text, "on", "end")
    return [label(0, y + 9, "Ben, at home", "strong"), rect(start, y, end - start, 12, "cool", radius=3), beside]


def _braces(order: Sequence[Guess], top: float, row: float) -> list[str]:
    compared = sum(guess.compared for guess in order)
    last = max((at for at, guess in enumerate(order) if guess.compared), default=0)
    upper, lower = top + row * (last + 1) / 2, top + row * (last + 1 + (len(order) - last - 1) / 2)
    return [
        label(0, upper, f"{compared}", "strong"),
        label(0, upper + 14, "compared", "small"),
        label(0, lower, f"{len(order) - compared}", "strong"),
        label(0, lower + 14, "not", "small"),
    ]


def _tick(length: float) -> float:
    """A round step that gives four to ten of them."""
    power = 10.0 ** floor(log10(length))
    return next(power * part for part in (0.1, 0.2, 0.5, 1) if length / (power * part) <= 10)


STATIONS = ("link opened", "password hashed", "record swapped", "outbox written", "committed", "notice sent", "ticked off")
KILLS = {Point.BEFORE: 1.5, Point.WITHIN: 2.5, Point.AFTER: 4.5, Point.HANDED: 5.5}


def killings(result: Crashes) -> str:
    """Act 4: where the process was killed, and what was found after it."""
    left, right, y = 62.0, WIDTH - 62.0, 70
    step = (right - left) / (len(STATIONS) - 1)
    edge = left + 3.5 * step
    marks = [
        rect(0, 0, edge - 3, 210, "before", radius=10),
        rect(edge + 3, 0, WIDTH - edge - 3, 210, "after", radius=10),
        label(20, 28, "nothing has happened", "strong"),
        label(WIDTH - 20, 28, "the change stands", "strong", "end"),
        rect(left + 1.72 * step, y - 9, 1.78 * step - 3, 18, "open", radius=9),
        line(left, y, right, y, "rail"),
        label(left + 2.6 * step, y - 16, "one transaction", "tiny", "middle"),
    ]
    for at, name in enumerate(STATIONS):
        marks += [circle(left + at * step, y, 5.5, "station"), label(left + at * step, y + 25, name, "small", "middle")]
    for number, crash in enumerate(result.crashes, 1):
        marks += _killing(number, crash, left + KILLS[crash.point] * step, y)
    words = "; ".join(f"killed {one.point.value}: {one.found.password} password" for one in result.crashes)
    drawn = picture("Four killings on the way of one reset", words, (WIDTH, 210), *marks)
    caption = (
        "The way of a reset, from left to right. Each number is a process that was killed; below it what was found afterwards."
    )
    return figure(drawn, caption, HEAD, [crash.row for crash in result.crashes])


def _killing(number: int, crash: Crash, x: float, y: float) -> list[str]:
    """One place where the process was killed, and what its account answered to."""
    found = crash.found
    return [
        line(x, y - 12, x, y + 48, "kill"),
        circle(x, y + 62, 13, "killed", hint=crash.point.value),
        label(x, y + 66.5, str(number), "on", "middle"),
        label(x, y + 97, f"{found.password} password", "strong", "middle"),
        label(x, y + 114, f"link {'alive' if found.link else 'dead'}", "small", "middle"),
        label(x, y + 130, {0: "no notice", 1: "one notice"}.get(found.notices, f"{found.notices} notices"), "small", "middle"),
    ]


def ladders(policy: LockoutPolicy) -> str:
    """Act 5: how long a guesser waits after each failure."""
    lanes = (("all strangers together", policy.strangers, "bad"), ("one known device", policy.device, "cool"))
    left, high, most = 56, 200, max(rungs.stop for _, rungs, _ in lanes)
    scale = (WIDTH - left - 16) / most
    top = max(rungs.longest for _, rungs, _ in lanes)
    marks = _waits(left, high, left + most * scale, top)
    marks += [label(left + at * scale, high + 16, str(at), "tiny", "middle") for at in range(0, most + 1, 10)]
    for number, (name, rungs, class_) in enumerate(lanes):
        points = [(left + at * scale, _height(rest, high, top)) for at, rest in enumerate(_rests(rungs))]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(f"H{at:.1f}V{to:.1f}" for at, to in points[1:])
        x, text = left + 250 * number, f"{name}: stop at {rungs.stop}"
        marks += [tag("path", d=path, class_=f"curve {class_}-line"), circle(*points[-1], 5, class_, hint=text)]
        marks += [rect(x, high + 27, 10, 10, class_), label(x + 16, high + 36, text, "small")]
    marks.append(label(WIDTH - 16, high + 36, "failures in a row", "small", "end"))
    words = "After each failure beyond the free ones the wait doubles, up to a longest one."
    drawn = picture("How long a guesser waits", words, (WIDTH, high + 42), *marks)
    rests = [(name, at, rest) for name, rungs, _ in lanes for at, rest in enumerate(_rests(rungs)) if rest]
    rows = [(name, str(at), f"{rest.total_seconds():.0f}") for name, at, rest in rests]
    caption = (
        "How long a lane rests after so many failures: not at all at first, then twice as long each time. At the dot it closes."
    )
    return figure(drawn, caption, ("lane", "failures", "rest (s)"), rows)


def _waits(left: float, high: float, right: float, top: timedelta) -> list[str]:
    """The lengths of waiting beside the picture, up to *top*."""
    named = (("1 s", 1), ("10 s", 10), ("30 s", 30), ("1 min", 60), ("5 min", 300), ("15 min", 900), ("30 min", 1800))
    heights = [(words, _height(timedelta(seconds=rest), high, top)) for words, rest in named if timedelta(seconds=rest) <= top]
    lines = [line(left, y, right, y, "grid") + label(left - 8, y + 4, words, "tiny", "end") for words, y in heights]
    return [line(left, high, right, high, "axis"), *lines]


def _height(rest: timedelta, high: float, top: timedelta) -> float:
    """Where a length of waiting stands: each doubling is a step of one size."""
    return high - (high - 24) * log10(1 + rest.total_seconds()) / log10(1 + top.total_seconds())


def _rests(rungs: Rungs) -> list[timedelta]:
    """The rest after each number of failures, until the lane stops."""
    beyond = [max(failures - rungs.free, -1) for failures in range(rungs.stop + 1)]
    return [timedelta(0) if past < 0 else min(rungs.first * 2 ** min(past, 30), rungs.longest) for past in beyond]
