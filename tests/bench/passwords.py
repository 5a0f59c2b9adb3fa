"""P8, P9: how long the strength of a password takes to tell, on usual and on crafted ones."""

import random
from itertools import pairwise
from time import process_time

from tests.bench import peers
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, interleaved

from acctsec import PasswordPolicy
from acctsec.password import estimate

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "1qaz2wsx3edc")
ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LEET = str.maketrans("aeiostl", "4310$7|")


def corpus(number: int) -> list[str]:
    """Passwords of 14 kinds, made from the word lists that zxcvbn ships."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    chance = random.Random(11)
    words = [word for word in list(FREQUENCY_LISTS["english_wikipedia"])[:20_000] if len(word) > 2]
    common, names = list(FREQUENCY_LISTS["passwords"]), list(FREQUENCY_LISTS["surnames"])[:5000]
    pick, digits = chance.choice, chance.randrange

    def cap(word: str) -> str:
        return word.capitalize() if chance.random() < 0.5 else word

    def letters(alphabet: str, size: int) -> str:
        return "".join(pick(alphabet) for _ in range(size))

    kinds = (
        lambda: pick(common),
        lambda: cap(pick(words)) + str(digits(10_000)),
        lambda: cap(pick(words)) + str(digits(1960, 2027)) + pick("!?.#"),
        lambda: cap(pick(words)).translate(LEET) + str(digits(100)),
        lambda: cap(pick(words)) + cap(pick(words)),
        lambda: pick(" -_.").join(pick(words) for _ in range(4)),
        lambda: pick(" -_.").join(pick(words) for _ in range(6)),
        lambda: pick(words)[::-1] + str(digits(1000)),
        lambda: pick(names) + f"{digits(1, 29):02d}{digits(1, 13):02d}{digits(1950, 2012)}",
        lambda: pick(ROWS)[digits(3) :][: digits(4, 8)] + pick(ROWS)[: digits(3, 7)],
        lambda: letters(ALNUM, 8),
        lambda: letters(f"{ALNUM}!@#$%^&*-_=+.,?", 12),
        lambda: letters(f"{ALNUM}!@#$%^&*-_=+.,?", 20),
        lambda: pick(words)[: digits(2, 6)] * digits(2, 5),
    )
    return [kinds[one % len(kinds)]()[:72] or "x" for one in range(number)]


@BENCH.row("P8")
def usual(pace: Pace):
    """A mixed corpus, beside zxcvbn and its port to Rust."""
    from zxcvbn import zxcvbn

    passwords = corpus(pace.of(56, 14))
    policy = PasswordPolicy()

    def each(judge):
        return lambda: [judge(password) for password in passwords]

    alternatives = {
        "ours": each(estimate),
        "policy": each(lambda password: policy.check(password, words=("Jane", "Doe", "jane.doe@example.org"))),
        "zxcvbn": each(zxcvbn),
    }
    if peers.has("zxcvbn_rs_py"):
        from zxcvbn_rs_py import zxcvbn as port

        alternatives["port"] = each(port)
    timed = interleaved(pace, alternatives)
    one = 1 / len(passwords)
    port = si(timed.seconds("port") * one) if "port" in alternatives else "-"
    for name, what, goal in (
        ("ours", "strength estimate", 1.1),
        ("ours", "the same beside the goal for a fast extra, of which there is none", 0.2),
        ("policy", "all rules, with words of the subject", None),
    ):
        ratio = timed.ratio(name, "zxcvbn")
        yield Row(
            id="P8",
            what=f"{what} ÷ zxcvbn, mixed corpus",
            ours=si(timed.seconds(name) * one),
            floor=f"Rust port {port}",
            peer=si(timed.seconds("zxcvbn") * one),
            ratio=f"{ratio:.3f}",
            figure=ratio,
            goal=f"≤ {goal}" if goal else "-",
            met=ratio <= goal if goal else None,
        )


def crafted(size: int) -> dict[str, str]:
    """Families of input that cost estimators dear, *size* bytes each."""
    chance = random.Random(5)

    def fill(text: str) -> str:
        return (text * (size // len(text) + 1))[:size]

    return {
        "random": "".join(chance.choice(f"{ALNUM}!@") for _ in range(size)),
        "one character": "a" * size,
        "password again and again": fill("password"),
        "words": fill("correcthorsebatterystapledragonmonkeyshadow"),
        "every substitute": fill("4@8({[<369!1|70$5+%2"),
        "substituted words": fill("p4$5w0rd(1!|7+3<8[6{9@2%"),
        "digits as dates": fill("13111990"),
        "near repeats": fill("abababac"),
        "rows of keys": fill("qwertyuiop[]asdfghjkl;'zxcvbnm,./"),
        "other scripts": "\u0561\u0562" * (size // 4),
        "letters of four bytes": "\U0001d538\U0001d539" * (size // 8),
    }


def climbed(size: int) -> dict[str, str]:
    """Found by climbing: changed at random, again and again, and kept when slower. *size* characters each."""
    patterns = (
        "17AaaaaA@aaA@@@a@@aAaAaa9D0/641+ey((9556",
        "@5[0++O|946+00125212146v010192@|1924547454700|66",
        "4S4 1+g0545pass34$.Sxianxian41|5542664933494$04$ch4ng05414ng0541",
        "351g0i2|2|B3B{AaAaIh212343itaioa@5899(0b8+zzgz.5(gz.5(rnxg9rgr2ltS1!wSx!zfTst0n.swfT_t0n.v2%_0nitaixianxian",
    )
    return {f"climbed {number}": (pattern * size)[:size] for number, pattern in enumerate(patterns, 1)}


def within(text: str) -> tuple[str, ...]:
    """Words of a subject that are all found in *text*, as many as count."""
    pieces = [text[i : i + length] for length in (2, 3, 4, 6, 9, 14) for i in range(40)]
    return tuple(" ".join(pieces[i::48]) or "x" for i in range(48))


@BENCH.row("P9")
def worst(pace: Pace):
    """
    The slowest answer to any input of up to 1,024 bytes, with words of the subject beside it, and how it grows.

    What was climbed to is no family: its second half is of another kind than its first. So growth is told of the families,
    and of the slowest of all at each size.
    """
    policy = PasswordPolicy()
    words = tuple(f"word{number}{'x' * 200}" for number in range(60))
    policy.check("warm up", words=words)
    sizes = pace.of((16, 32, 64, 128, 256, 512, 1024), (16, 32))
    taken = {}
    for size in sizes:
        for family, text in crafted(size).items():
            for known in ((), words):
                taken[family, bool(known), size] = _cpu(lambda: policy.check(text, words=known), pace.of(5, 1))  # noqa: B023
    steepest = max((one for one in taken if one[2] < sizes[-1]), key=lambda one: _growth(taken, *one))
    growth = _growth(taken, *steepest)
    for size in sizes:
        for kind, text in climbed(size).items():
            for number, known in enumerate(((), words, within(text))):
                taken[kind, number, size] = _cpu(lambda: policy.check(text, words=known), pace.of(5, 1))  # noqa: B023
    slowest = max(taken, key=taken.get)
    of_all = [max(seconds for one, seconds in taken.items() if one[2] == size) for size in sizes]
    rise = max(after / before for before, after in pairwise(of_all))
    seconds = taken[slowest]
    yield Row(
        id="P9",
        what=f"all rules, slowest of {len(taken)} crafted inputs of up to {sizes[-1]} bytes",
        ours=f"{si(seconds)} CPU: {slowest[0]}, {slowest[2]} B",
        peer="zxcvbn 2.1 s at 72",
        goal="≤ 20 ms",
        met=seconds <= 0.020,
    )
    yield Row(
        id="P9",
        what="time(2n) ÷ time(n), the steepest of the families",
        ours=f"{growth:.2f}: {steepest[0]}, from {steepest[2]} B",
        goal="≤ 2.5",
        met=growth <= 2.5,
    )
    yield Row(
        id="P9",
        what="the same of the slowest inputs of each size, those climbed to among them",
        ours=f"{rise:.2f}",
        goal="≤ 2.5",
        met=rise <= 2.5,
    )


def _growth(taken, family: str, known: bool, size: int) -> float:
    return taken[family, known, 2 * size] / taken[family, known, size]


def _cpu(call, times: int) -> float:
    """The least CPU time of several: the work is the same each time, and what disturbs it only adds."""
    taken = []
    for _ in range(times):
        started = process_time()
        call()
        taken.append(process_time() - started)
    return min(taken)
