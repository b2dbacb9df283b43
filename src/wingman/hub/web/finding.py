"""The find pages' vocabulary: which facets each kind has, what belongs in which, and the state in the address.

Pure: takes counted tags and query parameters, gives facets with links.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from wingman.hub.repos.model import SIZE_CLASSES, RepoKind
from wingman.hub.web.languages import language_name
from wingman.hub.web.templating import task_text

SORTS = (
    ("trendingScore", "Trending"),
    ("lastModified", "Last updated"),
    ("createdAt", "Newest"),
    ("downloads", "Most downloads"),
    ("likes", "Most likes"),
)
PARAMETERS = ("q", "task", "library", "language", "license", "size", "format", "sdk", "owner", "sort")

TASKS = frozenset(
    "any-to-any audio-classification audio-to-audio automatic-speech-recognition depth-estimation "
    "document-question-answering feature-extraction fill-mask image-classification image-feature-extraction "
    "image-segmentation image-text-to-text image-to-image image-to-text keypoint-detection mask-generation "
    "object-detection question-answering reinforcement-learning sentence-similarity summarization "
    "table-question-answering tabular-classification tabular-regression text-classification text-generation "
    "text-ranking text-to-audio text-to-image text-to-speech text2text-generation token-classification translation "
    "video-classification visual-question-answering zero-shot-classification zero-shot-image-classification".split()
)
LIBRARIES = frozenset(
    "adapter-transformers diffusers fastai flair gguf joblib keras llamafile mlx onnx openvino peft pytorch "
    "safetensors sentence-transformers setfit sklearn spacy speechbrain stanza tensorboard tf tf-keras tflite timm "
    "transformers transformers.js ultralytics".split()
)
SDKS = frozenset(("gradio", "streamlit", "docker", "static"))
SHOWN_VALUES = 12


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    label: str
    count: int | None
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """Everything a find page's address says."""

    kind: RepoKind
    chosen: Mapping[str, str]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.chosen.get("q", "").split())

    @property
    def sort(self) -> str:
        asked = self.chosen.get("sort", "")
        return asked if asked in dict(SORTS) else SORTS[0][0]

    @property
    def tags(self) -> tuple[str, ...]:
        """The chosen facets as the tags that repositories carry."""
        return tuple(
            _tag_of(self.kind, name, value)
            for name, value in self.chosen.items()
            if name not in ("q", "sort", "owner")
        )

    def address(self, **changes: str) -> str:
        """This search with some parameters changed; an empty value takes one away."""
        wanted = {**self.chosen, **changes}
        query = urlencode([(name, wanted[name]) for name in (*PARAMETERS, "cursor") if wanted.get(name)])
        return f"/{self.kind.plural}" + (f"?{query}" if query else "")


def parse_search(kind: RepoKind, parameters: Mapping[str, str]) -> Search:
    chosen = {name: parameters.get(name, "").strip()[:200] for name in PARAMETERS}
    return Search(kind, {name: value for name, value in chosen.items() if value})


def _tag_of(kind: RepoKind, facet: str, value: str) -> str:
    prefix = _PREFIX[kind].get(facet, "")
    return f"{prefix}:{value}" if prefix else value


# Under which prefix a facet's tags stand; "" where they carry none and are told apart by what they say.
_PREFIX: dict[RepoKind, dict[str, str]] = {
    RepoKind.MODEL: {"task": "", "library": "", "size": "bytes", "language": "", "license": "license"},
    RepoKind.DATASET: {
        "task": "task_categories",
        "size": "size_categories",
        "format": "format",
        "language": "language",
        "license": "license",
    },
    RepoKind.SPACE: {"sdk": "", "license": "license"},
}
_LABELS = {
    "task": "Task",
    "library": "Library",
    "language": "Language",
    "license": "Licence",
    "size": "Size",
    "format": "Format",
    "sdk": "SDK",
    "owner": "Owner",
}


def facet_prefixes(kind: RepoKind) -> list[str]:
    """What to count by: each prefix with its colon, and "" where bare tags matter."""
    return [f"{prefix}:" if prefix else "" for prefix in dict.fromkeys(_PREFIX[kind].values())]


def build_facets(
    search: Search, counts: Mapping[str, Mapping[str, int]], owners: Mapping[str, int]
) -> list[Facet]:
    """counts: tags by prefix, as the repositories' index counts them. owners: repositories by namespace."""
    facets = []
    for name, prefix in _PREFIX[search.kind].items():
        found = counts.get(f"{prefix}:" if prefix else "", {})
        values = {
            tag.removeprefix(f"{prefix}:"): number
            for tag, number in found.items()
            if prefix or _belongs(name, tag)
        }
        facets.append(_facet(search, name, values))
    facets.append(_facet(search, "owner", owners))
    return [facet for facet in facets if facet.values]


def facet_of(kind: RepoKind, tag: str) -> tuple[str, str] | None:
    """Which facet a tag belongs to, and the value that the facet knows it by.

    >>> facet_of(RepoKind.MODEL, "license:mit"), facet_of(RepoKind.MODEL, "de"), facet_of(RepoKind.MODEL, "mood")
    (('license', 'mit'), ('language', 'de'), None)
    """
    for facet, prefix in _PREFIX[kind].items():
        if prefix and tag.startswith(f"{prefix}:"):
            return facet, tag.removeprefix(f"{prefix}:")
        if not prefix and _belongs(facet, tag):
            return facet, tag
    return None


def _belongs(facet: str, tag: str) -> bool:
    match facet:
        case "task":
            return tag in TASKS
        case "library":
            return tag in LIBRARIES
        case "sdk":
            return tag in SDKS
        case "language":
            return len(tag) in (2, 3) and tag.isalpha() and tag.islower() and tag not in _NOT_LANGUAGES
    return False


def facet_value_label(facet: str, value: str) -> str:
    match facet:
        case "task":
            return task_text(value)
        case "language":
            return language_name(value)
        case "size":
            return value.replace("<n<", " to ").replace("n<", "under ").replace("n>", "over ")
    return value


_ROW_CLASSES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
_SIZE_ORDER = {name: place for place, name in enumerate((*SIZE_CLASSES, *_ROW_CLASSES))}


def _place_of_size(value: str) -> int:
    return _SIZE_ORDER.get(value, len(_SIZE_ORDER))


_NOT_LANGUAGES = frozenset(
    ("tf", "mlx", "vit", "gpt", "t5", "moe", "llm", "nlp", "ner", "dpo", "sft", "rag", "vlm", "tts", "asr")
)


def _facet(search: Search, name: str, values: Mapping[str, int]) -> Facet:
    chosen = search.chosen.get(name, "")
    shown: Sequence[str] = [*([chosen] if chosen else []), *(value for value in values if value != chosen)]
    if name == "size":
        shown = sorted(shown, key=_place_of_size)
    return Facet(
        name,
        "Rows" if name == "size" and search.kind is RepoKind.DATASET else _LABELS[name],
        tuple(
            FacetValue(
                value=value,
                label=facet_value_label(name, value),
                count=values.get(value),
                href=search.address(**{name: "" if value == chosen else value}),
                is_chosen=value == chosen,
            )
            for value in shown[:SHOWN_VALUES]
        ),
    )
