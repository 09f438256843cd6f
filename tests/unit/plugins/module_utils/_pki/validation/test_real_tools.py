# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fit certificates by tools that people use, and verdicts beside those of openssl and certtool.

The commands stand in ``make-certificates``, one function for each tool.
"""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy, Source
from cryptography.hazmat.primitives.serialization import Encoding
from validation_bakery import Kitchen, moment

SCRIPT = Path(__file__).resolve().parent / "make-certificates"
NEEDS = {
    "openssl": "openssl",
    "certtool": "certtool",
    "keytool": "keytool",
    "cfssl": "cfssl",
    "easyrsa": "/usr/share/easy-rsa/easyrsa",
}


@pytest.mark.parametrize("tool", sorted(NEEDS))
def test_fit_certificates_of_real_tools_get_no_error(tool: str, tmp_path: Path) -> None:
    if not (shutil.which(NEEDS[tool]) or os.path.exists(NEEDS[tool])):
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run(
        ["bash", str(SCRIPT), tool], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    bundle = Bundle(
        tool,
        Source.read(str(tmp_path / "sensor.crt")),
        Source.read(str(tmp_path / "sensor.key")),
        Source.read(str(tmp_path / "sensor.pem")),
        expected_common_name="sensor-1.plant.example",
        trusted_roots=(Source.read(str(tmp_path / "root.crt")),),
        csr=Source.read(str(tmp_path / "sensor.csr")) if (tmp_path / "sensor.csr").exists() else None,
    )
    (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    errors = [f"{finding.id}: {finding.message}" for finding in report.findings if finding.severity == "error"]
    assert errors == []
    assert report.facts["chain"], "the chain was not followed"


# Case files about chains that openssl and certtool judge otherwise, and why. Everything not named here agrees.
OPENSSL_DIFFERS = {
    "chain.root-unreadable-among-others": "openssl takes no root of a file in which one cannot be read",
    "chain.weak-key-1024": "openssl verify asks for level 1 (RSA 1024), we for the 2048 bits that a sensor's key needs",
    "chain.extended-key-usage-netscape-object-signing": "openssl does not look at a CA's Netscape type, NSS does",
    "chain.weak-key-p-192": "openssl verify asks for level 1, which P-192 meets",
    "chain.weak-key-issuing-close-primes": "openssl does not try to break a key",
    "chain.weak-key-root-small-factor": "openssl does not try to break a key",
    "chain.policy-none-stated": "openssl looks at policies only with -policy_check",
    "chain.policy-other-policy": "openssl looks at policies only with -policy_check",
    "chain.policy-mapped-and-the-old-one-stated": "openssl looks at policies only with -policy_check",
    "chain.policy-mapping-is-inhibited": "openssl looks at policies only with -policy_check",
    "chain.policy-mapping-of-a-policy-that-is-not-valid": "openssl looks at policies only with -policy_check",
    "chain.policy-mapping-to-any-policy": "openssl looks at policies only with -policy_check",
    "chain.duplicate-serial-issuing-has-the-serial-of-the-root": "openssl does not compare serial numbers, NSS does",
    "chain.duplicate-serial-another-trusted-root": "openssl does not compare serial numbers, NSS does",
    "chain.duplicate-serial-leaf-and-unrelated": "openssl does not compare serial numbers, NSS does",
    "chain.trusted-not-a-root-issuing": "openssl wants -partial_chain for a trusted CA that is no root; we warn",
    "chain.weak-signature-sha1-issuing": "openssl verify refuses SHA-1 from level 2 on, or by the system's settings",
    "chain.incomplete-no-root": "openssl is given the root as trusted, we are given nothing but the chain",
    "chain.untrusted-root-issuing-is-trusted": "openssl wants -partial_chain for a trusted CA that is no root",
}
CERTTOOL_DIFFERS = {
    "chain.root-unreadable-among-others": "certtool takes no root of a file in which one cannot be read",
    **{
        f"chain.critical-extension-{whose}-critical-{what}": "GnuTLS takes what it knows as critical, too"
        for whose in ("leaf", "issuing")
        for what in ("aia", "aki", "ian", "ski")
    },
    **{
        f"chain.policy-{what}": "GnuTLS knows no policyMappings, and they are critical"
        for what in ("mapped", "mapped-to-two", "mapping-is-allowed", "mapped-from-any-policy")
    },
    **{
        f"chain.key-identifier-{what}": "GnuTLS does not look at the issuer's name and serial, nor at a root's own"
        for what in (
            "other-serial",
            "other-issuer-name",
            "name-and-serial-only-and-other",
            "root-does-not-fit-itself",
            "root-names-another-serial",
        )
    },
    "chain.duplicate-serial-issuing-has-the-serial-of-the-root": "GnuTLS does not compare serial numbers, NSS does",
    "chain.duplicate-serial-another-trusted-root": "GnuTLS does not compare serial numbers, NSS does",
    "chain.duplicate-serial-leaf-and-unrelated": "GnuTLS does not compare serial numbers, NSS does",
    "chain.extended-key-usage-netscape-object-signing": "GnuTLS does not look at a CA's Netscape type, NSS does",
    "chain.extended-key-usage-any-only": "certtool verifies for no purpose unless it is given one",
    "chain.expired-another-way-is-valid": "GnuTLS tries only the first issuer of a name",
    "chain.incomplete-loop": "certtool is given the root as trusted, we are given nothing but the chain",
    "chain.incomplete-no-root": "certtool is given the root as trusted, we are given nothing but the chain",
    "chain.name-constraints-directory-outside": "GnuTLS does not look at directory names",
    "chain.policy-stated-all-the-way": "GnuTLS knows no policyConstraints, and they are critical",
    "chain.path-length-self-issued-does-not-count": "GnuTLS counts self-issued certificates as well",
    "chain.extended-key-usage-mail-only": "certtool verifies for no purpose unless it is given one",
    "chain.weak-key-issuing-close-primes": "GnuTLS does not try to break a key",
    "chain.weak-key-root-small-factor": "GnuTLS does not try to break a key",
    "chain.weak-key-1024": "GnuTLS takes 1024 bits with its default profile",
    "chain.weak-key-p-192": "GnuTLS takes P-192 with its default profile",
}
SKIPPED = {
    # Their material is no set of certificates that a verifier could be given.
    "chain.parse-pkcs7", "chain.parse-broken-root-file", "chain.parse-one-broken-block",
}  # fmt: skip
FOLDER = Path(__file__).resolve().parents[5] / "fixtures" / "validation"


def chain_cases() -> list[Path]:
    return [path for path in sorted(FOLDER.glob("chain.*.yml")) if path.stem not in SKIPPED]


def material(
    path: Path, folder: Path, shift: datetime.timedelta = datetime.timedelta(0)
) -> tuple[dict[str, Any], bool]:
    """The recipe, its certificates as files, and whether the chain is valid according to us."""
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    kitchen = Kitchen(recipe, shift)
    bundle = kitchen.bundle(recipe.get("bundle"))
    if bundle.certificate is None or (bundle.chain is None and not bundle.trusted_roots):
        pytest.skip("nothing is said about the chain")
    (folder / "leaf.crt").write_bytes(bundle.certificate.data or b"")
    (folder / "chain.pem").write_bytes(bundle.chain.data or b"" if bundle.chain else b"")
    roots = b"".join(source.data or b"" for source in bundle.trusted_roots)
    if not roots:
        texts = recipe.get("bundle", {}) or {}
        if isinstance(texts.get("chain"), dict) and "text" in texts["chain"]:
            roots = b"-----BEGIN" + (bundle.chain.data or b"").rsplit(b"-----BEGIN", 1)[1] if bundle.chain else b""
        else:
            roots = kitchen.certificate("root").public_bytes(Encoding.PEM)
    (folder / "roots.pem").write_bytes(roots)
    (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    return recipe, not any(
        finding.id.startswith("chain.") and finding.severity == "error" for finding in report.findings
    )


def openssl_says(folder: Path) -> bool:
    at = str(int(moment("2027-06-01").timestamp()))
    command = [
        "openssl",
        "verify",
        "-no-CApath",
        "-no-CAstore",
        "-attime",
        at,
        "-purpose",
        "sslserver",
        "-CAfile",
        "roots.pem",
    ]
    if (folder / "chain.pem").stat().st_size:
        command += ["-untrusted", "chain.pem"]
    return subprocess.run([*command, "leaf.crt"], cwd=folder, capture_output=True, check=False).returncode == 0


def certtool_says(folder: Path) -> bool:
    (folder / "all.pem").write_bytes((folder / "leaf.crt").read_bytes() + (folder / "chain.pem").read_bytes())
    done = subprocess.run(
        ["certtool", "--verify", "--infile", "all.pem", "--load-ca-certificate", "roots.pem"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode == 0 and "Verified." in done.stdout


@pytest.mark.parametrize("path", chain_cases(), ids=lambda path: path.stem)
def test_the_same_verdict_as_openssl(path: Path, tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    _recipe, ours = material(path, tmp_path)
    theirs = openssl_says(tmp_path)
    assert (ours == theirs) == (path.stem not in OPENSSL_DIFFERS), f"we: {ours}, openssl: {theirs}"


@pytest.mark.parametrize("path", chain_cases(), ids=lambda path: path.stem)
def test_the_same_verdict_as_certtool(path: Path, tmp_path: Path) -> None:
    if not shutil.which("certtool"):
        pytest.skip("certtool is not installed")
    if path.stem.startswith("chain.weak-signature"):
        pytest.skip("certtool knows no clock but its own, and these certificates are ready made")
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    _recipe, ours = material(path, tmp_path, now - moment("2027-06-01"))
    theirs = certtool_says(tmp_path)
    assert (ours == theirs) == (path.stem not in CERTTOOL_DIFFERS), f"we: {ours}, certtool: {theirs}"
