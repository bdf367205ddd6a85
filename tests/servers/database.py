"""One test's own database on a shared server."""

from dataclasses import dataclass

from proxy.backup.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Database:
    """A fresh, empty database that goes when the test ends, whoever is still connected."""

    cluster: Cluster
    name: str

    @property
    def dsn(self) -> str:
        """The superuser's URL straight to the server."""
        return self.cluster.url(self.name)

    @property
    def port(self) -> int:
        """The server's port."""
        return self.cluster.port

    def url(self, port: int | None = None, *, user: str | None = None, password: str | None = None) -> str:
        """Write a URL to this database, through whatever listens on another loopback port if one is given."""
        url = self.cluster.url(self.name, user, password)
        return url if port is None else url.replace(f"@127.0.0.1:{self.cluster.port}/", f"@127.0.0.1:{port}/")

    def execute(self, sql: str) -> str:
        """Run SQL straight at the server, through psql; rows are lines, columns parted by `|`."""
        return self.cluster.execute(sql, self.name)
