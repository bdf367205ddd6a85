"""Where statements come from.

Absent: which origins there are; a gate keeps one object for each, as long as a session refers to it.
"""

from __future__ import annotations

from proxy.policy.context import NO_MIGRATION, Migration


class Who:
    """Where statements come from. Equal origins are one object, so that it is a cheap key.

    Attributes:
        search_path: where bare names are looked for; None where that is not known.
        migration: what the session has shown of a migration.
    """

    __slots__ = (
        "__weakref__",
        "application",
        "client_address",
        "database",
        "migration",
        "role",
        "search_path",
    )

    def __init__(
        self,
        role: str,
        database: str,
        client_address: str | None,
        application: str,
        search_path: tuple[str, ...] | None = None,
        migration: Migration = NO_MIGRATION,
    ) -> None:
        """As the client named itself; the address is the socket's."""
        self.role = role
        self.database = database
        self.client_address = client_address
        self.application = application
        self.search_path = search_path
        self.migration = migration
