"""The hub: what is listed and uploaded, and every reason why not."""

import json
import sys

import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub.utils import HfHubHTTPError, LocalTokenNotFoundError
from memory_hub import MemoryHub, response

from cape import cli
from cape.pretrained import summary
from cape.release import hub as hub_module
from cape.release.hub import RemoteSurrogate, surrogates, upload

NAMES = {"README.md", "config.json", "sample.hdf5", "split.json", "training.json", "weights.safetensors"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub in memory, which the commands use as well."""
    hub = MemoryHub(tmp_path / "cache")
    monkeypatch.setattr(hub_module, "_default_api", lambda: hub)
    return hub


def test_what_is_uploaded_is_listed(published, hub):
    assert upload(published, "someone/waves") == "hf://someone/waves"
    assert set(hub.repositories["someone/waves"]) == {*NAMES, ".gitattributes"}
    for file in published.iterdir():
        assert hub.repositories["someone/waves"][file.name] == file.read_bytes()
    upload(published, "hf://someone/more")
    found = surrogates()
    assert found == [
        RemoteSurrogate(f"hf://someone/{name}", summary(published)) for name in ("more", "waves")
    ]
    assert surrogates("hf://someone/") == surrogates("someone") == found and surrogates("another") == []


def test_the_same_files_are_not_uploaded_again(published, hub):
    upload(published, "someone/waves")
    hub.requests.clear()
    assert upload(published, "someone/waves") == "hf://someone/waves"
    assert hub.requests == ["whoami"]


def test_another_surrogate_is_replaced_only_when_asked(published, folder, hub):
    upload(published, "someone/waves", private=True)
    assert hub.requests[1] == "create_repo, private"
    (folder / "README.md").write_text("library_name: cape-jax\n")
    (folder / "split.json").unlink()
    with pytest.raises(FileExistsError, match="already exists with other content .*README.md.*set overwrite"):
        upload(folder, "someone/waves")
    assert hub.repositories["someone/waves"]["README.md"] == (published / "README.md").read_bytes()
    upload(folder, "someone/waves", overwrite=True)
    assert set(hub.repositories["someone/waves"]) == {*NAMES, ".gitattributes"} - {"split.json"}


def test_an_empty_repository_is_filled_and_files_of_others_are_never_replaced(published, hub):
    hub.repositories["someone/empty"] = {".gitattributes": b""}
    upload(published, "someone/empty")
    hub.repositories["someone/page"] = {"README.md": b"a page"}
    with pytest.raises(FileExistsError, match="already exists with other content"):
        upload(published, "someone/page")
    upload(published, "someone/page", overwrite=True)
    hub.repositories["someone/bert"] = {"README.md": b"", "model.safetensors": b"1"}
    with pytest.raises(FileExistsError, match="not of a surrogate .*never replaced; choose another name"):
        upload(published, "someone/bert", overwrite=True)
    assert len(hub.repositories["someone/bert"]) == 2


def test_uploads_that_the_hub_refuses_say_what_to_do(published, hub, monkeypatch):
    with pytest.raises(PermissionError, match="hf://else/waves: the token has no permission .*write access"):
        upload(published, "else/waves")
    monkeypatch.setattr(hub, "user", None)
    with pytest.raises(
        PermissionError, match="no token of the hub is set; run `hf auth login`, or set HF_TOKEN"
    ):
        upload(published, "someone/waves")
    assert not hub.repositories


def test_a_repository_that_changes_at_the_same_time_is_left_as_it_is(published, folder, hub, monkeypatch):
    upload(published, "someone/waves")
    (folder / "README.md").write_text("ours")
    found = hub.model_info("someone/waves", files_metadata=True)
    monkeypatch.setattr(hub, "model_info", lambda *_, **__: found)
    hub.repositories["someone/waves"]["README.md"] = b"theirs"
    with pytest.raises(OSError, match="the repository changed at the same time .*try again"):
        upload(folder, "someone/waves", overwrite=True)
    assert hub.repositories["someone/waves"]["README.md"] == b"theirs"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            RuntimeError("[Errno 111] refused"),
            ConnectionError,
            r"hf://someone: the hub cannot be reached \(Run",
        ),
        (OSError("offline"), ConnectionError, "cannot be reached"),
        (LocalTokenNotFoundError("no"), PermissionError, "no token of the hub"),
        (HfHubHTTPError("no", response=response(401)), PermissionError, "does not accept the token"),
        (HfHubHTTPError("no", response=response(404)), FileNotFoundError, "no such repository or owner"),
        (HfHubHTTPError("no", response=response(500)), OSError, "the hub refuses"),
    ],
)
def test_errors_of_the_hub_are_named(hub, monkeypatch, error, kind, message):
    def fail(**_):
        raise error

    monkeypatch.setattr(hub, "list_models", fail)
    with pytest.raises(kind, match=message):
        surrogates("someone")


def test_repositories_that_cannot_be_read_are_listed_with_the_reason(published, hub):
    for name in ("a-damaged", "b-newer", "c-without", "d-hostile"):
        upload(published, f"someone/{name}")
    hub.repositories["someone/a-damaged"]["config.json"] = b"{"
    config = json.loads((published / "config.json").read_text())
    hub.repositories["someone/b-newer"]["config.json"] = json.dumps(config | {"format": 99}).encode()
    del hub.repositories["someone/c-without"]["weights.safetensors"]
    config["problem"]["equation"] = "a\n\x1b[31mb"
    hub.repositories["someone/d-hostile"]["config.json"] = json.dumps(config).encode()
    damaged, newer, without, hostile = (surrogate.summary for surrogate in surrogates())
    assert damaged.startswith("cannot be read: ") and "upgrade cape-jax" in newer
    assert without == "not a pretrained folder, without weights.safetensors"
    assert hostile.isprintable()


@pytest.mark.parametrize("address", ["waves", "someone/waves@main", "../waves", "a/b/c", "hf://"])
def test_an_address_of_nothing_is_refused(published, hub, address):
    with pytest.raises(ValueError, match="expected the repository OWNER/NAME of a hub"):
        upload(published, address)


@pytest.mark.parametrize("owner", ["someone/waves", "hf://some one"])
def test_an_owner_of_nothing_is_refused(hub, owner):
    with pytest.raises(ValueError, match="expected a user or an organisation"):
        surrogates(owner)


def test_a_folder_that_was_not_published_is_not_uploaded(run, hub):
    with pytest.raises(
        ValueError, match="expected a folder written by `cape publish`, but README.md is missing"
    ):
        upload(run / "model", "someone/waves")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'cape-jax\[hub\]'"):
        surrogates()


def test_commands_publish_to_the_hub_and_list_it(run, published, hub, tmp_path, capsys):
    assert cli.main(["models", "--remote"]) == 0
    assert capsys.readouterr().out == "there is no surrogate of cape-jax on the hub\n"
    assert cli.main(["publish", str(run), "--hub", "someone/waves"]) == 0
    assert capsys.readouterr().out == "hf://someone/waves\n"
    card = hub.repositories["someone/waves"]["README.md"].decode()
    assert 'cape.load("hf://someone/waves")' in card and "# waves\n" in card
    assert cli.main(["publish", str(run), "--out", str(tmp_path / "b"), "--hub", "hf://someone/b"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'b'}\nhf://someone/b\n"
    assert (tmp_path / "b" / "README.md").read_bytes() == hub.repositories["someone/b"]["README.md"]
    assert cli.main(["publish", str(published), "--hub", "someone/c"]) == 0
    capsys.readouterr()
    assert cli.main(["models", "--remote", "hf://someone"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"hf://someone/{name}" for name in ("b", "c", "waves")]
    assert all(line.endswith(summary(published)) for line in lines)
    assert cli.main(["publish", str(run)]) == 1
    assert cli.main(["models", "--remote", "a", "b"]) == 1
    err = capsys.readouterr().err
    assert "expected --out FOLDER, --hub OWNER/NAME, or both" in err and "at most one user" in err
