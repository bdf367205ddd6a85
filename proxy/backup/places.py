"""Where copies of backups lie: a folder on this host, or under a prefix in S3, Google Cloud or Azure.

Enters: a URL. Leaves: a `Place` that writes, reads, lists and removes objects. An object is there whole or
not at all: a folder's file has another name until it is complete, a bucket's upload is no object before.
Credentials come from where obstore takes them: AWS_…, GOOGLE_…, AZURE_… variables, or the host's role.
Deliberately absent: credentials in URLs; what the objects hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, cast
from urllib.parse import quote, unquote, urlsplit

from proxy.backup.clients import BackupError
from proxy.records.kinds.backup import holds_secret

SCHEMES: Final = ("file", "s3", "gs", "az")
PART_BYTES: Final = 8 * 1024 * 1024
_RETRY: Final = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
# obstore's names for files of a folder that are still being written.
_UNFINISHED: Final = re.compile(r"#\d+$")
# As `folder_name` makes them: nothing else is ever swept away.
_FOLDER: Final = re.compile(r"/\d{8}T\d{6}Z-[0-9a-f]{8}$")
ABANDONED_AFTER_S: Final = 3600.0
MANIFEST: Final = "manifest.json"
"""What makes a folder a backup; written last, removed first."""


class Sink(Protocol):
    """What takes bytes."""

    def write(self, buffer: bytes, /) -> object:
        """Take them all."""
        ...


class Place:
    """A folder of some store.

    Attributes:
        url: as it is recorded.
    """

    def __init__(self, text: str, *, create: bool = True) -> None:
        """Open a place.

        Args:
            text: file:///FOLDER, a folder's path, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX.

            create: make a folder that is not there; without it that is an error.

        Raises:
            ValueError: it is none of these, in one line.
            BackupError: what stores are reached with is not installed.
        """
        self._folder: Path | None = None
        text = place_url(text)
        scheme = urlsplit(text).scheme
        self._obstore = _obstore()
        self.url = text
        options: dict[str, Any] = {} if scheme == "file" else {"retry_config": _RETRY}
        try:
            if scheme == "file":
                self._folder = Path(unquote(urlsplit(text).path))
                if create:
                    self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                elif not self._folder.is_dir():
                    raise BackupError(f"{self._folder} is not there: is its disk mounted?")
            self._store = self._obstore.store.from_url(text, **options)
        except OSError as error:
            raise BackupError(f"{self.url} cannot be used: {error.strerror or error}") from error
        except self._obstore.exceptions.BaseError as error:
            raise BackupError(f"{self.url} cannot be used: {_first_line(error)}") from error

    def location(self, path: str) -> str:
        """Where an object lies, or a folder of them."""
        return f"{self.url}/{path}"

    def writing(self, path: str) -> AbstractContextManager[Sink]:
        """Write an object; it is there once the block has ended, and never if the block raises."""
        writer = self._obstore.open_writer(self._store, path, buffer_size=PART_BYTES, max_concurrency=4)
        return cast(AbstractContextManager[Sink], writer)

    def put(self, path: str, body: bytes) -> None:
        """Write a small object at once."""
        self._obstore.put(self._store, path, body)

    def settle(self, path: str) -> None:
        """Have a folder's file on its disk; stores answer only once an object is kept."""
        if self._folder is None:
            return
        file = self._folder / path
        for name in (file, file.parent):
            descriptor = os.open(name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of an object, by the piece.

        Raises:
            FileNotFoundError: there is none.
        """
        for piece in self._obstore.get(self._store, path).stream():
            yield bytes(piece)

    def size(self, path: str) -> int | None:
        """How many bytes an object has; None where there is none."""
        try:
            return int(self._obstore.head(self._store, path)["size"])
        except FileNotFoundError:
            return None

    def listed(self, database: str) -> list[str]:
        """The folders of a database's backups."""
        ends = f"/{MANIFEST}"
        names = self.names(quote(database, safe=""))
        return sorted(name.removesuffix(ends) for name in names if name.endswith(ends))

    def discard(self, folder: str) -> None:
        """Remove a backup, its manifest first: without it, what is left is none."""
        names = self.names(folder)
        self.remove(sorted(names, key=lambda name: not name.endswith(f"/{MANIFEST}")))

    def names(self, folder: str | None) -> list[str]:
        """The objects under a folder; None for all."""
        return [str(meta["path"]) for page in self._obstore.list(self._store, folder) for meta in page]

    def remove(self, paths: Sequence[str]) -> None:
        """Remove objects, in this order; one that is not there is no error."""
        for path in paths:
            with suppress(FileNotFoundError):
                self._obstore.delete(self._store, path)
        if self._folder is not None:
            for path in paths:
                with suppress(OSError):
                    (self._folder / path).parent.rmdir()

    def sweep(self, database: str, now: datetime) -> list[str]:
        """Remove what makers of backups that were killed have left: half files, and folders without manifest.

        What was touched within the hour may be at work. Only a rule of the bucket's own ends half uploads.

        Returns: what was removed.
        """
        removed: list[str] = []
        if self._folder is not None:
            for file in (self._folder / database).rglob("*"):
                if _UNFINISHED.search(file.name) and _idle_s(file, now) > ABANDONED_AFTER_S:
                    file.unlink(missing_ok=True)
                    with suppress(OSError):
                        file.parent.rmdir()
                    removed.append(str(file))
        folders: dict[str, list[tuple[str, datetime]]] = {}
        for page in self._obstore.list(self._store, database):
            for meta in page:
                path = str(meta["path"])
                folders.setdefault(path.rpartition("/")[0], []).append((path, meta["last_modified"]))
        for folder, objects in folders.items():
            paths = [path for path, _ in objects]
            newest = max(moment for _, moment in objects)
            idle = (now - newest).total_seconds() > ABANDONED_AFTER_S
            if idle and _FOLDER.search(folder) and f"{folder}/{MANIFEST}" not in paths:
                self.remove(paths)
                removed.append(self.location(folder))
        return removed


def place_url(text: str) -> str:
    """A place's URL, as it is recorded.

    Raises:
        ValueError: it names none, in one line.
    """
    text = text.strip().rstrip("/")
    if "://" not in text:
        text = Path(text).expanduser().absolute().as_uri() if text else text
    if urlsplit(text).scheme not in SCHEMES:
        raise ValueError(
            "must be a folder, file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
        )
    if holds_secret(text) or urlsplit(text).query:
        raise ValueError("must not hold credentials: the store's own variables do, such as AWS_ACCESS_KEY_ID")
    return text


def folder_name(database: str, moment: datetime, nonce: str) -> str:
    """The folder of a backup, in each of its places.

    Args:
        nonce: eight hexadecimal digits: two backups of one second lie apart.
    """
    return f"{quote(database, safe='')}/{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{nonce}"


def place_of(location: str) -> tuple[Place, str]:
    """The place and the folder in it of a backup's location.

    Raises:
        ValueError: it is no location of a backup of ours.
    """
    head, _, name = location.rstrip("/").rpartition("/")
    place, _, database = head.rpartition("/")
    if not place or not name or not database:
        raise ValueError("must be where a backup lies, as `pgwarden backup list` shows it")
    return Place(place, create=False), f"{database}/{name}"


def trouble(error: BaseException) -> str:
    """What a store said, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _idle_s(file: Path, now: datetime) -> float:
    with suppress(FileNotFoundError):
        return (now - datetime.fromtimestamp(file.stat().st_mtime, UTC)).total_seconds()
    return 0.0


def _obstore() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:
        raise BackupError("stores need more than is installed: pip install 'pgwarden[backup]'") from None
    return obstore
