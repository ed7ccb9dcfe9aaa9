"""Downloads against a server of our own: complete or nothing, resumed, verified."""

import hashlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from cape.datasets.download import PublishedFile, download, find_published, published_files

CONTENT = np.random.default_rng(0).bytes(3_000_000)
NAME = "1D_Burgers_Sols_Nu0.01.hdf5"


class Server(ThreadingHTTPServer):
    """Serves CONTENT at any path but /absent; breaks off after `cut` bytes; may ignore Range."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cut, self.ranges, self.requests = None, True, []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append(asked)
        if self.path == "/absent":
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def published(server):
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    return PublishedFile("Burgers", NAME, f"http://127.0.0.1:{server.server_port}/file", "1D/", md5)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_comes_complete_and_is_not_fetched_twice(server, published, tmp_path):
    folder = tmp_path / "new" / "folder"
    assert download([published], folder, progress=False) == [folder / NAME]
    assert (folder / NAME).read_bytes() == CONTENT and names(folder) == [NAME]
    download([published, published], folder, progress=False)
    assert server.requests == [None]


def test_an_interrupted_transfer_is_continued(server, published, tmp_path):
    server.cut = 1_000_000
    with pytest.raises(OSError, match="transfer interrupted.*the same call continues"):
        download([published], tmp_path, progress=False)
    assert names(tmp_path) == [NAME + ".part"]
    assert (tmp_path / (NAME + ".part")).read_bytes() == CONTENT[:1_000_000]
    server.cut = None
    download([published], tmp_path, progress=False)
    assert (tmp_path / NAME).read_bytes() == CONTENT and names(tmp_path) == [NAME]
    assert server.requests == [None, "bytes=1000000-"]


def test_a_server_that_ignores_range_starts_again(server, published, tmp_path):
    server.ranges = False
    (tmp_path / (NAME + ".part")).write_bytes(CONTENT[:1000])
    download([published], tmp_path, progress=False)
    assert (tmp_path / NAME).read_bytes() == CONTENT and names(tmp_path) == [NAME]


def test_a_complete_part_is_verified_and_named(server, published, tmp_path):
    (tmp_path / (NAME + ".part")).write_bytes(CONTENT)
    download([published], tmp_path, progress=False)
    assert (tmp_path / NAME).read_bytes() == CONTENT and names(tmp_path) == [NAME]


@pytest.mark.parametrize("part", [None, b"of another file", b"longer" * 1_000_000])
def test_wrong_content_is_removed(server, published, tmp_path, part):
    wrong = PublishedFile("Burgers", NAME, published.url, "1D/", "0" * 32) if part is None else published
    if part:
        (tmp_path / (NAME + ".part")).write_bytes(part)
    with pytest.raises(ValueError, match=f"{NAME} came with MD5 .*, expected {wrong.md5}"):
        download([wrong], tmp_path, progress=False)
    assert names(tmp_path) == []


def test_another_file_of_that_name_is_left_alone(server, published, tmp_path):
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(ValueError, match="not the published file. Move or delete it"):
        download([published], tmp_path, progress=False)
    assert (tmp_path / NAME).read_bytes() == b"mine" and server.requests == []


def test_absent_files_and_servers_are_named(published, tmp_path):
    url = published.url.replace("/file", "/absent")
    with pytest.raises(OSError, match=f"{NAME} cannot be downloaded: HTTP 404 Not Found, {url}"):
        download([PublishedFile("Burgers", NAME, url, "1D/", published.md5)], tmp_path, progress=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nobody = f"http://127.0.0.1:{listening.getsockname()[1]}/file"
    with pytest.raises(OSError, match=f"{NAME} cannot be downloaded: .*refused.*{nobody}"):
        download([PublishedFile("Burgers", NAME, nobody, "1D/", published.md5)], tmp_path, progress=False)
    assert names(tmp_path) == []


def test_progress_is_shown(published, tmp_path, capsys):
    download([published], tmp_path)
    shown = capsys.readouterr().err
    assert NAME in shown and "3.00M/3.00M" in shown


def test_the_table_is_whole():
    files = published_files()
    assert len(files) == 375 == len({f.name for f in files}) == len({f.url for f in files})
    assert all(re.fullmatch("[0-9a-f]{32}", f.md5) and f.url.startswith("https://") for f in files)
    assert all(f.name.endswith((".hdf5", ".h5")) and "/" not in f.name for f in files)


def test_files_are_found_by_name_or_pattern():
    assert [f.name for f in find_published("1d_burgers_sols_nu0.01")] == [NAME]
    found = find_published([NAME, "1D_Burgers_*", "1D_Advection_*beta0.[14].hdf5"])
    assert len(found) == 12 + 2 and found[0].name == NAME
    assert {f.equation for f in found} == {"Burgers", "Advection"}


def test_unknown_names_come_with_close_ones(tmp_path):
    with pytest.raises(ValueError, match=f"no published file '1D_Burger_Sol_Nu0.01', did you mean {NAME}"):
        download("1D_Burger_Sol_Nu0.01", tmp_path)
    with pytest.raises(ValueError, match=r"no published file 'qq\*'; expected a name such as"):
        find_published("qq*")
