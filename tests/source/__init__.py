"""Positions, diagnostics, YAML."""
