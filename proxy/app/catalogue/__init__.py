"""Reading what databases hold, and keeping it fresh: the I/O of proxy.sql.database."""

from proxy.app.catalogue.keeper import CatalogueKeeper
from proxy.app.catalogue.reader import Reading, read

__all__ = ["CatalogueKeeper", "Reading", "read"]
