# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page for workstations in the browsers that people have: it loads alone, on a phone too, leads on, prints."""

from __future__ import annotations

import importlib.resources
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import browsers
import corporate_pki
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import as_workstations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.folder import write_folder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.judge import judge
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_entries import parse_entries

PHONE = 390
LONG = "sensor-with-a-very-long-name-in-building-twelve.production-line-seven.hamburg.plant.example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As deploy_certs leaves it: a root, an issuing CA, two sensors of which DNS knows one."""
    place = tmp_path_factory.mktemp("given")
    chain = place / "chain.pem"
    chain.write_bytes(corporate_pki.chain())
    judged = judge([str(chain)], moments.now(), True, [])
    entries = parse_entries([{"ip": "192.0.2.7", "names": [LONG]}], True, [])
    page = as_workstations.render(judged, entries, ["known.plant.example"], "the OT desk, +1 555 0100")
    write_folder(str(place / "workstations"), judged, entries, page, check_mode=False)
    return place / "workstations"


@pytest.fixture(scope="module", params=[browsers.CHROMIUM, browsers.FIREFOX])
def page(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: Any) -> Iterator[browsers.Browser]:
    absent = browsers.missing(request.param)
    if absent and os.geteuid() != 0:
        pytest.skip(f"{absent} is not installed, and only root can install it")
    assert absent is None, f"{absent} is not installed; tools/install-test-tools installs it"
    browser = browsers.MAKERS[request.param](tmp_path_factory.mktemp("browser"))
    browser.open(folder / "index.html")
    yield browser
    browser.close()


def test_it_loads_alone_leads_on_and_prints(page: browsers.Browser, folder: Path) -> None:
    assert page.complaints() == []
    assert page.script("return performance.getEntriesByType('resource').map((one) => one.name)") == []
    links = page.script("return [...document.querySelectorAll('main a')].map((one) => one.getAttribute('href'))")
    files = {link for link in links if "://" not in link}
    assert files == {path.name for path in folder.iterdir()} - {"index.html"}
    assert {link for link in links if "://" in link} == {f"https://{LONG}/", "https://known.plant.example/"}
    targets = page.script(
        "return [...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.getAttribute('href'))"
    )
    assert targets
    assert page.script("return arguments[0].every((one) => document.querySelector(one))", targets)
    assert "Ask the OT desk, +1 555 0100." in page.script("return document.body.textContent")
    assert page.pdf().startswith(b"%PDF-")


def test_it_fits_a_phone(page: browsers.Browser) -> None:
    page.narrow(PHONE)
    width = page.script("return window.innerWidth")
    assert width <= 500, "the window did not become narrow"
    assert page.script("return document.documentElement.scrollWidth") <= width


def test_no_serious_finding_of_accessibility(folder: Path, tmp_path: Path) -> None:
    if browsers.missing(browsers.CHROMIUM) and os.geteuid() != 0:
        pytest.skip("chromium is not installed, and only root can install it")
    axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    browser = browsers.Chromium(tmp_path / "profile")
    try:
        for scheme in ("light", "dark"):
            for width in (PHONE, 1280):
                browser.narrow(width)
                browser.media(prefers_color_scheme=scheme)
                browser.open(folder / "index.html")
                assert browser.serious(axe) == [], (scheme, width)
    finally:
        browser.close()
