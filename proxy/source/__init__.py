"""Where text came from: positions, diagnostics, and YAML that knows its own lines.

Enters: text and the name of its file. Leaves: plain values with positions, or errors that show the line.
Deliberately absent: SQL, policies, and reading files.
"""

from proxy.source.diagnostics import Diagnostic, Position, SourceError
from proxy.source.yamldoc import Document, Path, RepeatedKeys, read_yaml

__all__ = ["Diagnostic", "Document", "Path", "Position", "RepeatedKeys", "SourceError", "read_yaml"]
