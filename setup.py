"""What pyproject.toml cannot say: the modules that every message passes through are compiled by mypyc.

The same sources run uncompiled: in an editable installation, where there is no C compiler, and with
PGWARDEN_PURE=1. With PGWARDEN_PURE=0 it is an error if there is none. `pgwarden --version` says which it is.
"""

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# From the socket to the permit and back. Not wire/longframe.py, whose memory is a subclass of mmap with a
# __del__; not session/who.py, to which a gate refers weakly; not wire/errors.py: ScramViolation, which is not
# compiled, would not be taken for the ProtocolViolation that it is.
COMPILED = (
    "proxy/wire/octets.py",
    "proxy/wire/framing.py",
    "proxy/wire/frontend.py",
    "proxy/wire/backend.py",
    "proxy/sql/alike.py",
    "proxy/sql/literals.py",
    "proxy/sql/sameness.py",
    "proxy/sql/screen.py",
    "proxy/sql/tree.py",
    "proxy/sql/weight.py",
    "proxy/sql/nodes/walk.py",
    "proxy/sql/nodes/rows.py",
    "proxy/sql/nodes/calls.py",
    "proxy/sql/nodes/registering.py",
    *map(str, sorted(Path("proxy/sql/scope").glob("[!_]*.py"))),
    "proxy/session/tally.py",
    "proxy/session/lexing.py",
    "proxy/session/meaning.py",
    "proxy/session/cache.py",
    "proxy/session/prepared.py",
    "proxy/session/inflight.py",
    "proxy/session/copying.py",
    "proxy/session/state.py",
    "proxy/session/gate.py",
    "proxy/session/texts.py",
    "proxy/session/consequences.py",
    "proxy/session/judge.py",
    "proxy/session/reporting.py",
    "proxy/session/course.py",
    "proxy/session/resolution/lookup.py",
    "proxy/session/statementcache.py",
    "proxy/session/forwarding.py",
    "proxy/session/lasttext.py",
    "proxy/session/running.py",
    "proxy/session/refuser.py",
    "proxy/session/pending.py",
    "proxy/session/copyguard.py",
    "proxy/session/simple_protocol.py",
    "proxy/session/extended_protocol.py",
    "proxy/session/client_side.py",
    "proxy/session/server_side.py",
    "proxy/session/conversation.py",
    "proxy/session/commands.py",
    "proxy/session/negotiation.py",
    "proxy/session/opening.py",
    "proxy/session/wishes.py",
    "proxy/session/authentication/entrance.py",
    "proxy/session/admission.py",
    "proxy/session/brain.py",
    "proxy/session/slumber.py",
    "proxy/session/session.py",
    "proxy/relay/limits.py",
    "proxy/relay/legs.py",
    "proxy/relay/link.py",
)


# A gate's code is cold most of the time: kernel, clients and servers use the same caches between any two of
# its reads, so what it touches counts more than what it computes. Behind nearly every operation mypyc writes
# what happens if it fails; these functions are called there alone, so the compiler puts that elsewhere.
_FAILING = (
    *("CPy_AddTraceback", "CPy_AttributeError", "CPy_CatchError", "CPy_DecRef", "CPy_Raise", "CPy_Reraise"),
    *("CPy_TypeError", "CPy_TypeErrorTraceback", "CPyError_OutOfMemory", "PyErr_Format", "PyErr_SetString"),
    # What is done with integers of more than 62 bits.
    *("CPyTagged_Add_", "CPyTagged_DecRef", "CPyTagged_IncRef", "CPyTagged_IsEq_", "CPyTagged_IsLt_"),
    *("CPyTagged_Subtract_", "CPyTagged_XDecRef"),
)
# Calls within the library are direct, and those to Python's take no detour.
_CLOSE = ["-fvisibility=hidden", "-fno-semantic-interposition", "-fno-plt"]


def _compact(extension: Extension) -> None:
    """Have a library compiled so that what runs together lies together."""
    header = Path("build", "failing.h").absolute()
    header.parent.mkdir(exist_ok=True)
    lines = [f"__typeof__({name}) {name} __attribute__((cold));" for name in _FAILING]
    header.write_text("\n".join(["#include <Python.h>", "#include <CPy.h>", *lines, ""]))
    extension.extra_compile_args = [*extension.extra_compile_args, *_CLOSE, "-include", str(header)]


def _compiler() -> bool:
    """Whether C can be compiled here for this Python."""
    program = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return shutil.which(program) is not None and header.is_file()


def _extensions() -> list[Extension]:
    pure = os.environ.get("PGWARDEN_PURE", "")
    if pure not in ("", "0", "1"):
        sys.exit(f"pgwarden: PGWARDEN_PURE is {pure!r}; it must be 0 or 1.")
    building = {"build_ext", "bdist_wheel"} & set(sys.argv)
    if pure == "1" or not building:
        return []
    if not _compiler():
        if pure == "0":
            sys.exit("pgwarden: no C compiler, or no Python.h. Install them (Debian: gcc python3-dev).")
        return []
    from mypyc.build import mypycify

    # The dependencies are not there where a wheel is built: what they give is of any type.
    options = ["--config-file=", "--ignore-missing-imports", "--explicit-package-bases"]
    level = os.environ.get("MYPYC_OPT_LEVEL", "2")  # of the C compiler; at 3, code is larger
    files = [*options, *COMPILED]
    extensions: list[Extension] = mypycify(files, opt_level=level, debug_level="0", group_name="pgwarden")
    if os.name == "posix":
        for extension in extensions:
            if extension.name == "pgwarden__mypyc":  # the others only lead there
                _compact(extension)
    return extensions


setup(ext_modules=_extensions())
