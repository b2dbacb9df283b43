"""The lines of the use-it box, pasted as they are: against a real Hub, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.serve.tiny_model import write_tiny_model
from tests.servers.hub import LiveHub
from wingman.hub.access.model import Caller
from wingman.hub.app import Hub, open_hub
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.web.snippets import TOKEN, Snippet, snippets_for
from wingman.settings import load_settings

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def published(live_hub: LiveHub, tmp_path_factory: pytest.TempPathFactory) -> LiveHub:
    """A private model and a private dataset of alice's, so that the token's line is needed too."""
    api = HfApi(endpoint=live_hub.url, token=live_hub.token("alice"))
    folder = tmp_path_factory.mktemp("model")
    write_tiny_model(folder)
    api.create_repo("alice/pasted", private=True, exist_ok=True)
    api.upload_folder(repo_id="alice/pasted", folder_path=folder)
    api.create_repo("alice/pasted", repo_type="dataset", private=True, exist_ok=True)
    rows = "text,label\n" + "a good film,positive\n" * 5
    api.upload_file(
        path_or_fileobj=rows.encode(), path_in_repo="train.csv", repo_id="alice/pasted", repo_type="dataset"
    )
    return live_hub


@pytest.fixture(scope="module")
def looking(published: LiveHub) -> Iterator[tuple[Hub, Caller]]:
    """The same Hub's stores, for finding the repositories as their pages do."""
    hub = open_hub(load_settings({"home": published.home}, environ={}))
    yield hub, hub.accounts.caller_for_token(published.token("alice"))
    hub.close()


def repo_of(looking: tuple[Hub, Caller], kind: RepoKind) -> Repo:
    hub, caller = looking
    return hub.repos.find(caller, kind, "alice/pasted")


def run(snippet: Snippet, hub: LiveHub, folder: Path) -> str:
    """What the snippet prints, with a token where it asks for one."""
    code = snippet.code.replace(TOKEN, hub.token("alice"))
    if snippet.language == "bash":
        path = f"{Path(sys.executable).parent}:{hub.environ['PATH']}"
        command, environment = ["bash", "-ec", code], hub.environ | {"PATH": path}
    else:
        command, environment = [sys.executable, "-c", code], hub.environ
    if snippet.title == "git":
        # git asks a person for user name and password; here they stand in the address.
        host = hub.url.removeprefix("http://")
        command[-1] = code.replace(hub.url, f"http://alice:{hub.token('alice')}@{host}")
    environment |= {"HF_HOME": str(folder / "hf"), "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=240)
    assert done.returncode == 0, f"{code}\n{done.stderr[-2000:]}"
    return done.stdout


MODEL = {
    "pipeline": "score",
    "transformers": "",
    "InferenceClient": "label=",
    "curl": '"score"',
    "hf": "",
    "git": "",
}
DATASET = {"datasets": "num_rows: 5", "streaming": "a good film", "hf": "", "git": ""}


@pytest.mark.parametrize("title", MODEL)
def test_a_models_snippet_works_as_pasted(
    published: LiveHub, looking: tuple[Hub, Caller], tmp_path: Path, title: str
):
    snippets = {
        snippet.title: snippet for snippet in snippets_for(repo_of(looking, RepoKind.MODEL), published.url)
    }

    assert MODEL[title] in run(snippets[title], published, tmp_path)


@pytest.mark.parametrize("title", DATASET)
def test_a_datasets_snippet_works_as_pasted(
    published: LiveHub, looking: tuple[Hub, Caller], tmp_path: Path, title: str
):
    snippets = {
        snippet.title: snippet for snippet in snippets_for(repo_of(looking, RepoKind.DATASET), published.url)
    }

    assert DATASET[title] in run(snippets[title], published, tmp_path)


def test_every_snippet_is_tried(looking: tuple[Hub, Caller]):
    for kind, tried in ((RepoKind.MODEL, MODEL), (RepoKind.DATASET, DATASET)):
        assert {snippet.title for snippet in snippets_for(repo_of(looking, kind), "http://hub.test")} == set(
            tried
        )
