# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lets the tests of this folder import what they share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from house import Site, make_ca


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA of one tier, made once for a file."""
    folder = tmp_path_factory.mktemp("ca") / "ca"
    make_ca(folder)
    return folder


@pytest.fixture
def site(tmp_path: Path, ca: Path) -> Site:
    """A stage directory, a ledger and that CA."""
    return Site(tmp_path, ca)
