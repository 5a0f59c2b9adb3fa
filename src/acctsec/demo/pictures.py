"""The pictures of the page, one function each."""

from collections.abc import Sequence
from datetime import timedelta
from math import floor, log10

from acctsec.budgets import Rungs
from acctsec.demo.attack import Attack, Guess
from acctsec.demo.crashes import HEAD, Crashes
from acctsec.demo.signups import REASONS, SignUps
from acctsec.demo.svg import circle, figure, label, line, picture, rect, tag
from acctsec.demo.victim import Point
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
            marks.append(label(x + 10, 22.5, str(many), "on"))
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
    marks += [line(gate, 4, gate, high, "gate"), label(gate + 8, 14, "from here on strong enough (10^8)", "small")]
    marks += [label(WIDTH, high + 34, "guesses a well-informed attacker needs, as a power of ten", "small", "end")]
    marks += [rect(40, high + 25, 10, 10, "good"), label(56, high + 34, "accepted", "small")]
    marks += [rect(130, high + 25, 10, 10, "bad"), label(146, high + 34, "refused", "small")]
    drawn = picture(
        "How strong the typed passwords were",
        f"A histogram of {len(made.tries)} passwords over the guesses they stand; none left of 10 to the power of 8 was accepted.",
        (WIDTH, high + 42),
        *marks,
    )
    rows = [(f"10^{at} to 10^{at + 1}", str(accepted[at]), str(refused[at])) for at in bins if accepted[at] + refused[at]]
    caption = f"All {len(made.tries)} passwords that were typed. Red to the right of the line: strong enough, and too short or too personal."
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
    return figure(drawn, "What was objected. One password can meet several objections.", ("code", "first choices", "all", "it says"), rows)


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
        for at, guess in enumerate(made):
            x, y = left + 9 + at % 16 * gap, 68 + at // 16 * gap
            class_ = "hit" if guess.compared else "miss"
            marks.append(circle(x, y, 8, class_, hint=f"guess {at + 1}: {'compared' if guess.compared else 'not compared'}"))
    height = 68 + (len(attack.guesses) - 1) // 16 * gap + 14
    words = f"Of {len(attack.guesses)} guesses acctsec compared {attack.compared}, the usual counter {attack.naive_compared}."
    drawn = picture("Guesses compared with the real hash", words, (WIDTH, height), *marks)
    rows = [
        ("acctsec: reserve, compare, settle", str(len(attack.guesses)), str(attack.limit), str(attack.compared)),
        ("usual: read, compare, count", str(len(attack.naive)), str(attack.limit), str(attack.naive_compared)),
    ]
    caption = (
        f"Each dot is a thread with a wrong password of its own; filled ones met the real hash. The limit is {attack.limit} for both. When "
        f"all was over, the usual counter stood at {attack.naive_count}."
    )
    return figure(drawn, caption, ("counter", "guesses", "limit", "compared"), rows)


def race(attack: Attack) -> str:
    """Act 3: when each guess was answered, and the owner among them."""
    order = sorted(attack.guesses, key=lambda guess: guess.end)
    over = max(order[-1].end, attack.owner[1])
    left, row, top = 90, 5.0, 30
    scale = (WIDTH - left - 10) / over
    height = top + row * len(order)
    marks: list[str] = []
    tick = _tick(over)
    for at in range(int(over / tick) + 1):
        x = left + at * tick * scale
        marks += [line(x, top - 6, x, height + 4, "grid"), label(x, top - 12, f"{at * tick:g} s", "tiny", "middle")]
    for at, guess in enumerate(order):
        marks.append(rect(left + guess.start * scale, top + at * row, (guess.end - guess.start) * scale, row - 1.6, _kind(guess), radius=1.5))
    marks += _braces(order, top, row)
    y = height + 14
    start, end = left + max(attack.owner[0], 0) * scale, left + attack.owner[1] * scale
    marks += [label(0, y + 9, "Ben, at home", "strong"), rect(start, y, end - start, 12, "cool", radius=3)]
    inside = end > WIDTH - 150
    marks.append(label(end - 8 if inside else end + 8, y + 9.5, f"in after {attack.owner[1]:.1f} s", "on" if inside else "small", "end" if inside else "start"))
    words = (
        f"{len(order)} bars from sent to answered; {attack.compared} were compared, all were answered alike within {over:.1f} seconds, "
        f"and the owner signed in after {attack.owner[1]:.1f} seconds."
    )
    drawn = picture("The attack as it went", words, (WIDTH, y + 20), *marks)
    rows = [(str(guess.number + 1), f"{guess.start:.2f}", f"{guess.end:.2f}", "compared" if guess.compared else "decoy") for guess in order]
    caption = (
        "Each bar is one guess, from sent to answered. Green ones met the real hash; the others waited for room, found the lane resting, "
        "and did the same work on a decoy. All got the same answer. Ben signed in between them, on a lane of his own."
    )
    return figure(drawn, caption, ("guess", "sent (s)", "answered (s)", "against"), rows)


def _kind(guess: Guess) -> str:
    return "good" if guess.compared else "quiet"


def _braces(order: Sequence[Guess], top: float, row: float) -> list[str]:
    compared = sum(guess.compared for guess in order)
    last = max((at for at, guess in enumerate(order) if guess.compared), default=0)
    upper, lower = top + row * (last + 1) / 2, top + row * (last + 1 + (len(order) - last - 1) / 2)
    return [
        label(0, upper, f"{compared}", "strong"), label(0, upper + 14, "compared", "small"),
        label(0, lower, f"{len(order) - compared}", "strong"), label(0, lower + 14, "not", "small"),
    ]


def _tick(length: float) -> float:
    """A round step that gives four to ten of them."""
    power = 10 ** floor(log10(length))
    return next(power * part for part in (0.1, 0.2, 0.5, 1) if length / (power * part) <= 10)


STATIONS = ("link opened", "password hashed", "record swapped", "outbox written", "committed", "notice sent", "ticked off")
KILLS = {Point.BEFORE: 1.5, Point.WITHIN: 2.5, Point.AFTER: 4.5, Point.HANDED: 5.5}


def killings(result: Crashes) -> str:
    """Act 4: where the process was killed, and what was found after it."""
    left, right, y = 60.0, WIDTH - 60.0, 60
    step = (right - left) / (len(STATIONS) - 1)
    edge = left + 3.5 * step
    marks = [
        rect(left - 30, y - 34, edge - left + 30, 150, "before", radius=8), rect(edge, y - 34, right - edge + 30, 150, "after", radius=8),
        label(left - 16, y - 16, "nothing has happened", "small"), label(right + 16, y - 16, "the change stands", "small", "end"),
        line(left, y + 16, right, y + 16, "rail"), rect(left + 1.75 * step, y + 8, 1.75 * step, 16, "open", radius=8),
        label(left + 2.1 * step, y - 2, "one transaction", "tiny"),
    ]
    for at, name in enumerate(STATIONS):
        marks += [circle(left + at * step, y + 16, 5, "station"), label(left + at * step, y + 42, name, "tiny", "middle")]
    for number, crash in enumerate(result.crashes, 1):
        x = left + KILLS[crash.point] * step
        marks += [
            line(x, y + 2, x, y + 62, "kill"), circle(x, y + 74, 12, "killed", hint=crash.point.value),
            label(x, y + 79, str(number), "on", "middle"),
            label(x, y + 102, f"{crash.found.password} password", "tiny", "middle"),
        ]
    words = "; ".join(f"killed {one.point.value}: {one.found.password} password" for one in result.crashes)
    drawn = picture("Four killings on the way of one reset", words, (WIDTH, 184), *marks)
    caption = "The way of a reset from left to right. At each number the process was killed; below it what the account opened with afterwards."
    return figure(drawn, caption, HEAD, [crash.row for crash in result.crashes])


def ladders(policy: LockoutPolicy) -> str:
    """Act 5: how long a guesser waits after each failure."""
    lanes = (("strangers together", policy.strangers, "bad"), ("one known device", policy.device, "cool"), ("one source, one account", policy.pair, "warm"))
    left, high, most = 60, 200, policy.strangers.stop + 2
    scale = (WIDTH - left - 160) / most
    top = max(rungs.longest for _, rungs, _ in lanes).total_seconds()

    def height(rest: timedelta) -> float:
        return high - (high - 24) * log10(1 + rest.total_seconds()) / log10(1 + top)

    marks = [line(left, high, left + most * scale, high, "axis")]
    for words, rest in (("1 s", 1), ("30 s", 30), ("1 min", 60), ("5 min", 300), ("15 min", 900), ("30 min", 1800)):
        if rest <= top:
            y = height(timedelta(seconds=rest))
            marks += [line(left, y, left + most * scale, y, "grid"), label(left - 8, y + 4, words, "tiny", "end")]
    for at in range(0, most, 10):
        marks.append(label(left + at * scale, high + 16, str(at), "tiny", "middle"))
    for name, rungs, class_ in lanes:
        points = [(left + at * scale, height(rest)) for at, rest in enumerate(_rests(rungs, most))]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in points[1:])
        marks.append(tag("path", d=path, class_=f"curve {class_}-line"))
        x, y = points[-1]
        stops = f"{name}, stop at {rungs.stop:,}" if rungs.stop < most else name
        if rungs.stop < most:
            marks.append(circle(x, y, 4.5, class_))
        marks.append(label(x + 10, y + 4 if rungs.stop < 20 or rungs.stop > most else y - 8, stops, "small"))
    marks.append(label(left + most * scale, high + 34, "failures in a row", "small", "end"))
    drawn = picture("How long a guesser waits", "After each failure beyond the free ones the wait doubles, up to a longest one.", (WIDTH, high + 42), *marks)
    rows = [(name, str(at), f"{rest.total_seconds():.0f}") for name, rungs, _ in lanes for at, rest in enumerate(_rests(rungs, most)) if rest]
    return figure(drawn, "What the lockout policy makes of failures: free at first, then a rest that doubles.", ("lane", "failures", "rest (s)"), rows)


def _rests(rungs: Rungs, most: int) -> list[timedelta]:
    """The rest after each number of failures, until the lane stops."""
    rests = []
    for failures in range(min(rungs.stop, most) + 1):
        past = failures - rungs.free
        rests.append(timedelta(0) if past < 0 else min(rungs.first * 2 ** min(past, 30), rungs.longest))
    return rests
