"""Faults of a platform's own code around the engine: its pages, its user table, what it takes a request for."""

from tests.planted import stories
from tests.planted.planting import Plot
from tests.planted.stories import (
    ALICE,
    AT_RESET,
    AT_SIGN_IN,
    ONE_CLIENT,
    answered,
    begun,
    entered,
    later,
    mailed,
    scenario,
    told,
)

from acctsec.context import Context
from acctsec.testing import MemoryDirectory, RecordingMessenger, SeededEntropy

SAID = "If there is such an account, a mail is on its way."
PLOT = Plot("platform")


def page(plant, pages, change):
    """The pages of a platform, each changed: *change* is given the world, and what the page did."""

    def made(w):
        return {name: change(w, call) for name, call in pages(w).items()}

    return plant.watched(made)


@PLOT.code(AT_RESET, says="ask the same of every port whether or not somebody is found", seen="M-186")
def a_page_that_looks_first(plant):
    """A page asks its own table whether there is such an account, and asks the engine only then."""

    def change(w, call):
        return lambda name, *rest: call(name, *rest) if w.directory.find("", name) else SAID

    return page(plant, stories.reset_page, change)


@PLOT.code(AT_RESET, says="There is no such account", seen="M-186")
def a_page_that_says_so(plant):
    """A page answers otherwise where there is no such account."""

    def change(w, call):
        return lambda name, *rest: call(name, *rest) if w.directory.find("", name) else "There is no such account."

    return page(plant, stories.reset_page, change)


@PLOT.code(AT_SIGN_IN, says="is disabled by the platform", seen="M-188")
def a_page_that_explains(plant):
    """Whoever types a wrong password is told that the account is disabled."""

    def change(w, call):
        def explained(name, *rest):
            said, account = call(name, *rest), w.directory.find("", name)
            return "You are disabled." if account is not None and account.status.value == "disabled" else said

        return explained

    return page(plant, stories.sign_in_page, change)


@PLOT.code(AT_RESET, says="messenger.send by your own code", seen="M-148")
def a_page_that_mails_by_itself(plant):
    """A page sends its own mail while somebody waits: an account takes longer, and fails with the mail server."""

    def change(w, call):
        def mailing(name, *rest):
            if w.directory.find("", name):
                w.messenger.send(stories.a_message(name))
            return call(name, *rest)

        return mailing

    return page(plant, stories.reset_page, change)


@PLOT.code(ONE_CLIENT, says="one client had 10 guesses", seen="M-088")
def a_header_names_the_source(plant):
    """A request is taken to come from where its own header says."""
    return plant.watched(lambda peer, headers: Context.of(headers["x-forwarded-for"]))


@PLOT.code(
    told(begun(2), later, entered, lambda m: m.suspend(who=ALICE, suspended=True), answered(at_once=False)),
    says="for a ticket or code that is no good",
    seen="M-218",
)
def a_table_that_is_cached(plant):
    """The user table is cached: who was disabled a moment ago is not, as far as the engine can see."""

    def get(real):
        rows = {}

        def cached(self, tenant, subject):
            return rows.setdefault((tenant, subject), real(self, tenant, subject))

        return cached

    plant.put(MemoryDirectory, "get", get)


@PLOT.code(told(begun(1), mailed, mailed), says="twice|in the life", seen="M-033 M-034")
def chance_that_repeats(plant):
    """Two processes were forked from one, and draw the same random bytes."""
    plant.put(SeededEntropy, "__call__", lambda real: lambda self, size: real(self, size) if size == 32 else bytes(size))


@PLOT.code(scenario("mailbox-thief"), says="expect.messages.reset: 1")
def a_messenger_that_sends_again(plant):
    """A messenger sends each letter again for good measure: what is handed to it twice goes out twice."""

    def send(real):
        def twice(self, message):
            from attrs import evolve

            real(self, message)
            real(self, evolve(message, key=message.key + " again"))

        return twice

    plant.put(RecordingMessenger, "send", send)
