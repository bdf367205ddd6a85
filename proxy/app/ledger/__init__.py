"""The gate and its ledger: where it lies, changes written down first, heads published."""
