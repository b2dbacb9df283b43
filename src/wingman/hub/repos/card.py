"""What the files at the head of `main` say about a repository: card, tags, task, library.

Pure: takes the README, the configuration and the list of paths; knows no git.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wingman.hub.errors import Invalid
from wingman.hub.json_text import load_json
from wingman.hub.repos.front_matter import Unreadable, read_yaml
from wingman.hub.repos.licenses import LICENSES
from wingman.hub.repos.model import RepoFacts, RepoKind

MAX_CARD_BYTES = 1 << 20
FACT_PATHS = ("README.md", "config.json", "adapter_config.json")
"""The files that `derive_facts` reads."""

_FRONT_MATTER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)(?:\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})")

_HEAD_TASKS = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "ForSeq2SeqLM": "text2text-generation",
    "ForImageClassification": "image-classification",
    "ForObjectDetection": "object-detection",
    "ForSemanticSegmentation": "image-segmentation",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForCTC": "automatic-speech-recognition",
    "ForAudioClassification": "audio-classification",
    "WhisperForConditionalGeneration": "automatic-speech-recognition",
}
_LIBRARY_FILES = (
    ("adapter_config.json", "peft"),
    ("modules.json", "sentence-transformers"),
    ("model_index.json", "diffusers"),
    ("config_sentence_transformers.json", "sentence-transformers"),
)
_FORMAT_SUFFIXES = (
    (".safetensors", "safetensors"),
    (".onnx", "onnx"),
    (".gguf", "gguf"),
    (".tflite", "tflite"),
)
_DATA_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
    ".txt": "text",
}
_DATASET_TAG_KEYS = (
    "annotations_creators",
    "language_creators",
    "language",
    "multilinguality",
    "size_categories",
    "source_datasets",
    "task_categories",
    "task_ids",
)


class InvalidCard(Invalid):
    """Front matter that cannot be used; the message says where."""


def parse_front_matter(text: str) -> dict[str, Any]:
    """The YAML block at the top of a README as JSON values; {} where there is none. Raises `InvalidCard`."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}
    try:
        value = read_yaml(match[1])
    except Unreadable as error:
        raise InvalidCard(f"Invalid YAML metadata at the top of README.md: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidCard("The metadata at the top of README.md must be a mapping of names to values.")
    return value


def card_problems(text: str, kind: RepoKind) -> tuple[list[str], list[str]]:
    """Errors and warnings of a README, as the upload check reports them."""
    try:
        card = parse_front_matter(text)
    except InvalidCard as error:
        return [str(error)], []
    errors = []
    license_name = card.get("license")
    names = license_name if isinstance(license_name, list) else [license_name]
    if license_name is not None and not all(name in LICENSES for name in names):
        errors.append(
            f'"license" must be one of {", ".join(LICENSES)}; for another one, say other and give it a license_name'
        )
    if kind is RepoKind.MODEL and "model-index" in card:
        errors.extend(_model_index_problems(card["model-index"]))
    for key in ("tags", "datasets", "metrics"):
        if key in card and not isinstance(card[key], (list, str)):
            errors.append(f'"{key}" must be a list')
    warnings = [] if card else ["empty or missing yaml metadata in repo card"]
    return errors, warnings


def _model_index_problems(index: Any) -> list[str]:
    if not isinstance(index, list):
        return ['"model-index" must be an array']
    problems = []
    for number, entry in enumerate(index):
        where = f'"model-index[{number}]'
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            problems.append(f'{where}.name" is required')
        elif not isinstance(entry.get("results"), list):
            problems.append(f'{where}.results" must be an array')
        else:
            for row, result in enumerate(entry["results"]):
                needed = ("task", "dataset", "metrics") if isinstance(result, dict) else ()
                missing = [key for key in needed if key not in result] if needed else ["task"]
                problems.extend(f'{where}.results[{row}].{key}" is required' for key in missing)
    return problems


def derive_facts(
    kind: RepoKind, *, files: Mapping[str, bytes], paths: Iterable[str], used_bytes: int
) -> RepoFacts:
    """Facts from the files of `FACT_PATHS` that exist and the paths at the top of the repository."""
    names = list(paths)
    readme = files.get("README.md", b"")[:MAX_CARD_BYTES].decode("utf-8", "replace")
    try:
        card = parse_front_matter(readme)
    except InvalidCard:
        card = {}
    config = _json_object(files.get("config.json"))
    library = _library(card, config, names) if kind is RepoKind.MODEL else None
    task = _task(card, config) if kind is RepoKind.MODEL else None
    tags = _tags(kind, card, config, names, library=library, task=task)
    tags.extend(f"arxiv:{number}" for number in dict.fromkeys(_ARXIV.findall(readme)))
    tags.append("region:us")
    return RepoFacts(
        card=card,
        tags=tuple(dict.fromkeys(tags)),
        links=_links(card) if kind is RepoKind.SPACE else (),
        pipeline_tag=task,
        library_name=library,
        sdk=next(iter(_words(card.get("sdk") or [])), None) if kind is RepoKind.SPACE else None,
        used_bytes=used_bytes,
        about=plain_words(readme),
    )


def _links(card: Mapping[str, Any]) -> tuple[str, ...]:
    models = [f"model:{name}" for name in _words(card.get("models") or [])]
    datasets = [f"dataset:{name}" for name in _words(card.get("datasets") or [])]
    return tuple(dict.fromkeys([*models, *datasets]))


MAX_WORDS = 1000
"""Each tag of a repository is a row; what a field of a card lists beyond so many is not searched for."""

MAX_WORD_CHARACTERS = 200
ABOUT_CHARACTERS = 2000
_SPACED_MARKUP = re.compile(
    r"```.*?(?:```|\Z)|<!--.*?(?:-->|\Z)|<[^<>]*>|!\[[^\]]*\]\([^)]*\)|[#>|]+|(?<!\w)[-=~]+(?!\w)", re.DOTALL
)
_INLINE_MARKUP = re.compile(r"(?<=\])\([^)]*\)|[*`\[\]]+|(?<!\w)_+|_+(?!\w)")
_BLOCKS = re.compile(r"\n[ \t]*\n")
_FENCED = re.compile(r"```.*?(?:```|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_NO_PROSE = re.compile(r"\s*(?:#|\||[-*+] |\d+[.)] |[-=*_]{3,}|!\[|\[!\[|\$\$|\{|<)")


def plain_words(readme: str) -> str:
    """The first words of a card without its front matter and markup; what it says in a line stands first.

    That is its first paragraph, and a line end follows it: lists show it, without the heading that says the
    repository's name again. A card that has no paragraph is all in one line.

    >>> plain_words("---\\nlicense: mit\\n---\\n# A-model\\n\\nA *small* [model](x.md).\\n")
    'A small model.\\nA-model'
    """
    body = _FRONT_MATTER.sub("", readme, count=1)[: 8 * ABOUT_CHARACTERS].replace("\0", " ")
    blocks = _BLOCKS.split(_FENCED.sub("\n\n", body.replace("\r\n", "\n")))
    # A heading may stand right above its paragraph.
    texts = [re.sub(r"\A\s*#[^\n]*\n", "", block) for block in blocks]
    lead = next((number for number, text in enumerate(texts) if _is_prose(text)), None)
    if lead is None:
        return _without_markup(body)[:ABOUT_CHARACTERS]
    heading = blocks[lead].removesuffix(texts[lead])
    rest = _without_markup("\n\n".join([*blocks[:lead], heading, *blocks[lead + 1 :]]))
    return f"{_without_markup(texts[lead])}\n{rest}"[:ABOUT_CHARACTERS].strip()


def _is_prose(text: str) -> bool:
    return not _NO_PROSE.match(text) and bool(_without_markup(text))


def _without_markup(text: str) -> str:
    return " ".join(_INLINE_MARKUP.sub("", _SPACED_MARKUP.sub(" ", text)).split())


def _json_object(data: bytes | None) -> dict[str, Any]:
    try:
        value = load_json(data or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    words = [
        str(item) for item in items if isinstance(item, (str, int, float)) and not isinstance(item, bool)
    ]
    return [word.replace("\0", "\ufffd")[:MAX_WORD_CHARACTERS] for word in words[:MAX_WORDS]]


def _library(card: Mapping[str, Any], config: Mapping[str, Any], names: list[str]) -> str | None:
    if card.get("library_name"):
        return next(iter(_words(card["library_name"])), None)
    present = set(names)
    found = next((library for name, library in _LIBRARY_FILES if name in present), None)
    return found or ("transformers" if config.get("model_type") or config.get("architectures") else None)


def _task(card: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    if card.get("pipeline_tag"):
        return next(iter(_words(card["pipeline_tag"])), None)
    heads = _words(config.get("architectures") or [])
    return next(
        (task for head in heads for ending, task in _HEAD_TASKS.items() if head.endswith(ending)), None
    )


def _tags(
    kind: RepoKind,
    card: Mapping[str, Any],
    config: Mapping[str, Any],
    names: list[str],
    *,
    library: str | None,
    task: str | None,
) -> list[str]:
    tags: list[str] = []
    if kind is RepoKind.MODEL:
        tags += [tag for tag in (library, task) if tag]
        tags += [tag for suffix, tag in _FORMAT_SUFFIXES if any(name.endswith(suffix) for name in names)]
        tags += _words(config.get("model_type") or [])
        tags += _words(card.get("language") or [])
        tags += [f"dataset:{name}" for name in _words(card.get("datasets") or [])]
        tags += [f"base_model:{name}" for name in _words(card.get("base_model") or [])]
        if card.get("model-index"):
            tags.append("model-index")
    elif kind is RepoKind.DATASET:
        for key in _DATASET_TAG_KEYS:
            tags += [f"{key}:{value}" for value in _words(card.get(key) or [])]
        formats = (
            tag for suffix, tag in _DATA_FORMATS.items() if any(name.endswith(suffix) for name in names)
        )
        tags += [f"format:{tag}" for tag in dict.fromkeys(formats)]
    else:
        tags += _words(card.get("sdk") or [])
    tags += [f"license:{name}" for name in _words(card.get("license") or [])]
    tags += _words(card.get("tags") or [])
    return tags
