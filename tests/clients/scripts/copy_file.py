"""Copy a file between repositories: takes {"source", "path", "target", "to"}, ends with the commit's id."""

import json
import sys

from huggingface_hub import CommitOperationCopy, HfApi

request = json.loads(sys.argv[1])
operation = CommitOperationCopy(
    src_path_in_repo=request["path"],
    path_in_repo=request["to"],
    src_repo_id=request["source"],
    src_repo_type="model",
)
commit = HfApi().create_commit(repo_id=request["target"], operations=[operation], commit_message="Copy")
print(json.dumps(commit.oid))
