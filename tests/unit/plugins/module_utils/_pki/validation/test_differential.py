# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generated paths, one and two deviations at a time, beside three verifiers; each accepted difference has its reason.

The verifiers: ``openssl verify`` as it comes, with ``-x509_strict`` (what Python 3.13 does by default), and
``cryptography``'s own, which follows the web PKI.
"""

from __future__ import annotations

import datetime
import itertools
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Policy
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from validation_bakery import Kitchen, moment

AT = datetime.datetime(2027, 6, 1, tzinfo=datetime.timezone.utc)

# What deviates from a path that all of them take: certificate, key of its recipe, value.
DEVIATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "leaf without SKI": ("leaf", {"ski": False}),
    "leaf without AKI": ("leaf", {"aki": False}),
    "leaf with another AKI": ("leaf", {"aki": "0102030405060708"}),
    "leaf names another serial": ("leaf", {"aki_issuer": {"name": "DN:CN=Plant Root CA", "serial": 7}}),
    "leaf names another issuer": ("leaf", {"aki_issuer": {"name": "DN:CN=Nobody", "serial": 2}}),
    "leaf without basicConstraints": ("leaf", {"ca": None}),
    "leaf with critical basicConstraints": ("leaf", {"flip_critical": ["bc"]}),
    "leaf with keyCertSign": ("leaf", {"key_usage": ["digitalSignature", "keyEncipherment", "keyCertSign"]}),
    "leaf without keyUsage": ("leaf", {"key_usage": None}),
    "leaf for clients only": ("leaf", {"extended_key_usage": ["clientAuth"]}),
    "leaf for anything": ("leaf", {"extended_key_usage": ["any"]}),
    "leaf without extendedKeyUsage": ("leaf", {"extended_key_usage": None}),
    "leaf with critical SKI": ("leaf", {"flip_critical": ["ski"]}),
    "leaf with critical AKI": ("leaf", {"flip_critical": ["aki"]}),
    "leaf with critical AIA": ("leaf", {"aia": True, "flip_critical": ["aia"]}),
    "leaf with critical SAN": ("leaf", {"flip_critical": ["san"]}),
    "leaf with critical unknown": ("leaf", {"unknown_critical": True}),
    "leaf expired": ("leaf", {"not_after": "2027-05-31"}),
    "leaf not valid yet": ("leaf", {"not_before": "2027-06-02"}),
    "issuing expired": ("issuing", {"not_after": "2027-05-31"}),
    "issuing without SKI": ("issuing", {"ski": False}),
    "issuing without AKI": ("issuing", {"aki": False}),
    "issuing without keyUsage": ("issuing", {"key_usage": None}),
    "issuing without keyCertSign": ("issuing", {"key_usage": ["cRLSign"]}),
    "issuing no CA": ("issuing", {"ca": False}),
    "issuing without basicConstraints": ("issuing", {"ca": None}),
    "issuing with basicConstraints not critical": ("issuing", {"flip_critical": ["bc"]}),
    "issuing with path length 0": ("issuing", {"path_length": 0}),
    "issuing for clients only": ("issuing", {"extended_key_usage": ["clientAuth"]}),
    "issuing for servers": ("issuing", {"extended_key_usage": ["serverAuth"]}),
    "issuing for anything": ("issuing", {"extended_key_usage": ["any"]}),
    "issuing with critical SKI": ("issuing", {"flip_critical": ["ski"]}),
    "issuing with critical issuerAltName": ("issuing", {"issuer_alt": True, "flip_critical": ["ian"]}),
    "issuing with critical unknown": ("issuing", {"unknown_critical": True}),
    "issuing permits the name": ("issuing", {"permitted": ["DNS:plant.example"]}),
    "issuing permits another name": ("issuing", {"permitted": ["DNS:other.example"]}),
    "issuing excludes the name": ("issuing", {"excluded": ["DNS:plant.example"]}),
    "root with path length 0": ("root", {"path_length": 0}),
    "root with path length 1": ("root", {"path_length": 1}),
    "root with an AKI of its own": ("root", {"aki": True}),
    "root with another AKI": ("root", {"aki": "0102030405060708"}),
    "root without keyUsage": ("root", {"key_usage": None}),
    "root with basicConstraints not critical": ("root", {"flip_critical": ["bc"]}),
    "root expired": ("root", {"not_after": "2027-05-31"}),
    "root permits another name": ("root", {"permitted": ["DNS:other.example"]}),
}

# Warnings that strict verifiers turn into a refusal.
STRICT = {
    "chain.key-identifier-missing", "chain.key-usage-missing", "chain.basic-constraints-not-critical", "crt.cert-sign",
    "crt.aki-missing",
}  # fmt: skip

# By verifier: deviations with which it judges otherwise than we do, and why. True: it accepts what we refuse.
ACCEPTED: dict[str, dict[str, tuple[bool, str]]] = {
    "openssl": {},
    "strict": {},
    "cryptography": {
        "leaf with another AKI": (True, "it compares no key identifiers, only names and signatures"),
        "leaf names another serial": (True, "the same"),
        "leaf names another issuer": (True, "the same"),
        "root with another AKI": (True, "the same"),
        "issuing without SKI": (True, "it asks the trust anchor's SKI and the leaf's AKI only"),
        "issuing without AKI": (True, "the same"),
        "leaf with critical SKI": (True, "it understands the extension, and does not mind that it is critical"),
        "leaf with critical SAN": (False, "a critical SAN goes with an empty subject in the web PKI"),
        "issuing for anything": (True, "anyExtendedKeyUsage counts for a CA in the web PKI"),
    },
}


def recipes() -> list[tuple[str, ...]]:
    """No deviation, each one alone, and as many pairs again."""
    chance = random.Random(5280)
    pairs = [
        pair
        for pair in itertools.combinations(DEVIATIONS, 2)
        if DEVIATIONS[pair[0]][0] != DEVIATIONS[pair[1]][0]
        or not set(DEVIATIONS[pair[0]][1]) & set(DEVIATIONS[pair[1]][1])
    ]
    return [(), *((name,) for name in DEVIATIONS), *chance.sample(pairs, 60)]


def baked(names: tuple[str, ...]) -> Kitchen:
    """The path with these deviations; keys are the same in all."""
    recipe: dict[str, Any] = {"root": {"serial": 1}, "issuing": {"serial": 2}, "leaf": {"serial": 3}}
    for name in names:
        certificate, changes = DEVIATIONS[name]
        recipe[certificate].update(changes)
    return Kitchen(recipe)


def our_verdicts(kitchen: Kitchen) -> dict[str, bool]:
    """Whether a TLS client accepts it, according to our findings: a usual one, and a strict one."""
    bundle = kitchen.bundle({"trusted_roots": ["root"]})
    (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    errors = {finding.id for finding in report.findings if finding.severity == "error"}
    strict = errors | {finding.id for finding in report.findings if finding.id in STRICT}
    return {"openssl": not errors, "strict": not strict, "cryptography": not strict}


def their_verdicts(kitchen: Kitchen, folder: Path) -> dict[str, bool]:
    """What the verifiers say."""
    for name in ("leaf", "issuing", "root"):
        (folder / f"{name}.pem").write_bytes(kitchen.certificate(name).public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-attime", str(int(AT.timestamp()))]
    command += ["-purpose", "sslserver", "-verify_hostname", "sensor-1.plant.example"]
    files = ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"]

    def accepts(*options: str) -> bool:
        done = subprocess.run([*command, *options, *files], cwd=folder, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    return {
        "openssl": accepts(),
        "strict": accepts("-x509_strict"),
        "cryptography": cryptography_accepts(kitchen),
    }


def cryptography_accepts(kitchen: Kitchen) -> bool:
    """Whether the library's own verifier finds a path."""
    store = verification.Store([kitchen.certificate("root")])
    builder = verification.PolicyBuilder().store(store).time(moment("2027-06-01"))
    verifier = builder.build_server_verifier(x509.DNSName("sensor-1.plant.example"))
    try:
        verifier.verify(kitchen.certificate("leaf"), [kitchen.certificate("issuing")])
    except verification.VerificationError:
        return False
    return True


def test_the_tables_name_what_exists() -> None:
    for differences in ACCEPTED.values():
        assert set(differences) <= set(DEVIATIONS)


@pytest.mark.parametrize("names", recipes(), ids=lambda names: " and ".join(names) or "none")
def test_the_same_verdict_but_for_what_is_known(names: tuple[str, ...], tmp_path: Path) -> None:
    kitchen = baked(names)
    ours, theirs = our_verdicts(kitchen), their_verdicts(kitchen, tmp_path)
    for verifier, accepted in theirs.items():
        reasons = [ACCEPTED[verifier][name] for name in names if name in ACCEPTED[verifier]]
        if accepted != ours[verifier]:
            assert any(lenient == accepted for lenient, _why in reasons), f"we: {ours}, they: {theirs}"
        elif len(names) == 1:
            assert not reasons, f"{verifier} agrees about {names[0]}: take it out of the table"
