# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules about what belongs to a certificate: private key, request, chain and CRLs."""

from __future__ import annotations

import functools

from ..crypto import InvalidSignature, UnsupportedAlgorithm, rsa, serialization
from ..profiles.files import ordered
from ..values import keys
from ..values.certificates import CertificateView, signed_by
from ..values.signatures import verify_signature
from ..values.text import name_text, normal_name, serial_text
from . import weak_keys
from .case import Case, Rules
from .crl_view import CrlView, read_crls
from .facts import numbering_of
from .path import Path, Search, find_path, related
from .published_keys import where_published
from .revocation import Revocation, may_sign_crls

RULES = Rules()

# Certificates of a CRL issuer's name that are tried; more of one name are an attack.
MAX_SIGNERS = 20


@RULES.rule("key.mismatch", "key.not-prime", "crt.weak-key")
def private_key(case: Case) -> None:
    key, source = case.private_key, case.bundle.private_key
    if key is None or source is None:
        return
    view = case.certificate
    if view is not None and view.public_key is not None and _spki(key.public_key()) != view.spki:
        case.report("key.mismatch", "the private key and the certificate are of different key pairs", source.path)
        _published(case, "key", key.public_key(), source.path)
    if not isinstance(key, rsa.RSAPrivateKey):
        return
    numbers = key.private_numbers()
    fit = keys.numbers_fit(numbers)
    if not fit:
        case.report(
            "key.mismatch",
            "the numbers of the private key do not fit each other: the file is damaged",
            source.path,
            "Get the key from its backup; if there is none, make a new key and have a certificate issued for it.",
        )
    else:
        case.key_numbers = numbers
        weakness = weak_keys.private_weakness(numbers, thorough=case.settings.key_check == "full")
        if weakness is not None:
            case.report("crt.weak-key", f"the key can be broken: {weakness}", source.path)
    if case.settings.key_check == "full":
        for problem in keys.full_check(key):
            if fit or "prime" in problem:
                case.report("key.not-prime", f"the private key fails the full check: {problem}", source.path)


def _published(case: Case, what: str, public: object, path: str) -> None:
    """What everybody has, beside a certificate with another key; that one's is told already."""
    place = where_published(public)
    if place is not None:
        case.report("crt.weak-key", f"everybody has the private key of this {what}: it is {place}", path)


def _spki(public_key: object) -> bytes:
    spki: bytes = public_key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return spki


@RULES.rule("csr.signature", "csr.mismatch", "csr.subject", "crt.weak-key")
def request(case: Case) -> None:
    csr, source, view = case.csr, case.bundle.csr, case.certificate
    if csr is None or source is None:
        return
    try:
        verify_signature(csr, csr.tbs_certrequest_bytes, csr.public_key())
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        case.report("csr.signature", "the request's signature does not fit its own public key", source.path)
    spki = _spki(csr.public_key())
    if view is not None and spki != view.spki:
        _published(case, "request", csr.public_key(), source.path)
    if view is not None and view.public_key is not None:
        if spki != view.spki:
            case.report("csr.mismatch", "the request and the certificate are of different key pairs", source.path)
        if normal_name(csr.subject) != view.subject_name:
            case.report(
                "csr.subject",
                f"requested: {name_text(csr.subject)}; certificate: {name_text(view.subject)}",
                source.path,
            )
    elif case.private_key is not None and spki != _spki(case.private_key.public_key()):
        case.report("csr.mismatch", "the request and the private key are of different key pairs", source.path)


_PATH_IDS = (
    "chain.parse", "chain.incomplete", "chain.expired", "chain.not-a-ca", "chain.path-length",
    "chain.name-constraints", "chain.critical-extension", "chain.extended-key-usage", "chain.policy",
    "chain.signature", "chain.key-identifier", "chain.weak-signature", "chain.weak-key", "chain.untrusted-root",
)  # fmt: skip


@RULES.rule(*_PATH_IDS, "chain.trusted-not-a-root", "crt.ca-key")
def chain(case: Case) -> None:
    """Without a chain and without trusted roots nothing is said: the chain is optional."""
    leaf = case.certificate
    if leaf is None or (case.bundle.chain is None and not case.bundle.trusted_roots):
        return
    given = case.chain if case.bundle.chain is not None else case.extra_certificates
    trust_given = bool(case.bundle.trusted_roots)
    if (trust_given and not case.roots and case.roots_broken) or case.chain_broken:
        return  # reported; what the files would have held is not known
    anchors = case.roots if trust_given else tuple(_own_roots([*given, leaf]))
    case.search = Search(given, anchors, trust_given, case.at, case.settings.profile.min_ca_key_bits)
    path = case.path = find_path(leaf, case.search)
    for fault in path.faults:
        case.report(fault.id, fault.message, case.file_of(fault.view))
    for view in case.roots:
        if not view.self_issued:
            what = "the sensor's certificate" if view.fingerprint == leaf.fingerprint else "no root"
            case.report(
                "chain.trusted-not-a-root",
                f"{view.title} among the trusted roots is {what}; its issuer is {name_text(view.issuer)}",
                case.file_of(view),
            )
    # Not only on the path: whatever stands in the chain is a CA to somebody.
    for view in {view.fingerprint: view for view in [*path.views[1:], *case.chain]}.values():
        if view.spki and view.spki == leaf.spki and view.subject_name != leaf.subject_name:
            case.report("crt.ca-key", f"the certificate has the same key as {view.title}", case.file_of(leaf))


@RULES.rule(
    "chain.key-identifier-missing",
    "chain.key-usage-missing",
    "chain.basic-constraints-not-critical",
    "chain.duplicate-serial",
)
def strict_clients(case: Case) -> None:
    """What most software forgives a CA's certificate, and some does not."""
    path = case.path
    if path is None:
        return
    given = [*path.views, *case.chain, *case.extra_certificates]
    numberings: dict[str, CertificateView] = {}
    for view in given:
        numberings.setdefault(numbering_of(view), view)
    # Of a store of roots, what shares a number with one of these.
    for view in [*given, *case.roots]:
        other = numberings.get(numbering_of(view), view)
        if other.fingerprint != view.fingerprint:
            case.report(
                "chain.duplicate-serial",
                f"{other.title} and {view.title} have the same issuer and the serial number {serial_text(view.serial)}",
                case.file_of(view),
            )
    for view in path.views[1:]:
        for check_id, message in _not_forgiven(view):
            case.report(check_id, message, case.file_of(view))


@functools.lru_cache(maxsize=256)
def _not_forgiven(view: CertificateView) -> tuple[tuple[str, str], ...]:
    """What strict clients say of a CA, as ids and messages; asked once for each CA."""
    found = []
    constraints = view.extensions.get("2.5.29.19")
    if constraints is not None and constraints.value.ca:
        if not constraints.critical:
            text = f"the basicConstraints of the CA {view.title} are not critical"
            found.append(("chain.basic-constraints-not-critical", text))
        if "2.5.29.15" not in view.extensions and view.extensions_known:
            found.append(("chain.key-usage-missing", f"the CA {view.title} has no keyUsage"))
    missing = []
    if view.extensions_known:
        if not view.subject_key_identifier():
            missing.append("subjectKeyIdentifier")
        if not view.authority_key_identifier() and not view.self_issued:
            missing.append("authorityKeyIdentifier")
    if missing:
        found.append(
            ("chain.key-identifier-missing", f"the CA {view.title} lacks the key identifier of {' and '.join(missing)}")
        )
    return tuple(found)


def _own_roots(views: list[CertificateView]) -> list[CertificateView]:
    return [view for view in views if view.self_issued and signed_by(view, view)]


@RULES.rule("chain.order", "chain.unrelated")
def chain_file(case: Case) -> None:
    source, leaf, search, path = case.bundle.chain, case.certificate, case.search, case.path
    if source is None or leaf is None or search is None or path is None:
        return
    above = {view.fingerprint for view in path.views}
    if any(view.fingerprint not in above for view in case.chain):
        above |= related(leaf, search)
    position_in_file = {view.fingerprint: position for position, view in enumerate(case.chain)}
    upwards = [view for view in path.views[1:] if view.fingerprint in position_in_file]
    in_order = ordered(case.settings.profile, upwards)
    positions = [position_in_file[view.fingerprint] for view in in_order]
    if positions != sorted(positions):
        wanted = ", ".join(view.title for view in in_order)
        case.report("chain.order", f"the chain is not in order; wanted: {wanted}", source.path)
    if search.budget.spent:
        return  # what belongs to the chain could not be told
    for view in case.chain:
        if view.fingerprint not in above:
            case.report("chain.unrelated", f"{view.title} does not belong to the chain of {leaf.title}", source.path)


@RULES.rule("crl.revoked", "crl.expired", "crl.signature", "crl.unusable", "crl.ca-not-covered")
def crls(case: Case) -> None:
    views: list[CrlView] = []
    for source in case.bundle.crls:
        if source.problem is not None:
            case.report("crl.unusable", source.problem, source.path, "Check the path and the permissions of the file.")
            continue
        found = read_crls(source)
        for problem in found.problems:
            case.report("crl.unusable", f"the CRL {source.path} cannot be used: {problem}", source.path)
        views.extend(found.views)
    leaf = case.certificate
    if leaf is None or not views:
        return
    path = case.path or Path([leaf], [], False)
    revocation = _Signers(case, path, views).revocation
    for position, view in enumerate(path.views):
        if position == len(path.views) - 1 and position > 0 and view.self_issued:
            break  # a root is removed from the trusted roots, not revoked
        answer = revocation.ask(view, is_ca=view.says_ca)
        if answer.state == "none":
            case.report("crl.ca-not-covered" if position else "crl.unusable", answer.message)
        elif answer.state == "expired" and answer.revoked is not None:
            # Revoked once is revoked for good, but for a hold; a sensor would say so.
            case.report("crl.expired", answer.message, answer.source)
            case.report("crl.revoked", f"{view.title} was revoked, says {answer.source}, out of date", answer.source)
        elif answer.state != "good":
            case.report(f"crl.{answer.state}", answer.message, answer.source)


class _Signers:
    """Finds certificates that may sign a CRL: of the path first, then others of that name with a valid path."""

    def __init__(self, case: Case, path: Path, crls: list[CrlView]) -> None:
        self.case = case
        self.path = path
        self.revocation = Revocation(crls, case.at, lambda crl, _view: self.find(crl))
        self._judged: dict[str, bool] = {}

    def find(self, crl: CrlView) -> list[CertificateView]:
        """Signers for a CRL, best first."""
        case = self.case
        found = [view for view in self.path.views[1:] if view.subject_name == crl.issuer_name and may_sign_crls(view)]
        given = [*case.chain, *case.extra_certificates, *case.roots]
        others = [view for view in given if view.subject_name == crl.issuer_name and view not in found]
        return found + [view for view in others[:MAX_SIGNERS] if may_sign_crls(view) and self._trusted(view)]

    def _trusted(self, view: CertificateView) -> bool:
        """Whether a signer outside the path has a valid path of its own, and is not revoked itself."""
        if self.case.search is None or self.path.faults:
            return True  # without a valid path of the certificate there is no trust to compare with
        if view.fingerprint not in self._judged:
            self._judged[view.fingerprint] = True  # while it is being asked about: CRLs may vouch for each other
            search = self.case.search
            own = find_path(view, Search(search.candidates, search.anchors, True, self.case.at))
            self._judged[view.fingerprint] = (
                own.complete and not own.faults and self.revocation.ask(view, is_ca=False).state != "revoked"
            )
        return self._judged[view.fingerprint]
