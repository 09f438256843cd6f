# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input: one clear finding each, in bounded time and memory, and nothing written."""

from __future__ import annotations

import base64
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion.task import run
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake import containers
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.inputs import MAX_FILE
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PASSPHRASE = "Secret.123"
KINDS = ("crt", "crt_der", "key", "pem", "p12", "p7b")


def key_of(name: str = "sensor-1.plant.example") -> bytes:
    return pki.sensor(name).private()


def huge_archive(_folder: Path) -> bytes:
    return pki.archive({"a.pem": b"\0" * (200 << 20)})


def many_entries(_folder: Path) -> bytes:
    return pki.archive({f"{number}.pem": b"" for number in range(60_000)}, zipfile.ZIP_STORED)


def encrypted_archive(_folder: Path) -> bytes:
    data = bytearray(pki.archive({"a.pem": pki.sensor().crt}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


def damaged_key() -> bytes:
    """A key whose structure is sound, and one of whose numbers is not."""
    der = bytearray(pki.sensor().private(encoding="DER"))
    der[-10] ^= 1
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(bytes(der)) + b"-----END PRIVATE KEY-----\n"


BAD: dict[str, tuple[Callable[[Path], bytes], str, str]] = {
    "empty": (lambda _f: b"", "src.empty", "an empty file"),
    "blank": (lambda _f: b"\r\n \n", "src.empty", "an empty file"),
    "html": (lambda _f: b"\n<!DOCTYPE HTML>\n<html><body>Sign in</body>", "src.unknown-format", "an HTML page"),
    "zeros": (lambda _f: b"\0" * 1000, "src.unknown-format", "neither PEM nor DER"),
    "protected pfx without a passphrase": (lambda f: pki.pfx(f, pki.sensor(), "Other"), "key.passphrase", "does not open"),
    "protected key": (lambda _f: pki.sensor().crt + pki.sensor().private("Other"), "key.passphrase", "does not open"),
    "protected traditional key": (
        lambda _f: pki.sensor().crt + pki.sensor().private("Other", form="TraditionalOpenSSL"),
        "key.passphrase",
        "does not open",
    ),
    "only a key": (lambda f: key_of(), "src.no-certificate", "no certificate"),
    "pfx with only a key": (
        lambda f: pki.pfx(f, pki.sensor(), PASSPHRASE, "-nocerts", with_chain=False), "src.no-certificate", "no certificate"
    ),
    "pfx with only certificates": (
        lambda f: pki.pfx(f, pki.sensor(), PASSPHRASE, "-nokeys"), "src.no-key", "no private key"
    ),
    "only a certificate": (lambda _f: pki.sensor().crt, "src.no-key", "no private key"),
    "two leaves": (
        lambda _f: pki.sensor().crt + pki.sensor("sensor-2.plant.example").crt + pki.chain(),
        "src.ambiguous",
        "sensor-2.plant.example",
    ),
    "two pairs": (
        lambda _f: pki.sensor().crt + key_of() + pki.sensor("sensor-2.plant.example").crt + key_of("sensor-2.plant.example"),
        "src.ambiguous",
        "sensor-2.plant.example",
    ),
    "ec": (lambda _f: pki.elliptic().crt + pki.elliptic().private() + pki.chain(), "crt.key-type", "RSA only"),
    "sec1": (
        lambda _f: pki.elliptic().crt + pki.elliptic().private(form="TraditionalOpenSSL") + pki.chain(),
        "crt.key-type",
        "RSA only",
    ),
    "another key": (
        lambda _f: pki.sensor().crt + key_of("sensor-2.plant.example") + pki.chain(), "key.mismatch", "does not belong"
    ),
    "truncated der": (lambda _f: pki.sensor().der[:500], "crt.parse", "cut off"),
    "truncated pem": (lambda _f: pki.sensor().crt[:500], "crt.parse", "cut off"),
    "damaged base64": (lambda _f: pki.sensor().crt.replace(b"MII", b"M!I", 1), "crt.parse", "Base64"),
    "truncated pfx": (lambda f: pki.pfx(f, pki.sensor(), PASSPHRASE)[:900], "src.damaged", "cut off"),
    "truncated p7b": (lambda f: pki.p7b(f, pki.sensor(), form="DER")[:500], "src.damaged", "cut off"),
    "truncated p7b of indefinite length": (
        lambda f: pki.indefinite(pki.p7b(f, pki.sensor(), form="DER"), 4)[:500], "src.damaged", "cut off"
    ),
    "truncated key": (lambda _f: pki.sensor().crt + pki.sensor().private()[:600], "key.parse", "cut off"),
    "request": (
        lambda _f: b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
        "src.no-certificate",
        "neither a certificate nor a private key",
    ),
    "jks": (lambda _f: b"\xfe\xed\xfe\xed\0\0\0\2", "src.unknown-format", "keytool -importkeystore"),
    "damaged key": (lambda _f: pki.sensor().crt + damaged_key(), "key.parse", "damaged"),
    "gzip": (lambda _f: b"\x1f\x8b\x08\0\0\0\0\0", "src.unknown-format", "gzip"),
    "zip that leads out": (lambda _f: pki.archive({"../../a.pem": everything()}), "src.refused", "../../a.pem"),
    "zip that leads out in windows' way": (
        lambda _f: pki.archive({"..\\a.pem": everything()}), "src.refused", "leads out"
    ),
    "zip with an absolute name": (lambda _f: pki.archive({"/etc/a.pem": everything()}), "src.refused", "leads out"),
    "zip bomb": (huge_archive, "src.refused", "more than is read"),
    "zip of many": (many_entries, "src.refused", "more than is read"),
    "damaged zip": (lambda _f: pki.archive({"a.pem": everything()})[:-30], "src.damaged", "the archive is damaged"),
    "encrypted zip": (encrypted_archive, "src.unknown-format", "encrypted"),
    "empty zip": (lambda _f: pki.archive({}), "src.empty", "no files"),
    "pfx of two billion rounds": (
        lambda f: pki.bomb(pki.pfx(f, pki.sensor(), PASSPHRASE)), "src.refused", "too much time or memory"
    ),
}  # fmt: skip


def everything() -> bytes:
    return pki.sensor().crt + pki.sensor().private() + pki.chain()


def outcome(tmp_path: Path, src: list[Path], **options: Any) -> dict[str, Any]:
    out = tmp_path / "out"
    out.mkdir()
    outputs = {kind: str(out / kind) for kind in ("crt", "key", "pem", "p12", "p7b", "crt_der")}
    params = {"src": [str(path) for path in src], "outputs": outputs, "passphrase": PASSPHRASE, **options}
    result = run(params, False, True)
    assert result["failed"]
    assert not list(out.iterdir())
    return result


@pytest.mark.parametrize("case", BAD)
def test_one_clear_finding_and_nothing_written(case: str, tmp_path: Path) -> None:
    make, check_id, words = BAD[case]
    (tmp_path / "received.cer").write_bytes(make(tmp_path))
    result = outcome(tmp_path, [tmp_path / "received.cer"])
    errors = [entry for entry in result["findings"] if entry["severity"] == "error"]
    assert [entry["id"] for entry in errors] == [check_id], result["msg"]
    assert words in result["msg"]
    assert errors[0]["hint"]
    assert PASSPHRASE not in str(result)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "zeros", "wb") as stream:
        stream.truncate(100 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = outcome(tmp_path, [tmp_path / "zeros"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10
    assert f"at most {MAX_FILE} are read" in result["msg"]


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "No such file" in outcome(tmp_path, [tmp_path / "missing"])["msg"]


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "the folder holds no files" in outcome(tmp_path, [tmp_path / "folder"])["msg"]


def test_no_passphrase_is_told_apart_from_a_wrong_one(tmp_path: Path) -> None:
    (tmp_path / "a.pfx").write_bytes(pki.pfx(tmp_path, pki.sensor(), "Other"))
    assert "no passphrase is given" in outcome(tmp_path, [tmp_path / "a.pfx"], passphrase=None)["msg"]


def test_old_encryption_that_this_machine_may_lack_is_named(tmp_path: Path) -> None:
    """OpenSSL without its legacy provider says the same as to a wrong passphrase."""
    rc2 = ("-legacy", "-certpbe", "PBE-SHA1-RC2-40")
    (tmp_path / "a.pfx").write_bytes(pki.pfx(tmp_path, pki.sensor(), "Other", *rc2))
    assert "openssl pkcs12 -legacy" in outcome(tmp_path, [tmp_path / "a.pfx"])["msg"]


def test_what_merely_lies_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "received"
    folder.mkdir()
    (folder / "a.pem").write_bytes(everything())
    (folder / "portal.cer").write_bytes(b"<html>")
    (folder / "letter.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "out").mkdir()
    result = run({"src": [str(folder)], "outputs": {"crt": str(tmp_path / "out" / "crt")}}, False, False)
    assert not result.get("failed")
    passed = {Path(entry["file"]).name for entry in result["findings"] if entry["severity"] == "warning"}
    assert passed == {"portal.cer", "letter.pdf"}


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda out: out.joinpath("key").mkdir(), "is a folder"),
        (lambda out: None, "there is no folder"),
    ],
)
def test_a_destination_that_cannot_be_written(prepare: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(everything())
    out = tmp_path / "out"
    out.mkdir()
    prepare(out)
    missing = out / "none" / "key" if words == "there is no folder" else out / "key"
    result = run(
        {"src": [str(tmp_path / "a")], "outputs": {"crt": str(out / "crt"), "key": str(missing)}}, False, False
    )
    assert result["failed"]
    assert words in result["msg"]
    assert not (out / "crt").exists(), "the pair is written together or not at all"


def test_nonsense_after_a_wrong_passphrase_is_no_damage() -> None:
    """One wrong passphrase in some hundred passes the padding of CBC; 4000 are sure to meet it."""
    data = pki.sensor().private("Right", form="TraditionalOpenSSL")
    states = {containers._try_key(data, [b"wrong %d" % number])[0] for number in range(4000)}
    assert states == {containers._WRONG}
    assert containers._try_key(data, [b"wrong", b"Right"])[0] == containers._OPENED


SEEDS = [b"0", b"-----BEGIN CERTIFICATE-----", b"PK\x03\x04", b"\xff\xfe-\0-\0"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mangled_files_never_crash(data: st.DataObject, tmp_path: Path) -> None:
    """Whatever is done to good files, there is a result with findings or with files."""
    folder = tmp_path / "made"
    folder.mkdir(exist_ok=True)
    good = [
        everything(), pki.sensor().der, pki.sensor().private(encoding="DER"), pki.p7b(folder, pki.sensor(), form="DER"),
        pki.indefinite(pki.p7b(folder, pki.sensor(), form="DER"), 4), pki.archive({"a": pki.sensor().crt}), *SEEDS,
    ]  # fmt: skip
    content = bytearray(data.draw(st.sampled_from(good)))
    for _change in range(data.draw(st.integers(0, 4))):
        position = data.draw(st.integers(0, len(content)))
        content[position : position + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=12))
    (folder / "x").write_bytes(content)
    result = run(
        {"src": [str(folder / "x")], "outputs": {data.draw(st.sampled_from(KINDS)): str(folder / "o")}}, True, True
    )
    assert result.get("failed") in (None, True)
    assert result["msg"]


@pytest.mark.parametrize("listed", [False, True])
def test_a_text_as_src_is_refused_and_not_shown(listed: bool, tmp_path: Path) -> None:
    secret = pki.sensor().private().decode()
    conversion = {"src": ["/nonexistent", secret], "outputs": {"key": str(tmp_path / "a.key")}}
    params = {"conversions": [conversion]} if listed else conversion
    with pytest.raises(InputError) as caught:
        run(params, False, False)
    assert str(caught.value).startswith(f"{'conversions[0].' if listed else ''}src[1] is a text and no path")
    assert secret.splitlines()[1][:10] not in str(caught.value)
    assert not (tmp_path / "a.key").exists()
