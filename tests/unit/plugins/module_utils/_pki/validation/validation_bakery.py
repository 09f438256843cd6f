# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bakes bundles from the recipes of the case files: a whole small PKI from a few lines of YAML.

A recipe names only what differs from a fit bundle (root, issuing CA, leaf for sensor-1.plant.example). The
clock is fixed, so nothing ever expires. What ``cryptography`` refuses to make (version 1, duplicate
extensions …) a recipe brings as PEM of its own.
"""

from __future__ import annotations

import base64
import datetime
import functools
import ipaddress
import itertools
import math
import random
import textwrap
from typing import Any

import gmpy2
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Source
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

AT = "2027-06-01T00:00:00Z"
UTC = datetime.timezone.utc
OIDS = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "DC": NameOID.DOMAIN_COMPONENT,
}
USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
PURPOSES = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha1": hashes.SHA1, "md5": hashes.MD5}
SUBJECT = {
    "C": "US", "ST": "Washington", "L": "Redmond", "O": "Contoso Ltd", "OU": "Contoso Labs",
    "CN": "sensor-1.plant.example", "emailAddress": "ot@plant.example",
}  # fmt: skip
LEAF: dict[str, Any] = {
    "issuer": "issuing",
    "not_before": "2027-01-01",
    "not_after": "2028-12-30",
    "subject": SUBJECT,
    "ca": False,
    "key_usage": ["digitalSignature", "keyEncipherment", "keyAgreement"],
    "extended_key_usage": ["clientAuth", "serverAuth"],
    "sans": ["DNS:sensor-1.plant.example"],
}
CA: dict[str, Any] = {
    "not_before": "2026-01-01",
    "not_after": "2046-01-01",
    "ca": True,
    "key_usage": ["keyCertSign", "cRLSign"],
}
CERTIFICATE_KEYS = frozenset(
    {
        "issuer", "issuer_name", "signer", "key", "public", "not_before", "not_after", "subject", "ca", "path_length",
        "key_usage", "extended_key_usage", "sans", "ski", "aki", "crl_urls", "permitted", "excluded", "hash", "serial",
        "unknown_critical", "order", "policies", "require_policy", "crl_point", "pss", "raw", "flip_critical", "aia", "freshest",
        "issuer_alt", "must_staple", "aki_issuer", "mappings", "inhibit_mapping", "inhibit_any",
    }
)  # fmt: skip
RECIPE_KEYS = frozenset(
    {
        "title", "about", "expect", "waived", "keys", "leaf", "issuing", "root", "more", "crls", "csr", "files", "bundle",
        "bundles", "policy", "profile", "known",
    }
)  # fmt: skip


def moment(text: Any) -> datetime.datetime:
    """A date or moment of a recipe."""
    return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00")).replace(tzinfo=UTC)


@functools.cache
def _rsa(name: str, bits: int, exponent: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def _from_primes(p: int, q: int, *, damage: str | None = None, e: int = 65537) -> rsa.RSAPrivateKey:
    d = pow(e, -1, (p - 1) * (q - 1))
    dmp1, dmq1, iqmp = d % (p - 1), d % (q - 1), pow(q, -1, p)
    if damage == "crt":
        dmp1 += 2
    numbers = rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, rsa.RSAPublicNumbers(e, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _composite(bits: int) -> int:
    """A number that is the product of two primes, for a key that only a primality test unmasks."""
    for attempt in itertools.count():
        half = _rsa(f"composite-{attempt}", bits, 65537).private_numbers()
        if half.p * half.q >> (bits - 2) == 3:  # large enough for its product with a prime to have twice the bits
            return half.p * half.q
    raise AssertionError


def _prime_from(start: int, e: int = 3) -> int:
    """The first prime from a number on that goes with a public exponent."""
    number = gmpy2.next_prime(start - 1)
    while (number - 1) % e == 0:
        number = gmpy2.next_prime(number)
    return int(number)


@functools.cache
def _special(
    name: str,
    p: int | None = None,
    p_bits: int = 1024,
    distance_bits: int | None = None,
    d_bits: int | None = None,
    e: int = 65537,
) -> rsa.RSAPrivateKey:
    """A key of 2048 bits whose primes or exponents nobody would choose.

    :param p: the smaller prime itself. :param p_bits: its size.
    :param distance_bits: how far apart the primes are. :param d_bits: size of the private exponent.
    :param e: the public exponent.
    """
    chance = random.Random(name)
    if p is None:
        p = _prime_from(chance.getrandbits(p_bits) | 3 << (p_bits - 2), e)
    q_bits = 2049 - p.bit_length() if p_bits == 1024 and p.bit_length() < 100 else 2048 - p.bit_length()
    if distance_bits:
        q = _prime_from(p + (1 << (distance_bits - 1)) + chance.getrandbits(distance_bits - 2), e)
    else:
        q = _prime_from(chance.getrandbits(q_bits) | 3 << (q_bits - 2), e)
    if not d_bits:
        return _from_primes(p, q, e=e)
    phi, d = (p - 1) * (q - 1), chance.getrandbits(d_bits) | 1 << (d_bits - 1) | 1
    while math.gcd(d, phi) != 1:
        d += 2
    public = rsa.RSAPublicNumbers(pow(d, -1, phi), p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def signed_with_sha1(crl: x509.CertificateRevocationList, signer: rsa.RSAPrivateKey) -> bytes:
    """The CRL, signed anew with RSA and SHA-1, which the library itself no longer does."""
    sha256, sha1 = (bytes.fromhex(f"06092a864886f70d0101{last}0500") for last in ("0b", "05"))
    body = crl.tbs_certlist_bytes.replace(sha256, sha1)
    signature = signer.sign(body, padding.PKCS1v15(), hashes.SHA1())
    content = body + b"\x30\x0d" + sha1 + b"\x03\x82" + (len(signature) + 1).to_bytes(2, "big") + b"\x00" + signature
    der = b"\x30\x82" + len(content).to_bytes(2, "big") + content
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN X509 CRL-----\n{lines}\n-----END X509 CRL-----\n".encode()


class Kitchen:
    """Makes what one recipe asks for; keys are made once for all recipes."""

    def __init__(self, recipe: dict[str, Any], shift: datetime.timedelta = datetime.timedelta(0)) -> None:
        self.shift = shift  # of all dates, for tools that know no clock but their own
        unknown = set(recipe) - RECIPE_KEYS
        assert not unknown, f"unknown keys in the recipe: {unknown}"
        self.recipe = recipe
        self.specs: dict[str, dict[str, Any]] = {
            "root": {**CA, "subject": {"CN": "Plant Root CA"}, "issuer": "root", **(recipe.get("root") or {})},
            "issuing": {**CA, "subject": {"CN": "Plant Issuing CA"}, "issuer": "root", **(recipe.get("issuing") or {})},
            "leaf": {**LEAF, **(recipe.get("leaf") or {})},
        }
        for name, spec in (recipe.get("more") or {}).items():
            base = LEAF if spec.get("ca") is False else {**CA, "issuer": name, "subject": {"CN": name}}
            self.specs[name] = {**base, **spec}
        for name, spec in self.specs.items():
            assert set(spec) <= CERTIFICATE_KEYS, f"{name}: unknown keys {set(spec) - CERTIFICATE_KEYS}"
        self._made: dict[str, x509.Certificate] = {}

    def moment(self, text: Any) -> datetime.datetime:
        """A date of the recipe, shifted."""
        return moment(text) + self.shift

    # --- keys ----------------------------------------------------------------------------------

    def key(self, name: str) -> Any:
        """The private key of that name; RSA 2048 unless the recipe says otherwise."""
        spec = (self.recipe.get("keys") or {}).get(name, {})
        kind = spec.get("type", "rsa")
        if kind == "ec":
            return _ec(name, spec.get("curve", "secp256r1"))
        if kind == "damaged":
            numbers = _rsa(name, 2048, 65537).private_numbers()
            return _from_primes(numbers.p, numbers.q, damage="crt")
        if kind == "shared-prime":
            mine, other = _rsa(name, 2048, 65537).private_numbers(), _rsa(spec["with"], 2048, 65537).private_numbers()
            return _from_primes(mine.p, other.q)
        if kind == "primes":
            return _special(name, **{key: value for key, value in spec.items() if key != "type"})
        if kind == "composite":
            return _from_primes(_composite(1024), _rsa(name, 2048, 65537).private_numbers().p)
        return _rsa(name, spec.get("bits", 2048), spec.get("exponent", 65537))

    def key_bytes(self, name: str, passphrase: str | None = None, form: str = "pkcs8", encoding: str = "pem") -> bytes:
        """A private key as a file's content."""
        formats = {"pkcs8": PrivateFormat.PKCS8, "pkcs1": PrivateFormat.TraditionalOpenSSL}
        encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        kind = Encoding.PEM if encoding == "pem" else Encoding.DER
        return self.key(name).private_bytes(kind, formats[form], encryption)

    # --- certificates --------------------------------------------------------------------------

    def certificate(self, name: str) -> x509.Certificate:
        """The certificate of that name."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _public(self, name: str) -> Any:
        spec = self.specs[name]
        if "public" in spec:
            return rsa.RSAPublicNumbers(int(spec["public"]["e"]), int(str(spec["public"]["n"]), 0)).public_key()
        return self.key(spec.get("key", name)).public_key()

    def _make(self, name: str) -> x509.Certificate:
        spec = self.specs[name]
        issuer = spec["issuer"]
        issuer_spec = self.specs[issuer]
        signer = self.key(spec.get("signer", issuer_spec.get("key", issuer)))
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(spec["subject"]))
            .issuer_name(name_of(spec.get("issuer_name", issuer_spec["subject"])))
            .public_key(self._public(name))
            .serial_number(int(spec.get("serial", random.Random(name).getrandbits(150) | 1)))
            .not_valid_before(self.moment(spec["not_before"]))
            .not_valid_after(self.moment(spec["not_after"]))
        )
        for value, critical in self._extensions(name, spec, issuer):
            builder = builder.add_extension(value, critical)
        digest = HASHES[spec.get("hash", "sha256")]()
        if isinstance(signer, rsa.RSAPrivateKey) and spec.get("pss"):
            from cryptography.hazmat.primitives.asymmetric import padding

            return builder.sign(signer, digest, rsa_padding=padding.PSS(padding.MGF1(digest), 32))
        return builder.sign(signer, digest)

    def _extensions(  # noqa: C901
        self, name: str, spec: dict[str, Any], issuer: str
    ) -> list[tuple[Any, bool]]:
        made: dict[str, tuple[Any, bool]] = {}
        is_ca = bool(spec.get("ca"))
        if spec.get("ski", True):
            value = spec.get("ski", True)
            digest = (
                x509.SubjectKeyIdentifier.from_public_key(self._public(name))
                if value is True
                else x509.SubjectKeyIdentifier(bytes.fromhex(value))
            )
            made["ski"] = (digest, False)
        if spec.get("aki", issuer != name):
            value = spec.get("aki", True)
            issuer_ski = self.specs[issuer].get("ski", True)
            if value is True and isinstance(issuer_ski, str):
                value = issuer_ski
            if value is True:
                public = self.key(spec.get("signer", self.specs[issuer].get("key", issuer))).public_key()
                made["aki"] = (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
            else:
                made["aki"] = (x509.AuthorityKeyIdentifier(bytes.fromhex(value), None, None), False)
        if spec.get("aki_issuer"):
            named = spec["aki_issuer"]
            identifier = made["aki"][0].key_identifier if spec.get("aki", issuer != name) else None
            directory = [general_name(named["name"])]
            made["aki"] = (x509.AuthorityKeyIdentifier(identifier, directory, int(named["serial"])), False)
        if spec.get("ca") is not None:
            made["bc"] = (x509.BasicConstraints(is_ca, spec.get("path_length")), is_ca)
        if spec.get("key_usage"):
            flags = dict.fromkeys(USAGES.values(), False)
            flags.update({USAGES[usage]: True for usage in spec["key_usage"]})
            made["ku"] = (x509.KeyUsage(**flags, encipher_only=False, decipher_only=False), is_ca)
        if spec.get("extended_key_usage"):
            made["eku"] = (x509.ExtendedKeyUsage([PURPOSES[entry] for entry in spec["extended_key_usage"]]), False)
        if spec.get("sans"):
            made["san"] = (x509.SubjectAlternativeName([general_name(entry) for entry in spec["sans"]]), False)
        points = [distribution_point(f"URI:{url}") for url in spec.get("crl_urls") or []]
        if spec.get("crl_point"):
            points.append(distribution_point(**spec["crl_point"]))
        if points:
            made["crl"] = (x509.CRLDistributionPoints(points), False)
        if spec.get("permitted") or spec.get("excluded"):
            permitted = [general_name(entry, True) for entry in spec.get("permitted") or []] or None
            excluded = [general_name(entry, True) for entry in spec.get("excluded") or []] or None
            made["nc"] = (x509.NameConstraints(permitted, excluded), True)
        if spec.get("policies"):
            policies = [x509.PolicyInformation(ObjectIdentifier(oid), None) for oid in spec["policies"]]
            made["policies"] = (x509.CertificatePolicies(policies), False)
        if spec.get("require_policy") is not None:
            made["pc"] = (x509.PolicyConstraints(spec["require_policy"], None), True)
        if spec.get("inhibit_mapping") is not None:
            made["pc"] = (x509.PolicyConstraints(spec.get("require_policy"), spec["inhibit_mapping"]), True)
        if spec.get("inhibit_any") is not None:
            made["inhibit"] = (x509.InhibitAnyPolicy(spec["inhibit_any"]), True)
        if spec.get("mappings"):
            made["mappings"] = (policy_mappings(spec["mappings"]), True)
        if spec.get("aia"):
            location = x509.UniformResourceIdentifier("http://ca.plant.example/issuing.crt")
            description = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)
            made["aia"] = (x509.AuthorityInformationAccess([description]), False)
        if spec.get("freshest"):
            made["freshest"] = (x509.FreshestCRL([distribution_point("URI:http://crl.plant.example/delta.crl")]), False)
        if spec.get("issuer_alt"):
            made["ian"] = (x509.IssuerAlternativeName([x509.DNSName("ca.plant.example")]), False)
        if spec.get("must_staple"):
            made["staple"] = (x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
        for entry in spec.get("flip_critical") or []:
            value, critical = made[entry]
            made[entry] = (value, not critical)
        if spec.get("unknown_critical"):
            made["unknown"] = (x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
        for entry, (oid, value) in (spec.get("raw") or {}).items():
            made[entry] = (x509.UnrecognizedExtension(ObjectIdentifier(oid), bytes.fromhex(value)), False)
        order = spec.get("order")
        return [made[entry] for entry in order] if order else list(made.values())

    # --- requests and CRLs ---------------------------------------------------------------------

    def request(self, spec: dict[str, Any]) -> bytes:
        """A CSR: ``key``, ``subject``; ``damaged`` breaks its signature."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(spec.get("subject", SUBJECT)))
        der = builder.sign(self.key(spec.get("key", "leaf")), hashes.SHA256()).public_bytes(Encoding.DER)
        if spec.get("damaged"):
            der = der[:-1] + bytes([der[-1] ^ 1])
        return pem("CERTIFICATE REQUEST", der)

    def crl(self, spec: dict[str, Any]) -> bytes:
        """A CRL: ``issuer``, ``revoked`` (certificate names), dates, number, base, scope."""
        issuer = spec.get("issuer", "issuing")
        issuer_spec = self.specs[issuer]
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name_of(issuer_spec["subject"]))
            .last_update(self.moment(spec.get("this_update", "2027-05-20")))
            .next_update(self.moment(spec.get("next_update", "2027-06-20")))
            .add_extension(x509.CRLNumber(spec.get("number", 7)), "number" in (spec.get("critical") or []))
        )
        if spec.get("base") is not None:
            builder = builder.add_extension(x509.DeltaCRLIndicator(spec["base"]), True)
        if spec.get("scope"):
            builder = builder.add_extension(issuing_distribution_point(spec["scope"]), True)
        if spec.get("unknown_critical"):
            value = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x05\x00")
            builder = builder.add_extension(value, True)
        if "aia" in (spec.get("critical") or []):
            location = x509.UniformResourceIdentifier("http://ca.plant.example/issuing.crt")
            description = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)
            builder = builder.add_extension(x509.AuthorityInformationAccess([description]), True)
        if "freshest" in (spec.get("critical") or []):
            points = [distribution_point("URI:http://crl.plant.example/delta.crl")]
            builder = builder.add_extension(x509.FreshestCRL(points), True)
        for entry in spec.get("revoked") or []:
            entry = entry if isinstance(entry, dict) else {"certificate": entry}
            revoked = (
                x509.RevokedCertificateBuilder()
                .serial_number(self.certificate(entry["certificate"]).serial_number)
                .revocation_date(self.moment("2027-05-10"))
            )
            if entry.get("reason"):
                reason = x509.CRLReason(x509.ReasonFlags[entry["reason"]])
                revoked = revoked.add_extension(reason, bool(entry.get("reason_critical")))
            if entry.get("unknown_critical"):
                value = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.3"), b"\x05\x00")
                revoked = revoked.add_extension(value, True)
            if entry.get("issuer"):
                name = x509.DirectoryName(name_of(self.specs[entry["issuer"]]["subject"]))
                revoked = revoked.add_extension(x509.CertificateIssuer([name]), True)
            builder = builder.add_revoked_certificate(revoked.build())
        signer = self.key(spec.get("signer", issuer_spec.get("key", issuer)))
        if "aki" in spec:
            key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key(spec["aki"]).public_key())
            builder = builder.add_extension(key_id, False)
        if spec.get("hash") == "sha1":
            return signed_with_sha1(builder.sign(signer, hashes.SHA256()), signer)
        return builder.sign(signer, HASHES[spec.get("hash", "sha256")]()).public_bytes(Encoding.PEM)

    # --- files ---------------------------------------------------------------------------------

    def content(self, what: Any, kind: str) -> bytes:
        """The content of one file.

        :param what: a name, a list of names, or a dictionary: ``of`` (name or names) or ``text``, with ``form``
            (pem, der, p12, p7b, utf-16, bom, crlf, bag, bare, cut, garbage) and what the kind knows.
        """
        spec = what if isinstance(what, dict) else {"of": what}
        if "text" in spec:
            data = str(spec["text"]).encode()
        elif kind == "private_key" or spec.get("kind") == "key":
            data = self.key_bytes(
                spec["of"], spec.get("passphrase"), spec.get("format", "pkcs8"), spec.get("encoding", "pem")
            )
        elif spec.get("kind") == "csr":
            data = self.request({"key": spec["of"]})
        elif spec.get("kind") == "crl":
            data = self.crl({"issuer": spec["of"]})
        else:
            names = spec["of"] if isinstance(spec["of"], list) else [spec["of"]]
            data = self._certificates(names, spec.get("form", "pem"))
        for part in spec.get("plus") or []:
            data += self.content(part, kind)
        return reshape(data, spec.get("form", "pem"))

    def _certificates(self, names: list[str], form: str) -> bytes:
        certificates = [self.certificate(name) for name in names]
        if form == "der":
            return certificates[0].public_bytes(Encoding.DER)
        if form == "p7b":
            return pkcs7.serialize_certificates(certificates, Encoding.DER)
        if form == "p12":
            key = self.key(names[0])
            return pkcs12.serialize_key_and_certificates(b"x", key, certificates[0], certificates[1:], NoEncryption())
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)

    def bundle(self, spec: dict[str, Any] | None, name: str = "sensor-1") -> Bundle:
        """The bundle to judge: a fit one, but for what the recipe says (null: not given)."""
        wanted: dict[str, Any] = {
            "certificate": "leaf",
            "private_key": "leaf",
            "chain": ["issuing", "root"],
            "trusted_roots": [],
            "crls": [],
            "csr": None,
            "passphrase": None,
            "expected_common_name": None,
            "crl_validation": None,
            "at": AT,
            "min_days_left": 30,
            "mode": 0o600,
            "wants_key": False,
        }
        spec = dict(spec or {})
        names = {
            "certificate": "sensor.crt", "private_key": "sensor.key", "chain": "sensor.pem", "csr": "sensor.csr",
            **(spec.pop("names", None) or {}),
        }  # fmt: skip
        assert set(spec) <= set(wanted), f"unknown keys in the bundle: {set(spec) - set(wanted)}"
        wanted.update(spec)

        def source(option: str) -> Source | None:
            value = wanted[option]
            if value is None:
                return None
            if isinstance(value, dict) and "problem" in value:
                return Source(names[option], problem=value["problem"])
            if option == "csr":
                data = value["text"].encode() if "text" in value else self.request(value)
            else:
                data = self.content(value, option)
            return Source(names[option], data, int(wanted["mode"]) if option == "private_key" else 0o644)

        return Bundle(
            name=name,
            certificate=source("certificate"),
            private_key=source("private_key"),
            chain=source("chain"),
            csr=source("csr"),
            wants_key=bool(wanted["wants_key"]),
            private_key_passphrase=wanted["passphrase"],
            expected_common_name=wanted["expected_common_name"],
            trusted_roots=tuple(
                Source(f"root-{position}.crt", self.content(entry, "certificate"))
                for position, entry in enumerate(wanted["trusted_roots"])
            ),
            crls=tuple(
                Source(f"{position}.crl", entry["text"].encode() if "text" in entry else self.crl(entry))
                for position, entry in enumerate(wanted["crls"])
            ),
            crl_validation=wanted["crl_validation"],
            at=self.moment(wanted["at"]),
            min_days_left=wanted["min_days_left"],
        )


@functools.cache
def _ec(name: str, curve: str) -> ec.EllipticCurvePrivateKey:
    curves = {"secp256r1": ec.SECP256R1, "secp192r1": ec.SECP192R1, "secp384r1": ec.SECP384R1}
    return ec.generate_private_key(curves[curve]())


def name_of(subject: Any) -> x509.Name:
    """A distinguished name from a dictionary, or from a list of one-entry dictionaries (fields that repeat)."""
    parts = [part for entry in subject for part in entry.items()] if isinstance(subject, list) else subject.items()
    return x509.Name([x509.NameAttribute(OIDS[short], value, _validate=False) for short, value in parts])


def general_name(text: str, constraint: bool = False) -> x509.GeneralName:
    """A general name from OpenSSL's notation, for example ``DNS:a.example``; ``DN:`` takes ``O=x,CN=y``."""
    kind, _colon, value = text.partition(":")
    if kind == "DNS":
        return x509.DNSName(value)
    if kind == "IP":
        return x509.IPAddress(ipaddress.ip_network(value) if constraint else ipaddress.ip_address(value))
    if kind == "email":
        return x509.RFC822Name(value)
    if kind == "URI":
        return x509.UniformResourceIdentifier(value)
    assert kind == "DN", text
    return x509.DirectoryName(name_of(dict(part.split("=", 1) for part in value.split(","))))


def policy_mappings(pairs: list[list[str]]) -> x509.UnrecognizedExtension:
    """policyMappings from pairs of the issuer's and the subject's policy; the library knows no such type."""

    def element(tag: int, content: bytes) -> bytes:
        return bytes([tag, len(content)]) + content

    def oid(dotted: str) -> bytes:
        return x509.ExtendedKeyUsage([ObjectIdentifier(dotted)]).public_bytes()[2:]

    content = b"".join(element(0x30, oid(issuers) + oid(subjects)) for issuers, subjects in pairs)
    return x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.33"), element(0x30, content))


def distribution_point(name: str | None = None, issuer: str | None = None) -> x509.DistributionPoint:
    """A CRL distribution point with a full name, and the name of whom it delegates to."""
    return x509.DistributionPoint(
        [general_name(name)] if name else None, None, None, [general_name(issuer)] if issuer else None
    )


def issuing_distribution_point(scope: dict[str, Any]) -> x509.IssuingDistributionPoint:
    """The scope of a CRL."""
    reasons = scope.get("reasons")
    return x509.IssuingDistributionPoint(
        full_name=[general_name(scope["name"])] if scope.get("name") else None,
        relative_name=None,
        only_contains_user_certs=bool(scope.get("users")),
        only_contains_ca_certs=bool(scope.get("cas")),
        only_some_reasons=frozenset(x509.ReasonFlags[reason] for reason in reasons) if reasons else None,
        indirect_crl=bool(scope.get("indirect")),
        only_contains_attribute_certs=False,
    )


def pem(label: str, der: bytes) -> bytes:
    """DER as PEM."""
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


def reshape(data: bytes, form: str) -> bytes:
    """The same text as it comes from Windows, from a mail, or damaged."""
    text = data.decode("latin-1")
    if form == "utf-16":
        return text.encode("utf-16")
    if form == "bom":
        return b"\xef\xbb\xbf" + data
    if form == "crlf":
        return data.replace(b"\n", b"\r\n")
    if form == "bag":
        return b"Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n\n" + data
    if form == "bare":
        return "".join(line for line in text.splitlines(True) if "-----" not in line).encode()
    if form == "cut":
        return data[: len(data) // 2]
    if form == "garbage":
        middle = len(data) // 2
        return data[:middle] + b"!!!!" + data[middle + 4 :]
    return data
