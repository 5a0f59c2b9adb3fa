"""What passkeys a service takes, and from where (W3C Web Authentication, Level 3)."""

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from attrs import field, frozen

from acctsec.checks import kind, length, text
from acctsec.errors import ConfigError
from acctsec.protocols import Attestation, CounterRegression, UserVerification, name_set

EDDSA, ES256, RS256 = -8, -7, -257
"""The COSE algorithms of Level 3 section 5.4, in the order it recommends: every authenticator knows one of them."""

FORMATS = frozenset({"packed", "tpm", "android-key", "fido-u2f", "apple"})
"""Attestation statements that end in a certificate. ``android-safetynet`` is not among them: its service is shut down."""

NO_MODEL = str(UUID(int=0))

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z0-9-]*[a-z]){_LABEL}|localhost")
_WEB = re.compile(r"(https?)://([a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?")
_APP = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}")


class Hint(StrEnum):
    """Which kind of authenticator a browser should offer first."""

    SECURITY_KEY = "security-key"
    CLIENT_DEVICE = "client-device"
    HYBRID = "hybrid"


@frozen(kw_only=True)
class AttestationRoot:
    """
    A certificate that a model's attestation may end in, from its vendor or the FIDO metadata service.

    Args:
        format: of the statements it is good for: packed, tpm, android-key, fido-u2f or apple. Default: none, vendors name it.
        pem: the certificate. Default: none.
        fingerprint: its SHA-256, so that a policy shows which it trusts. Default: made from it.
    """

    format: str = field()
    pem: bytes = field(repr=False)
    fingerprint: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"There is no attestation format {self.format!r} here.", remedy=f"Name one of {_listed(FORMATS)}.")
        if type(self.pem) is not bytes or not self.pem.strip().startswith(b"-----BEGIN CERTIFICATE-----"):
            raise ConfigError("pem is not one certificate in PEM.", remedy="Give the bytes from -----BEGIN CERTIFICATE----- on.")
        object.__setattr__(self, "fingerprint", sha256(self.pem.strip()).hexdigest())


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ConfigError("origins is one text.", remedy='Give a tuple: origins=("https://www.example.com",).')
    return tuple(given)


def _models(given: Iterable[str]) -> frozenset[str]:
    return frozenset(one.lower() if isinstance(one, str) else one for one in name_set(given))


@frozen(kw_only=True)
class PasskeyPolicy:
    """
    Which passkeys are registered, and what each use of one has to show.

    Args:
        rp_id: the domain that passkeys belong to: ``example.com`` serves every host under it. It can never be changed without
            losing all of them. Default: none, every service has its own (Level 3 section 4).
        rp_name: what authenticators show of the service. Default: none.
        origins: where sign-in pages and apps live: ``https://www.example.com``, ``android:apk-key-hash:...``. Compared byte by
            byte. Default: none; Level 3 section 13.4.9 wants them listed.
        user_verification: whether the holder is checked by PIN or biometrics. Default preferred, as in Level 3 section 5.4.4:
            required shuts out security keys without a PIN; what a touch alone is worth is told apart at every use.
        synced: whether passkeys that a provider copies to other devices may be registered. Default True; SP 800-63B-4
            appendix B takes them up to AAL2, and most people have no others.
        on_counter_regression: what is done when a counter did not rise. Default refuse, as py_webauthn and SimpleWebAuthn;
            Level 3 section 6.1.1 calls it a sign of a cloned key, not a proof. Synced passkeys do not count.
        attestation: whether a new passkey has to show its model by certificate. Default none: Level 3 section 5.4.7, and asking
            costs consumers a warning in some browsers.
        roots: the certificates that attestations may end in. Default none.
        allowed_aaguids: the models that may be registered; empty is any. Default empty.
        algorithms: of signatures, the most wanted first. Default -8, -7, -257: EdDSA, ES256, RS256 (Level 3 section 5.4).
        hints: which kind of authenticator browsers offer first. Default none: browsers know what a person used last.
        timeout: how long a browser may wait for the authenticator. Default 5 min; Level 3 section 15.1 recommends 5 to 10.

    Pages of other origins that hold the sign-in page in a frame are refused.
    """

    rp_id: str = field()
    rp_name: str = field(validator=text())
    origins: tuple[str, ...] = field(converter=_texts)
    user_verification: UserVerification = field(default=UserVerification.PREFERRED, validator=kind(UserVerification))
    synced: bool = field(default=True, validator=kind(bool))
    on_counter_regression: CounterRegression = field(default=CounterRegression.REFUSE, validator=kind(CounterRegression))
    attestation: Attestation = field(default=Attestation.NONE, validator=kind(Attestation))
    roots: tuple[AttestationRoot, ...] = field(default=(), converter=tuple[AttestationRoot, ...])
    allowed_aaguids: frozenset[str] = field(default=frozenset(), converter=_models)
    algorithms: tuple[int, ...] = field(default=(EDDSA, ES256, RS256), converter=tuple[int, ...])
    hints: tuple[Hint, ...] = field(default=(), converter=tuple[Hint, ...])
    timeout: timedelta = field(default=timedelta(minutes=5), validator=length(timedelta(minutes=5), timedelta(minutes=10)))

    def __attrs_post_init__(self) -> None:
        self._check_domain()
        for origin in self.origins:
            self._check_origin(origin)
        self._check_attestation()
        if (
            not self.algorithms
            or len(set(self.algorithms)) < len(self.algorithms)
            or set(self.algorithms) - {EDDSA, ES256, RS256}
        ):
            raise ConfigError(f"algorithms is {self.algorithms!r}.", remedy="Give some of -8, -7 and -257, each once.")
        if any(not isinstance(hint, Hint) for hint in self.hints) or len(set(self.hints)) < len(self.hints):
            raise ConfigError(f"hints is {self.hints!r}.", remedy="Give members of Hint, each once.")

    def _check_domain(self) -> None:
        if type(self.rp_id) is not str or len(self.rp_id) > 253 or not _DOMAIN.fullmatch(self.rp_id):
            raise ConfigError(
                f"rp_id is {self.rp_id!r}.",
                remedy="Give a domain in lower case, without scheme, port or path and not an IP address: example.com. "
                "Write other letters as browsers do: xn--...",
            )
        if not 0 < len(self.origins) <= 32 or len(set(self.origins)) < len(self.origins):
            raise ConfigError("origins is empty, has one twice, or more than 32.", remedy="Name each origin of a sign-in page.")

    def _check_origin(self, origin: object) -> None:
        if not isinstance(origin, str):
            raise ConfigError(f"The origin {origin!r} is no text.", remedy="Give it as https://www.example.com.")
        if _APP.fullmatch(origin):
            return
        web = _WEB.fullmatch(origin)
        if web is None or web[3] == {"https": "443", "http": "80"}[web[1]]:
            raise ConfigError(
                f"The origin {origin!r} is none that a browser sends.",
                remedy="Give https://host, with a port only if it is not the usual one and nothing behind it, "
                "or android:apk-key-hash: and the 43 characters of the app's certificate.",
            )
        scheme, host = web[1], web[2]
        if host != self.rp_id and not host.endswith(f".{self.rp_id}"):
            raise ConfigError(
                f"The origin {origin!r} is not under {self.rp_id}.", remedy="Browsers refuse it: name another rp_id."
            )
        if scheme == "http" and host != "localhost" and not host.endswith(".localhost"):
            raise ConfigError(
                f"The origin {origin!r} is not https.", remedy="Browsers have no passkeys there: serve it by https."
            )

    def _check_attestation(self) -> None:
        if any(not isinstance(root, AttestationRoot) for root in self.roots):
            raise ConfigError("roots has something else in it.", remedy="Give AttestationRoot(format=..., pem=...).")
        if self.attestation is Attestation.VERIFY and not self.roots:
            raise ConfigError("No attestation can be verified without roots.", remedy="Give the certificates of the vendors.")
        if self.attestation is Attestation.NONE and (self.roots or self.allowed_aaguids):
            raise ConfigError(
                "roots and allowed_aaguids mean nothing without attestation: anybody can name any model.",
                remedy="Set attestation=Attestation.VERIFY, or leave them out.",
            )
        for model in self.allowed_aaguids:
            if not _is_model(model):
                raise ConfigError(f"{model!r} names no model.", remedy="Give AAGUIDs as 8-4-4-4-12 hexadecimal digits.")


def _is_model(model: object) -> bool:
    try:
        return isinstance(model, str) and str(UUID(model)) == model != NO_MODEL
    except ValueError:
        return False


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
