# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is released: the tracked files that users need and nothing else, the same bytes each time, pinned by hashes."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import checkout_copy
from checkout_copy import run as _run

LEVELS = ("demo", "test", "lint", "release")


def _facts(top: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_facts", top / "tools" / "release_facts.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["release_facts"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """The checkout's files as they are now, committed in a repository of their own."""
    top = tmp_path_factory.mktemp("repository")
    checkout_copy.copy(checkout, top)
    # What a demo, a test and a person leave, some of it ignored and some not.
    for left in ("demo/secrets/local_ca_passphrase", "plugins/notes.pyc", "docs/secret.key.tar.gz", "build/old.tar.gz"):
        (top / left).parent.mkdir(parents=True, exist_ok=True)
        (top / left).write_text("left behind")
    (top / "plugins" / "new_and_untracked.py").write_text("# new\n")
    return top


def _names(tarball: Path) -> set[str]:
    with tarfile.open(tarball) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


def _build(top: Path, folder: Path, *options: str, **environment: str) -> Path:
    _run(top / "tools" / "build-collection", *options, folder, cwd=top, **environment)
    return next(folder.glob("ot_pki-defender_iot-*.tar.gz"))


def test_a_release_is_what_is_tracked_and_the_same_each_time(repository: Path, tmp_path: Path) -> None:
    facts = _facts(repository)
    first = _build(repository, tmp_path / "first")
    second = _build(repository, tmp_path / "second")
    assert facts.content_faults(first) == []
    names = _names(first)
    assert names - {"MANIFEST.json", "FILES.json"} == facts.expected(facts.tracked())
    assert not [name for name in names if re.match(r"(tests|demo|tools|requirements)/|\.", name)]
    assert {"README.md", "SECURITY.md", "docs/deploy.md", "plugins/modules/cert_issue.py"} <= names
    assert first.read_bytes() == second.read_bytes()


def test_developers_test_what_they_have_just_written(repository: Path, tmp_path: Path) -> None:
    names = _names(_build(repository, tmp_path, "--work-tree"))
    facts = _facts(repository)
    assert names - {"MANIFEST.json", "FILES.json"} == facts.expected([*facts.tracked(), "plugins/new_and_untracked.py"])


def test_without_git_the_commands_leavings_stay_out(repository: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    shutil.copytree(repository, unpacked, ignore=shutil.ignore_patterns(".git"))
    names = _names(_build(unpacked, tmp_path / "made"))
    facts = _facts(repository)
    assert names - {"MANIFEST.json", "FILES.json"} == facts.expected([*facts.tracked(), "plugins/new_and_untracked.py"])


def test_the_normalized_tarball_is_one_that_galaxy_takes(repository: Path, tmp_path: Path) -> None:
    tarball = _build(repository, tmp_path)
    environment = {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "to")}
    _run(
        "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "-p",
        tmp_path / "to",
        tarball,
        cwd=tmp_path,
        **environment,
    )
    told = _run(
        "ansible-galaxy", "collection", "verify", "--offline", "ot_pki.defender_iot", cwd=tmp_path, **environment
    )
    assert "Successfully verified" in told
    with tarfile.open(tarball) as archive:
        assert {(member.uid, member.gid, member.uname, member.gname) for member in archive.getmembers()} == {
            (0, 0, "", "")
        }


def test_what_differs_is_named(repository: Path, tmp_path: Path) -> None:
    facts = _facts(repository)
    tarball = _build(repository, tmp_path)
    tracked = facts.tracked()
    faults = facts.content_faults(tarball, [name for name in tracked if name != "README.md"] + ["docs/forgotten.md"])
    assert faults == [
        "README.md is in the tarball and not tracked",
        "docs/forgotten.md is tracked and not in the tarball",
    ]


def test_the_version_stands_in_one_place(checkout: Path) -> None:
    assert _facts(checkout).version_faults() == []


@pytest.mark.parametrize("level", LEVELS)
def test_every_requirement_is_pinned_with_its_hashes(checkout: Path, level: str) -> None:
    facts, folder = _facts(checkout), checkout / "requirements"
    pinned = facts.pins(folder / f"{level}.hashes.txt")
    wanted = _wanted(folder, level)
    assert {facts.normal(name) for name in wanted} - set(pinned) == set(), "run `make pins`"
    versions = facts.pins(folder / "constraints.txt")
    assert {name: versions[name] for name in pinned if name in versions} == {
        name: version for name, version in pinned.items() if name in versions
    }, "run `make pins`"
    text = (folder / f"{level}.hashes.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned)
    for entry in entries:
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text, "where packages come from is each machine's own setting"


def _wanted(folder: Path, level: str) -> set[str]:
    names: set[str] = set()
    for line in (folder / f"{level}.txt").read_text().splitlines():
        if line.startswith("-r "):
            names |= _wanted(folder, Path(line[3:].strip()).stem)
        elif line and not line.startswith("#"):
            names.add(re.split(r"[<>=~!; \[]", line)[0])
    return names


def test_the_bills_of_material_are_about_the_collection(checkout: Path, tmp_path: Path) -> None:
    facts = _facts(checkout)
    run_time, development = tmp_path / "run.json", tmp_path / "dev.json"
    for path, level in ((run_time, "demo"), (development, "lint")):
        parts = facts.pins(checkout / "requirements" / f"{level}.hashes.txt")
        components = [{"name": name, "version": version} for name, version in parts.items()]
        main = {"name": "ot_pki.defender_iot", "version": str(facts.galaxy()["version"])}
        path.write_text(
            json.dumps({"bomFormat": "CycloneDX", "components": components, "metadata": {"component": main}})
        )
    assert facts.bill_faults(run_time, development) == []
    run_time.write_text(json.dumps({"bomFormat": "CycloneDX", "components": []}))
    faults = facts.bill_faults(run_time, development)
    assert "run.json does not say which version of the collection it is about" in faults
    assert any(fault.startswith("run.json lacks ansible-core ") for fault in faults)
