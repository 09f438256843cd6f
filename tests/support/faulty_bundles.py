# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bundles with one fault each, for a web server to serve: of every CA a name of its own, and a host name for each."""

from __future__ import annotations

import copy
import datetime
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle
from corporate_pki import encode, replaced
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from odd_certificates import RSA_SHA256

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/plugins/module_utils/_pki/validation"))
from validation_bakery import AT, SUBJECT, Kitchen, moment, pem

Recipe = dict[str, Any]
RSA_SHA1 = RSA_SHA256.replace(bytes([11]), bytes([5]))
LEAF_USAGE = ["digitalSignature", "keyEncipherment"]
TWO_CAS = {"issuing": {"issuer": "middle"}, "more": {"middle": {"issuer": "root"}}}
CHAIN_OF_TWO = ["issuing", "middle", "root"]


def leaf(**changes: Any) -> Recipe:
    return {"leaf": changes}


def issuing(**changes: Any) -> Recipe:
    return {"issuing": changes}


UNIT, EMPTY = encode(0x0C, SUBJECT["OU"].encode()), bytes.fromhex("3000")


def odd(old: bytes, new: bytes) -> Recipe:
    """A sensor's certificate with an element exchanged."""
    return leaf(rewrite=(old, new))


# By slug: title, recipe, what else is served than the usual files.
FAULTS: dict[str, tuple[str, Recipe, Recipe]] = {
    "expired": ("expired", leaf(not_after="2027-05-20"), {}),
    "not-yet": ("not yet valid", leaf(not_before="2027-06-20"), {}),
    "wrong-name": ("another sensor's name", leaf(name="other.plant.example"), {}),
    "no-san": ("no SAN, only a CN", leaf(sans=[]), {}),
    "san-without-cn": ("SAN without the sensor's name", leaf(sans=["DNS:other.plant.example"]), {}),
    "san-address": ("IP address as a DNS name in the SAN, beside the name", leaf(also="DNS:192.0.2.7"), {}),
    "san-underscore": ("a malformed name in the SAN, beside the name", leaf(also="DNS:sensor 7.plant.example"), {}),
    "san-empty-label": ("an empty label in the SAN, beside the name", leaf(also="DNS:sensor..plant.example"), {}),
    "san-no-name": ("an empty DNS name in the SAN, beside the name", leaf(also="DNS:"), {}),
    "sha-1": ("signed with SHA-1", leaf(hash="sha1"), {}),
    "ca-sha-1": ("issuing CA signed with SHA-1", issuing(hash="sha1"), {}),
    "sha-384": ("signed with SHA-384", leaf(hash="sha384"), {}),
    "pss": ("signed with RSASSA-PSS", leaf(pss=True), {}),
    "self-signed": ("self-signed", leaf(issuer="leaf"), {"chain": ["leaf"]}),
    "untrusted": ("a root that nobody trusts", {"more": {"trusted": {}}}, {"trusted_roots": ["trusted"]}),
    "no-intermediate": ("issuing CA missing", {}, {"chain": ["root"]}),
    "wrong-order": ("chain in the wrong order", TWO_CAS, {"chain": ["root", "middle", "issuing"]}),
    "no-root": ("chain without its root", {}, {"chain": ["issuing"]}),
    "unrelated": ("an unrelated CA first in the chain", {"more": {"odd": {}}}, {"chain": ["odd", "issuing", "root"]}),
    "ca-true": ("CA:TRUE in the sensor's", leaf(ca=True, flip_critical=["bc"]), {}),
    "ca-true-sign": ("CA:TRUE and keyCertSign in the sensor's", leaf(ca=True, key_usage=[*LEAF_USAGE, "keyCertSign"]), {}),
    "cert-sign": ("keyCertSign in the sensor's", leaf(key_usage=[*LEAF_USAGE, "keyCertSign"]), {}),
    "cert-sign-bare": ("the same, without basicConstraints", leaf(ca=None, key_usage=[*LEAF_USAGE, "keyCertSign"]), {}),
    "no-usage": ("no keyUsage in the sensor's", leaf(key_usage=[]), {}),
    "agreement": ("keyAgreement as the only keyUsage", leaf(key_usage=["keyAgreement"]), {}),
    "encipherment": ("keyEncipherment as the only keyUsage", leaf(key_usage=["keyEncipherment"]), {}),
    "server-only": ("serverAuth alone", leaf(extended_key_usage=["serverAuth"]), {}),
    "no-purpose": ("no extendedKeyUsage", leaf(extended_key_usage=[]), {}),
    "any-purpose": ("anyExtendedKeyUsage alone", leaf(extended_key_usage=["any"]), {}),
    "client-only": ("clientAuth alone", leaf(extended_key_usage=["clientAuth"]), {}),
    "ca-any": ("anyExtendedKeyUsage alone in the issuing CA", issuing(extended_key_usage=["any"]), {}),
    "ca-client": ("clientAuth alone in the issuing CA", issuing(extended_key_usage=["clientAuth"]), {}),
    "critical-unknown": ("unknown critical extension", leaf(unknown_critical=True), {}),
    "critical-ski": ("critical subjectKeyIdentifier", leaf(flip_critical=["ski"]), {}),
    "critical-aki": ("critical authorityKeyIdentifier", leaf(flip_critical=["aki"]), {}),
    "critical-aia": ("critical authorityInfoAccess", leaf(aia=True, flip_critical=["aia"]), {}),
    "critical-ian": ("critical issuerAltName", leaf(issuer_alt=True, flip_critical=["ian"]), {}),
    "ca-critical": ("unknown critical extension in the issuing CA", issuing(unknown_critical=True), {}),
    "ca-critical-ski": ("critical subjectKeyIdentifier in the issuing CA", issuing(flip_critical=["ski"]), {}),
    "must-staple": ("must-staple", leaf(must_staple=True), {}),
    "names-violated": ("a name that the issuing CA may not certify", issuing(permitted=["DNS:elsewhere.example"]), {}),
    "path-length": ("more CAs than the first allows", {**TWO_CAS, "more": {"middle": {"issuer": "root", "path_length": 0}}}, {"chain": CHAIN_OF_TWO}),
    "ca-no-usage": ("issuing CA without keyUsage", issuing(key_usage=[]), {}),
    "ca-no-sign": ("issuing CA without keyCertSign", issuing(key_usage=["cRLSign"]), {}),
    "ca-no-constraints": ("issuing CA without basicConstraints", issuing(ca=None), {}),
    "ca-not-critical": ("issuing CA, basicConstraints not critical", issuing(flip_critical=["bc"]), {}),
    "ca-no-ski": ("issuing CA without subjectKeyIdentifier", issuing(ski=False), {}),
    "ca-no-aki": ("issuing CA without authorityKeyIdentifier", issuing(aki=False), {}),
    "ca-expired": ("issuing CA expired", issuing(not_after="2027-05-20"), {}),
    "ca-1024": ("issuing CA's key of 1024 bits", {"keys": {"small": {"bits": 1024}}, "issuing": {"key": "small"}}, {}),
    "no-ski": ("no subjectKeyIdentifier", leaf(ski=False), {}),
    "no-aki": ("no authorityKeyIdentifier", leaf(aki=False), {}),
    "other-aki": ("authorityKeyIdentifier of another key", leaf(aki="0102030405060708"), {}),
    "weak-key": ("key of 1024 bits", {"keys": {"small": {"bits": 1024}}, "leaf": {"key": "small"}}, {"private_key": "small"}),
    "elliptic": ("elliptic curve key", {"keys": {"curve": {"type": "ec"}}, "leaf": {"key": "curve"}}, {"private_key": "curve"}),
    "exponent-3": ("public exponent 3", {"keys": {"three": {"exponent": 3}}, "leaf": {"key": "three"}}, {"private_key": "three"}),
    "ca-key": ("the issuing CA's key", leaf(key="issuing"), {"private_key": "issuing"}),
    "ten-years": ("valid for ten years", leaf(not_after="2037-01-01"), {}),
    "wildcard": ("wildcard", leaf(name="*.plant.example"), {}),
    "issuer-first": ("issuer first in the .crt", {}, {"certificate": ["issuing", "leaf"]}),
    "chain-in-crt": ("the chain behind the certificate in the .crt too", {}, {"certificate": ["leaf", "issuing", "root"]}),
    "utf-16": (".crt in UTF-16", {}, {"certificate": {"of": "leaf", "form": "utf-16"}}),
    "byte-order-mark": (".crt with a byte order mark", {}, {"certificate": {"of": "leaf", "form": "bom"}}),
    "windows-lines": ("lines of Windows", {}, {"certificate": {"of": "leaf", "form": "crlf"}}),
    "bag-attributes": ("Bag Attributes before the blocks", {}, {"certificate": {"of": "leaf", "form": "bag"}}),
    "der": ("DER in the .crt", {}, {"certificate": {"of": "leaf", "form": "der"}}),
    "chain-utf-16": (".pem in UTF-16", {}, {"chain": {"of": ["issuing", "root"], "form": "utf-16"}}),
    "chain-der": (".pem in DER", {}, {"chain": {"of": ["issuing"], "form": "der"}}),
    "chain-p7b": (".pem in PKCS#7", {}, {"chain": {"of": ["issuing", "root"], "form": "p7b"}}),
    "printable": ("`@` and `_` in a PrintableString", odd(UNIT, encode(0x13, b"R@D_Labs")), {}),
    "latin-1": ("Latin-1 in a T61String", odd(UNIT, encode(0x14, "Köln".encode("latin-1"))), {}),
    "explicit-false": ("CA:FALSE written out", odd(EMPTY, bytes.fromhex("3003010100")), {}),
    "leaf-path-length": ("path length beside CA:FALSE", odd(EMPTY, bytes.fromhex("3003020100")), {}),
    "malformed-ski": ("malformed subjectKeyIdentifier", leaf(raw={"ski": ["2.5.29.14", "020100"]}), {}),
    "negative-serial": ("negative serial number", {"leaf": {"serial": 4711, **odd(b"\x02\x02\x12\x67", b"\x02\x02\x92\x67")["leaf"]}}, {}),
    "version-1": ("X.509 version 1 with extensions", odd(encode(0xA0, b"\x02\x01\x02"), b""), {}),
    "key-mismatch": ("another certificate's key", {}, {"private_key": "issuing"}),
    "key-der": (".key in DER", {}, {"private_key": {"of": "leaf", "encoding": "der"}}),
    "key-pkcs1": (".key in PKCS#1", {}, {"private_key": {"of": "leaf", "format": "pkcs1"}}),
    "wrong-passphrase": ("wrong passphrase", {}, {"private_key": {"of": "leaf", "passphrase": "Right.1"}, "passphrase": "Wrong.1"}),
}  # fmt: skip

TWINS = ("twin-a", "twin-b")


@dataclass(frozen=True)
class Made:
    """A bundle to serve and to judge.

    :ivar roots: PEM of the roots that count for it.
    """

    slug: str
    title: str
    host: str
    bundle: Bundle
    roots: tuple[bytes, ...]


@dataclass(frozen=True)
class _Signed:
    """A certificate that ``cryptography`` would neither make nor read."""

    der: bytes

    def public_bytes(self, encoding: Encoding) -> bytes:
        return self.der if encoding is Encoding.DER else pem("CERTIFICATE", self.der)


class _Kitchen(Kitchen):
    """With SHA-1, and with elements exchanged before the signature is made."""

    def __init__(self, recipe: Recipe, shift: datetime.timedelta) -> None:
        self.exchanged = recipe["leaf"].pop("rewrite", None)
        super().__init__(recipe, shift)

    def _make(self, name: str) -> Any:
        spec = self.specs[name]
        sha1, exchanged = spec.get("hash") == "sha1", self.exchanged if name == "leaf" else None
        if not sha1 and not exchanged:
            return super()._make(name)
        self.specs[name] = {**spec, "hash": "sha256"}
        tbs = super()._make(name).tbs_certificate_bytes
        digest, algorithm = (hashes.SHA1(), RSA_SHA1) if sha1 else (hashes.SHA256(), RSA_SHA256)
        changed = replaced(tbs, *(exchanged or (RSA_SHA256, RSA_SHA1)))
        assert changed != tbs
        signature = self.key(spec["issuer"]).sign(changed, padding.PKCS1v15(), digest)
        return _Signed(encode(0x30, changed + algorithm + encode(3, b"\x00" + signature)))


def _recipe(slug: str, changes: Recipe) -> tuple[str, Recipe]:
    recipe = copy.deepcopy(changes)
    host = f"{slug}.plant.example"
    own = recipe.setdefault("leaf", {})
    name = own.pop("name", host)
    own["subject"] = {**SUBJECT, "CN": name}
    own.setdefault("sans", [f"DNS:{name}"])
    own["sans"] = [*own["sans"], *([own.pop("also")] if "also" in own else [])]
    # Clients remember CAs: two of one name would be taken for each other.
    for authority in ("root", "issuing"):
        recipe.setdefault(authority, {}).setdefault("subject", {"CN": f"{slug} {authority}"})
    for authority, spec in recipe.get("more", {}).items():
        spec.setdefault("subject", {"CN": f"{slug} {authority}"})
    return host, recipe


def faulty_bundles() -> list[Made]:
    """One for each fault, and two that are twins of one serial number."""
    shift = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - moment(AT)
    made = [_made(slug, shift, *fault) for slug, fault in FAULTS.items()]
    twin = {"ca": False, "issuer": "issuing", "serial": 4711, "subject": {**SUBJECT, "CN": "twin-b.plant.example"}}
    recipe = {**leaf(serial=4711), "more": {"twin": {**twin, "sans": ["DNS:twin-b.plant.example"]}}}
    host, recipe = _recipe("twin-a", recipe)
    kitchen = _Kitchen(recipe, shift)
    for slug, name in zip(TWINS, ("leaf", "twin"), strict=True):
        spec = {"certificate": name, "private_key": name, "trusted_roots": ["root"]}
        title = f"serial number of another certificate of its CA, {'first' if name == 'leaf' else 'second'}"
        made.append(_bundle(kitchen, slug, title, host.replace("twin-a", slug), spec))
    return made


def _made(slug: str, shift: datetime.timedelta, title: str, changes: Recipe, served: Recipe) -> Made:
    host, recipe = _recipe(slug, changes)
    spec = {"trusted_roots": ["root"], "expected_common_name": host, **served}
    return _bundle(_Kitchen(recipe, shift), slug, title, host, spec)


def _bundle(kitchen: Kitchen, slug: str, title: str, host: str, spec: Recipe) -> Made:
    bundle = kitchen.bundle(spec, slug)
    return Made(slug, title, host, bundle, tuple(root.data or b"" for root in bundle.trusted_roots))
