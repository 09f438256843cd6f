# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NIST's Public Key Interoperability Test Suite (PKITS 2011): each of its paths, with its CRLs, as it stands there.

The data come from the package ``cryptography-vectors``. A message signed for the test holds the path; its name says
whether it is valid, but for those whose verdict depends on the initial policies. Sensors have none to set, so theirs
are any policy, and no explicit one is required (section 4.8 of the suite, "default settings").
"""

from __future__ import annotations

import base64
import datetime
import email
import os
import re
import subprocess
from functools import lru_cache
from pathlib import Path

import cryptography_vectors
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.crl_view import read_crls
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy, Source
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import read_certificates

DATA = Path(os.path.dirname(cryptography_vectors.__file__)) / "x509" / "PKITS_data"
TESTS = sorted(path.stem.removeprefix("Signed") for path in (DATA / "smime").glob("*.eml"))
AT = datetime.datetime(2015, 1, 1, tzinfo=datetime.timezone.utc)

# Messages whose certificate has another name than the message.
CERTIFICATES = {
    "AllCertificatesSamePolicyTest1": "ValidCertificatePathTest1EE",
    "InvalidSelfIssuedDNnameConstraintsTest20": "InvalidDNnameConstraintsTest20EE",
    "ValidSelfIssuedDNnameConstraintsTest19": "ValidDNnameConstraintsTest19EE",
    "InvalidonlyContainsCACertsCRLTest12": "InvalidonlyContainsCACertsTest12EE",
    "ValidonlyContainsCACertsCRLTest13": "ValidonlyContainsCACertsTest13EE",
    "InvalidonlyContainsUserCertsCRLTest11": "InvalidonlyContainsUserCertsTest11EE",
    "MissingCRLTest1": "InvalidMissingCRLTest1EE",
    "ValidNameChainingUIDsTest6": "ValidNameUIDsTest6EE",
    "ValidSignaturesTest1": "ValidCertificatePathTest1EE",
}
# A message that holds the path of another test.
ISSUERS = {"ValidonlySomeReasonsTest18": "onlySomeReasonsCA3Cert"}
# Without "Valid" or "Invalid" in their name; a CA requires a policy that is not there.
INVALID = {f"DifferentPoliciesTest{number}" for number in (4, 5, 7, 8, 9, 12)} | {"MissingCRLTest1"}
VALID = {
    *(f"AllCertificates{what}" for what in ("SamePolicyTest1", "NoPoliciesTest2", "SamePoliciesTest10")),
    *(
        "AllCertificatesAnyPolicyTest11",
        "AllCertificatesSamePoliciesTest13",
        "AnyPolicyTest14",
        "DifferentPoliciesTest3",
    ),
    *("OverlappingPoliciesTest6", "CPSPointerQualifierTest20", "inhibitAnyPolicyTest3"),
    *(f"UserNoticeQualifierTest{number}" for number in range(15, 20)),
}
# What we judge otherwise, and why.
ACCEPTED = {
    "ValidDSASignaturesTest4": "DSA signatures are valid, and no TLS software takes them any more",
    "ValidDSAParameterInheritanceTest5": "the same, and nobody else writes keys without their parameters",
}
EXPECTED = {name: name not in INVALID and (name.startswith("Valid") or name in VALID) for name in TESTS}


@lru_cache(maxsize=1)
def certificates() -> dict[str, Path]:
    return {path.stem.lower(): path for path in (DATA / "certs").glob("*EE.crt")}


@lru_cache(maxsize=1)
def all_crls() -> list[tuple[object, Source]]:
    sources = [Source(path.name, path.read_bytes()) for path in sorted((DATA / "crls").glob("*.crl"))]
    return [(_issuer(source), source) for source in sources]


def _issuer(source: Source) -> object:
    from cryptography import x509

    found = read_crls(source).views
    if found:
        return found[0].issuer_name
    from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.text import normal_name

    return normal_name(x509.load_der_x509_crl(source.data or b"").issuer)


def path_of(name: str) -> tuple[bytes, bytes]:
    """The certificate of a test, and the others of its path as PEM."""
    stem = CERTIFICATES.get(name, f"{name}EE").lower()
    leaf = (certificates().get(stem) or certificates()[stem.replace("eetest", "test")]).read_bytes()
    message = email.message_from_bytes((DATA / "smime" / f"Signed{name}.eml").read_bytes())
    signature = next(part for part in message.walk() if part.get_content_type() == "application/pkcs7-signature")
    # Not with the library: it refuses some of these on purpose odd certificates, and with one of them all.
    text = subprocess.run(
        ["openssl", "pkcs7", "-inform", "DER", "-print_certs"],
        input=signature.get_payload(decode=True), capture_output=True, check=True,
    ).stdout  # fmt: skip
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----\n(.*?)-----END CERTIFICATE-----\n", text, re.DOTALL)
    others = [block for block in blocks if base64.b64decode(block) != leaf]
    if name in ISSUERS:
        return leaf, (DATA / "certs" / f"{ISSUERS[name]}.crt").read_bytes()
    return leaf, b"".join(b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % block for block in others)


def findings(name: str) -> list[str]:
    """The errors about path and revocation; sensors' own requirements are no matter of the suite."""
    leaf, chain = path_of(name)
    views = read_certificates(leaf, "").views + read_certificates(chain, "").views
    names = {view.subject_name for view in views} | {view.issuer_name for view in views}
    bundle = Bundle(
        name,
        Source("leaf.crt", leaf),
        chain=Source("chain.pem", chain) if chain else None,
        trusted_roots=(Source("root.crt", (DATA / "certs" / "TrustAnchorRootCertificate.crt").read_bytes()),),
        crls=tuple(source for issuer, source in all_crls() if issuer in names),
        at=AT,
    )
    (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    others = {"crt.parse", "crt.expired", "crt.not-yet-valid", "engine.failure"}
    return [
        f"{finding.id}: {finding.message}"
        for finding in report.findings
        if finding.severity == "error" and (finding.id.startswith(("chain.", "crl.")) or finding.id in others)
    ]


def test_the_suite_is_whole() -> None:
    assert len(TESTS) == 224
    assert {name for name in TESTS if not name.startswith(("Valid", "Invalid"))} == INVALID | VALID
    assert set(ACCEPTED) <= set(TESTS)


@pytest.mark.parametrize("name", TESTS)
def test_path(name: str) -> None:
    found = findings(name)
    assert (not found) == (EXPECTED[name] != (name in ACCEPTED)), found
