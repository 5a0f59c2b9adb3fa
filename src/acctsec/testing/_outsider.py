"""What an outsider can do to an engine, with a name, a token he made up, or one that he was given."""

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from acctsec._flows.tokens import Purpose, Tokens
from acctsec.claims import (
    LinkClaims,
    PasskeyAssertion,
    RecoveryCode,
    ResetCode,
    ResetLink,
    ResumeTicket,
    Ticket,
    TotpCode,
    UnlockClaims,
    UnlockFactor,
    UnlockLink,
    VetoClaims,
)
from acctsec.keyring import Keyring
from acctsec.mfa.passkeys import PasskeyPolicy, creation_options
from acctsec.protocols import Account
from acctsec.testing._subjects import subject_of
from acctsec.testing.doubles import SeededEntropy
from acctsec.testing.world import World

Call = Callable[[str, str, str], object]
"""Something an outsider can do: ``call(identifier, password, address)``; answers, or is awaited for, what he sees."""

NEW = "violet staple under the harbour 63"


def engine_operations(world: World[Any]) -> dict[str, Call]:
    """Every operation of the engine that an outsider can begin, with a name, a token he made up, or one that he was given."""
    engine, here = world.calls, world.context
    forger = Tokens(Keyring(sealing=[bytes(range(32))], index=[bytes(range(1, 33))]))
    handles: dict[str, str] = {}

    def handle(identifier: str, address: str) -> str:
        if identifier not in handles:
            handles[identifier] = engine.request_reset(identifier, context=here(address)).handle
        return handles[identifier]

    def code(identifier: str, password: str, address: str) -> object:
        digits = engine.policy.reset.code_digits
        guess = ResetCode(handle(identifier, address), f"{_number(password) % 10**digits:0{digits}d}")
        return engine.redeem_reset(guess, NEW, context=here(address))

    def recovery(identifier: str, password: str, address: str) -> object:
        guess = RecoveryCode(f"{_number(password) % 10**4:04d}-0000-0000-0000", handle(identifier, address))
        return engine.redeem_reset(guess, NEW, context=here(address))

    def lost(identifier: str, password: str, address: str) -> object:
        digits = engine.policy.reset.code_digits
        guess = ResetCode(handle(identifier, address), f"{_number(password) % 10**digits:0{digits}d}")
        return engine.remove_lost_factors(guess, context=here(address))

    def veto(identifier: str) -> str:
        claims = VetoClaims(
            tenant="",
            subject=subject_of(identifier),
            incarnation=bytes(16),
            change=bytes(16),
            recipient=bytes(16),
            expires=world.clock(),
        )
        return forger.seal(Purpose.VETO, claims)

    def link(identifier: str) -> str:
        return forger.seal(
            Purpose.LINK, LinkClaims(tenant="", subject=subject_of(identifier), incarnation=bytes(16), secret=bytes(32))
        )

    def unlock_link(identifier: str) -> str:
        now = world.clock()
        claims = UnlockClaims(
            tenant="",
            subject=subject_of(identifier),
            binds=(bytes(16), 0, 0, 0, 0),
            recipient=bytes(16),
            issued=now,
            expires=now,
        )
        return forger.seal(Purpose.UNLOCK, claims)

    def ticket(identifier: str, purpose: Purpose) -> str:
        now = world.clock()
        claims = Ticket(
            tenant="",
            subject=subject_of(identifier),
            incarnation=bytes(16),
            epoch=0,
            id=bytes(16),
            issued=now,
            expires=now,
            methods=(),
        )
        return forger.seal(purpose, claims)

    def passkey(rules: PasskeyPolicy, identifier: str, password: str, address: str) -> object:
        asked = engine.begin_passkey_sign_in(context=here(address))
        answer = forged_passkey(rules, asked.options, subject_of(identifier), seed=_number(password))
        return engine.sign_in_with_passkey(asked.ticket, PasskeyAssertion(answer), context=here(address))

    rules, more = engine.policy.mfa.passkeys, dict[str, Call]()
    if rules is not None:
        more["sign_in_with_passkey with a forged passkey"] = partial(passkey, rules)
    return {
        **more,
        "sign_in": lambda name, password, at: engine.sign_in(name, password, context=here(at)),
        "request_reset": lambda name, _, at: engine.request_reset(name, context=here(at)),
        "redeem_reset with a wrong code": code,
        "redeem_reset with a wrong recovery code": recovery,
        "redeem_reset with a forged link": lambda name, _, at: engine.redeem_reset(ResetLink(link(name)), NEW, context=here(at)),
        "redeem_reset with a forged ticket": lambda name, _, at: engine.redeem_reset(
            ResumeTicket(ticket(name, Purpose.RESUME)), NEW, context=here(at)
        ),
        "remove_lost_factors with a wrong code": lost,
        "remove_lost_factors with a forged link": lambda name, _, at: engine.remove_lost_factors(
            ResetLink(link(name)), context=here(at)
        ),
        "veto with a forged token": lambda name, _, at: engine.veto(veto(name), context=here(at)),
        "inspect_veto of a forged token": lambda name, _, at: engine.inspect_veto(veto(name), context=here(at)),
        "inspect_reset of a forged link": lambda name, _, at: engine.inspect_reset(link(name), context=here(at)),
        "verify_factor with a forged ticket": lambda name, _, at: engine.verify_factor(
            ticket(name, Purpose.SIGN_IN), TotpCode("000000"), context=here(at)
        ),
        "unlock with a wrong code": lambda name, password, at: engine.unlock(
            UnlockFactor(name, TotpCode(f"{_number(password) % 10**6:06d}")), context=here(at)
        ),
        "unlock with a wrong recovery code": lambda name, password, at: engine.unlock(
            UnlockFactor(name, RecoveryCode(f"{_number(password) % 10**4:04d}-0000-0000-0000")), context=here(at)
        ),
        "unlock with a forged link": lambda name, _, at: engine.unlock(UnlockLink(unlock_link(name)), context=here(at)),
        "inspect_unlock of a forged link": lambda name, _, at: engine.inspect_unlock(unlock_link(name), context=here(at)),
        "check_password": lambda name, password, _: engine.check_password(
            password, account=Account(subject=subject_of(name), identifiers=(name,))
        ),
    }


def forged_passkey(rules: PasskeyPolicy, options: Mapping[str, Any], subject: str, *, seed: int) -> dict[str, Any]:
    """What a stranger sends who made himself a passkey for somebody's account: all of it is right but the key."""
    from acctsec.testing.authenticator import SoftAuthenticator  # only who has passkeys has what it needs

    challenge, origin = b"whatever is asked for here", rules.origins[0]
    key = SoftAuthenticator(entropy=SeededEntropy(seed), algorithm=rules.algorithms[0])
    key.create(creation_options(rules, challenge=challenge, subject=subject, account=subject, display=subject), origin=origin)
    return key.get(options, origin=origin)


def _number(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
