"""
What each operation of a store on PostgreSQL sends, and what it makes of what comes back.

A plan yields the statements of one round trip and is given their rows, or yields seconds to wait. The arithmetic of meters
stays in Python, on rows that are locked meanwhile: ``acctsec.meters`` is the one definition.
"""

from acctsec.stores._plans import Plan
from acctsec.stores._postgres_meters import MeterPlans
from acctsec.stores._postgres_records import RecordPlans
from acctsec.stores._postgres_schema import RIGHTS
from acctsec.stores._postgres_wire import Statement

_RIGHTS = ", ".join(f"('{right}', '{table}')" for table, rights in RIGHTS.items() for right in rights)


class Plans(RecordPlans, MeterPlans):
    """The operations of one store, and what its process remembers between them."""

    def __init__(self, schema: str) -> None:
        RecordPlans.__init__(self, schema)
        MeterPlans.__init__(self, schema)
        self._schema = schema
        self._lacking = Statement(
            f"""SELECT n.privilege, n.place FROM (VALUES {_RIGHTS}) AS n (privilege, place)
                WHERE NOT has_table_privilege($1::text || '.' || n.place, n.privilege)"""
        )

    def greet(self) -> Plan[None]:
        """A trip with nothing on it: it connects, and so checks what the server is like."""
        yield []

    def lacking(self) -> Plan[list[str]]:
        """What this role may not do and has to."""
        [found] = yield [(self._lacking, (self._schema.encode(),))]
        return [f"{privilege.decode()} on {table.decode()}" for privilege, table in found]
