"""Repositories as JSON: the fields of info and list answers, whole or by `expand`.

Source: reference of the wire contract, sections 3 and 4.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wingman.hub.contents.model import Entry
from wingman.hub.database import now
from wingman.hub.errors import Invalid
from wingman.hub.http.dates import iso
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.repos.trending import score_now

_COMMON = (
    "author cardData createdAt disabled lastModified likes private resourceGroup sha siblings tags "
    "trendingScore usedStorage"
)
EXPANDABLE: dict[RepoKind, tuple[str, ...]] = {
    RepoKind.MODEL: tuple(
        sorted(
            f"{_COMMON} baseModels childrenModelCount config downloads downloadsAllTime evalResults gated gguf "
            "inference inferenceProviderMapping library_name mask_token model-index pipeline_tag safetensors spaces "
            "transformersInfo widgetData".split()
        )
    ),
    RepoKind.DATASET: tuple(
        sorted(
            f"{_COMMON} citation description downloads downloadsAllTime gated mainSize paperswithcode_id".split()
        )
    ),
    RepoKind.SPACE: tuple(sorted(f"{_COMMON} datasets models region runtime sdk subdomain".split())),
}
_LIST_FIELDS = (
    "author",
    "createdAt",
    "lastModified",
    "likes",
    "private",
    "sha",
    "tags",
    "trendingScore",
    "disabled",
)
_LIST_EXTRA = {
    RepoKind.MODEL: ("downloads", "gated", "library_name", "pipeline_tag"),
    RepoKind.DATASET: ("description", "downloads", "gated", "mainSize"),
    RepoKind.SPACE: ("runtime", "sdk", "subdomain"),
}
_INFO_EXTRA = {
    RepoKind.MODEL: (
        "cardData",
        "config",
        "downloadsAllTime",
        "mask_token",
        "model-index",
        "safetensors",
        "spaces",
        "transformersInfo",
        "usedStorage",
        "widgetData",
    ),
    RepoKind.DATASET: ("cardData", "citation", "downloadsAllTime", "paperswithcode_id", "usedStorage"),
    RepoKind.SPACE: ("cardData", "datasets", "models", "usedStorage"),
}
FULL_LIST_FIELDS = ("cardData", "siblings")


def check_expand(kind: RepoKind, wanted: Sequence[str]) -> None:
    """Raises `Invalid` with the list of what may be asked for; clients compare it with their own."""
    allowed = EXPANDABLE[kind]
    for name in wanted:
        if name not in allowed:
            raise Invalid(
                f"Invalid option: expected one of {'|'.join(repr(option) for option in allowed)}, "
                f"received {name!r} at expand."
            )


Siblings = Callable[[], Sequence[Entry]]
Related = dict[str, Callable[[], Any]]
"""Fields that other repositories answer."""


def info_json(
    repo: Repo,
    *,
    sha: str | None,
    config: Mapping[str, Any],
    siblings: Siblings,
    with_sizes: bool,
    expand: Sequence[str],
    safetensors: Callable[[], Mapping[str, Any] | None],
    related: Related,
) -> dict[str, Any]:
    """One repository at a revision; what is given as a function is only called where it is shown."""
    special = {"sha": lambda: sha} | _file_fields(repo, config, siblings, with_sizes, safetensors) | related

    def value(name: str) -> Any:
        return special[name]() if name in special else field_value(repo, name)

    if expand:
        names: Sequence[str] = expand
    else:
        names = [*_LIST_FIELDS, *_LIST_EXTRA[repo.kind], *_INFO_EXTRA[repo.kind], "siblings"]
    return _identity(repo, with_model_id=not expand) | _present((name, value(name)) for name in names)


def list_json(repo: Repo, *, fields: Sequence[str], expanded: bool) -> dict[str, Any]:
    """One row of a list, without the fields of `looked_up_json`."""
    names = fields if expanded else [*_LIST_FIELDS, *_LIST_EXTRA[repo.kind], *fields]
    return _identity(repo, with_model_id=not expanded) | _present(
        (name, field_value(repo, name)) for name in names
    )


def looked_up_json(
    repo: Repo,
    *,
    fields: Sequence[str],
    config: Mapping[str, Any],
    siblings: Siblings,
    safetensors: Callable[[], Mapping[str, Any] | None],
    related: Related,
) -> dict[str, Any]:
    """Those of the `fields` of a list's row that take a look at its files, or at other repositories."""
    readers = _file_fields(repo, config, siblings, False, safetensors) | related
    return _present((name, readers[name]()) for name in fields if name in readers)


def _file_fields(
    repo: Repo,
    config: Mapping[str, Any],
    siblings: Siblings,
    with_sizes: bool,
    safetensors: Callable[[], Mapping[str, Any] | None],
) -> dict[str, Callable[[], Any]]:
    return {
        "config": lambda: _config(config),
        "siblings": lambda: [sibling_json(entry, with_sizes) for entry in siblings()],
        "safetensors": safetensors,
        "transformersInfo": lambda: _transformers_info(repo, config),
    }


def _identity(repo: Repo, *, with_model_id: bool) -> dict[str, Any]:
    identity: dict[str, Any] = {"_id": f"{repo.id:024x}", "id": repo.full_name}
    if repo.kind is RepoKind.MODEL and with_model_id:
        identity["modelId"] = repo.full_name
    return identity


def _present(pairs: Any) -> dict[str, Any]:
    """Fields without a value are left out, as clients expect of optional ones."""
    return {name: value for name, value in pairs if value is not None}


def field_value(repo: Repo, name: str) -> Any:
    """A field that the repository's own row answers; None where it has nothing to say."""
    card = repo.facts.card
    match name:
        case "author":
            return repo.namespace
        case "sha":
            return repo.head
        case "createdAt":
            return iso(repo.created_at)
        case "lastModified":
            return iso(repo.updated_at)
        case "private":
            return repo.private
        case "disabled":
            return repo.disabled
        case "gated":
            return repo.gated or False
        case "likes":
            return repo.likes
        case "downloads":
            return repo.downloads
        case "downloadsAllTime":
            return repo.downloads_all_time
        case "trendingScore":
            return score_now(repo.trending, now())
        case "usedStorage":
            return repo.facts.used_bytes
        case "mainSize":
            return repo.facts.used_bytes
        case "tags":
            return list(repo.facts.tags)
        case "pipeline_tag":
            return repo.facts.pipeline_tag
        case "library_name":
            return repo.facts.library_name
        case "sdk":
            return repo.facts.sdk
        case "cardData":
            return dict(card) or None
        case "model-index":
            return card.get("model-index")
        case "widgetData":
            return card.get("widget")
        case "description":
            return card.get("description") if isinstance(card.get("description"), str) else None
        case "baseModels":
            return _base_models(card)
        case "paperswithcode_id":
            return card.get("paperswithcode_id")
        case "datasets" | "models":
            return _names(card.get(name))
        case "subdomain":
            return f"{repo.namespace}-{repo.name}".lower().replace(".", "-").replace("_", "-")
        case "runtime":
            return {
                "stage": "NO_APP_FILE",
                "hardware": {"current": None, "requested": None},
                "gcTimeout": None,
            }
        case "region":
            return "us"
    return None


def _names(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


def _base_models(card: Mapping[str, Any]) -> dict[str, Any] | None:
    names = _names(card.get("base_model"))
    if not names:
        return None
    relation = card.get("base_model_relation", "finetune")
    return {"relation": relation, "models": [{"_id": name, "id": name} for name in names]}


def _config(config: Mapping[str, Any]) -> dict[str, Any] | None:
    shown = {name: config[name] for name in ("architectures", "model_type", "auto_map") if name in config}
    return shown or None


_AUTO_CLASSES = {
    "text-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
    "text-generation": "AutoModelForCausalLM",
    "fill-mask": "AutoModelForMaskedLM",
    "text2text-generation": "AutoModelForSeq2SeqLM",
    "image-classification": "AutoModelForImageClassification",
    "automatic-speech-recognition": "AutoModelForSpeechSeq2Seq",
}


def _transformers_info(repo: Repo, config: Mapping[str, Any]) -> dict[str, Any] | None:
    # The client's dataclass is strict: no other keys than these may appear.
    if repo.facts.library_name != "transformers" and not config.get("architectures"):
        return None
    info = {"auto_model": _AUTO_CLASSES.get(repo.facts.pipeline_tag or "", "AutoModel")}
    if repo.facts.pipeline_tag:
        info["pipeline_tag"] = repo.facts.pipeline_tag
    return info


def sibling_json(entry: Entry, with_sizes: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": entry.path}
    if with_sizes:
        sibling |= {"size": entry.size, "blobId": entry.oid}
        if entry.pointer:
            sibling["lfs"] = {
                "sha256": entry.pointer.sha256,
                "size": entry.size,
                "pointerSize": len(entry.pointer.text),
            }
    return sibling
