# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is called fit is read by OpenSSL, in Python's own TLS as in a web server: files as people and tools write them."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy
from validation_bakery import Kitchen


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "lines of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "lines of old Macs": lambda data: data.replace(b"\n", b"\r"),
    "no last line ending": lambda data: data.rstrip(),
    "indented": lambda data: b"".join(b"  %s\n" % line for line in _lines(data)),
    "blank lines": lambda data: b"\n\n".join([*_lines(data), b""]),
    "blanks at the ends": lambda data: b"".join(b"%s  \n" % line for line in _lines(data)),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "byte order mark and text": lambda data: b"\xef\xbb\xbfhello\n" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda data: data.decode().encode("utf-16-le"),
    "UTF-32": lambda data: data.decode().encode("utf-32"),
    "text before": lambda data: b"Bag Attributes\n    localKeyID: 01\n" + data,
    "text on the same line": lambda data: b"this one: " + data,
    "text after": lambda data: data + b"bye\n",
    "another END": lambda data: data.replace(b"END ", b"END X509 "),
}
# A key's reader takes binary octets before it, the certificate's does not; we refuse both.
CERTIFICATE_FORMS = {**FORMS, "binary octets before": lambda data: b"\x00\x01\n" + data}


def judged(bundle: Bundle) -> bool:
    (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    return report.valid


def loads(folder: Path, certificate: bytes, key: bytes) -> bool:
    """Whether OpenSSL loads certificate and key."""
    (folder / "crt").write_bytes(certificate)
    (folder / "key").write_bytes(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "crt", folder / "key")
    except (ssl.SSLError, OSError):
        return False
    return True


@pytest.mark.parametrize("form", CERTIFICATE_FORMS)
def test_certificates(form: str, tmp_path: Path) -> None:
    bundle = Kitchen({}).bundle(None)
    assert bundle.certificate is not None
    assert bundle.private_key is not None
    data = CERTIFICATE_FORMS[form](bundle.certificate.data or b"")
    own = dataclasses.replace(bundle, certificate=dataclasses.replace(bundle.certificate, data=data))
    assert judged(own) == loads(tmp_path, data, bundle.private_key.data or b"")


@pytest.mark.parametrize("form", FORMS)
def test_keys(form: str, tmp_path: Path) -> None:
    bundle = Kitchen({}).bundle(None)
    assert bundle.certificate is not None
    assert bundle.private_key is not None
    data = FORMS[form](bundle.private_key.data or b"")
    own = dataclasses.replace(bundle, private_key=dataclasses.replace(bundle.private_key, data=data))
    assert judged(own) == loads(tmp_path, bundle.certificate.data or b"", data)


@pytest.mark.parametrize("form", CERTIFICATE_FORMS)
def test_chains_behind_the_certificate(form: str, tmp_path: Path) -> None:
    """A web server reads the chain as it reads what stands behind the certificate in its file."""
    bundle = Kitchen({}).bundle(None)
    assert bundle.chain is not None
    data = CERTIFICATE_FORMS[form](bundle.chain.data or b"")
    own = dataclasses.replace(bundle, chain=dataclasses.replace(bundle.chain, data=data))
    key = Kitchen({}).key_bytes("issuing")
    assert judged(own) == loads(tmp_path, data, key)


def test_the_first_certificate_of_the_file_counts(tmp_path: Path) -> None:
    kitchen = Kitchen({})
    key = kitchen.key_bytes("leaf")
    for order in (["leaf", "issuing"], ["issuing", "leaf"]):
        data = kitchen.content(order, "certificate")
        bundle = kitchen.bundle({"certificate": order})
        assert judged(bundle) == loads(tmp_path, data, key) == (order[0] == "leaf")
