# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's page in the browsers that people have: it loads alone, searches, sorts, filters, opens a sensor, prints."""

from __future__ import annotations

import dataclasses
import importlib.resources
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import browsers
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import as_html, as_sheets
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.facts import Fleet
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.figures import calendar_of, summary_of
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.wanted import Wanted
from report_kitchen import DAY, NOW, URL, Kitchen

MANY = 5000
MAX_BYTES = 4 * 1024 * 1024
HOSTILE = '</script><img src=x onerror="window.broken=1">\u202egnp.exe'


@pytest.fixture(scope="module", params=[browsers.CHROMIUM, browsers.FIREFOX])
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browsers.Browser]:
    absent = browsers.missing(request.param)
    if absent and os.geteuid() != 0:
        pytest.skip(f"{absent} is not installed, and only root can install it")
    assert absent is None, f"{absent} is not installed; tools/install-test-tools installs it"
    made = browsers.MAKERS[request.param](tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A fleet with one of everything."""
    kitchen = Kitchen(tmp_path_factory.mktemp("small") / "pki", ca_days=800)
    first = kitchen.bundle("sensor-1.plant.example", crl_url=URL)
    kitchen.bundle("sensor-2.plant.example", left=-3, age=600)
    kitchen.bundle("sensor-3.plant.example", left=20, age=600, passphrase="Secret-1234")
    kitchen.bundle("gone.plant.example")
    kitchen.request("sensor-4.plant.example")
    kitchen.seen("sensor-1.plant.example", first, NOW - DAY, "matches")
    kitchen.seen("sensor-2.plant.example", None, NOW - DAY, "unreachable")
    kitchen.publish()
    (kitchen.ledger_dir / "0A.json").write_text("")
    sites = ("site_tulsa", "site_hamburg")
    wanted = [
        Wanted(
            f"sensor-{number}.plant.example",
            f"sensor-{number}.plant.example",
            ("sensors", sites[number % 2]),
            "local_ca",
        )
        for number in range(1, 6)
    ]
    wanted.append(Wanted(HOSTILE, HOSTILE, ("sensors", HOSTILE), HOSTILE))
    return kitchen.gather(wanted, since=NOW - 30 * DAY)


@pytest.fixture(scope="module")
def large(small: Fleet) -> Fleet:
    """Many sensors, each with its own serial number, hashes and history."""
    model = next(row for row in small.sensors if row.name == "sensor-1.plant.example")
    rows = []
    for number in range(MANY):
        name = f"sensor-{number:05d}.site-{number % 40:02d}.plant.example"
        marks = {key: f"{number * 7919 + seed:040X}" for seed, key in enumerate(("serial", "a", "b"))}
        files = tuple(
            {**entry, "sha256": f"{number * 104729 + position:064x}"}
            for position, entry in enumerate(model.upload.files)
        )
        upload = dataclasses.replace(
            model.upload, needed=number % 3 == 0, since=model.not_before, files=files, certificate_name=f"{name}-x"
        )
        history = tuple({**event, "serial": marks["serial"]} for event in model.history)
        rows.append(
            dataclasses.replace(
                model, name=name, common_name=name, sans=(name,), site=f"site_{number % 40:02d}", serial=marks["serial"],
                groups=("sensors", f"site_{number % 40:02d}"), fingerprint=f"{number:064x}", upload=upload, history=history,
                subject=f"C=US, O=Contoso, OU=OT Security, CN={name}",
            )
        )  # fmt: skip
    return dataclasses.replace(
        small, sensors=tuple(rows), summary=summary_of(rows), calendar=calendar_of(rows, NOW), changes=None, problems=()
    )


@pytest.fixture
def page(browser: browsers.Browser, small: Fleet, tmp_path: Path) -> browsers.Browser:
    """The small fleet's page, opened."""
    path = tmp_path / "fleet.html"
    path.write_bytes(as_html.render(small))
    browser.complaints()
    browser.open(path)
    return browser


def shown(browser: browsers.Browser) -> list[str]:
    found = browser.script("return [...document.querySelectorAll('#table tbody th')].map((cell) => cell.textContent)")
    return [str(name) for name in found]


def choose(browser: browsers.Browser, control: str, value: str) -> None:
    browser.script(
        "const it = document.getElementById(arguments[0]); it.value = arguments[1];"
        "it.dispatchEvent(new Event('input', {bubbles: true}))",
        control,
        value,
    )


def test_it_loads_alone_and_without_complaints(page: browsers.Browser) -> None:
    assert page.complaints() == []
    assert page.script("return performance.getEntriesByType('resource').map((one) => one.name)") == []
    assert "Something is wrong" in page.script("return document.getElementById('verdict').textContent")
    assert page.script("return document.getElementById('count').textContent") == "7 of 7 sensors"
    assert page.script("return document.querySelectorAll('#timeline svg rect').length") >= 4


def test_hostile_names_are_texts(page: browsers.Browser) -> None:
    assert page.script("return window.broken === undefined && document.images.length === 0")
    named = [name for name in shown(page) if "<img" in name]
    assert len(named) == 1
    assert "\u202e" not in named[0]


def test_search_filters_and_sorting(page: browsers.Browser) -> None:
    choose(page, "search", "SENSOR-3 plant")
    assert shown(page) == ["sensor-3.plant.example"]
    page.script("document.getElementById('reset').click()")
    choose(page, "f-site", "site_hamburg")
    assert shown(page) == [f"sensor-{number}.plant.example" for number in (1, 3, 5)]
    choose(page, "f-todo", "soon")
    assert shown(page) == ["sensor-3.plant.example"]
    page.script("document.getElementById('reset').click()")
    choose(page, "f-finding", "crt.expired")
    assert shown(page) == ["sensor-2.plant.example"]
    page.script("document.getElementById('reset').click()")
    for state, names in (("orphaned", ["gone.plant.example"]), ("pending", ["sensor-4.plant.example"])):
        choose(page, "f-state", state)
        assert shown(page) == names
    page.script("document.getElementById('reset').click()")
    ends = "[...document.querySelectorAll('#table thead button')].find((one) => one.textContent.startsWith('Ends'))"
    page.script(f"{ends}.click()")
    assert shown(page)[:2] == ["sensor-2.plant.example", "sensor-3.plant.example"]
    assert page.script(f"return {ends}.parentElement.getAttribute('aria-sort')") == "ascending"
    page.script(f"{ends}.click()")
    assert shown(page)[-2:] == ["sensor-3.plant.example", "sensor-2.plant.example"]
    choose(page, "search", "nobody")
    assert page.script("return document.querySelector('#table tbody').textContent") == "No sensor fits."
    page.script("document.getElementById('show-uploads').click()")
    assert set(shown(page)) == {"sensor-2.plant.example", "sensor-3.plant.example"}


def test_a_sensors_panel(page: browsers.Browser) -> None:
    page.script(
        "[...document.querySelectorAll('#table tbody button')].find((one) => one.textContent.startsWith('sensor-2')).click()"
    )
    assert page.script("return document.getElementById('panel').open")
    text = page.script("return document.getElementById('panel').textContent")
    for words in (
        "sensor-2.plant.example",
        "crt.expired",
        "This SSL certificate has expired and isn't considered valid.",
        "What to do:",
        "System settings > Basic > SSL/TLS certificate",
        "Certificate name: sensor-2.plant.example-",
        "Validation: None",
        "Plant Issuing CA ← Plant Root CA",
        "unreachable",
        "staged",
    ):
        assert words in text, words
    page.script("document.getElementById('panel-close').click()")
    assert not page.script("return document.getElementById('panel').open")


def test_it_works_with_the_keyboard_alone(page: browsers.Browser) -> None:
    order = page.script(
        "return [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')]"
        ".filter((one) => !one.closest('dialog')).map((one) => one.tabIndex)"
    )
    assert order
    assert set(order) == {0}
    unnamed = page.script(
        "return [...document.querySelectorAll('input, select')].filter((one) => !one.labels.length).length"
    )
    assert unnamed == 0


def test_it_prints(page: browsers.Browser) -> None:
    assert page.pdf().startswith(b"%PDF-")


def test_five_thousand_sensors(browser: browsers.Browser, large: Fleet, tmp_path: Path) -> None:
    content = as_html.render(large)
    assert len(content) < MAX_BYTES
    path = tmp_path / "fleet.html"
    path.write_bytes(content)
    browser.complaints()
    browser.open(path)
    assert browser.complaints() == []
    painted = browser.script(
        "return performance.getEntriesByType('paint').filter((one) => one.name === 'first-contentful-paint').map((one) => one.startTime)"
    )
    assert painted
    assert browser.script("return document.querySelectorAll('*').length") < 6000, "the table is drawn in pages"
    assert len(shown(browser)) == 50
    choose(browser, "search", "sensor-04711")
    assert shown(browser) == ["sensor-04711.site-31.plant.example"]
    browser.script("document.getElementById('reset').click()")
    choose(browser, "f-site", "site_07")
    assert browser.script("return document.getElementById('count').textContent") == "125 of 5000 sensors"
    browser.script("document.getElementById('next').click()")
    browser.script("document.getElementById('next').click()")
    assert len(shown(browser)) == 25
    assert browser.script("return document.getElementById('next').disabled")
    browser.script("document.querySelector('#table tbody button').click()")
    text = browser.script("return document.getElementById('panel').textContent")
    name = shown(browser)[0]
    assert f"Certificate name: {name}-x" in text
    assert f"CN={name}" in text


def test_no_serious_finding_of_accessibility(small: Fleet, tmp_path: Path) -> None:
    """Judged by axe-core: light, dark, with an open panel, and the sheets."""
    if browsers.missing(browsers.CHROMIUM) and os.geteuid() != 0:
        pytest.skip("chromium is not installed, and only root can install it")
    axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    report, sheets = tmp_path / "fleet.html", tmp_path / "sheets.html"
    report.write_bytes(as_html.render(small))
    sheets.write_bytes(next(iter(as_sheets.render(small).values())))
    browser = browsers.Chromium(tmp_path / "profile")
    try:
        for path in (report, sheets):
            for scheme in ("light", "dark"):
                browser.media(prefers_color_scheme=scheme)
                browser.open(path)
                assert browser.serious(axe) == [], (path.name, scheme)
                if path == report:
                    browser.script("document.querySelector('#table tbody button').click()")
                    assert browser.serious(axe) == [], ("panel", scheme)
                    browser.script("document.getElementById('panel').close()")
    finally:
        browser.close()
