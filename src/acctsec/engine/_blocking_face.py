"""Engine: the blocking face."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Event as Flag
from threading import Thread
from typing import Literal

from acctsec import _ports
from acctsec._blocking import Awaitable, Threads, awaitable, run
from acctsec._flows.core import Ports
from acctsec.attacks.networks import OriginResolver
from acctsec.attacks.watching import AttackWatch
from acctsec.claims import (
    AddressProof,
    Admin,
    FactorAnswer,
    FreshSession,
    NewFactorAnswer,
    PasskeyAssertion,
    PasswordClaim,
    ResetProof,
    ResumeTicket,
    UnlockProof,
)
from acctsec.context import Context
from acctsec.engine._wiring import (
    CHALLENGE,
    METERS,
    OUTBOX,
    OUTSIDE,
    OWN_ROWS,
    POPULARITY,
    RECORDS,
    WATCH,
    Flows,
    check_form,
    check_outside,
    check_passkeys,
    check_resolver,
    check_wiring,
    directory_methods,
    forms,
    governor,
    shows_outbox,
)
from acctsec.events import EventSink
from acctsec.keyring import Keyring
from acctsec.outcomes import (
    Acted,
    AddressPending,
    AuthorizeOutcome,
    ChangeCancelled,
    ChangeIdentifierOutcome,
    Changes,
    CheckPasswordOutcome,
    CodeEnrollmentStarted,
    CodeSent,
    ConfirmFactorOutcome,
    ContactNamed,
    ContactRemoved,
    Contacts,
    ContactsAsked,
    DeadLetters,
    Delivered,
    DeviceForgotten,
    Devices,
    EnrollOtpOutcome,
    Export,
    FactorRemoved,
    FactorRenamed,
    FactorReported,
    FactorRestored,
    Factors,
    Imported,
    ImportFactorOutcome,
    LaneStatus,
    LettersDiscarded,
    LettersRevived,
    NotImported,
    OutboxStatus,
    OutsideBegun,
    PasskeyChallenge,
    PasskeyEnrollmentStarted,
    PromptApproved,
    PromptDenied,
    PromptPending,
    PromptSent,
    Proposed,
    PushEnrollmentStarted,
    ReauthenticateOutcome,
    RecoveryCodes,
    RedeemResetOutcome,
    Refused,
    RemoveAddressOutcome,
    RemoveLostFactorsOutcome,
    ReportReason,
    ResetPending,
    ResetRequested,
    Rewrapped,
    SessionEnded,
    SessionList,
    SessionsEnded,
    SessionValid,
    SetPasswordOutcome,
    SharePending,
    SignInOutcome,
    Surveyed,
    TryAgain,
    UnlockOutcome,
    UnlockPending,
    VerifyAddressOutcome,
    VerifyFactorOutcome,
    Vetoed,
    VetoPending,
    Vouched,
    Waiting,
)
from acctsec.policy import Policy
from acctsec.protocols import (
    Account,
    BreachCorpus,
    Challenge,
    Channel,
    Clock,
    Directory,
    Entropy,
    Messenger,
    OutsideFactor,
    PasskeyVerifier,
    PopularityCounter,
    Store,
)
from acctsec.recovery import Capability
from acctsec.stores.memory import MemoryStore
from acctsec.stores.watch import MemoryWatch

DELIVERY_PAUSE = 1.0


class Engine:
    """
    Enforces one policy over one store, blocking. Thread-safe; share one a process.

    Args:
        policy: what is decided. ``Policy()`` is the preset SOCIAL_DEFAULT.
        store: records and meters, such as ``SqliteStore(path)``. It must not take part in the host's transactions.
        directory: the platform's user table.
        keyring: the deployment's secrets.
        messenger: hands messages to people. Without one name ``outbox="manual"``: another process delivers.
        sink: takes events.
        corpus: knows leaked passwords; without one that rule has nothing to say.
        popularity: counts how many accounts share a password, for ``PasswordPolicy.popularity_cap``.
        challenge: the puzzle that is put to a suspicious sign-in, such as ``acctsec.challenges.ProofOfWork()``. Without one
            nobody is asked.
        outside: who checks the factors that ``MfaPolicy.outside`` names, by those names.
        watch: remembers what was guessed wrong across accounts, for ``Policy.attacks``. Default: a ``MemoryWatch``, which sees
            this process alone.
        resolver: tells whose an address is, such as ``acctsec.attacks.maxmind.MaxMind``.
        passkeys: checks what passkeys sign. Default: the library ``webauthn`` (``pip install acctsec[passkeys]``), loaded when it
            is first needed.
        deliver_in_background: call ``deliver`` every second from a thread, for small deployments. Otherwise a worker of
            yours must call it: reset mails wait in the outbox until then.
        clock, entropy: for tests.

    Raises ConfigError for a port of the wrong form.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        store: Store,
        directory: Directory,
        keyring: Keyring,
        messenger: Messenger | None = None,
        sink: EventSink | None = None,
        corpus: BreachCorpus | None = None,
        popularity: PopularityCounter | None = None,
        challenge: Challenge | None = None,
        outside: Mapping[str, OutsideFactor] | None = None,
        watch: AttackWatch | None = None,
        resolver: OriginResolver | None = None,
        passkeys: PasskeyVerifier | None = None,
        outbox: Literal["delivered", "manual"] = "delivered",
        deliver_in_background: bool = False,
        clock: Clock = _ports.clock,
        entropy: Entropy = _ports.entropy,
    ) -> None:
        check_wiring(policy, keyring, messenger, popularity, outbox)
        for name, port, methods in forms(store, directory, messenger, sink, corpus, popularity, challenge, watch):
            check_form(name, port, methods, wants_async=False)
        check_resolver(resolver)
        check_outside(policy, outside or {}, wants_async=False)
        check_passkeys(policy, passkeys)
        pool = governor(policy)
        ports = Ports(
            records=Awaitable(store, *RECORDS),  # type: ignore[arg-type]
            outbox=Awaitable(store, *OUTBOX) if shows_outbox(store, wants_async=False) else None,  # type: ignore[arg-type]
            meters=Awaitable(store, *METERS),  # type: ignore[arg-type]
            own_meters=Awaitable(MemoryStore(most_rows=OWN_ROWS), *METERS),  # type: ignore[arg-type]
            own_devices=Awaitable(MemoryStore(most_rows=OWN_ROWS), *METERS),  # type: ignore[arg-type]
            directory=Awaitable(directory, *directory_methods(directory)),  # type: ignore[arg-type]
            messenger=None if messenger is None else Awaitable(messenger, "send"),  # type: ignore[arg-type]
            sink=None if sink is None else Awaitable(sink, "record"),  # type: ignore[arg-type]
            corpus=None if corpus is None else Awaitable(corpus, "count"),  # type: ignore[arg-type]
            popularity=None if popularity is None else Awaitable(popularity, *POPULARITY),  # type: ignore[arg-type]
            challenge=None if challenge is None else Awaitable(challenge, *CHALLENGE),  # type: ignore[arg-type]
            outside={name: Awaitable(one, *OUTSIDE) for name, one in (outside or {}).items()},  # type: ignore[misc]
            watch=Awaitable(MemoryWatch() if watch is None else watch, *WATCH),  # type: ignore[arg-type]
            resolver=resolver,
            passkeys=passkeys,
            hash=awaitable(pool.run),
            offload=awaitable(_inline),
            later=Threads(),
            pause=awaitable(_ports.pause),
            clock=clock,
            entropy=entropy,
        )
        self._flows = Flows(policy, keyring, ports)
        self.admin: Admins = Admins(self._flows)
        self._stop = Flag()
        if deliver_in_background:
            Thread(target=self._deliver_forever, name="acctsec-delivery", daemon=True).start()

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._flows.core.policy

    @property
    def dropped_observations(self) -> int:
        """How many refused attempts were not told to the sink, because too many came between two deliveries."""
        return self._flows.core.dropped

    def check_password(self, password: str, *, account: Account | None = None, tenant: str = "") -> CheckPasswordOutcome:
        """
        Judge a password by the rules alone: for a form, before anything is set.

        *account* and *tenant* bind it to what ``Policy.groups`` and ``Policy.tenants`` ask of them. It never looks at a stored
        verifier, so it tells nothing about anybody. TryAgain: too many ask at once, and nothing was judged. Raises PortError
        when a custom rule misbehaves.
        """
        return run(self._flows.passwords.check_password(password, account=account, tenant=tenant))

    def set_password(self, subject: str, password: str, *, by: PasswordClaim, context: Context) -> SetPasswordOutcome:
        """
        Set or change the password of *subject* on the claim *by*.

        PasswordChanged ended every session, ticket, reset, known device and known network of before. PasswordRejected says
        why the new one will not do. Refused: the claim does not carry the change. Raises ConfigError when *by* is not a claim.
        """
        return run(self._flows.passwords.set_password(subject, password, by=by, context=context))

    def sign_in(self, identifier: str, password: str, *, context: Context) -> SignInOutcome:
        """
        Check a password and say what is due next.

        Refused is the one answer for unknown, wrong, disabled, passwordless and locked; with *retry_after* it is the
        caller's own source, or known device, that has to wait. ChallengeRequired: this looks like an attack; show the puzzle
        and make the same call with the answer. TryAgain: nothing was compared or counted.
        """
        return run(self._flows.sign_in.sign_in(identifier, password, context=context))

    def verify_factor(
        self, ticket: str, answer: FactorAnswer, *, remember: bool = False, context: Context
    ) -> VerifyFactorOutcome:
        """
        Check a second factor for the *ticket* of FactorRequired.

        After a sign-in the answer is SignedIn or PasswordChangeRequired, for a reset ProofAccepted. A code works once,
        a ticket works once, and all factors of a subject share one budget of wrong answers. PasskeyAssertion answers the options
        that came with this very ticket.

        *remember*: let this browser in by the password alone for a while, where ``MfaPolicy.remember`` allows it. Offer a box
        that is not ticked.
        """
        return run(self._flows.sign_in.verify_factor(ticket, answer, remember=remember, context=context))

    def begin_passkey_sign_in(self, *, context: Context) -> PasskeyChallenge:
        """
        Ask a browser for any passkey of this service: for a button, or for the autofill of a name field, which takes the same.

        Nothing is read, charged or stored, and nothing of it is about anybody. Keep the ticket in this browser. Raises
        ConfigError where the policy has no passkeys.
        """
        return run(self._flows.passkeys.begin_passkey_sign_in(context=context))

    def sign_in_with_passkey(self, ticket: str, answer: PasskeyAssertion, *, context: Context) -> SignInOutcome:
        """
        Sign in with a passkey that verified its holder, without a name or a password: two factors at once.

        It is the passkey that says whose it is. Refused is the one answer for a wrong signature, an unknown passkey, and an
        account that is disabled or contested; with *retry_after* it is the caller's own source that has to wait. A passkey that
        never verified its holder is refused too: it is good beside a password. FactorRequired, EnrollmentRequired: the rules ask
        for more. The state of the password does not matter, nor does it change.
        """
        return run(self._flows.passkeys.sign_in_with_passkey(ticket, answer, context=context))

    def authorize(self, token: str, action: str, *, context: Context) -> AuthorizeOutcome:
        """
        Say whether a session may do this now, and what is missing where it may not: one load and no write.

        *action* is an `Action`, or one of the platform's own that ``MfaPolicy.actions`` lists; any other raises ConfigError, as
        one that nobody listed would be free for all. No cache has a say here.
        """
        return run(self._flows.step_ups.authorize(token, action, context=context))

    def reauthenticate(self, ticket: str, password: str, *, context: Context) -> ReauthenticateOutcome:
        """
        Prove the password again, for the *ticket* of ReauthenticationRequired: a guess in the same budget as a sign-in's.

        The answer is SignedIn with a new session in place of the old one (its ``device`` is ""), or what is still missing.
        """
        return run(self._flows.step_ups.reauthenticate(ticket, password, context=context))

    def check_session(self, token: str, *, context: Context) -> SessionValid | SessionEnded:
        """
        Say whether *token* stands for a session, in one load and no write; see ``SessionPolicy.staleness`` for none.

        Set *renewed* as the cookie wherever it is there. After ``SessionPolicy.rotate`` it is of the next generation, and when it
        first comes back that is written down: a token of the one before is a copy then, and ends the session for both.
        Disabling an account in the platform's own table does not end its sessions: call ``admin.disable``.
        """
        return run(self._flows.sessions.check_session(token, context=context))

    def request_reset(self, identifier: str, *, context: Context) -> ResetRequested:
        """
        Ask for a reset: the same answer and the same work for known, unknown, locked and disabled.

        Everything else happens in ``deliver``. Keep the handle in this browser; a reset code is useless without it.
        """
        return run(self._flows.resets.request_reset(identifier, context=context))

    def inspect_reset(self, link: str, *, context: Context) -> ResetPending | Refused:
        """
        Look at a reset link without touching anything: for the page a GET renders, since mail scanners open links.
        """
        return run(self._flows.resets.inspect_reset(link, context=context))

    def redeem_reset(self, reset: ResetProof, new_password: str, *, context: Context) -> RedeemResetOutcome:
        """
        Replace a forgotten password: the only door of a reset.

        FactorRequired comes before anything changes, where a live factor guards the subject; take its ticket to
        ``verify_factor`` and come back with ResumeTicket. PasswordRejected leaves the reset alive. It never signs in.
        """
        return run(self._flows.resets.redeem_reset(reset, new_password, context=context))

    def inspect_unlock(self, link: str, *, context: Context) -> UnlockPending | Refused:
        """Look at an unlock link without touching anything: for the page a GET renders, since mail scanners open links."""
        return run(self._flows.unlocking.inspect_unlock(link, context=context))

    def unlock(self, proof: UnlockProof, *, context: Context) -> UnlockOutcome:
        """
        Open the lane of strangers that guessing has stopped, by a mailed link or a live second factor: on an explicit POST.

        LockOpened signs nobody in: passwords are compared again where nobody is known, for as many failures as a device has. Only
        this lane is opened. Refused: nothing is stopped, or the link is used or over, the code wrong, the month or the budget of
        openings used up; a reset opens then. Effective at once on every node.
        """
        return run(self._flows.unlocking.unlock(proof, context=context))

    def remove_lost_factors(self, reset: ResetProof, *, context: Context) -> RemoveLostFactorsOutcome:
        """
        Take every second factor and printed code off, for an owner who has lost them; the password stays.

        It goes like ``redeem_reset``: the same proofs, tickets and answers, by the paths of the policy that give FACTORS. With
        FactorsRemoved every session is over, and every address is told; nobody is signed in. Refused where there is no factor,
        and while the account is contested: what is taken off could not settle it any more.
        """
        return run(self._flows.resets.remove_lost_factors(reset, context=context))

    def inspect_veto(self, token: str, *, context: Context) -> VetoPending | Refused:
        """Say what the veto of a notice would stop, and until when. It changes nothing: call it when the page is opened."""
        return run(self._flows.changes.inspect_veto(token, context=context))

    def veto(self, token: str, *, context: Context) -> Vetoed | Refused | TryAgain:
        """
        Stop the change that a notice told of, and freeze the account. Call it only when its reader says so (POST).

        It grants nothing, and brings no earlier password back: every session ends, and nobody signs in before somebody shows more
        than either side has. Refused: the change is over, or was proven at the full level.
        """
        return run(self._flows.changes.veto(token, context=context))

    def list_changes(self, token: str, *, context: Context) -> Changes | Refused:
        """The changes of the subject that wait or can be vetoed, for the settings page. Refused: the session is over."""
        return run(self._flows.changes.list_changes(token, context=context))

    def cancel_change(
        self, change: str, *, by: FreshSession | ResumeTicket, context: Context
    ) -> ChangeCancelled | Refused | TryAgain:
        """
        Drop a change that waits: its owner with a fresh session at full level, or whoever asked with the ticket of Waiting.

        *change* is the id of ``ChangeInfo`` or ``Waiting``. Unlike a veto it freezes nothing.
        """
        return run(self._flows.changes.cancel_change(change, by=by, context=context))

    def name_contact(self, token: str, contact: str, *, context: Context) -> ContactNamed | Refused | TryAgain:
        """
        Have the word of another subject of the tenant count for this one, with a fresh session at full level.

        Its word counts once ``RecoveryPolicy.contacts_settle`` is over; every address is told, and the contact is. The answer is
        the same whether there is such an account or not, or it is disabled. Refused: the session will not do, no path of the
        policy asks contacts, five were named, or it is the owner.
        """
        return run(self._flows.contacts.name_contact(token, contact, context=context))

    def list_contacts(self, token: str, *, context: Context) -> Contacts | Refused:
        """The trusted contacts of the subject, and from when on the word of each counts. Refused: the session is over."""
        return run(self._flows.contacts.list_contacts(token, context=context))

    def remove_contact(self, token: str, contact: str, *, context: Context) -> ContactRemoved | Waiting | Refused | TryAgain:
        """
        Have the word of a contact count no more, nor what it has agreed to already, with a fresh session at full level.

        Waiting: a change can still be vetoed, and nothing is taken off meanwhile.
        """
        return run(self._flows.contacts.remove_contact(token, contact, context=context))

    def ask_contacts(self, ticket: str, *, context: Context) -> ContactsAsked | Refused | TryAgain:
        """
        Mail every trusted contact that counts its share of the decision, after another proof: the ticket is that of
        FactorRequired, ProofRequired or ProofAccepted, and is used up with its reset.

        Go on with ``redeem_reset`` or ``remove_lost_factors`` and the new ticket; ProofRequired says that not enough have agreed
        yet. Refused: the ticket will not do, no path leads on with contacts, or there are too few.
        """
        return run(self._flows.contacts.ask_contacts(ticket, context=context))

    def inspect_share(self, token: str, *, context: Context) -> SharePending | Refused:
        """Say what the share of a contact is for. It changes nothing: call it when the page is opened."""
        return run(self._flows.contacts.inspect_share(token, context=context))

    def vouch(self, token: str, *, by: FreshSession, context: Context) -> Vouched | Refused | TryAgain:
        """
        Agree that the owner comes back in, as the very contact that was asked: on an explicit POST.

        A fresh session of the contact at its full level has to be there; its mail alone agrees to nothing. A share is good once,
        while the contact is one and the owner has not come in otherwise. It gives the contact nothing.
        """
        return run(self._flows.contacts.vouch(token, by=by, context=context))

    def add_address(
        self, token: str, address: str, *, replaces: str | None = None, context: Context
    ) -> AddressPending | Refused | TryAgain:
        """
        Say that *address* is the subject's too, or instead of the one that it *replaces*, with a fresh session at full level.

        AddressPending: a code, and by mail a link, went there, and every verified address is told; nothing is different before
        ``verify_address``. It is the same whoever else has the address. Refused: it is none that messages can go to, or the
        account has it, or six. Raises ConfigError where the directory has no ``apply``.
        """
        return run(self._flows.addresses.add_address(token, address, replaces=replaces, context=context))

    def inspect_address(self, link: str, *, context: Context) -> AddressPending | Refused:
        """
        Look at a link that proves an address without touching anything: for the page a GET renders, since scanners open links.
        """
        return run(self._flows.addresses.inspect_address(link, context=context))

    def verify_address(self, proof: AddressProof, *, session: str | None = None, context: Context) -> VerifyAddressOutcome:
        """
        Prove a new address by its link, anywhere, or by its code, beside a session of the subject: on an explicit POST.

        Give the *session* where there is one. Without, only the mailbox is proven: on an account that had no address before, all
        that was set up before goes (``AddressVerified.purged``). Waiting: proven, and it takes effect *until* then with
        ResumeTicket(ticket). AddressTaken: another account has it. Raises ConfigError where the directory has no ``apply``.
        """
        return run(self._flows.addresses.verify_address(proof, session=session, context=context))

    def remove_address(self, token: str, address: str, *, context: Context) -> RemoveAddressOutcome:
        """
        Take a verified address off, with a fresh session at full level; never the last one.

        Without a second factor that has been there for as long it waits for ``Delays.address_changed``, and all are told: make
        the same call again from *until* on. What was mailed there is dead at once. Raises ConfigError where the directory has
        no ``apply``.
        """
        return run(self._flows.addresses.remove_address(token, address, context=context))

    def change_identifier(self, token: str, old: str, new: str, *, context: Context) -> ChangeIdentifierOutcome:
        """
        Let the account answer to the name *new* instead of *old*, with a fresh session at full level.

        *new* is brought to its canonical form. IdentifierRejected: nobody may have it, or it is an address that the account has
        not proven. Every address is told. Raises ConfigError where the directory has no ``apply``.
        """
        return run(self._flows.addresses.change_identifier(token, old, new, context=context))

    def enroll_totp(
        self, token: str, *, name: str = "", otpauth: str | None = None, replaces: str = "", context: Context
    ) -> EnrollOtpOutcome:
        """
        Begin to set up an authenticator app, with a fresh session at the subject's full level or the ticket of
        EnrollmentRequired. Nothing is stored until ``confirm_factor``.

        *otpauth* is the URI of a token that has its secret already; TokenRejected says why it cannot be used. Without, the secret
        is ours and the form that of ``MfaPolicy.totp``.

        Refused for an account without a verified address: a squatter's factor would block the address's later owner.
        """
        return run(self._flows.authenticators.enroll_totp(token, name=name, otpauth=otpauth, replaces=replaces, context=context))

    def enroll_hotp(
        self, token: str, *, name: str = "", otpauth: str | None = None, replaces: str = "", context: Context
    ) -> EnrollOtpOutcome:
        """
        Begin to set up a token with a button, as ``enroll_totp`` does an app; the policy's kinds have to name HOTP.

        Confirm it with ``HotpCode``: two codes in a row, where its button was pressed often before.
        """
        return run(self._flows.authenticators.enroll_hotp(token, name=name, otpauth=otpauth, replaces=replaces, context=context))

    def enroll_outside(
        self, token: str, method: str, reference: str, *, name: str = "", replaces: str = "", context: Context
    ) -> OutsideBegun | Refused | TryAgain:
        """
        Begin to set up a factor that somebody else checks: *method* is his name in ``MfaPolicy.outside``, *reference* what he
        knows the subject by, of at most 128 bytes. Take it from him and not from the page. Confirm it with ``OutsideAnswer``.

        Raises ConfigError for a name that the policy has not.
        """
        return run(self._flows.outside.enroll_outside(token, method, reference, name=name, replaces=replaces, context=context))

    def begin_outside(self, ticket: str, factor_id: str, *, context: Context) -> OutsideBegun | Refused | TryAgain:
        """
        Let somebody else ask the subject for a factor, for the *ticket* of FactorRequired: he may push something to a phone.

        Thirty times a day and subject, as often for strangers, and within the budget of a source. TryAgain: he did not
        answer.
        """
        return run(self._flows.outside.begin_outside(ticket, factor_id, context=context))

    def enroll_passkey(
        self, token: str, *, name: str = "", replaces: str = "", context: Context
    ) -> PasskeyEnrollmentStarted | Refused:
        """
        Begin to set up a passkey, with what ``enroll_totp`` asks: hand the options to the browser, and what comes back to
        ``confirm_factor`` as PasskeyAttestation. Those that the subject has are excluded, but the one that it *replaces*.

        The passkey keeps the subject, of at most 64 bytes; ConfigError beyond, and where the policy has no passkeys.
        """
        return run(self._flows.passkeys.enroll_passkey(token, name=name, replaces=replaces, context=context))

    def enroll_delivered(
        self,
        token: str,
        address: str,
        *,
        channel: Channel | None = None,
        name: str = "",
        replaces: str = "",
        context: Context,
    ) -> CodeEnrollmentStarted | Refused | TryAgain:
        """
        Begin to set up codes that go to a verified *address* of the account, and send the first one: with a fresh session at the
        subject's full level or the ticket of EnrollmentRequired.

        By text to a number and by mail to a mailbox, or by a call where *channel* is ``Channel.VOICE``, as far as
        ``DeliveredPolicy.channels`` goes. ``confirm_factor`` with the code sets it up; ``send_code(ticket, sent.factor)`` sends
        another. Where the address leaves the account the factor goes with it.
        """
        return run(
            self._flows.codes.enroll_delivered(token, address, channel=channel, name=name, replaces=replaces, context=context)
        )

    def send_code(self, ticket: str, factor_id: str, *, context: Context) -> CodeSent | Refused | TryAgain:
        """
        Send a code to a factor of the *ticket* of FactorRequired, of ReauthenticationRequired or of CodeEnrollmentStarted; it is
        good once, for that ticket alone: ``verify_factor(ticket, DeliveredCode(code))``.

        TryAgain: another one is on its way already. Refused: the ticket is over, there is no such factor, its address left the
        account or its SIM changed lately, or too many were sent. Another code resets nothing that was counted.
        """
        return run(self._flows.codes.send_code(ticket, factor_id, context=context))

    def enroll_push(
        self, token: str, address: str, *, name: str = "", replaces: str = "", context: Context
    ) -> PushEnrollmentStarted | Refused | TryAgain:
        """
        Begin to set up an app of the platform that prompts are pushed to, and push it the first: with a fresh session at the
        subject's full level or the ticket of EnrollmentRequired.

        *address* is the platform's own name for where that app is reached, at most 255 bytes, kept sealed and handed to the
        messenger as it is. Show the number; once it is typed in the app, ``confirm_factor(ticket, PushApproval())`` sets it up.
        """
        return run(self._flows.prompts.enroll_push(token, address, name=name, replaces=replaces, context=context))

    def push_prompt(self, ticket: str, factor_id: str, *, context: Context) -> PromptSent | Refused | TryAgain:
        """
        Push a prompt to an app for the *ticket* of FactorRequired or ReauthenticationRequired; show the number, and ask by
        ``verify_factor(ticket, PushApproval())`` what became of it.

        TryAgain: another prompt is outstanding until then; there is one at a time. Refused: the ticket is over, there is no such
        factor, too many were pushed, or one was denied: offer another factor. Asked for again, the last prompt of a ticket is
        over.
        """
        return run(self._flows.prompts.push_prompt(ticket, factor_id, context=context))

    def inspect_prompt(self, token: str, *, context: Context) -> PromptPending | Refused:
        """Look at a prompt without touching anything, for what the app shows beside the field for the number."""
        return run(self._flows.prompts.inspect_prompt(token, context=context))

    def answer_prompt(self, token: str, number: str, *, context: Context) -> PromptApproved | Refused | TryAgain:
        """
        Type the number that the browser shows into the app. *token* is that of ``Message.prompt``; let the app prove itself
        first, by a key of its own (SP 800-63B-4 section 3.1.3.1).

        A few wrong numbers end the prompt, and all count as wrong answers of a second factor.
        """
        return run(self._flows.prompts.answer_prompt(token, number, context=context))

    def deny_prompt(self, token: str, *, context: Context) -> PromptDenied | Refused | TryAgain:
        """
        Say in the app that it was somebody else who asked: for an explicit button, never for one that only closes.

        The prompt is over, nothing is pushed for strangers for ``PushPolicy.freeze``, and every address is told that somebody
        knows the password. A known device that asked is known no more, and a session or a reset that did is over. Refused: the
        prompt was used or replaced.
        """
        return run(self._flows.prompts.deny_prompt(token, context=context))

    def confirm_factor(self, ticket: str, answer: NewFactorAnswer, *, context: Context) -> ConfirmFactorOutcome:
        """
        Prove the new authenticator by a code, which is spent by it. Other sessions end; the answer has a new one.

        EnrollmentRequired, FactorRequired: it was set up for a sign-in, is there now, and that sign-in asks for more. Go on with
        the new ticket; there is no session before.
        """
        return run(self._flows.factors.confirm_factor(ticket, answer, context=context))

    def list_factors(self, token: str, *, context: Context) -> Factors | Refused:
        """What may be shown of the subject's factors."""
        return run(self._flows.factors.list_factors(token, context=context))

    def rename_factor(self, token: str, factor_id: str, name: str, *, context: Context) -> FactorRenamed | Refused | TryAgain:
        """Give an authenticator another name, of at most 40 printable characters."""
        return run(self._flows.factors.rename_factor(token, factor_id, name, context=context))

    def report_factor(
        self, token: str, factor_id: str, why: ReportReason, *, context: Context
    ) -> FactorReported | Refused | TryAgain:
        """
        Report a factor LOST or COMPROMISED: it proves nothing from this moment on, and guards the account still.

        It takes a session and its password, proven within ``SessionPolicy.fresh``, and no factor: ``authorize(token,
        Action.REPORT_FACTOR)`` asks for it. All addresses are told. At the full level all other sessions end; else they stay, at
        a lower one. With no factor left that proves anything, ``remove_lost_factors`` leads on.
        """
        return run(self._flows.reports.report_factor(token, factor_id, why, context=context))

    def restore_factor(self, token: str, factor_id: str, *, context: Context) -> FactorRestored | Refused | TryAgain:
        """
        Let a factor that was reported LOST, and is found, prove again; with a fresh session at full level, by another factor or a
        printed code. One that was COMPROMISED never comes back.
        """
        return run(self._flows.reports.restore_factor(token, factor_id, context=context))

    def remove_factor(self, token: str, factor_id: str, *, context: Context) -> FactorRemoved | Waiting | Refused | TryAgain:
        """Remove an authenticator, with a fresh session at full level; never below what the policy demands."""
        return run(self._flows.factors.remove_factor(token, factor_id, context=context))

    def issue_recovery_codes(self, token: str, *, context: Context) -> RecoveryCodes | Waiting | Refused | TryAgain:
        """Make new recovery codes, shown this once; older ones are void. Needs a fresh session at full level."""
        return run(self._flows.factors.issue_recovery_codes(token, context=context))

    def sign_out(self, token: str, *, context: Context) -> SessionsEnded | TryAgain:
        """End one session."""
        return run(self._flows.sessions.sign_out(token, context=context))

    def list_sessions(self, token: str, *, context: Context) -> SessionList | Refused:
        """
        The sessions of the subject, for the settings page, with any live one; *current* is the one that asked.

        Refused: the session is over.
        """
        return run(self._flows.sessions.list_sessions(token, context=context))

    def end_session(self, token: str, session_id: str, *, context: Context) -> SessionsEnded | Refused | TryAgain:
        """
        End one session of the subject, with a fresh one at full level; its own may always be ended.

        *session_id* is that of ``SessionInfo``. SessionsEnded says 0 where it was over already. Refused: the session will not do,
        so let its holder prove himself once more; whoever stole an old one could throw the owner out.
        """
        return run(self._flows.sessions.end_session(token, session_id, context=context))

    def list_devices(self, token: str, *, context: Context) -> Devices | Refused:
        """
        The known devices of the subject, for the settings page; *current* is the one whose token *context* has.

        Refused: the session is over. A device that the policy has forgotten by now is not among them.
        """
        return run(self._flows.devices.list_devices(token, context=context))

    def forget_device(self, token: str, device_id: str, *, context: Context) -> DeviceForgotten | Refused | TryAgain:
        """
        Take back what a device token is good for, with any live session: it names a lane of lockout and no more.

        From now on that browser stands with the strangers, on every node. Sessions go on; ``sign_out_everywhere`` ends them, and
        forgets all devices. Refused: the session is over, or there is no such device.
        """
        return run(self._flows.devices.forget_device(token, device_id, context=context))

    def sign_out_everywhere(
        self, subject: str, *, by: FreshSession | Admin, context: Context
    ) -> SessionsEnded | Refused | TryAgain:
        """End every session, unfinished flow, known device and known network of *subject*."""
        return run(self._flows.sessions.sign_out_everywhere(subject, by=by, context=context))

    def deliver(self, limit: int = 100) -> Delivered:
        """
        Hand at most *limit* outbox entries to messenger and sink, at least once each; call it every second or so.

        What raises stays, and comes again after a growing pause; after ten tries it is a dead letter. Observations of this
        process go to the sink too; without a messenger they are all that does, and the outbox is left to others.
        """
        return run(self._flows.delivery.deliver(limit))

    def close(self) -> None:
        """Stop delivering in the background. The store is the caller's to close."""
        self._stop.set()

    def _deliver_forever(self) -> None:
        while not self._stop.wait(DELIVERY_PAUSE):
            try:
                while self.deliver().left:
                    pass
            except Exception as error:  # noqa: BLE001 - a broken world now may be whole in a second; the entries stay
                _complain(error)


class Admins:
    """What an operator does to a subject; each act names its actor and is an event."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def lock_status(self, subject: str, *, tenant: str = "") -> tuple[LaneStatus, ...]:
        """How every lane of a subject stands."""
        return run(self._flows.administration.lock_status(subject, tenant=tenant))

    def unlock(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Start the subject's meters anew, the months too, at once and on every node. What a source has used up stays used up."""
        return run(self._flows.administration.act("unlock", subject, actor=actor, tenant=tenant))

    def list_sessions(self, subject: str, *, tenant: str = "") -> SessionList:
        """The sessions of a subject; none of them is *current*."""
        return run(self._flows.sessions.list_by_admin(subject, tenant=tenant))

    def end_session(self, subject: str, session_id: str, *, actor: str, tenant: str = "") -> SessionsEnded | TryAgain:
        """End one session of a subject, or none where it was over; ``sign_out_everywhere`` with Admin ends them all."""
        return run(self._flows.sessions.end_by_admin(subject, session_id, actor=actor, tenant=tenant))

    def disable(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Refuse everything to a subject and end its sessions."""
        return run(self._flows.administration.act("disable", subject, actor=actor, tenant=tenant))

    def enable(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Take a disable back. Sessions stay dead."""
        return run(self._flows.administration.act("enable", subject, actor=actor, tenant=tenant))

    def require_password_change(
        self, subject: str, *, actor: str, by: datetime | None = None, tenant: str = ""
    ) -> Acted | TryAgain:
        """
        Let the next sign-in end in PasswordChangeRequired, or the next one from the day *by* on.

        Until then ``SignedIn.password_due`` tells that day. A later call may bring it forward, and never puts it off.
        """
        return run(self._flows.administration.act("require-change", subject, actor=actor, tenant=tenant, due=by))

    def report_factor(
        self, subject: str, factor_id: str, why: ReportReason, *, actor: str, tenant: str = ""
    ) -> Acted | Refused | TryAgain:
        """
        Report a factor of a subject, where the service knows of an incident: it proves nothing from now on, every session of the
        subject ends, and all its addresses are told. Refused where there is no such factor.
        """
        return run(self._flows.reports.report_for(subject, factor_id, why, actor=actor, tenant=tenant))

    def initial_password(self, subject: str, *, actor: str, tenant: str = "") -> Acted | Refused:
        """
        Mail a link to choose a first or new password; no administrator ever knows one.

        It works once, for ``ResetPolicy.initial_lifetime``, until another is mailed or the password changes, and proves as much
        as the link of a reset: a second factor is asked for, and it waits where that does. A first password is no recovery, so no
        path of ``RecoveryPolicy`` is asked. Refused where the subject has no verified address.
        """
        return run(self._flows.administration.initial_password(subject, actor=actor, tenant=tenant))

    def propose_recovery(
        self, subject: str, gives: Capability, *, actor: str, address: str | None = None, tenant: str = ""
    ) -> Proposed | Refused | TryAgain:
        """
        Propose that a subject gets its password or its factors back by a link to *address*, or a new mail *address* by
        ``Capability.ADDRESSES``; nothing comes of it before another actor agrees.

        The link goes to a verified address; which one has to be named where there are several, since one may be a thief's.

        Refused where no path of the policy has ADMINISTRATORS for this subject, or it has no verified mail address: nobody could
        be told. Raises ConfigError for an address that no mail goes to, and where `Directory.apply` is missing.
        """
        return run(self._flows.proposals.propose(subject, gives, actor=actor, address=address, tenant=tenant))

    def approve_recovery(
        self, subject: str, change: str, *, actor: str, address: str | None = None, tenant: str = ""
    ) -> Acted | Refused | TryAgain:
        """
        Agree to a proposal of another actor: the owner is mailed a link, every address is told, and no administrator holds
        anything.

        The link stands for what was proposed, beside the mailbox, and goes the way of any reset: it waits as the policy says. A
        new address is mailed its own, for ``verify_address``; it waits from now on, and every address before it has the veto.
        Both name the *address*, where it is new or one of several. Refused: the proposal is over, one's own, or for another
        address.
        """
        return run(self._flows.proposals.approve(subject, change, actor=actor, address=address, tenant=tenant))

    def withdraw_proposal(self, subject: str, change: str, *, actor: str, tenant: str = "") -> Acted | Refused | TryAgain:
        """Take a proposal back, one's own or another's. Refused: it is over, or was approved."""
        return run(self._flows.proposals.withdraw(subject, change, actor=actor, tenant=tenant))

    def withdraw_address(self, subject: str, address: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """
        Take an address off that is its owner's no more: a number given to somebody else, a domain that ran out.

        At once, the last one too. It is told nothing, the others are; what was asked for with it is dead. Raises ConfigError
        where the directory has no ``apply``.
        """
        return run(self._flows.addresses.withdraw(subject, address, actor=actor, tenant=tenant))

    def import_verifier(
        self,
        subject: str,
        stored: str,
        *,
        actor: str,
        tenant: str = "",
        changed_at: datetime | None = None,
        wrap: bool = False,
        prepared: bool = False,
        dry_run: bool = False,
    ) -> Imported | NotImported | TryAgain:
        """
        Take a hash that another system made over as the password of a subject that has none, sealed as any other.

        *stored* is the text as it lay there, *changed_at* when that password was set (None: now). *wrap*: a foreign hash is kept
        inside an Argon2id hash. *prepared*: the other system was acctsec too, and hashed the prepared form; others hashed what
        was typed. Imported *again*: it is this very hash that the subject has. A password that is there is never replaced.
        NotImported names the reason; a hash that the policy's hashing does not compute would be right for nobody. With *dry_run*
        nothing is written. Raises ConfigError for a hash that is to be wrapped and is of a format that cannot be.
        """
        return run(
            self._flows.moving.import_verifier(
                subject, stored, actor=actor, tenant=tenant, changed_at=changed_at, wrap=wrap, prepared=prepared, dry_run=dry_run
            )
        )

    def import_factor(
        self,
        subject: str,
        otpauth: str,
        *,
        actor: str,
        name: str = "",
        tell: bool = True,
        tenant: str = "",
        dry_run: bool = False,
    ) -> ImportFactorOutcome:
        """
        Make a token, or the authenticator that a subject had in another system, its second factor, by its otpauth URI.

        For a subject that has none: NotImported where there is another, FactorImported *again* where it is this very one. No code
        of before is good. *tell*: every address is told; leave that out for a move of everybody that was announced. TokenRejected
        names what is wrong with the URI. With *dry_run* nothing is written. Raises ConfigError for a kind the policy has not.
        """
        return run(
            self._flows.authenticators.import_factor(
                subject, otpauth, actor=actor, name=name, tell=tell, tenant=tenant, dry_run=dry_run
            )
        )

    def rewrap(self, after: bytes = b"", *, limit: int = 100, wrap: bool = False, dry_run: bool = False) -> Rewrapped:
        """
        Seal what lies in a page of records under the newest key, and go on with what it answers as *after*; ``b""`` begins.

        For after a new sealing key was put in front, on every node: no password, no authenticator and no sheet of codes needs
        its owner for it, and sessions stay. *wrap*: foreign hashes are hashed again
        too, inside Argon2id. A record that changes meanwhile is never overwritten. With *dry_run* it only counts.
        """
        return run(self._flows.moving.rewrap(after, limit=limit, wrap=wrap, dry_run=dry_run))

    def survey(self, after: bytes = b"", *, limit: int = 100) -> Surveyed:
        """
        Count the passwords on a page of records that were accepted under other rules than those of today; ``b""`` begins.

        For after rules were tightened; and for before, by an engine with the policy that is to come: it counts who lacks a factor
        as well. Nothing is written; the directory is asked once for each record.
        """
        return run(self._flows.survey.survey(after, limit=limit))

    def outbox(self) -> OutboxStatus:
        """
        Count what waits in the outbox, and say for how long the oldest has; it costs the same however much waits.

        Raises ConfigError where the store does not show its outbox, as do the other three that are about it.
        """
        return run(self._flows.outbox.status())

    def dead_letters(self, after: bytes = b"", *, limit: int = 100) -> DeadLetters:
        """
        Tell a page of at most 1,000 dead letters, and go on with what it answers as *after*; ``b""`` begins.

        They had ten tries in 8.5 hours, and nobody tries again. No address, identifier, link or code is shown.
        """
        return run(self._flows.outbox.dead_letters(after, limit=limit))

    def revive_letters(self, ids: Sequence[str]) -> LettersRevived:
        """
        Let at most 1,000 dead letters be delivered after all: due at once, with ten tries, before what was written later.

        Harmless for what is over: a reset is withheld as late, a link that opens nothing any more is left out. Keys are the same,
        so whoever sends once a key sends none twice. Unreadable ones go out once the key that sealed them is back in the ring.
        """
        return run(self._flows.outbox.revive(ids))

    def discard_letters(self, ids: Sequence[str], *, actor: str) -> LettersDiscarded:
        """
        Let go of at most 1,000 dead letters for good; of each, an event tells who did it and what it was.

        The event is committed first: after a crash a letter is still there, or its event is.
        """
        return run(self._flows.outbox.discard(ids, actor=actor))

    def export(self, subject: str, *, tenant: str = "") -> Export:
        """All that is held about a subject, without secrets."""
        return run(self._flows.administration.export(subject, tenant=tenant))

    def erase(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Delete everything held about a subject, with the messages that were still to go out."""
        return run(self._flows.administration.erase(subject, actor=actor, tenant=tenant))


def _inline(work: Callable[[], object]) -> object:
    return work()


def _complain(error: Exception) -> None:
    import logging

    logging.getLogger("acctsec").error("Delivery in the background failed: %s", type(error).__name__)
