# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written: other people's tools read it, and it is written only if it says something new."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion.task import run
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError

OUT = "Output.1"
KINDS = ("crt", "crt_der", "key", "pem", "p12", "p7b")


@pytest.fixture
def received(tmp_path: Path) -> Path:
    path = tmp_path / "received.pem"
    path.write_bytes(pki.sensor().private() + pki.sensor().crt + pki.chain())
    return path


def convert(received: Path, *kinds: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    folder = received.parent / "out"
    folder.mkdir(exist_ok=True)
    params: dict[str, Any] = {"src": [str(received)], "outputs": {kind: str(folder / f"s.{kind}") for kind in kinds}}
    return run({**params, **options}, check_mode, True)


def tool(*arguments: str | Path) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fingerprints(text: str) -> set[str]:
    """Every SHA-256 in a tool's output."""
    found = re.findall(r"(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}|\b[0-9a-f]{64}\b", text)
    return {entry.replace(":", "").lower() for entry in found}


ALL = {entry.fingerprint for entry in (pki.sensor(), pki.issuing(), pki.root())}


# --- Read by others --------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["modern", "legacy"])
def test_pkcs12_is_read_by_openssl(profile: str, received: Path) -> None:
    convert(received, "p12", output_passphrase=OUT, p12_profile=profile, friendly_name="the sensor")
    path = received.parent / "out" / "s.p12"
    provider = ["-legacy"] if profile == "legacy" else []
    text = tool("openssl", "pkcs12", "-in", path, "-passin", f"pass:{OUT}", "-nodes", *provider)
    assert "friendlyName: the sensor" in text
    assert pki.sensor().private().decode() in text
    assert [pem in text for pem in (pki.sensor().crt.decode(), pki.issuing().crt.decode(), pki.root().crt.decode())]
    info = subprocess.run(
        ["openssl", "pkcs12", "-in", path, "-passin", f"pass:{OUT}", "-info", "-noout", *provider],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert ("AES-256-CBC" in info) == (profile == "modern")
    assert ("pbeWithSHA1And3-KeyTripleDES-CBC" in info) == (profile == "legacy")


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool is not installed")
@pytest.mark.parametrize("profile", ["modern", "legacy"])
def test_pkcs12_is_read_by_keytool(profile: str, received: Path) -> None:
    convert(received, "p12", output_passphrase=OUT, p12_profile=profile, friendly_name="the-sensor")
    text = tool("keytool", "-list", "-v", "-keystore", received.parent / "out" / "s.p12", "-storepass", OUT)
    assert "Alias name: the-sensor" in text
    assert "Entry type: PrivateKeyEntry" in text
    assert "Certificate chain length: 3" in text
    assert fingerprints(text) == ALL


@pytest.mark.skipif(shutil.which("pk12util") is None, reason="pk12util is not installed")
@pytest.mark.parametrize("profile", ["modern", "legacy"])
def test_pkcs12_is_read_by_nss(profile: str, received: Path) -> None:
    convert(received, "p12", output_passphrase=OUT, p12_profile=profile, friendly_name="the sensor")
    text = tool("pk12util", "-l", received.parent / "out" / "s.p12", "-W", OUT)
    assert "Friendly Name: the sensor" in text
    assert fingerprints(text) == ALL


@pytest.mark.skipif(shutil.which("certtool") is None, reason="certtool is not installed")
def test_everything_is_read_by_gnutls(received: Path) -> None:
    convert(received, *KINDS, output_passphrase=OUT)
    out = received.parent / "out"
    text = tool("certtool", "--p12-info", "--inder", "--infile", out / "s.p12", "--password", OUT)
    assert text.count("BEGIN CERTIFICATE") == 3
    text = tool("certtool", "--p7-info", "--infile", out / "s.p7b")
    assert text.count("BEGIN CERTIFICATE") == 3
    assert fingerprints(tool("certtool", "-i", "--inder", "--infile", out / "s.crt_der")) >= {pki.sensor().fingerprint}
    assert "RSA" in tool("certtool", "-k", "--infile", out / "s.key", "--password", OUT)


@pytest.mark.parametrize("key_format", ["pkcs8", "traditional"])
@pytest.mark.parametrize("passphrase", [None, OUT])
def test_key_is_read_by_openssl(key_format: str, passphrase: str | None, received: Path) -> None:
    convert(received, "key", key_format=key_format, output_passphrase=passphrase)
    path = received.parent / "out" / "s.key"
    label = {"pkcs8": " ENCRYPTED PRIVATE KEY" if passphrase else " PRIVATE KEY", "traditional": " RSA PRIVATE KEY"}
    assert path.read_text().startswith(f"-----BEGIN{label[key_format]}-----")
    assert ("ENCRYPTED" in path.read_text()) == bool(passphrase)
    given = ["-passin", f"pass:{passphrase}"] if passphrase else []
    assert "RSA key ok" in tool("openssl", "rsa", "-in", path, "-check", "-noout", *given)
    modulus = tool("openssl", "rsa", "-in", path, "-modulus", "-noout", *given)
    (received.parent / "c.crt").write_bytes(pki.sensor().crt)
    assert modulus == tool("openssl", "x509", "-in", received.parent / "c.crt", "-modulus", "-noout")


def test_pkcs7_and_der_are_read_by_openssl(received: Path) -> None:
    convert(received, "p7b", "crt_der")
    out = received.parent / "out"
    text = tool("openssl", "pkcs7", "-in", out / "s.p7b", "-print_certs")
    assert all(entry.crt.decode() in text for entry in (pki.sensor(), pki.issuing(), pki.root()))
    text = tool("openssl", "x509", "-inform", "DER", "-in", out / "s.crt_der", "-fingerprint", "-sha256", "-noout")
    assert fingerprints(text) == {pki.sensor().fingerprint}


# --- Written only if it says something new ---------------------------------------------------------


@pytest.mark.parametrize("profile", ["modern", "legacy"])
@pytest.mark.parametrize("key_format", ["pkcs8", "traditional"])
@pytest.mark.parametrize("passphrase", [None, OUT])
def test_second_run_changes_nothing(profile: str, key_format: str, passphrase: str | None, received: Path) -> None:
    options = {"output_passphrase": passphrase, "p12_profile": profile, "key_format": key_format}
    assert convert(received, *KINDS, check_mode=True, **options)["changed"]
    assert not list((received.parent / "out").iterdir())
    first = convert(received, *KINDS, **options)
    assert first["changed"]
    assert {entry["reasons"][0] for entry in first["outputs"].values()} == {"missing"}
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in (received.parent / "out").iterdir()}
    assert len(before) == len(KINDS)
    for check_mode in (True, False):
        again = convert(received, *KINDS, check_mode=check_mode, **options)
        assert not again["changed"], again["msg"]
        assert again["diff"] == []
    assert before == {path: (path.read_bytes(), path.stat().st_ino) for path in (received.parent / "out").iterdir()}


CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("key", {"output_passphrase": "Other.2"}, "it is encrypted with another passphrase"),
    ("key", {"output_passphrase": None}, "it is encrypted"),
    ("key", {"key_format": "traditional"}, "its format is not traditional"),
    ("p12", {"output_passphrase": "Other.2"}, "it is encrypted with another passphrase"),
    ("p12", {"output_passphrase": None}, "it is encrypted"),
    ("p12", {"p12_profile": "legacy"}, "its encryption is not legacy"),
    ("p12", {"friendly_name": "new name"}, "another friendly name"),
]


@pytest.mark.parametrize(
    ("kind", "options", "reason"), CHANGES, ids=[f"{kind}-{reason}" for kind, _o, reason in CHANGES]
)
def test_a_change_is_made_with_its_reason(kind: str, options: dict[str, Any], reason: str, received: Path) -> None:
    convert(received, kind, output_passphrase=OUT)
    options = {"output_passphrase": OUT, **options}
    for check_mode in (True, False):
        result = convert(received, kind, check_mode=check_mode, **options)
        assert result["outputs"][kind]["reasons"] == [reason]
    assert not convert(received, kind, **options)["changed"]


@pytest.mark.parametrize("kind", ["key", "p12"])
def test_what_is_not_encrypted_and_should_be(kind: str, received: Path) -> None:
    convert(received, kind)
    result = convert(received, kind, output_passphrase=OUT)
    assert result["outputs"][kind]["reasons"] == ["it is not encrypted"]
    assert not convert(received, kind, output_passphrase=OUT)["changed"]


def test_pkcs7_in_another_order_says_the_same(received: Path) -> None:
    out = received.parent / "out"
    out.mkdir()
    # BER keeps the order in which a tool wrote the set; cryptography sorts it.
    for order in ((pki.root(), pki.sensor(), pki.issuing()), (pki.issuing(), pki.root(), pki.sensor())):
        (out / "s.p7b").write_bytes(pki.p7b(received.parent, *order))
        assert not convert(received, "p7b")["changed"]


def test_another_certificate_replaces_all_and_says_so(received: Path) -> None:
    convert(received, *KINDS, output_passphrase=OUT)
    other = pki.sensor("sensor-2.plant.example")
    received.write_bytes(other.private() + other.crt + pki.issuing().crt + pki.root().crt)
    result = convert(received, *KINDS, output_passphrase=OUT, backup=True)
    reasons = {kind: entry["reasons"][0] for kind, entry in result["outputs"].items() if entry["reasons"]}
    assert reasons == {
        "crt": "another certificate", "crt_der": "another certificate", "key": "another private key",
        "p12": "another private key", "p7b": "other certificates",
    }  # fmt: skip
    assert result["outputs"]["pem"]["reasons"] == [], "the chain is the same"
    backup = Path(result["outputs"]["key"]["backup_file"])
    assert b"ENCRYPTED" in backup.read_bytes()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("crt", lambda: pki.sensor().der, "it is not PEM"),
        ("crt", lambda: pki.sensor().crt + pki.issuing().crt, "other certificates"),
        ("crt", lambda: pki.sensor().crt + pki.sensor().private(), "it holds a private key"),
        ("crt", lambda: pki.sensor().crt.decode().encode("utf-16"), "it is not PEM"),
        ("crt", lambda: b"<html>", "it cannot be used: it is an HTML page"),
        ("crt", lambda: b"", "it cannot be used: it is an empty file"),
        ("crt_der", lambda: pki.sensor().crt, "it is not DER"),
        ("pem", lambda: pki.root().crt + pki.issuing().crt, "the certificates stand in another order, or more than once"),
        ("pem", lambda: pki.chain() + pki.root().crt, "the certificates stand in another order, or more than once"),
        ("key", lambda: pki.sensor().private(encoding="DER"), "it is not PEM"),
        ("key", lambda: pki.sensor().crt, "it holds no private key"),
        ("key", lambda: pki.sensor().private() + pki.sensor().crt, "it holds more than the private key"),
        ("p12", lambda: pki.sensor().private() + pki.sensor().crt, "it is no PKCS#12 file"),
        ("p7b", lambda: pki.sensor().crt + pki.chain(), "it is something else"),
    ],
)  # fmt: skip
def test_other_content_is_replaced(kind: str, content: Any, reason: str, received: Path) -> None:
    out = received.parent / "out"
    out.mkdir()
    (out / f"s.{kind}").write_bytes(content())
    assert convert(received, kind)["outputs"][kind]["reasons"][0] == reason
    assert not convert(received, kind)["changed"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("crt", lambda: b"Bag Attributes\n" + pki.sensor().crt.replace(b"\n", b"\r\n")),
        ("pem", lambda: pki.issuing().crt + b"\nthe root:\n" + pki.root().crt),
    ],
)
def test_text_around_it_is_no_other_content(kind: str, content: Any, received: Path) -> None:
    out = received.parent / "out"
    out.mkdir()
    (out / f"s.{kind}").write_bytes(content())
    assert not convert(received, kind)["changed"]


def test_diff_shows_fields_and_never_keys(received: Path) -> None:
    convert(received, "key", "p12")
    result = convert(received, "key", "p12", output_passphrase=OUT)
    text = str(result)
    assert "private key: RSA 2048, not encrypted" in result["diff"][0]["before"]
    assert "private key: RSA 2048, encrypted" in result["diff"][0]["after"]
    body = pki.sensor().private().decode().split("\n")[2]
    assert body not in text
    assert OUT not in text


# --- Modes and owners ------------------------------------------------------------------------------


def modes(received: Path) -> dict[str, int]:
    return {path.suffix[1:]: stat.S_IMODE(path.stat().st_mode) for path in (received.parent / "out").iterdir()}


def test_what_holds_a_key_is_private(received: Path) -> None:
    old = os.umask(0)
    try:
        convert(received, *KINDS)
    finally:
        os.umask(old)
    assert modes(received) == {"key": 0o600, "p12": 0o600, "crt": 0o644, "crt_der": 0o644, "pem": 0o644, "p7b": 0o644}


def test_a_mode_that_was_loosened_is_put_right(received: Path) -> None:
    convert(received, *KINDS)
    for path in (received.parent / "out").iterdir():
        path.chmod(0o664)
    result = convert(received, *KINDS)
    assert {kind for kind, entry in result["outputs"].items() if entry["changed"]} == {"key", "p12"}
    assert result["outputs"]["key"]["reasons"] == ["mode 0664 instead of 0600"]
    assert modes(received)["key"] == 0o600
    assert modes(received)["crt"] == 0o664, "nobody asked for another"
    assert not convert(received, *KINDS)["changed"]


@pytest.mark.parametrize("mode", ["0640", 0o640])
def test_a_mode_that_is_asked_for(mode: Any, received: Path) -> None:
    convert(received, "crt", "key", mode=mode)
    assert modes(received) == {"crt": 0o640, "key": 0o640}
    assert not convert(received, "crt", "key", mode=mode)["changed"]
    result = convert(received, "key", mode="0644")
    assert "everybody on the machine can read the private key" in result["msg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group(received: Path) -> None:
    convert(received, "key", owner="nobody", group="65534")
    path = received.parent / "out" / "s.key"
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)
    assert not convert(received, "key", owner="nobody", group="65534")["changed"]
    convert(received, "key", output_passphrase=OUT)
    assert path.stat().st_uid == 65534, "a replaced file keeps its owner"
    result = convert(received, "key", output_passphrase=OUT, owner="root")
    assert result["outputs"]["key"]["reasons"] == ["owner 65534 instead of 0"]
    assert path.stat().st_uid == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "rw"}, "mode is 'rw'"),
        ({"mode": "0999"}, "mode is '0999'"),
        ({"owner": "no such user"}, "owner is 'no such user'"),
        ({"group": "no such group"}, "group is 'no such group'"),
        ({"owner": "9" * 5000}, "owner is '999"),
        ({"owner": "4294967295"}, "owner is '4294967295'"),
        ({"group": "\u00b2"}, "group is '\u00b2'"),
        ({"outputs": {"jks": "/x"}}, "outputs has 'jks'"),
        ({"outputs": {}}, "outputs is not set"),
        ({"outputs": {"crt": "/x", "pem": "/y/../x"}}, "outputs.pem is '/y/../x', and so is outputs.crt"),
        ({"src": []}, "src is not set"),
        ({"passphrase": "a", "passphrase_file": "/b"}, "passphrase and passphrase_file are both set"),
        ({"passphrase_file": "/does/not/exist"}, "passphrase_file is '/does/not/exist'"),
    ],
)
def test_options_that_cannot_be_used_are_named(options: dict[str, Any], words: str, received: Path) -> None:
    with pytest.raises(InputError) as caught:
        convert(received, "crt", **options)
    assert words in str(caught.value)


def test_passphrases_from_files(tmp_path: Path, received: Path) -> None:
    received.write_bytes(pki.sensor().private("Input.1") + pki.sensor().crt)
    (tmp_path / "in").write_bytes(b"\xef\xbb\xbfInput.1\r\nsecond line\n")
    (tmp_path / "new").write_text(f"{OUT}\n")
    result = convert(
        received, "key", passphrase_file=str(tmp_path / "in"), output_passphrase_file=str(tmp_path / "new")
    )
    assert not result.get("failed"), result["msg"]
    assert "RSA key ok" in tool("openssl", "rsa", "-in", tmp_path / "out" / "s.key", "-check", "-noout", "-passin", f"pass:{OUT}")  # fmt: skip


def test_a_key_that_came_encrypted_and_is_not_any_more(received: Path) -> None:
    received.write_bytes(pki.sensor().private("Input.1") + pki.sensor().crt)
    result = convert(received, "key", passphrase="Input.1")
    assert "the private key was encrypted and is written unencrypted" in result["msg"]
    assert result["key"]["was_encrypted"]
    assert not result["key"]["encrypted"]


def test_in_place(received: Path) -> None:
    received.write_bytes(pki.sensor().private("Input.1"))
    params = {"src": [str(received)], "outputs": {"key": str(received)}, "passphrase": "Input.1"}
    assert run(params, False, False)["changed"]
    assert received.read_bytes() == pki.sensor().private()
    assert not run(params, False, False)["changed"]


def test_a_batch_does_the_others_and_keeps_the_order(received: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"<html>")
    entries = [
        {"src": [str(received)], "outputs": {"crt": str(tmp_path / "1.crt")}},
        {"src": [str(tmp_path / "bad")], "outputs": {"crt": str(tmp_path / "2.crt")}},
        {"src": [str(received)], "outputs": {"key": str(tmp_path / "3.key")}, "output_passphrase": "x y"},
        {"src": [str(received)], "outputs": {"pem": str(tmp_path / "4.pem")}},
    ]
    result = run({"conversions": entries}, False, False)
    assert result["failed"]
    assert [entry["failed"] for entry in result["results"]] == [False, True, True, False]
    assert [path.name for path in sorted(tmp_path.glob("?.*"))] == ["1.crt", "4.pem"]
    assert "2 failed" in result["msg"]
    assert result["results"][2]["findings"][0]["id"] == "key.passphrase-characters"
    with pytest.raises(InputError, match=r"conversions\[1\]\.outputs\.crt is .*1\.crt', and so is conversions\[0\]"):
        run({"conversions": [entries[0], {**entries[1], "outputs": entries[0]["outputs"]}]}, False, False)
