# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments with an ansible-core in which a test can run playbooks: the test's own, and others that were made."""

from __future__ import annotations

import os
import sys
from pathlib import Path

RUNNING = Path(sys.executable).parent
# Folders of programs, separated by colons, the oldest core first; `make test` and `make markers` set it.
VARIABLE = "OT_PKI_CORES"


def others() -> list[Path]:
    """The programs of the other environments."""
    return [Path(path) for path in os.environ.get(VARIABLE, "").split(":") if path]


def for_round(number: int) -> Path:
    """The environment of one of several rounds, so that together they see all of them; the first is the test's own."""
    every = others() if os.environ.get(f"{VARIABLE}_ONLY") else [RUNNING, *others()]
    return every[number % len(every)]
