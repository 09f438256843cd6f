# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate that breaks a rule of encoding comes out as it came in, and ends nobody else's conversion."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import corporate_pki as pki
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion.task import run

KEY = pki.Issued(None, pki.rsa_key("odd"))  # type: ignore[arg-type]
# What openssl itself does not read can be in no container that it makes.
OPENSSL_REFUSES = (
    "version 5",
    "UTF8String as OU",
    "GeneralString as OU",
    "BIT STRING as OU",
    "BMPString",
    "VisibleString",
    "OCTET STRING",
    "criticality of no octets",
)
IN_CONTAINERS = [name for name in odd.everything() if not name.startswith((*OPENSSL_REFUSES, "DSA"))]


def convert(folder: Path, *names: str, kinds: tuple[str, ...] = ("crt", "crt_der", "key"), **options: Any) -> Any:
    outputs = {kind: str(folder / f"out.{kind}") for kind in kinds}
    return run({"src": [str(folder / name) for name in names], "outputs": outputs, **options}, False, False)


def check(folder: Path, result: Any, der: bytes) -> None:
    assert "failed" not in result, result["msg"]
    assert (folder / "out.crt_der").read_bytes() == der
    text = (folder / "out.crt").read_text()
    assert base64.b64decode("".join(text.splitlines()[1:-1])) == der
    assert max(len(line) for line in text.splitlines()) == 64
    assert (folder / "out.key").read_bytes() == KEY.private()


@pytest.mark.parametrize("name", {**odd.READABLE, **odd.PARTLY})
def test_octet_for_octet(name: str, tmp_path: Path) -> None:
    der = odd.everything()[name]
    (tmp_path / "in.cer").write_bytes(der)
    (tmp_path / "in.key").write_bytes(KEY.private())
    check(tmp_path, convert(tmp_path, "in.cer", "in.key"), der)
    again = convert(tmp_path, "in.cer", "in.key")
    assert not again["changed"], again["msg"]


@pytest.mark.parametrize("name", IN_CONTAINERS)
def test_from_pkcs12(name: str, tmp_path: Path) -> None:
    der = odd.everything()[name]
    (tmp_path / "in.crt").write_bytes(odd.pem(der))
    (tmp_path / "in.key").write_bytes(KEY.private())
    arguments = ["-export", "-in", tmp_path / "in.crt", "-inkey", tmp_path / "in.key", "-name", "Our sensor"]
    (tmp_path / "in.pfx").write_bytes(pki.openssl("pkcs12", *arguments, "-passout", "pass:Pfx.1"))
    result = convert(tmp_path, "in.pfx", passphrase="Pfx.1")
    check(tmp_path, result, der)
    assert result["certificate"]["friendly_name"] == "Our sensor"
    wrong = convert(tmp_path, "in.pfx", passphrase="Pfx.2")
    assert "the passphrase does not open" in wrong["msg"]


@pytest.mark.parametrize("name", IN_CONTAINERS)
def test_from_pkcs7(name: str, tmp_path: Path) -> None:
    der = odd.everything()[name]
    (tmp_path / "in.crt").write_bytes(odd.pem(der))
    (tmp_path / "in.key").write_bytes(KEY.private())
    (tmp_path / "in.p7b").write_bytes(
        pki.openssl("crl2pkcs7", "-nocrl", "-certfile", tmp_path / "in.crt", "-outform", "DER")
    )
    check(tmp_path, convert(tmp_path, "in.p7b", "in.key"), der)


def test_an_altered_copy_is_put_into_no_container(tmp_path: Path) -> None:
    der = odd.READABLE["T61 in Latin-1"]
    (tmp_path / "in.cer").write_bytes(der)
    (tmp_path / "in.key").write_bytes(KEY.private())
    result = convert(tmp_path, "in.cer", "in.key", kinds=("p12",), output_passphrase="Pfx.1")
    assert result["failed"]
    assert "cannot be put into a container" in result["msg"]
    assert not (tmp_path / "out.p12").exists()


def test_the_others_of_a_batch_are_done(tmp_path: Path) -> None:
    conversions = []
    for position, der in enumerate([*odd.everything().values(), b"\x30\x82\x01\x00\xa0\x03\x02\x01"]):
        (tmp_path / f"{position}.cer").write_bytes(der)
        conversions.append(
            {"src": [str(tmp_path / f"{position}.cer")], "outputs": {"p7b": str(tmp_path / f"{position}.p7b")}}
        )
    (tmp_path / "fit.cer").write_bytes(pki.sensor().der)
    conversions.append({"src": [str(tmp_path / "fit.cer")], "outputs": {"crt": str(tmp_path / "fit.crt")}})
    results = run({"conversions": conversions}, False, False)["results"]
    assert len(results) == len(conversions)
    assert not results[-1]["failed"]
    assert "error inside the collection" not in str(results)
