"""Only what is new of a changed file travels."""

import random
from pathlib import Path

import pytest

from tests.clients.files import sha256, write_random
from tests.servers.counting_proxy import CountingProxy

pytestmark = [pytest.mark.client, pytest.mark.slow]
SIZE_BYTES = 300_000_000


@pytest.mark.parametrize("remembers", [True, False], ids=["same-client", "client-with-an-empty-cache"])
def test_a_file_changed_by_one_percent_in_ten_places_uploads_under_five_percent(
    make_client, live_hub, repo_id, tmp_path, remembers
):
    source = tmp_path / "weights.bin"
    write_random(source, SIZE_BYTES, seed=remembers)
    make_client().call("create_repo", repo_id=repo_id)

    with CountingProxy(live_hub.url) as proxy:
        client = make_client(url=proxy.url)
        first = _upload(client, repo_id, source, proxy)
        _overwrite_one_percent(source)
        # A client with an empty cache knows nothing of the first upload: the Hub must tell it.
        second = _upload(client if remembers else make_client(url=proxy.url), repo_id, source, proxy)

    assert first > 0.99 * SIZE_BYTES
    assert second < 0.05 * SIZE_BYTES
    copy = make_client().call("hf_hub_download", repo_id=repo_id, filename="weights.bin")
    assert sha256(Path(copy)) == sha256(source)


def _upload(client, repo_id, source, proxy) -> int:
    """Bytes that the client sent for this upload."""
    before = proxy.sent_bytes
    client.call("upload_file", repo_id=repo_id, path_or_fileobj=str(source), path_in_repo="weights.bin")
    return proxy.sent_bytes - before


def _overwrite_one_percent(path: Path, *, num_places: int = 10) -> None:
    """New bytes in the middle of each tenth of the file."""
    new = random.Random(1)
    with path.open("r+b") as file:
        for place in range(num_places):
            file.seek(SIZE_BYTES * (2 * place + 1) // (2 * num_places))
            file.write(new.randbytes(SIZE_BYTES // 100 // num_places))
