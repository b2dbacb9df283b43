"""What a push may not bring: files that belong into LFS, pointers to nothing, impossible paths, broken cards."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wingman.hub.git.objects import GitObject, ObjectKind, parse_tree
from wingman.hub.git.pointers import Pointer, parse_pointer
from wingman.hub.git.trees import MAX_PATH_BYTES, InvalidPath, check_path
from wingman.hub.git.wire.program import Described
from wingman.hub.repos.card import card_problems
from wingman.hub.repos.model import RepoKind

MAX_OTHER_BYTES = 64_000_000
"""A folder of a million files has about 50 MB."""

_NAMED_AT_MOST = 10


@dataclass(frozen=True, slots=True)
class Refused:
    """`reason` fits behind the reference in the client's summary; `advice` is shown before it."""

    reason: str
    advice: str


def refuse_giants(described: Iterable[Described]) -> Refused | None:
    """Folders, commits and tags that are too large to be held in memory."""
    giant = next(
        (item for item in described if item.size > MAX_OTHER_BYTES and item.kind is not ObjectKind.BLOB), None
    )
    if giant is None:
        return None
    what = {ObjectKind.TREE: "folder", ObjectKind.COMMIT: "commit", ObjectKind.TAG: "tag"}[giant.kind]
    return Refused(
        f"a {what} is too large",
        f"The {what} {giant.oid} alone has {giant.size / 1e6:.0f} MB; {MAX_OTHER_BYTES / 1e6:.0f} MB are accepted. "
        "Spread its files over several folders.",
    )


def refuse_large_blobs(
    described: Iterable[Described], paths: Mapping[str, str], *, max_regular_bytes: int
) -> Refused | None:
    """Blobs that must travel through LFS; `paths` says where each object stands."""
    large = [item for item in described if item.kind is ObjectKind.BLOB and item.size > max_regular_bytes]
    if not large:
        return None
    names = _listed(f"{paths[item.oid]} ({item.size / 1e6:.1f} MB)" for item in large)
    return Refused(
        f"files over {max_regular_bytes / 1e6:g} MB must be stored with Git LFS",
        f"These files are larger than the {max_regular_bytes / 1e6:g} MB that may be kept in git itself:\n{names}\n"
        "Keep them with Git LFS:\n"
        '    git lfs install && git lfs track "*.the-suffix" && git add .gitattributes\n'
        '    git lfs migrate import --everything --include="*.the-suffix"\n'
        "and push again. For files over 5 GB, first run: hf lfs-enable-largefiles .",
    )


def pointers_among(objects: Iterable[GitObject]) -> dict[str, Pointer]:
    """The LFS pointers, by object id."""
    return {item.oid: pointer for item in objects if (pointer := parse_pointer(item.data)) is not None}


def refuse_lost_pointers(
    pointers: Mapping[str, Pointer], sizes: Mapping[str, int], paths: Mapping[str, str]
) -> Refused | None:
    """Pointers to files that this repository was never given; `sizes` by sha256 are those of the ones it was."""
    lost = [oid for oid, pointer in pointers.items() if sizes.get(pointer.sha256) != pointer.size]
    if not lost:
        return None
    names = _listed(
        f"{paths[oid]} (sha256 {pointers[oid].sha256}, {pointers[oid].size} bytes)" for oid in lost
    )
    return Refused(
        "an LFS pointer leads to a file that was not uploaded",
        f"These are LFS pointers to files that this repository does not hold:\n{names}\n"
        "Upload them with: git lfs push --all origin",
    )


def refuse_paths(trees: Iterable[GitObject], paths: Mapping[str, str]) -> Refused | None:
    """Names that a file of a repository may not have."""
    checked: set[str] = set()  # a long history brings the same paths again and again
    for tree in trees:
        folder = paths[tree.oid]
        for entry in parse_tree(tree.data):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path in checked:
                continue
            checked.add(path)
            try:
                check_path(path)
            except InvalidPath as error:
                return Refused(f"invalid path {path[:MAX_PATH_BYTES]!r}", str(error))
    return None


def refuse_card(readme: bytes, kind: RepoKind) -> Refused | None:
    """A README on main whose metadata cannot be read."""
    errors, _ = card_problems(readme.decode("utf-8", "replace"), kind)
    if not errors:
        return None
    listed = _listed(errors)
    return Refused(
        "the metadata of README.md is not valid", f"The metadata at the top of README.md:\n{listed}"
    )


def _listed(lines: Iterable[str]) -> str:
    every = list(lines)
    shown = [f"  - {line}" for line in every[:_NAMED_AT_MOST]]
    if len(every) > _NAMED_AT_MOST:
        shown.append(f"  … and {len(every) - _NAMED_AT_MOST} more")
    return "\n".join(shown)
