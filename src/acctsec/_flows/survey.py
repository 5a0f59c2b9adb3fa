"""Which passwords were accepted under older rules, and who lacks a factor, page by page. Nothing is written."""

from collections import Counter

from acctsec._flows.core import Core
from acctsec.errors import ConfigError, RecordError
from acctsec.keyring import unframe
from acctsec.mfa.actions import Action
from acctsec.outcomes import Surveyed
from acctsec.protocols import Account, Status
from acctsec.record import Record


class Survey:
    """Looks at records, and at what holds for their accounts today."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def survey(self, after: bytes, *, limit: int) -> Surveyed:
        """Count the passwords on a page of records, and the factors that are lacking; see Engine.admin."""
        if type(after) is not bytes or type(limit) is not int or limit < 1:
            raise ConfigError("There is no such page of records.", remedy="Begin with b'', and ask for one record or more.")
        core = self.core
        page = await core.ports.records.scan(after, limit)
        policies, older, demanded, damaged = Counter[str](), 0, 0, list[tuple[str, str]]()
        lacking, untold, overdue, now = Counter[str](), 0, 0, core.now()
        for key in page.keys:
            names = unframe(key)
            if len(names) != 3 or names[0] != "subject":
                continue
            _, tenant, subject = names
            try:
                record = (await core.load(key, fresh=b"")).record
            except RecordError:
                damaged.append((tenant, subject))
                continue
            account = await core.get(tenant, subject)
            asked = self._lacks(record, account)
            if asked:
                lacking[asked] += 1
                untold += record.enroll_by is None
                overdue += record.enroll_by is not None and record.enroll_by <= now
            if record.verifier is None:
                continue
            rules = core.policy.for_account(account, tenant=tenant).password
            policies[record.accepted.hex()] += 1
            older += record.accepted != rules.identity
            demanded += record.change is not None or (record.deadline is not None and rules.grace is not None)
        return Surveyed(
            after=page.after,
            passwords=policies.total(),
            older=older,
            demanded=demanded,
            policies=tuple(sorted(policies.items())),
            damaged=tuple(damaged),
            lacking=tuple(sorted(lacking.items())),
            untold=untold,
            overdue=overdue,
        )

    def _lacks(self, record: Record, account: Account | None) -> str:
        """What a sign-in asks of an active account that its factors are not enough for, in words; "" for nothing."""
        if account is None or account.status is not Status.ACTIVE or record.disabled:
            return ""
        mfa, groups = self.core.policy.mfa, account.groups
        if mfa.suffices(record.factors, groups=groups):
            return ""
        return str(mfa.demand(Action.SIGN_IN, groups=groups, fresh=self.core.policy.sessions.fresh).needs)
