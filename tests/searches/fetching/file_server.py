"""A real HTTP server on loopback that serves files the way good and bad hosts do, and notes what it was asked."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD, COOKIE, TOKEN = "an.user@example.org", "s3cret&word", "session-of-an-user", "hidden-token"
LOGIN_PAGE = f"""<html><form action="/search"><input name="q"></form>
<form method="post"><input type="hidden" name="token" value="{TOKEN}"><input name="username">
<input type="password" name="password"><input type="submit" name="submit" value="Login"></form></html>"""


@dataclass
class Served:
    """One path.

    Attributes:
        body: the content; replace it to change the file.
        tag: the ETag; of the body where None, none where empty.
        ranges: whether Range is understood.
        faults: what goes wrong, one a request: ("status", code), ("cut", bytes), ("stall", None) until
            ``release``, ("logout", None) for the login page instead.
        hold_at: after so many bytes of the body, the rest waits until the server is told to ``release``.
        headers: further ones.
        redirect: another path to go to.
        private: only with the login's cookie; a web page without it.
        obey_if_range: False goes on with another version's part.
        length: whether Content-Length is told.
    """

    body: bytes = b""
    tag: str | None = None
    ranges: bool = True
    faults: list[tuple[str, Any]] = field(default_factory=list)
    hold_at: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    redirect: str = ""
    private: bool = False
    obey_if_range: bool = True
    length: bool = True

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body).hexdigest()}"' if self.tag is None else self.tag


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, list[str]] = field(default_factory=dict)


class Server:
    """What it serves, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.address = ""
        self.released = threading.Event()

    def release(self) -> None:
        """Lets go on what waits: nothing waits from now on."""
        self.released.set()

    def gets(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.method == "GET" and one.path == path]

    def url(self, path: str) -> str:
        return self.address + path


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            server.asked.append(Asked("POST", self.path, dict(self.headers), form))
            known = {"username": [USER], "password": [PASSWORD], "token": [TOKEN], "submit": ["Login"]}
            if form == known and f"visit={TOKEN}" in self.headers.get("Cookie", ""):
                self.send_response(302)
                self.send_header("Set-Cookie", f"session={COOKIE}; Path=/; HttpOnly")
                self.send_header("Location", "/welcome")
                self.end_headers()
                return
            self._page(LOGIN_PAGE)

        def _page(self, text: str, *cookies: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for cookie in cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self) -> None:
            path = self.path if not self.path.startswith("http") else urlsplit(self.path).path
            server.asked.append(Asked("GET", self.path, dict(self.headers)))
            served = server.files.get(path)
            if path == "/login/":
                self._page(LOGIN_PAGE, f"visit={TOKEN}")
            elif served is None:
                self.send_error(404)
            elif served.private and f"session={COOKIE}" not in self.headers.get("Cookie", ""):
                self._page(LOGIN_PAGE)
            elif served.redirect:
                self.send_response(302)
                self.send_header("Location", served.redirect)
                self.end_headers()
            else:
                self._file(served)

        def _file(self, served: Served) -> None:
            kind, value = served.faults.pop(0) if served.faults else ("", None)
            if kind == "status":
                self.send_response(value)
                for name, text in served.headers.items():
                    self.send_header(name, text)
                self.end_headers()
                return
            if kind == "logout":
                self._page(LOGIN_PAGE)
                return
            if kind == "stall":
                server.released.wait()
            start, body = self._start(served), served.body
            if start is not None and start >= len(body):
                self.send_response(416)
                self.end_headers()
                return
            self.send_response(200 if start is None else 206)
            if start is not None:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                body = body[start:]
            if served.length:
                self.send_header("Content-Length", str(len(body)))
            if served.etag:
                self.send_header("ETag", served.etag)
            for name, text in served.headers.items():
                self.send_header(name, text)
            self.end_headers()
            self._send(body[:value] if kind == "cut" else body, served.hold_at)

        def _start(self, served: Served) -> int | None:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            condition = self.headers.get("If-Range")
            if not served.ranges or asked is None:
                return None
            if served.obey_if_range and condition not in (
                None,
                served.etag,
                served.headers.get("Last-Modified"),
            ):
                return None
            return int(asked[1])

        def _send(self, body: bytes, hold_at: int | None) -> None:
            try:
                self.wfile.write(body[:hold_at])
                if hold_at is not None and hold_at < len(body):
                    server.released.wait()
                    self.wfile.write(body[hold_at:])
            except OSError:
                self.close_connection = True

    return Handler


@contextmanager
def running() -> Iterator[Server]:
    """A server on a free port of 127.0.0.1 for as long as the block runs."""
    server = Server()
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    server.address = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release()
        listener.shutdown()
        listener.server_close()
