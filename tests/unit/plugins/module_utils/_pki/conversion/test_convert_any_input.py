# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever form files come in, the same certificate, key and chain come out."""

from __future__ import annotations

import base64
import codecs
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion.task import run

PASSPHRASE = "Secret.123"


def convert(folder: Path, src: Any, kinds: tuple[str, ...] = ("crt", "key", "pem"), **options: Any) -> dict[str, Any]:
    """Run a conversion into a folder of its own."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    check_mode = options.pop("check_mode", False)
    params = {
        "src": [str(path) for path in (src if isinstance(src, list) else [src])],
        "outputs": {kind: str(out / f"sensor.{kind}") for kind in kinds},
        **options,
    }
    return run(params, check_mode, True)


def output(folder: Path, kind: str) -> bytes:
    return (folder / "out" / f"sensor.{kind}").read_bytes()


def everything() -> bytes:
    sensor = pki.sensor()
    return sensor.private() + sensor.crt + pki.chain()


def bag(text: bytes) -> bytes:
    return b"Bag Attributes\n    friendlyName: sensor\nsubject=C = US\n" + text.replace(
        b"-----BEGIN", b"Bag Attributes: <No Attributes>\n-----BEGIN"
    )


Make = Callable[[Path], "dict[str, bytes]"]

FORMS: dict[str, Make] = {
    "pem mix": lambda _folder: {"mixed.txt": everything()},
    "pem in odd order": lambda _folder: {
        "x": pki.root().crt + pki.sensor().crt + pki.stranger().crt + pki.sensor().private() + pki.issuing().crt
    },
    "bag attributes": lambda _folder: {"x.pem": bag(everything())},
    "windows line ends": lambda _folder: {"x.pem": everything().replace(b"\n", b"\r\n")},
    "byte order mark": lambda _folder: {"x.pem": codecs.BOM_UTF8 + everything()},
    "utf-16": lambda _folder: {"x.pem": everything().decode().encode("utf-16")},
    "der certificate and key": lambda _folder: {
        "a.cer": pki.sensor().der, "a.key": pki.sensor().private(encoding="DER"), "chain.pem": pki.chain()
    },
    "der traditional key": lambda _folder: {
        "a.cer": pki.sensor().der,
        "a.key": pki.sensor().private(encoding="DER", form="TraditionalOpenSSL"),
        "c": pki.chain(),
    },
    "encrypted pkcs8": lambda _folder: {"a": pki.sensor().crt + pki.sensor().private(PASSPHRASE), "c": pki.chain()},
    "encrypted pkcs8 der": lambda _folder: {
        "a": pki.sensor().der, "k": pki.sensor().private(PASSPHRASE, "DER"), "c": pki.chain()
    },
    "encrypted traditional": lambda _folder: {
        "a": pki.sensor().crt + pki.sensor().private(PASSPHRASE, form="TraditionalOpenSSL"), "c": pki.chain()
    },
    "bare base64": lambda _folder: {
        "a.cer": base64.encodebytes(pki.sensor().der), "k": pki.sensor().private(), "c": pki.chain()
    },
    "pkcs7 pem": lambda folder: {
        "a.p7b": pki.p7b(folder, pki.sensor(), pki.root(), pki.issuing()), "k": pki.sensor().private()
    },
    "pkcs7 der": lambda folder: {
        "a.p7b": pki.p7b(folder, pki.sensor(), pki.root(), pki.issuing(), form="DER"), "k": pki.sensor().private()
    },
    "pkcs7 of indefinite length": lambda folder: {
        "a.p7b": pki.indefinite(pki.p7b(folder, pki.sensor(), pki.root(), pki.issuing(), form="DER"), 4),
        "k": pki.sensor().private(),
    },
    "pkcs12 modern": lambda folder: {"a.pfx": pki.pfx(folder, pki.sensor(), PASSPHRASE)},
    "pkcs12 legacy": lambda folder: {"a.pfx": pki.pfx(folder, pki.sensor(), PASSPHRASE, "-legacy")},
    "pkcs12 without mac": lambda folder: {"a.pfx": pki.pfx(folder, pki.sensor(), PASSPHRASE, "-nomac")},
    "pkcs12 with empty passphrase": lambda folder: {"a.pfx": pki.pfx(folder, pki.sensor(), "", "-legacy")},
    "pkcs12 not encrypted": lambda folder: {
        "a.pfx": pki.pfx(folder, pki.sensor(), "", "-keypbe", "NONE", "-certpbe", "NONE", "-nomac")
    },
    "pkcs12 without its chain": lambda folder: {
        "a.pfx": pki.pfx(folder, pki.sensor(), PASSPHRASE, with_chain=False), "cas.p7b": pki.p7b(folder, pki.root(), pki.issuing())
    },
    "zip archive": lambda folder: {
        "a.zip": pki.archive({"in/a.pfx": pki.pfx(folder, pki.sensor(), PASSPHRASE), "in/readme.txt": b"Hello"})
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_files(form: str, tmp_path: Path) -> None:
    received = tmp_path / "received"
    received.mkdir()
    paths = []
    for file, data in FORMS[form](tmp_path).items():
        (received / file).write_bytes(data)
        paths.append(received / file)
    result = convert(tmp_path, paths, passphrase=PASSPHRASE)
    assert not result.get("failed"), result["msg"]
    assert output(tmp_path, "crt") == pki.sensor().crt
    assert output(tmp_path, "key") == pki.sensor().private()
    assert output(tmp_path, "pem") == pki.chain()
    assert result["chain_complete"]
    assert not convert(tmp_path, received, passphrase=PASSPHRASE)["changed"], "a folder is the same as its files"


def test_unrelated_certificates_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(everything() + pki.stranger().crt)
    result = convert(tmp_path, tmp_path / "x")
    assert [entry["message"] for entry in result["findings"]] == ["left out, it is not in the chain: Unrelated CA"]
    assert b"Unrelated" not in output(tmp_path, "pem")


def test_a_chain_without_its_root_is_written_and_said(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pki.sensor().private() + pki.sensor().crt + pki.issuing().crt)
    result = convert(tmp_path, tmp_path / "x")
    assert not result["chain_complete"]
    assert "Contoso Issuing" in result["msg"]
    assert "CN=Contoso Root" in result["msg"]
    assert output(tmp_path, "pem") == pki.issuing().crt


def test_ca_certificates_alone_give_a_chain(tmp_path: Path) -> None:
    (tmp_path / "x.p7b").write_bytes(pki.p7b(tmp_path, pki.root(), pki.issuing()))
    convert(tmp_path, tmp_path / "x.p7b", ("pem",))
    assert output(tmp_path, "pem") == pki.chain()


def two_entries(folder: Path) -> Path:
    store = folder / "two.p12"
    for number in (1, 2):
        one = folder / f"{number}.p12"
        one.write_bytes(
            pki.pfx(folder, pki.sensor(f"sensor-{number}.plant.example"), PASSPHRASE, "-name", f"entry {number}")
        )
        subprocess.run(
            ["keytool", "-importkeystore", "-srckeystore", one, "-srcstorepass", PASSPHRASE, "-destkeystore", store,
             "-deststorepass", PASSPHRASE, "-deststoretype", "pkcs12"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    return store


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool is not installed")
def test_of_several_keys_the_one_is_taken_that_is_named(tmp_path: Path) -> None:
    store = two_entries(tmp_path)
    result = convert(tmp_path, store, passphrase=PASSPHRASE)
    assert result["failed"]
    assert result["findings"][0]["id"] == "src.ambiguous"
    assert "entry 1" in result["msg"]
    assert "sensor-2.plant.example" in result["msg"]
    second = pki.sensor("sensor-2.plant.example")
    for wanted in ("sensor-2.plant.example", "Entry 2", second.fingerprint, "SHA256:" + second.fingerprint.upper()):
        result = convert(tmp_path, store, passphrase=PASSPHRASE, select=wanted)
        assert not result.get("failed"), result["msg"]
        assert output(tmp_path, "crt") == second.crt
        assert output(tmp_path, "key") == second.private()
        assert output(tmp_path, "pem") == pki.chain()


def nss(folder: Path, *arguments: str | Path) -> bytes:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        check=False,
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


@pytest.fixture
def database(tmp_path: Path) -> str:
    if shutil.which("pk12util") is None:
        pytest.skip("pk12util is not installed")
    folder = tmp_path / "nss"
    folder.mkdir()
    nss(tmp_path, "certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
    return f"sql:{folder}"


LEGACY = (
    "-c",
    "PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC",
    "-C",
    "PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC",
)


@pytest.mark.parametrize("ciphers", [(), LEGACY], ids=["modern", "legacy"])
def test_pkcs12_of_nss(ciphers: tuple[str, ...], database: str, tmp_path: Path) -> None:
    (tmp_path / "in.p12").write_bytes(pki.pfx(tmp_path, pki.sensor(), PASSPHRASE, "-name", "one"))
    nss(tmp_path, "pk12util", "-i", tmp_path / "in.p12", "-d", database, "-W", PASSPHRASE)
    nss(tmp_path, "pk12util", "-o", tmp_path / "nss.p12", "-n", "one", "-d", database, "-W", PASSPHRASE, *ciphers)
    result = convert(tmp_path, tmp_path / "nss.p12", passphrase=PASSPHRASE)
    assert not result.get("failed"), result["msg"]
    assert output(tmp_path, "key") == pki.sensor().private()
    assert output(tmp_path, "pem") == pki.chain()


@pytest.mark.skipif(shutil.which("certtool") is None, reason="certtool is not installed")
def test_pkcs12_and_pkcs7_of_gnutls(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(pki.sensor().crt)
    (tmp_path / "k").write_bytes(pki.sensor().private())
    (tmp_path / "ca").write_bytes(pki.chain())
    nss(tmp_path, "certtool", "--to-p12", "--load-certificate", tmp_path / "c", "--load-privkey", tmp_path / "k",
        "--load-ca-certificate", tmp_path / "ca", "--p12-name", "x", "--password", PASSPHRASE, "--outder",
        "--outfile", tmp_path / "g.p12")  # fmt: skip
    result = convert(tmp_path, [tmp_path / "g.p12", tmp_path / "ca"], passphrase=PASSPHRASE)
    assert not result.get("failed"), result["msg"]
    assert output(tmp_path, "key") == pki.sensor().private()
    assert output(tmp_path, "pem") == pki.chain()
