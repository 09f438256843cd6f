# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that does the work."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from suite import ASKED, HERE, Driver


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preloaded library."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc (tools/install-test-tools), to make the library that lets file calls fail")
    path = tmp_path_factory.mktemp("shim") / "shim.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path, HERE / "shim.c", "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def driver(collection: Path, shim: Path) -> Iterator[Driver]:
    made = Driver(collection.parents[2], shim)
    yield made
    made.stop()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The same for a test every time, unless trials are asked for; a failure tells each fault by itself."""
    return random.Random(None if ASKED else request.node.name)
