# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges certificates before they travel to workstations: authorities only, in date, and never a private key."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..._plain.errors import InputError, PkiError
from ..._plain.files import read_file
from ..._plain.texts import harmless
from ..._plain.trust.model import Anchor
from ..crypto import UnreadableError, guard, hashes, serialization, x509
from ..values import moments, reading
from ..values import text as texts
from ..values import x509_parts as parts
from ..values.certificates import CertificateView, signed_by
from .objections import objection, settings_objection

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Judged:
    """A certificate that may be installed as an authority.

    :ivar source: the file it came from.
    :ivar label: what people call it: its common name, or its whole subject.
    :ivar thumbprint: SHA-1, upper case, as Windows calls it.
    :ivar rejected: what settings that its file carries say against trusting it.
    """

    certificate: x509.Certificate
    source: str
    subject: str
    label: str
    fingerprint: str
    thumbprint: str
    self_signed: bool
    not_after: str
    rejected: str | None = None

    @property
    def name(self) -> str:
        """How it is called in stores and folders."""
        return Anchor(self.pem, self.fingerprint, self.label, self.self_signed).name

    @property
    def pem(self) -> str:
        """One PEM block."""
        return parts.pem(self.certificate).decode("ascii")

    @property
    def der(self) -> bytes:
        """The DER form, as in a ``.cer`` file."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def described(self) -> dict[str, object]:
        """What results say of it."""
        return {
            "source": self.source,
            "subject": self.subject,
            "fingerprint": self.fingerprint,
            "thumbprint": self.thumbprint,
            "self_signed": self.self_signed,
            "not_after": self.not_after,
        }


def parse_fingerprints(texts: Iterable[str]) -> frozenset[str]:
    """SHA-256 fingerprints in any of the usual spellings.

    :raises InputError: one of them is none.
    """
    found = set()
    for text in texts:
        plain = re.sub(r"^sha-?256[ :=]+(fingerprint=)?", "", text.strip().lower())
        plain = re.sub(r"[:\s-]", "", plain)
        if not re.fullmatch(r"[0-9a-f]{64}", plain):
            raise InputError(
                f"fingerprints has {text!r}; wanted: SHA-256, 64 hexadecimal digits, with or without colons "
                "(openssl x509 -noout -fingerprint -sha256 -in FILE)"
            )
        found.add(plain)
    return frozenset(found)


def judge(
    paths: Sequence[str], moment: datetime.datetime, present: bool, expected: frozenset[str] = frozenset()
) -> list[Judged]:
    """Read and judge the certificates of files; each certificate once, in the order given.

    :param present: whether they are to be trusted. For removal any certificate will do, expired ones too.
    :param expected: if not empty, with ``present`` every certificate must have one of these SHA-256 fingerprints.
    :raises InputError: some of them are refused; all reasons are in the message.
    """
    judged: dict[str, Judged] = {}
    refused: list[str] = []
    for path in paths:
        try:
            found = _read(path)
        except PkiError as error:
            refused.append(str(error))
            continue
        for one in found:
            problem = _problem(one, moment, expected) if present else None
            if problem:
                refused.append(f"{path}: {one.subject or 'a certificate without a subject'} {problem}")
            else:
                judged.setdefault(one.fingerprint, one)
    if refused:
        raise InputError(
            "nothing was installed or removed, for certificates are refused: " + harmless("; ".join(refused))
        )
    return list(judged.values())


def _read(path: str) -> list[Judged]:
    content = reading.read_content(read_file(path, MAX_BYTES))
    if content.of_kind(*reading.KEY_KINDS):
        raise InputError(
            f"{path} holds a private key, which must not leave this machine; name a file with the certificate alone"
        )
    blocks = content.of_kind(reading.CERTIFICATE)
    if not blocks:
        hint = "; extract the certificates from it with cert_convert" if content.kind in _CONVERTIBLE else ""
        raise InputError(f"{path} is {content.kind}, not a certificate{hint}")
    found = []
    for block in blocks:
        if block.der is None:
            raise InputError(f"{path} is damaged: {block.problem}")
        try:
            with guard():
                found.append(_judged(reading.load_certificate(block.der), path, settings_objection(block.der)))
        except UnreadableError as error:
            raise InputError(f"{path} is damaged: {error}") from error
    return found


_CONVERTIBLE = (reading.PKCS12, reading.PKCS7)


def _judged(certificate: x509.Certificate, path: str, rejected: str | None) -> Judged:
    subject = texts.name_text(certificate.subject)
    names = [value for short, value in texts.name_pairs(certificate.subject) if short == "CN"]
    return Judged(
        certificate=certificate,
        source=path,
        subject=subject,
        label=names[-1] if names else subject or os.path.basename(path),
        fingerprint=parts.fingerprint(certificate),
        # Windows and group policy name certificates so; nothing is decided by it.
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),
        self_signed=certificate.subject == certificate.issuer,
        not_after=moments.iso(certificate.not_valid_after_utc),
        rejected=rejected,
    )


def _problem(judged: Judged, moment: datetime.datetime, expected: frozenset[str]) -> str | None:
    """Why it must not be trusted as an authority."""
    if expected and judged.fingerprint not in expected:
        return f"has the SHA-256 fingerprint {judged.fingerprint}, which is not among the fingerprints expected"
    return judged.rejected or objection(CertificateView(judged.certificate, judged.source), moment)


def judge_helpers(
    paths: Sequence[str],
    authorities: Sequence[Judged],
    moment: datetime.datetime,
    present: bool,
    expected: frozenset[str] = frozenset(),
) -> list[Judged]:
    """Read and judge intermediates that go along with the authorities that were judged.

    With fingerprints expected, one that is not among them has to be issued by an authority that is: trusting it is
    no new trust then. Anything else would be trusted although a fingerprint says that nothing else is.

    :raises InputError: as :func:`judge`.
    """
    judged = judge(paths, moment, present)
    for one in judged if expected and present else ():
        if one.fingerprint not in expected and not _issued_by(one, authorities):
            raise InputError(
                f"{one.source}: {one.subject} is neither among the fingerprints expected nor issued by what is; "
                f"restore this file, or add the fingerprint {one.fingerprint} to trust_store_fingerprints"
            )
    return judged


def _issued_by(judged: Judged, authorities: Sequence[Judged]) -> bool:
    view = CertificateView(judged.certificate, judged.source)
    return any(
        issuer.certificate.subject == judged.certificate.issuer
        and signed_by(view, CertificateView(issuer.certificate, issuer.source))
        for issuer in authorities
    )
