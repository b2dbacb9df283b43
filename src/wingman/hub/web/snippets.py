"""Code that works as pasted, against this very Hub: each line is run by a test."""

import json
from dataclasses import dataclass

from wingman.hub.repos.model import Repo, RepoKind

TOKEN = "hf_…"
_EXAMPLES = {
    "text-classification": "A joy from the first minute to the last.",
    "token-classification": "Ada Lovelace lived in London.",
    "fill-mask": "Paris is the [MASK] of France.",
    "text-generation": "Once upon a time",
    "summarization": "A long text that wants to be short.",
    "translation": "How are you?",
    "feature-extraction": "A sentence to be turned into numbers.",
}


@dataclass(frozen=True, slots=True)
class Snippet:
    title: str
    language: str
    code: str


def example_input(task: str | None) -> str:
    return _EXAMPLES.get(task or "", "Hello")


def snippets_for(repo: Repo, base: str) -> list[Snippet]:
    """How to use a repository, by tool. Private ones name the token that is needed, and where to get it."""
    needs_token = repo.private or repo.gated is not None
    return {
        RepoKind.MODEL: _model_snippets,
        RepoKind.DATASET: _dataset_snippets,
        RepoKind.SPACE: _space_snippets,
    }[repo.kind](repo, base, needs_token)


def _environment(base: str, needs_token: bool) -> str:
    lines = ["import os", f'os.environ["HF_ENDPOINT"] = "{base}"  # before the imports below']
    if needs_token:
        lines.append(f'os.environ["HF_TOKEN"] = "{TOKEN}"  # from {base}/settings/tokens')
    return "\n".join(lines) + "\n\n"


def _model_snippets(repo: Repo, base: str, needs_token: bool) -> list[Snippet]:
    task, name = repo.facts.pipeline_tag, repo.full_name
    found = []
    if repo.facts.library_name in ("transformers", "peft", None) and task:
        found.append(
            Snippet(
                "pipeline",
                "python",
                _environment(base, needs_token)
                + "from transformers import pipeline\n\n"
                + f'ask = pipeline("{task}", model="{name}")\nprint(ask({json.dumps(example_input(task))}))',
            )
        )
    if repo.facts.library_name == "sentence-transformers":
        found.append(
            Snippet(
                "sentence-transformers",
                "python",
                _environment(base, needs_token)
                + "from sentence_transformers import SentenceTransformer\n\n"
                + f'model = SentenceTransformer("{name}")\nprint(model.encode(["A sentence."]).shape)',
            )
        )
    if repo.facts.library_name in ("transformers", "sentence-transformers"):
        auto = "AutoModelForSequenceClassification" if task == "text-classification" else "AutoModel"
        found.append(
            Snippet(
                "transformers",
                "python",
                _environment(base, needs_token)
                + f"from transformers import {auto}, AutoTokenizer\n\n"
                + f'tokenizer = AutoTokenizer.from_pretrained("{name}")\nmodel = {auto}.from_pretrained("{name}")',
            )
        )
    if task == "text-classification":
        token = f', token="{TOKEN}"' if needs_token else ""
        found.append(
            Snippet(
                "InferenceClient",
                "python",
                "from huggingface_hub import InferenceClient\n\n"
                f'client = InferenceClient(model="{base}/models/{name}"{token})\n'
                f"print(client.text_classification({json.dumps(example_input(task))}))",
            )
        )
        header = f"  -H 'Authorization: Bearer {TOKEN}' \\\n" if needs_token else ""
        body = json.dumps({"inputs": example_input(task)})
        found.append(
            Snippet(
                "curl",
                "bash",
                f"curl {base}/models/{name} \\\n{header}  -H 'Content-Type: application/json' \\\n  -d '{body}'",
            )
        )
    return [*found, *_transfer_snippets(repo, base, needs_token)]


def _dataset_snippets(repo: Repo, base: str, needs_token: bool) -> list[Snippet]:
    start = _environment(base, needs_token) + "from datasets import load_dataset\n\n"
    return [
        Snippet("datasets", "python", f'{start}data = load_dataset("{repo.full_name}")\nprint(data)'),
        Snippet(
            "streaming",
            "python",
            f'{start}data = load_dataset("{repo.full_name}", streaming=True)\n'
            "for row in next(iter(data.values())).take(3):\n    print(row)",
        ),
        *_transfer_snippets(repo, base, needs_token),
    ]


def _space_snippets(repo: Repo, base: str, needs_token: bool) -> list[Snippet]:
    return _transfer_snippets(repo, base, needs_token)


def _transfer_snippets(repo: Repo, base: str, needs_token: bool) -> list[Snippet]:
    variables = f"export HF_ENDPOINT={base}\n" + (f"export HF_TOKEN={TOKEN}\n" if needs_token else "")
    kind = "" if repo.kind is RepoKind.MODEL else f" --repo-type {repo.kind.value}"
    return [
        Snippet("hf", "bash", f"{variables}hf download {repo.full_name}{kind}"),
        Snippet("git", "bash", f"git clone {base}/{repo.path}"),
    ]
