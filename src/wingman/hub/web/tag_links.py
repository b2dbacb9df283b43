"""A repository's tags as its head shows them: in words, each leading to what else carries it."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.web.finding import facet_of, facet_value_label
from wingman.hub.web.templating import path_quote

MAX_TAGS = 18
_UNSHOWN = ("region:", "base_model:adapter:", "base_model:finetune:", "base_model:merge:", "base_model:quantized:")


@dataclass(frozen=True, slots=True)
class TagLink:
    """`icon` names a picture of the sprite or is empty; without an `href` the tag leads nowhere."""

    label: str
    href: str = ""
    icon: str = ""
    is_task: bool = False


def tag_links(repo: Repo) -> list[TagLink]:
    """The task first; then the tags as the card gives them, at most `MAX_TAGS`."""
    task = repo.facts.pipeline_tag
    first = [_facet_link(repo.kind, "task", task)] if task else []
    rest = (tag for tag in repo.facts.tags if tag not in (task, "model-index") and not tag.startswith(_UNSHOWN))
    return [*first, *_links(repo, rest)][:MAX_TAGS]


def _links(repo: Repo, tags: Iterator[str]) -> Iterator[TagLink]:
    for tag in tags:
        prefix, _, value = tag.partition(":")
        facet = facet_of(repo.kind, tag)
        if facet is not None:
            yield _facet_link(repo.kind, *facet)
        elif prefix == "dataset" and value:
            yield TagLink(value, f"/datasets/{path_quote(value)}", "dataset")
        elif prefix == "base_model" and "/" in value:
            yield TagLink(value, f"/{path_quote(value)}", "model")
        else:
            yield TagLink(tag)


def _facet_link(kind: RepoKind, facet: str, value: str) -> TagLink:
    said = facet_value_label(facet, value)
    label = {"license": f"Licence: {said}", "size": f"{said} rows"}.get(facet, said)
    return TagLink(label, f"/{kind.plural}?{urlencode({facet: value})}", is_task=facet == "task")
