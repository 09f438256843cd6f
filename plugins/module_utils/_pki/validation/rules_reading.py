# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules that read the files of a bundle; the others judge what these understood."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from ..._plain.errors import KeyReadError, PassphraseError
from ..crypto import UnreadableError, guard
from ..profiles.base import CERTIFICATE, CHAIN, PRIVATE_KEY
from ..values import keys, limits, reading
from ..values.certificates import (
    CertificateFile,
    CertificateView,
    read_own_certificates,
    read_shared_certificates,
    signed_by,
)
from ..values.text import normal_name
from . import pem_text
from .case import Case, Rules
from .model import Source

RULES = Rules()

_USABLE_AS = {
    reading.PKCS12: "cert_convert takes certificate, key and chain out of a PKCS#12 file.",
    reading.PKCS7: "cert_convert takes the certificates out of a PKCS#7 file.",
    reading.REQUEST: "Send the request to the CA; what it answers is the certificate.",
    reading.PRIVATE_KEY: "This file belongs to the option private_key; give the certificate here.",
    reading.ENCRYPTED_KEY: "This file belongs to the option private_key; give the certificate here.",
    reading.PUBLIC_KEY: "A public key alone is no certificate; give the certificate that the CA issued.",
    reading.HTML: "This is a web page, perhaps the portal's sign-in or error page; download the certificate again.",
    reading.EMPTY: "The file is empty; get it again.",
    reading.BARE_BASE64: "Put '-----BEGIN CERTIFICATE-----' before and '-----END CERTIFICATE-----' after the text.",
    reading.CRL: "This file belongs to the option crls; give the certificate here.",
    reading.JAVA_KEYSTORE: "Export the certificate: keytool -exportcert -rfc -keystore FILE -alias ALIAS",
}


def _file_name(source: Source) -> str:
    return os.path.basename(source.path)


@RULES.rule(
    "crt.parse",
    "crt.encoding",
    "crt.several-certificates",
    "crt.not-first",
    "file.encoding",
    "file.unreadable-text",
    "file.contains-key",
)
def read_certificate(case: Case) -> None:
    source = case.bundle.certificate
    if source is None:
        return
    if source.problem is not None:
        case.report("crt.parse", source.problem, source.path, "Check the path and the permissions of the file.")
        return
    found = read_own_certificates(source)
    _report_text_encoding(case, source, found.content)
    if found.views:
        _report_binary(case, source, found.content, CERTIFICATE, "certificate")
    for problem in found.problems:
        case.report("crt.parse", f"the certificate cannot be read: {problem}", source.path)
    if not found.views:
        if not found.problems:
            kind = found.content.kind
            case.report("crt.parse", f"this is {kind}, not a certificate", source.path, _USABLE_AS.get(kind))
        return
    if found.content.of_kind(*reading.KEY_KINDS):
        case.report("file.contains-key", "a private key stands in the certificate's file", source.path)
    leaf = _pick_leaf(case, found)
    case.files.update((view.fingerprint, source.path) for view in found.views)
    case.certificate = leaf
    case.extra_certificates = tuple(view for view in found.views if view is not leaf)
    if case.extra_certificates:
        case.report(
            "crt.several-certificates",
            f"the file holds {len(found.views)} certificates; {leaf.title} was judged",
            source.path,
        )
        if found.views[0] is not leaf:
            case.report(
                "crt.not-first",
                f"{leaf.title} is not the first certificate of the file, but {found.views[0].title}, "
                "which a web server takes for its own",
                source.path,
            )
    for problem in leaf.problems:
        case.report("crt.parse", f"the certificate is damaged: {problem}", source.path)
    for oddity in leaf.oddities:
        case.report("crt.encoding", oddity, source.path)


def _pick_leaf(case: Case, found: CertificateFile) -> CertificateView:
    """Of several certificates in the .crt file the one that is meant, wherever it stands."""
    if len(found.views) == 1:
        return found.views[0]
    issuers = {view.issuer_name for view in found.views if not view.self_issued}
    ends = [view for view in found.views if view.subject_name not in issuers]
    for view in [*ends, *found.views]:
        if not view.says_ca:
            return view
    return (ends or list(found.views))[0]


# For chains, which are the same for many sensors, down to the byte.
_shared_problem = functools.lru_cache(maxsize=64)(pem_text.problem)


def _report_text_encoding(
    case: Case,
    source: Source,
    content: reading.Content,
    pem_problem: Callable[[bytes], str | None] = pem_text.problem,
) -> None:
    if content.plain:
        return
    if content.text_encoding is None:
        problem = pem_problem(source.data or b"") if content.encoding == "pem" and source.is_file else None
        if problem is not None:
            message = f"OpenSSL does not read the file, and so no web server does: {problem}"
            case.report("file.unreadable-text", message, source.path)
        return
    # A byte order mark of UTF-8 is skipped by OpenSSL since 1.1.1.
    check_id = "file.encoding" if content.text_encoding.startswith("UTF-8") else "file.unreadable-text"
    case.report(check_id, f"the file is written in {content.text_encoding}", source.path)


def _report_binary(case: Case, source: Source, content: reading.Content, role: str, what: str) -> None:
    profile = case.settings.profile
    encodings = profile.file(role).encodings
    if content.encoding in ("pem", "der") and content.encoding not in encodings:
        wanted = " or ".join(encodings).upper()
        message = f"the {what} is {content.encoding.upper()}; a {profile.appliance} wants {wanted}"
        # A web server reads a key in DER all the same. A chain it passes over without a word, and no client
        # finds the way to the root.
        passed_over = role == CHAIN and content.encoding == "der"
        case.report("file.unreadable-text" if passed_over else "file.encoding", message, source.path)


@RULES.rule(
    "key.parse",
    "key.passphrase",
    "key.passphrase-characters",
    "key.permissions",
    "file.encoding",
    "file.unreadable-text",
)
def read_private_key(case: Case) -> None:
    source, passphrase = case.bundle.private_key, case.bundle.private_key_passphrase
    if passphrase:
        profile = case.settings.profile
        position = profile.forbidden_passphrase_position(passphrase)
        if position is not None:
            case.report(
                "key.passphrase-characters",
                f"character {position} of the passphrase is not among those that a {profile.appliance} takes",
                None if source is None else source.path,
            )
    if source is None:
        return
    if source.problem is not None:
        case.report("key.parse", source.problem, source.path, "Check the path and the permissions of the file.")
        return
    if source.mode is not None and source.mode & 0o077:
        case.report("key.permissions", f"the key's file has mode {source.mode:04o}; 0600 is wanted", source.path)
    content = reading.read_content(source.data or b"")
    try:
        case.private_key = keys.key_of(content, passphrase.encode() if passphrase else None)
    except PassphraseError as error:
        case.report("key.passphrase", str(error), source.path)
    except KeyReadError as error:
        case.report("key.parse", f"the private key cannot be read: {error}", source.path)
    else:
        _report_text_encoding(case, source, content)
        _report_binary(case, source, content, PRIVATE_KEY, "private key")


@RULES.rule("csr.parse")
def read_request(case: Case) -> None:
    source = case.bundle.csr
    if source is None:
        return
    if source.problem is not None:
        case.report("csr.parse", source.problem, source.path, "Check the path and the permissions of the file.")
        return
    content = reading.read_content(source.data or b"")
    blocks = content.of_kind(reading.REQUEST)
    if not blocks:
        case.report("csr.parse", f"this is {content.kind}, not a certificate signing request", source.path)
        return
    if blocks[0].der is None:
        case.report("csr.parse", f"the request cannot be read: {blocks[0].problem}", source.path)
        return
    try:
        with guard():
            request = reading.load_request(blocks[0].der)
            problem = limits.key_problem(request.public_key())
            if problem is not None:
                raise UnreadableError(problem)
            normal_name(request.subject)
    except UnreadableError as error:
        case.report("csr.parse", f"the request cannot be read: {error}", source.path)
    else:
        case.csr = request


@RULES.rule(
    "chain.parse",
    "chain.encoding",
    "chain.root-unreadable",
    "chain.contains-leaf",
    "chain.duplicate",
    "file.encoding",
    "file.unreadable-text",
    "file.contains-key",
)
def read_chain(case: Case) -> None:
    source = case.bundle.chain
    if source is not None:
        views = _read_cas(case, source, "chain")
        case.chain_broken = not views
        content = read_shared_certificates(source).content
        _report_text_encoding(case, source, content, _shared_problem)
        if views:
            _report_binary(case, source, content, CHAIN, "chain")
        kept: dict[str, CertificateView] = {}
        for view in views:
            is_leaf = case.certificate is not None and view.fingerprint == case.certificate.fingerprint
            if is_leaf and not _is_own_root(view):
                case.report("chain.contains-leaf", f"the chain contains {view.title} itself", source.path)
            if view.fingerprint in kept:
                case.report("chain.duplicate", f"the chain contains {view.title} more than once", source.path)
            kept.setdefault(view.fingerprint, view)
        case.chain = tuple(kept.values())
    roots: list[CertificateView] = []
    for root in case.bundle.trusted_roots:
        found = _read_cas(case, root, "file of trusted roots")
        case.roots_broken = case.roots_broken or not found
        roots.extend(found)
    case.roots = tuple(roots)


def _is_own_root(view: CertificateView) -> bool:
    """A self-signed certificate is its own chain: it may stand there."""
    return view.self_issued and signed_by(view, view)


def _read_cas(case: Case, source: Source, what: str) -> tuple[CertificateView, ...]:
    if source.problem is not None:
        case.report("chain.parse", source.problem, source.path, "Check the path and the permissions of the file.")
        return ()
    found = read_shared_certificates(source)
    for problem in found.problems:
        # A store of many roots with one that cannot be read still has the others.
        check_id = "chain.root-unreadable" if found.views and what != "chain" else "chain.parse"
        case.report(check_id, f"the {what} cannot be read: {problem}", source.path)
    if not found.views and not found.problems:
        kind = found.content.kind
        case.report("chain.parse", f"the {what} is {kind}, not PEM with CA certificates", source.path)
    if found.content.of_kind(*reading.KEY_KINDS):
        case.report("file.contains-key", f"a private key stands in the {what}", source.path)
    for view in found.views if what == "chain" else ():
        for oddity in view.oddities:
            case.report("chain.encoding", f"{view.title}: {oddity}", source.path)
    for view in found.views:
        case.files.setdefault(view.fingerprint, source.path)
    return found.views


@RULES.rule("file.extension")
def file_extension(case: Case) -> None:
    profile = case.settings.profile
    for kind in profile.files:
        source, wanted = getattr(case.bundle, kind.role), kind.extension
        if kind.role == CERTIFICATE and case.certificate is None:
            continue  # another name would not make a certificate of it
        if source is None or source.problem is not None or not source.is_file:
            continue
        extension = os.path.splitext(source.path)[1]
        if extension.lower() != wanted:
            case.report(
                "file.extension",
                f"{_file_name(source)} has the extension {extension or '(none)'}; a {profile.appliance} wants {wanted}",
                source.path,
            )
