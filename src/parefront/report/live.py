"""The page of a run, served to browsers on this machine alone, which it tells of what is new."""

from __future__ import annotations

import json
import secrets
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from .document import Report
from .page import live_page

POLLED_WITHIN = 5.0
"""Seconds since its last request within which a browser is taken to look at the page."""
LAST_WORDS = 3.0
"""Seconds for which the end waits until such a browser has fetched what is new."""
_WAITING = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
    "<title>Parefront</title><p>The uncompressed model is being measured; the page appears once it is.</p></html>"
)


class LivePage:
    """Serves a page at an address that nobody else can guess, until it is closed.

    What is shown is given to :meth:`show`; nothing of the run is read here, so that whoever serves decides when that
    may take time. It listens on the loopback interface, answers to that name alone (else a page of the web could read
    it under a name of its own), and writes no log.

    Attributes:
        url: to open in a browser.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version, self._page, self._data = 0, _WAITING.encode(), b"{}"
        self._polled, self._told = 0.0, 0
        self._path = f"/{secrets.token_urlsafe(12)}/"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self._host}{self._path}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="parefront-page", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, report: Report) -> None:
        """Show this from now on; browsers fetch it within a second or two."""
        document = report.to_json()
        data = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        with self._lock:
            changed = data != self._data
            if changed:
                self._version += 1
                self._data, self._page = data, live_page(report, document, self._version).encode()

    def close(self) -> None:
        """End, once a browser that looks at the page has fetched what is new."""
        until = time.monotonic() + LAST_WORDS
        while self._is_behind() and time.monotonic() < until:
            time.sleep(0.05)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _is_behind(self) -> bool:
        with self._lock:
            watched = self._polled and time.monotonic() - self._polled < POLLED_WITHIN
            return bool(watched) and self._told != self._version

    def _answer(self, path: str, host: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, kind and content for what a browser asks."""
        asked = urlsplit(path)
        if host != self._host:
            return HTTPStatus.FORBIDDEN, "text/plain", b"not here\n"
        with self._lock:
            if asked.path == self._path:
                self._polled, self._told = time.monotonic(), self._version
                return HTTPStatus.OK, "text/html; charset=utf-8", self._page
            if asked.path == f"{self._path}data":
                self._polled, self._told = time.monotonic(), self._version
                if parse_qs(asked.query).get("version") == [str(self._version)]:
                    return HTTPStatus.NO_CONTENT, "text/plain", b""
                content = b'{"version":%d,"report":%s}' % (self._version, self._data)
                return HTTPStatus.OK, "application/json", content
        return HTTPStatus.NOT_FOUND, "text/plain", b"nothing is here\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, content = answer(self.path, self.headers.get("Host", ""))
                self.send_response(status)
                headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
                headers |= {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the terminal shows the search."""

        return Handler
