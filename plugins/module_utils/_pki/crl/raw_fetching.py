# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch from a host without Python: by its curl or wget, over a connection that runs shell commands.

Only one request is made there; redirects, retries and limits are :mod:`..._plain.fetching`'s. URL and proxy
go in by standard input, so that a proxy's password is in no process list and no log.

The host resolves a name first (getent), the addresses are looked at here, and curl or wget is given the one that may
be asked. Where the host cannot do that, or asks a proxy, what was reached is looked at afterwards: then a request
has been sent, but what came is not used.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import io
import re
from dataclasses import dataclass
from typing import Any, Callable  # of collections.abc, Python 3.8 cannot subscript it while it runs
from urllib.parse import quote

from ..._plain.addresses import is_address, literal, networks, objection
from ..._plain.errors import PkiError
from ..._plain.fetching import (
    ADDRESS,
    DNS,
    HTTP_STATUS,
    INCOMPLETE,
    PROXY,
    REFUSED,
    SCHEME,
    TIMEOUT,
    TOO_LARGE,
    Answer,
    Deadline,
    FetchProblem,
    Settings,
    Target,
    shown,
)

# Runs a shell command with this standard input: exit status, standard output, standard error.
Run = Callable[[str, bytes], "tuple[int, str, str]"]

# The addresses of a name there, and whether the host's own settings name a proxy.
_RESOLVE = """
IFS= read -r host
[ -z "${http_proxy}${all_proxy}${ALL_PROXY}" ] || echo "@proxy"
if command -v getent >/dev/null 2>&1; then
  getent ahosts "$host" 2>/dev/null || getent hosts "$host" 2>/dev/null
fi
echo "@end"
"""

# Nothing but curl or wget, and mktemp, cat, head, wc and base64 (or openssl). ulimit bounds the file on disk; its unit
# is 512 or 1024 bytes, and the exact size is checked afterwards.
_SCRIPT = """
LC_ALL=C; export LC_ALL
IFS= read -r url; IFS= read -r use; IFS= read -r proxy; IFS= read -r except
IFS= read -r pin; IFS= read -r pinned; IFS= read -r host
case $use in
given) http_proxy=$proxy; export http_proxy; unset no_proxy NO_PROXY all_proxy ALL_PROXY;;
none) unset http_proxy HTTP_PROXY all_proxy ALL_PROXY;;
esac
if [ -n "$except" ]; then no_proxy=$except; NO_PROXY=$except; export no_proxy NO_PROXY; fi
tool=@TOOL@
if [ "$tool" = auto ]; then
  for tool in curl wget none; do command -v "$tool" >/dev/null 2>&1 && break; done
fi
command -v "$tool" >/dev/null 2>&1 || { echo "@none $tool"; exit 0; }
b64() { if command -v base64 >/dev/null 2>&1; then base64; else openssl base64; fi; }
dir=$(mktemp -d) || { echo "@nodir"; exit 0; }
trap 'rm -rf "$dir"' EXIT HUP INT TERM
: >"$dir/body"; : >"$dir/head"; : >"$dir/err"; : >"$dir/ip"
limit=; command -v timeout >/dev/null 2>&1 && limit="timeout @SECONDS@"
if [ "$tool" = curl ]; then
  [ -z "$pin" ] || set -- --resolve "$pin"
  ( ulimit -f @BLOCKS@; curl -q -g -sS --proto =http --connect-timeout @CONNECT@ -m @SECONDS@ -A @AGENT@ \\
    -H 'Accept: application/pkix-crl, */*' -H 'Accept-Encoding: identity' -D "$dir/head" -o "$dir/body" \\
    -w '%{remote_ip}' "$@" "$url" >"$dir/ip" 2>"$dir/err" )
  rc=$?
else
  [ -z "$pinned" ] || { url=$pinned; set -- --header "Host: $host"; }
  more=; wget --help 2>&1 | grep -q max-redirect && more='-t 1 --max-redirect=0 --no-config'
  ( ulimit -f @BLOCKS@; $limit wget -S $more -T @CONNECT@ -U @AGENT@ -O "$dir/body" "$@" "$url" \\
    >/dev/null 2>"$dir/err" )
  rc=$?
fi
size=$(($(wc -c <"$dir/body")))
echo "@tool $tool $rc $size"
echo "@ip"; cat "$dir/ip"; echo
echo "@head"; head -c 65536 "$dir/head" | b64
echo "@err"; head -c 65536 "$dir/err" | b64
echo "@body"; [ "$size" -gt @MAX@ ] || b64 <"$dir/body"
echo "@end"
"""

_CURL = {
    3: SCHEME,
    5: PROXY,
    6: DNS,
    7: REFUSED,
    18: INCOMPLETE,
    23: TOO_LARGE,
    28: TIMEOUT,
    52: REFUSED,
    63: TOO_LARGE,
}
_KILLED_BY_LIMIT = frozenset({25, 153})  # SIGXFSZ, as the shell tells it
_TIMED_OUT = frozenset({124, 143})  # as timeout tells it
_WORDS = (
    ("unable to resolve", DNS),
    ("bad address", DNS),
    ("could not resolve proxy", PROXY),
    ("name or service not known", DNS),
    ("file too large", TOO_LARGE),
    ("connection closed at byte", INCOMPLETE),
    ("connection refused", REFUSED),
    ("no route to host", REFUSED),
    ("network is unreachable", REFUSED),
    ("timed out", TIMEOUT),
    ("reset by peer", REFUSED),
)


class NoTool(PkiError):
    """The host has neither curl nor wget, or cannot run them."""


@dataclass
class RawAsk:
    """Sends a request by a shell command.

    :ivar tool: ``curl``, ``wget`` or ``auto``, and which of them it was afterwards.
    """

    run: Run
    tool: str = "auto"

    def __call__(self, target: Target, deadline: Deadline, settings: Settings, facts: dict[str, Any]) -> Answer:
        """One request (:data:`..._plain.fetching.Ask`)."""
        address, proxied = self._resolved(target, settings)
        found = self._output(target, deadline, settings, address, proxied)
        return self._read(found, target, settings, facts, proxied)

    def _resolved(self, target: Target, settings: Settings) -> tuple[str | None, bool]:
        """An address there that may be asked, if the host can tell, and whether a proxy may be asked in its place.

        :raises FetchProblem: none of the addresses may be asked.
        """
        if target.via is not None:
            return None, True
        if "\n" in target.host or "\r" in target.host:
            raise FetchProblem(SCHEME, "it has a line break in it")
        _code, stdout, _stderr = self.run(_RESOLVE, (target.host + "\n").encode())
        lines = stdout.replace("\r", "").splitlines()
        proxied = "@proxy" in lines and settings.proxy is None
        words = (line.split()[0] for line in lines if line.strip())
        # Whatever else a shell prints is no answer.
        addresses = [word for word in dict.fromkeys(words) if is_address(word)]
        allowed = networks(settings.allow_networks)
        objections = [objection(address, allowed) for address in addresses]
        good = [address for address, why in zip(addresses, objections) if not why]
        if objections and not good:
            raise FetchProblem(ADDRESS, f"{shown(target.host)} is {objections[0]}; nothing is fetched from there")
        return (good[0] if good and literal(target.host) is None else None), proxied

    def _output(
        self, target: Target, deadline: Deadline, settings: Settings, address: str | None, proxied: bool
    ) -> dict[str, str]:
        left = deadline.left()
        values = {
            "TOOL": self.tool,
            "SECONDS": str(max(1, round(left))),
            "CONNECT": str(max(1, round(min(settings.connect_timeout, left)))),
            "BLOCKS": str(settings.max_bytes // 512 + 2),
            "MAX": str(settings.max_bytes),
            "AGENT": "ot_pki.defender_iot",
        }
        script = re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], _SCRIPT)
        use = "environment" if settings.proxy is None else "given" if settings.proxy else "none"
        # Made of the parts that were judged: curl and wget read some texts in another way than Python does.
        url = target.request if target.via else f"http://{target.host_header}{target.request}"
        lines = [url, use, _with_credentials(settings), settings.no_proxy or "", "", "", ""]
        if address:
            bracketed = f"[{address}]" if ":" in address else address
            lines[4] = f"{target.host}:{target.port}:{bracketed}"
            if not proxied:
                # A proxy has to be given the name.
                lines[5:] = [f"http://{bracketed}:{target.port}{target.request}", target.host_header]
        if any("\n" in line or "\r" in line for line in lines):
            raise FetchProblem(SCHEME, "it has a line break in it")
        code, stdout, stderr = self.run(script, "".join(line + "\n" for line in lines).encode())
        text = stdout.replace("\r", "")
        if "@none" in text:
            raise NoTool(f"it has no {'curl or wget' if self.tool == 'auto' else self.tool}")
        if "@end" not in text:
            raise NoTool(f"it could not run the command (status {code}): {shown(stderr.strip(), 200)}")
        parts = re.split(r"^@(\w+)(.*)$", text, flags=re.MULTILINE)
        return {name: (rest + body).strip() for name, rest, body in zip(parts[1::3], parts[2::3], parts[3::3])}

    def _read(
        self, found: dict[str, str], target: Target, settings: Settings, facts: dict[str, Any], proxied: bool
    ) -> Answer:
        match = re.fullmatch(r"(curl|wget) (\d{1,3}) (\d{1,15})", found.get("tool", ""))
        if match is None or not {"err", "head", "body"} <= set(found):
            raise FetchProblem(INCOMPLETE, "the host's answer was damaged on its way here", True)
        tool, code, size = match[1], int(match[2]), int(match[3])
        errors = _unpacked(found["err"]).decode("utf-8", "replace")
        headers_text = _unpacked(found["head"]) if tool == "curl" else _wget_headers(errors)
        status, headers = _parse_headers(headers_text)
        self.tool = tool
        facts["status"] = status
        facts["address"] = found.get("ip") or _wget_address(errors)
        if facts["address"] and not proxied:
            why = objection(facts["address"], networks(settings.allow_networks))
            if why:
                raise FetchProblem(ADDRESS, f"{shown(target.host)} is {why}; what came from there is not used")
        if settings.proxy:
            facts["via"] = target.via
        if code in _KILLED_BY_LIMIT or size > settings.max_bytes:
            raise FetchProblem(TOO_LARGE, f"it has more than {settings.max_bytes} bytes")
        if status is not None and (status != 200 or code == 0):
            body = _unpacked(found["body"]) if status == 200 else b""
            announced = headers.get("Content-Length") or ""
            if re.fullmatch(r"[0-9]{1,18}", announced) and status == 200 and len(body) < int(announced):
                text = f"the transfer ended after {len(body)} of {announced} bytes"
                raise FetchProblem(INCOMPLETE, text, True)
            return Answer(status, headers, body, facts["address"] or "")
        raise _problem(tool, code, errors, status, target)


def _with_credentials(settings: Settings) -> str:
    if not settings.proxy or not settings.credentials:
        return settings.proxy or ""
    user, colon, password = settings.credentials.partition(":")
    scheme, separator, rest = settings.proxy.rpartition("://")
    userinfo = quote(user, safe="") + (colon + quote(password, safe="") if colon else "")
    return f"{scheme or 'http'}{separator or '://'}{userinfo}@{rest}"


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()))
    except (binascii.Error, ValueError) as error:
        raise FetchProblem(INCOMPLETE, "the host's answer was damaged on its way here", True) from error


def _parse_headers(data: bytes) -> tuple[int | None, http.client.HTTPMessage]:
    """Status and headers of the last answer in a dump of headers."""
    blocks = [block for block in re.split(rb"\r?\n(?=HTTP/)", data.strip()) if block.startswith(b"HTTP/")]
    if not blocks:
        return None, http.client.HTTPMessage()
    first, _newline, rest = blocks[-1].partition(b"\n")
    match = re.match(rb"HTTP/[\d.]+\s+(\d{3})", first)
    try:
        headers = http.client.parse_headers(io.BytesIO(rest.rstrip() + b"\r\n\r\n"))
    except http.client.HTTPException:
        headers = http.client.HTTPMessage()
    return (int(match[1]) if match else None), headers


def _wget_headers(errors: str) -> bytes:
    """The headers among what ``wget -S`` prints: indented by two blanks."""
    lines = [line[2:] for line in errors.splitlines() if line.startswith("  ")]
    busybox = re.search(r"server returned error: (HTTP/.*)", errors)
    return "\r\n".join(lines or ([busybox[1]] if busybox else [])).encode()


def _wget_address(errors: str) -> str | None:
    # "Connecting to host (host)|192.0.2.1|:80... connected", or busybox's "Connecting to host (192.0.2.1:80)"
    match = re.search(r"\|([0-9A-Fa-f.:]+)\|", errors) or re.search(
        r"Connecting to \S+ \(([0-9A-Fa-f.:]+):\d+\)", errors
    )
    if match is None:
        match = re.search(r"Connecting to ([0-9.]+|\[[0-9A-Fa-f:]+\]):\d+", errors)
    return match[1].strip("[]") if match else None


def _problem(tool: str, code: int, errors: str, status: int | None, target: Target) -> FetchProblem:
    """What curl's or wget's failure means."""
    lines = [line for line in errors.splitlines() if line.strip()]
    last = shown(lines[-1].strip(), 200) if lines else ""
    text = last or f"{tool} ended with status {code}"
    lowered = errors.lower()
    reason = _CURL.get(code) if tool == "curl" else TIMEOUT if code in _TIMED_OUT else None
    if reason in (None, REFUSED):
        reason = next((meaning for word, meaning in _WORDS if word in lowered), reason)
    if reason is None:
        reason = INCOMPLETE if status == 200 else HTTP_STATUS if status is None and code == 8 else REFUSED
    if reason == REFUSED and status == 200:
        reason = INCOMPLETE
    proxied = target.via is not None
    match = re.search(r"Failed to connect to (\S+) port (\d+)", errors)
    if match and match[1].strip("[]") != target.host:
        proxied = True  # by the host's own environment
    if proxied and reason in (DNS, REFUSED, TIMEOUT):
        return FetchProblem(PROXY, f"the proxy: {text}", True)
    return FetchProblem(reason, text, reason not in (SCHEME, TOO_LARGE))
