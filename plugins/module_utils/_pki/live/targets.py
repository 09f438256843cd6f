# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be looked at, and which certificate is expected there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._plain.errors import FileError, InputError
from ..._plain.tls_probe import Endpoint
from ..state.bundles import find_files
from ..validation.model import Source
from ..values.certificates import CertificateView, read_own_certificates, read_shared_certificates
from ..values.faults import kind_of, shown
from ..values.names import is_ip_address
from ..values.reading import CERTIFICATE, read_content

HTTPS = 443
OPTIONS = ("host", "port", "name", "certificate", "chain", "sensor")


@dataclass(frozen=True)
class Expected:
    """The certificate that should be there.

    :ivar problem: why it is not known although one was given.
    :ivar chain: the CA certificates above it, as far as they were given.
    """

    view: CertificateView | None = None
    problem: str | None = None
    chain: tuple[CertificateView, ...] = ()


@dataclass(frozen=True)
class Target:
    """One endpoint.

    :ivar sensor: how results call it.
    :ivar name: the name (or address) by which people open it.
    :ivar server_name: the name as SNI wants it, None for an address.
    :ivar problem: why it cannot be looked at.
    """

    sensor: str
    host: str
    port: int
    name: str
    server_name: str | None
    expected: Expected
    problem: str | None = None

    @property
    def endpoint(self) -> Endpoint:
        """What the probe wants to know."""
        return Endpoint(self.host, self.port, self.server_name)


def parse_targets(raws: Sequence[Any]) -> list[Target]:
    """Targets from a module's options, their certificates read.

    :raises InputError: an entry is no dictionary, or has an option that does not exist. A value that cannot
        be used is that target's problem.
    """
    targets = []
    for position, raw in enumerate(raws):
        where = f"targets[{position}]"
        if not isinstance(raw, Mapping):
            raise InputError(
                f"{where} is {kind_of(raw)}; wanted: a dictionary with host, and if you like port, name, certificate"
            )
        unknown = sorted(set(map(str, raw)) - set(OPTIONS))
        if unknown:
            raise InputError(f"{where} has an option {unknown[0]!r}; wanted: {', '.join(OPTIONS)}")
        targets.append(_target(raw, where))
    return targets


def _target(raw: Mapping[str, Any], where: str) -> Target:
    expected = read_expected(_text(raw.get("certificate")), _text(raw.get("chain")))
    host = _text(raw.get("host"))
    problems = []
    if not host or any(character.isspace() or not character.isprintable() for character in host):
        problems.append(f"{where}.host is {shown(raw.get('host'))}; wanted: a host name or an IP address")
    port = port_of(raw.get("port"))
    if port is None:
        problems.append(f"{where}.port is {shown(raw.get('port'))}; wanted: a number from 1 to 65535")
    name = (_text(raw.get("name")) or _default_name(host, expected)).rstrip(".")
    server_name = None
    if name and not is_ip_address(name):
        server_name = ascii_name(name)
        if server_name is None:
            problems.append(
                f"{where}.name is {shown(raw.get('name'))}; wanted: the name by which people open the console"
            )
    return Target(
        sensor=_text(raw.get("sensor")) or _text(raw.get("name")) or host or where,
        host=host,
        port=port or 0,
        name=name,
        server_name=server_name,
        expected=expected,
        problem="; ".join(problems) or None,
    )


def _text(value: Any) -> str:
    # What is no text stands there by mistake, and may be anything: it becomes no label.
    return str(value).strip() if isinstance(value, (str, int, float)) else ""


def port_of(value: Any) -> int | None:
    """A TCP port; the one of HTTPS if nothing is given, None if what is given is no port."""
    if value is None or value == "":
        return HTTPS
    try:
        port = int(str(value))
    except ValueError:
        return None
    return port if 1 <= port <= 65535 else None


def _default_name(host: str, expected: Expected) -> str:
    """People open a console by its name; an address is only how it is reached if a certificate names it."""
    if is_ip_address(host.strip("[]")) and expected.view is not None and expected.view.common_names:
        return expected.view.common_names[-1]
    return host.strip("[]")


def ascii_name(name: str) -> str | None:
    """A name as it is sent with SNI (RFC 6066, section 3): ASCII, no trailing dot; None if there is no such form.

    Underscores are let through: they are no host name, but such names are in use and resolve.
    """
    try:
        text = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = text.split(".")
    if len(text) > 253 or not all(0 < len(label) <= 63 for label in labels):
        return None
    return text.lower() if all(part.isalnum() or part in "-_" for part in "".join(labels)) else None


def read_expected(certificate: str, chain: str) -> Expected:
    """Read the certificate that should be presented; never fails.

    :param certificate: a file, or a sensor's staged folder, whose chain then counts too.
    """
    if not certificate:
        return Expected()
    path = os.path.expanduser(certificate)
    if os.path.isdir(path):
        try:
            files = find_files(path)
        except FileError as error:
            return Expected(problem=str(error))
        path, chain = files.crt, chain or files.pem
    source = Source.read(path)
    if source.problem:
        return Expected(problem=source.problem)
    own = read_own_certificates(source)
    if not own.views:
        why = own.problems[0] if own.problems else f"it is {own.content.kind}"
        return Expected(problem=f"{path} holds no certificate that can be read: {why}")
    return Expected(own.views[0], None, own.views[1:] + _chain(chain))


def _chain(path: str) -> tuple[CertificateView, ...]:
    """The CA certificates of a file; without them less can be said, which is no fault of the endpoint."""
    source = Source.read(os.path.expanduser(path)) if path else None
    if source is None or source.data is None:
        return ()
    # One name for all: the files of a fleet are equal, and are then parsed once.
    return read_shared_certificates(Source("chain", source.data)).views


def fingerprint_of_file(path: str) -> str | None:
    """SHA-256 of the first certificate of a file, hexadecimal, or None if there is none."""
    blocks = read_content(Source.read(path).data or b"").of_kind(CERTIFICATE)
    return hashlib.sha256(blocks[0].der).hexdigest() if blocks and blocks[0].der else None
