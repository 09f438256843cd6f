# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a profile is: everything that one type of appliance asks of its certificates and files.

A profile is data. Issuing, converting, staging and validating are handed one and know no appliance themselves; a
further appliance is a folder beside :mod:`.defender_iot` and a line in :mod:`.loading`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What a file is for; the same words as the options of cert_validate.
CERTIFICATE, PRIVATE_KEY, CHAIN = "certificate", "private_key", "chain"

# In which order the CA certificates stand in a chain file.
ISSUING_CA_FIRST, ROOT_FIRST = "issuing CA first", "root first"

RSA, EC = "rsa", "ec"


@dataclass(frozen=True)
class Check:
    """One row of an appliance's table of checks.

    :ivar severity: ``error``, ``warning`` or ``info``, if nobody wants another.
    :ivar requirement: what is asked for, and ``source``: which document asks for it.
    :ivar upload_error: the error that the appliance would answer the upload with, to the letter, or None.
    """

    id: str
    severity: str
    title: str
    requirement: str
    source: str
    hint: str
    upload_error: str | None = None

    @property
    def object(self) -> str:
        """What the check is about: the part of the id before the dot."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class SubjectField:
    """One field of the subject.

    :ivar key: how users name it (a key of ``sensor_certificates_subject``; ``common_name`` for the CN).
    :ivar short: OpenSSL's short name.
    :ivar max_length: X.520's upper bound, characters.
    :ivar required: whether a certificate without it is not fit.
    """

    key: str
    short: str
    max_length: int
    required: bool = False


@dataclass(frozen=True)
class Template:
    """The certificate as the appliance gets it from the embedded CA.

    :ivar extensions: dotted object identifiers, in the order in which they are issued. One whose content is not given
        (no alternative name, no CRL URL) is left out.
    :ivar key_usages: names as RFC 5280, section 4.2.1.3, writes them.
    :ivar extended_key_usages: dotted object identifiers, in their order.
    :ivar critical: which of the extensions are critical.
    :ivar signature_hash: the hash of the CA's signature.
    :ivar validity_days: how long it is valid if nobody says.
    """

    extensions: tuple[str, ...]
    key_usages: tuple[str, ...]
    extended_key_usages: tuple[str, ...]
    critical: frozenset[str]
    signature_hash: str = "sha256"
    validity_days: int = 730


@dataclass(frozen=True)
class FileKind:
    """One file of what is uploaded.

    :ivar role: ``certificate``, ``private_key`` or ``chain``.
    :ivar extension: with its dot.
    :ivar encodings: what the appliance reads, of ``pem`` and ``der``; the first is what is staged.
    :ivar required: False: an upload without it is possible.
    """

    role: str
    extension: str
    encodings: tuple[str, ...] = ("pem",)
    required: bool = True


@dataclass(frozen=True)
class ImportCommand:
    """The appliance's own command that takes a certificate, where it has one.

    :ivar name: the program. :ivar options: its options, by the role of the file; ``passphrase`` for the key's.
    :ivar errors: what it answers to certificates that it refuses, to the letter; the one that may mean anything last.
    """

    name: str
    options: Mapping[str, str]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnRule:
    """A rule of an organization: a JMESPath expression over a certificate's facts that is true for what is wrong.

    :ivar matches: whether it is true for the facts.
    """

    id: str
    expression: str
    message: str
    matches: Callable[[Mapping[str, Any]], bool] = field(repr=False)


@dataclass(frozen=True)
class Profile:
    """What a type of appliance asks of its certificates, and how it wants its files.

    :ivar appliance: what messages call one of them ("sensor").
    :ivar checks: the table of checks, by id; it has every id that validation can report.
    :ivar subject: the subject's fields in the sample's order, the common name among them.
    :ivar subject_allowed: allowed values by field; a field that is not named is free.
    :ivar extension_order: dotted object identifiers of the sample's extensions.
    :ivar signature_algorithms: dotted object identifiers of the signature algorithms allowed.
    :ivar key_type: ``rsa`` or ``ec``. :ivar key_sizes: the sizes that keys are made with, bits, the default first.
    :ivar min_key_bits: smallest key that is accepted, bits. :ivar allowed_key_bits: if not empty, the only sizes.
    :ivar max_validity_days: longest validity, days. :ivar min_ca_key_bits: smallest RSA key of a CA, bits.
    :ivar passphrase_characters: what a passphrase of the key is made of; ``passphrase_wanted`` says it in words.
    :ivar files: the files of an upload. :ivar chain_order: in which order the chain's certificates stand.
    :ivar rules: the organization's own. :ivar ignore: ids waived. :ivar severities: other severities, by id.
    """

    name: str
    checks: Mapping[str, Check] = field(repr=False)
    subject: tuple[SubjectField, ...]
    template: Template
    files: tuple[FileKind, ...]
    extension_order: tuple[str, ...]
    signature_algorithms: tuple[str, ...]
    passphrase_characters: frozenset[str]
    passphrase_wanted: str
    appliance: str = "appliance"
    subject_allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    key_type: str = RSA
    key_sizes: tuple[int, ...] = (2048, 4096)
    min_key_bits: int = 2048
    allowed_key_bits: tuple[int, ...] = ()
    max_validity_days: int = 825
    min_ca_key_bits: int = 2048
    chain_order: str = ISSUING_CA_FIRST
    import_command: ImportCommand | None = None
    rules: tuple[OwnRule, ...] = ()
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def subject_order(self) -> tuple[str, ...]:
        """Short names of the sample's subject fields, in its order."""
        return tuple(entry.short for entry in self.subject)

    @functools.cached_property
    def required_fields(self) -> tuple[str, ...]:
        """Subject fields without which a certificate is not fit; the CN is asked for by checks of its own."""
        return tuple(entry.short for entry in self.subject if entry.required and entry.short != "CN")

    def file(self, role: str) -> FileKind:
        """The kind of file for a role.

        :raises KeyError: the appliance has none.
        """
        for kind in self.files:
            if kind.role == role:
                return kind
        raise KeyError(role)

    @property
    def extensions(self) -> dict[str, str]:
        """The extensions of staged files by their kind (``crt``, ``key``, ``pem``)."""
        kinds = {CERTIFICATE: "crt", PRIVATE_KEY: "key", CHAIN: "pem"}
        return {kinds[kind.role]: kind.extension for kind in self.files}

    def forbidden_passphrase_position(self, passphrase: str) -> int | None:
        """Where the first character stands that the appliance does not take in a passphrase, from 1; None if none."""
        for position, character in enumerate(passphrase, start=1):
            if character not in self.passphrase_characters:
                return position
        return None


def table(checks: Sequence[Check]) -> dict[str, Check]:
    """Checks by their id.

    :raises ValueError: an id stands there twice.
    """
    by_id = {check.id: check for check in checks}
    if len(by_id) != len(checks):
        raise ValueError("an id stands in the table of checks twice")
    return by_id
