"""Servers on loopback that stand in for the world outside: an image registry, and a folder of files."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@contextmanager
def files(folder: Path) -> Iterator[int]:
    """The port where the files of a folder, and listings of its folders, are served."""

    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with _serving(partial(Files, directory=str(folder))) as port:
        yield port


@contextmanager
def registry(name: str, tag: str) -> Iterator[tuple[str, str]]:
    """`host:port` of a registry that holds one image of one empty file, and the digest of its manifest."""
    root = io.BytesIO()
    with tarfile.open(fileobj=root, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("marker"))
    layer = gzip.compress(root.getvalue(), mtime=0)
    rootfs = {"type": "layers", "diff_ids": [_digest(root.getvalue())]}
    unique = {"Labels": {"test": uuid.uuid4().hex}}  # an engine knows equal images as one
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": unique, "rootfs": rootfs}).encode()
    parts = {_digest(part): part for part in (layer, config)}
    described = [{"digest": _digest(part), "size": len(part)} for part in (config, layer)]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **described[0]},
            "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **described[1]}],
        }
    ).encode()
    routes = {f"/v2/{name}/blobs/{digest}": ("application/octet-stream", part) for digest, part in parts.items()}
    routes |= {f"/v2/{name}/manifests/{ref}": (MANIFEST, manifest) for ref in (tag, _digest(manifest))}
    routes["/v2/"] = ("application/json", b"{}")

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = routes.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Registry) as port:
        yield f"127.0.0.1:{port}", _digest(manifest)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler] | partial[SimpleHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
