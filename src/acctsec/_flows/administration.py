"""What operators do, each act with its actor."""

from datetime import UTC, datetime, timedelta

from acctsec import events
from acctsec._flows.answers import factor_infos, masks
from acctsec._flows.changes import change_info
from acctsec._flows.core import BRIEF, EPOCH, LATEST, Core, channel_of
from acctsec._flows.counting import known
from acctsec._flows.entries import ResetRequest
from acctsec._flows.resets import Resets
from acctsec.budgets import micros
from acctsec.claims import Admin
from acctsec.errors import CommitUnknown, ConfigError
from acctsec.lockout import LADDERED, STRANGERS, Lane, era
from acctsec.outcomes import Acted, Export, LaneStatus, Refused, TryAgain
from acctsec.protocols import Channel, Committed
from acctsec.record import Record
from acctsec.steps import Done, administer


class Administration:
    """Acts on a subject, in the name of an administrator."""

    def __init__(self, core: Core, resets: Resets) -> None:
        self.core = core
        self.resets = resets

    async def act(self, action: str, subject: str, *, actor: str, tenant: str, due: datetime | None = None) -> Acted | TryAgain:
        """Unlock, disable, enable or demand a change; see Engine.admin."""
        admin = Admin(actor)
        if due is not None and (type(due) is not datetime or due.tzinfo is None or not EPOCH < due < LATEST):
            raise ConfigError("`by` is not an aware instant.", remedy="Give a datetime with a time zone, or None for at once.")
        until = None if due is None else due.astimezone(UTC)
        scene, loaded = await self.core.enter(tenant, subject)
        done = await self.core.apply(
            scene, loaded, lambda record: administer(record, scene=scene, action=action, by=admin, due=until)
        )
        return Acted() if isinstance(done.verdict, Done) else TryAgain(BRIEF)

    async def lock_status(self, subject: str, *, tenant: str) -> tuple[LaneStatus, ...]:
        """How every lane of a subject stands."""
        core, policy = self.core, self.core.policy.lockout
        scene, loaded = await self.core.enter(tenant, subject)
        record = loaded.record
        names = known(scene, loaded).names
        rows = [core.keyring.digest("subject row", *names, key=key)[:16] for key in range(core.keyring.index_count)]
        places = [Lane(one.id) for one in record.devices]
        places += [Lane(network=one.id) for one in policy.familiar(record.networks, scene.now)]
        lanes = [(kind, lane) for kind in sorted(LADDERED) for lane in (STRANGERS, *places)]
        wanted = []
        for kind, lane in lanes:
            name = lane.name(kind)
            ladder = policy.rungs(kind, lane, record.checkpoint(name).opened).ladder(policy.lease)
            wanted += [(row, policy.meter(kind, lane, era(record, name)), ladder) for row in rows]
        tallies = await core.ports.meters.read(wanted, micros(core.now() - EPOCH))
        statuses = []
        for number, (kind, lane) in enumerate(lanes):
            own = tallies[number * len(rows) : (number + 1) * len(rows)]
            point = record.checkpoint(lane.name(kind))
            failures = (max(tally.count for tally in own) or point.count) + point.alone
            ready = max(tally.ready for tally in own)
            stop = policy.rungs(kind, lane, point.opened).stop
            until = EPOCH + timedelta(microseconds=ready) if ready else None
            statuses.append(LaneStatus(lane=lane.name(kind), failures=failures, until=until, stopped=failures >= stop))
        return tuple(statuses)

    async def initial_password(self, subject: str, *, actor: str, tenant: str) -> Acted | Refused:
        """
        Let a subject choose a first or new password through a mailed link: no administrator ever knows one.

        The link is a reset like any other, so a second factor is asked for, and it takes the place of one mailed before.
        Refused where the subject has no verified mail address: a text has no link.
        """
        Admin(actor)
        core = self.core
        scene, _ = await self.core.enter(tenant, subject)
        if scene.account is None or not any(channel_of(one) is Channel.MAIL for one in scene.account.addresses):
            return Refused()
        request = ResetRequest(
            tenant=tenant, identifier="", handle=core.draw(16), at=scene.now, source="", seed=core.draw(16), subject=subject
        )
        await self.resets.append(request, key=core.record_key(tenant, subject))
        return Acted()

    async def export(self, subject: str, *, tenant: str) -> Export:
        """All that is held about a subject, without secrets."""
        scene, loaded = await self.core.enter(tenant, subject)
        record = loaded.record
        verifier = record.verifier
        return Export(
            subject=subject,
            tenant=tenant,
            has_password=verifier is not None,
            password_since=verifier.since if verifier else None,
            earlier_passwords=len(record.history),
            factors=factor_infos(record.factors, masks=masks(self.core, scene, record.factors)),
            live_resets=tuple(reset.expires for reset in record.resets),
            sessions=tuple((session.id.hex(), session.created) for session in record.sessions),
            devices=tuple(device.since for device in record.devices),
            networks=tuple(network.since for network in record.networks),
            failures=tuple((point.lane, point.total) for point in record.checkpoints),
            openings=tuple(one.at for one in record.openings),
            change_required=record.change is not None or record.deadline is not None,
            disabled=record.disabled,
            contacts=tuple((one.subject, one.since) for one in record.contacts),
            contested=record.contest is not None,
            changes=tuple(change_info(one) for one in record.changes),
            addresses=tuple((one.since, one.told) for one in record.addresses),
            habits=(record.habits.sign_ins, len(record.habits.places)) if record.habits else (0, 0),
            accepted_under=record.accepted.hex(),
            change_by=_change_by(record),
            session_names=tuple(session.name for session in record.sessions),
        )

    async def erase(self, subject: str, *, actor: str, tenant: str) -> Acted | TryAgain:
        """Delete everything held about a subject, with the messages that were still to go out."""
        core, admin = self.core, Admin(actor)
        scene, loaded = await self.core.enter(tenant, subject)
        event = events.Erased(**scene.head(), actor=admin.actor)
        for round_ in range(8):
            if loaded.version is None:
                return Acted()
            try:
                answer = await core.commit(scene, loaded, None, (event,), core.draw(16))
            except CommitUnknown:
                answer = None
            if isinstance(answer, Committed):
                return Acted()
            await core.ports.pause(core.jitter(round_))
            loaded = await core.load(loaded.key, fresh=b"")
        return TryAgain(BRIEF)


def _change_by(record: Record) -> datetime | None:
    """Until when the password may stay; None where that is not limited, or it has to change at once."""
    if record.change is not None and record.change_by is None:
        return None
    return min((day for day in (record.change_by, record.deadline) if day is not None), default=None)
