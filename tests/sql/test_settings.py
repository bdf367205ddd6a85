"""The risk of a setting's value, read as the server reads it."""

from __future__ import annotations

import pytest

from proxy.session.lexing import ASCII_SAFE
from proxy.sql.effects import Risk
from proxy.sql.settings import risk_of

PLAIN = """
UTF8 utf-8 'utf-8' UTF_8 Unicode SQL_ASCII latin1 ISO-8859-1 ISO_8859_5 iso885915 LATIN10 win1252
WINDOWS-1250 Win KOI8 koi8-r KOI8U WIN866
"""
HIDING = """
SJIS mskanji Shift_JIS SHIFT_JIS_2004 BIG5 WIN950 GBK win936 GB18030 JOHAB UHC windows949 EUC_JP
MULE_INTERNAL latin11 iso8859-11 ütf8 utf
"""


@pytest.mark.parametrize("name", [*PLAIN.split(), " utf8 ", *sorted(ASCII_SAFE)])
def test_encodings_that_cannot_hide_a_quote(name: str) -> None:
    assert risk_of("client_encoding", name) is Risk.LOW


@pytest.mark.parametrize("name", [*HIDING.split(), "", None])
def test_encodings_that_may(name: str | None) -> None:
    assert risk_of("client_encoding", name) is Risk.HIGH


@pytest.mark.parametrize(
    ("name", "usual"), [("dynamic_library_path", "$libdir"), ("extension_control_path", "$system")]
)
def test_where_the_server_looks_for_code(name: str, usual: str) -> None:
    assert (risk_of(name, usual), risk_of(name, f"/tmp:{usual}")) == (Risk.LOW, Risk.HIGH)
