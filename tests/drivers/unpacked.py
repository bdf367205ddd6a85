"""Languages that come with Debian's packages: Java, Ruby, PHP, Perl, Go, each with its driver.

In: nothing. Out: a `Command`. Packages are unpacked below .cache, once; what this machine has of a language
is used, and only what it lacks is fetched. Raises `Missing` where there are no such packages.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.drivers.toolchains import PROGRAMS, Command
from tests.servers.cache import Missing, build_once
from tests.servers.debian import library_path, unpack


def java(program: Path = PROGRAMS / "Pgjdbc.java") -> Command:
    """Run a program of pgjdbc's from its source, by the compiler in a JDK."""
    jar = _unpacked("pgjdbc", "libpostgresql-jdbc-java") / "usr" / "share" / "java" / "postgresql.jar"
    compiler = shutil.which("javac")
    home = Path(compiler).resolve().parents[1] if compiler else _jdk()
    # One run of some seconds: the second compiler never pays for itself.
    flags = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
    return Command(
        [str(home / "bin" / "java"), *flags, "-cp", str(jar), str(program)],
        library_path(home) if compiler is None else {},
    )


def _jdk() -> Path:
    root = _unpacked("jdk", "default-jdk-headless")
    for home in root.glob("usr/lib/jvm/java-*-openjdk-*"):
        if (home / "bin" / "java").is_file():
            return home
    raise Missing("a JDK comes from Debian's packages; this machine has a part of one, without javac")


def ruby() -> Command:
    """Run the program of Ruby's pg."""
    return _ruby("ruby-pg", (str(PROGRAMS / "ruby_pg.rb"),), "ruby", "ruby-pg")


def active_record() -> Command:
    """Run a program with Rails' ActiveRecord, whose text comes by standard input."""
    flags = ("-rrubygems", "-rlogger", "-")
    return _ruby("ruby-activerecord", flags, "ruby", "ruby-pg", "ruby-activerecord")


def _ruby(name: str, arguments: tuple[str, ...], *packages: str) -> Command:
    root = _unpacked(name, *packages)
    gems = "usr/share/rubygems-integration/all/gems/*/lib"
    libraries = (
        "usr/lib/ruby/3.*",
        "usr/lib/ruby/vendor_ruby",
        "usr/lib/*/ruby/3.*",
        "usr/lib/*/ruby/vendor_ruby/3.*",
        gems,
        f"{gems}/concurrent-ruby",
    )
    return Command(
        [_program(root, "ruby[0-9]*", "ruby"), "--disable-gems", *arguments],
        {
            "RUBYLIB": _search_path(root, *libraries),
            "GEM_PATH": _search_path(
                root, "usr/share/rubygems-integration/*", "usr/lib/*/rubygems-integration/*"
            ),
            **library_path(root),
        },
    )


def php() -> Command:
    """Run the program of PHP's PDO."""
    root = _unpacked("php-pgsql", "php-cli", "php-pgsql")
    options = [
        option
        for extensions in root.glob("usr/lib/php/2*/pdo_pgsql.so")
        for option in (f"extension_dir={extensions.parent}", "extension=pdo.so", "extension=pdo_pgsql.so")
    ]
    flags = [flag for option in options for flag in ("-d", option)]
    return Command(
        [
            _program(root, "php[0-9]*", "php"),
            *(["-n"] if options else []),
            *flags,
            str(PROGRAMS / "php_pdo.php"),
        ],
        library_path(root),
    )


def perl() -> Command:
    """Run the program of Perl's DBD::Pg."""
    root = _unpacked("dbd-pg", "libdbd-pg-perl")
    libraries = ("usr/lib/*/perl5/5.*", "usr/share/perl5", "usr/lib/*/perl/5.*", "usr/share/perl/5.*")
    return Command(
        [_program(root, "perl", "perl"), str(PROGRAMS / "perl_dbd_pg.pl")],
        {"PERL5LIB": _search_path(root, *libraries), **library_path(root)},
    )


def go() -> Command:
    """Run pgx's program, which is built first, once for each text of it; of the compiler nothing is kept."""
    source = PROGRAMS / "pgx.go"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    return Command([str(build_once(f"pgx-{digest}", lambda folder: _build(source, folder)) / "pgx")])


def _build(source: Path, folder: Path) -> None:
    root = folder / "packages"
    root.mkdir()
    unpack(root, "golang-go", "golang-github-jackc-pgx-v4-dev")
    with gzip.open(root / "usr/share/doc/golang-github-jackc-pgx-v4-dev/changelog.gz", "rt") as changes:
        version = changes.readline().split()[1]
    variables = {
        "GOROOT": str(next(root.glob("usr/lib/go-*"))),
        "GOPATH": str(root / "usr" / "share" / "gocode"),
        "GOCACHE": str(root / "built"),
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
    }
    compiler = root / "usr" / "lib" / "go" / "bin" / "go"
    stamp = f"-X main.version={version}"
    subprocess.run(
        [str(compiler), "build", "-ldflags", stamp, "-o", str(folder / "pgx"), str(source)],
        env={**os.environ, **variables},
        check=True,
    )
    shutil.rmtree(root)


def _unpacked(name: str, *packages: str) -> Path:
    return build_once(f"debian-{name}", lambda directory: unpack(directory, *packages))


def _program(root: Path, pattern: str, installed: str) -> str:
    for program in sorted(root.glob(f"usr/bin/{pattern}")):
        return str(program)
    found = shutil.which(installed)
    if found is None:
        raise Missing(f"{installed} is neither in {root} nor on PATH")
    return found


def _search_path(root: Path, *patterns: str) -> str:
    return os.pathsep.join(str(path) for pattern in patterns for path in sorted(root.glob(pattern)))
