# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every kind of work that changes something on disk, as the modules do it, small enough to be done thousands of times."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import corporate_pki as pki
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.retire import Retiring
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.revoke import Revoking
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion import task as conversion
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.publishing import (
    Lifetimes,
    Publisher,
    sources,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca import key_file
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.change import Changing
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.ensure import ensure_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.opened import (
    former_certificates,
    open_authority,
    public_certificates,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import task as reporting
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file import plan
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_entries import parse_entries
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_read import read_hosts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust import stores
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.model import Anchor, Request
from issuing_site import PASSPHRASE, Site, answer_all, cn, wanted

DAY = datetime.timedelta(days=1)
NEW_PASSPHRASE = "another horse, another battery"
SENSORS = (1, 2)
LIFETIMES = Lifetimes(30, 365, 14)
URL, ROOT_URL = "http://crl.plant.example/sensors.crl", "http://crl.plant.example/root.crl"
SETTINGS = AuthoritySettings(PASSPHRASE, key_size=2048, root_crl_url=ROOT_URL)
# What costs a guesser real work would cost each of thousands of trials the same.
key_file.ROUNDS = 1000

_KEYS: list[Any] = []


def provide_keys(count: int) -> None:
    """Make keys in advance, for as many trials as are forked from this process."""
    _KEYS.extend(parts.new_key(2048) for _number in range(count))
    parts.new_key = lambda _bits: _KEYS.pop()


class Failed(Exception):
    """The work says that something could not be done; the texts are what people read."""


def site_in(folder: Path) -> Site:
    """The site of a folder, with its issuers described."""
    site = Site(folder)
    site.described = {"corp": {"kind": "request_folder", "trusted_roots": [str(folder / "root.pem")]}}
    site.received = {"src": [str(folder / "received")], "trusted_roots": [str(folder / "root.pem")]}
    return site


def _obtain(folder: Path, issuer: str, **more: Any) -> None:
    site = site_in(folder)
    outcomes = site.run(*(wanted(number, issuer, **more) for number in SENSORS))
    issuers = site.issuers.by_name.values()
    _raise(
        *(error for one in [*outcomes, *site.staged] for error in one.errors),
        *(text for one in issuers for text in one.problems),
    )


def _raise(*errors: str) -> None:
    if errors:
        raise Failed(*errors)


def _ca(folder: Path) -> str:
    return str(folder / "pki" / "local_ca")


def issue(folder: Path) -> None:
    """A first run: the CA is made, and a certificate for each sensor."""
    site = site_in(folder)
    ensure_authority(_ca(folder), SETTINGS, site.ledger, site.stage, moments.now(), 180 * DAY)
    _obtain(folder, "local_ca")


def reissue(folder: Path) -> None:
    _obtain(folder, "local_ca", reissue=True)


def keep(folder: Path) -> None:
    """A run that has nothing to do."""
    _obtain(folder, "local_ca")


def receive(folder: Path) -> None:
    _obtain(folder, "received")


def ask(folder: Path) -> None:
    _obtain(folder, "corp")


def convert(folder: Path) -> None:
    conversions = [
        {
            "src": [str(folder / "received" / f"{cn(number)}.pfx")],
            "passphrase": "Secret.1",
            "outputs": {kind: str(folder / "converted" / f"{number}.{kind}") for kind in ("crt", "key", "pem")},
        }
        for number in SENSORS
    ]
    result = conversion.run({"conversions": conversions, "key_format": "pkcs8", "backup": False}, False, False)
    _raise(*(text for one in result["results"] for text in one.get("errors", [one.get("msg")]) if one["failed"]))


def revoke(folder: Path) -> None:
    site = site_in(folder)
    authorities = (*public_certificates(_ca(folder)), *former_certificates(_ca(folder)))
    outcomes = Revoking(site.ledger, authorities, moments.now()).run([{"sensor": cn(1)}])
    _raise(*(error for one in outcomes for error in one.errors))


def publish(folder: Path) -> None:
    authority = open_authority(_ca(folder), PASSPHRASE, moments.now(), datetime.timedelta(0), open_keys=False)
    every = tuple(sources(authority, URL, LIFETIMES))
    outcomes = Publisher(str(folder / "pki" / "crl"), site_in(folder).ledger, LIFETIMES, moments.now(), every).publish()
    _raise(*(error for one in outcomes for error in one.errors))


def _changing(folder: Path, passphrase: str) -> Changing:
    return Changing(_ca(folder), passphrase, SETTINGS, site_in(folder).ledger, moments.now(), crl_url=URL)


def change_passphrase(folder: Path) -> None:
    _changing(folder, PASSPHRASE).change_passphrase(NEW_PASSPHRASE)


def change_issuing(folder: Path) -> None:
    _changing(folder, PASSPHRASE).new_issuing()


def retire(folder: Path) -> None:
    site = site_in(folder)
    revoking = Revoking(site.ledger, public_certificates(_ca(folder)), moments.now())
    retiring = Retiring(site.stage, site.ledger, frozenset({cn(1)}), revoking, moments.now())
    outcomes = retiring.run([cn(2)] if (folder / "pki" / "staged" / cn(2)).is_symlink() else retiring.orphaned())
    _raise(*(error for one in outcomes for error in one.errors), *retiring.problems)


def report(folder: Path) -> None:
    site = site_in(folder)
    places = reporting.Places(_ca(folder), str(folder / "pki" / "crl"))
    order = reporting.Order(str(folder / "pki" / "report"), [], places=places)
    sensors = [{**wanted(number, "local_ca"), "groups": ["sensors"]} for number in SENSORS]
    result = reporting.run(order, sensors, FleetState(site.stage, site.ledger), DEFENDER_IOT, moments.now())
    _raise(*result.get("errors", []))


def trust(folder: Path) -> None:
    root = pki.root()
    anchor = Anchor(root.crt.decode(), root.fingerprint, "Contoso Root", True)
    request = Request(anchors=(anchor,), present=True, told=frozenset(), remove_former=False, check_mode=False)
    reports = stores.run(stores.Selection(kinds=("bundle",), bundles=(str(folder / "bundle.pem"),)), request)
    _raise(*(one.error for one in reports if one.error))


def hosts(folder: Path) -> None:
    path = str(folder / "hosts")
    entries = parse_entries([{"ip": f"192.0.2.{number}", "names": [cn(number)]} for number in SENSORS], True, [])
    file = read_hosts(path)
    planned = plan(file.content, path, entries, "present", "move", "block", "test")
    if planned.content != file.content:
        file.put(planned.content)


# --- What there is before -------------------------------------------------------------------------------


def _empty(folder: Path) -> None:
    (folder / "root.pem").write_bytes(pki.root().crt)
    (folder / "hosts").write_text("127.0.0.1 localhost\n192.0.2.9 historian\n")
    (folder / "bundle.pem").write_bytes(pki.stranger().crt)
    (folder / "received").mkdir()
    (folder / "converted").mkdir()
    for number in SENSORS:
        data = pki.pfx(folder, pki.sensor(cn(number)), "Secret.1")
        (folder / "received" / f"{cn(number)}.pfx").write_bytes(data)
        (folder / "received" / f"{cn(number)}.pfx").chmod(0o600)
    for left in folder.glob("pfx.*"):
        left.unlink()
    (folder / "received").chmod(0o700)


def _received(folder: Path) -> None:
    """As PEM files, since two hundred derivations of a PKCS#12 key cost more than all the rest."""
    for number in SENSORS:
        issued = pki.sensor(cn(number))
        (folder / "received" / f"{cn(number)}.pfx").unlink()
        (folder / "received" / f"{number}.pem").write_bytes(issued.crt + pki.chain())
        (folder / "received" / f"{number}.key").write_bytes(issued.private())
        (folder / "received" / f"{number}.key").chmod(0o600)


def _staged(folder: Path) -> None:
    issue(folder)


def _published(folder: Path) -> None:
    issue(folder)
    publish(folder)
    revoke(folder)


def _asked(folder: Path) -> None:
    ask(folder)
    answer_all(site_in(folder))


def _converted(folder: Path) -> None:
    """Outputs of an earlier certificate stand there, which are to be replaced together."""
    convert(folder)
    for number in SENSORS:
        data = pki.pfx(folder, pki.issue(cn(number), pki.issuing(), key=pki.rsa_key("renewed")), "Secret.1")
        (folder / "received" / f"{cn(number)}.pfx").write_bytes(data)
    for left in folder.glob("pfx.*"):
        left.unlink()


# The work, and what there is before it.
WORKS: dict[str, tuple[Callable[[Path], None], tuple[Callable[[Path], None], ...]]] = {
    "issue": (issue, (_empty,)),
    "keep": (keep, (_empty, _staged)),
    "reissue": (reissue, (_empty, _staged)),
    "import": (receive, (_empty, _received)),
    "request": (ask, (_empty,)),
    "answer": (ask, (_empty, _asked)),
    "convert": (convert, (_empty,)),
    "convert-again": (convert, (_empty, _converted)),
    "revoke": (revoke, (_empty, _staged)),
    "publish": (publish, (_empty, _published)),
    "passphrase": (change_passphrase, (_empty, _staged)),
    "issuing": (change_issuing, (_empty, _published)),
    "retire": (retire, (_empty, _staged)),
    "report": (report, (_empty, _published)),
    "trust": (trust, (_empty,)),
    "hosts": (hosts, (_empty,)),
}


def prepare(name: str, folder: Path, made: dict[tuple[Any, ...], Path], aside: Path) -> None:
    """Bring a folder to what there is before a work; the same beginnings are made once, and kept aside."""
    steps = WORKS[name][1]
    shutil.rmtree(folder, ignore_errors=True)
    for length in range(len(steps), 0, -1):
        if steps[:length] in made:
            shutil.copytree(made[steps[:length]], folder, symlinks=True)
            break
    else:
        length = 0
        folder.mkdir(parents=True)
    for number in range(length, len(steps)):
        steps[number](folder)
        kept = aside / str(len(made))
        shutil.copytree(folder, kept, symlinks=True)
        made[steps[: number + 1]] = kept
