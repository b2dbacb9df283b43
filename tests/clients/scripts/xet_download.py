"""Read ranges with hf-xet alone: takes {"repo", "hash", "size", "ranges": [[start, end], …]}, ends with sha256s."""

import hashlib
import json
import os
import sys

import hf_xet

request = json.loads(sys.argv[1])
group = hf_xet.XetSession().new_download_stream_group(
    token_refresh_url=f"{os.environ['HF_ENDPOINT']}/api/models/{request['repo']}/xet-read-token/main",
    token_refresh_headers={"Authorization": f"Bearer {os.environ['HF_TOKEN']}"},
)
file = hf_xet.XetFileInfo(request["hash"], request["size"])
digests = []
for start, end in request["ranges"]:
    digest = hashlib.sha256()
    for piece in group.download_stream(file, start, end):
        digest.update(piece)
    digests.append(digest.hexdigest())
print(json.dumps(digests))
