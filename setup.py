"""What pyproject.toml cannot say: the modules that every message passes through are compiled by mypyc.

The same sources run uncompiled: in an editable installation, where there is no C compiler, and with
PGWARDEN_PURE=1. With PGWARDEN_PURE=0 it is an error if there is none. `pgwarden --version` says which it is.
"""

import os
import re
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
# What a query touches (`python -m benchmarks.footprint --top 99`): gcc puts hot functions beside each other.
_TOUCHED = """
backend.status_of cache.Meanings.known client_side.ClientSide._in_line client_side.ClientSide._sync
client_side.ClientSide.forward conversation.Conversation.attended conversation.Conversation.flows
conversation.Conversation.from_client conversation.Conversation.from_server
conversation.Conversation.holds_frames extended_protocol.ExtendedProtocol._shown
extended_protocol.ExtendedProtocol.bind extended_protocol.ExtendedProtocol.describe
extended_protocol.ExtendedProtocol.execute extended_protocol.ExtendedProtocol.parse framing.Cutter._bound
framing.Cutter.body framing.Cutter.feed framing.Cutter.first framing.Cutter.holds framing.Cutter.next
framing.Cutter.only framing.Cutter.string framing.Cutter.take framing.Cutter.view framing._length
framing.size_of frontend.bind_names frontend.decode_query frontend.execute_portal frontend.repeats
gate.Gate.meaning_of gate.Gate.screen inflight.Inflight._count inflight.Inflight._pop
inflight.Inflight.answers_bare inflight.Inflight.done inflight.Inflight.done_bare
inflight.Inflight.end_boundary inflight.Inflight.expect_either inflight.Inflight.push
inflight.Inflight.push_bare inflight.is_boundary judge.Judge.judge judge.Judge.permit
lasttext.LastText.execute lasttext.LastText.parse lasttext.LastText.query lexing.Lexing.settle
link.Link._to_server link.Link.client_data link.Link.server_data lookup.Lookup.batch_ends
meaning.Meaning.permit_for pending.Pending.understand prepared.Definition.__init__
prepared.Names._latest prepared.Names.define prepared.Names.forget prepared.Names.meaning prepared._standing
prepared.resolve reporting.Reporter.passed running.runs sameness.code_of screen.Screen.sort screen._may_begin
server_side.ServerSide._bind_complete server_side.ServerSide._command_complete
server_side.ServerSide._executed server_side.ServerSide._follow server_side.ServerSide._parse_complete
server_side.ServerSide._ready server_side.ServerSide._row_description server_side.ServerSide.forward
server_side._confirmed session.Session.from_client session.Session.from_server
simple_protocol.SimpleProtocol.query state.State._caught_up state.State.caught_up state.State.define
state.State.end_batch state.State.ready state.State.resolves state.State.runs state.State.send
state.State.send_bare state.State.send_running state.State.transactions texts.Texts._screen
texts.Texts._stays texts.Texts._take_screened texts.Texts.understand texts._sort
"""
# Calls within the library are direct, and those to Python's take no detour.
_CLOSE = ["-fvisibility=hidden", "-fno-semantic-interposition", "-fno-plt"]


def _compact(extension: Extension) -> None:
    """Have a library compiled so that what runs together lies together."""
    header = Path("build", "failing.h").absolute()
    header.parent.mkdir(exist_ok=True)
    lines = [f"__typeof__({name}) {name} __attribute__((cold));" for name in _FAILING]
    header.write_text("\n".join(["#include <Python.h>", "#include <CPy.h>", *lines, ""]))
    # A warning of some compiler about a function that is called hot here is no reason to build nothing.
    flags = [*_CLOSE, "-Wno-error", "-include", str(header)]
    extension.extra_compile_args = [*extension.extra_compile_args, *flags]
    extension.sources = [str(_marked(Path(source))) for source in extension.sources]


def _marked(source: Path) -> Path:
    """A copy of what mypyc has written, in which the touched functions are declared hot."""
    names = "|".join("CPyDef_" + name.replace(".", "___") for name in _TOUCHED.split())
    begins = rf"^(?=\w+ \*?(?:{names})\(.*\) {{$)"
    copy = source.parent / "hot" / source.name
    copy.parent.mkdir(exist_ok=True)
    code = re.sub(begins, "__attribute__((hot)) ", source.read_text(), flags=re.MULTILINE)
    if not copy.exists() or copy.read_text() != code:  # what is as it was is not compiled again
        copy.write_text(code)
    return copy


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
