"""Reading a policy and the packs that it includes.

Enters: a path and a reader. Leaves: the documents, each once, the policy's own first; or complaints about
files that cannot be read and includes that go in circles. Deliberately absent: what the documents say.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.policy.loading.complaints import Complaints
from proxy.policy.schema.words import one_or_more
from proxy.source import Diagnostic, Document, Position, RepeatedKeys, SourceError, read_yaml

Reader = Callable[[str], str]
MAX_FILES = 200


@dataclass(slots=True)
class PolicyDocument:
    """One file, read.

    Attributes:
        included: the files that it includes, those that could be read.
    """

    path: str
    text: str
    document: Document
    complaints: Complaints
    included: list["PolicyDocument"] = field(default_factory=list)


class FileSet:
    """All files of one policy."""

    def __init__(self, read: Reader) -> None:
        """Nothing is read yet."""
        self.documents: dict[str, PolicyDocument] = {}
        self.diagnostics: list[Diagnostic] = []
        self._read = read

    def load(self, path: str) -> None:
        """Read a policy and everything that it includes."""
        try:
            text = self._read(path)
        except (OSError, ValueError) as error:
            self.diagnostics.append(Diagnostic(Position(path, 1, 1), f"cannot be read: {_reason(error)}", ""))
            return
        self._add(path, text, ())

    def _add(self, path: str, text: str, chain: tuple[str, ...]) -> PolicyDocument | None:
        try:
            document = read_yaml(text, path)
        except RepeatedKeys as error:
            self.diagnostics += error.diagnostics
            document = error.document
        except SourceError as error:
            self.diagnostics += error.diagnostics
            return None
        loaded = PolicyDocument(path, text, document, Complaints(document))
        self.documents[path] = loaded
        self._include(loaded, (*chain, path))
        return loaded

    def _include(self, loaded: PolicyDocument, chain: tuple[str, ...]) -> None:
        data = loaded.document.data
        named = data.get("include") if isinstance(data, dict) else None
        entries = one_or_more(named)
        if not isinstance(entries, tuple):
            return  # the shape's check reports it
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            if not isinstance(entry, str):
                continue
            place = ("include",) if isinstance(named, str) else ("include", index)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(loaded.path), entry))
            if path in seen:
                loaded.complaints.add(place, f'"{entry}" is included twice')
                continue
            seen.add(path)
            included = self._included(path, entry, loaded, place, chain)
            if included is not None:
                loaded.included.append(included)

    def _included(
        self, path: str, entry: str, by: PolicyDocument, place: tuple[str | int, ...], chain: tuple[str, ...]
    ) -> PolicyDocument | None:
        if path in chain:
            circle = " -> ".join((*chain[chain.index(path) :], path))
            by.complaints.add(place, f"the files include each other in a circle: {circle}")
            return None
        if path in self.documents:
            return self.documents[path]
        if len(self.documents) >= MAX_FILES:
            by.complaints.add(place, f"more than {MAX_FILES} files are included")
            return None
        try:
            text = self._read(path)
        except (OSError, ValueError) as error:
            by.complaints.add(place, f'"{entry}" cannot be read: {_reason(error)}')
            return None
        return self._add(path, text, chain)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error) or "no reason given").lower()
