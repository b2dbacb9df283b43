"""What a person asks of a flight, before anything is resolved."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """The command line as values. Empty fields are resolved by `steps.choose`.

    data:    a file, a folder of splits, or a Hub dataset id.
    columns: role -> column, where the person says so.
    home:    folder for runs and caches. endpoint, token: the Hub, None for none.
    to:      "namespace/name" to publish to; None picks one; publish=False stays local.
    """

    data: str
    home: Path
    task: str = "text-classification"
    base: str | None = None
    method: str = "full"
    to: str | None = None
    publish: bool = True
    private: bool | None = None
    columns: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None
    data_revision: str | None = None
    base_revision: str | None = None
    repair: bool = False
    seed: int = 0
    epochs: float | None = None
    learning_rate: float | None = None
    max_length: int | None = None
    batch_rows: int | None = None
    endpoint: str | None = None
    token: str | None = field(default=None, repr=False)

    def kept(self) -> dict[str, Any]:
        """What the run's folder keeps of it: everything but the token, a base on this machine by its whole path."""
        values = asdict(self)
        del values["token"]
        folder = Path(self.base).expanduser() if self.base else None
        base = str(folder.resolve()) if folder is not None and folder.is_dir() else self.base
        return {**values, "home": str(self.home), "base": base}

    @property
    def stem(self) -> str:
        """A name made from the data's, fit for runs and repositories: "My Reviews.csv" gives "my-reviews"."""
        name = self.data.rstrip("/").split("/")[-1]
        name = (
            Path(name).stem
            if Path(name).suffix.lower()
            in {".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq"}
            else name
        )
        return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"


def run_id(stem: str, recipe_digest: str, to: str | None) -> str:
    """The same data, choices and goal name the same run: that is how a killed flight is found again."""
    fingerprint = hashlib.sha256(json.dumps([recipe_digest, to]).encode()).hexdigest()[:10]
    return f"{stem[:40]}-{fingerprint}"
