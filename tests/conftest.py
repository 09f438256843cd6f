# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test sees the collection as users get it: built, and installed from the tarball."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Times say nothing on a busy machine. In CI the examples are the same every time; elsewhere they are new ones.
settings.register_profile("here", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("here")

CHECKOUT = Path(__file__).resolve().parent.parent
COLLECTIONS = Path(os.environ.get("OT_PKI_COLLECTIONS", CHECKOUT / "build" / "collections"))
COLLECTION = COLLECTIONS / "ansible_collections" / "ot_pki" / "defender_iot"

if COLLECTION.is_dir() and str(COLLECTIONS) not in sys.path:
    sys.path.insert(0, str(COLLECTIONS))


def pytest_configure(config: pytest.Config) -> None:
    """Without the installed collection nothing here would test what users get."""
    # ansible-test runs the unit tests from a copy of the collection and sets its own path.
    if not COLLECTION.is_dir() and "ansible_test" not in " ".join(sys.path):
        raise pytest.UsageError(f"{COLLECTION} is missing; run 'make test', or tools/install-collection first")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the source tree."""
    return CHECKOUT


@pytest.fixture(scope="session")
def collection() -> Path:
    """The folder of the installed collection."""
    return COLLECTION
