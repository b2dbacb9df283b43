"""The files of a repository in the browser: folders, viewers, history, and content that means harm."""

import json
import struct
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from tests.web.attacks import CARDS, MESSAGES, NAMES
from tests.web.conftest import active_parts
from wingman.hub.commits.model import AddFile, AddLargeFile, CommitRequest
from wingman.hub.lfs.model import ObjectSpec, Ticket
from wingman.hub.repos.model import RepoKind
from wingman.hub.web.file_pages import ENTRIES_A_PAGE
from wingman.hub.web.viewing import MAX_TEXT_BYTES

REPO = "/alice/thing"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script>'
    b'<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="alert(1)"/></foreignObject></svg>'
)
HTML = b"<!doctype html><script>fetch('/settings/tokens')</script>"


def put(hub, alice, repo, files: dict[str, bytes], *, summary: str = "Put files") -> str:
    operations = tuple(AddFile(path, data) for path, data in files.items())
    return hub.commits.commit(alice, repo, "main", CommitRequest(summary=summary, operations=operations)).oid


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    pieces: list[str] = []
    parser = HTMLParser()
    parser.handle_data = pieces.append  # type: ignore[method-assign]
    parser.feed(html)
    return "".join(pieces)


def safetensors(**tensors: list[int]) -> bytes:
    header, end = {}, 0
    for name, shape in tensors.items():
        size = 4
        for number in shape:
            size *= number
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * end


def test_a_folder_lists_sizes_and_who_touched_what_last(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {"a/b/deep.txt": b"x" * 1234, "README.md": b"# Hi"})
    put(hub, alice, repo, {"top.txt": b"1"}, summary="Add the top file")

    page = as_alice.get(f"{REPO}/tree/main").text

    assert "Add the top file" in page
    assert f'href="{REPO}/tree/main/a"' in page
    assert f'href="{REPO}/blob/main/top.txt"' in page
    assert "1.2 kB" in as_alice.get(f"{REPO}/tree/main/a/b").text


@pytest.mark.parametrize("kind", RepoKind)
def test_every_kind_of_repository_has_its_pages(hub, alice, as_alice, make_repo, kind):
    repo = make_repo("thing", {"folder/a.txt": b"hello"}, kind=kind)
    address = f"/{repo.path}"

    for path in ("", "/tree/main", "/tree/main/folder", "/blob/main/folder/a.txt", "/commits/main", "/tags"):
        assert as_alice.get(address + path).status_code == 200, path


def test_a_folder_of_ten_thousand_files_comes_in_pages(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {f"many/{number:05d}.txt": b"%d" % number for number in range(10_000)})

    first = as_alice.get(f"{REPO}/tree/main/many")
    second = as_alice.get(f"{REPO}/tree/main/many?from={ENTRIES_A_PAGE}")

    assert repo.full_name == "alice/thing"
    assert len(first.text) < 400_000
    assert "10,000 entries" in first.text
    assert "/many/00000.txt" in first.text
    assert f"/many/{ENTRIES_A_PAGE:05d}.txt" not in first.text
    assert f"/many/{ENTRIES_A_PAGE:05d}.txt" in second.text


def test_a_file_has_a_history_of_its_own_and_other_branches(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {"dir/a b.txt": b"1"})
    put(hub, alice, repo, {"other.txt": b"1"}, summary="Touch another file")
    changed = put(hub, alice, repo, {"dir/a b.txt": b"2"}, summary="Say two")
    hub.commits.create_branch(alice, repo, "feature/x", starting_point="main")
    put(hub, alice, repo, {"README.md": b"# Hi"}, summary="Add a card")

    file = as_alice.get(f"{REPO}/blob/main/dir/a%20b.txt").text
    history = as_alice.get(f"{REPO}/commits/main/dir/a%20b.txt")
    of_folder = as_alice.get(f"{REPO}/commits/main/dir").text

    assert f'href="{REPO}/commits/main/dir/a%20b.txt"' in file
    assert f'href="{REPO}/blob/feature%2Fx/dir/a%20b.txt"' in file
    for page in (history.text, of_folder):
        assert "Say two" in page
        assert "Touch another file" not in page
        assert "Add a card" not in page
    assert f'href="{REPO}/blob/{changed}/dir/a%20b.txt"' in history.text
    assert "No commit changed this path" in as_alice.get(f"{REPO}/commits/main/nothing").text


def test_the_history_of_a_path_leaves_out_merges_that_took_a_side(hub, alice, make_repo):
    repo = make_repo("thing", {"a.txt": b"1"})
    wanted = CommitRequest(summary="On the side", operations=(AddFile("a.txt", b"2"),))
    offer, offered = hub.pull_requests.open_with(alice, repo, "main", wanted)
    put(hub, alice, repo, {"b.txt": b"1"}, summary="On main")
    merge = hub.pull_requests.merge(alice, repo, offer.num)

    everything = [entry.oid for entry in hub.contents.history(repo, "main")[0]]
    of_path = [entry.oid for entry in hub.contents.history(repo, "main", "a.txt")[0]]

    assert everything[0] == merge
    assert [oid == offered.oid for oid in of_path] == [True, False]  # and the first commit, which made it


def test_a_revision_may_be_a_branch_a_tag_or_a_commit(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {"a.txt": b"old"})
    hub.commits.create_tag(alice, repo, "v1", revision="main", message=None)
    hub.commits.create_branch(alice, repo, "feature/x", starting_point="main")
    newest = put(hub, alice, repo, {"a.txt": b"new"})

    assert "old" in text_of(as_alice.get(f"{REPO}/blob/v1/a.txt").text)
    assert "old" in text_of(as_alice.get(f"{REPO}/blob/feature%2Fx/a.txt").text)
    assert "new" in text_of(as_alice.get(f"{REPO}/blob/{newest}/a.txt").text)
    assert as_alice.get(f"{REPO}/tree/nowhere").status_code == 404
    page = as_alice.get(f"{REPO}/tree/v1").text
    assert f"{REPO}/tree/feature%2Fx" in page


def test_code_is_shown_as_text_with_line_numbers(hub, alice, as_alice, make_repo):
    make_repo("thing", {"train.py": b"def fly(n: int) -> str:\n    return '<b>' * n\n"})

    page = as_alice.get(f"{REPO}/blob/main/train.py").text

    assert "return '<b>' * n" in text_of(page)
    assert "<b>" not in page
    assert 'class="k"' in page
    assert '<a id="L2" href="#L2" tabindex="-1">2</a>\n' in page


def test_json_is_indented_and_broken_json_is_left_alone(hub, alice, as_alice, make_repo):
    make_repo("thing", {"good.json": b'{"a":[1,2]}', "bad.json": b'{"a":', "deep.json": b"[" * 100_000})

    assert '"a": [\n' in text_of(as_alice.get(f"{REPO}/blob/main/good.json").text)
    assert '{"a":' in text_of(as_alice.get(f"{REPO}/blob/main/bad.json").text)
    assert as_alice.get(f"{REPO}/blob/main/deep.json").status_code == 200


def test_long_text_is_cut_and_says_so(hub, alice, as_alice, make_repo):
    make_repo("thing", {"log.txt": b"line\n" * (MAX_TEXT_BYTES // 4)})

    page = as_alice.get(f"{REPO}/blob/main/log.txt").text

    assert "Download the whole file" in page
    assert len(page) < 3 * MAX_TEXT_BYTES


def test_the_header_of_safetensors_is_a_table(hub, alice, as_alice, make_repo):
    make_repo("thing", {"model.safetensors": safetensors(**{"layer.0.weight": [3, 4], "<script>": [2]})})

    page = as_alice.get(f"{REPO}/blob/main/model.safetensors").text

    assert "3 × 4" in page
    assert "layer.0.weight" in page
    assert "14</strong> parameters" in page
    assert active_parts(page) == []


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 20) + b'{"a": {"shape": 1e9}',
        struct.pack("<Q", 42) + b'{"a": {"shape": ["x"], "data_offsets": 7}}',
        struct.pack("<Q", 38) + b'{"__metadata__": 3, "a": null, "b": 1}',
    ],
)
def test_a_damaged_safetensors_file_still_has_a_page(hub, alice, as_alice, make_repo, header):
    make_repo("thing", {"model.safetensors": header + b"\0"})

    assert as_alice.get(f"{REPO}/blob/main/model.safetensors").status_code == 200


def test_a_large_file_is_shown_by_its_content_not_its_pointer(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {})
    data = safetensors(weight=[100, 100])
    spec = ObjectSpec(sha256=sha256(data).hexdigest(), size=len(data))
    sink = hub.lfs.receive(Ticket(repo_id=repo.id, spec=spec))
    sink.write(data)
    sink.finish()
    operations = (AddLargeFile("model.safetensors", spec.sha256, spec.size),)
    hub.commits.commit(alice, repo, "main", CommitRequest(summary="put", operations=operations))

    page = as_alice.get(f"{REPO}/blob/main/model.safetensors").text

    assert "100 × 100" in page
    assert spec.sha256 in page


def test_a_folders_own_readme_stands_below_its_files(hub, alice, as_alice, make_repo):
    make_repo("thing", {"docs/README.md": b"# Read *me*\n\n[next](more.md)", "docs/more.md": b"x"})

    page = as_alice.get(f"{REPO}/tree/main/docs").text

    assert "<em>me</em>" in page
    assert f'href="{REPO}/blob/main/docs/more.md"' in page


def test_history_has_pages_and_each_commit_its_diff(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {"a.txt": b"one\ntwo\n"})
    for number in range(35):
        last = put(hub, alice, repo, {"a.txt": b"one\n%d\n" % number}, summary=f"Change number {number}")

    first, second = as_alice.get(f"{REPO}/commits/main").text, as_alice.get(f"{REPO}/commits/main?p=1").text
    change = as_alice.get(f"{REPO}/commit/{last}").text

    assert "Change number 34" in first
    assert "Change number 0<" not in first
    assert "Change number 0<" in second
    assert 'class="add"' in change
    assert 'class="del"' in change


# --- content that means harm ---


def test_names_and_messages_with_code_do_nothing(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {f"{name.replace('/', '-')}/{name.replace('/', '-')}": b"x" for name in NAMES})
    oids = [put(hub, alice, repo, {"a.txt": text.encode()}, summary=text) for text in MESSAGES]

    addresses = [f"{REPO}/tree/main", f"{REPO}/commits/main", REPO, f"{REPO}/tags"]
    addresses += [f"{REPO}/commit/{oid}" for oid in oids]
    for address in addresses:
        page = as_alice.get(address)
        assert page.status_code == 200
        assert active_parts(page.text) == [], address
        assert "unsafe-inline" not in page.headers["content-security-policy"]


def test_the_content_of_text_files_does_nothing(hub, alice, as_alice, make_repo):
    texts = "\n".join(CARDS).encode()
    names = [
        "a.txt",
        "a.py",
        "a.html",
        "a.js",
        "a.json",
        "a.md",
        "a.yaml",
        "a.xml",
        "a",
        "Makefile",
        "a.svelte",
    ]
    make_repo("thing", dict.fromkeys(names, texts) | {"README.md": texts})

    for name in names:
        page = as_alice.get(f"{REPO}/blob/main/{name}")
        assert page.status_code == 200
        assert active_parts(page.text) == [], name
    assert active_parts(as_alice.get(REPO).text) == []


@pytest.mark.parametrize(
    ("name", "data"), [("evil.svg", SVG), ("evil.html", HTML), ("evil.xhtml", HTML), ("evil.xml", SVG)]
)
def test_raw_files_of_users_are_served_without_rights(hub, alice, as_alice, make_repo, name, data):
    make_repo("thing", {name: data})

    raw = as_alice.get(f"{REPO}/resolve/main/{name}")

    policy = raw.headers.get("content-security-policy", "")
    is_harmless = raw.headers["content-type"].startswith("text/plain") or "sandbox" in policy
    assert is_harmless, dict(raw.headers)
    assert "allow-scripts" not in policy or "allow-same-origin" not in policy
    assert raw.headers["x-content-type-options"] == "nosniff"


def test_an_svg_is_only_ever_a_picture(hub, alice, as_alice, make_repo):
    make_repo("thing", {"evil.svg": SVG})

    page = as_alice.get(f"{REPO}/blob/main/evil.svg").text

    assert f'<img src="{REPO}/resolve/main/evil.svg"' in page
    assert active_parts(page) == []


def test_private_files_look_like_nothing_to_others(hub, alice, as_alice, as_bob, visitor, make_repo):
    make_repo("thing", {"secret-name.txt": b"secret text"}, private=True)

    for stranger in (as_bob, visitor):
        for path in (
            "",
            "/tree/main",
            "/blob/main/secret-name.txt",
            "/commits/main",
            "/upload/main",
            "/viewer",
        ):
            hidden, missing = stranger.get(REPO + path), stranger.get(f"/alice/other{path}")
            assert hidden.status_code == missing.status_code
            assert hidden.status_code in (404, 303), path
            assert hidden.text.replace("thing", "other") == missing.text.replace("thing", "other")
    assert as_alice.get(f"{REPO}/blob/main/secret-name.txt").status_code == 200


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "a%0d%0aSet-Cookie:x=1", "%ff%fe", "."]
)
def test_odd_paths_lead_nowhere(hub, alice, as_alice, make_repo, path):
    make_repo("thing", {"a.txt": b"x"})

    for page in ("tree", "blob"):
        answer = as_alice.get(f"{REPO}/{page}/main/{path}")
        assert answer.status_code in (200, 303, 307, 400, 404, 422)
        assert "root:" not in answer.text
        assert "set-cookie" not in answer.headers


def test_an_empty_repository_says_what_to_do(hub, alice, as_alice, make_repo):
    make_repo("thing", {})

    assert as_alice.get(f"{REPO}/tree/main").status_code == 200
    assert as_alice.get(f"{REPO}/commits/main").status_code == 200


def test_a_file_that_replaces_a_folder_is_no_trap(hub, alice, as_alice, make_repo):
    repo = make_repo("thing", {"a/b.txt": b"x"})
    operations = (AddFile("c.txt", b"y"),)
    hub.commits.commit(alice, repo, "main", CommitRequest(summary="s", operations=operations))

    assert as_alice.get(f"{REPO}/blob/main/a").headers["location"] == f"{REPO}/tree/main/a"
    assert as_alice.get(f"{REPO}/tree/main/c.txt").status_code in (303, 404)
    assert as_alice.get(f"{REPO}/blob/main/a/missing").status_code == 404
