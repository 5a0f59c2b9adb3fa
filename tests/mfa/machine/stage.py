"""What the machine stands on: one account that can have every kind of factor, under policies whose needs are known by heart."""

from datetime import timedelta
from enum import StrEnum

from attrs import evolve, frozen
from tests.mfa.machine.model import Asks, level

from acctsec import Action, AssuranceLevel, Channel, DeliveredPolicy, Initial, Method, MfaPolicy, PushPolicy, Rule, all_of, any_of
from acctsec._codec import decode_record
from acctsec.budgets import Budget
from acctsec.outcomes import FactorKind
from acctsec.protocols import Account
from acctsec.testing import RACING
from acctsec.testing.world import PASSWORD, World, built

HOME, NUMBER, SUBJECT = "alice@example.org", "+447700900123", "u1"
APP = "fcm:bk3RNwTe3H0:CI2k"
FREEZE = timedelta(minutes=5)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MANY = Budget(limit=1000, window=timedelta(hours=4))
OFTEN = Budget(limit=1000, window=timedelta(minutes=20))


class Own(StrEnum):
    """What this platform asks fresh proof for."""

    READ = "read-letters"
    WIRE = "wire-money"


ACTIONS = (Own.READ, Own.WIRE, Action.EXPORT_DATA, Action.CHANGE_FACTORS, Action.CHANGE_PASSWORD)
RULES = (
    Rule(all_of(Method.PASSWORD, Method.TOTP, Method.TEXT), actions=Own.WIRE, max_age=5 * MINUTE),
    Rule(AssuranceLevel.AAL2, actions=Action.EXPORT_DATA),
)
ASKS = {
    Own.WIRE: Asks(lambda methods: {"password", "totp", "text-code"} <= methods, 5 * MINUTE),
    Action.EXPORT_DATA: Asks(lambda methods: level(methods) >= AssuranceLevel.AAL2),
}
STRONG = {"totp", "passkey", "passkey-bound", "passkey-touch", "passkey-touch-bound"}


@frozen(kw_only=True)
class House:
    """A policy, and the same by hand."""

    mfa: MfaPolicy
    asks: dict
    grace: timedelta | None = None
    groups: frozenset = frozenset()
    times: tuple = ()

    @property
    def policy(self):
        return evolve(RACING, mfa=self.mfa, reset=evolve(RACING.reset, per_source=OFTEN, per_subject=OFTEN))


def mfa_of(**more):
    often = DeliveredPolicy(channels={Channel.TEXT, Channel.VOICE, Channel.MAIL}, budget=MANY, per_number=MANY)
    kinds = {FactorKind.TOTP, FactorKind.DELIVERED, FactorKind.PUSH}
    push = PushPolicy(lifetime=timedelta(seconds=30), prompts=Budget(limit=100, window=timedelta(hours=1)), freeze=FREEZE)
    return MfaPolicy(**{"kinds": kinds, "actions": Own, "rules": RULES, "delivered": often, "push": push} | more)


SECOND = Asks(lambda methods: bool(methods - {"password"}))
HOUSES = {
    "nobody has to": House(mfa=mfa_of(), asks=ASKS),
    "everybody has to": House(mfa=mfa_of(required=True), asks={**ASKS, "sign-in": SECOND}),
    "within three days": House(
        mfa=mfa_of(required=True, grace=3 * DAY), asks={**ASKS, "sign-in": SECOND}, grace=3 * DAY, times=(DAY, 2 * DAY, 4 * DAY)
    ),
    "staff by something better": House(
        mfa=mfa_of(
            rules=(*RULES, Rule(any_of(*sorted(STRONG)), actions=(Action.SIGN_IN, Action.CHANGE_FACTORS), groups={"staff"}))
        ),
        asks={
            **ASKS,
            "sign-in": Asks(lambda methods: bool(methods & STRONG)),
            Action.CHANGE_FACTORS: Asks(lambda methods: bool(methods & STRONG)),
        },
        groups=frozenset({"staff"}),
    ),
}


class Stage:
    """Alice, her mailbox and her number, on any store by either face; every request comes from a network of its own."""

    def __init__(self, face, store, house):
        self.world = built(World, face, store, policy=house.policy, seed=5)
        self.clock, self.house, self.number = self.world.clock, house, 0
        self.world.directory.put(Account(subject=SUBJECT, identifiers=(HOME,), addresses=(HOME, NUMBER), groups=house.groups))
        self.act("set_password", SUBJECT, PASSWORD, by=Initial())

    def act(self, name, *args, device=None, **more):
        """Ask the engine."""
        self.number += 1
        source = f"10.{self.number >> 16}.{self.number >> 8 & 255}.{self.number & 255}"
        return getattr(self.world.calls, name)(*args, context=self.world.context(source, device=device), **more)

    def forgive(self):
        """An administrator opens what wrong answers have closed."""
        self.world.calls.admin.unlock(SUBJECT, actor="judge")

    def code_for(self, address):
        """The newest code that came to an address."""
        self.world.deliver()
        messages = self.world.messenger.messages
        return next((one.code for one in reversed(messages) if one.address == address and one.code), None)

    @property
    def prompt(self):
        """What came to the app last."""
        self.world.deliver()
        return next(one.prompt for one in reversed(self.world.messenger.messages) if one.prompt)

    @property
    def record(self):
        """What the store holds of her."""
        found = self.world.engine._flows.core.record_key("", SUBJECT)
        loaded = self.world.store.load(found)
        return decode_record((self.world._run(loaded) if hasattr(loaded, "__await__") else loaded)[0])
