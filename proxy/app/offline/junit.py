"""Results of trials as a JUnit report, which CI systems show.

Enters: results. Leaves: XML text. Deliberately absent: times, which mean nothing for a judgement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from proxy.app.offline.runner import Result, Unfired

_NOT_RUN = "not run"
# What XML 1.0 cannot hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(results: Sequence[Result], unfired: Sequence[Unfired], problems: Sequence[str]) -> str:
    """One suite a file; the rules that no case fired stand in the suites' output.

    Args:
        problems: why other cases did not run, each an error, so that no report looks well that is not.
    """
    root = Element(
        "testsuites",
        name="pgwarden policy test",
        tests=str(len(results) + len(problems)),
        failures=_failures(results),
        errors=str(len(problems)),
    )
    for file in dict.fromkeys(result.file for result in results):
        suite_results = [result for result in results if result.file == file]
        suite = SubElement(
            root,
            "testsuite",
            name=_clean(file),
            tests=str(len(suite_results)),
            failures=_failures(suite_results),
            errors="0",
        )
        for result in suite_results:
            position = result.position
            case = SubElement(
                suite,
                "testcase",
                classname=_clean(file),
                name=_clean(result.name),
                file=_clean(position.file),
                line=str(position.line),
            )
            if result.problem:
                SubElement(case, "failure", message=_clean(result.problem)).text = _clean(
                    f"{position}: {result.problem}"
                )
    if problems:
        _add_problems(root, problems)
    if unfired:
        lines = (f"no case fires {each.rule} [{each.position}]" for each in unfired)
        SubElement(root, "system-out").text = _clean("\n".join(lines))
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_problems(root: Element, problems: Sequence[str]) -> None:
    count = str(len(problems))
    suite = SubElement(root, "testsuite", name=_NOT_RUN, tests=count, failures="0", errors=count)
    for problem in problems:
        message = _clean(problem.partition("\n")[0])
        case = SubElement(suite, "testcase", classname=_NOT_RUN, name=message)
        SubElement(case, "error", message=message).text = _clean(problem)


def _failures(results: Sequence[Result]) -> str:
    return str(sum(bool(result.problem) for result in results))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
