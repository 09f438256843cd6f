# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The embedded CA is changed as a whole or not at all, and stays one that every run can open."""

from __future__ import annotations

import datetime
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.publishing import (
    Lifetimes,
    Publisher,
    sources,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca import change, exchange
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.answered import read_answer
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.key_file import (
    encrypted_pem,
    is_cheap_to_guess,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.opened import (
    Authority,
    open_authority,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import (
    DEFENDER_IOT,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError, PkiError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.folders import Folder
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from issuing_site import DAY, PASSPHRASE, Site, actions, cn, told, wanted

NEW = "an entirely different phrase"
SETTINGS = AuthoritySettings(PASSPHRASE, key_size=2048, permitted_dns=("plant.example",))


@pytest.fixture
def made(site: Site) -> Site:
    site.local_ca()
    return site


def folder(site: Site) -> Path:
    return site.pki_dir / "local_ca"


def changing(site: Site, passphrase: str = PASSPHRASE, check_mode: bool = False) -> change.Changing:
    return change.Changing(str(folder(site)), passphrase, SETTINGS, site.ledger, moments.now(), check_mode)


def opened(site: Site, passphrase: str = PASSPHRASE) -> Authority:
    authority = open_authority(str(folder(site)), passphrase, moments.now(), datetime.timedelta(0))
    for ca in authority.former:
        ca.open_key()
    return authority


def beside(site: Site) -> list[str]:
    return sorted(name for name in os.listdir(site.pki_dir) if "local_ca" in name and name != "local_ca")


# --- Passphrase --------------------------------------------------------------------------------------


def test_all_keys_get_the_new_passphrase(made: Site) -> None:
    before = {name: (folder(made) / name).read_bytes() for name in ("issuing.crt", "root.crt", "authority.json")}
    found = changing(made).change_passphrase(NEW)
    assert found.changed
    opened(made, NEW)
    with pytest.raises(InputError):
        opened(made)
    for name in ("root.key", "issuing.key"):
        path = folder(made) / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert not is_cheap_to_guess(path.read_bytes())
        done = subprocess.run(
            ["openssl", "pkey", "-in", path, "-passin", f"pass:{NEW}", "-noout"],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert {name: (folder(made) / name).read_bytes() for name in before} == before
    assert folder(made).stat().st_mode & 0o777 == 0o700
    assert beside(made) == [], "nothing that holds a key is left beside the folder"
    assert not changing(made, NEW).change_passphrase(NEW).changed


def test_the_same_passphrase_makes_cheap_keys_expensive(made: Site) -> None:
    path = folder(made) / "issuing.key"
    key = opened(made).key
    path.write_bytes(encrypted_pem(key, PASSPHRASE, 2048))
    assert is_cheap_to_guess(path.read_bytes())
    assert changing(made).change_passphrase(PASSPHRASE).changed
    assert not is_cheap_to_guess(path.read_bytes())
    opened(made)


@pytest.mark.parametrize("new", [None, "", "short", 7])
def test_a_new_passphrase_that_will_not_do(made: Site, new: Any) -> None:
    with pytest.raises(InputError, match="local_ca_new_passphrase") as caught:
        changing(made).change_passphrase(new)
    assert "short" not in str(caught.value).replace("too short", "")
    opened(made)


def test_a_wrong_passphrase_changes_nothing(made: Site) -> None:
    before = made.snapshot()
    with pytest.raises(InputError, match="does not open"):
        changing(made, "not the passphrase at all").change_passphrase(NEW)
    assert made.snapshot() == before


def test_check_mode_changes_nothing(made: Site) -> None:
    made.run(wanted(1, "local_ca"))
    before = made.snapshot()
    assert changing(made, check_mode=True).change_passphrase(NEW).changed
    assert changing(made, check_mode=True).new_issuing().changed
    assert changing(made, check_mode=True).request(str(made.folder / "issuing.csr")).changed
    assert made.snapshot() == before


@pytest.mark.parametrize("step", ["encrypted_pem", "make_durable", "open_authority", "exchange"])
def test_a_failure_at_any_step_leaves_the_ca_that_was_there(
    made: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = made.snapshot()
    calls = [0]
    original = getattr(change, step)

    def fail(*arguments: Any, **keywords: Any) -> Any:
        calls[0] += 1
        # The second key; what is opened first is the CA as it is.
        if calls[0] == (2 if step in ("encrypted_pem", "open_authority") else 1):
            raise OSError(28, "No space left on device")
        return original(*arguments, **keywords)

    monkeypatch.setattr(change, step, fail)
    with pytest.raises(PkiError, match="No space left on device"):
        changing(made).change_passphrase(NEW)
    monkeypatch.undo()
    after = made.snapshot()
    assert {key: value for key, value in after.items() if "ledger" not in key} == before
    opened(made)


def test_without_a_system_call_for_it_folders_change_places_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "new").touch()

    def nothing(*_arguments: Any, **_keywords: Any) -> Any:
        raise OSError

    monkeypatch.setattr(exchange.ctypes, "CDLL", nothing)
    with Folder.open(str(tmp_path)) as folder:
        exchange.exchange(folder, "a", "b")
    assert (tmp_path / "b" / "new").exists()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


# --- A new issuing CA --------------------------------------------------------------------------------


def test_a_new_issuing_ca_and_a_wave_of_new_certificates(made: Site) -> None:
    sensors = [wanted(number, "local_ca") for number in range(1, 4)]
    assert not changing(made).new_issuing().changed, "it has issued nothing yet"
    made.run(*sensors)
    old = opened(made)
    found = changing(made).new_issuing()
    assert found.changed
    now = opened(made)
    assert now.certificate != old.certificate
    assert now.root == old.root
    assert parts.permitted_names(now.certificate) == (["plant.example"], [])
    assert [ca.certificate for ca in now.former] == [old.certificate]
    assert not changing(made).new_issuing().changed
    outcomes = made.run(*sensors, max_changes=2)
    assert sorted(actions(outcomes).values()) == ["issued", "issued", "kept"]
    assert "issuer: " in told(outcomes)
    outcomes = made.run(*sensors, max_changes=2)
    assert actions(outcomes)[cn(3)] == "issued"
    assert set(actions(made.run(*sensors)).values()) == {"kept"}
    assert made.certificate(cn(1)).issuer == now.certificate.subject
    # Its keys change with the others.
    assert changing(made).change_passphrase(NEW).changed
    assert len(opened(made, NEW).former) == 1


def test_the_ca_before_publishes_its_crl_until_its_last_certificate_ends(made: Site) -> None:
    lifetimes = Lifetimes(30, 365, 14)
    first, second = "http://pki.plant.example/a.crl", "http://pki.plant.example/b.crl"
    issue_with_url(made, first)
    changing(made).new_issuing()

    def published(moment: datetime.datetime) -> dict[str, str]:
        found = opened(made)
        every = tuple(sources(found, second, lifetimes))
        publisher = Publisher(str(made.pki_dir / "crl"), made.ledger, lifetimes, moment, every)
        return {outcome.tier: outcome.action for outcome in publisher.publish()}

    assert published(moments.now()) == {"issuing": "published", "root": "published", "former": "published"}
    assert (made.pki_dir / "crl" / "a.crl").exists()
    crl = x509.load_der_x509_crl((made.pki_dir / "crl" / "a.crl").read_bytes())
    (ca,) = opened(made).former
    assert crl.is_signature_valid(ca.certificate.public_key())  # type: ignore[arg-type]
    assert "former" not in published(moments.now() + 800 * DAY)


def test_a_new_issuing_ca_publishes_its_crl_elsewhere(made: Site) -> None:
    url = "http://pki.plant.example/a.crl"
    issue_with_url(made, url)
    with pytest.raises(InputError, match="wanted: another URL for the new one's"):
        replace(changing(made), crl_url=url).new_issuing()
    assert replace(changing(made), crl_url="http://pki.plant.example/b.crl").new_issuing().changed


def issue_with_url(site: Site, url: str) -> None:
    """A certificate that names a CRL, in the ledger."""
    authority = opened(site)
    key = parts.new_key(2048)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(pki.name(cn(1)))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moments.now() - DAY)
        .not_valid_after(moments.now() + 700 * DAY)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.certificate.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
        .add_extension(parts.distribution_point(url), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    site.ledger.prepare()
    site.ledger.record(cn(1), certificate)


def test_without_the_roots_key_there_is_no_new_issuing_ca(made: Site) -> None:
    made.run(wanted(1, "local_ca"))
    (folder(made) / "root.key").unlink()
    with pytest.raises(InputError, match=r"the root's key is offline; bring root\.key into"):
        changing(made).new_issuing()
    opened(made)


# --- Under the organization's root -------------------------------------------------------------------


def signed(csr: bytes, issuer: pki.Issued, **changes: Any) -> pki.Issued:
    """What a root makes of the issuing CA's request."""
    request = x509.load_pem_x509_csr(csr)
    days = changes.get("days", (-1, 2000))
    builder = (
        x509.CertificateBuilder()
        .subject_name(changes.get("subject") or request.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(changes.get("public_key") or request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(pki.NOW + days[0] * DAY)
        .not_valid_after(pki.NOW + days[1] * DAY)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=changes.get("ca", True), path_length=None), critical=True)
    )
    identifier = changes.get("identifier", x509.SubjectKeyIdentifier.from_public_key(request.public_key()))
    if identifier is not None:
        builder = builder.add_extension(identifier, critical=False)
    if "usage" in changes:
        builder = builder.add_extension(changes["usage"], critical=True)
    if "constraints" in changes:
        builder = builder.add_extension(changes["constraints"], critical=True)
    return pki.Issued(builder.sign(issuer.key, hashes.SHA256()), None)


def usage(sign: bool = True, crl: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(not sign, False, False, False, False, sign, crl, False, False)


def answer_files(site: Site, *certificates: bytes) -> list[str]:
    path = site.folder / "answer.pem"
    path.write_bytes(b"".join(certificates))
    return [str(path)]


def read(site: Site, paths: list[str], publishes: bool = True) -> Any:
    names = ["DNS:sensor-1.plant.example"]
    return read_answer(paths, opened(site), DEFENDER_IOT, names, moments.now(), publishes)


def test_the_issuing_ca_goes_under_the_organizations_root(made: Site) -> None:
    sensors = [wanted(number, "local_ca") for number in (1, 2)]
    made.run(*sensors)
    path = made.folder / "outbox" / "issuing.csr"
    assert changing(made).request(str(path)).changed
    assert not changing(made).request(str(path)).changed, "the same request each time"
    csr = x509.load_pem_x509_csr(path.read_bytes())
    assert csr.is_signature_valid
    assert csr.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert csr.extensions.get_extension_for_class(x509.NameConstraints)
    assert b"PRIVATE" not in path.read_bytes()
    # Signed by a policy CA beneath the root, with that one's own profile.
    issued = signed(path.read_bytes(), pki.issuing(), usage=usage())
    chain, notes = read(made, answer_files(made, pki.root().crt, issued.crt, pki.issuing().crt))
    assert [entry.subject for entry in chain] == [
        csr.subject, pki.issuing().certificate.subject, pki.root().certificate.subject,
    ]  # fmt: skip
    assert any("any name" in note for note in notes)
    assert changing(made).install(chain).changed
    assert not changing(made).install(chain).changed
    now = opened(made)
    assert not now.own_root
    assert not (folder(made) / "root.key").exists()
    assert (folder(made) / "root.crt").read_bytes() == pki.root().crt
    assert [source.tier for source in sources(now, "http://pki.plant.example/a.crl", Lifetimes(30, 365, 14))] == [
        "issuing"
    ]
    outcomes = made.run(*sensors)
    assert actions(outcomes) == {cn(1): "issued", cn(2): "issued"}, told(outcomes)
    assert [outcome.action for outcome in made.staged] == ["staged", "staged"], made.staged
    bundle = made.stage.read_visible(cn(1))
    assert bundle is not None
    assert bundle.pem == issued.crt + pki.issuing().crt + pki.root().crt
    assert set(actions(made.run(*sensors)).values()) == {"kept"}
    changing(made).change_passphrase(NEW)
    opened(made, NEW)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ca": False}, "it is not a CA certificate"),
        ({"usage": usage(sign=False)}, "its keyUsage lacks keyCertSign"),
        ({"usage": usage(crl=False)}, "its keyUsage lacks cRLSign"),
        ({"days": (-300, -2)}, "expired"),
        ({"identifier": x509.SubjectKeyIdentifier(b"another")}, "its subjectKeyIdentifier is"),
        ({"constraints": x509.NameConstraints([x509.DNSName("office.example")], None)}, "let the root permit the sensors' names"),
    ],
)  # fmt: skip
def test_an_answer_that_will_not_do_changes_nothing(made: Site, changes: dict[str, Any], words: str) -> None:
    path = made.folder / "issuing.csr"
    changing(made).request(str(path))
    before = made.snapshot()
    issued = signed(path.read_bytes(), pki.root(), **changes)
    files = answer_files(made, issued.crt, pki.root().crt)
    with pytest.raises(InputError, match="change_ca_certificate") as caught:
        read(made, files)
    assert words in str(caught.value)
    (made.folder / "answer.pem").unlink()
    assert made.snapshot() == before


def test_an_answer_for_another_key_or_without_its_chain(made: Site) -> None:
    path = made.folder / "issuing.csr"
    changing(made).request(str(path))
    other = pki.issue("Somebody's CA", pki.root(), ca=True)
    with pytest.raises(InputError, match="no certificate in these files is for the issuing CA's key"):
        read(made, answer_files(made, other.crt, pki.root().crt))
    issued = signed(path.read_bytes(), pki.issuing(), usage=usage())
    with pytest.raises(InputError, match="give the certificates above it as well, up to the root"):
        read(made, answer_files(made, issued.crt, pki.issuing().crt))
    with pytest.raises(InputError, match="change_ca_certificate is not set"):
        read(made, [])
    with pytest.raises(InputError, match="cannot be read"):
        read(made, ["/nowhere.cer"])


def test_a_root_that_allows_no_ca_below_its_subordinates(made: Site) -> None:
    path = made.folder / "issuing.csr"
    changing(made).request(str(path))
    key = pki.rsa_key("tight")
    tight = pki.Issued(
        x509.CertificateBuilder()
        .subject_name(pki.name("Tight Root"))
        .issuer_name(pki.name("Tight Root"))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(pki.NOW - DAY)
        .not_valid_after(pki.NOW + 900 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256()),
        key,
    )
    issued = signed(path.read_bytes(), tight, usage=usage())
    with pytest.raises(InputError, match="the root must allow a CA below its own subordinates"):
        read(made, answer_files(made, issued.crt, tight.crt))


def test_an_issuing_ca_without_key_identifier_issues_all_the_same(made: Site) -> None:
    path = made.folder / "issuing.csr"
    changing(made).request(str(path))
    issued = signed(path.read_bytes(), pki.root(), usage=usage(), identifier=None)
    chain, _notes = read(made, answer_files(made, issued.crt, pki.root().crt))
    changing(made).install(chain)
    outcomes = made.run(wanted(1, "local_ca"))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert made.staged[0].action == "staged", made.staged


def test_a_root_with_an_elliptic_key(made: Site) -> None:
    path = made.folder / "issuing.csr"
    changing(made).request(str(path))
    root = pki.issue("Elliptic Root", None, ca=True, key=ec.generate_private_key(ec.SECP384R1()))
    chain, _notes = read(made, answer_files(made, signed(path.read_bytes(), root, usage=usage()).crt, root.crt))
    changing(made).install(chain)
    assert opened(made).root == root.certificate
    outcomes = made.run(wanted(1, "local_ca"))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert made.staged[0].action == "staged", made.staged


def test_any_format_will_do(made: Site, tmp_path: Path) -> None:
    path = made.folder / "issuing.csr"
    changing(made).request(str(path))
    issued = signed(path.read_bytes(), pki.root(), usage=usage(), subject=pki.name("OT Issuing"))
    answer = tmp_path / "answer.p7b"
    answer.write_bytes(pki.p7b(tmp_path, issued, pki.root(), form="DER"))
    chain, notes = read(made, [str(answer)])
    assert len(chain) == 2
    assert any(note.startswith("the subject is ") for note in notes)
    assert chain[0].public_bytes(serialization.Encoding.PEM) == issued.crt
