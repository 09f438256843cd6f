# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CAs that are asked over HTTP: a real OpenBao and a real cfssl, and what goes wrong between them and us."""

from __future__ import annotations

import datetime
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ca_servers
import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers import http, vault
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.request import SensorRequest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import http_caller
from ca_servers import Bao, Between, only
from issuing_site import DAY, Site, actions, cn, told, wanted

ROLE_WITH_SUBJECT = {"organization": "Contoso", "ou": "OT", "country": "US"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts."""
    monkeypatch.setattr(http, "_PAUSES", (0.0,))


@pytest.fixture
def proxy(openbao: Bao, quick: None) -> Iterator[Between]:
    with ca_servers.between(openbao.url) as made:
        yield made


def use(site: Site, url: str, mount: str, **more: Any) -> None:
    site.described["outside"] = {"kind": "vault", "url": url, "mount": mount, "role": "sensors", **more}


def sensor(number: int, **more: Any) -> dict[str, Any]:
    return wanted(number, "outside", **more)


def signer(openbao: Bao, mount: str, *verbs: str) -> str:
    """A token that may do this with the role, and nothing else of the engine."""
    return openbao.token(*[only(f"{mount}/{verb}/sensors", "update") for verb in verbs])


# --- What the role and the token allow ------------------------------------------------------------------


def test_sign_verbatim_keeps_the_subject_and_the_role_caps_the_life(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine(max_ttl="720h")
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert proxy.count("sign-verbatim") == 1
    assert site.certificate(cn(1)).subject.rfc4514_string() == f"CN={cn(1)},OU=OT,O=Contoso,C=US"
    assert "validity" in {field for field, _asked, _given in outcomes[0].altered}
    assert site.staged[0].action == "staged"
    # A third of the actual lifetime decides, not the days that were asked for: nothing is due on the next run.
    due = outcomes[0].to_dict()["renew_after"]
    assert moments.iso(moments.now() + 18 * DAY) < due < moments.iso(moments.now() + 22 * DAY)
    asked = sensor(1, renew_before_days=60)
    assert actions(site.run(asked, moment=moments.now() + DAY)) == {cn(1): "kept"}
    assert actions(site.run(asked, moment=moments.now() + 25 * DAY)) == {cn(1): "issued"}


def test_an_answer_that_is_younger_than_the_run_is_valid(site: Site, openbao: Bao) -> None:
    """The moment of a run is that of its beginning; thousands of keys take minutes."""
    use(site, openbao.url, openbao.engine(), token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1), moment=moments.now() - datetime.timedelta(hours=1), show=False)
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)


def test_sign_is_used_where_the_policy_allows_nothing_else(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine(**ROLE_WITH_SUBJECT)
    use(site, proxy.url, mount, token=signer(openbao, mount, "sign"))
    outcomes = site.run(sensor(1, sans=["192.0.2.1"]))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert proxy.count("sign-verbatim") == 0
    assert actions(site.run(sensor(1, sans=["192.0.2.1"]))) == {cn(1): "kept"}


def test_a_role_that_drops_the_subject_is_told_with_what_to_change(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine()
    use(site, proxy.url, mount, token=signer(openbao, mount, "sign"))
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "subject.missing-field" in told(outcomes)
    assert "allow sign-verbatim, or set country, organization and ou in the role" in told(outcomes)
    assert site.waiting(cn(1)) == [], "a key with which nothing can be done does not wait"


def test_sign_verbatim_is_no_way_around_the_roles_names(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine(**ROLE_WITH_SUBJECT)
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    outside = {**sensor(2), "common_name": cn(2, "office.example")}
    outcomes = site.run(sensor(1), outside, sensor(3))
    assert actions(outcomes) == {cn(1): "issued", cn(2): "failed", cn(3): "issued"}, told(outcomes)
    assert "office.example" in outcomes[1].errors[0]
    assert "not allowed" in outcomes[1].errors[0]


@pytest.mark.parametrize(
    ("role", "names", "addresses", "allowed"),
    [
        (None, ("a.b",), (), True),
        ({"allow_any_name": True}, ("a.b",), (), True),
        ({"allowed_domains": ["b"], "allow_subdomains": True}, ("a.b",), (), True),
        ({"allowed_domains": ["b"], "allow_subdomains": True}, ("b",), (), False),
        ({"allowed_domains": ["b"], "allow_bare_domains": True}, ("b",), (), True),
        ({"allowed_domains": ["b"], "allow_subdomains": True}, ("a.b", "a.c"), (), False),
        ({"allowed_domains": ["b"], "allow_subdomains": True}, ("a.xb",), (), False),
        ({"allow_any_name": False}, ("a.b",), (), False),
        ({"allowed_domains": ["b"], "allow_subdomains": True, "allow_ip_sans": False}, ("a.b",), ("1.2.3.4",), False),
        ({"allowed_domains": ["*.b"], "allow_glob_domains": True}, ("a.b",), (), False),
    ],
)
def test_what_a_role_allows(role: Any, names: Any, addresses: Any, allowed: bool) -> None:
    request = SensorRequest("s", names[0], (), dns_names=names, ip_addresses=addresses)
    assert vault.role_allows(role, request) is allowed


def test_a_life_beyond_the_cas_own_is_shortened(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine(ttl="480h")
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    assert "validity shortened from 730 days to the end of the issuing CA" in told(outcomes)
    assert site.certificate(cn(1)).not_valid_after_utc - moments.now() < 20 * DAY
    assert actions(site.run(sensor(1))) == {cn(1): "kept"}


def test_a_token_from_a_file_and_a_namespace_are_sent(site: Site, openbao: Bao, proxy: Between) -> None:
    openbao.call("POST", "sys/namespaces/plant", {})
    path = site.folder / "token"
    path.write_text(f"{ca_servers.TOKEN}\n")
    mount = openbao.engine()
    use(site, proxy.url, mount, token_file=str(path))
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}
    use(site, proxy.url, mount, token_file=str(path), namespace="plant")
    outcomes = site.run(sensor(2))
    assert actions(outcomes) == {cn(2): "failed"}, "in that namespace there is no such engine"


def test_a_private_ca_of_the_server(site: Site, tmp_path: Path) -> None:
    with ca_servers.bao(tmp_path, tls=True) as server:
        url = server.url
        use(site, url, "pki", token=ca_servers.TOKEN)
        outcomes = site.run(sensor(1))
        assert actions(outcomes) == {cn(1): "failed"}
        assert "is not trusted" in told(outcomes)
        assert "ca_cert" in told(outcomes)
        use(site, url, "pki", token=ca_servers.TOKEN, ca_cert=server.ca_cert)
        outcomes = site.run(sensor(1))
        assert "pki" in told(outcomes)
        assert "is not trusted" not in told(outcomes)


# --- What goes wrong ------------------------------------------------------------------------------------


def told_by(status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> ca_servers.Told:
    return (status, kind, body, headers)


def test_a_server_that_is_not_there(site: Site, quick: None) -> None:
    use(site, f"http://127.0.0.1:{ca_servers.free_ports()}", "pki", token="hidden-token")
    outcomes = site.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "failed", cn(2): "failed"}
    assert "cannot be reached: connection refused" in told(outcomes)
    assert "hidden-token" not in told(outcomes)
    assert site.waiting(cn(1)) == []


def test_503_then_well(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine()
    left = [3]

    def plan(_method: str, path: str) -> ca_servers.Told | None:
        if "sign-verbatim" in path and left[0]:
            left[0] -= 1
            return told_by(503, b'{"errors":["Vault is sealed"]}')
        return None

    proxy.plan = plan
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}
    assert len(openbao.issued(mount)) == 2, "the root and one certificate"


def test_503_that_stays(site: Site, openbao: Bao, proxy: Between) -> None:
    proxy.plan = lambda _method, _path: told_by(503, b'{"errors":["Vault is sealed"]}')
    use(site, proxy.url, openbao.engine(), token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "Vault is sealed" in told(outcomes)
    assert "not ready" in told(outcomes)


def test_a_token_that_expired_or_is_wrong(site: Site, openbao: Bao, proxy: Between) -> None:
    use(site, proxy.url, openbao.engine(), token="wrong-token-of-somebody")
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "does not accept the token" in told(outcomes)
    assert "wrong-token-of-somebody" not in told(outcomes)


def test_a_policy_that_allows_nothing(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine()
    use(site, proxy.url, mount, token=openbao.token(only("elsewhere", "read")))
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert f"{mount}/sign/sensors" in told(outcomes)
    assert "policy" in told(outcomes)


def test_a_role_that_does_not_exist(site: Site, openbao: Bao, proxy: Between) -> None:
    use(site, proxy.url, openbao.engine(), token=ca_servers.TOKEN, role="sensor")
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "no role 'sensor'" in told(outcomes)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (told_by(200, b"<!DOCTYPE html><html>Sign in</html>", "text/html"), "a web page (HTML) instead of JSON"),
        (told_by(200, b"{", "application/json"), "instead of JSON"),
        (told_by(200, b"[]"), "answers without a certificate; is url that of Vault or OpenBao?"),
        (told_by(307, b"", "text/plain", Location="https://other.example/v1/x"), "redirects to other.example"),
        (told_by(404, b'{"errors":["no handler for route"]}'), "no handler for route"),
        (told_by(200, b"x" * (9 << 20)), "more than 8 MiB"),
    ],
)
def test_answers_that_are_none(site: Site, openbao: Bao, proxy: Between, answer: ca_servers.Told, words: str) -> None:
    proxy.plan = lambda _method, _path: answer
    use(site, proxy.url, openbao.engine(), token="hidden-token")
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert words in told(outcomes)
    assert "hidden-token" not in told(outcomes)


def test_a_server_that_quotes_the_token(site: Site, openbao: Bao, proxy: Between) -> None:
    proxy.plan = lambda _method, _path: told_by(500, b'{"errors":["what is hidden-token?"]}')
    use(site, proxy.url, openbao.engine(), token="hidden-token")
    outcomes = site.run(sensor(1))
    assert "what is (secret)?" in told(outcomes)


@pytest.mark.parametrize("body", [b'{"data": null}', b'{"data": {"certificate": "\\ud800"}}', b"[]"])
def test_one_strange_answer_is_no_server_that_is_down(site: Site, openbao: Bao, proxy: Between, body: bytes) -> None:
    proxy.plan = once(told_by(200, body), "sign-verbatim")
    use(site, proxy.url, openbao.engine(), token=ca_servers.TOKEN)
    outcomes = site.run(*map(sensor, range(1, 4)))
    assert sorted(actions(outcomes).values()) == ["failed", "issued", "issued"], told(outcomes)
    assert "error inside" not in told(outcomes)


def without_chain(path: str, content: bytes) -> bytes:
    if "sign-verbatim" not in path:
        return content
    answer = json.loads(content)
    answer["data"].update(ca_chain=[], issuing_ca="")
    return json.dumps(answer).encode()


def test_an_answer_without_chain_is_completed(site: Site, openbao: Bao, proxy: Between) -> None:
    proxy.alter = without_chain
    use(site, proxy.url, openbao.engine(), token=ca_servers.TOKEN)
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}


def test_an_answer_without_chain_that_cannot_be_completed(site: Site, openbao: Bao, proxy: Between) -> None:
    proxy.alter = without_chain
    proxy.plan = lambda _method, path: told_by(404) if "ca_chain" in path else None
    use(site, proxy.url, openbao.engine(), token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "chain.incomplete" in told(outcomes)


def test_a_chain_that_does_not_verify(site: Site, openbao: Bao, proxy: Between) -> None:
    """The server's root is not the one that was named."""
    (site.folder / "root.pem").write_bytes(pki.root().crt)
    use(site, proxy.url, openbao.engine(), token=ca_servers.TOKEN, trusted_roots=[str(site.folder / "root.pem")])
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "chain." in told(outcomes)
    assert "trusted_roots" in told(outcomes)


def _make(site: Site) -> Any:
    site.run(sensor(9), check_mode=True)
    return site.issuers.by_name["outside"]


# --- Answers that are lost ------------------------------------------------------------------------------


def once(what: ca_servers.Told, part: str) -> Callable[[str, str], ca_servers.Told | None]:
    """Does this to the first request of a kind."""
    left = [1]

    def plan(_method: str, path: str) -> ca_servers.Told | None:
        if part in path and left[0]:
            left[0] -= 1
            return what
        return None

    return plan


def test_a_lost_answer_is_looked_for_and_no_second_certificate(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine()
    proxy.plan = once(ca_servers.LOSE, "sign-verbatim")
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1), sensor(2))
    assert actions(outcomes) == {cn(1): "issued", cn(2): "issued"}, told(outcomes)
    assert len(openbao.issued(mount)) == 3, "the root and one certificate for each"


def test_a_server_without_the_detailed_list_is_asked_too(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine()
    lose = once(ca_servers.LOSE, "sign-verbatim")

    def plan(method: str, path: str) -> ca_servers.Told | None:
        return told_by(404, b'{"errors":[]}') if "certs/detailed" in path else lose(method, path)

    proxy.plan = plan
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}
    assert len(openbao.issued(mount)) == 2


def test_a_lost_answer_that_cannot_be_asked_for_is_taken_up_by_the_next_run(
    site: Site, openbao: Bao, proxy: Between
) -> None:
    mount = openbao.engine()
    lose = once(ca_servers.LOSE, "sign-verbatim")

    def plan(method: str, path: str) -> ca_servers.Told | None:
        return ca_servers.DROP if "certs" in path else lose(method, path)

    proxy.plan = plan
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "its key is kept for the next run" in told(outcomes)
    assert len(site.waiting(cn(1))) == 1
    proxy.plan = lambda _method, _path: None
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}
    assert len(openbao.issued(mount)) == 2
    assert site.waiting(cn(1)) == []


def test_a_server_that_goes_away_in_the_middle(site: Site, openbao: Bao, quick: None) -> None:
    """Those who have theirs keep it; the others fail with the reason, and are asked for with the same keys later."""
    mount = openbao.engine()
    sensors = [sensor(number) for number in range(1, 5)]
    with ca_servers.between(openbao.url) as proxy:
        use(site, proxy.url, mount, token=ca_servers.TOKEN)
        seen = [0]

        def plan(_method: str, path: str) -> ca_servers.Told | None:
            seen[0] += "sign-verbatim" in path
            return ca_servers.DROP if seen[0] > 2 else None

        proxy.plan = plan
        outcomes = site.run(*sensors)
    assert sorted(actions(outcomes).values()) == ["failed", "failed", "issued", "issued"], told(outcomes)
    use(site, openbao.url, mount, token=ca_servers.TOKEN)
    outcomes = site.run(*sensors)
    assert sorted(actions(outcomes).values()) == ["issued", "issued", "kept", "kept"], told(outcomes)
    assert len(openbao.issued(mount)) == 5


def test_what_cannot_be_looked_up_is_not_taken_for_missing(site: Site, openbao: Bao, proxy: Between) -> None:
    """The server lists what it issued and then goes away: nobody may ask a second time."""
    mount = openbao.engine()
    proxy.plan = lambda _method, path: (
        ca_servers.LOSE if "sign-verbatim" in path else ca_servers.DROP if f"{mount}/cert/" in path else None
    )
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    for _run in range(2):
        assert actions(site.run(sensor(1))) == {cn(1): "failed"}
    assert len(openbao.issued(mount)) == 2
    proxy.plan = lambda _method, _path: None
    assert actions(site.run(sensor(1))) == {cn(1): "issued"}
    assert len(openbao.issued(mount)) == 2


@pytest.mark.parametrize(
    ("url", "told_so"), [("http://vault.example:8200", True), ("https://vault.example:8200", False)]
)
def test_a_token_that_travels_unencrypted_is_told(site: Site, url: str, told_so: bool) -> None:
    use(site, url, "pki", token="s3cret")
    lines = _make(site).lines
    assert bool(lines) is told_so
    assert "s3cret" not in "".join(lines)


def test_a_certificate_for_another_key_is_not_used(site: Site, openbao: Bao, proxy: Between) -> None:
    mount = openbao.engine()
    body = json.dumps({"data": {"certificate": pki.sensor(cn(1)).crt.decode()}}).encode()
    proxy.plan = lambda _method, path: told_by(200, body) if "sign-verbatim" in path else None
    use(site, proxy.url, mount, token=ca_servers.TOKEN)
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "for another key" in told(outcomes)


# --- cfssl ----------------------------------------------------------------------------------------------


@pytest.fixture
def roots(site: Site) -> list[str]:
    (site.folder / "root.pem").write_bytes(pki.root().crt)
    return [str(site.folder / "root.pem")]


def test_cfssl_signs_for_those_who_have_its_key(site: Site, cfssl_url: str, roots: list[str], quick: None) -> None:
    settings = {"kind": "cfssl", "url": cfssl_url, "profile": "sensor", "trusted_roots": roots}
    site.described["outside"] = {**settings, "auth_key": "00" * 16}
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "is auth_key that of the profile?" in told(outcomes)
    assert "00" * 16 not in told(outcomes)
    site.described["outside"] = settings
    outcomes = site.run(sensor(1))
    assert "set auth_key" in told(outcomes)
    site.described["outside"] = {**settings, "auth_key": ca_servers.AUTH_KEY}
    outcomes = site.run(sensor(1, sans=["192.0.2.1"]))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)
    bundle = site.stage.read_visible(cn(1))
    assert bundle is not None
    assert bundle.pem == pki.chain()
    assert site.certificate(cn(1)).subject.rfc4514_string() == f"CN={cn(1)},OU=OT,O=Contoso,C=US"


def test_cfssl_without_keys(site: Site, roots: list[str], tmp_path: Path) -> None:
    if ca_servers.MISSING_CFSSL:
        pytest.skip(ca_servers.MISSING_CFSSL)
    folder = tmp_path / "open"
    folder.mkdir()
    with ca_servers.cfssl(folder, pki.issuing().crt, pki.issuing().private(), auth=False) as url:
        site.described["outside"] = {"kind": "cfssl", "url": url, "profile": "sensor", "trusted_roots": roots}
        outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "issued"}, told(outcomes)


def test_cfssl_without_the_root_says_what_is_missing(site: Site, cfssl_url: str) -> None:
    site.described["outside"] = {
        "kind": "cfssl", "url": cfssl_url, "profile": "sensor", "auth_key": ca_servers.AUTH_KEY,
    }  # fmt: skip
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    assert "chain.incomplete" in told(outcomes)
    assert "name its root and intermediates in trusted_roots" in told(outcomes)


def test_an_answer_of_cfssl_that_is_lost_is_asked_for_with_the_same_key(
    site: Site, cfssl_url: str, roots: list[str], quick: None
) -> None:
    with ca_servers.between(cfssl_url) as proxy:
        proxy.plan = once(ca_servers.LOSE, "authsign")
        site.described["outside"] = {
            "kind": "cfssl", "url": proxy.url, "profile": "sensor", "auth_key": ca_servers.AUTH_KEY,
            "trusted_roots": roots,
        }  # fmt: skip
        outcomes = site.run(sensor(1))
        assert actions(outcomes) == {cn(1): "failed"}
        assert proxy.count("authsign") == 1, "a second question would be a second certificate"
        kept = [path.name for path in site.waiting(cn(1))]
        outcomes = site.run(sensor(1))
        assert actions(outcomes) == {cn(1): "issued"}
        bundle = site.stage.read_visible(cn(1))
        assert bundle is not None
    assert kept
    assert site.waiting(cn(1)) == []


# --- Settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "vault", "tokn": "s3cret"}, ("outside.tokn", "did you mean token?")),
        ({"kind": "vault"}, ("outside.url is missing",)),
        ({"kind": "vault", "url": "vault:8200"}, ("outside.url is 'vault:8200'", "https://name:port")),
        ({"kind": "vault", "url": "https://u:s3cret@vault"}, ("outside.url holds a user name or password",)),
        ({"kind": "vault", "url": "https://vault", "role": "r"}, ("outside.mount is missing",)),
        ({"kind": "vault", "url": "https://vault", "mount": "pki/../sys", "role": "r"}, ("outside.mount",)),
        ({"kind": "vault", "url": "https://vault", "mount": "pki", "role": "r"}, ("outside.token is missing", "token_file")),
        ({"kind": "vault", "url": "https://v", "mount": "pki", "role": "r", "token": "s3cret", "token_file": "/x"},
         ("has both token and token_file",)),
        ({"kind": "vault", "url": "https://v", "mount": "pki", "role": "r", "token_file": "/nowhere"},
         ("outside.token_file", "/nowhere")),
        ({"kind": "vault", "url": "https://v", "mount": "pki", "role": "r", "token": "s3cret", "ca_cert": "/nowhere"},
         ("outside.ca_cert", "/nowhere")),
        ({"kind": "cfssl", "url": "http://c", "auth_key": "s3cret, no number"}, ("outside.auth_key", "hexadecimal")),
        ({"kind": "cfssl", "url": "http://c", "authkey": "s3cret"}, ("did you mean auth_key?",)),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_no_secret_shown(
    site: Site, settings: dict[str, Any], words: tuple[str, ...]
) -> None:
    site.described["outside"] = settings
    outcomes = site.run(sensor(1))
    assert actions(outcomes) == {cn(1): "failed"}
    for word in words:
        assert word in told(outcomes), told(outcomes)
    assert "s3cret" not in told(outcomes)


def test_nothing_prints_a_secret(site: Site, openbao: Bao) -> None:
    use(site, openbao.url, openbao.engine(), token=ca_servers.TOKEN)
    issuer = _make(site)
    request = http.HttpRequest("GET", "http://x", {"X-Vault-Token": "s3cret"}, b"s3cret")
    for thing in (issuer.server, request):
        assert "s3cret" not in repr(thing)
        assert ca_servers.TOKEN not in repr(thing)


# --- Bounds ---------------------------------------------------------------------------------------------


def test_a_call_is_bounded_in_time(tmp_path: Path) -> None:
    """A server that sends a byte now and then is given up all the same."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    over = threading.Event()

    def drip() -> None:
        connection, _peer = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                try:
                    connection.sendall(b"X-A: b\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(http.ServerError, match="gives no answer within 1 seconds") as caught:
        http_caller.call(http.HttpRequest("GET", url, timeout=1.0))
    over.set()
    thread.join()
    listener.close()
    assert caught.value.lost
    assert "127.0.0.1" in str(caught.value)
