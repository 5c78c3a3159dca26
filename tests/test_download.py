"""Downloads against a local server that breaks in every way that a real one does."""

import hashlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from eca_edu.datasets.download import download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; the path says how: /good, /no-ranges, /truncated, /wrong, /missing, /stalled, /login."""

    daemon_threads = True

    def __init__(self):
        self.requests = []  # (path, range header)
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        mode = self.path.strip("/")
        wanted = self.headers.get("Range")
        self.server.requests.append((mode, wanted))
        if mode == "missing":
            self.send_error(404)
            return
        if mode == "login":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Please log in to this network.</html>")
            return
        content = b"x" * len(CONTENT) if mode == "wrong" else CONTENT
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and mode != "no-ranges" else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        self.wfile.write(body[: len(body) // 2] if mode in ("truncated", "stalled") else body)
        if mode == "stalled":
            self.wfile.flush()
            self.server.closing.wait()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def files(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))


@pytest.mark.parametrize("mirrors", ["good", "no-ranges", "truncated good", "missing good", "wrong good"])
def test_download_from_the_first_mirror_that_works(server, tmp_path, mirrors):
    file = download([*map(server.url, mirrors.split())], tmp_path / "new" / "file.gz", MD5)
    assert file.read_bytes() == CONTENT
    assert files(file.parent) == ["file.gz"]


@pytest.mark.parametrize("broken", ["truncated", "stalled"])
def test_what_arrived_is_not_fetched_again(server, tmp_path, broken):
    for timeout in (0.1, 1, 10, 100):  # on a busy machine nothing may arrive in a short time
        with pytest.raises(ConnectionError, match=r"could not download file\.gz"):
            download([server.url(broken)], tmp_path / "file.gz", MD5, timeout=timeout)
        if have := sum(path.stat().st_size for path in tmp_path.glob("*.part")):
            break
    assert files(tmp_path) == ["file.gz.part"]
    assert 0 < have < len(CONTENT)
    download([server.url("good")], tmp_path / "file.gz", MD5)
    assert server.requests[-1] == ("good", f"bytes={have}-")
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


#: Of a server without ranges, of a finished download, and of another file.
PARTS = {
    "unwanted": (["no-ranges"], b"from elsewhere"),
    "whole": (["good"], CONTENT),
    "wrong": (["good", "good"], b"y" * 1000),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_that_is_of_no_use_or_whole_does_no_harm(kind, server, tmp_path):
    mirrors, part = PARTS[kind]
    (tmp_path / "file.gz.part").write_bytes(part)
    assert download([*map(server.url, mirrors)], tmp_path / "file.gz", MD5).read_bytes() == CONTENT


def test_a_login_page_does_not_cost_what_arrived(server, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:1_000_000])
    with pytest.raises(ConnectionError, match="the file has MD5"):
        download([server.url("login")], tmp_path / "file.gz", MD5)
    download([server.url("good")], tmp_path / "file.gz", MD5)
    assert server.requests[-1] == ("good", "bytes=1000000-")


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "file.gz").write_bytes(CONTENT)
    download([server.url("good")], tmp_path / "file.gz", MD5)
    assert server.requests == []


def test_two_downloads_at_once_share_one_file(server, tmp_path):
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(download, [server.url("good")], tmp_path / "file.gz", MD5) for _ in range(4)]
    assert [future.result().read_bytes() == CONTENT for future in done] == [True] * 4
    assert len(server.requests) == 1


def test_all_mirrors_fail(server, tmp_path):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and does not listen: to connect is refused
        nobody = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        with pytest.raises(ConnectionError) as caught:
            download([server.url("wrong"), server.url("missing"), nobody], tmp_path / "file.gz", MD5)
    message = str(caught.value)
    assert "expected " + MD5 in message
    assert "HTTP status 404" in message
    assert message.count("http://") == 3
    assert files(tmp_path) == []
