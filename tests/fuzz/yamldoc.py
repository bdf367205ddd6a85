"""YAML: plain values that know their place, or mistakes with a place."""

from __future__ import annotations

from proxy.source import SourceError, read_yaml
from tests.session.wired import NO_LOSS

SEEDS = (
    NO_LOSS.encode(),
    b"a: &x [1, 0o17, 0x1F, .inf, ~]\nb: *x\n",
    b"'a': |\n  text\n? b\n: >-\n  folded\n",
    b'%YAML 1.2\n---\n{a: "\\u00e9", <<: {}}\n...\n',
    b"!!str a: !x b # no\n",
)


def fuzz(data: bytes) -> None:
    """Any text."""
    text = data.decode(errors="replace")
    try:
        document = read_yaml(text, "f")
    except SourceError as error:
        assert error.diagnostics and str(error).startswith("f:")
    else:
        assert document.position(()).file == "f"
