# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certification paths: found among the given certificates.

Finding and judging (:mod:`.path_faults`) are apart. The search walks from the leaf upwards, best candidates first,
and every complete path is judged on its own; the first without a fault wins, so an expired cross-certificate does
not hide a good path. If there is none, the most promising failure becomes the report. Hostile input (hundreds
of certificates of one name) is bounded by a budget of signature checks and of steps.
"""

from __future__ import annotations

import datetime
import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..values.certificates import CertificateView, signed_by
from ..values.text import name_text
from .path_faults import Fault, judge

MAX_LENGTH = 24  # certificates in a path
MAX_SIGNATURE_CHECKS = 600
MAX_PATHS = 200
MAX_STEPS = 4000

# How bad a fault is when failing paths are compared: what no other certificate could mend comes last.
_WEIGHT = {"chain.untrusted-root": 100, "chain.incomplete": 1000, "chain.signature": 900}


@dataclass
class Path:
    """A path from the leaf upwards, as far as it goes, and what is wrong with it."""

    views: list[CertificateView]
    faults: list[Fault]
    complete: bool

    @property
    def badness(self) -> tuple[int, int]:
        """For comparison: the smaller, the closer to a valid path."""
        return sum(_WEIGHT.get(fault.id, 1) for fault in self.faults), -len(self.views)


@dataclass
class Budget:
    """What a search may still spend."""

    signatures: int = MAX_SIGNATURE_CHECKS
    paths: int = MAX_PATHS
    steps: int = MAX_STEPS

    @property
    def spent(self) -> bool:
        """Nothing is left of one of them."""
        return self.signatures <= 0 or self.paths <= 0 or self.steps <= 0


@functools.lru_cache(maxsize=64)
def _index(
    candidates: tuple[CertificateView, ...], anchors: tuple[CertificateView, ...]
) -> tuple[frozenset[str], Mapping[Any, list[CertificateView]]]:
    """The anchors' fingerprints, and all certificates by their subject; the same for all sensors of a CA."""
    unique: dict[str, CertificateView] = {}
    for view in (*anchors, *candidates):
        unique.setdefault(view.fingerprint, view)
    by_subject: dict[Any, list[CertificateView]] = defaultdict(list)
    for view in unique.values():
        by_subject[view.subject_name].append(view)
    return frozenset(view.fingerprint for view in anchors), dict(by_subject)


@dataclass
class Search:
    """The certificates among which paths are found.

    :ivar candidates: untrusted certificates, in the order of their file.
    :ivar anchors: certificates at which a path may end.
    :ivar trust_given: whether the anchors were named as trusted, and are not just the chain's own root.
    """

    candidates: Sequence[CertificateView]
    anchors: Sequence[CertificateView]
    trust_given: bool
    at: datetime.datetime
    min_ca_key_bits: int = 2048
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        self.anchor_prints, self.by_subject = _index(tuple(self.candidates), tuple(self.anchors))

    def issuers(self, view: CertificateView) -> tuple[list[CertificateView], bool]:
        """Those of the issuer's name whose key made the signature, best first; and whether any has the name."""
        named = self.by_subject.get(view.issuer_name, [])
        if len(named) > 1:
            identifier = view.authority_key_identifier()
            named = sorted(named, key=lambda issuer: self._rank(issuer, identifier))
        found = []
        for issuer in named:
            if issuer.fingerprint == view.fingerprint:
                continue
            self.budget.signatures -= 1
            if self.budget.signatures < 0:
                break
            if signed_by(view, issuer):
                found.append(issuer)
        return found, bool(named)

    def _rank(self, issuer: CertificateView, identifier: bytes | None) -> tuple[bool, bool, bool]:
        own = issuer.subject_key_identifier()
        mismatch = identifier is not None and own is not None and own != identifier
        out_of_date = not issuer.not_before <= self.at <= issuer.not_after
        return mismatch, out_of_date, issuer.fingerprint not in self.anchor_prints

    def paths(self, leaf: CertificateView) -> Iterator[Path]:
        """Paths from a certificate upwards, complete or as far as they go; judged."""
        yield from self._extend([leaf])

    def _extend(self, views: list[CertificateView]) -> Iterator[Path]:
        self.budget.steps -= 1
        if self.budget.spent:
            return
        top = views[-1]
        if top.fingerprint in self.anchor_prints:
            self.budget.paths -= 1
            yield Path(list(views), judge(views, self.at, self.min_ca_key_bits), True)
            if top.self_issued:
                return
        if len(views) >= MAX_LENGTH:
            fault = Fault("chain.incomplete", f"the chain is longer than {MAX_LENGTH} certificates", top)
            yield Path(list(views), [fault], False)
            return
        issuers, has_name = self.issuers(top)
        onward = [issuer for issuer in issuers if not any(_same_entity(issuer, view) for view in views)]
        for issuer in onward:
            yield from self._extend([*views, issuer])
        if not onward and top.fingerprint not in self.anchor_prints:
            self.budget.paths -= 1
            fault = self._dead_end(views, bool(issuers), has_name)
            yield Path(list(views), [*judge(views, self.at, self.min_ca_key_bits), fault], False)

    def _dead_end(self, views: list[CertificateView], looped: bool, has_name: bool) -> Fault:
        top = views[-1]
        whose = f"the CA {top.title}" if len(views) > 1 else top.title
        issuer = name_text(top.issuer)
        if top.self_issued and signed_by(top, top):
            return Fault(
                "chain.untrusted-root",
                f"the chain leads to the root {top.title}, which is not among trusted_roots",
                top,
            )
        if looped:
            return Fault("chain.incomplete", f"the chain goes round in a circle at {whose} and reaches no root", top)
        others = [view for view in self.by_subject.get(top.issuer_name, []) if view.fingerprint != top.fingerprint]
        if has_name and others:
            return Fault(
                "chain.signature",
                f"{whose} was not signed with the key of the certificate {others[0].title} at hand; "
                f"its issuer, {issuer}, has the same name and another key"
                + (f" ({len(others)} certificates of that name were tried)" if len(others) > 1 else ""),
                top,
            )
        return Fault("chain.incomplete", f"the issuer of {whose} is missing: {issuer}", top)


def _same_entity(one: CertificateView, other: CertificateView) -> bool:
    return one.spki == other.spki and one.subject_name == other.subject_name


def find_path(leaf: CertificateView, search: Search) -> Path:
    """The first valid path, or the one that comes closest to being valid.

    The reasons of a path without a fault are empty; otherwise they are all faults of that one path.
    """
    best: Path | None = None
    for path in search.paths(leaf):
        if path.complete and not path.faults:
            return path
        if best is None or path.badness < best.badness:
            best = path
    if best is None or (search.budget.spent and not best.complete):
        views = best.views if best is not None else [leaf]
        message = "too many certificates of the same names: the search for a path was given up"
        return Path(views, [Fault("chain.incomplete", message, leaf)], False)
    return best


def related(leaf: CertificateView, search: Search) -> set[str]:
    """Fingerprints of every given certificate that stands above the leaf on some way, valid or not."""
    found: set[str] = set()
    waiting = [leaf]
    while waiting and not search.budget.spent:
        issuers, _has_name = search.issuers(waiting.pop())
        for issuer in issuers:
            if issuer.fingerprint not in found:
                found.add(issuer.fingerprint)
                waiting.append(issuer)
    return found
