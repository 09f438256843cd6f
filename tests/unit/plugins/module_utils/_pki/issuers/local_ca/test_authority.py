# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded CA: made once, then kept, and never replaced by accident."""

from __future__ import annotations

import datetime
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.ensure import ensure_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.make import write_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.opened import (
    AuthorityError,
    folder_state,
    open_authority,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
    parse_settings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError, InputError

PASSPHRASE = "correct horse battery"
SETTINGS = AuthoritySettings(PASSPHRASE, key_size=2048, permitted_dns=("plant.example",))
WARN = datetime.timedelta(days=180)


def make(folder: Path, settings: AuthoritySettings = SETTINGS) -> None:
    write_authority(str(folder), settings, moments.now())


def open_(folder: Path, passphrase: str = PASSPHRASE, later: int = 0) -> Any:
    return open_authority(str(folder), passphrase, moments.now() + datetime.timedelta(days=later), WARN)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "ca"
    make(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "ca"
    subprocess.run(["cp", "-a", made, copy], check=True)
    return copy


def test_files_and_modes(made: Path) -> None:
    assert sorted(os.listdir(made)) == ["authority.json", "issuing.crt", "issuing.key", "root.crt", "root.key"]
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o600}
    for name in ("root.key", "issuing.key"):
        assert stat.S_IMODE((made / name).stat().st_mode) == 0o600
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in (made / name).read_bytes()


def test_openssl_reads_what_was_made(made: Path) -> None:
    text = subprocess.run(
        ["openssl", "x509", "-in", made / "issuing.crt", "-noout", "-text"], capture_output=True, text=True, check=True
    ).stdout
    assert "CA:TRUE, pathlen:0" in text
    assert "X509v3 Basic Constraints: critical" in text
    assert "X509v3 Key Usage: critical" in text
    assert "Certificate Sign, CRL Sign" in text
    assert "X509v3 Subject Key Identifier" in text
    assert "X509v3 Authority Key Identifier" in text
    assert "X509v3 Name Constraints: critical" in text
    assert "DNS:plant.example" in text
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", made / "root.crt", made / "issuing.crt"]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_opened_whole(folder: Path) -> None:
    authority = open_(folder)
    assert authority.root_key_present
    assert [certificate.subject for certificate in authority.chain][0] == authority.certificate.subject
    assert authority.warnings == ()
    assert PASSPHRASE not in repr(authority)
    assert "key=" not in repr(authority)


def test_the_roots_key_may_be_offline(folder: Path) -> None:
    (folder / "root.key").unlink()
    assert not open_(folder).root_key_present


@pytest.mark.parametrize("name", ["authority.json", "root.crt", "issuing.crt", "issuing.key"])
def test_any_other_missing_file_is_an_error(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(AuthorityError, match=f"{name} is missing.*backup"):
        open_(folder)


@pytest.mark.parametrize("name", ["authority.json", "root.crt", "issuing.crt", "issuing.key", "root.key"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff damaged", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_damage_is_an_error(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(AuthorityError):
        open_(folder)


def test_wrong_passphrase(folder: Path) -> None:
    with pytest.raises(InputError, match="local_ca_passphrase does not open") as caught:
        open_(folder, "another one, also long")
    assert "another one" not in str(caught.value)


def test_foreign_key(folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "other")
    (folder / "issuing.key").write_bytes((tmp_path / "other" / "issuing.key").read_bytes())
    with pytest.raises(AuthorityError, match="does not match issuing.crt"):
        open_(folder)


def test_foreign_certificate(folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "other")
    (folder / "root.crt").write_bytes((tmp_path / "other" / "root.crt").read_bytes())
    with pytest.raises(AuthorityError, match="one backup"):
        open_(folder)


def test_a_plain_key_is_refused(folder: Path) -> None:
    plain = subprocess.run(
        ["openssl", "pkey", "-in", folder / "issuing.key", "-passin", f"pass:{PASSPHRASE}"],
        capture_output=True,
        check=True,
    ).stdout
    (folder / "issuing.key").write_bytes(plain)
    with pytest.raises(AuthorityError, match="not encrypted"):
        open_(folder)


def test_expiry(folder: Path) -> None:
    warnings = open_(folder, later=3650 - 100).warnings
    assert any("issuing.crt expires in" in warning for warning in warnings)
    with pytest.raises(AuthorityError, match="expired"):
        open_(folder, later=3651)
    with pytest.raises(AuthorityError, match="clock"):
        open_(folder, later=-2)


def test_wide_modes_are_told(folder: Path) -> None:
    (folder / "issuing.key").chmod(0o644)
    assert any("issuing.key has mode 0644" in warning for warning in open_(folder).warnings)


def ensure(tmp_path: Path, **options: Any) -> Any:
    return ensure_authority(
        str(tmp_path / "ca"),
        SETTINGS,
        Ledger(str(tmp_path / "ledger")),
        StageFolder(str(tmp_path / "staged")),
        moments.now(),
        WARN,
        **options,
    )


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    assert ensure(tmp_path).made
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "ca").iterdir()}
    assert not ensure(tmp_path).made
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "ca").iterdir()} == before


def test_check_mode_makes_nothing(tmp_path: Path) -> None:
    assert ensure(tmp_path, check_mode=True).made
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("evidence", ["ledger/01.json", "staged/sensor-1/sensor-1.crt"])
def test_never_made_anew_by_accident(tmp_path: Path, evidence: str) -> None:
    (tmp_path / evidence).parent.mkdir(parents=True)
    (tmp_path / evidence).touch()
    for check_mode in (True, False):
        with pytest.raises(AuthorityError, match="local_ca_create: true"):
            ensure(tmp_path, check_mode=check_mode)
    assert not (tmp_path / "ca").exists()
    assert ensure(tmp_path, create=True).made
    assert not ensure(tmp_path, create=True).made


def test_an_empty_folder_is_used_and_a_foreign_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    assert ensure(tmp_path).made
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").touch()
    with pytest.raises(AuthorityError, match=r"letter\.txt"):
        folder_state(str(other))


def test_nothing_is_left_of_a_failed_attempt(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "something").touch()
    with pytest.raises(FileError, match="nothing was left"):
        make(tmp_path / "ca")
    assert os.listdir(tmp_path) == ["ca"]


def test_one_tier(tmp_path: Path) -> None:
    make(tmp_path / "ca", replace(SETTINGS, tiers=1))
    authority = open_(tmp_path / "ca")
    assert len(authority.chain) == 1
    (tmp_path / "ca" / "root.key").unlink()
    with pytest.raises(AuthorityError, match=r"root\.key is missing"):
        open_(tmp_path / "ca")


@pytest.mark.parametrize(
    ("raw", "variable"),
    [
        ({"passphrase": None}, "passphrase"),
        ({"passphrase": "elevenchars"}, "passphrase"),
        ({"tiers": 3}, "tiers"),
        ({"key_size": 1024}, "key_size"),
        ({"root_validity_days": 0}, "root_validity_days"),
        ({"root_validity_days": 100, "issuing_validity_days": 200}, "issuing_validity_days"),
        ({"permitted_names": "plant.example"}, "permitted_names"),
        ({"permitted_names": ["*.plant.example"]}, "permitted_names[0]"),
        ({"permitted_names": ["192.0.2.1/24"]}, "permitted_names[0]"),
        ({"root_crl_url": "https://crl.example/a"}, "root_crl_url"),
        ({"subject": {"country": "USA"}}, "subject.country"),
        ({"subject": {"colour": "red"}}, "subject.colour"),
        ({"name": "x" * 41}, "name"),
    ],
)
def test_settings_faults(raw: dict[str, Any], variable: str) -> None:
    settings, faults = parse_settings({"passphrase": PASSPHRASE, **raw})
    assert settings is None
    assert [fault.variable for fault in faults] == [variable]
    assert "elevenchars" not in faults[0].text()


def test_settings_normalize_permitted_names() -> None:
    settings, faults = parse_settings(
        {"passphrase": PASSPHRASE, "permitted_names": [".Plant.Example", "192.0.2.0/24", "2001:db8::/32"]}
    )
    assert not faults
    assert settings is not None
    assert (settings.permitted_dns, settings.permitted_networks) == (
        ("plant.example",),
        ("192.0.2.0/24", "2001:db8::/32"),
    )
