"""Stores on this host: moto speaks S3, and Google's XML API, which is S3's; Azurite is Microsoft's own.

In: nothing. Out: an empty bucket, or container, named backups, and by which variables obstore finds it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import pytest

from proxy.backup.cluster import free_port
from tests.servers import node
from tests.servers.cache import Missing

_SIGNED = "AWS4-HMAC-SHA256 Credential=k/20261126/us-east-1/s3/aws4_request"
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, the same everywhere."""

_GOOGLES = f"""
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
s3 = DomainDispatcherApplication(create_backend_app)
def app(environ, answer):  # moto tells services apart by a header that Google's clients do not send
    return s3({{**environ, "HTTP_AUTHORIZATION": {_SIGNED!r}}}, answer)
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
"""


class Bucket:
    """A server that speaks S3, with an empty bucket."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if b"Running on" in line:
                break
        call(self.port, "PUT", "/backups", {"Authorization": _SIGNED})

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(self.port)]

    @property
    def variables(self) -> Mapping[str, str]:
        """Where obstore looks for it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


class GoogleBucket(Bucket):
    """The same, for a client of Google Cloud Storage."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._account = folder / "account.json"
        said = {"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": True}
        self._account.write_text(json.dumps({"gcs_base_url": f"http://127.0.0.1:{self.port}", **said}))

    def _command(self) -> list[str]:
        return [sys.executable, "-c", _GOOGLES, str(self.port)]

    @property
    def variables(self) -> Mapping[str, str]:
        """Where obstore looks for it."""
        return {"GOOGLE_SERVICE_ACCOUNT": str(self._account)}


@contextmanager
def azurite(folder: Path) -> Iterator[Mapping[str, str]]:
    """A container at Azurite; yields where obstore looks for it."""
    try:
        main = node.modules("azurite") / "azurite" / "dist" / "src" / "blob" / "main.js"
    except Missing as missing:
        pytest.fail(str(missing))
    port = free_port()
    flags = ["--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck"]
    command = [str(node.executable()), str(main), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if b"successfully" in line:
                    break
            said = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
            lines = (*(f"{name}:{value}" for name, value in said.items()), f"/{_ACCOUNT}/{_ACCOUNT}/backups")
            signed = "PUT" + "\n" * 12 + "\n".join((*lines, "restype:container"))
            digest = hmac.new(base64.b64decode(_KEY), signed.encode(), hashlib.sha256).digest()
            said["Authorization"] = f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"
            call(port, "PUT", f"/{_ACCOUNT}/backups?restype=container", said)
            yield {
                "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{_ACCOUNT}",
                "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
                "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
                "AZURE_ALLOW_HTTP": "true",
            }
        finally:
            process.kill()


def call(port: int, method: str, path: str, headers: Mapping[str, str]) -> None:
    caller = http.client.HTTPConnection("127.0.0.1", port)
    caller.request(method, path, headers={"Content-Length": "0", **headers})
    assert caller.getresponse().status in (200, 201)
    caller.close()
