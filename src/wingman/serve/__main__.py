"""`python -m wingman.serve`: how a Hub starts a worker. People use `wingman serve`, which does the same.

When it leaves because it could not serve, its last words on standard output are `{"error": "…"}`.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from wingman.serve.worker import WorkerOptions, run_worker


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m wingman.serve", description="Serve one model over HTTP.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--repo", help="namespace/name on the Hub that HF_ENDPOINT names")
    source.add_argument("--folder", type=Path, help="a local folder laid out as a repository")
    parser.add_argument("--revision", help="branch, tag or commit; default: main")
    parser.add_argument("--uds", type=Path, help="listen on this unix socket instead of a port")
    parser.add_argument("--host", default=WorkerOptions.host)
    parser.add_argument("--port", type=int, default=WorkerOptions.port, help="0 takes a free one")
    parser.add_argument(
        "--idle-timeout", type=float, metavar="S", help="leave when nobody asked for S seconds"
    )
    parser.add_argument(
        "--leave-with-parent", action="store_true", help="leave when the starting process is gone"
    )
    parser.add_argument("--lanes", type=int, default=0, help="batches at the same time; 0: one for each core")
    parser.add_argument("--threads", type=int, default=1, help="threads inside one batch")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    farewell = run_worker(
        WorkerOptions(
            source=given.folder or given.repo,
            revision=given.revision,
            uds=given.uds,
            host=given.host,
            port=given.port,
            idle_timeout_s=given.idle_timeout,
            leave_with_parent=given.leave_with_parent,
            num_lanes=given.lanes,
            threads=given.threads,
        )
    )
    if farewell.reason:
        print(json.dumps({"error": farewell.reason}))
    return farewell.exit_status


if __name__ == "__main__":
    sys.exit(main())
