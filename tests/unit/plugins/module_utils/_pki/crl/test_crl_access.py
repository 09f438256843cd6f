# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of several vantages come to, and what a host without Python answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.access import crl_lines, gather
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.raw_fetching import NoTool, RawAsk
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.fetching import Fetched, Settings, fetch

SETTINGS = Settings(retries=0, max_bytes=1000)
URL = "http://crl.plant.example/x.crl"


def vantage(name: str, named: bool, *sensors: str) -> dict[str, Any]:
    return {"vantage": name, "named": named, "sensors": list(sensors)}


def check(**errors: list[str]) -> dict[str, Any]:
    return {"results": [{"name": name, "errors": texts} for name, texts in errors.items()], "urls": [], "warnings": []}


@pytest.mark.parametrize(("fail_on", "failed"), [("auto", {"b"}), ("error", {"a", "b"}), ("never", set())])
def test_only_a_named_vantage_fails_sensors_unless_told_otherwise(fail_on: str, failed: set[str]) -> None:
    found = gather(
        [check(a=["closed"]), check(b=["closed"], c=[])],
        [vantage("localhost", False, "a"), vantage("jump", True, "b", "c")],
        fail_on,
    )
    assert {result["name"] for result in found["results"] if result["errors"]} == failed
    assert not found["reachable"]
    mark = {"auto": "WARNING", "error": "FAILED", "never": "WARNING"}[fail_on]
    assert found["lines"][0].startswith(f"CRL {mark} from localhost: closed")


def test_a_revocation_fails_from_everywhere() -> None:
    on_the_list = {
        "name": "a",
        "errors": ["revoked: on the list", "b.crl: closed"],
        "revocations": ["revoked: on the list"],
    }
    checks = [
        {"results": [on_the_list], "recorded": {"a": "revoked: the record says so", "b": "revoked: the record says so"}}
    ]
    localhost = [vantage("localhost", False, "a", "b")]
    found = gather(checks, localhost)
    # What the control node cannot reach still fails nobody.
    assert found["results"] == [
        {"name": "a", "errors": ["revoked: on the list"]},
        {"name": "b", "errors": ["revoked: the record says so"]},
    ]
    assert found["lines"][0] == "CRL FAILED: revoked: on the list [a]"
    assert not found["reachable"]
    never = gather(checks, localhost, "never")
    assert [result["errors"] for result in never["results"]] == [[], []]
    assert never["lines"][0] == "CRL WARNING: revoked: on the list [a]"
    # A vantage that cannot be reached says nothing, but the record does.
    gone = gather(
        [{"msg": "the vantage jump cannot be reached", "checked": [], "recorded": {"b": "revoked: x"}}], localhost
    )
    assert gone["results"] == [{"name": "b", "errors": ["revoked: x"]}]


def test_a_vantage_that_fails_is_the_failure_of_the_sensors_behind_it() -> None:
    found = gather([{"msg": "proxy is wrong"}], [vantage("jump", True, "a", "b")])
    assert [result["errors"] for result in found["results"]] == [
        ["the vantage jump could not check: proxy is wrong"]
    ] * 2
    assert found["lines"] == ["CRL FAILED from jump: the vantage jump could not check: proxy is wrong [a, b]"]


def test_an_older_crl_on_the_web_server_is_told() -> None:
    published = {
        "ca": "issuing", "action": "kept", "reasons": [], "errors": [], "number": 7, "entries": 1, "url": URL,
        "next_update": "2027-01-01T00:00:00Z", "path": "/srv/crl/x.crl",
    }  # fmt: skip
    publication = {"msg": "done", "results": [published]}
    lines = crl_lines(publication, {"web-1": "", "web-2": "no space"}, {"numbers": {URL: 6}, "lines": ["seen"]}, False)
    assert lines == [
        "CRL of the issuing CA kept, number 7, 1 entry, ends 2027-01-01: /srv/crl/x.crl",
        f"CRL WARNING: {URL} still serves number 6; copy /srv/crl/x.crl (number 7) to that web server, or put it into "
        "the group crl_web_servers",
        "FAILED CRL copy to web-2: no space",
        "seen",
    ]
    assert crl_lines(publication, {}, {"numbers": {URL: 7}}, False) == lines[:1]
    assert crl_lines({"msg": "the passphrase is wrong"}, {}, {}, False) == ["FAILED CRL: the passphrase is wrong"]


def raw(tool: str, code: int, errors: str = "", head: str = "", body: bytes = b"", address: str = "") -> str:
    def pack(data: bytes) -> str:
        return base64.encodebytes(data).decode()

    return (
        f"@tool {tool} {code} {len(body)}\n@ip\n{address}\n@head\n{pack(head.encode())}@err\n{pack(errors.encode())}"
        f"@body\n{pack(body)}@end\n"
    )


def ask(output: str, **settings: Any) -> Fetched:
    asked: list[tuple[str, bytes]] = []

    def run(script: str, given: bytes) -> tuple[int, str, str]:
        asked.append((script, given))
        return 0, output.replace("\n", "\r\n"), ""

    return fetch(URL, SETTINGS._replace(**settings), RawAsk(run))


BUSYBOX = "Connecting to crl.plant.example (192.0.2.7:80)\n"
GNU = "Connecting to crl.plant.example|192.0.2.7|:80... connected.\nHTTP request sent, awaiting response... \n"


@pytest.mark.parametrize(
    ("output", "reason", "status"),
    [
        (raw("curl", 0, head="HTTP/1.1 200 OK\r\n\r\n", body=b"crl", address="192.0.2.7"), "ok", 200),
        (raw("curl", 0, head="HTTP/1.1 404 Not Found\r\n\r\n"), "http-status", 404),
        (raw("curl", 0, head="HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", body=b"crl"), "incomplete", 200),
        (raw("curl", 18, "curl: (18) transfer closed", "HTTP/1.1 200 OK\r\n\r\n", b"crl"), "incomplete", 200),
        (raw("curl", 6, "curl: (6) Could not resolve host: x"), "dns", None),
        (raw("curl", 7, "curl: (7) Failed to connect to crl.plant.example port 80: Connection refused"), "refused", None),
        (raw("curl", 7, "curl: (7) Failed to connect to proxy.example port 3128: Connection refused"), "proxy", None),
        (raw("curl", 28, "curl: (28) Operation timed out"), "timeout", None),
        (raw("curl", 23, "curl: (23) Failed writing body", "HTTP/1.1 200 OK\r\n\r\n", b"x" * 900), "too-large", 200),
        (raw("curl", 153, "", "HTTP/1.1 200 OK\r\n\r\n", b"x" * 900), "too-large", 200),
        (raw("curl", 56, "curl: (56) Recv failure: Connection reset by peer"), "refused", None),
        (raw("wget", 0, GNU + "  HTTP/1.1 200 OK\n  Content-Type: x/y\n", body=b"crl"), "ok", 200),
        (raw("wget", 8, GNU + "  HTTP/1.1 403 Forbidden\n"), "http-status", 403),
        (raw("wget", 8, GNU + "  HTTP/1.1 302 Found\n  Location: https://x/\n"), "redirect", 302),
        (raw("wget", 4, "wget: unable to resolve host address 'x'"), "dns", None),
        (raw("wget", 4, "failed: Connection refused."), "refused", None),
        (raw("wget", 124), "timeout", None),
        (raw("wget", 1, "wget: bad address 'x'"), "dns", None),
        (raw("wget", 1, BUSYBOX + "wget: server returned error: HTTP/1.1 404 Not Found\n"), "http-status", 404),
        (raw("wget", 1, BUSYBOX + "wget: can't connect to remote host (192.0.2.7): Connection refused"), "refused", None),
        (raw("wget", 1, BUSYBOX + "wget: download timed out"), "timeout", None),
    ],
)  # fmt: skip
def test_what_curl_and_wget_say(output: str, reason: str, status: int | None) -> None:
    found = ask(output)
    assert (found.reason, found.status) == (reason, status), found
    if reason == "ok":
        assert (found.body, found.address) == (b"crl", "192.0.2.7")


def test_secrets_and_urls_go_by_standard_input() -> None:
    seen: list[tuple[str, bytes]] = []

    def run(script: str, given: bytes) -> tuple[int, str, str]:
        seen.append((script, given))
        return 0, raw("curl", 0, head="HTTP/1.1 200 OK\r\n\r\n", body=b"crl"), ""

    fetch(URL, SETTINGS._replace(proxy="http://proxy:3128", credentials="ot:p@ss"), RawAsk(run))
    script, given = seen[0]
    assert "p@ss" not in script
    assert "p%40ss" not in script
    assert URL not in script
    assert given.decode().splitlines() == [URL, "given", "http://ot:p%40ss@proxy:3128", "", "", "", ""]


@pytest.mark.parametrize("output", ["@none none\n", "sh: not found", "@nodir\n"])
def test_a_host_that_has_nothing_to_fetch_with(output: str) -> None:
    with pytest.raises(NoTool, match="it has no curl or wget|it could not run"):
        ask(output)


def resolving(*lines: str, address: str = "", **settings: Any) -> tuple[Fetched, list[bytes]]:
    """Fetch from a host whose resolver prints these lines, and whose curl then reaches an address."""
    given: list[bytes] = []

    def run(script: str, sent: bytes) -> tuple[int, str, str]:
        given.append(sent)
        head = "HTTP/1.1 200 OK\r\n\r\n"
        return (
            0,
            "\n".join([*lines, "@end"]) if len(given) == 1 else raw("curl", 0, head=head, body=b"crl", address=address),
            "",
        )

    return fetch(URL, SETTINGS._replace(**settings), RawAsk(run)), given


def test_the_address_that_was_looked_at_is_the_one_that_is_asked() -> None:
    found, given = resolving("127.0.0.1 STREAM x", "192.0.2.7 STREAM", "192.0.2.7 DGRAM", address="192.0.2.7")
    assert (found.reason, found.body) == ("ok", b"crl")
    lines = given[1].decode().splitlines()
    assert lines[0] == URL
    assert lines[4].endswith(":192.0.2.7")
    assert lines[5].startswith("http://192.0.2.7:")
    # By a proxy of the host's own, wget has to be given the name.
    _found, given = resolving("@proxy", "192.0.2.7 STREAM", address="127.0.0.9")
    assert (_found.reason, given[1].decode().splitlines()[5:]) == ("ok", ["", ""])


@pytest.mark.parametrize("lines", [("127.0.0.1 STREAM x",), ("::1 STREAM", "169.254.169.254 STREAM")])
def test_a_name_that_leads_inside_is_not_asked_for(lines: tuple[str, ...]) -> None:
    found, given = resolving(*lines)
    assert (found.reason, len(given)) == ("address", 1)
    assert resolving(*lines, address="", allow_networks=("0.0.0.0/0", "::/0"))[0].reason == "ok"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1\\@crl.plant.example/x.crl",
        "http://crl.plant\t.example/x.crl",
        " http://u:p@crl.plant.example:80/x.crl#y",
    ],
)
def test_curl_gets_the_url_as_it_was_judged(url: str) -> None:
    given: list[bytes] = []

    def run(script: str, sent: bytes) -> tuple[int, str, str]:
        given.append(sent)
        return 0, "@end" if len(given) == 1 else raw("curl", 0, head="HTTP/1.1 200 OK\r\n\r\n", body=b"crl"), ""

    assert fetch(url, SETTINGS, RawAsk(run)).reason == "ok"
    assert given[1].decode().splitlines()[0] == URL


def test_without_a_resolver_what_was_reached_is_looked_at() -> None:
    found, _given = resolving("sh: getent: not found", address="127.0.0.1")
    assert (found.reason, found.body) == ("address", None)
    assert "what came from there is not used" in found.message


@pytest.mark.parametrize(
    "output", ["@tool curl\n@end\n", "@tool curl " + "9" * 5000 + " 1\n@end\n", "@tool x 0 0\n@end\n", "@end\n"]
)
def test_a_damaged_answer_by_the_shell_is_told(output: str) -> None:
    found = ask(output)
    assert (found.reason, found.message) == ("incomplete", "the host's answer was damaged on its way here")
