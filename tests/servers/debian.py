"""Programs from Debian's packages, unpacked below .cache: nobody needs to be root, and nothing is installed.

In: names of packages. Out: a directory with their files and those of all that this machine lacks for them.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.cache import Missing

_TIMEOUT_S = 100


def unpack(directory: Path, *packages: str) -> None:
    """Download packages, and what they depend on and this machine lacks, and unpack them into a directory.

    Raises:
        Missing: this is no Debian, or its packages cannot be reached.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Missing(f"{packages[0]} comes from Debian's packages, and there is no {program} here")
    # What lies in apt's own cache of archives is left out of a plan: so the plan is made with an empty one.
    apt = directory / "apt"
    (apt / "archives" / "partial").mkdir(parents=True)
    options = [f"--option=Dir::Cache={apt}", "--option=Debug::NoLocking=1"]
    done = _download(directory, packages, options)
    if done.returncode != 0:
        # A new machine has no package lists yet, and only root can fetch them for all: these are ours.
        (apt / "lists" / "partial").mkdir(parents=True)
        options.append(f"--option=Dir::State::lists={apt / 'lists'}")
        _apt(["apt-get", "--quiet", "update", *options], directory)
        done = _download(directory, packages, options)
    shutil.rmtree(apt)
    if done.returncode != 0:
        raise Missing(f"apt-get cannot download {packages[0]}: {done.stderr.strip()[-500:]}")
    for package in directory.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, directory], check=True, capture_output=True)
        package.unlink()
    _keep_links_inside(directory)


def library_path(directory: Path) -> dict[str, str]:
    """The variable that lets unpacked programs find unpacked libraries, or nothing if none were needed."""
    libraries = sorted({str(path.parent) for path in directory.rglob("lib/**/lib*.so*")})
    return {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {}


def _keep_links_inside(directory: Path) -> None:
    """Let what points to /etc or /usr/lib point to what was unpacked there, as a JDK's own files do."""
    for link in [path for path in directory.rglob("*") if path.is_symlink()]:
        target = link.readlink()
        inside = directory / target.relative_to(target.anchor)
        if target.is_absolute() and inside.exists():
            link.unlink()
            link.symlink_to(os.path.relpath(inside, link.parent))


def _download(
    directory: Path, packages: tuple[str, ...], options: list[str]
) -> subprocess.CompletedProcess[str]:
    plan = ["apt-get", "install", "--print-uris", "--quiet=2", "--no-install-recommends", *packages]
    planned = _apt([*plan, *options], directory)
    if planned.returncode != 0:
        return planned
    needed = {line.split()[1].split("_")[0] for line in planned.stdout.splitlines() if line.startswith("'")}
    return _apt(["apt-get", "--quiet", "download", *options, *sorted(needed.union(packages))], directory)


def _apt(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as late:
        raise Missing(f"{command[0]} took over {_TIMEOUT_S} s") from late
