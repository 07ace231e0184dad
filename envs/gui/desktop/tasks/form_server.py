"""A web site of one form, which keeps what is sent. Runs on the desktop, with its Python: no agentrl there.

    python3 form_server.py PORT PAGE RECEIVED

serves the file PAGE and writes the fields of what is posted to RECEIVED, as JSON.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl

THANKS = b"<!DOCTYPE html><title>Received</title><p>Thank you, we have received it.</p>"


class Handler(BaseHTTPRequestHandler):
    """Answers with the form, or with thanks."""

    page: str
    received: str

    def do_GET(self) -> None:
        with open(self.page, "rb") as file:
            self._answer(file.read())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(self.received, "w") as file:
            json.dump(dict(parse_qsl(body, keep_blank_values=True)), file)
        self._answer(THANKS)

    def _answer(self, page: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


if __name__ == "__main__":
    port, Handler.page, Handler.received = sys.argv[1:]
    HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
