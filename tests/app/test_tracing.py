"""Spans of statements at a real OTLP receiver."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import structlog
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.stdlib import BoundLogger
from structlog.testing import LogCapture

from proxy.app.sources import SettingsError, load_settings
from proxy.app.tracing.otlp import Otlp
from proxy.app.tracing.telling import MOST_WAITING, Spans
from proxy.policy.decision import ApprovalWanted
from proxy.session import Change, GivenUp, Hold, Judged, Released
from proxy.session.events import Origin
from tests.app.running import running
from tests.servers.database import Database

WAIT_S = 30
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAMPLED = f"/*traceparent='00-{TRACE}-{SPAN}-01',tracestate='shop%3D7'*/"
UNSAMPLED = f"/*traceparent='00-{TRACE}-{SPAN}-00'*/"
ORIGIN = Origin("app", "shop", None, "psql", "127.0.0.1:6432", "none", "digest")
JUDGED = Judged(
    at=1.5,
    decision_id="id1",
    rule="no-drop",
    mode="enforce",
    sqlstate="42501",
    message="not here",
    rules=("no-drop",),
    effects=("table.drop",),
    targets=("public.a",),
    origin=ORIGIN,
    text="DROP TABLE a",
    unreadable=False,
)


class Collector:
    """A real HTTP server that decodes what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[Span, dict[str, object]]] = asyncio.Queue()
        self.headers: list[Mapping[str, str]] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        said = ExportTraceServiceRequest()
        said.ParseFromString(await request.read())
        self.headers.append(request.headers)
        for resource in said.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.got.put_nowait((span, attributes(resource.resource.attributes)))
        return web.Response(status=self.status)

    async def next(self) -> Span:
        return (await asyncio.wait_for(self.got.get(), WAIT_S))[0]


def attributes(found: object) -> dict[str, object]:
    return {each.key: value_of(each.value) for each in found}  # type: ignore[attr-defined]


def value_of(value: AnyValue) -> object:
    if value.WhichOneof("value") == "array_value":
        return [value_of(each) for each in value.array_value.values]
    return value.string_value


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    application = web.Application()
    application.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()


def spans(url: str, said: LogCapture | None = None) -> Spans:
    log: BoundLogger = structlog.wrap_logger(
        None, processors=[said or LogCapture()], wrapper_class=BoundLogger
    )
    return Spans(Otlp(url), log, sql_chars=1000, unreadable=False, gather_s=0.01)


# -- a real gate -----------------------------------------------------------------------------------------

POLICY = """\
version: 1
name: test
rules:
  - {id: no-drop, match: {effects: [table.drop]}, deny: "not here"}
  - {id: no-password, match: {effects: [role.alter]}, deny: "not so"}
  - {id: watch, match: {effects: [table.truncate]}, deny: "better not", mode: shadow}
"""


async def test_a_real_refusal_joins_the_clients_trace(tmp_path: Path, database: Database) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    listener = (
        *("--listen", "127.0.0.1:0", "--upstream", f"postgresql://127.0.0.1:{database.port}"),
        *("--policy", str(tmp_path / "policy.yaml"), "--workers", "2"),
    )
    async with collecting() as collector:
        with running(tmp_path, *listener, "--otlp-endpoint", collector.url) as gate:
            client = await psycopg.AsyncConnection.connect(gate.url(database.name), autocommit=True)
            async with client:
                for text in (f"DROP TABLE a {UNSAMPLED}", f"DROP TABLE a {SAMPLED}"):
                    with pytest.raises(psycopg.Error, match="not here"):
                        await client.execute(text)
                span, resource = await asyncio.wait_for(collector.got.get(), WAIT_S)
                with pytest.raises(psycopg.Error, match="not so"):
                    await client.execute("ALTER ROLE app PASSWORD 's3cret' /*traceparent='00-0-0-01'*/")
                secret = await collector.next()
                await client.execute("CREATE TABLE b (id int); TRUNCATE b")
                shadowed = await collector.next()
            _, line, _, _ = [gate.refuses() for _ in range(4)]
            gate.signal(signal.SIGTERM)
            assert await asyncio.to_thread(gate.ended) == 0
    assert (span.name, span.kind) == ("pgwarden refused", Span.SPAN_KIND_SERVER)
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, SPAN, "shop=7")
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, line["message"])
    assert attributes(span.attributes) == {
        "db.system.name": "postgresql",
        "db.namespace": database.name,
        "db.query.text": f"DROP TABLE a {SAMPLED}",
        "db.response.status_code": "42501",
        "error.type": "42501",
        "client.address": "127.0.0.1",
        "pgwarden.decision_id": line["decision_id"],
        "pgwarden.rule": "no-drop",
        "pgwarden.rules": ["no-drop"],
        "pgwarden.mode": "enforce",
        "pgwarden.effects": line["effects"],
        "pgwarden.targets": line["targets"],
        "pgwarden.role": "postgres",
        "pgwarden.application": "",
        "pgwarden.listener": "127.0.0.1:0",
        "pgwarden.transaction": "none",
        "pgwarden.policy": line["policy"],
    }
    assert resource["service.name"] == "pgwarden"
    assert line["sql"] == f"DROP TABLE a {SAMPLED}"
    masked = attributes(secret.attributes)["db.query.text"]
    assert masked == "ALTER ROLE app PASSWORD '***' /*traceparent='00-0-0-01'*/"
    assert secret.trace_id.hex() not in (TRACE, "0" * 32)
    assert (secret.parent_span_id, shadowed.name, shadowed.status.code) == (b"", "pgwarden shadowed", 0)


async def test_what_passes_is_told_where_that_is_asked_for(tmp_path: Path, database: Database) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    listener = (
        *("--listen", "127.0.0.1:0", "--upstream", f"postgresql://127.0.0.1:{database.port}"),
        *("--policy", str(tmp_path / "policy.yaml"), "--otlp-statements", "on"),
    )
    async with collecting() as collector:
        with running(tmp_path, *listener, "--otlp-endpoint", collector.url) as gate:
            client = await psycopg.AsyncConnection.connect(gate.url(database.name), autocommit=True)
            async with client:
                await client.execute(f"SELECT 1 {SAMPLED}")
                span = await collector.next()
            metric = "pgwarden_spans_total"
            counts = {
                outcome: await asyncio.to_thread(gate.metric, f'{metric}{{outcome="{outcome}"}}')
                for outcome in ("failed", "dropped")
            }
    found = attributes(span.attributes)
    assert (span.name, span.trace_id.hex()) == ("pgwarden passed", TRACE)
    assert (found["db.query.text"], found["pgwarden.role"]) == (f"SELECT 1 {SAMPLED}", "postgres")
    assert counts == {"failed": 0.0, "dropped": 0.0}


# -- what is told ----------------------------------------------------------------------------------------


async def test_a_hold_is_a_span_of_its_length(tmp_path: Path) -> None:
    change = Change(f"DROP TABLE a {SAMPLED}", ("table.drop",), ("public.a",), "high", False, ORIGIN)
    hold = Hold(ApprovalWanted(("ask",), timedelta(minutes=5), 1), change, None, "id7")

    async def come(outcome: Released | GivenUp) -> Released | GivenUp:
        await asyncio.sleep(0.01)
        return outcome

    async with collecting() as collector:
        made = spans(collector.url)
        assert await made.holding(hold, come(Released())) == Released()
        assert await made.holding(hold, come(GivenUp("no"))) == GivenUp("no")
        task = asyncio.create_task(made.holding(hold, asyncio.Event().wait()))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        got = [await collector.next() for _ in range(3)]
        await asyncio.to_thread(made.close, WAIT_S)
    found = [attributes(span.attributes) for span in got]
    assert [(span.name, span.trace_id.hex()) for span in got] == [("pgwarden held", TRACE)] * 3
    assert [each["pgwarden.outcome"] for each in found] == ["released", "given_up", "abandoned"]
    assert (found[0]["pgwarden.decision_id"], found[0]["pgwarden.rules"]) == ("id7", ["ask"])
    assert got[0].end_time_unix_nano > got[0].start_time_unix_nano
    assert made.counts == {"sent": 3, "failed": 0, "dropped": 0}


async def test_names_in_no_encoding_and_unreadable_texts_cost_no_span() -> None:
    odd = replace(JUDGED, origin=replace(ORIGIN, role="a\udcff"))
    unread = replace(JUDGED, rule="unparsed", text="SELEC 's3cret'", unreadable=True, message="at s3cret")
    async with collecting() as collector:
        made = spans(collector.url)
        for event in (odd, unread):
            made.observe(event)
        first, second = await collector.next(), await collector.next()
        await asyncio.to_thread(made.close, WAIT_S)
    assert attributes(first.attributes)["pgwarden.role"] == "a\\udcff"
    assert attributes(second.attributes)["db.query.text"] == "<unreadable statement, 14 characters>"
    assert second.status.message == "the statement cannot be read"


async def test_what_the_collector_does_not_take_is_counted_and_said_once() -> None:
    said = LogCapture()
    async with collecting() as collector:
        collector.status = 400
        made = spans(collector.url, said)
        for _ in range(2):
            made.observe(JUDGED)
            await collector.next()
        collector.status = 200
        made.observe(JUDGED)
        await collector.next()
        await asyncio.to_thread(made.close, WAIT_S)
    assert made.counts == {"sent": 1, "failed": 2, "dropped": 0}
    assert said.entries == [
        {"event": "spans are lost", "log_level": "error", "reason": "the collector has not taken them"}
    ]


async def test_a_collector_that_hangs_holds_up_nobody_and_fills_no_memory() -> None:
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1)
            asked.set()
            await reader.read()
        finally:  # the test's end cancels it
            writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        made = spans(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        made.observe(JUDGED)
        await asyncio.wait_for(asked.wait(), WAIT_S)
        for _ in range(MOST_WAITING + 7):
            made.observe(JUDGED)
        assert made.counts == {"sent": 0, "failed": 0, "dropped": 7}
        made.close(0.01)


# -- settings --------------------------------------------------------------------------------------------

FLAGS = {"listen": "127.0.0.1:6432", "upstream": "postgresql://127.0.0.1:5432", "policy": "p.yaml"}
WRONG = (
    "--otlp-endpoint: must be http://HOST:PORT or https://HOST:PORT of a collector, as "
    "OTEL_EXPORTER_OTLP_ENDPOINT has it"
)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"otlp_endpoint": "collector:4318"}, WRONG),
        ({"otlp_endpoint": "https://u:s3cret@collector:4318"}, WRONG),
        ({"otlp_endpoint": "http://collector:99999"}, WRONG),
        ({"otlp_endpoint": ""}, WRONG),
        (
            {"otlp_statements": "on"},
            "--otlp-statements: otlp_statements needs an otlp_endpoint to send them to",
        ),
    ],
)
def test_mistakes(flags: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({**FLAGS, **flags}, {})
    assert raised.value.problems == (told,)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "proxy.app.tracing.otlp", None)
    with pytest.raises(SettingsError) as raised:
        load_settings({**FLAGS, "otlp_endpoint": "http://127.0.0.1:4318"}, {})
    told = "--otlp-endpoint: needs more than is installed: pip install 'pgwarden[otel]'"
    assert raised.value.problems == (told,)


def test_it_is_loaded_only_where_it_is_used() -> None:
    program = "import sys, proxy.app.cli, proxy.app.gateway; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
