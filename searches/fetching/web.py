"""HTTP for large files: redirects, cookies, proxies of the environment, a login form; no secret in any message."""

from __future__ import annotations

import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import IO, Any
from urllib.parse import urlencode, urljoin, urlsplit

from archspace import __version__
from archspace.support.errors import InputError
from searches.fetching.catalogue import Login, host_of

AGENT = f"archspace/{__version__}"
_PASSING = (408, 425, 429)
_MOVED = (301, 302, 303, 307, 308)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class FetchError(Exception):
    """A data set could not be fetched, through no fault of the user's; one line for the user."""


class PassingError(FetchError):
    """A fault that may pass: the same request is worth sending again.

    Attributes:
        wait_s: how long the host asks to wait, in seconds; None where it does not say.
    """

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class RefusedError(FetchError):
    """The host refuses this request; ``code`` is its HTTP status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but neither from https to http nor where the request asks to see the redirect itself."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not getattr(req, "follow", True):
            return None
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise FetchError(f"{host_of(req.full_url)} redirects from https to an address without it")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Web:
    """One session: cookies are kept in memory, and end with it.

    Args:
        timeout_s: how long a host may be silent, in seconds.
    """

    def __init__(self, timeout_s: float = 60.0) -> None:
        self._timeout_s = timeout_s
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(), urllib.request.UnknownHandler(), urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(), urllib.request.HTTPDefaultErrorHandler(), _Redirects(),
            urllib.request.HTTPErrorProcessor(), urllib.request.HTTPCookieProcessor(CookieJar()),
        ):  # fmt: skip
            self._opener.add_handler(handler)

    def open(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> http.client.HTTPResponse:
        """Returns the answer to a GET, or to a POST of ``form``; the caller closes it.

        Raises:
            PassingError: connection errors, 408, 425, 429 and 5xx.
            RefusedError: any other status that is no success; a redirect where ``follow`` is false.
            FetchError: the host's certificate is not valid, or a redirect leaves https.
        """
        request = urllib.request.Request(
            url,
            data=None if form is None else urlencode(form).encode(),
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})},
        )
        request.follow = follow  # type: ignore[attr-defined]
        host = host_of(url)
        try:
            answer: http.client.HTTPResponse = self._opener.open(request, timeout=self._timeout_s)
            return answer
        except urllib.error.HTTPError as error:
            with error:
                reply = f"{host} answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()
                if error.code in _PASSING or error.code >= 500:
                    raise PassingError(reply, _wait_s(error.headers.get("Retry-After"))) from None
                raise RefusedError(reply, error.code) from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise FetchError(f"{host}: its certificate is not valid: {reason.verify_message}") from None
            raise PassingError(f"{host}: {explained(reason)}") from None

    def log_in(self, login: Login) -> None:
        """Sends the login form; the session's cookies then open the files behind it.

        Raises:
            InputError: the credentials are not in the environment, or the host refuses them.
            FetchError: the host does not answer as expected.
        """
        host = host_of(login.url)
        if urlsplit(login.url).scheme != "https" and host not in _LOOPBACK:
            raise FetchError(f"{host}: the login page has no https; no password is sent there")
        username, password = credentials(login)
        with self.open(login.url) as page:
            form = _login_form(page.read(1 << 20).decode("utf-8", "replace"))
        target = urljoin(login.url, form.action)
        if urlsplit(target)[:2] != urlsplit(login.url)[:2]:
            raise FetchError(f"{host}: its login form goes to {host_of(target)}; no password is sent there")
        values = {**form.hidden, **login.also}
        values |= {login.username.field: username, login.password.field: password}
        try:
            self.open(target, form=values, follow=False).close()
        except RefusedError as error:
            if error.code in _MOVED:
                return
            if error.code not in (401, 403):
                raise
        variables = f"{login.username.variable} and {login.password.variable}"
        raise InputError(f"{variables}: {host} refuses them; an account is made at {login.register_at}")


def explained(error: object) -> str:
    """Returns a connection error in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.InvalidURL):
        return "an address that is none"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut"
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def credentials(login: Login) -> tuple[str, str]:
    """User name and password from the environment.

    Raises:
        InputError: one is not set; the message says where to register.
    """
    parts = (login.username, login.password)
    for part in parts:
        if not os.environ.get(part.variable):
            rule = f"not set; {host_of(login.url)} needs an account: register at {login.register_at}, accept its terms"
            variables = " and ".join(part.variable for part in parts)
            raise InputError(f"{part.variable}: {rule}, then set {variables} in the environment")
    return os.environ[parts[0].variable], os.environ[parts[1].variable]


def _wait_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        from datetime import UTC, datetime

        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


class _Forms(HTMLParser):
    """The forms of a page: address, hidden fields, and whether a password is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes forms and their inputs."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(values.get("action", "")))
        elif tag == "input" and self.forms:
            kind, form = values.get("type", "").lower(), self.forms[-1]
            form.password = form.password or kind == "password"
            if kind == "hidden" and values.get("name"):
                form.hidden[values["name"]] = values.get("value", "")


@dataclass
class _Form:
    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    password: bool = False


def _login_form(page: str) -> _Form:
    """The form that asks for a password; an empty one, sent to the page itself, where none does."""
    parser = _Forms()
    parser.feed(page)
    return next((form for form in parser.forms if form.password), _Form(""))
