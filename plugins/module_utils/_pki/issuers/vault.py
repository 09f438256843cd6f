# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HashiCorp Vault and OpenBao: the PKI secrets engine signs requests.

``sign-verbatim`` keeps the subject as it was asked for; ``sign`` keeps the common name and takes the rest from the
role. The first is used if the token's policy allows it and the role would allow the names as well: it must not be the
way around a role that somebody made to limit them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..._plain.errors import InputError
from ..planning.request import SensorRequest
from ..state.ledger import Ledger
from ..state.waiting import WaitingKey
from ..values import moments
from ..values import x509_parts as parts
from ..values.certificates import read_certificates
from ..values.lists import counted
from .base import Run, Tools
from .described import Settings
from .http import Server, ServerError, check_url
from .servers import ServerIssuer, Signed, in_threads, server_of, text_of

KIND = "vault"
SETTINGS = ("url", "mount", "role", "token", "token_file", "namespace", "ca_cert", "trusted_roots", "timeout")
_ALLOWING = frozenset(("root", "sudo", "create", "update"))
# A server may hold every certificate that it ever issued; this many are looked at for those whose answer was lost.
_MOST_READ = 20_000
_BEYOND_THE_CA = "beyond the expiration of the CA"
# A little less than the CA's own life, as the server's clock decides.
_MARGIN = datetime.timedelta(minutes=1)


class Vault(ServerIssuer):
    """A PKI secrets engine and a role of it."""

    kind = KIND

    def __init__(
        self, name: str, server: Server, mount: str, role: str, trusted_roots: tuple[str, ...], ledger: Ledger | None
    ) -> None:
        super().__init__(name, server, trusted_roots, ledger)
        self.mount = mount
        self.role = role
        self._verbatim = False
        self._role: Mapping[str, Any] | None = None
        self._above: str | None = None

    # Before

    def prepare(self) -> None:
        """See what the token may do, and what the role says."""
        paths = [f"{self.mount}/{verb}/{self.role}" for verb in ("sign-verbatim", "sign")]
        try:
            answer = self.server.ask("POST", "/v1/sys/capabilities-self", {"paths": paths})
        except ServerError as error:
            if error.status != 403:
                raise
            # A policy without even this; or the token is no good, which it says to the first request as well.
            self._check_token(error)
            answer = {}
        data = answer.get("data") if isinstance(answer, Mapping) else None
        data = data if isinstance(data, Mapping) else answer
        self._verbatim, sign = (_allows(data, path) for path in paths)
        if data and not self._verbatim and not sign:
            raise ServerError(
                f"{self.server.title}: the token may neither use {paths[1]} nor {paths[0]}; give its policy 'update' "
                "for one of them"
            )
        self._role = self._read_role()

    def _check_token(self, refusal: ServerError) -> None:
        try:
            self.server.ask("GET", "/v1/auth/token/lookup-self")
        except ServerError as error:
            raise ServerError(
                f"{self.server.title} does not accept the token (HTTP {error.status or refusal.status}): it is wrong, "
                "was revoked or has expired; set another one in token or token_file",
                refusal.status,
            ) from None

    def _read_role(self) -> Mapping[str, Any] | None:
        """The role, or None if the token may not read it.

        :raises ServerError: there is no such role.
        """
        try:
            answer = self.server.ask("GET", f"/v1/{self.mount}/roles/{self.role}")
        except ServerError as error:
            if error.status == 404:
                raise ServerError(
                    f"{self.server.title} has no role {self.role!r} in {self.mount!r}; are mount and role right?", 404
                ) from None
            if error.status in (400, 403):
                return None
            raise
        data = answer.get("data") if isinstance(answer, Mapping) else None
        return data if isinstance(data, Mapping) else None

    # Asking

    def sign(self, request: SensorRequest, csr: str, moment: datetime.datetime) -> Signed:
        """Ask with the days that are wanted, or with those that the CA itself has left."""
        seconds = request.validity_days * 86400
        try:
            return self._sign(request, csr, seconds)
        except ServerError as error:
            if _BEYOND_THE_CA.lower() not in str(error).lower():
                raise
        end = self._end_of_ca()
        if end is None or end - _MARGIN <= moment:
            raise ServerError(f"{self.server.title}: its CA ends before anything could be issued; renew the CA")
        signed = self._sign(request, csr, int((end - _MARGIN - moment).total_seconds()))
        asked = counted(request.validity_days, "day")
        note = f"validity shortened from {asked} to the end of the issuing CA, {moments.iso(end)}"
        return Signed(signed.certificate, signed.chain, (*signed.notes, note))

    def _sign(self, request: SensorRequest, csr: str, seconds: int) -> Signed:
        verbatim = self._verbatim and role_allows(self._role, request)
        content: dict[str, Any] = {"csr": csr, "ttl": f"{seconds}s"}
        template = request.profile.template
        if verbatim:
            content["key_usage"] = [name[:1].upper() + name[1:] for name in template.key_usages]
            content["ext_key_usage_oids"] = list(template.extended_key_usages)
            content["ext_key_usage"] = []
        else:
            content["common_name"] = request.common_name
            content["alt_names"] = ",".join(request.dns_names)
            content["ip_sans"] = ",".join(request.ip_addresses)
        verb = "sign-verbatim" if verbatim else "sign"
        # A second question would be a second certificate.
        answer = self.server.ask("POST", f"/v1/{self.mount}/{verb}/{self.role}", content, repeat=False)
        data = answer.get("data") if isinstance(answer, Mapping) else None
        certificate = text_of(data, "certificate")
        if not certificate:
            raise ServerError(f"{self.server.title} answers without a certificate; is url that of Vault or OpenBao?")
        return Signed(certificate, _chain(data))

    def _end_of_ca(self) -> datetime.datetime | None:
        views = read_certificates(self.authorities().encode(), "").views
        return views[0].not_after if views else None

    def authorities(self) -> str:
        """The engine's own chain; asked for once, if an answer came without, or its end matters."""
        if self._above is None:
            try:
                answer = self.server.ask("GET", f"/v1/{self.mount}/cert/ca_chain")
            except ServerError:
                answer = {}
            data = answer.get("data") if isinstance(answer, Mapping) else None
            self._above = "\n".join(text_of(data, key) for key in ("certificate", "ca_chain"))
        return self._above

    # Answers that were lost

    def find(self, entries: Sequence[WaitingKey], tools: Tools) -> Mapping[str, Signed]:
        """Look through the certificates that the server has and the ledger does not know."""
        wanted = {entry.public_key_id for entry in entries}
        names = {str(entry.ticket.get("name")).lower() for entry in entries}
        found: dict[str, Signed] = {}
        serials = [serial for serial in self._serials(names) if _number(serial) not in tools.state.index.records]
        for answer in in_threads(self._read, serials[:_MOST_READ]):
            views = read_certificates(answer.encode(), "").views
            key_id = parts.spki_id(views[0].spki) if views and views[0].spki else ""
            if key_id in wanted and (key_id not in found):
                found[key_id] = Signed(answer)
        return found

    def _serials(self, names: set[str]) -> list[str]:
        """The serial numbers of what was issued; those of these common names, if the server can tell (OpenBao)."""
        for path in (f"/v1/{self.mount}/certs/detailed?list=true", f"/v1/{self.mount}/certs?list=true"):
            try:
                answer = self.server.ask("GET", path)
            except ServerError as error:
                if error.status in (400, 403, 404, 405):
                    continue
                raise
            data = answer.get("data") if isinstance(answer, Mapping) else None
            info = data.get("key_info") if isinstance(data, Mapping) else None
            if isinstance(info, Mapping) and info:
                return [
                    str(serial)
                    for serial, about in info.items()
                    if not text_of(about, "common_name") or text_of(about, "common_name").lower() in names
                ]
            keys = data.get("keys") if isinstance(data, Mapping) else None
            if isinstance(keys, list):
                return [str(serial) for serial in keys]
        return []

    def _read(self, serial: str) -> str:
        try:
            answer = self.server.ask("GET", f"/v1/{self.mount}/cert/{serial}")
        except ServerError as error:
            if error.status in (403, 404):
                return ""
            raise  # not to know is not the same as that there is none
        return text_of(answer, "data", "certificate")

    @property
    def lines(self) -> tuple[str, ...]:
        """Whoever listens between here and the server has the token."""
        found = urlsplit(self.server.url)
        if found.scheme == "https" or found.hostname in ("localhost", "127.0.0.1", "::1"):
            return ()
        return (f"{self.server.title}: the token travels unencrypted; use https://",)

    def ticket(self, request: SensorRequest) -> Mapping[str, str]:
        """By what the server may know it."""
        return {"name": request.common_name}


def _chain(data: Any) -> str:
    listed = data.get("ca_chain") if isinstance(data, Mapping) else None
    texts = [text_of(entry) for entry in listed] if isinstance(listed, list) else []
    return "\n".join([text_of(data, "issuing_ca"), *texts])


def _allows(data: Any, path: str) -> bool:
    found = data.get(path) if isinstance(data, Mapping) else None
    return isinstance(found, list) and not _ALLOWING.isdisjoint(str(entry) for entry in found)


def _number(serial: str) -> int:
    try:
        return int(serial.replace(":", "").replace("-", ""), 16)
    except ValueError:
        return -1


def role_allows(role: Mapping[str, Any] | None, request: SensorRequest) -> bool:
    """Whether a role would allow a request's names, as far as it says so; one that cannot be read does.

    Where this is in doubt (templates, wildcards), the answer is no: then the server itself decides.
    """
    if role is None or role.get("allow_any_name"):
        return True
    domains = [str(entry).lower() for entry in role.get("allowed_domains") or () if isinstance(entry, str)]
    for name in (entry.lower() for entry in request.dns_names):
        exact = bool(role.get("allow_bare_domains")) and name in domains
        below = bool(role.get("allow_subdomains")) and any(name.endswith("." + domain) for domain in domains)
        if not exact and not below:
            return False
    return not request.ip_addresses or bool(role.get("allow_ip_sans", True))


def make(name: str, settings: Mapping[str, Any], run: Run) -> Vault:
    """The issuer of a run.

    :raises PkiError: a setting that is missing, misspelt or no good.
    """
    given = Settings(name, settings, SETTINGS, KIND)
    url = check_url(settings.get("url"), f"{given.where}.url").removesuffix("/v1")
    mount = given.path_part("mount", "where the PKI engine is mounted, for example pki")
    role = given.path_part("role", "the role that signs")
    token = given.secret_or_file("token", "token_file")
    if token is None:
        raise InputError(f"{given.where}.token is missing; wanted: token, or token_file with the file that holds it")
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
    namespace = given.text("namespace")
    if namespace:
        headers["X-Vault-Namespace"] = namespace
    server = server_of(given, name, url, run, headers, (token,))
    return Vault(name, server, mount, role, given.trusted_roots(), run.ledger)
