# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many bundles a second cert_validate's engine judges, and how that compares with the bare parse.

tests/benchmark/validate_speed.py [--bundles 10000] [--workers N] [--folder DIR]

Makes a fleet (certificate, key and chain for each sensor; as many keys as --keys, since making keys is not
what is measured), reads and parses all files once with cryptography alone, then judges them in one batch call.
Prints one line of JSON: bundles, seconds, bundles_per_second, parse_seconds, ratio, peak memory in MB.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, os.environ.get("OT_PKI_COLLECTIONS", str(TOP / "build" / "collections")))

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.parallel import (  # noqa: E402
    process_map,
    usable_processors,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.task import run  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

FIELDS = (
    (NameOID.COUNTRY_NAME, "US"),
    (NameOID.STATE_OR_PROVINCE_NAME, "Washington"),
    (NameOID.LOCALITY_NAME, "Redmond"),
    (NameOID.ORGANIZATION_NAME, "Contoso Ltd"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Contoso Labs"),
)
EMAIL = (NameOID.EMAIL_ADDRESS, "ot@plant.example")
NOW = datetime.datetime.now(datetime.timezone.utc)


def new_key(_position: int) -> bytes:
    """A key as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(
    subject: x509.Name, public: rsa.RSAPublicKey, issuer: x509.Name, signer: rsa.RSAPrivateKey, ca: bool
) -> bytes:
    """A certificate as PEM: a CA's, or a sensor's as the sample has it."""
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=700))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        .add_extension(x509.BasicConstraints(ca, None), ca)
    )
    if ca:
        builder = builder.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), True
        )
    else:
        name = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        builder = (
            builder.add_extension(x509.KeyUsage(True, False, True, False, True, False, False, False, False), False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), False
            )
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(str(name))]), False)
        )
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def make_fleet(folder: Path, count: int, keys: int) -> None:
    """The files of all sensors."""
    root_key, ca_key = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Benchmark Root CA")])
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Benchmark Issuing CA")])
    chain = certificate(ca_name, ca_key.public_key(), root_name, root_key, True)
    chain += certificate(root_name, root_key.public_key(), root_name, root_key, True)
    made = list(process_map(new_key, range(keys), usable_processors(), 4))
    public = [load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True).public_key() for data in made]

    def write(position: int) -> None:
        name = f"sensor-{position}.plant.example"
        subject = x509.Name(
            [x509.NameAttribute(oid, value) for oid, value in (*FIELDS, (NameOID.COMMON_NAME, name), EMAIL)]
        )
        (folder / f"{position}.crt").write_bytes(certificate(subject, public[position % keys], ca_name, ca_key, False))  # type: ignore[arg-type]
        (folder / f"{position}.key").write_bytes(made[position % keys])
        (folder / f"{position}.key").chmod(0o600)
        (folder / f"{position}.pem").write_bytes(chain)

    for _done in process_map(write, range(count), usable_processors(), 100):
        pass


def bare_parse(folder: Path, count: int) -> float:
    """Seconds to read and parse all files with cryptography alone, in one process."""
    start = time.perf_counter()
    for position in range(count):
        x509.load_pem_x509_certificate((folder / f"{position}.crt").read_bytes())
        load_pem_private_key((folder / f"{position}.key").read_bytes(), None, unsafe_skip_rsa_key_validation=True)
        x509.load_pem_x509_certificates((folder / f"{position}.pem").read_bytes())
    return time.perf_counter() - start


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundles", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--folder", help="where the fleet is made; a folder that holds one already is used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        if not (folder / f"{options.bundles - 1}.pem").exists():
            folder.mkdir(parents=True, exist_ok=True)
            make_fleet(folder, options.bundles, options.keys)
        parse_seconds = bare_parse(folder, options.bundles)
        objects = [
            {
                "name": str(position),
                "certificate": str(folder / f"{position}.crt"),
                "private_key": str(folder / f"{position}.key"),
                "chain": str(folder / f"{position}.pem"),
            }
            for position in range(options.bundles)
        ]
        start = time.perf_counter()
        result = run({"certificates": objects})
        seconds = time.perf_counter() - start
    unexpected = {entry["id"] for entry in result["findings"]} - {"fleet.duplicate-key"}
    if unexpected:
        raise SystemExit(f"the benchmark's own certificates are not fit: {unexpected}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "bundles": options.bundles,
                "seconds": round(seconds, 2),
                "bundles_per_second": round(options.bundles / seconds),
                "parse_seconds": round(parse_seconds, 2),
                "ratio_to_parse": round(seconds / parse_seconds, 2),
                "processors": usable_processors(),
                "peak_megabytes": round(own),
                "peak_megabytes_of_a_worker": round(worker),
            }
        )
    )


if __name__ == "__main__":
    main()
