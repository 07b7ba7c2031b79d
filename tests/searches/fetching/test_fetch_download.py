"""One file over real HTTP: resumed, tried again, compared; from a host that behaves in many ways."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from archspace.support.errors import InputError
from searches.fetching import download
from searches.fetching.catalogue import Login, RemoteFile
from searches.fetching.download import Download, Downloaded, Policy
from searches.fetching.web import FetchError, Web, _Redirects
from tests.searches.fetching.file_server import PASSWORD, TOKEN, USER, Served, Server, running
from tests.waiting import GENEROUS_S

BODY = random.Random(7).randbytes(700_000)
MD5 = hashlib.md5(BODY).hexdigest()
QUICK = Policy(tries=3, wait_s=0.01, longest_wait_s=0.05, timeout_s=GENEROUS_S)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with running() as one:
        yield one


def fetch(
    server: Server, folder: Path, policy: Policy = QUICK, login: Login | None = None, **fields: Any
) -> Downloaded:
    values = {"name": "a.bin", "urls": (server.url("/a"),), "take": {"x/": ""}, **fields}
    progress: list[tuple[int, int | None]] = []
    file = RemoteFile.model_validate(values)
    load = Download(
        Web(policy.timeout_s), file, folder, login=login, policy=policy, meter=lambda *at: progress.append(at)
    )
    done = load.run()
    assert progress[-1][0] == done.bytes == (folder / "a.bin").stat().st_size
    return done


def part(server: Server, folder: Path, size: int = 300_000, body: bytes = BODY, **fields: Any) -> None:
    """A part as an interrupted run leaves it."""
    served = server.files["/a"]
    kept, served.faults, served.body = served.body, [("cut", size)], body
    with pytest.raises(FetchError, match="is kept, and the same command goes on"):
        fetch(server, folder, Policy(tries=1, timeout_s=GENEROUS_S), **fields)
    served.body, served.faults = kept, []
    server.asked.clear()
    assert (folder / "a.bin.part").stat().st_size == size
    assert not (folder / "a.bin").exists()


def ranges(server: Server) -> list[str | None]:
    return [one.headers.get("Range") for one in server.gets("/a")]


def test_a_whole_file_is_fetched_checked_and_left_without_a_part(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY)
    done = fetch(server, tmp_path, md5=MD5, bytes=len(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert (done.digest, done.algorithm, done.published, done.fetched) == (MD5, "md5", True, len(BODY))
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    again = fetch(server, tmp_path, md5=MD5)
    assert again.fetched == 0 and len(server.gets("/a")) == 1


def test_without_a_published_checksum_one_is_recorded_and_not_called_published(
    server: Server, tmp_path: Path
) -> None:
    server.files["/a"] = Served(BODY)
    done = fetch(server, tmp_path)
    assert (done.algorithm, done.published) == ("sha256", False)
    assert done.digest == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("fields", [{}, {"md5": MD5}, {"sha256": hashlib.sha256(BODY).hexdigest()}])
def test_a_part_is_gone_on_with_and_hashed_too(
    server: Server, tmp_path: Path, fields: dict[str, Any]
) -> None:
    server.files["/a"] = Served(BODY)
    part(server, tmp_path, **fields)
    done = fetch(server, tmp_path, **fields)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert ranges(server) == ["bytes=300000-"]
    assert server.asked[0].headers["If-Range"] == server.files["/a"].etag
    assert done.fetched == len(BODY) - 300_000
    assert done.digest == hashlib.new(done.algorithm, BODY).hexdigest()


def test_cut_connections_and_503_are_tried_again_from_where_it_stopped(
    server: Server, tmp_path: Path
) -> None:
    faults = [
        ("status", 503),
        ("cut", 100_000),
        ("status", 502),
        ("cut", 200_000),
        ("status", 429),
        ("cut", 1),
    ]
    server.files["/a"] = Served(BODY, faults=faults)
    done = fetch(server, tmp_path, md5=MD5)
    assert done.fetched == len(BODY)
    at = "bytes=300000-"
    assert ranges(server) == [None, None, "bytes=100000-", "bytes=100000-", at, at, "bytes=300001-"]


def test_it_gives_up_after_so_many_tries_that_bring_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY, faults=[("status", 503)] * 9)
    with pytest.raises(FetchError, match=r"127.0.0.1 answers 503 .*given up after 3 tries$"):
        fetch(server, tmp_path)
    assert len(server.gets("/a")) == 3
    with pytest.raises(FetchError, match=r"127.0.0.1: Connection refused; given up after 3 tries"):
        fetch(server, tmp_path, urls=("http://127.0.0.1:9/a",))


def test_a_host_that_asks_to_wait_is_obeyed_up_to_the_longest_wait(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a"] = Served(BODY, faults=[("status", 503)], headers={"Retry-After": "3600"})
    waits: list[float] = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=waits.append))
    fetch(server, tmp_path, Policy(tries=2, wait_s=0, longest_wait_s=0.4, timeout_s=GENEROUS_S))
    assert waits == [0.4]


@pytest.mark.slow
def test_a_silent_host_is_given_up_and_asked_again_and_a_slow_one_is_waited_for(
    server: Server, tmp_path: Path
) -> None:
    server.files["/a"] = Served(BODY, faults=[("stall", None)] * 2)
    threading.Timer(2.5, server.release).start()  # after the first try was given up, before the second is
    fetch(server, tmp_path, Policy(tries=4, wait_s=0.01, timeout_s=2.0))
    assert len(server.gets("/a")) >= 2


@pytest.mark.parametrize("obey", [True, False])
def test_a_file_that_changed_in_the_middle_is_fetched_from_its_beginning(
    server: Server, tmp_path: Path, obey: bool
) -> None:
    server.files["/a"] = Served(BODY, obey_if_range=obey)
    part(server, tmp_path, body=bytes(len(BODY)))
    done = fetch(server, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY and done.fetched == len(BODY)
    assert ranges(server) == (["bytes=300000-"] if obey else ["bytes=300000-", None])


def test_a_file_that_became_shorter_than_its_part_is_fetched_from_its_beginning(
    server: Server, tmp_path: Path
) -> None:
    server.files["/a"] = Served(BODY[:200_000], obey_if_range=False)
    part(server, tmp_path, body=BODY)
    fetch(server, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY[:200_000]


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY, ranges=False)
    part(server, tmp_path)
    done = fetch(server, tmp_path, md5=MD5)
    assert done.fetched == len(BODY) and (tmp_path / "a.bin").read_bytes() == BODY


def test_a_part_whose_version_cannot_be_proved_is_not_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY, tag="")
    part(server, tmp_path)
    fetch(server, tmp_path)
    assert ranges(server) == [None]
    (tmp_path / "a.bin").unlink()
    part(server, tmp_path, md5=MD5)
    fetch(server, tmp_path, md5=MD5)
    assert ranges(server) == ["bytes=300000-"]  # its checksum proves it in the end


def test_a_weak_tag_gives_way_to_the_date_of_the_last_change(server: Server, tmp_path: Path) -> None:
    date = "Wed, 01 Nov 2017 10:00:00 GMT"
    server.files["/a"] = Served(BODY, tag='W/"1"', headers={"Last-Modified": date})
    part(server, tmp_path)
    fetch(server, tmp_path)
    assert server.asked[0].headers["If-Range"] == date and ranges(server) == ["bytes=300000-"]


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY[:-1] + b"?")
    with pytest.raises(FetchError, match=rf"a.bin: its md5 is [0-9a-f]{{32}}, the published one is {MD5}"):
        fetch(server, tmp_path, md5=MD5)
    assert list(tmp_path.iterdir()) == [] and len(server.gets("/a")) == 1


def test_a_damaged_part_is_fetched_anew_once(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY)
    part(server, tmp_path, md5=MD5)
    with (tmp_path / "a.bin.part").open("r+b") as file:
        file.write(b"damaged")
    fetch(server, tmp_path, md5=MD5)
    assert ranges(server) == ["bytes=300000-", None] and (tmp_path / "a.bin").read_bytes() == BODY
    (tmp_path / "a.bin").unlink()
    wrong = "0" * 32
    part(server, tmp_path, md5=wrong)
    with pytest.raises(FetchError, match="published one is 000"):
        fetch(server, tmp_path, md5=wrong)
    assert ranges(server) == ["bytes=300000-", None]


def test_another_size_than_published_is_refused_before_the_download(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY)
    with pytest.raises(FetchError, match="offers 700,000 bytes, the published file has 700,001"):
        fetch(server, tmp_path, bytes=700_001)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_archive_that_lies_there_is_named_and_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"a\.bin: its md5 is .* delete it"):
        fetch(server, tmp_path, md5=MD5)
    assert (tmp_path / "a.bin").read_bytes() == b"mine" and server.asked == []


def test_redirects_are_followed_also_when_resuming(server: Server, tmp_path: Path) -> None:
    server.files |= {"/a": Served(redirect="/b?signature=secret"), "/b?signature=secret": Served(BODY)}
    server.files["/b?signature=secret"].faults = [("cut", 5000)]
    fetch(server, tmp_path, md5=MD5)
    assert [one.headers.get("Range") for one in server.gets("/b?signature=secret")] == [None, "bytes=5000-"]


def test_a_redirect_never_leaves_https() -> None:
    follow = _Redirects().redirect_request
    asked = urllib.request.Request("https://example.org/a?key=secret")
    with pytest.raises(FetchError, match="redirects from https to an address without it") as caught:
        follow(asked, io.BytesIO(), 302, "Found", {}, "http://example.org/b")
    assert "secret" not in str(caught.value)
    further = follow(asked, io.BytesIO(), 302, "Found", {}, "https://cdn.example.org/b")
    assert further is not None and further.full_url == "https://cdn.example.org/b"


def test_the_second_address_is_used_when_the_first_has_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/b"] = Served(BODY)
    fetch(server, tmp_path, md5=MD5, urls=(server.url("/a"), server.url("/b")))
    with pytest.raises(FetchError, match=r"127.0.0.1 answers 404"):
        fetch(server, tmp_path / "other", urls=(server.url("/a"), server.url("/c")))


def test_a_host_that_tells_no_length_is_read_to_the_end(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY, length=False)
    assert fetch(server, tmp_path, md5=MD5).bytes == len(BODY)


def test_a_web_page_is_no_archive(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(b"<html>maintenance</html>", headers={"Content-Type": "text/html"})
    with pytest.raises(FetchError, match=r"answers with a web page instead of a\.bin$"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_of_the_environment_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a"] = Served(BODY)
    monkeypatch.setenv("http_proxy", server.address)
    fetch(server, tmp_path, md5=MD5, urls=("http://data.invalid/a",))
    assert [one.path for one in server.asked] == ["http://data.invalid/a"]


# --- A login form


def the_login(server: Server) -> Login:
    return Login.model_validate(
        {
            "url": server.url("/login/"),
            "register_at": "https://example.org/register",
            "username": {"field": "username", "variable": "CITYSCAPES_USERNAME"},
            "password": {"field": "password", "variable": "CITYSCAPES_PASSWORD"},
            "also": {"submit": "Login"},
        }
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYSCAPES_USERNAME", USER)
    monkeypatch.setenv("CITYSCAPES_PASSWORD", PASSWORD)


@pytest.mark.usefixtures("account")
def test_a_login_form_is_filled_in_and_its_cookie_kept(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY, private=True, faults=[("cut", 100_000)])
    server.files["/md5"] = Served(
        f"{MD5}  a.bin\n".encode(), private=True, headers={"Content-Type": "text/plain"}
    )
    done = fetch(server, tmp_path, login=the_login(server), md5_url=server.url("/md5"))
    assert done.published and done.digest == MD5
    posts = [one for one in server.asked if one.method == "POST"]
    assert len(posts) == 1 and posts[0].form["token"] == [TOKEN]
    assert PASSWORD not in repr([(one.path, one.headers) for one in server.asked])
    for path in tmp_path.rglob("*"):
        assert PASSWORD.encode() not in path.read_bytes()


@pytest.mark.usefixtures("account")
def test_a_login_that_runs_out_in_the_middle_is_made_again(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(BODY, private=True, faults=[("cut", 100_000), ("logout", None)])
    fetch(server, tmp_path, login=the_login(server), md5=MD5)
    assert ranges(server) == [None, "bytes=100000-", "bytes=100000-"]
    assert len([one for one in server.asked if one.method == "POST"]) == 2


@pytest.mark.usefixtures("account")
def test_refused_credentials_are_named_by_their_variables_alone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYSCAPES_PASSWORD", "wrong-password")
    server.files["/a"] = Served(BODY, private=True)
    with pytest.raises(InputError, match=r"CITYSCAPES_PASSWORD: 127.0.0.1 refuses them") as caught:
        fetch(server, tmp_path, login=the_login(server))
    assert "wrong-password" not in str(caught.value) and USER not in str(caught.value)


def test_missing_credentials_say_where_to_register(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CITYSCAPES_USERNAME", raising=False)
    with pytest.raises(InputError, match=r"CITYSCAPES_USERNAME: not set.*https://example.org/register"):
        fetch(server, tmp_path, login=the_login(server))
    assert server.asked == []


@pytest.mark.usefixtures("account")
def test_a_password_is_sent_to_no_host_without_https(server: Server, tmp_path: Path) -> None:
    login = the_login(server).model_copy(update={"url": "http://www.example.org/login/"})
    with pytest.raises(FetchError, match="no password is sent there"):
        fetch(server, tmp_path, login=login)


@pytest.mark.usefixtures("account")
def test_terms_that_wait_to_be_accepted_are_a_matter_for_a_person(server: Server, tmp_path: Path) -> None:
    server.files["/a"] = Served(
        b"<html>please accept</html>", private=True, headers={"Content-Type": "text/html"}
    )
    with pytest.raises(FetchError, match="with a browser and see whether its terms wait to be accepted"):
        fetch(server, tmp_path, login=the_login(server))
