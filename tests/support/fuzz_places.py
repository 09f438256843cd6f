# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders in which the fuzz targets work, and who of a batch is innocent."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

Choice = TypeVar("Choice")

# In whatever files and inputs are mutated, this sensor's are not.
INNOCENT = "innocent.plant.example"
HOSTILE = "sensor-2.plant.example"


@functools.cache
def scratch(name: str) -> Path:
    """A folder of a target's own, in memory where there is such a place: 100,000 inputs are written to it."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-", dir=memory if os.access(memory, os.W_OK) else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def fresh(name: str, template: Path | None = None) -> Path:
    """The folder emptied, or as a copy of another."""
    folder = scratch(name) / "work"
    shutil.rmtree(folder, ignore_errors=True)
    if template is None:
        folder.mkdir()
    else:
        shutil.copytree(template, folder, symlinks=True)
    return folder


def chosen(data: bytes, choices: Sequence[Choice]) -> Choice:
    """One of several; always the same for the same input, so that a find stays one."""
    return choices[hashlib.sha256(data).digest()[0] % len(choices)]


def files_of(folder: Path) -> list[Path]:
    """Every regular file below a folder, relative to it, in a fixed order."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def no_fault_of_ours(result: Any) -> None:
    """What a guard has caught is a find as well: somebody has to look at it."""
    found = re.search(r"error inside the collection[^\"]*", json.dumps(result, default=str))
    assert found is None, found and found[0]
