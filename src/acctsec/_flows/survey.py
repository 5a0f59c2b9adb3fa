"""Which passwords were accepted under older rules, page by page. Nothing is written."""

from collections import Counter

from acctsec._flows.core import Core
from acctsec.errors import ConfigError, RecordError
from acctsec.keyring import unframe
from acctsec.outcomes import Surveyed


class Survey:
    """Looks at records, and at what holds for their accounts today."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def survey(self, after: bytes, *, limit: int) -> Surveyed:
        """Count the passwords on a page of records; see Engine.admin."""
        if type(after) is not bytes or type(limit) is not int or limit < 1:
            raise ConfigError("There is no such page of records.", remedy="Begin with b'', and ask for one record or more.")
        core = self.core
        page = await core.ports.records.scan(after, limit)
        policies, older, demanded, damaged = Counter[str](), 0, 0, list[tuple[str, str]]()
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
            if record.verifier is None:
                continue
            account = await core.get(tenant, subject)
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
        )
