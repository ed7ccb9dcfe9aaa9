"""The hub: list the surrogates that others have published there, and upload a pretrained folder (extra `hub`).

The environment variable HF_ENDPOINT chooses another server than huggingface.co.
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from cape.datasets.names import printable
from cape.locate import FILES, HUB, repository_of
from cape.pretrained import CONFIG, WEIGHTS, summary

LIBRARY = "cape-jax"  # the library on every model card; the hub lists repositories by it
MOST_LISTED = 100
_MADE_BY_THE_HUB = ".gitattributes"


class HubApi(Protocol):
    """The methods of `huggingface_hub.HfApi` that are used here."""

    def whoami(self) -> dict[str, Any]:
        """Return the account of the token."""

    def list_models(self, *, filter: str, author: str | None, limit: int) -> Iterable[Any]:
        """Return the repositories of a library; `id` is OWNER/NAME."""

    def model_info(self, repo_id: str, *, files_metadata: bool) -> Any:
        """Return a repository: its commit `sha` and its files `siblings`."""

    def hf_hub_download(self, repo_id: str, filename: str, *, revision: str | None) -> str:
        """Download a file, or find it in the cache; return its path."""

    def create_repo(self, repo_id: str, *, private: bool | None) -> Any:
        """Make an empty repository."""

    def upload_folder(self, *, repo_id: str, folder_path: str, **options: Any) -> Any:
        """Upload files in one commit."""


@dataclasses.dataclass(frozen=True)
class RemoteSurrogate:
    """A surrogate on the hub.

    Attributes:
        address: what `cape.load` takes, hf://OWNER/NAME.
        summary: the line of `cape.pretrained.summary`, or why its configuration cannot be read.
    """

    address: str
    summary: str


def surrogates(owner: str = "", api: HubApi | None = None) -> list[RemoteSurrogate]:
    """List at most 100 surrogates of the hub, sorted by address. Reads config.json of each, and no weights.

    Args:
        owner: list those of this user or organisation only, such as "someone" or "hf://someone".
        api: the hub; None: that of the package huggingface_hub.

    Raises:
        ValueError: the owner is not a name.
        OSError: the hub cannot be reached, or refuses.
        ImportError: the package huggingface_hub is not installed.
    """
    api, author = api or _default_api(), owner.removeprefix(HUB).strip("/")
    if "/" in author or any(letter.isspace() for letter in author):
        raise ValueError(
            f"expected a user or an organisation of the hub, such as {HUB}someone, got {owner!r}"
        )
    with _errors_named(f"{HUB}{author}"):
        found = list(api.list_models(filter=LIBRARY, author=author or None, limit=MOST_LISTED))
    names = sorted(model.id for model in found)
    return [RemoteSurrogate(f"{HUB}{name}", printable(_summary(api, name))) for name in names]


def upload(
    folder: Path, address: str, *, overwrite: bool = False, private: bool = False, api: HubApi | None = None
) -> str:
    """Upload a published pretrained folder in one commit, and return its address hf://OWNER/NAME.

    A repository that does not exist is made. Nothing is uploaded if it holds the same files already.

    Args:
        folder: written by `cape.release.publish.publish`.
        address: OWNER/NAME or hf://OWNER/NAME.
        overwrite: replace the surrogate in a repository that holds another one.
        private: a repository that is made is not public.
        api: the hub; None: that of the package huggingface_hub.

    Raises:
        ValueError: the address has another form, or the folder was not published.
        FileExistsError: the repository has other files, and `overwrite` is false or they are not of a surrogate.
        PermissionError: there is no token, or it may not write there.
        OSError: the hub cannot be reached, or refuses.
        ImportError: the package huggingface_hub is not installed.
    """
    repository = repository_of(address)
    files = _published_files(folder)
    api = api or _default_api()
    with _errors_named(f"{HUB}{repository}"):
        api.whoami()
        info = _find(api, repository)
        there = {} if info is None else _files_there(info)
        if there and _is_same(files, there):
            return f"{HUB}{repository}"
        _check_replaceable(repository, there, overwrite)
        if info is None:
            api.create_repo(repository, private=private or None)
        api.upload_folder(
            repo_id=repository,
            folder_path=str(folder),
            commit_message=f"Surrogate {folder.name}, by cape publish",
            allow_patterns=list(FILES),
            delete_patterns=list(FILES),
            parent_commit=None if info is None else info.sha,
        )
    return f"{HUB}{repository}"


def _default_api() -> HubApi:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ImportError("the hub needs huggingface_hub: pip install 'cape-jax[hub]'") from error
    api: Any = HfApi()
    return api


def _summary(api: HubApi, name: str) -> str:
    """Describe a repository in one line: the surrogate in it, or why it cannot be read."""
    try:
        with _errors_named(f"{HUB}{name}"):
            info = api.model_info(name, files_metadata=True)
            sizes = {file.rfilename: file.size for file in info.siblings}
            if missing := [file for file in (CONFIG, WEIGHTS) if file not in sizes]:
                return f"not a pretrained folder, without {' and '.join(missing)}"
            config = Path(api.hf_hub_download(name, CONFIG, revision=info.sha))
        return summary(config.parent, size=sizes[WEIGHTS])
    except (ValueError, PermissionError, FileNotFoundError) as error:
        return f"cannot be read: {error}"


def _published_files(folder: Path) -> dict[str, Path]:
    """Return the files of a published folder by name."""
    files = {file.name: file for pattern in FILES for file in folder.glob(pattern)}
    if missing := {CONFIG, WEIGHTS, "README.md"} - set(files):
        raise ValueError(
            f"{folder}: expected a folder written by `cape publish`, but {', '.join(sorted(missing))} is missing"
        )
    return files


def _find(api: HubApi, repository: str) -> Any | None:
    """Return a repository with its files; None if there is none."""
    from huggingface_hub.utils import RepositoryNotFoundError

    try:
        return api.model_info(repository, files_metadata=True)
    except RepositoryNotFoundError:
        return None


def _files_there(info: Any) -> dict[str, Any]:
    return {file.rfilename: file for file in info.siblings if file.rfilename != _MADE_BY_THE_HUB}


def _is_same(files: dict[str, Path], there: dict[str, Any]) -> bool:
    """Compare contents by digests: SHA-256 of large files, and that of git, SHA-1 of "blob SIZE\\0DATA", of others."""
    if set(files) != set(there):
        return False
    for name, path in files.items():
        data = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        large = there[name].lfs
        if large is not None and large.sha256 != hashlib.sha256(data).hexdigest():
            return False
        if large is None and there[name].blob_id != blob:
            return False
    return True


def _check_replaceable(repository: str, there: dict[str, Any], overwrite: bool) -> None:
    if not there:
        return
    shown = ", ".join(sorted(there)[:3]) + (", ..." if len(there) > 3 else "")
    if set(there) != {"README.md"} and CONFIG not in there:
        raise FileExistsError(
            f"{HUB}{repository}: holds files that are not of a surrogate ({shown}), which are never replaced; choose "
            "another name"
        )
    if not overwrite:
        raise FileExistsError(
            f"{HUB}{repository}: already exists with other content ({shown}); choose another name or set overwrite to "
            "replace it"
        )


@contextlib.contextmanager
def _errors_named(address: str) -> Iterator[None]:
    """Turn errors of huggingface_hub and of its network package into ones that say what to do."""
    from huggingface_hub.utils import HfHubHTTPError, LocalTokenNotFoundError

    try:
        yield
    except (ValueError, FileExistsError):  # of this package, or they name what is wrong with an argument
        raise
    except LocalTokenNotFoundError as error:
        raise PermissionError(
            f"{address}: no token of the hub is set; run `hf auth login`, or set HF_TOKEN"
        ) from error
    except Exception as error:  # the network package raises errors of its own, which depend on its version
        status = None
        if isinstance(error, HfHubHTTPError) and error.response is not None:
            status = error.response.status_code
        raise _refusal(address, status, " ".join(f"{type(error).__name__}: {error}".split())[:300]) from error


def _refusal(address: str, status: int | None, why: str) -> OSError:
    if status is None:
        return ConnectionError(f"{address}: the hub cannot be reached ({why})")
    if status == 401:
        return PermissionError(
            f"{address}: there is no such repository, or the hub does not accept the token ({why}); run `hf auth "
            "login`, or set HF_TOKEN"
        )
    if status == 403:
        return PermissionError(
            f"{address}: the token has no permission for this ({why}); use a token with write access, or an owner "
            "that you may write to"
        )
    if status == 404:
        return FileNotFoundError(f"{address}: there is no such repository or owner on the hub ({why})")
    if status in (409, 412):
        return OSError(f"{address}: the repository changed at the same time ({why}); try again")
    return OSError(f"{address}: the hub refuses ({why})")
