"""Each supported release of the public client stores and fetches files, with nothing set but HF_ENDPOINT."""

import time
from pathlib import Path

import pytest

from tests.clients.environments import Client, ClientFailed
from tests.clients.files import digests, sha256, write_random

pytestmark = pytest.mark.client
MB = 1_000_000


def test_files_from_empty_to_20_mb_come_back_byte_identical(client: Client, repo_id, tmp_path):
    client.call("create_repo", repo_id=repo_id)

    for num_bytes in (0, 1, 20 * MB):
        assert_returns_unchanged(client, repo_id, tmp_path / f"{num_bytes}.bin", num_bytes)

    listed = client.call("list_repo_files", repo_id=repo_id)
    assert sorted(listed) == [".gitattributes", "0.bin", "1.bin", "20000000.bin"]


@pytest.mark.slow
def test_a_file_of_300_mb_comes_back_byte_identical(client: Client, repo_id, tmp_path):
    client.call("create_repo", repo_id=repo_id)

    assert_returns_unchanged(client, repo_id, tmp_path / "large.bin", 300 * MB)


def test_a_folder_of_a_thousand_small_files_comes_back_byte_identical(client: Client, repo_id, tmp_path):
    folder = tmp_path / "folder"
    for number in range(1000):
        write_random(folder / f"part-{number % 10}" / f"{number}.txt", 100 + number)
    client.call("create_repo", repo_id=repo_id, repo_type="dataset")

    client.call("upload_folder", repo_id=repo_id, repo_type="dataset", folder_path=str(folder))

    copy = Path(client.call("snapshot_download", repo_id=repo_id, repo_type="dataset"))
    found = digests(copy)
    del found[".gitattributes"]
    assert found == digests(folder)


def test_what_is_deleted_is_gone(client: Client, repo_id, tmp_path):
    write_random(tmp_path / "a.bin", 1000)
    client.call("create_repo", repo_id=repo_id, private=True)
    for name in ("a.bin", "folder/b.bin"):
        client.call(
            "upload_file", repo_id=repo_id, path_or_fileobj=str(tmp_path / "a.bin"), path_in_repo=name
        )

    client.call("delete_file", repo_id=repo_id, path_in_repo="a.bin")
    client.call("delete_folder", repo_id=repo_id, path_in_repo="folder")

    assert client.call("list_repo_files", repo_id=repo_id) == [".gitattributes"]
    with pytest.raises(ClientFailed, match="EntryNotFoundError"):
        client.call("hf_hub_download", repo_id=repo_id, filename="a.bin")
    client.call("delete_repo", repo_id=repo_id)
    assert client.call("repo_exists", repo_id=repo_id) is False


def test_a_repo_is_found_by_the_name_it_had_and_by_other_spellings(client: Client, repo_id, tmp_path):
    old, expected = f"{repo_id}-old", write_random(tmp_path / "a.bin", 100_000)
    client.call("create_repo", repo_id=old)
    client.call("upload_file", repo_id=old, path_or_fileobj=str(tmp_path / "a.bin"), path_in_repo="a.bin")
    client.call("move_repo", from_id=old, to_id=repo_id)

    for name in (old, repo_id.replace("alice", "Alice"), repo_id.upper()):
        assert client.call("model_info", repo_id=name)["id"] == repo_id
        assert sha256(Path(client.call("hf_hub_download", repo_id=name, filename="a.bin"))) == expected
        copy = Path(client.call("snapshot_download", repo_id=name))
        assert sha256(copy / "a.bin") == expected
        client.call(
            "upload_file", repo_id=name, path_or_fileobj=str(tmp_path / "a.bin"), path_in_repo=f"{name}.bin"
        )
    assert len(client.call("list_repo_files", repo_id=repo_id)) == 5


def test_a_private_repo_does_not_exist_for_others(client: Client, make_client, repo_id):
    client.call("create_repo", repo_id=repo_id, private=True)

    assert client.call("repo_exists", repo_id=repo_id) is True
    assert make_client(user="bob").call("repo_exists", repo_id=repo_id) is False


def test_the_newest_client_uploads_without_xet_too(make_client, repo_id, tmp_path):
    without_xet = make_client(HF_HUB_DISABLE_XET="1")
    without_xet.call("create_repo", repo_id=repo_id)

    for num_bytes in (0, 1, 20 * MB):
        assert_returns_unchanged(without_xet, repo_id, tmp_path / f"{num_bytes}.bin", num_bytes)


def test_a_file_that_came_in_one_way_goes_out_every_way(make_client, repo_id, tmp_path):
    with_xet, without_xet = make_client(), make_client(HF_HUB_DISABLE_XET="1")
    with_xet.call("create_repo", repo_id=repo_id)
    expected = {}
    for name, uploader in (("xet.bin", with_xet), ("lfs.bin", without_xet)):
        expected[name] = write_random(tmp_path / name, 5 * MB)
        uploader.call("upload_file", repo_id=repo_id, path_or_fileobj=str(tmp_path / name), path_in_repo=name)

    for downloader in (make_client(), make_client(HF_HUB_DISABLE_XET="1"), make_client("0.36.2")):
        for name in expected:
            path = downloader.call("hf_hub_download", repo_id=repo_id, filename=name)
            assert sha256(Path(path)) == expected[name], (name, downloader.settings)


def test_the_newest_client_uploads_file_objects(make_client, repo_id, tmp_path):
    newest = make_client()
    source = tmp_path / "object.bin"
    expected = write_random(source, 12 * MB)
    newest.call("create_repo", repo_id=repo_id)

    newest.call(
        "upload_file", repo_id=repo_id, path_or_fileobj={"open": str(source)}, path_in_repo="object.bin"
    )

    assert sha256(Path(newest.call("hf_hub_download", repo_id=repo_id, filename="object.bin"))) == expected


def test_fetching_a_whole_repo_is_one_download_whichever_way_its_bytes_come(make_client, repo_id, tmp_path):
    owner = make_client()
    owner.call("create_repo", repo_id=repo_id)
    for number in range(3):
        write_random(tmp_path / "files" / f"{number}.bin", MB)
    owner.call("upload_folder", repo_id=repo_id, folder_path=str(tmp_path / "files"))

    make_client(user="bob").call("snapshot_download", repo_id=repo_id)
    make_client(user="admin", HF_HUB_DISABLE_XET="1").call("snapshot_download", repo_id=repo_id)

    deadline = time.monotonic() + 30  # counts are written every few seconds
    while (downloads := owner.call("model_info", repo_id=repo_id)["downloads"]) < 2:
        assert time.monotonic() < deadline, downloads
    assert downloads == 2


def assert_returns_unchanged(client: Client, repo_id: str, source: Path, num_bytes: int) -> None:
    expected = write_random(source, num_bytes)

    client.call("upload_file", repo_id=repo_id, path_or_fileobj=str(source), path_in_repo=source.name)

    copy = Path(client.call("hf_hub_download", repo_id=repo_id, filename=source.name))
    assert copy.stat().st_size == num_bytes
    assert sha256(copy) == expected
