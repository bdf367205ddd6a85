"""stub"""


class CatalogueKeeper:
    """stub."""
