# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats, each read by somebody else's parser; and what hostile texts become in them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import as_html, as_sheets, writing
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.facts import Fleet
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.wanted import Wanted
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError, InputError
from prometheus_client.parser import text_string_to_metric_families
from report_kitchen import DAY, NOW, URL, Kitchen

HOSTILE = (
    '</script><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "{{ 7 * 7 }} {% raw %}",
    "[x](javascript:alert(1)) | `x` **x**",
    "a\u202etxt.exe\u2066 \u200b\x1b[2J\n# x\r\t\x00",
    "\ud800 lone surrogate",
    'back\\slash "quoted"',
)  # fmt: skip


def sample(kitchen: Kitchen) -> Fleet:
    certificate = kitchen.bundle("sensor-1.plant.example", crl_url=URL)
    kitchen.bundle("sensor-2.plant.example", left=-3, age=600)
    kitchen.bundle("gone.plant.example")
    kitchen.bundle("gone-2.plant.example", passphrase="Secret-1234")
    kitchen.seen("sensor-1.plant.example", certificate, NOW, "matches")
    kitchen.request("sensor-3.plant.example")
    kitchen.publish()
    names = [f"sensor-{number}.plant.example" for number in (1, 2, 3, 4)]
    return kitchen.gather(names, since=NOW - 10 * DAY)


def hostile(kitchen: Kitchen) -> Fleet:
    """Every text that can come from outside, as bad as it gets."""
    kitchen.bundle("sensor-1.plant.example")
    texts = " ".join(HOSTILE)
    wanted = [Wanted("sensor-1.plant.example", "x", ("sensors", HOSTILE[0])), *(Wanted(t, t, (t,), t) for t in HOSTILE)]
    kitchen.seen("sensor-1.plant.example", None, NOW, texts)
    for text in HOSTILE[:6]:
        name = text.replace("/", "_").replace("\x00", "")
        os.mkdir(os.path.join(kitchen.staged, name))
    return kitchen.gather(wanted, since=NOW - DAY)


def schema(collection: Path) -> dict[str, Any]:
    path = collection / "plugins" / "module_utils" / "_pki" / "reporting" / "fleet.schema.json"
    return dict(json.loads(path.read_text()))


@pytest.mark.parametrize("made", [sample, hostile, lambda kitchen: kitchen.gather([])])
def test_json_is_as_its_schema_says(kitchen: Kitchen, collection: Path, made: Any) -> None:
    wanted = schema(collection)
    jsonschema.Draft202012Validator.check_schema(wanted)
    fleet = made(kitchen)
    data = json.loads(writing.render(fleet, ["json"])["fleet.json"])
    jsonschema.Draft202012Validator(wanted).validate(data)
    assert data == json.loads(json.dumps(fleet.to_dict()))


def test_the_schema_refuses_what_it_does_not_name(kitchen: Kitchen, collection: Path) -> None:
    data = {**sample(kitchen).to_dict(), "more": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema(collection)).validate(data)


def test_the_keys_that_are_promised(kitchen: Kitchen) -> None:
    data = sample(kitchen).to_dict()
    assert data["schema"] == "ot_pki.fleet/1"
    assert set(data) >= {"generated", "summary", "sensors", "authorities", "crls", "calendar"}
    assert set(data["summary"]) == {
        "sensors", "staged", "pending", "missing", "failed", "to_upload", "due", "expired", "orphaned", "next_due",
    }  # fmt: skip
    promised = {
        "name", "groups", "common_name", "state", "issuer", "serial", "fingerprint", "not_before", "not_after", "days_left",
        "due_on", "key_bits", "sans", "findings", "upload", "live", "crl", "history",
    }  # fmt: skip
    for sensor in data["sensors"]:
        assert set(sensor) >= promised
        assert set(sensor["upload"]) >= {
            "needed", "since", "files", "certificate_name", "passphrase", "crl_check", "validation",
        }  # fmt: skip
        assert set(sensor["live"]) >= {"state", "seen"}
        assert set(sensor["crl"]) >= {"state", "seen"}
        for event in sensor["history"]:
            assert set(event) >= {"time", "event", "actor", "reason", "serial"}
    assert all(set(month) == {"month", "due", "ends"} for month in data["calendar"])


def test_csv_has_a_line_for_each_sensor(kitchen: Kitchen) -> None:
    fleet = sample(kitchen)
    lines = list(csv.DictReader(io.StringIO(writing.render(fleet, ["csv"])["fleet.csv"].decode("utf-8-sig"))))
    assert [line["name"] for line in lines] == [row.name for row in fleet.sensors]
    by_name = {line["name"]: line for line in lines}
    assert by_name["sensor-1.plant.example"]["upload_needed"] == "no"
    assert by_name["sensor-2.plant.example"]["expired"] == "yes"
    assert by_name["sensor-2.plant.example"]["days_left"] == "-3", "a number stays a number"
    assert by_name["gone.plant.example"]["state"] == "orphaned"


def test_no_cell_of_the_csv_is_a_formula(kitchen: Kitchen) -> None:
    text = writing.render(hostile(kitchen), ["csv"])["fleet.csv"].decode("utf-8-sig")
    for line in csv.DictReader(io.StringIO(text)):
        for name, cell in line.items():
            if name not in ("days_left", "errors", "warnings", "key_bits"):
                assert not str(cell).startswith(("=", "+", "-", "@", "\t", "\r")), cell


def metrics(fleet: Fleet) -> dict[str, list[Any]]:
    text = writing.render(fleet, ["metrics"])["ot_pki.prom"].decode()
    return {family.name: list(family.samples) for family in text_string_to_metric_families(text)}


def test_metrics_are_read_by_the_client_of_prometheus(kitchen: Kitchen) -> None:
    fleet = sample(kitchen)
    found = metrics(fleet)
    assert {s.labels["state"]: s.value for s in found["ot_pki_sensors"]} == {
        "staged": 2, "pending": 1, "missing": 1, "orphaned": 2,
    }  # fmt: skip
    needed = {s.labels["sensor"]: s.value for s in found["ot_pki_upload_needed"]}
    assert (needed["sensor-1.plant.example"], needed["sensor-2.plant.example"]) == (0, 1)
    one = next(row for row in fleet.sensors if row.name == "sensor-1.plant.example")
    ends = {s.labels.get("sensor"): s for s in found["x509_cert_not_after"]}
    sample_one = ends["sensor-1.plant.example"]
    assert sample_one.labels == {
        "subject_CN": "sensor-1.plant.example",
        "issuer_CN": "Plant Issuing CA",
        "serial_number": str(int(str(one.serial), 16)),
        "filepath": str(kitchen.staged / "sensor-1.plant.example" / "sensor-1.plant.example.crt"),
        "sensor": "sensor-1.plant.example",
    }
    assert sample_one.value == (NOW + 700 * DAY).timestamp()
    expired = {s.labels.get("sensor"): s.value for s in found["x509_cert_expired"]}
    assert (expired["sensor-1.plant.example"], expired["sensor-2.plant.example"]) == (0, 1)
    assert {"Plant Root CA", "Plant Issuing CA"} <= {s.labels["subject_CN"] for s in found["x509_cert_not_before"]}
    assert [s.value for s in found["x509_crl_number"]] == [7]
    assert set(found) >= {"x509_crl_next_update", "x509_crl_this_update"}
    assert all(s.timestamp is None for samples in found.values() for s in samples), "node_exporter refuses these"


def test_no_sample_of_the_metrics_comes_twice(kitchen: Kitchen) -> None:
    for samples in metrics(hostile(kitchen)).values():
        keys = [(s.name, tuple(sorted(s.labels.items()))) for s in samples]
        assert len(keys) == len(set(keys)), keys


def test_hostile_texts_are_no_markup_of_the_page(kitchen: Kitchen) -> None:
    page = as_html.render(hostile(kitchen)).decode("utf-8")
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<img" not in page
    for unseen in ("\u202e", "\u2066", "\u200b", "\x1b", "\x00"):
        assert unseen not in page
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert "alert(1)" in json.dumps(json.loads(data[1]))


def test_the_page_needs_nothing_else(kitchen: Kitchen) -> None:
    page = as_html.render(sample(kitchen)).decode("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    assert not re.search(r'(?:src|href)="(?!data:,|#)', page), "something is loaded from elsewhere"


def test_hostile_texts_are_no_markup_of_markdown(kitchen: Kitchen) -> None:
    text = writing.render(hostile(kitchen), ["markdown"])["fleet.md"].decode("utf-8")
    assert "](javascript" not in text
    assert not re.search(r"(?<!\\)<(script|img)", text)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5, 6), line


def test_markdown_says_first_what_there_is_to_do(kitchen: Kitchen) -> None:
    text = writing.render(sample(kitchen), ["markdown"])["fleet.md"].decode("utf-8")
    places = [text.index(words) for words in ("to upload", "## Findings", "## Due or expired", "## Sensors")]
    assert places == sorted(places)
    assert "gone.plant.example" in text


def test_ten_thousand_findings_on_one_sensor(kitchen: Kitchen) -> None:
    fleet = sample(kitchen)
    finding = {"id": "crt.x", "severity": "error", "message": "m", "hint": "h", "upload_error": None, "source": None}
    many = tuple({**finding, "message": f"message {number}"} for number in range(10_000))
    rows = (dataclasses.replace(fleet.sensors[0], findings=many), *fleet.sensors[1:])
    files = writing.render(dataclasses.replace(fleet, sensors=rows), list(writing.FORMATS), sheets=True)
    assert len(json.loads(files["fleet.json"])["sensors"][0]["findings"]) == 10_000
    assert "and 9800 more findings" in files["fleet.html"].decode()
    assert len(files["fleet.html"]) < 200_000
    assert len(files["fleet.md"]) < 50_000


# Files


def test_files_are_written_once_and_a_second_report_changes_nothing(kitchen: Kitchen) -> None:
    folder = str(kitchen.report)
    fleet = sample(kitchen)
    names = {"fleet.json", "fleet.html", "fleet.csv", "ot_pki.prom", "fleet.md"}
    planned = writing.write(folder, writing.rendered(fleet, list(writing.FORMATS)), False, check_mode=True)
    assert set(planned.changed) == names
    assert not kitchen.report.exists()
    first = writing.write(folder, writing.rendered(fleet, list(writing.FORMATS)), False)
    assert set(first.changed) == names == set(os.listdir(folder))
    later = dataclasses.replace(fleet, generated="2031-01-01T00:00:00Z")
    assert writing.write(folder, writing.rendered(later, list(writing.FORMATS)), False).changed == ()
    assert json.loads((kitchen.report / "fleet.json").read_text())["generated"] == "2031-01-01T00:00:00Z"
    other = dataclasses.replace(later, problems=("something",))
    assert "fleet.json" in writing.write(folder, writing.rendered(other, list(writing.FORMATS)), False).changed
    as_long = dataclasses.replace(later, problems=("somethinG",))
    changed = writing.write(folder, writing.rendered(as_long, list(writing.FORMATS)), False).changed
    assert {"fleet.json", "fleet.html", "fleet.md"} == set(changed)


def test_a_folder_that_cannot_be_written(kitchen: Kitchen) -> None:
    kitchen.report.write_text("a file")
    with pytest.raises(FileError, match=re.escape(f"the report could not be written into {kitchen.report}")):
        writing.write(str(kitchen.report), [("fleet.json", b"x")], False)


def test_a_file_that_cannot_be_written_keeps_no_other_from_it(kitchen: Kitchen) -> None:
    """And what it says is which, and why."""
    (kitchen.report / "fleet.json").mkdir(parents=True)
    (kitchen.report / "ot_pki.prom").mkdir()
    fleet = sample(kitchen)
    written = writing.write(str(kitchen.report), writing.rendered(fleet, list(writing.FORMATS)), False)
    assert set(written.files) == set(written.changed) == {"fleet.html", "fleet.csv", "fleet.md"}
    assert written.problem is not None
    assert written.problem.endswith("as a whole: fleet.json, ot_pki.prom: Is a directory")
    assert sorted(path.name for path in kitchen.report.iterdir() if path.is_file()) == sorted(written.files)


def test_a_link_in_the_folder_is_replaced_and_not_followed(kitchen: Kitchen, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("kept")
    kitchen.report.mkdir()
    (kitchen.report / "fleet.json").symlink_to(target)
    assert writing.write(str(kitchen.report), [("fleet.json", b"x")], False).changed == ("fleet.json",)
    assert target.read_text() == "kept"
    assert (kitchen.report / "fleet.json").read_bytes() == b"x"


def test_formats_that_do_not_exist() -> None:
    assert writing.check_formats(["json", "csv", "json"]) == ["json", "csv"]
    with pytest.raises(InputError, match="fleet_report_formats has 'pdf'; wanted: any of json"):
        writing.check_formats(["pdf"])


# Sheets


def test_a_page_of_sheets_for_each_site(kitchen: Kitchen) -> None:
    for number in (1, 2, 3):
        kitchen.bundle(f"sensor-{number}.plant.example")
    sites = ("site_a", "Site A", "site a")
    wanted = [
        Wanted(f"sensor-{number}.plant.example", f"sensor-{number}.plant.example", ("sensors", site))
        for number, site in enumerate(sites, start=1)
    ]
    pages = as_sheets.render(kitchen.gather(wanted))
    assert len({name.lower() for name in pages}) == 3
    assert all(re.fullmatch(r"sheets-[A-Za-z0-9._-]+\.html", name) for name in pages)
    page = pages["sheets-site_a.html"].decode()
    for words in (
        "System settings &gt; Basic &gt; SSL/TLS certificate",
        "Certificate name: sensor-1.plant.example-",
        "Passphrase: leave it empty",
        "Validation: Mandatory",
        "leave it empty: the certificate names no CRL",
        str(kitchen.staged / "sensor-1.plant.example" / "sensor-1.plant.example.key"),
        "check_live",
    ):
        assert words in page, words


def test_the_sheets_of_a_site_go_when_its_last_upload_is_done(kitchen: Kitchen) -> None:
    certificate = kitchen.bundle("sensor-1.plant.example")
    folder = str(kitchen.report)
    files = writing.render(kitchen.gather(["sensor-1.plant.example"]), ["json"], sheets=True)
    writing.write(folder, files.items(), True)
    assert (kitchen.report / "sheets-site_a.html").exists()
    kitchen.seen("sensor-1.plant.example", certificate, NOW, "matches")
    files = writing.render(kitchen.gather(["sensor-1.plant.example"]), ["json"], sheets=True)
    assert "sheets-site_a.html" in writing.write(folder, files.items(), True).changed
    assert os.listdir(folder) == ["fleet.json"]


def test_a_sheet_never_says_the_passphrase(kitchen: Kitchen) -> None:
    kitchen.bundle("sensor-1.plant.example", passphrase="Secret-1234")
    files = writing.render(kitchen.gather(["sensor-1.plant.example"]), list(writing.FORMATS), sheets=True)
    assert b"enter the key&#39;s passphrase" in files["sheets-site_a.html"]
    assert not any(b"Secret-1234" in content for content in files.values())
