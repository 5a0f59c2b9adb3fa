"""Act 1: two hundred people sign up with passwords that people really choose."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from time import perf_counter

from attrs import frozen

from acctsec import Context, Engine, Initial, PasswordChanged, PasswordRejected, TryAgain
from acctsec._demo.people import TRIES, Choice, Person
from acctsec._demo.screen import Advance
from acctsec._demo.stage import Stage, patiently
from acctsec._demo.world import Watched, World
from acctsec.events import PasswordSet
from acctsec.password.blocklist import common_passwords

REASONS = {
    "too-short": "shorter than 15 characters, where no second factor stands beside it",
    "too-long": "longer than 256 characters",
    "common": "one of the 19,640 most used passwords",
    "too-weak": "a well-informed guesser needs fewer than 10^8 guesses",
    "context-word": "little is left of it without the person's own name or address",
    "control-character": "a tab, a line break or the like is in it",
    "breached": "seen in a leak",
}


@frozen(kw_only=True)
class Try:
    """One password that was typed, and what became of it."""

    person: int
    round: int
    choice: Choice
    codes: tuple[str, ...]
    guesses_log10: float

    @property
    def accepted(self) -> bool:
        """Whether nothing was objected."""
        return not self.codes


@frozen(kw_only=True)
class SignUps:
    """What came of it all."""

    people: int
    tries: tuple[Try, ...]
    holders: int
    seconds: float
    costs: tuple[str, ...]

    def of(self, round_: int) -> list[Try]:
        """The first, second or third choices."""
        return [one for one in self.tries if one.round == round_]

    @property
    def objections(self) -> list[tuple[str, int, int]]:
        """Each code, how often it met a first choice, and how often any; the most frequent first."""
        first = Counter(code for one in self.of(1) for code in one.codes)
        every = Counter(code for one in self.tries for code in one.codes)
        return [(code, first[code], count) for code, count in every.most_common()]

    def examples(self) -> list[Try]:
        """A few, of every habit and answer: the first of each."""
        found: dict[tuple[str, bool], Try] = {}
        for one in self.tries:
            found.setdefault((one.choice.habit, one.accepted), one)
        return sorted(found.values(), key=lambda one: one.guesses_log10)


def play(stage: Stage, world: World) -> SignUps:
    """Sign everybody up, and show what was refused and why."""
    many = 40 if world.fast else 200
    cost = world.policy.hashing
    stage.open(
        f"{many} people sign up",
        "Their passwords come from lists of leaked ones, by rank, and from the habits that people have: a word with a year, "
        "their own name and birthday; some use a line of words or a password manager. How many have which habit is assumed, the "
        "words are real. Who is refused reads every reason at once and chooses again, at most twice. What is accepted is hashed "
        "with Argon2id "
        f"({cost.memory_kib:,} KiB, {cost.time_cost} pass{'es' * (cost.time_cost > 1)}).",
    )
    hashing = Watched.over(cost)
    engine = world.engine(hashing)
    began = perf_counter()
    with stage.screen.progress("signing up", many) as advance, ThreadPoolExecutor(4) as pool:
        tries = tuple(chain.from_iterable(pool.map(lambda number: _sign_up(engine, world, number, advance), range(many))))
    seconds = perf_counter() - began
    world.deliver(engine)
    holders = sum(engine.admin.export(f"person-{number}").has_password for number in range(many))
    result = SignUps(people=many, tries=tries, holders=holders, seconds=seconds, costs=tuple(hashing.seen.costs))
    _show(stage, result)
    _assert(stage, world, result, hashing)
    return result


def _sign_up(engine: Engine, world: World, number: int, advance: Advance) -> list[Try]:
    """One person at the form."""
    person = Person.number(number)
    world.people.add(person.account)
    world.secret("address", person.account.addresses[0])
    context = Context.of(f"198.51.100.{number}")
    subject, choice, tried = person.account.subject, person.first(), []
    for round_ in range(1, TRIES + 1):
        typed = choice.password
        answer = patiently(lambda typed=typed: engine.set_password(subject, typed, by=Initial(), context=context))  # type: ignore[misc]
        codes = tuple(one.code for one in answer.objections) if isinstance(answer, PasswordRejected) else ()
        judged = engine.check_password(typed, account=person.account)
        guesses = 0.0 if isinstance(judged, TryAgain) else judged.strength.guesses_log10
        tried.append(Try(person=number, round=round_, choice=choice, codes=codes, guesses_log10=guesses))
        if isinstance(answer, PasswordChanged):
            world.secret("password", typed)
            break
        better = person.again(choice, round_)
        if better is None:
            break
        choice = better
    advance()
    return tried


def _show(stage: Stage, result: SignUps) -> None:
    screen = stage.screen
    screen.say(f"{len(result.tries)} passwords were typed in {result.seconds:.1f} s. Some of them, weakest first:")
    rows = [
        (one.choice.password, one.choice.habit, f"10^{one.guesses_log10:.1f}", ", ".join(one.codes) or "accepted")
        for one in result.examples()
    ]
    screen.table(("typed", "habit", "guesses", "answer"), rows, right=(2,))
    screen.say("What was objected; one password can meet several objections:")
    objected = [
        (code, str(first), str(every), screen.bar(every, len(result.tries)), REASONS.get(code, ""))
        for code, first, every in result.objections
    ]
    screen.table(("objection", "1st choices", "all", "share of all", "it says"), objected, right=(1, 2))
    rounds = [
        (
            name,
            str(len(tried)),
            str(sum(one.accepted for one in tried)),
            screen.bar(sum(one.accepted for one in tried), len(tried)),
        )
        for name, tried in (("first choice", result.of(1)), ("second", result.of(2)), ("third", result.of(3)))
    ]
    screen.table(("", "typed", "accepted", "share accepted"), rounds, right=(1, 2))


def _assert(stage: Stage, world: World, result: SignUps, hashing: Watched) -> None:
    accepted = [one for one in result.tries if one.accepted]
    stage.claim(
        f"{result.holders} of {result.people} people hold an account; whoever was refused to the end has none.",
        result.holders == len(accepted) == len({one.person for one in accepted}),
    )
    stage.claim(
        f"One commit, one event: {len(world.log.of(PasswordSet))} PasswordSet events for {result.holders} accounts.",
        len(world.log.of(PasswordSet)) == result.holders,
    )
    stage.claim(
        "No account stands on a listed password, or on one that fewer than 10^8 guesses find.",
        all(one.choice.password.casefold() not in common_passwords() and one.guesses_log10 >= 8 for one in accepted),
    )
    cost = world.policy.hashing
    wanted = f"$argon2id$v=19$m={cost.memory_kib},t={cost.time_cost},p={cost.parallelism}"
    made = sum(hashing.seen.costs.values())
    stage.claim(
        f"{made} hashes were made, each one {wanted}; nothing refused was ever hashed.",
        hashing.seen.costs == {wanted: result.holders},
    )
