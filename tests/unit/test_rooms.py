# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rooms of the library, and that arrows between them point one way: proven from the imports themselves."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

# Every room, and the rooms that it may import. What may not be imported is not listed, so a new arrow is a decision.
# Files that stand directly in _pki are rooms of their own.
_BASE = {"_plain", "crypto"}
ROOMS: dict[str, set[str]] = {
    "_plain": set(),
    "crypto": {"_plain"},
    "parallel": {"_plain"},
    "values": {*_BASE},
    "profiles": {*_BASE, "values"},
    "validation": {*_BASE, "parallel", "values", "profiles"},
    "state": {*_BASE, "values", "profiles"},
    "planning": {*_BASE, "values", "profiles"},
    "intake": {*_BASE, "parallel", "values", "profiles", "validation"},
    "conversion": {*_BASE, "parallel", "values", "profiles", "intake"},
    "issuers": {*_BASE, "parallel", "values", "profiles", "validation", "state", "planning", "intake", "conversion"},
    "crl": {*_BASE, "values", "profiles", "validation", "state", "issuers"},
    "trust": {*_BASE, "values", "validation"},
    "live": {*_BASE, "values", "validation", "state", "trust"},
    "batches": {
        *_BASE, "parallel", "values", "profiles", "validation", "state", "planning", "intake", "conversion", "issuers",
        "crl",
    },
    "reporting": {*_BASE, "values", "profiles", "validation", "state", "planning", "crl", "trust", "delivery"},
    "delivery": {*_BASE, "values", "profiles", "state", "live"},
}  # fmt: skip

# Arrows that point the wrong way today, by importing file and imported room; each goes when its room is rebuilt.
EXCEPTIONS: set[tuple[str, str]] = set()


def library(collection: Path) -> Path:
    return collection / "plugins" / "module_utils"


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module below module_utils."""
    if parts[0] == "_pki" and len(parts) > 1:
        return parts[1].removesuffix(".py")
    return parts[0]


def imported(path: Path, top: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports of the library, as parts below module_utils."""
    here = path.relative_to(top).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = here[: len(here) - (node.level - 1)]
            module = (*start, *(node.module.split(".") if node.module else ()))
            for name in node.names:
                yield (*module, name.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [entry.name for entry in node.names]
            assert not any("module_utils" in name for name in names), f"{path}: imports of the library are relative"


def arrows(collection: Path) -> Iterator[tuple[str, str, str]]:
    """Importing file, its room, and the room it imports."""
    top = library(collection)
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(top).parts
        if parts[0] not in ("_plain", "_pki") or len(parts) < 2 or path.name == "__init__.py":
            continue
        for target in imported(path, top):
            assert target[0] in ("_plain", "_pki"), f"{path} imports {'.'.join(target)}"
            yield "/".join(parts), room_of(parts), room_of(target)


def test_every_room_is_in_the_table(collection: Path) -> None:
    assert {room for _file, room, _target in arrows(collection)} <= set(ROOMS)


def test_the_table_itself_has_no_circle() -> None:
    order: list[str] = []
    left = dict(ROOMS)
    while left:
        free = [room for room, below in left.items() if below <= set(order)]
        assert free, f"a circle among {sorted(left)}"
        order += free
        left = {room: below for room, below in left.items() if room not in free}


def test_arrows_point_one_way(collection: Path) -> None:
    wrong = {
        (file, target)
        for file, room, target in arrows(collection)
        if target != room and target not in ROOMS.get(room, set())
    }
    assert wrong - EXCEPTIONS == set(), "arrows that are not in the table"
    assert EXCEPTIONS - wrong == set(), "exceptions that are needed no more: take them out"


def test_the_engine_knows_no_appliance(collection: Path) -> None:
    """A profile is handed in: only the room of profiles, and who reads users' options, name one."""
    top = library(collection)
    for path in sorted((top / "_pki" / "validation").glob("*.py")):
        targets = {target[2] for target in imported(path, top) if target[:2] == ("_pki", "profiles")}
        allowed = (
            {"base", "files", "own_rules", "loading"} if path.name == "task.py" else {"base", "files", "own_rules"}
        )
        assert targets <= allowed, path.name


def test_planning_opens_no_file_and_has_no_clock(collection: Path) -> None:
    for path in sorted((library(collection) / "_pki" / "planning").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {
            name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
        }
        assert not modules & {"os", "pathlib", "io", "shutil", "time", "tempfile"}, path.name
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & {"now", "utcnow", "today"}, path.name
        assert not any(isinstance(node, ast.Name) and node.id == "open" for node in ast.walk(tree)), path.name


def test_what_runs_on_any_host_needs_the_standard_library_alone(collection: Path) -> None:
    for path in sorted((library(collection) / "_plain").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "cryptography" not in {
            name.split(".")[0]
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        }, path


def test_the_library_knows_no_ansible(collection: Path) -> None:
    for path in sorted(library(collection).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert not (node.module or "").startswith("ansible"), path
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("ansible") for name in node.names), path


@pytest.mark.parametrize(
    ("room", "below"), list(itertools.combinations(["_plain", "values", "profiles", "validation"], 2))
)
def test_the_ground_floor_is_in_order(room: str, below: str) -> None:
    assert below not in ROOMS[room]


# They follow whatever links are on the way, so that what is made, removed or given away may be somebody else's.
BY_PATH = {
    "os": {
        "makedirs", "mkdir", "mkfifo", "mknod", "chmod", "chown", "lchown", "rename", "renames", "replace", "unlink",
        "remove", "removedirs", "rmdir", "symlink", "link", "truncate", "utime",
    },
    "shutil": {"rmtree", "move", "copy", "copy2", "copyfile", "copymode", "copystat", "copytree", "chown"},
    "tempfile": {"mkdtemp", "mkstemp", "mktemp", "NamedTemporaryFile"},
}  # fmt: skip


def test_nothing_is_made_removed_or_given_away_by_path(collection: Path) -> None:
    """Only the folder that is held open does that, relative to its descriptor."""
    found = {
        f"{path.relative_to(collection)}:{node.lineno} {node.value.id}.{node.attr}"
        for path in sorted((collection / "plugins").rglob("*.py"))
        if path.name != "folders.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.attr in BY_PATH.get(node.value.id, ())
    }
    assert found == set()
