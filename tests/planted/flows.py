"""Faults of the engine: of its steps, its tokens, and of how it charges, compares and commits."""

from contextlib import suppress
from datetime import timedelta

from attrs import evolve as changed_to
from tests.planted import inside
from tests.planted.planting import Plot
from tests.planted.stories import (
    ALICE,
    AT_SIGN_IN,
    CHANGE_MEANWHILE,
    CHANGED,
    REDEEMED,
    STAFF,
    TWO_REDEMPTIONS,
    a_token_of_here_is_nothing_elsewhere,
    answered,
    begun,
    changed,
    entered,
    in_a_world,
    later,
    looked,
    mailed,
    reset,
    scenario,
    told,
)

from acctsec import Engine, PasswordChanged, Refused, ResetLink, events
from acctsec._values import evolve
from acctsec.mfa.policy import Proven
from acctsec.outcomes import AssuranceLevel
from acctsec.protocols import Committed, Conflict, Status
from acctsec.recovery import Enough
from acctsec.steps import Changed, Compared, Notice, Step
from acctsec.testing.machine import AGING

PLOT = Plot("engine")

# --- factors ----------------------------------------------------------------------------------------------------------


@PLOT.code(scenario("replayed-code"), says="SignedIn", seen="M-121")
def a_code_works_again(plant):
    """A code is accepted as often as it is typed while its thirty seconds last."""
    plant.put(inside.TotpMatch, "use", lambda real: lambda self, factors: unused(real(self, factors), factors))


def unused(answer, factors):
    """What was proven, and nothing of it remembered."""
    return Proven(factors, answer.method) if isinstance(answer, Proven) else answer


@PLOT.code(told(begun(2), answered(step=1), answered(step=0)), says="for a ticket or code that is no good", seen="M-122")
def an_older_code_works(plant):
    """It remembers the code that was typed last, as a text: one of half a minute before is another text."""

    def prove(real):
        def use(self, factors):
            back = evolve(factors, totp=tuple(evolve(one, last_step=-1) for one in factors.totp))
            typed_last = any(one.id == self.factor and max(self.steps) == one.last_step for one in factors.totp)
            return real(self, factors if typed_last else back)

        return use

    def find(real):
        async def look(self, scene, factors, answer, ticket):
            back = evolve(factors, totp=tuple(evolve(one, last_step=-1) for one in factors.totp))
            return await real(self, scene, back, answer, ticket)

        return look

    plant.put(inside.TotpMatch, "use", prove)
    plant.put(inside.TotpApps, "find", find)


@PLOT.code(told(begun(3), answered("recovery")), says="4 printed codes are left of 3", seen="M-130 M-131")
def a_printed_code_is_not_crossed_out(plant):
    """A printed code works again and again."""
    plant.put(inside.RecoveryMatch, "use", lambda real: lambda self, factors: unused(real(self, factors), factors))


@PLOT.code(
    told(
        begun(1),
        lambda m: m.enroll(who=ALICE, at_once=True, number=0, confirmed=False),
        lambda m: m.confirm(ALICE, 0, right=False),
    ),
    says="the model does not allow FactorAdded",
    seen="M-134",
)
def any_code_confirms(plant):
    """An authenticator is confirmed by whatever is typed: the owner is locked out by one that was set up wrong."""

    def steps(real):
        def found(self, secret, code, scene, form, drift):
            from acctsec.mfa import totp

            return real(self, secret, code, scene, form, drift) or (totp.step_of(scene.now, form),)

        return found

    plant.put(inside.TotpApps, "_steps", steps)


@PLOT.code(
    told(begun(1, 1), lambda m: m.remove(who=STAFF, at_once=True, number=0, app=0)),
    says="does not allow FactorRemoved",
    seen="M-136",
)
def the_last_factor_goes(plant):
    """Whoever has to have a factor takes the last one off."""
    plant.put(inside.MfaPolicy, "remove", lambda _: lambda self, factors, factor_id, *, groups: factors.without_factor(factor_id))


@PLOT.code(told(begun(2), entered), says="was due", seen="M-115")
def a_sign_in_forgets_the_factor(plant):
    """The password alone opens an account that has a second factor."""
    plant.replace(inside.still_due, lambda _: lambda policy, record, *_, **__: (record, None, ()))


@PLOT.code(told(begun(1), entered), says="a session of 2 where 1 was proven", seen="M-118")
def a_level_that_nobody_proved(plant):
    """Every session has the level of two factors, whatever was shown."""
    plant.put(inside.MfaPolicy, "level", lambda _: lambda self, methods: AssuranceLevel.AAL2)


@PLOT.code(
    told(begun(2), later, entered, answered(at_once=False), later, answered(at_once=False)),
    says="for a ticket or code that is no good",
    seen="M-027",
)
def a_ticket_works_again(plant):
    """A ticket that gave a session gives another one, by the next code."""
    plant.replace(inside.spend, lambda _: lambda record, ticket, now: record)


# --- resets -----------------------------------------------------------------------------------------------------------


@PLOT.code(scenario("mailbox-thief"), says="expect: FactorRequired, but it was PasswordChanged", seen="M-114")
def a_reset_passes_by_the_factor(plant):
    """Who reads the owner's mail needs no second factor."""
    plant.put(inside.RecoveryPolicy, "judge", lambda _: lambda *_, **__: Enough(timedelta(0), weak=True))


@PLOT.code(told(begun(1), reset()), says="unexpected SignedIn", seen="M-114")
def a_reset_signs_in(plant):
    """A reset ends in a session, whatever a sign-in would have asked for."""

    def redeem_reset(real):
        def redeem(self, reset, new_password, *, context):
            outcome = real(self, reset, new_password, context=context)
            if not isinstance(outcome, PasswordChanged):
                return outcome
            return self.sign_in("alice@example.org", new_password, context=context)

        return redeem

    plant.put(Engine, "redeem_reset", redeem_reset)


def living(record):
    """The resets of a record, as they would be if they outlived its epoch."""
    return tuple(evolve(one, epoch=record.epoch + 1) for one in record.resets)


@PLOT.code(TWO_REDEMPTIONS, says="one link changed the password 2 times", seen="M-001 M-006")
def a_link_works_twice(plant):
    """A link is not removed when it is used."""

    def step(real):
        def redeem(policy, record, **facts):
            done = real(policy, record, **facts)
            if not isinstance(done.verdict, Changed):
                return done
            return evolve(done, record=evolve(done.record, resets=living(record), spent=record.spent))

        return redeem

    plant.replace(inside.redeem, step)


@PLOT.code(
    told(begun(1), mailed, changed, reset(at_once=False)),
    says="the model does not allow PasswordChanged",
    seen="M-019 M-020",
)
def a_link_survives_a_change(plant):
    """A link that was mailed before the password changed works after it."""

    def with_verifier(real):
        def change(self, **facts):
            return evolve(real(self, **facts), resets=living(self), spent=self.spent)

        return change

    plant.put(inside.Record, "with_verifier", with_verifier)


@PLOT.code(told(begun(1), mailed), says="a reset went elsewhere", seen="M-048 M-051")
def a_link_goes_where_it_is_asked_for(plant):
    """A reset is mailed to what was typed, and not to what is stored."""
    plant.put(inside.Issuing, "_recipient", lambda _: lambda self, account, request: request.identifier)


@PLOT.code(
    told(begun(1), lambda m: m.suspend(who=ALICE, suspended=True), mailed),
    says="a reset for somebody who is disabled",
    seen="M-109",
)
def the_disabled_get_links(plant):
    """An account that was disabled opens itself again by a reset."""

    def step(real):
        def issue(policy, record, *, scene, **facts):
            return real(policy, record, scene=as_active(scene), **facts)

        return issue

    plant.replace(inside.issue_reset, step)


def as_active(scene):
    """A scene in which nobody has disabled the account."""
    return evolve(scene, account=scene.account and changed_to(scene.account, status=Status.ACTIVE))


@PLOT.code(scenario("mail-scanner"), says="expect: ResetPending ×25, but it was Refused", seen="M-044")
def a_look_uses_a_link_up(plant):
    """Whatever opens a link uses it up, and mail gateways open every link."""

    opened = set()

    def inspect(real):
        def look(self, link, *, context):
            outcome = real(self, link, context=context)
            fresh = link not in opened
            opened.add(link)
            return outcome if fresh else Refused()

        return look

    def redeem_reset(real):
        def redeem(self, reset, new_password, *, context):
            used = isinstance(reset, ResetLink) and reset.token in opened
            return Refused() if used else real(self, reset, new_password, context=context)

        return redeem

    plant.put(Engine, "inspect_reset", inspect)
    plant.put(Engine, "redeem_reset", redeem_reset)


@PLOT.code(scenario("reset-flood"), says="expect.messages.reset")
def mail_without_end(plant):
    """A stranger fills a mailbox with as many resets as he asks for."""

    def within_budget(real):
        async def always(*_):
            return True

        return always

    plant.replace(inside.within_budget, within_budget)
    plant.put(inside.ResetPolicy, "issue", lambda _: lambda self, live, new, **_: (*live, new)[-3:])


# --- passwords and sessions -------------------------------------------------------------------------------------------


@PLOT.code(told(begun(1), entered, changed, looked), says="SessionValid", seen="M-173 M-175")
def sessions_survive_a_change(plant):
    """Whoever was in stays in when the password changes: so does the thief for whom it was changed."""

    def with_verifier(real):
        def change(self, **facts):
            after = real(self, **facts)
            return evolve(after, epoch=self.epoch, sessions=self.sessions)

        return change

    plant.put(inside.Record, "with_verifier", with_verifier)


@PLOT.code(CHANGE_MEANWHILE, says="a session of the old password", seen="M-215")
def what_was_compared_is_never_looked_at_again(plant):
    """A sign-in that compared the old password is granted under the new one, where the change came in between."""

    def step(real):
        def sign_in(policy, record, *, compared, **facts):
            born = None if record.verifier is None else record.verifier.born
            compared = Compared(record.incarnation, born, compared.matched)
            return real(policy, record, compared=compared, **facts)

        return sign_in

    plant.replace(inside.sign_in, step)


@PLOT.code(told(begun(1), lambda m: m.demand_change(who=ALICE, hours=None), entered), says="was due")
def a_demand_is_skipped(plant):
    """Nobody minds that the password has to be changed."""
    plant.replace(inside.change_due, lambda _: lambda policy, record, now: None)


@PLOT.code(
    told(
        begun(1),
        lambda m: m.world.clock.advance(timedelta(days=2)),
        entered,
        policy=AGING,
    ),
    says="was due",
)
def an_age_is_skipped(plant):
    """A password that is too old gives a session all the same."""
    plant.replace(inside.change_due, lambda _: lambda policy, record, now: record.change)


@PLOT.code(
    told(begun(2), later, entered, lambda m: m.suspend(who=ALICE, suspended=True), answered(at_once=False)),
    says="for a ticket or code that is no good",
    seen="M-109",
)
def a_status_is_looked_at_in_the_beginning_only(plant):
    """Who is disabled between the password and the code still gets in."""

    def step(real):
        def prove(policy, record, *, scene, **facts):
            return real(policy, record, scene=as_active(scene), **facts)

        return prove

    plant.replace(inside.prove_factor, step)


@PLOT.code(told(begun(1), changed), says="0 messages password-changed of 1 changes")
def a_change_tells_nobody(plant):
    """The owner never hears that the password was changed."""

    def step(real):
        def change(policy, record, **facts):
            done = real(policy, record, **facts)
            return evolve(done, effects=tuple(one for one in done.effects if not isinstance(one, Notice)))

        return change

    plant.replace(inside.change_password, step)


@PLOT.code(
    told(begun(2), entered, lambda m: m.erase(who=ALICE), begun(2), later, answered(at_once=False)),
    says="for a ticket or code that is no good",
)
def the_erased_come_back(plant):
    """An id that is given to another account brings the tickets of the last one to life."""

    def load(real):
        async def read(self, key, *, fresh):
            return await real(self, key, fresh=bytes(16))

        return read

    plant.put(inside.Core, "load", load)


# --- tokens -----------------------------------------------------------------------------------------------------------


@PLOT.code(
    told(
        begun(2),
        lambda m: m.redeem(who=ALICE, at_once=True, number=0, by_code=False, kind="good"),
    ),
    says="for the factor of a reset",
    seen="M-010",
)
def a_token_has_no_purpose(plant):
    """All tokens are sealed alike: the ticket of a reset is taken for one of a sign-in."""

    def sealing(real):
        return lambda self, label, *rest: real(self, "token" if "ticket" in label else label, *rest)

    plant.put(inside.Keyring, "seal", sealing)
    plant.put(inside.Keyring, "open", sealing)


@PLOT.code(in_a_world(a_token_of_here_is_nothing_elsewhere), says="valid at another", seen="M-017")
def a_token_has_no_tenant(plant):
    """A session of one tenant is good at the others."""

    def session(real):
        async def check(self, token, *, context):
            return await real(self, token, context=changed_to(context, tenant=""))

        return check

    plant.put(inside.Sessions, "check_session", session)


@PLOT.code(
    told(begun(1), entered, lambda m: m.world.clock.advance(timedelta(days=40)), looked), says="SessionValid", seen="M-028"
)
def a_session_never_ends(plant):
    """Nobody looks at the clock when a session comes back."""

    def judge(real):
        def look(self, session, *, token, now):
            return real(self, session, token=token, now=token.active)

        return look

    plant.put(inside.SessionPolicy, "judge", judge)


# --- how guesses are counted ------------------------------------------------------------------------------------------


def attempts(change):
    """Attempts that are charged otherwise."""
    return lambda real: lambda self, attempt: real(self, change(attempt))


@PLOT.code(scenario("siege"), says="expect.guesses: 50, but it was 336", seen="M-080 M-082")
def a_budget_for_each_source(plant):
    """Guesses are counted by who guesses, and not by whose password: a botnet has as many as it has addresses."""
    plant.put(inside.LockoutPolicy, "charges", attempts(lambda one: changed_or_evolved(one, subject=one.source)))


def changed_or_evolved(one, **changes):
    try:
        return evolve(one, **changes)
    except TypeError:
        return changed_to(one, **changes)


@PLOT.code(scenario("refills", "tests/planted/scenarios"), says="expect.guesses", seen="M-083")
def another_success_refills(plant):
    """Whoever signs in to an account of his own between two guesses begins anew."""

    def settlements(real):
        def settle(self, charges, readings, verdict):
            from acctsec.protocols import Granted, Settle, Settlement

            made = real(self, charges, readings, verdict)
            if verdict not in {Settle.CLEAR, Settle.PARK}:
                return made
            granted = zip(charges, readings, strict=True)
            cleared = [
                Settlement(one.slot, one.meter, one.ladder, found.hold, Settle.CLEAR)
                for one, found in granted
                if isinstance(found, Granted) and found.hold
            ]
            return tuple(cleared)

        return settle

    plant.put(inside.LockoutPolicy, "settlements", settlements)


@PLOT.code(
    told(
        begun(2),
        *[lambda m: m.open_lane(who=ALICE, at_once=True, number=0, kind="code")] * 3,
        *[lambda m: m.world.clock.advance(minutes=1)],
        *[lambda m: m.open_lane(who=ALICE, at_once=True, number=0, kind="code")] * 2,
    ),
    says="comparisons in a lane that may have",
    seen="M-106",
)
def an_unlock_begins_anew_for_ever(plant):
    """Each unlock gives a whole ladder again: a thief who has the phone guesses without an end."""

    def opening(real):
        def open_(self, lane, *, now):
            return self.with_fresh_lanes(kept=())

        return open_

    plant.put(inside.Record, "with_opening", opening)


# --- what strangers can tell ------------------------------------------------------------------------------------------


@PLOT.code(AT_SIGN_IN, says="compute as many hashes for nobody", seen="M-181")
def nobody_costs_no_hash(plant):
    """A name that nobody has is refused at once."""

    def compare(real):
        async def look(self, scene, record, verifier, password, *, typed, admitted):
            if verifier is None:
                from acctsec._flows.hashes import Comparing

                return Comparing(Compared(record.incarnation, None, False), None)
            return await real(self, scene, record, verifier, password, typed=typed, admitted=admitted)

        return look

    plant.put(inside.Hashes, "compare", compare)


@PLOT.code(AT_SIGN_IN, says="An outsider can tell", seen="M-099 M-184")
def only_known_names_are_counted(plant):
    """Guesses at names that nobody has are not counted: whoever is refused knows that there is somebody."""

    def who(real):
        def nobody(tenant, identifier, loaded):
            made = real(tenant, identifier, loaded)
            nobody.count += 1
            return evolve(made, names=(*made.names, str(nobody.count)))

        nobody.count = 0
        return nobody

    plant.replace(inside.phantom, who)


@PLOT.code(AT_SIGN_IN, says="An outsider can tell")
def nobody_pays_no_flush(plant):
    """What a record is told of guesses is written for those who have one, and takes its time."""

    def written(real):
        async def write(self, scene, who, step, said):
            return (
                (Step(None, (who.stored or who).record), who) if who.stored is None else await real(self, scene, who, step, said)
            )

        return write

    plant.put(inside.Counting, "_written", written)


@PLOT.code(AT_SIGN_IN, says="while the hasher fails", seen="M-189")
def a_failing_hasher_is_nobodys(plant):
    """Where the hasher fails, an account gets an error, and nobody the usual refusal."""

    def compare(real):
        async def look(self, scene, record, verifier, *rest, **facts):
            from acctsec._flows.hashes import Comparing
            from acctsec.errors import PortError

            try:
                return await real(self, scene, record, verifier, *rest, **facts)
            except PortError:
                if verifier is not None:
                    raise
                return Comparing(Compared(record.incarnation, None, False), None)

        return look

    plant.put(inside.Hashes, "compare", compare)


@PLOT.code(AT_SIGN_IN, says="An outsider can tell an account that is disabled", seen="M-188")
def the_disabled_are_told_so(plant):
    """An account that is disabled is refused before its password is compared."""

    def attempt(real):
        async def sign_in(self, identifier, password, *, context):
            from acctsec.identifiers import canonical
            from acctsec.outcomes import Refused

            name = canonical(identifier)
            account = None if name is None else await self.core.find(context.tenant, name)
            if account is not None and account.status is Status.DISABLED:
                return Refused()
            return await real(self, identifier, password, context=context)

        return sign_in

    plant.put(inside.SignIn, "sign_in", attempt)


@PLOT.code(told(begun(1), entered, lambda m: m.deliver()), says="a secret was shown", seen="M-190")
def a_password_in_the_log(plant):
    """What was typed is written down where an attempt is refused or granted."""

    def sign_in(real):
        async def chatty(self, identifier, password, *, context):
            facts = {"tenant": "", "subject": "", "operation": "sign_in", "kind": "evaluated", "reason": str(password)}
            self.core.observe(events.AttemptRefused(at=self.core.now(), **facts))
            return await real(self, identifier, password, context=context)

        return chatty

    plant.put(inside.SignIn, "sign_in", sign_in)


# --- commits ----------------------------------------------------------------------------------------------------------


@PLOT.code(TWO_REDEMPTIONS, says="one link changed the password 2 times", seen="M-004")
def a_lost_race_counts_as_won(plant):
    """A swap that changed no row is taken for one that did."""

    def commit(real):
        async def swap(self, scene, loaded, after, effects, commit_id):
            answer = await real(self, scene, loaded, after, effects, commit_id)
            return Committed(commit_id) if isinstance(answer, Conflict) else answer

        return swap

    plant.put(inside.Core, "commit", commit)


@PLOT.code(REDEEMED, says="events PasswordReset where it happened 0 times", seen="M-046")
def a_letter_goes_out_by_itself(plant):
    """Letters are written down in a commit of their own, before the one that they tell of."""

    def commit(real):
        async def swap(self, scene, loaded, after, effects, commit_id):
            if effects and after is not None:
                from acctsec._flows.core import NOBODY

                await real(self, scene, NOBODY, None, effects, self.draw(16))
            return await real(self, scene, loaded, after, (), commit_id)

        return swap

    plant.put(inside.Core, "commit", commit)


@PLOT.code(CHANGED, says="the caller was told PasswordChanged, and it did not happen", seen="M-216")
def a_failed_commit_is_swallowed(plant):
    """An error of the store is taken for success."""

    def commit(real):
        async def swap(self, scene, loaded, after, effects, commit_id):
            from acctsec.errors import StoreError

            with suppress(StoreError):
                return await real(self, scene, loaded, after, effects, commit_id)
            return Committed(commit_id)

        return swap

    plant.put(inside.Core, "commit", commit)


@PLOT.code(REDEEMED, says="the caller was refused, and it happened", seen="M-214")
def commits_are_not_remembered(plant):
    """Where the answer of a commit was lost, it is made again: nobody looks whether it happened."""

    def decode(real):
        def read(stored):
            return evolve(real(stored), commits=())

        return read

    plant.replace(inside.decode_record, decode)
