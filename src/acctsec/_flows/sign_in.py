"""Signing in: a password, and the factor that may be due after it."""

from datetime import timedelta
from typing import TYPE_CHECKING

from acctsec import events
from acctsec._flows.answers import Answers, Checked
from acctsec._flows.challenges import Asked, Challenges
from acctsec._flows.core import Core, Loaded, operation
from acctsec._flows.counting import Who, known, phantom
from acctsec._flows.granting import Granting
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.hashes import Comparing, Password
from acctsec._flows.likely import likely
from acctsec._flows.passwords import context_words, sightings
from acctsec._flows.tokens import Purpose
from acctsec._flows.typos import Typos
from acctsec._flows.watching import Met
from acctsec._values import Value, evolve
from acctsec.claims import FactorAnswer, Ticket
from acctsec.context import Context
from acctsec.errors import AcctsecError, Overloaded, PortError
from acctsec.hashing.job import Job
from acctsec.identifiers import Identifier, canonical
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    PasswordAccepted,
    PasswordChangeRequired,
    PasswordRejected,
    ProofAccepted,
    Refused,
    SignInOutcome,
    TryAgain,
    VerifyFactorOutcome,
)
from acctsec.password import AtSignIn, PasswordPolicy
from acctsec.protocols import Account, Settle
from acctsec.record import Record, Verifier
from acctsec.steps import (
    Compared,
    FactorProven,
    Granted,
    Judged,
    Lacking,
    NeedsChange,
    NeedsEnrollment,
    NeedsFactor,
    NeedsPuzzle,
    No,
    Scene,
    Stale,
    Step,
    Visit,
    Weighed,
    demanded,
    find_leaked,
    gathered,
    lapsed,
    prove_factor,
    prove_for_reset,
    puzzle_due,
    sign_in,
    step_up,
)

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks


class Again(Value, frozen=True):
    """The verifier changed while it was compared: a new round is due, with a new charge. A puzzle *solved* stays solved."""

    solved: bool


class SignIn:
    """The flows that end in a session."""

    def __init__(
        self, core: Core, guesses: Guesses, answers: Answers, challenges: Challenges, risks: "Risks | None" = None
    ) -> None:
        self.core = core
        self.guesses = guesses
        self.answers = answers
        self.challenges = challenges
        self.granting: Granting = Granting(core)
        self.risks = risks
        self.typos: Typos = Typos(guesses)

    @operation
    async def sign_in(self, identifier: str, password: str, *, context: Context) -> SignInOutcome:
        """Check a password; see Engine.sign_in."""
        core = self.core
        name = canonical(identifier)
        prepared = core.prepared(password)
        if name is None or prepared is None or core.lacks_key(context):
            return Refused()
        account = await core.find(context.tenant, name)
        typed = frame(name.kind.value, name.value)
        scene, loaded, who = await behind(core, context, name, account)
        met = await self._met(scene, who, context, typed, prepared)
        challenged = met is not None and met.challenged
        asked = await self.challenges.gate(scene, context, typed, due=challenged)
        if asked is not None:
            return asked
        solved = challenged and core.ports.challenge is not None
        outcome = await self._attempt(scene, loaded, who, typed, prepared, context, met, solved=solved)
        if isinstance(outcome, Again):
            scene, loaded, who = await behind(core, context, name, account)
            outcome = await self._attempt(scene, loaded, who, typed, prepared, context, met, solved=outcome.solved)
        return TryAgain(timedelta(seconds=1)) if isinstance(outcome, Again) else outcome

    async def _met(self, scene: Scene, who: Who, context: Context, typed: bytes, password: Password) -> Met | None:
        """How a stranger's attempt is met by what is seen across accounts; who comes with a known device is left alone."""
        if self.guesses.lane(context, who, scene).known:
            return None
        return await self.guesses.watching.look(scene, context.source, typed=typed, password=password)

    async def _attempt(
        self,
        scene: Scene,
        loaded: Loaded,
        who: Who,
        typed: bytes,
        password: Password,
        context: Context,
        met: Met | None,
        *,
        solved: bool,
    ) -> SignInOutcome | Again:
        """One round. *solved*: the puzzle of this call was answered, and is not asked for again."""
        account = scene.account
        guess = await self.guesses.begin(
            "sign_in",
            scene,
            who,
            SecretClass.PASSWORD,
            context,
            typed=typed,
            secret=password.typed,
            password=password,
            met=met,
        )
        if not isinstance(guess, Guess):
            return guess
        visit = self._visit(guess, context)
        loaded = guess.latest(loaded)
        verifier = loaded.record.verifier if account else None
        try:
            done = await guess.compare(verifier, password)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))
        if not done.compared.matched or not guess.admitted:
            self._failed(scene, visit)
            return await guess.fail("wrong" if account else "unknown")
        if not scene.active(loaded.record) or loaded.record.contest:
            self._failed(scene, visit)
            return await guess.fail("contested" if loaded.record.contest else "disabled")
        if lapsed(self.core.policy, loaded.record, scene.now):
            self._failed(scene, visit)
            return await guess.fail("lapsed")
        return await self._go_on(guess, loaded, password, context, done, visit, solved=solved)

    async def _go_on(
        self,
        guess: Guess,
        loaded: Loaded,
        password: Password,
        context: Context,
        done: Comparing,
        visit: Visit | None,
        *,
        solved: bool,
    ) -> SignInOutcome | Again:
        """The password was right: gather what the step has to know, commit, and say what follows."""
        core, scene, verifier = self.core, guess.scene, loaded.record.verifier
        drawn = core.drawn()
        policy = core.policy.for_account(scene.account, tenant=scene.tenant)
        must_change = demanded(loaded.record, scene.now)
        asks = core.ports.corpus is not None and policy.password.looks_up_at_sign_in and not must_change
        waits = policy.password.at_sign_in is AtSignIn.CHECK
        leaked = asks and waits and await self._leaked(scene, guarded=core.guarded(scene, loaded.record), password=password.text)
        judged = None if leaked or must_change else await self._judged(policy.password, scene, loaded.record, password)
        renewed = await core.hashes.renewed(scene, verifier, done.phc, password)
        compared, likeliest = done.compared, await self._likeliest(guess, verifier, password)
        weighed, asked = await self._weigh(guess, loaded.record, visit, context, solved=solved)

        def step(record: Record) -> Step:
            done = sign_in(
                policy,
                record,
                scene=scene,
                compared=compared,
                lane=guess.lane,
                drawn=drawn,
                renewed=renewed,
                leaked=leaked,
                judged=judged,
                likeliest=likeliest,
                visit=visit,
                weighed=weighed,
            )
            # Who has to solve something goes no further; what was counted for him is given back when it is settled.
            return done if isinstance(done.verdict, NeedsPuzzle) else guess.right(done)

        ended = await core.apply(scene, loaded, step)
        if isinstance(ended.verdict, NeedsPuzzle):
            await guess.settle(Settle.VOID)
            return asked or await self.challenges.ask(scene, context, guess.typed, reason="due")
        if isinstance(ended.verdict, Stale):
            await guess.settle(Settle.VOID)
            return Again(solved or (weighed is not None and weighed.solved))
        if isinstance(ended.verdict, Granted):
            self._signed_in(scene, visit)
        outcome = await self._conclude(ended, guess)
        if asks and not waits and isinstance(ended.verdict, Granted | NeedsFactor | NeedsEnrollment):
            guarded = core.guarded(scene, loaded.record)
            if not core.ports.later(lambda: self._find_later(scene, compared, guarded=guarded, password=password.text)):
                self._unasked()
        if isinstance(ended.verdict, Granted):
            self.typos.forgive_later(guess, password.typed)
        return outcome

    async def _likeliest(self, guess: Guess, verifier: Verifier | None, password: Password) -> float:
        """What the record may remember of a right password, so that the hit count holds for it from now on; 1 where it knows."""
        hits = self.core.policy.lockout.hits
        if hits is None or hits.holds_for(verifier):
            return 1.0
        if guess.likelihood is not None:
            return hits.bound(guess.likelihood)
        try:
            return hits.bound(await likely(self.core, guess.scene, password))
        except (Overloaded, PortError):
            return 1.0  # it will be found at another sign-in

    def _visit(self, guess: Guess, context: Context) -> Visit | None:
        """Whence and when somebody comes, where sign-ins are weighed."""
        if self.risks is None:
            return None
        return self.risks.visit(guess.scene, context, known_device=guess.lane.device is not None)

    def _failed(self, scene: Scene, visit: Visit | None) -> None:
        if self.risks is not None and visit is not None:
            self.risks.failed(scene, visit)

    def _signed_in(self, scene: Scene, visit: Visit | None) -> None:
        if self.risks is not None and visit is not None:
            self.risks.signed_in(scene, visit)

    async def _weigh(
        self, guess: Guess, record: Record, visit: Visit | None, context: Context, *, solved: bool
    ) -> tuple[Weighed | None, Asked | None]:
        """
        Weigh a right password where the policy does, and what is asked for before it goes on.

        A puzzle says that the password was right, to whoever has the password: no more than FactorRequired tells him.
        """
        if self.risks is None or visit is None:
            return None, None
        scene, asked = guess.scene, None
        try:
            assessment = self.risks.assess(scene, record, visit)
            if not solved and puzzle_due(record, assessment):
                asked = await self.challenges.gate(scene, context, guess.typed, due=True, device=guess.lane.device)
                solved = asked is None
        except AcctsecError:
            await guess.settle(Settle.VOID)
            raise
        return Weighed(assessment=assessment, solved=solved or self.core.ports.challenge is None), asked

    async def _leaked(self, scene: Scene, *, guarded: bool, password: str) -> bool:
        """
        Whether a password that proved right is among the leaked ones.

        Nothing is looked up before: of a wrong password, or one in a closed lane, the corpus would tell by its time or its
        traffic that there is somebody. What has to be changed anyway is not looked up again.
        """
        core, corpus = self.core, self.core.ports.corpus
        count = None if corpus is None else await sightings(core, corpus, password)
        policy = core.policy.for_account(scene.account, tenant=scene.tenant)
        return policy.password.refuses_leaked(count, mfa=guarded)

    async def _judged(self, rules: PasswordPolicy, scene: Scene, record: Record, password: Password) -> Judged | None:
        """
        What the rules of today say of a password that proved right; None where they accepted it already, or nobody can tell.

        Only then is it judged at all, and only a right one is, as it is looked up among the leaked ones. A rule that fails stops
        nobody at the door: it is asked again at the next sign-in.
        """
        core = self.core
        if record.accepted == rules.identity:
            # Rules that refused it meanwhile were taken back: what is known needs no judging.
            return None if record.deadline is None else Judged(policy=rules.identity, accepted=True)
        words, guarded = context_words(scene.account), core.guarded(scene, record)
        job = Job(lambda: rules.check(password.text, words=words, mfa=guarded), key=scene.source)
        try:
            found: PasswordAccepted | PasswordRejected = await core.ports.offload(job)
        except Overloaded:
            return None
        except PortError:
            core.observe(events.PortFailed(**scene.head(), port="rules"))
            return None
        return Judged(policy=rules.identity, accepted=isinstance(found, PasswordAccepted))

    async def _find_later(self, scene: Scene, compared: Compared, *, guarded: bool, password: str) -> None:
        """
        Look a password up while its sign-in goes on, and let it be changed at the next one.

        It is in memory for as long as that takes and nowhere else. What is lost with the process, or to a store that does not
        answer, is found at the next sign-in.
        """
        core = self.core
        try:
            if await self._leaked(scene, guarded=guarded, password=password):
                scene = evolve(scene, now=core.now())
                loaded = await core.load(core.record_key(scene.tenant, scene.subject), fresh=core.draw(16))
                await core.apply(scene, loaded, lambda record: find_leaked(record, scene=scene, compared=compared))
        except Exception:  # noqa: BLE001 - nobody is there to be told
            self._unasked()

    def _unasked(self) -> None:
        self.core.observe(events.PortFailed(tenant="", subject="", at=self.core.now(), port="corpus"))

    async def _conclude(self, done: Step, guess: Guess) -> SignInOutcome:
        core, verdict, record, scene = self.core, done.verdict, done.record, guess.scene
        if isinstance(verdict, TryAgain):
            await guess.settle(Settle.VOID)
            return verdict
        if isinstance(verdict, No):
            return await guess.fail(verdict.reason)
        if isinstance(verdict, Granted):
            await guess.settle(Settle.CLEAR)
            return self.granting.granted(scene, verdict, record)
        parked = await guess.settle(Settle.PARK)
        ticket = Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=core.draw(16),
            issued=scene.now,
            expires=scene.now + core.policy.sessions.ticket_lifetime,
            methods=("password",),
            hold=parked[0].hold if parked else b"",
        )
        return self.granting.due(record, verdict, ticket)

    @operation
    async def verify_factor(
        self, ticket: str, answer: FactorAnswer, *, remember: bool = False, context: Context
    ) -> VerifyFactorOutcome:
        """Check a second factor; see Engine.verify_factor."""
        core = self.core
        self.answers.kind_of(answer)
        for purpose in (Purpose.SIGN_IN, Purpose.RESET, Purpose.STEP_UP):
            claims = core.tokens.open(purpose, ticket, Ticket)
            if claims is not None:
                break
        if claims is None or claims.tenant != context.tenant or not self.answers.is_answer(answer) or core.lacks_key(context):
            return Refused()
        if purpose is Purpose.STEP_UP and not core.has_key(claims, context):
            return Refused()
        kind = SecretClass.RESET_FACTOR if purpose is Purpose.RESET else SecretClass.FACTOR
        checked = await self.answers.check(claims, answer, context, kind=kind)
        if not isinstance(checked, Checked):
            return checked
        drawn = core.drawn()
        visit = self._visit(checked.guess, context)

        def step(record: Record) -> Step:
            scene, found = checked.scene, checked.found
            if purpose is Purpose.RESET:
                return checked.guess.right(prove_for_reset(core.policy, record, scene=scene, ticket=claims, found=found))
            if purpose is Purpose.STEP_UP:
                return checked.guess.right(step_up(core.policy, record, scene=scene, ticket=claims, found=found, drawn=drawn))
            lane = checked.guess.lane
            policy = core.policy.for_account(scene.account, tenant=scene.tenant)
            done = prove_factor(
                policy,
                record,
                scene=scene,
                ticket=claims,
                found=found,
                lane=lane,
                drawn=drawn,
                visit=visit,
                remember=remember is True,
            )
            return checked.guess.right(done)

        done = await core.apply(checked.scene, checked.loaded, step)
        if isinstance(done.verdict, Granted) and purpose is Purpose.SIGN_IN:
            self._signed_in(checked.scene, visit)
        return await self._proven(done, checked.guess, claims, right=checked.found.match is not None)

    async def _proven(self, done: Step, guess: Guess, ticket: Ticket, *, right: bool) -> VerifyFactorOutcome:
        core, verdict, scene = self.core, done.verdict, guess.scene
        if isinstance(verdict, TryAgain):
            await guess.settle(Settle.VOID)
            return verdict
        if isinstance(verdict, No):
            if not right:
                return await guess.fail(verdict.reason)
            await guess.settle(Settle.VOID)  # a second click, too late: no guess, and no end to what the first one clears
            core.refused(scene, guess.operation, "evaluated", verdict.reason)
            return Refused()
        if isinstance(verdict, Granted):
            await guess.clear(ticket.hold)
            return self.granting.granted(scene, verdict, done.record)
        if isinstance(verdict, NeedsFactor | NeedsEnrollment):
            # One of several: what it was charged is given back, and nothing is cleared before all is proven.
            await guess.settle(Settle.VOID)
            return self.granting.due(done.record, verdict, self._onward(ticket, verdict.methods, scene))
        if isinstance(verdict, Lacking):
            await guess.settle(Settle.VOID)
            return self.granting.required(done.record, verdict, self._onward(ticket, verdict.methods, scene))
        await guess.settle(Settle.CLEAR)
        onward = evolve(ticket, id=core.draw(16), issued=scene.now, hold=b"")
        if isinstance(verdict, NeedsChange):
            expires = scene.now + core.policy.sessions.ticket_lifetime
            onward = evolve(onward, expires=expires, methods=verdict.methods)
            return PasswordChangeRequired(core.tokens.seal(Purpose.CHANGE, onward), reason=verdict.reason)
        methods = verdict.methods if isinstance(verdict, FactorProven) else ticket.methods
        onward = evolve(onward, expires=scene.now + core.policy.reset.resume_lifetime, methods=methods)
        return ProofAccepted(core.tokens.seal(Purpose.RESUME, onward))

    def _onward(self, ticket: Ticket, methods: tuple[str, ...], scene: Scene) -> Ticket:
        return gathered(evolve(ticket, id=self.core.draw(16)), methods, scene.now)


async def behind(core: Core, context: Context, name: Identifier, account: Account | None) -> tuple[Scene, Loaded, Who]:
    """The subject behind an identifier, or its phantom: the same loads for both."""
    if account:
        scene, loaded = await core.enter(context.tenant, account.subject, context.source.key, account=account)
        return core.signing(scene, context), loaded, known(scene, loaded)
    source = context.source.key
    network = core.network(context.tenant, "", source)  # nobody's, and as much work
    scene = Scene(tenant=context.tenant, subject="", account=None, now=core.now(), source=source, network=network)
    loaded = await core.load(frame("phantom", context.tenant, name.value), fresh=core.draw(16))
    return core.signing(scene, context), loaded, phantom(context.tenant, name, loaded)
