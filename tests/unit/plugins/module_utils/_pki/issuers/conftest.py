# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of issuers share: real servers, started once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "support"))

import ca_servers
import corporate_pki as pki
from issuing_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ca_servers.Bao]:
    with ca_servers.bao(tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest.fixture(scope="session")
def cfssl_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if ca_servers.MISSING_CFSSL:
        pytest.skip(ca_servers.MISSING_CFSSL)
    with ca_servers.cfssl(tmp_path_factory.mktemp("cfssl"), pki.issuing().crt, pki.issuing().private()) as url:
        yield url
