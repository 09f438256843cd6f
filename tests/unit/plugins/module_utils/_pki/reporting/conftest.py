# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's state for the tests of reports."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[5] / "support"))
from report_kitchen import Kitchen


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    """Folders without a sensor."""
    return Kitchen(tmp_path / "pki")
