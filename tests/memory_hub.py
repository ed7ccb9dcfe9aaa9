"""A hub in memory, with the methods and the errors of `huggingface_hub.HfApi` that the package uses."""

import fnmatch
import hashlib
from pathlib import Path
from types import SimpleNamespace


class MemoryHub:
    """Repositories as dicts of files. Files of arrays are large ones, as on the hub.

    Attributes:
        repositories: OWNER/NAME -> file name -> content.
        user: the account of the token; None: there is no token.
        writable: owners that the token may write to.
        requests: names of the methods that were called.
    """

    def __init__(self, cache: Path, user: str | None = "someone"):
        self.cache, self.user, self.writable = cache, user, {user}
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.requests: list[str] = []

    def whoami(self):
        from huggingface_hub.utils import LocalTokenNotFoundError

        self.requests.append("whoami")
        if self.user is None:
            raise LocalTokenNotFoundError("Token is required")
        return {"name": self.user}

    def list_models(self, *, filter, author, limit):
        names = [
            name
            for name, files in self.repositories.items()
            if f"library_name: {filter}\n".encode() in files.get("README.md", b"")
            and author in (None, name.split("/")[0])
        ]
        return iter([SimpleNamespace(id=name) for name in names[:limit]])

    def model_info(self, repo_id, *, files_metadata):
        from huggingface_hub.utils import RepositoryNotFoundError

        if repo_id not in self.repositories:
            raise RepositoryNotFoundError(f"no {repo_id}", response=response(404))
        files = self.repositories[repo_id]
        return SimpleNamespace(
            sha=self._commit(repo_id), siblings=[sibling(name, data) for name, data in files.items()]
        )

    def hf_hub_download(self, repo_id, filename, *, revision):
        assert revision == self._commit(repo_id)
        file = self.cache / repo_id / filename
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.repositories[repo_id][filename])
        return str(file)

    def create_repo(self, repo_id, *, private):
        from huggingface_hub.utils import HfHubHTTPError

        self.requests.append("create_repo, private" if private else "create_repo")
        if repo_id.split("/")[0] not in self.writable:
            raise HfHubHTTPError("You don't have the rights", response=response(403))
        self.repositories[repo_id] = {".gitattributes": b"*.safetensors filter=lfs\n"}

    def upload_folder(
        self, *, repo_id, folder_path, commit_message, allow_patterns, delete_patterns, parent_commit
    ):
        from huggingface_hub.utils import HfHubHTTPError

        self.requests.append("upload_folder")
        assert commit_message
        if parent_commit not in (None, self._commit(repo_id)):
            raise HfHubHTTPError("A commit has happened since", response=response(412))
        files = self.repositories[repo_id]
        for name in [name for name in files if matches(name, delete_patterns)]:
            del files[name]
        for path in Path(folder_path).iterdir():
            if matches(path.name, allow_patterns):
                files[path.name] = path.read_bytes()

    def _commit(self, name):
        return hashlib.sha1(repr(sorted(self.repositories[name].items())).encode()).hexdigest()


def matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def response(status):
    """Return what errors of huggingface_hub read of a response of any HTTP package."""
    return SimpleNamespace(status_code=status, headers={}, request=None)


def sibling(name, data):
    large = None
    if name.endswith((".safetensors", ".hdf5")):
        large = SimpleNamespace(sha256=hashlib.sha256(data).hexdigest())
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return SimpleNamespace(rfilename=name, size=len(data), blob_id=None if large else blob, lfs=large)
