"""Upload files with hf-xet alone: takes {"repo", "files": [path, …], "sha256": …}, ends with what it reports."""

import json
import os
import sys

import hf_xet

request = json.loads(sys.argv[1])
connection = {
    "token_refresh_url": f"{os.environ['HF_ENDPOINT']}/api/models/{request['repo']}/xet-write-token/main",
    "token_refresh_headers": {"Authorization": f"Bearer {os.environ['HF_TOKEN']}"},
}
options = {"sha256": request["sha256"]} if request.get("sha256") else {}
with hf_xet.XetSession().new_upload_commit(**connection) as commit:
    uploads = [commit.start_upload_file(path, **options) for path in request["files"]]
results = [upload.result() for upload in uploads]
print(
    json.dumps(
        [
            {
                "hash": result.xet_info.hash,
                "size": result.xet_info.file_size,
                "sha256": result.xet_info.sha256,
                "new_bytes": result.dedup_metrics.new_bytes,
            }
            for result in results
        ]
    )
)
