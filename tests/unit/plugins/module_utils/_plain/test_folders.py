# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder that is held open: whole files, explicit modes, and no way out by a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.file_update import Current
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.files import read_file, read_file_with_mode
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.folders import (
    Folder,
    UnsafePathError,
    others_may_write,
)

OTHER = 54321


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "in").mkdir()
    with Folder.open(str(tmp_path / "in")) as opened:
        yield opened


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What an attacker would like to have read, written or deleted."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret").write_bytes(b"secret")
    return place


def mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_modes_are_those_asked_for_whatever_the_umask(folder: Folder, umask: int) -> None:
    folder.write_new("new", b"1", 0o640)
    folder.write_once("once", b"2", 0o644)
    folder.replace("new", b"3", 0o664, durable=True)
    folder.make_folder("sub", 0o750).close()
    os.close(folder.open_file("lock", os.O_RDWR | os.O_CREAT, 0o666))
    Folder.open(folder.at("a/b"), make=0o755).close()
    found = {name: mode(folder.at(name)) for name in ("new", "once", "sub", "lock", "a", "a/b")}
    assert found == {"new": 0o664, "once": 0o644, "sub": 0o750, "lock": 0o666, "a": 0o755, "a/b": 0o755}, umask
    assert folder.read("new") == b"3"
    assert folder.listdir() == ["a", "lock", "new", "once", "sub"]


def test_a_file_that_exists_is_never_overwritten_by_creating(folder: Folder) -> None:
    folder.write_new("name", b"first", 0o600)
    for create in (folder.write_new, folder.write_once):
        with pytest.raises(FileExistsError):
            create("name", b"second", 0o600)
    with pytest.raises(FileExistsError):
        folder.make_folder("name", 0o700)
    assert folder.read("name") == b"first"
    assert folder.listdir() == ["name"], "nothing is left behind"


def test_no_name_is_followed(folder: Folder, outside: Path) -> None:
    os.symlink(outside / "secret", folder.at("file"))
    os.symlink(outside, folder.at("deep"))
    os.symlink(outside / "made", folder.at("dangling"))
    for refused in (
        lambda: folder.read("file"),
        lambda: folder.open_file("file", os.O_RDWR),
        lambda: folder.open_file("dangling", os.O_RDWR | os.O_CREAT),
        lambda: folder.folder("deep"),
        lambda: folder.make_folder("deep", 0o700, exist_ok=True),
    ):
        with pytest.raises(UnsafePathError, match="is a link where none belongs"):
            refused()
    folder.replace("file", b"mine", 0o600)
    folder.replace("dangling", b"mine", 0o600)
    assert (outside / "secret").read_bytes() == b"secret"
    assert not folder.is_link("file")
    folder.rmtree("deep")
    assert sorted(os.listdir(outside)) == ["secret"]


def test_removing_a_tree_leaves_what_its_links_lead_to(folder: Folder, outside: Path) -> None:
    with folder.make_folder("tree", 0o700) as tree:
        tree.symlink(str(outside), "link")
        tree.make_folder("sub", 0o700).close()
        tree.write_new("file", b"", 0o600)
    folder.rmtree("tree")
    folder.rmtree("tree", missing_ok=True)
    with pytest.raises(FileNotFoundError):
        folder.rmtree("tree")
    assert folder.listdir() == []
    assert (outside / "secret").exists()


def test_what_is_no_file_is_refused_without_waiting(folder: Folder) -> None:
    os.mkfifo(folder.at("pipe"))
    folder.make_folder("sub", 0o700).close()
    for name in ("pipe", "sub"):
        with pytest.raises(FileError, match="is not a regular file"):
            folder.read(name)
    with pytest.raises(UnsafePathError, match="is not a regular file"):
        folder.open_file("pipe", os.O_WRONLY)
    folder.write_new("long", b"1234", 0o600)
    with pytest.raises(FileError, match="at most 3 are read"):
        folder.read("long", 3)
    with pytest.raises(FileError, match="No such file"):
        folder.read("missing")


@pytest.mark.parametrize("path", ["a\0b", "/tmp/a\0", "a\ud800b"])
def test_what_no_file_can_be_called_is_one_clear_error(path: str, folder: Folder) -> None:
    for asked in (
        lambda: Folder.open(path),
        lambda: Folder.of(path),
        lambda: read_file(path),
        lambda: Current.read(path),
        lambda: folder.read(path.rpartition("/")[2]),
    ):
        with pytest.raises(FileError, match="is not a path that a file can have"):
            asked()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "../x", "a\0b"])
def test_names_are_no_paths(folder: Folder, name: str) -> None:
    with pytest.raises(FileError, match="not the name of a file in a folder|is not a path"):
        folder.write_new(name, b"", 0o600)


def test_only_links_of_root_and_of_oneself_are_followed(tmp_path: Path, outside: Path) -> None:
    os.symlink("outside", tmp_path / "relative")
    os.symlink(tmp_path / "relative", tmp_path / "absolute")
    with Folder.open(str(tmp_path / "absolute")) as opened:
        assert opened.listdir() == ["secret"]
    (outside / "sub").mkdir()
    os.symlink("../outside/sub", outside / "up")
    with Folder.open(str(tmp_path / "relative" / "up")) as opened:
        assert opened.listdir() == []
    os.symlink("round", tmp_path / "round")
    with pytest.raises(UnsafePathError, match="too many links"):
        Folder.open(str(tmp_path / "round"))
    if os.geteuid() == 0:
        os.lchown(tmp_path / "relative", OTHER, OTHER)
        for path in ("relative", "absolute", "relative/sub"):
            with pytest.raises(UnsafePathError, match=f"a link that belongs to user {OTHER}"):
                Folder.open(str(tmp_path / path))
            with pytest.raises(OSError, match="a link that belongs to user"):
                Folder.open(str(tmp_path / path))


def test_a_folder_that_is_held_open_stays_the_one_that_was_opened(folder: Folder, outside: Path) -> None:
    os.rename(folder.path, folder.path + "-moved")
    os.symlink(outside, folder.path)
    folder.replace("secret", b"mine", 0o600)
    assert (outside / "secret").read_bytes() == b"secret"
    assert folder.read("secret") == b"mine"


def test_names_are_given_across_open_folders(folder: Folder) -> None:
    folder.write_new("a", b"1", 0o600)
    with folder.make_folder("other", 0o700) as other:
        folder.link("a", "b", other)
        folder.rename("a", "c", other)
        assert other.listdir() == ["b", "c"]
        other.replace_symlink("b", "link")
        other.replace_symlink("c", "link")
        assert other.readlink("link") == "c"
        assert other.listdir() == ["b", "c", "link"]


def test_a_missing_folder_is_an_error_and_is_made_on_demand(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Folder.open(str(tmp_path / "a" / "b"))
    Folder.open(str(tmp_path / "a" / "b"), make=0o700).close()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        Folder.open(str(tmp_path / "file"))


def test_on_the_way_the_right_to_search_is_enough(tmp_path: Path) -> None:
    way = tmp_path / "way"
    (way / "in").mkdir(parents=True)
    os.chmod(way, 0o111)
    os.chmod(way / "in", 0o333)
    for folder in (way, way / "in"):
        if os.geteuid() == 0:
            os.chown(folder, OTHER, OTHER)
    for parent in tmp_path.parents:
        if "pytest" in parent.name or parent.name.startswith("popen-"):
            os.chmod(parent, 0o755)  # pytest's own folders are for their owner alone
    os.chmod(tmp_path, 0o755)
    child = os.fork()
    if not child:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(OTHER)
                os.setuid(OTHER)
            with Folder.open(str(way / "in")) as folder:
                folder.replace("file", b"1", 0o600, durable=True)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    os.chmod(way, 0o755)
    assert (way / "in" / "file").read_bytes() == b"1"


def test_who_else_may_write_is_told(folder: Folder) -> None:
    assert not folder.foreign
    for bits in (0o770, 0o707, 0o1777):
        os.chmod(folder.path, bits)
        assert folder.foreign
    os.chmod(folder.path, 0o755)
    if os.geteuid() == 0:
        os.chown(folder.path, OTHER, -1)
        assert others_may_write(folder.status)


def test_a_file_in_a_folder_that_was_removed_meanwhile_is_not_found(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "in").rmdir()
    with pytest.raises(FileNotFoundError):
        folder.open_file("lock", os.O_RDWR | os.O_CREAT)


def test_reading_says_the_mode_and_knows_the_end(folder: Folder, tmp_path: Path) -> None:
    for content in (b"", b"x", b"x" * 200_000):
        folder.write_new(f"{len(content)}", content, 0o640)
        assert read_file_with_mode(str(tmp_path / "in" / f"{len(content)}"), 300_000) == (content, 0o640)
    with pytest.raises(FileError, match="at most 199999 are read"):
        read_file_with_mode(str(tmp_path / "in" / "200000"), 199_999)
    # A file of the system whose size does not tell how much it holds.
    assert read_file_with_mode("/proc/self/status")[0].endswith(b"\n")
    assert len(read_file_with_mode("/proc/self/status", 20)[0]) == 20
