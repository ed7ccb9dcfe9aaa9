"""Download the published PDEBench files by name: resumed where interrupted, verified by MD5."""

from __future__ import annotations

import csv
import difflib
import hashlib
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from tqdm import tqdm

from cape.datasets.lock import locked_path

TABLE = Path(__file__).with_name("pdebench_files.csv")
CHUNK = 2**20
TIMEOUT = 60.0  # seconds without a byte


@dataclass(frozen=True)
class PublishedFile:
    """One file of PDEBench (doi:10.18419/darus-2986): its place and its MD5."""

    equation: str
    name: str
    url: str
    folder: str
    md5: str


@cache
def published_files() -> tuple[PublishedFile, ...]:
    """Return the published files, which pdebench_files.csv lists."""
    with TABLE.open(newline="") as file:
        return tuple(
            PublishedFile(r["PDE"], r["Filename"], r["URL"], r["Path"], r["MD5"])
            for r in csv.DictReader(file)
        )


def find_published(names_or_globs: str | Sequence[str]) -> list[PublishedFile]:
    """Return the published files with these names or patterns such as "1D_Burgers_*", in this order, each once.

    Case is ignored, and the ending may be left out.

    Raises:
        ValueError: nothing has a name or matches a pattern; the message suggests names.
    """
    asked = [names_or_globs] if isinstance(names_or_globs, str) else list(names_or_globs)
    found: dict[str, PublishedFile] = {}
    for pattern in asked:
        matches = [f for f in published_files() if _matches(f.name, pattern)]
        if not matches:
            raise ValueError(f"no published file {pattern!r}{_suggestions(pattern)}")
        found.update({f.name: f for f in matches})
    return list(found.values())


def download(
    names: str | Sequence[str | PublishedFile], folder: str | Path, progress: bool = True
) -> list[Path]:
    """Download published files into a folder; return their paths.

    A file is downloaded as NAME.part and gets its name once its MD5 is verified. A later call continues an interrupted
    download. An existing file with the right MD5 is left as it is.

    Args:
        names: names, patterns or entries of `published_files`.
        progress: show a progress bar.

    Raises:
        ValueError: a name is unknown, or an MD5 is wrong. A downloaded file with a wrong MD5 is removed; an existing
            one is left as it is.
        FolderInUse: another process is downloading one of the files.
        OSError: the transfer fails; the same call continues it.
    """
    files: list[PublishedFile] = []
    for name in [names] if isinstance(names, str) else names:
        files.extend([name] if isinstance(name, PublishedFile) else find_published(name))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in dict.fromkeys(files):
        with locked_path(folder / file.name):
            paths.append(_download_one(file, folder, progress))
    return paths


def _download_one(file: PublishedFile, folder: Path, progress: bool) -> Path:
    final, part = folder / file.name, folder / (file.name + ".part")
    if final.exists():
        found = _md5(final).hexdigest()
        if found == file.md5:
            return final
        raise ValueError(
            f"{final}: already there with MD5 {found}, expected {file.md5}: this is not the published file. "
            "Move or delete it to download again"
        )
    digest = _transfer(file, part, progress)
    if digest != file.md5:
        part.unlink()
        raise ValueError(
            f"{file.url}: {file.name} came with MD5 {digest}, expected {file.md5}; it was removed, "
            "download it again"
        )
    part.replace(final)
    return final


def _transfer(file: PublishedFile, part: Path, progress: bool) -> str:
    """Download what is missing of the part; return the MD5 of the whole file."""
    done = part.stat().st_size if part.exists() else 0
    response = _request(file, done)
    if response is None:  # the server has no more bytes: the part is complete, or another file
        return _md5(part).hexdigest()
    with response:
        continued = response.status == 206  # with status 200, the server sends the file from its start
        digest = _md5(part) if continued else _new_md5()
        done = done if continued else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if continued else "wb") as out, _bar(file, done, total, progress) as bar:
            while chunk := _read(response, file, part):
                out.write(chunk)
                digest.update(chunk)
                bar.update(len(chunk))
                done += len(chunk)
    if total is not None and done < total:
        raise _interrupted(file, part, f"{done} of {total} bytes came")
    return digest.hexdigest()


def _request(file: PublishedFile, done: int) -> HTTPResponse | None:
    """Request the file from byte `done` on; return None if the server has no more bytes."""
    headers = {"User-Agent": "cape-jax"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        return urllib.request.urlopen(urllib.request.Request(file.url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:
            return None
        raise OSError(
            f"{file.name} cannot be downloaded: HTTP {error.code} {error.reason}, {file.url}"
        ) from error
    except (OSError, HTTPException) as error:
        why = getattr(error, "reason", error)
        raise OSError(f"{file.name} cannot be downloaded: {why}, {file.url}") from error


def _read(response: HTTPResponse, file: PublishedFile, part: Path) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise _interrupted(file, part, str(error) or type(error).__name__) from error


def _interrupted(file: PublishedFile, part: Path, why: str) -> OSError:
    return OSError(f"{file.name}: transfer interrupted ({why}), {file.url}; the same call continues {part}")


def _bar(file: PublishedFile, done: int, total: int | None, progress: bool) -> tqdm:
    return tqdm(desc=file.name, initial=done, total=total, unit="B", unit_scale=True, disable=not progress)


def _new_md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _md5(path: Path) -> hashlib._Hash:
    digest = _new_md5()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest


def _matches(name: str, pattern: str) -> bool:
    name, pattern = name.lower(), pattern.lower()
    return fnmatchcase(name, pattern) or name.rsplit(".", 1)[0] == pattern


def _suggestions(pattern: str) -> str:
    names = {f.name.lower(): f.name for f in published_files()}
    close = difflib.get_close_matches(pattern.lower().strip("*"), names, n=3, cutoff=0.5)
    if close:
        return f", did you mean {' or '.join(names[c] for c in close)}?"
    return "; expected a name such as 1D_Burgers_Sols_Nu0.01.hdf5 or a pattern such as '1D_Burgers_*'"
