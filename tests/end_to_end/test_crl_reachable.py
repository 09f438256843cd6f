# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""crl_reachable as users run it: from here, from hosts with and without Python, through proxies and closed ports."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from conftest import Ansible  # noqa: E402
from ssh_host import MISSING, ssh_host  # noqa: E402
from web import MISSING_PROXY, MISSING_SEGMENT, MISSING_WEB, nginx, segment, tinyproxy  # noqa: E402

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
PASSWORD = "s3cret-of-the-proxy"
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Plant CA")])


class Plant:
    """A CA, its CRL in a folder that nginx serves, and sensors' certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.root = folder / "web"
        self.root.mkdir()
        self.ca = self.certificate("Plant CA", 1, [], ca=True)
        builder = x509.CertificateRevocationListBuilder(NAME, NOW - DAY, NOW + DAY)
        entry = x509.RevokedCertificateBuilder().serial_number(66).revocation_date(NOW - DAY).build()
        crl = (
            builder.add_extension(x509.CRLNumber(7), False)
            .add_revoked_certificate(entry)
            .sign(self.key, hashes.SHA256())
        )
        (self.root / "ca.crl").write_bytes(crl.public_bytes(Encoding.DER))
        (self.root / "portal.html").write_text("<html>Please sign in</html>")
        self.url = ""

    def certificate(self, name: str, serial: int, urls: list[str], ca: bool = False) -> Path:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(NAME)
            .public_key(self.key.public_key())
            .serial_number(serial)
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + DAY)
            .add_extension(x509.BasicConstraints(ca, None), True)
        )
        if urls:
            points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
            builder = builder.add_extension(x509.CRLDistributionPoints(points), False)
        path = self.folder / f"{name.replace(' ', '-')}.crt"
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def task(self, host: str, register: str, **options: Any) -> dict[str, Any]:
        task: dict[str, Any] = {
            "name": register,
            "ot_pki.defender_iot.crl_reachable": {
                "issuer_certificates": [str(self.ca)], "fail_on": "never", "retries": 0, "timeout": 10,
                "allow_networks": ["127.0.0.0/8"], **options,
            },
            "register": register,
            "delegate_to": host,
            "run_once": True,
        }  # fmt: skip
        return task


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    if MISSING_WEB:
        pytest.skip(MISSING_WEB)
    made = Plant(tmp_path_factory.mktemp("plant"))
    extra = "location /moved { return 302 https://$host/ca.crl; } location /again { return 302 /ca.crl; }"
    with nginx(made.folder / "nginx", made.root, "127.0.0.21", extra=extra) as base:
        made.url = base
        yield made


def inventory(folder: Path, hosts: dict[str, dict[str, Any]]) -> Path:
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    return path


# One connection for all tasks of a test.
FAST = {
    "ansible_ssh_common_args": "-o ControlMaster=auto -o ControlPersist=20s -o StrictHostKeyChecking=no "
    "-o UserKnownHostsFile=/dev/null",
    "ansible_pipelining": True,
}
HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
def test_every_way_to_fetch_says_the_same(ansible: Ansible, plant: Plant, tmp_path: Path) -> None:
    closed = "http://127.0.0.21:1/ca.crl"
    urls = [f"{plant.url}/{path}" for path in ("ca.crl", "none.crl", "portal.html", "moved", "again")]
    urls += [closed, "http://nowhere.invalid/ca.crl", "ldap:///CN=x"]
    expected = ["ok", "http-status", "not-a-crl", "redirect", "ok", "refused", "dns", "scheme"]
    good = str(plant.certificate("sensor-1", 65, [closed, urls[0]]))
    bad = str(plant.certificate("sensor-2", 66, [urls[0]]))
    certificates = [{"name": "sensor-1", "certificate": good}, {"name": "sensor-2", "certificate": bad}]
    with ssh_host(tmp_path, "127.0.0.1 localhost\n", sys.executable) as jump:
        hosts = {
            "here": HERE,
            "jump": {**jump, **FAST},
            "bare": {**jump, **FAST, "ansible_python_interpreter": "/nowhere/python3"},
        }
        ways = [("here", "auto"), ("jump", "auto"), ("bare", "auto"), ("bare", "wget")]
        tasks = []
        for number, (host, fetcher) in enumerate(ways):
            tasks.append(plant.task(host, f"saved_urls_{number}", urls=urls, fetcher=fetcher))
            if number % 2:
                tasks.append(plant.task(host, f"saved_batch_{number}", certificates=certificates, fetcher=fetcher))
        outcome = ansible.tasks(
            tasks, inventory=inventory(tmp_path, hosts), variables={"ansible_python_interpreter": None}
        )
    assert outcome.code == 0, outcome.output
    for number, (way, used) in enumerate(zip(ways, ("python", "python", "curl", "wget"))):
        found = outcome.saved[f"saved_urls_{number}"]
        assert [entry["reason"] for entry in found["urls"]] == expected, (way, found["urls"])
        assert (found["fetcher"], found["vantage"], found["reachable"]) == (used, way[0], True)
        first = found["urls"][0]
        assert (first["address"], first["status"], first["number"], first["entries"]) == ("127.0.0.21", 200, 7, 1)
        assert first["bytes"] == (plant.root / "ca.crl").stat().st_size
        if number % 2 == 0:
            continue
        batch = outcome.saved[f"saved_batch_{number}"]
        assert [(one["name"], one["reachable"], one["revoked"]) for one in batch["results"]] == [
            ("sensor-1", True, False),
            ("sensor-2", True, True),
        ]
        assert batch["revoked"]
    assert "bare has no usable Python" in str(outcome.saved["saved_urls_2"]["warnings"])
    requests = (plant.folder / "nginx" / "access.log").read_text().count('"GET /ca.crl ')
    assert requests == 4 * 2 + 2, "each distinct URL once for each task and vantage, and once more after /again"


@pytest.mark.skipif(bool(MISSING_PROXY or MISSING), reason=str(MISSING_PROXY or MISSING))
def test_proxies_and_no_secret_anywhere(ansible: Ansible, plant: Plant, tmp_path: Path) -> None:
    url = f"{plant.url}/ca.crl"
    (tmp_path / "ssh").mkdir()
    with (
        tinyproxy(tmp_path / "open", "127.0.0.22") as plain,
        tinyproxy(tmp_path / "login", "127.0.0.23", "ot", PASSWORD) as guarded,
        ssh_host(tmp_path / "ssh", "127.0.0.1 localhost\n", sys.executable) as jump,
    ):
        proxies = {
            "good": f"http://ot:{PASSWORD}@{guarded}",
            "no_login": f"http://{guarded}",
            "gone": "http://127.0.0.22:1",
            "exempt": "http://127.0.0.22:1",
        }
        ways = [("here", "auto"), ("jump", "auto"), ("jump", "curl"), ("jump", "wget")]
        tasks = []
        for number, (host, fetcher) in enumerate(ways):
            options = {
                "urls": [url],
                "fetcher": fetcher,
                "proxy": "{{ proxies[item] }}",
                "no_proxy": "{{ exempt[item] }}",
            }
            tasks.append({**plant.task(host, f"saved_{number}", **options), "loop": list(proxies)})
        environment = plant.task("here", "saved_environment", urls=[url])
        environment["environment"] = {"http_proxy": f"http://{plain}"}
        none = plant.task("here", "saved_none", urls=[url], proxy="")
        none["environment"] = {"http_proxy": "http://127.0.0.22:1"}
        exempt = {**dict.fromkeys(proxies, "elsewhere.example"), "exempt": "127.0.0.21"}
        outcome = ansible.tasks(
            [*tasks, environment, none],
            "-vvv",
            inventory=inventory(tmp_path, {"here": HERE, "jump": {**jump, **FAST}}),
            variables={"ansible_python_interpreter": None, "proxies": proxies, "exempt": exempt},
        )
    assert outcome.code == 0, outcome.output
    for number, way in enumerate(ways):
        reasons = [one["urls"][0]["reason"] for one in outcome.saved[f"saved_{number}"]["results"]]
        assert reasons == ["ok", "proxy", "proxy", "ok"], (way, reasons)
    assert outcome.saved["saved_environment"]["urls"][0]["via"] == plain
    assert outcome.saved["saved_none"]["urls"][0]["via"] is None
    assert PASSWORD not in outcome.output
    assert PASSWORD not in str(outcome.saved)


@pytest.mark.skipif(bool(MISSING_SEGMENT or MISSING_PROXY), reason=str(MISSING_SEGMENT or MISSING_PROXY))
def test_the_three_ways_of_the_article_from_a_segment_whose_port_is_closed(
    ansible: Ansible, plant: Plant, tmp_path: Path
) -> None:
    """Port 80 is dropped; another port and a proxy lead to the CRL server."""
    with contextlib.ExitStack() as stack:
        jump, here, dropped = stack.enter_context(segment(tmp_path / "segment", sys.executable, 7))
        other_port = stack.enter_context(nginx(tmp_path / "nginx", plant.root, here))
        proxy = stack.enter_context(tinyproxy(tmp_path / "proxy", here))
        closed, beyond = f"http://{dropped}/ca.crl", f"{plant.url}/ca.crl"
        quick = {"timeout": 2, "connect_timeout": 2}
        certificate = str(plant.certificate("sensor-3", 67, [closed, f"{other_port}/ca.crl"]))
        tasks = [
            plant.task("jump", "saved_port_80", urls=[closed], **quick),
            plant.task("jump", "saved_port_80_curl", urls=[closed], fetcher="curl", **quick),
            plant.task("jump", "saved_other_port", certificate=certificate, **quick),
            plant.task("jump", "saved_direct", urls=[beyond], **quick),
            plant.task("jump", "saved_proxy", urls=[beyond], proxy=f"http://{proxy}"),
        ]
        outcome = ansible.tasks(
            tasks,
            inventory=inventory(tmp_path, {"jump": {**jump, **FAST}}),
            variables={"ansible_python_interpreter": None},
        )
    assert outcome.code == 0, outcome.output
    found = {name[6:]: [entry["reason"] for entry in one["urls"]] for name, one in outcome.saved.items()}
    assert found == {
        "port_80": ["timeout"],
        "port_80_curl": ["timeout"],
        "other_port": ["timeout", "ok"],
        "direct": ["refused"],
        "proxy": ["ok"],
    }
    assert outcome.saved["saved_other_port"]["reachable"]
    assert "location is not reachable" in outcome.saved["saved_port_80"]["urls"][0]["upload_error"]


def test_wrong_options_are_told_in_one_sentence(ansible: Ansible) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "nothing says what to fetch; wanted: certificate, certificates or urls"),
        ({"urls": ["http://x/"], "proxy": f"https://ot:{PASSWORD}@proxy:3128"}, "wanted: http://HOST:PORT"),
        ({"urls": ["http://x/"], "timeout": 0}, "timeout is 0.0; wanted: more than 0"),
        ({"certificate": "/nowhere.crt"}, "/nowhere.crt cannot be read: No such file or directory"),
    ]
    tasks = [
        {"ot_pki.defender_iot.crl_reachable": options, "register": f"saved_{number}", "ignore_errors": True}
        for number, (options, _message) in enumerate(wrong)
    ]
    outcome = ansible.tasks(tasks, "-vvv")
    for number, (_options, message) in enumerate(wrong):
        result = outcome.saved[f"saved_{number}"]
        assert result["failed"]
        assert message in result["msg"]
    assert PASSWORD not in outcome.output + str(outcome.saved)
    assert "Traceback" not in outcome.output
