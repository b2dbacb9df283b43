"""Publish a dataset with two splits: takes {"repo_id", "splits": {split: {column: values}}}."""

import json
import sys

from datasets import Dataset, DatasetDict

request = json.loads(sys.argv[1])
splits = DatasetDict({split: Dataset.from_dict(columns) for split, columns in request["splits"].items()})
splits.push_to_hub(request["repo_id"])
print(json.dumps("published"))
