# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cloudflare's cfssl as a server: ``authsign`` with a key, ``sign`` without, ``info`` for its own certificate.

It cannot be asked what it issued, so an answer that was lost stays lost; the same key is asked with again.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..._plain.errors import InputError
from ..planning.request import SensorRequest
from ..state.ledger import Ledger
from ..state.waiting import WaitingKey
from .base import Run, Tools
from .described import Settings
from .http import Server, ServerError, check_url, told_errors
from .servers import ServerIssuer, Signed, server_of, text_of

KIND = "cfssl"
SETTINGS = ("url", "profile", "label", "auth_key", "ca_cert", "trusted_roots", "timeout")
_PATH = "/api/v1/cfssl/"


class Cfssl(ServerIssuer):
    """A cfssl server and a profile of it."""

    kind = KIND

    def __init__(
        self,
        name: str,
        server: Server,
        profile: str,
        label: str,
        auth_key: bytes | None,
        trusted_roots: tuple[str, ...],
        ledger: Ledger | None,
    ) -> None:
        super().__init__(name, server, trusted_roots, ledger)
        self._which = {key: value for key, value in (("profile", profile), ("label", label)) if value}
        self._auth_key = auth_key
        self._above = ""

    def prepare(self) -> None:
        """Ask for the CA's certificate."""
        result = self._result(self._ask("info", {"label": "", **self._which}, repeat=True))
        self._above = text_of(result, "certificate")
        if not self._above:
            raise ServerError(f"{self.server.title} does not tell its CA's certificate; is url that of cfssl?")

    def sign(self, request: SensorRequest, csr: str, moment: datetime.datetime) -> Signed:
        """Ask; how long it lasts the profile of the server decides."""
        names = list(dict.fromkeys((*request.dns_names, *request.ip_addresses)))
        content: dict[str, Any] = {"certificate_request": csr, "hosts": names, **self._which}
        if self._auth_key is not None:
            inner = json.dumps(content).encode()
            token = hmac.new(self._auth_key, inner, hashlib.sha256).digest()
            content = {"token": base64.b64encode(token).decode(), "request": base64.b64encode(inner).decode()}
        # A second question would be a second certificate.
        verb = "sign" if self._auth_key is None else "authsign"
        certificate = text_of(self._result(self._ask(verb, content, repeat=False)), "certificate")
        if not certificate:
            raise ServerError(f"{self.server.title} answers without a certificate")
        return Signed(certificate)

    def _ask(self, verb: str, content: Mapping[str, Any], repeat: bool) -> Any:
        try:
            return self.server.ask("POST", _PATH + verb, content, repeat)
        except ServerError as error:
            hints = {
                ("authsign", 400): "is auth_key that of the profile?" if "token" in str(error) else "",
                ("authsign", 404): "has the server's configuration auth_keys, and the profile one of them?",
                ("sign", 404): "this server signs for those alone who have its key: set auth_key",
            }
            hint = hints.get((verb, error.status))
            if not hint:
                raise
            raise ServerError(f"{error}; {hint}", error.status, error.lost, error.down) from None

    def _result(self, answer: Any) -> Any:
        """What a successful answer holds.

        :raises ServerError: the server says that it failed.
        """
        if not isinstance(answer, Mapping) or not answer.get("success"):
            told = told_errors(json.dumps(answer).encode()) or "no reason given"
            raise ServerError(self.server.clean(f"{self.server.title} refuses: {told}"), 400)
        return answer.get("result")

    def authorities(self) -> str:
        """The CA's certificate."""
        return self._above

    def find(self, entries: Sequence[WaitingKey], tools: Tools) -> Mapping[str, Signed]:
        """Nothing: it cannot be asked."""
        return {}


def make(name: str, settings: Mapping[str, Any], run: Run) -> Cfssl:
    """The issuer of a run.

    :raises PkiError: a setting that is missing, misspelt or no good.
    """
    given = Settings(name, settings, SETTINGS, KIND)
    url = check_url(settings.get("url"), f"{given.where}.url")
    key = given.secret("auth_key")
    try:
        auth_key = bytes.fromhex(key) if key else None
    except ValueError:
        raise InputError(
            f"{given.where}.auth_key is no hexadecimal number; wanted: the key as it stands in cfssl's configuration"
        ) from None
    encoded = [key, base64.b64encode(auth_key).decode()] if key and auth_key else []
    server = server_of(given, name, url, run, {}, tuple(encoded))
    profile, label = given.text("profile") or "", given.text("label") or ""
    return Cfssl(name, server, profile, label, auth_key, given.trusted_roots(), run.ledger)
