# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets, run by ansible-test on a copy of the installed collection."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TARGETS = sorted(
    path.name for path in (Path(__file__).parents[1] / "integration" / "targets").iterdir() if path.is_dir()
)


@pytest.mark.parametrize("target", TARGETS)
def test_target(ansible: Any, collection: Path, checkout: Path, tmp_path: Path, target: str) -> None:
    copy = tmp_path / "ansible_collections" / "ot_pki" / "defender_iot"
    shutil.copytree(collection, copy)
    subprocess.run([checkout / "tools" / "copy-tests", copy], check=True)
    environment = ansible.environment()
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    # It finds the copy by the folder it is run from.
    del environment["ANSIBLE_COLLECTIONS_PATH"]
    done = subprocess.run(
        ["ansible-test", "integration", "--local", "--color", "no", target],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


def test_every_module_has_a_target(collection: Path) -> None:
    modules = {path.stem for path in (collection / "plugins" / "modules").glob("*.py")}
    # A target of a role's name would run the role, so some carry a prefix.
    targets = {target.removeprefix("module_") for target in TARGETS}
    assert modules - targets == set(), "modules without an integration target"
