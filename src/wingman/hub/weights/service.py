"""Counting the parameters of a model by the headers of its safetensors files."""

from collections import Counter
from collections.abc import Mapping
from functools import partial

from wingman.hub.contents.model import OpenedFile
from wingman.hub.contents.service import ContentService
from wingman.hub.files.reading import LargeFileReader
from wingman.hub.git.revisions import EntryMissing
from wingman.hub.json_text import load_json
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.weights.safetensors import count_parameters, parse_header

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""Names that every library of the ecosystem gives to a model's weights: in one file, or in several with an index."""

_MAX_INDEX_BYTES = 20 << 20
_MAX_SHARDS = 1000


class WeightsService:
    def __init__(self, contents: ContentService, files: LargeFileReader) -> None:
        self._contents = contents
        self._files = files

    def count(self, repo: Repo, revision: str) -> Mapping[str, int]:
        """Parameters by the name of their type; {} where no safetensors file says so, or one of several is missing.

        Raises `RevisionMissing`, and what reading a large file raises.
        """
        if repo.kind is not RepoKind.MODEL:
            return {}
        commit, found = self._contents.paths(repo, revision, [WHOLE, INDEX])
        names = {entry.path for entry in found if not entry.is_directory}
        shards = [WHOLE] if WHOLE in names else self._shards(repo, commit) if INDEX in names else []
        counts: Counter[str] = Counter()
        for name in shards:
            try:
                file = self._contents.open(repo, commit, name)
            except EntryMissing:
                return {}
            header = parse_header(partial(self._read, file))
            if header is None:
                return {}
            counts.update(count_parameters(header))
        return dict(counts)

    def _shards(self, repo: Repo, commit: str) -> list[str]:
        file = self._contents.open(repo, commit, INDEX)
        if file.size > _MAX_INDEX_BYTES:
            return []
        try:
            index = load_json(self._read(file, 0, file.size))
        except ValueError:
            return []
        places = index.get("weight_map") if isinstance(index, dict) else None
        names = {str(name) for name in places.values()} if isinstance(places, dict) else set()
        return sorted(names) if len(names) <= _MAX_SHARDS else []

    def _read(self, file: OpenedFile, start: int, end: int) -> bytes:
        if file.large is None:
            return (file.data or b"")[start:end]
        return b"".join(self._files.stream(file.large, start, min(end, file.size)))
