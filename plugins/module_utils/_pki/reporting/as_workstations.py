# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page for people at workstations that Ansible does not reach: whom to trust, which names, which consoles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..._plain.hosts_file_entries import Entry
from ..._plain.texts import harmless
from ..trust.judge import Judged
from ..values.names import host_name_problem
from . import pages

_ROOTS, _OTHERS = "Trusted Root Certification Authorities", "Intermediate Certification Authorities"
_NSS = "sql:$HOME/.pki/nssdb"
_GROUP = 4


def render(judged: Sequence[Judged], entries: Sequence[Entry], consoles: Iterable[str], contact: str) -> bytes:
    """The page as UTF-8.

    :param judged: the authorities, for each of which a file NAME.cer (DER) lies beside the page.
    :param entries: the lines of the hosts file.
    :param consoles: names of sensors, with or without an address; what is no host name is left out.
    :param contact: whom to ask, in words; may be empty.
    """
    roots = [one for one in judged if one.self_signed]
    others = [one for one in judged if not one.self_signed]
    values = {
        "contact": harmless(contact.strip(), 300),
        "certificates": [_certificate(one) for one in [*roots, *others]],
        "windows": _lines(
            *(f'certutil -addstore -f Root "{one.name}.cer"' for one in roots),
            *(f'certutil -addstore -f CA "{one.name}.cer"' for one in others),
        ),
        "windows_undo": _lines(
            *(f"certutil -delstore Root {one.thumbprint.lower()}" for one in roots),
            *(f"certutil -delstore CA {one.thumbprint.lower()}" for one in others),
        ),
        # Issuing CAs come with the sensors' chains; a Linux store that takes them would make roots of them.
        "debian": _lines(
            *(f"sudo openssl x509 -inform der -in {one.name}.cer -out {_debian(one)}" for one in roots),
            "sudo update-ca-certificates",
        ),
        "p11kit": _lines(*(f"sudo trust anchor --store {one.name}.cer" for one in roots)),
        "chromium": _lines(*(f"certutil -d {_NSS} -A -t C,, -n {one.name} -i {one.name}.cer" for one in roots)),
        "linux_undo": _lines(
            *(f"sudo rm {_debian(one)} && sudo update-ca-certificates --fresh" for one in roots),
            *(f"sudo trust anchor --remove {one.name}.cer" for one in roots),
            *(f"certutil -d {_NSS} -D -n {one.name}" for one in roots),
        ),
        "hosts": [f"{entry.ip}\t{' '.join(entry.names)}" for entry in entries],
        "consoles": _consoles(entries, consoles),
    }
    return pages.render("workstations.html", values)


def grouped(fingerprint: str) -> str:
    """A fingerprint for people who compare it: lower case, in groups."""
    text = fingerprint.lower()
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def _certificate(one: Judged) -> dict[str, str]:
    sha256, sha1 = one.fingerprint.lower(), one.thumbprint.lower()
    return {
        "file": f"{one.name}.cer",
        "label": harmless(one.label, 200),
        "subject": harmless(one.subject),
        "store": _ROOTS if one.self_signed else _OTHERS,
        "not_after": one.not_after[:10],
        "sha256": sha256,
        "sha256_groups": grouped(sha256),
        "sha1": sha1,
        "sha1_groups": grouped(sha1),
    }


def _debian(one: Judged) -> str:
    return f"/usr/local/share/ca-certificates/{one.name}.crt"


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _consoles(entries: Sequence[Entry], consoles: Iterable[str]) -> list[dict[str, str]]:
    """Every console once, by name, with its address if there is one."""
    addresses = {name.lower(): entry.ip for entry in reversed(entries) for name in entry.names[:1]}
    names = {name.lower(): name for name in [*consoles, *(name for entry in entries for name in entry.names[:1])]}
    return [
        {"name": name, "ip": addresses.get(key, "")}
        for key, name in sorted(names.items())
        if host_name_problem(name) is None
    ]
