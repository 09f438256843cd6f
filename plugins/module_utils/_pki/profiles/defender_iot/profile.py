# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Microsoft Defender for IoT, OT sensors: what their documentation asks of a certificate and its files.

Sources: certificate-requirements.md, how-to-deploy-certificates.md, and the article's sample certificate.
"""

from __future__ import annotations

import string

from ..base import (
    CERTIFICATE,
    CHAIN,
    ISSUING_CA_FIRST,
    PRIVATE_KEY,
    RSA,
    FileKind,
    ImportCommand,
    Profile,
    SubjectField,
    Template,
)
from .catalogue import BY_ID, UPLOAD_ERRORS

_SKI, _AKI, _BASIC_CONSTRAINTS, _KEY_USAGE = "2.5.29.14", "2.5.29.35", "2.5.29.19", "2.5.29.15"
_EXTENDED_KEY_USAGE, _ALTERNATIVE_NAME, _CRL_POINTS = "2.5.29.37", "2.5.29.17", "2.5.29.31"
_CLIENT_AUTH, _SERVER_AUTH = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
_SHA256_WITH_RSA = "1.2.840.113549.1.1.11"

# The sample's extensions, in its order.
_SAMPLE = (_SKI, _AKI, _BASIC_CONSTRAINTS, _KEY_USAGE, _EXTENDED_KEY_USAGE)

# What stands in the requirements beside letters and digits.
_MARKS = "!#%()+,-./:=?@[\\]^_{}~"

DEFENDER_IOT = Profile(
    name="defender_iot",
    appliance="sensor",
    checks=BY_ID,
    subject=(
        SubjectField("country", "C", 2, required=True),
        SubjectField("state", "ST", 128),
        SubjectField("locality", "L", 128),
        SubjectField("organization", "O", 64, required=True),
        SubjectField("organizational_unit", "OU", 64, required=True),
        SubjectField("common_name", "CN", 64, required=True),
        SubjectField("email", "emailAddress", 255),
    ),
    extension_order=_SAMPLE,
    # SAN and CRL URL come after the sample's fields, so that its order is kept. The sample says CA:TRUE, which has no
    # place on an appliance: issuing always says CA:FALSE.
    template=Template(
        extensions=(*_SAMPLE, _ALTERNATIVE_NAME, _CRL_POINTS),
        key_usages=("digitalSignature", "keyEncipherment", "keyAgreement"),
        extended_key_usages=(_CLIENT_AUTH, _SERVER_AUTH),
        critical=frozenset({_BASIC_CONSTRAINTS, _KEY_USAGE}),
        signature_hash="sha256",
        validity_days=730,
    ),
    signature_algorithms=(_SHA256_WITH_RSA,),
    key_type=RSA,
    key_sizes=(2048, 4096),
    min_key_bits=2048,
    max_validity_days=825,
    passphrase_characters=frozenset(string.ascii_letters + string.digits + _MARKS),
    passphrase_wanted=f"a-z A-Z 0-9 and {' '.join(_MARKS)}",
    files=(
        FileKind(CERTIFICATE, ".crt", ("pem", "der")),
        FileKind(PRIVATE_KEY, ".key", ("pem",)),
        FileKind(CHAIN, ".pem", ("pem",), required=False),
    ),
    chain_order=ISSUING_CA_FIRST,
    # Sensors of 22.x and early 23.1; later ones take a certificate in the console only.
    import_command=ImportCommand(
        "cyberx-xsense-certificate-import",
        {CERTIFICATE: "--crt", PRIVATE_KEY: "--key", CHAIN: "--chain", "passphrase": "--pass"},
        UPLOAD_ERRORS,
    ),
)
