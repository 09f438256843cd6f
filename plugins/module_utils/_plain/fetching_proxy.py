# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which HTTP proxy to ask, from options or the environment, with the standard library alone."""

from __future__ import annotations

from typing import Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]


def proxy_for(
    host: str,
    port: int,
    proxy: str | None,
    credentials: str | None,
    no_proxy: str | None,
    environment: Mapping[str, str],
) -> tuple[str | None, str | None]:
    """The proxy for a host and its credentials, or nothing.

    :param proxy: ``None``: as the environment says; empty: none.
    :param no_proxy: hosts and domains that are asked without a proxy, separated by commas.
    """
    if proxy is None:
        found = proxies_of(environment)
        proxy, credentials = split_credentials(found.get("http") or "")
        no_proxy = ",".join(text for text in (no_proxy, found.get("no")) if text)
    if not proxy:
        return None, None
    if no_proxy and proxy_bypass_environment(f"{host}:{port}", {"no": no_proxy}):
        return None, None
    return proxy, credentials


def proxies_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxy settings of an environment: ``http``, and ``no`` for the exceptions. Lower case counts for more."""
    found: dict[str, str] = {}
    for lower in (False, True):
        for name, value in environment.items():
            if name.lower() in ("http_proxy", "no_proxy") and name.islower() == lower:
                found[name.lower()[:-6]] = value
    if "REQUEST_METHOD" in environment and "http_proxy" not in environment:
        found.pop("http", None)  # under CGI, HTTP_PROXY is what a client sent
    return found


def split_credentials(proxy: str) -> tuple[str, str | None]:
    """A proxy's URL without its user name and password, and these as ``user:password``."""
    scheme, separator, rest = proxy.strip().partition("://")
    if not separator:
        scheme, rest = "", scheme
    # A path means nothing to a proxy, so all up to the last @ is user name and password, even with a bare "/" in it.
    userinfo, at, address = rest.rpartition("@")
    credentials = ":".join(unquote(part) for part in userinfo.split(":", 1)) if at else None
    return scheme + separator + address, credentials


def proxy_address(proxy: str) -> tuple[str, int]:
    """Host and port of a proxy.

    :raises ValueError: not an HTTP proxy.
    """
    wanted = "wanted: http://HOST:PORT"
    try:
        parts = urlsplit(proxy if "://" in proxy else "http://" + proxy)
        host, port = parts.hostname, parts.port
    except ValueError:
        # Without the parser's reason: it quotes what may be a password.
        raise ValueError(f"the proxy is not a URL; {wanted}") from None
    if parts.scheme.lower() != "http" or not host:
        raise ValueError(f"the proxy {parts.scheme}://{host or ''} cannot be used; {wanted}")
    return host, port or 80
