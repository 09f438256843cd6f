# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An option that is misspelt, or has a value of another kind, is told without its value: it may be a secret."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]
import corporate_pki as pki  # noqa: E402

MARKER = "Zq7marker"
WRONG: list[tuple[str, dict[str, Any]]] = [
    (
        "cert_stage",
        {
            "sensors": [{"name": "a", "key_passphrase": MARKER}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    ("cert_stage", {"sensors": MARKER, "stage_dir": "{{ folder }}/staged", "ledger_dir": "{{ folder }}/ledger"}),
    ("cert_stage", {"sensors": [MARKER], "stage_dir": "{{ folder }}/staged", "ledger_dir": "{{ folder }}/ledger"}),
    ("cert_stage", {"sensors": [], "stage_dir": "{{ folder }}/staged", "pasphrase": MARKER}),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "key_pasphrase": MARKER}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "subject": MARKER}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "subject": {"pass": MARKER}}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "sans": {"pass": MARKER}}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "sans": [{"pass": MARKER}]}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "common_name": {"pass": MARKER}}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [
                {"name": "a", "issuer": "self_signed", "environment": "test", "key_passphrase": {"pass": MARKER}}
            ],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    ("cert_issue", {"sensors": [MARKER], "stage_dir": "{{ folder }}/staged", "ledger_dir": "{{ folder }}/ledger"}),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "ca_pasphrase": MARKER,
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "issuers": {"x": MARKER},
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "issuers": {"x": {"kind": {"token": MARKER}}},
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "received": {"pasphrases": [MARKER]},
        },
    ),
    ("local_ca", {"dir": "{{ folder }}/ca", "pasphrase": MARKER}),
    ("local_ca", {"dir": "{{ folder }}/ca", "passphrase": "long enough for this", "subject": MARKER}),
    ("local_ca", {"dir": "{{ folder }}/ca", "passphrase": "long enough for this", "subject": {"pass": MARKER}}),
    ("local_ca", {"dir": "{{ folder }}/ca", "passphrase": "long enough for this", "permitted_names": MARKER}),
    ("cert_convert", {"src": ["{{ pem }}"], "outputs": {"key": "{{ folder }}/x.key"}}),
    ("cert_convert", {"src": "{{ pem }}", "outputs": {"key": "{{ folder }}/x.key"}}),
    ("cert_convert", {"src": ["/nowhere"], "outputs": {"key": "{{ folder }}/x.key"}, "pasphrase": MARKER}),
    ("cert_convert", {"conversions": [{"src": ["/nowhere"], "outputs": {"key": "x"}, "pass": MARKER}]}),
    ("cert_convert", {"src": ["/nowhere"], "outputs": {"key": {"passphrase": MARKER}}}),
    ("cert_convert", {"src": ["/nowhere"], "outputs": MARKER}),
    ("cert_validate", {"certificate": "/nowhere", "key_passphrase": MARKER}),
    ("cert_validate", {"certificates": [{"certificate": "/nowhere", "key_passphrase": MARKER}]}),
    ("cert_validate", {"certificates": [MARKER]}),
    ("cert_revoke", {"ca_dir": "{{ folder }}/ca", "passphrase": MARKER}),
    ("cert_revoke", {"ca_dir": "{{ folder }}/ca", "revocations": [{"passphrase": MARKER}]}),
    ("cert_revoke", {"ca_dir": "{{ folder }}/ca", "revocations": MARKER}),
    ("crl_publish", {"ca_dir": "{{ folder }}/ca", "publish_dir": "{{ folder }}/crl", "pasphrase": MARKER}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy": f"http://ot:{MARKER}/{MARKER}@127.0.0.1:9"}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy": f"http://ot:{MARKER}"}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy": f"http://ot:/{MARKER}/@[::1"}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy_password": MARKER}),
    ("live_check", {"targets": [MARKER]}),
    ("live_check", {"targets": [{"host": "127.0.0.1", "port": 9, "passphrase": MARKER}], "timeout": 1}),
    ("live_check", {"targets": [{"host": {"passphrase": MARKER}}], "timeout": 1}),
    ("hosts_entry", {"ip": "192.0.2.1", "names": ["a"], "path": "{{ folder }}/hosts", "pass": MARKER}),
    ("ca_trust", {"certificates": [], "stores": [], "store_password": MARKER}),
    ("fleet_summary", {"issued": MARKER}),
    ("fleet_inputs", {"pass": MARKER}),
    ("workstation_folder", {"dir": "{{ folder }}/w", "pass": MARKER}),
]


# Lines that stand between a task's options and the next task, of which Ansible prints the beginning with what is above.
AFTERWARDS: dict[str, Any] = {"ignore_errors": True, "check_mode": False, "diff": False, "throttle": 0}


def test_what_is_misspelt_or_of_another_kind_is_told_without_its_value(ansible: Any, tmp_path: Path) -> None:
    # A key whose text can be told from any other: the first line of its Base64.
    pem = pki.sensor("sensor-1.plant.example").private().decode()
    values = {"pem": pem, "folder": str(tmp_path / "work"), "ansible_python_interpreter": sys.executable}
    marker = pem.splitlines()[3]
    (tmp_path / "work").mkdir()

    def hidden(value: Any) -> Any:
        """The marker by way of a variable, so that what Ansible prints of the playbook itself does not hold it."""
        if isinstance(value, dict):
            return {key: hidden(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [hidden(inner) for inner in value]
        return value.replace(MARKER, "{{ secret }}") if isinstance(value, str) else value

    tasks = [
        {"name": f"Case {number}", f"ot_pki.defender_iot.{module}": hidden(options), **AFTERWARDS}
        for number, (module, options) in enumerate(WRONG)
    ]
    outcome = ansible.tasks(tasks, "-vvvv", variables={**values, "secret": MARKER})
    told = outcome.output.split("TASK [Case ")[1:]
    assert len(told) == len(WRONG), outcome.output[-3000:]
    for (module, options), text in zip(WRONG, told, strict=True):
        assert re.search("wanted:|Unsupported|unable to convert|is not usable|0 of 1|dictionary requested", text), (
            module,
            options,
            text,
        )
        assert MARKER not in text, (module, options, text)
        assert marker not in text, (module, options, text)
        assert "Traceback" not in text, (module, options, text)


def test_the_same_where_the_playbook_itself_holds_the_value(ansible: Any, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    tasks = [
        {"name": f"Case {number}", f"ot_pki.defender_iot.{module}": options, **AFTERWARDS}
        for number, (module, options) in enumerate(WRONG)
        if "pem" not in str(options)
    ]
    values = {"folder": str(tmp_path / "work"), "ansible_python_interpreter": sys.executable}
    outcome = ansible.tasks(tasks, variables=values)
    for text in outcome.output.split("TASK [Case ")[1:]:
        assert MARKER not in text, text
