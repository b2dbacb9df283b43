"""Read a dataset of the Hub whole and as a stream: takes {"repo_id"}, gives its splits, columns and rows."""

import json
import sys

from datasets import load_dataset

repo_id = json.loads(sys.argv[1])["repo_id"]
whole = load_dataset(repo_id)
stream = load_dataset(repo_id, streaming=True)
print(
    json.dumps(
        {
            "whole": {split: rows.to_list() for split, rows in whole.items()},
            "stream": {split: list(rows) for split, rows in stream.items()},
        }
    )
)
