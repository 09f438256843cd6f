# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every issuer promises, written once and tried with each of them: one that keeps this can be used for a fleet."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ca_servers
import corporate_pki as pki
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.plan import Existing
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.terms import Terms
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import read_certificates
from cryptography.hazmat.primitives import serialization
from issuing_site import Site, actions, answer, answer_all, cn, requests_of, told, wanted

KINDS = ("local_ca", "self_signed", "received", "request_folder", "vault", "cfssl")


@dataclass
class Setup:
    """One kind of issuer, ready to be used.

    :ivar name: the issuer's name. :ivar answers: makes what comes from outside, if something has to.
    :ivar fails: arranges that sensor 2 cannot be done; returns its description.
    :ivar asked: how often a server was asked for a certificate.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    answers: Callable[[], None] = lambda: None
    fails: Callable[[], dict[str, Any]] = dict
    asked: Callable[[], int] = lambda: 0

    def sensor(self, number: int, **more: Any) -> dict[str, Any]:
        return wanted(number, self.name, **{**self.options, **more})

    def outside(self) -> dict[str, Any]:
        """A sensor whose name the issuer must refuse."""
        return {**self.sensor(2), "common_name": cn(2, "office.example")}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def setup(kind: str, site: Site, request: pytest.FixtureRequest) -> Iterator[Setup]:
    if kind in ("vault", "cfssl"):
        target = request.getfixturevalue("openbao" if kind == "vault" else "cfssl_url")
        with ca_servers.between(target.url if kind == "vault" else target) as proxy:
            yield _server(kind, site, target, proxy)
    else:
        yield {"local_ca": _local_ca, "self_signed": _self_signed, "received": _received, "request_folder": _folder}[
            kind
        ](site)


def _server(kind: str, site: Site, target: Any, proxy: ca_servers.Between) -> Setup:
    roots = site.folder / "roots.pem"
    if kind == "vault":
        mount = target.engine()
        site.described["outside"] = {
            "kind": "vault", "url": proxy.url, "mount": mount, "role": "sensors", "token": ca_servers.TOKEN,
        }  # fmt: skip
    else:
        roots.write_bytes(pki.root().crt)
        site.described["outside"] = {
            "kind": "cfssl", "url": proxy.url, "profile": "sensor", "auth_key": ca_servers.AUTH_KEY,
            "trusted_roots": [str(roots)],
        }  # fmt: skip
    made = Setup("outside", asked=lambda: proxy.count("sign"))
    made.fails = made.outside
    return made


def _local_ca(site: Site) -> Setup:
    site.local_ca()
    made = Setup("local_ca")
    made.fails = made.outside
    return made


def _self_signed(site: Site) -> Setup:
    made = Setup("self_signed", {"environment": "test"})
    made.fails = lambda: made.sensor(2, environment="production")
    return made


def _received(site: Site) -> Setup:
    folder = site.folder / "received"
    folder.mkdir()
    (site.folder / "root.pem").write_bytes(pki.root().crt)
    site.received = {"src": (str(folder),), "trusted_roots": (str(site.folder / "root.pem"),)}
    (folder / "chain.pem").write_bytes(pki.chain())

    def answers() -> None:
        for number in (1, 2, 3):
            issued = pki.sensor(cn(number))
            (folder / f"{number}.crt").write_bytes(issued.crt)
            if not (folder / f"{number}.missing").exists():
                (folder / f"{number}.key").write_bytes(issued.private())

    def fails() -> dict[str, Any]:
        (folder / "2.missing").touch()
        return made.sensor(2)

    made = Setup("received", answers=answers, fails=fails)
    return made


def _folder(site: Site) -> Setup:
    (site.folder / "root.pem").write_bytes(pki.root().crt)
    site.described["corp"] = {"kind": "request_folder", "trusted_roots": [str(site.folder / "root.pem")]}
    wrong: set[str] = set()

    def answers() -> None:
        answer_all(site)
        for name, csr in requests_of(site).items():
            if name in wrong:
                (site.inbox() / f"{name}.cer").write_bytes(answer(csr, drop=("O",)).crt + pki.chain())

    def fails() -> dict[str, Any]:
        wrong.add(cn(2))
        return made.sensor(2)

    made = Setup("corp", answers=answers, fails=fails)
    return made


def obtained(site: Site, setup: Setup, *sensors: dict[str, Any]) -> Any:
    """What the runs come to that a person makes: one, and for people's answers another."""
    outcomes = site.run(*sensors)
    if any(outcome.action == "pending" for outcome in outcomes):
        setup.answers()
        outcomes = site.run(*sensors)
    return outcomes


def existing(site: Site, sensor: str) -> Existing:
    bundle = site.stage.read_visible(sensor)
    assert bundle is not None
    return Existing(bundle, read_certificates(bundle.crt, "").views[0])


def test_certificate_key_and_chain_belong_together_and_are_recorded(site: Site, setup: Setup) -> None:
    sensors = [setup.sensor(1), setup.sensor(2, key_passphrase="Key.2")]
    outcomes = obtained(site, setup, *sensors)
    assert actions(outcomes) == {cn(1): "issued", cn(2): "issued"}, told(outcomes)
    assert [outcome.action for outcome in site.staged] == ["staged", "staged"], site.staged
    for outcome, passphrase in zip(outcomes, (None, b"Key.2")):
        bundle = site.stage.read_visible(outcome.name)
        assert bundle is not None
        key = serialization.load_pem_private_key(bundle.key, passphrase)
        certificate = site.certificate(outcome.name)
        assert key.public_key() == certificate.public_key()
        assert outcome.issuer == setup.name
        record = site.ledger.find(certificate)
        assert record is not None
        assert record.issuer == setup.name
        assert Path(bundle.files.key).stat().st_mode & 0o777 == 0o600
    assert not (site.pki_dir / "staged" / ".waiting").exists() or not any(site.waiting(cn(number)) for number in (1, 2))


def test_a_second_run_keeps_and_asks_nobody(site: Site, setup: Setup) -> None:
    sensors = [setup.sensor(1), setup.sensor(2)]
    obtained(site, setup, *sensors)
    before, asked = site.snapshot(), setup.asked()
    outcomes = site.run(*sensors)
    assert actions(outcomes) == {cn(1): "kept", cn(2): "kept"}, told(outcomes)
    assert not any(outcome.changed for outcome in outcomes)
    assert site.snapshot() == before
    assert setup.asked() == asked


def test_check_mode_asks_nobody_and_writes_nothing(site: Site, setup: Setup) -> None:
    before = site.snapshot()
    outcomes = site.run(setup.sensor(1), check_mode=True)
    assert outcomes[0].action in ("issued", "pending"), told(outcomes)
    assert site.snapshot() == before
    assert setup.asked() == 0


def test_one_sensor_that_fails_leaves_the_others(site: Site, setup: Setup) -> None:
    sensors = [setup.sensor(1), setup.fails(), setup.sensor(3)]
    outcomes = obtained(site, setup, *sensors)
    assert actions(outcomes) == {cn(1): "issued", cn(2): "failed", cn(3): "issued"}, told(outcomes)
    assert len(outcomes[1].errors) >= 1
    assert "Traceback" not in told(outcomes)


def test_its_own_bundles_are_its_own_and_another_issuers_are_foreign(site: Site, setup: Setup) -> None:
    obtained(site, setup, setup.sensor(1))
    issuer = site.issuers.by_name[setup.name]
    assert list(issuer.foreign(existing(site, cn(1)))) == []
    other = "self_signed" if setup.name != "self_signed" else "local_ca"
    if other == "local_ca":
        site.local_ca()
    site.run(wanted(3, other, environment="test"))
    reasons = issuer.foreign(existing(site, cn(3)))
    assert reasons
    assert all(reason.startswith("issuer: ") for reason in reasons)


def test_a_sensor_that_changes_its_issuer_gets_a_new_certificate(site: Site, setup: Setup) -> None:
    other = "self_signed" if setup.name != "self_signed" else "local_ca"
    if other == "local_ca":
        site.local_ca()
    site.run(wanted(1, other, environment="test"))
    before = site.certificate(cn(1))
    first = site.run(setup.sensor(1), check_mode=True)
    assert first[0].action in ("issued", "pending")
    # That received files end at another root must be said on purpose.
    outcomes = obtained(site, setup, setup.sensor(1, reissue=setup.name == "received"))
    assert outcomes[0].action == "issued", told(outcomes)
    assert site.certificate(cn(1)) != before


def test_its_terms_are_plain(site: Site, setup: Setup) -> None:
    site.run(setup.sensor(1), check_mode=True)
    terms = site.issuers.by_name[setup.name].terms
    assert isinstance(terms, Terms)
    assert terms.exact == (setup.name in ("local_ca", "self_signed"))


def test_what_is_asked_anew_is_obtained_anew(site: Site, setup: Setup) -> None:
    obtained(site, setup, setup.sensor(1))
    before = site.certificate(cn(1))
    outcomes = site.run(setup.sensor(1, reissue=True), moment=moments.now() + datetime.timedelta(seconds=5))
    assert site.certificate(cn(1)) == before or outcomes[0].action == "issued"
    if outcomes[0].action == "pending":
        setup.answers()
        outcomes = site.run(setup.sensor(1))
    assert outcomes[0].action == "issued", told(outcomes)
    # Of received files there are no others.
    assert site.certificate(cn(1)) != before or setup.name == "received"
