# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change the embedded CA: another passphrase, a new issuing CA under its root, or the organization's root above it.

Nothing in the CA's folder is changed in place. A whole new folder is made beside it, opened as every run opens it,
and then exchanged with the old one in one step. So all keys have the new passphrase or none, and a run that is killed
leaves the CA that was there.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...._plain.errors import FileError, InputError
from ...._plain.files import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    PUBLIC_FILE,
    PUBLIC_FOLDER,
    make_folder,
    read_file,
    remove_file,
    replace_file,
    why,
    write_new,
)
from ...._plain.folders import Folder
from ...crypto import hashes, rsa, serialization, x509
from ...state import locks
from ...state.durable import make_durable
from ...state.ledger import Ledger
from ...state.revocations import key_mark
from ...state.stage_folder import LOCKS
from ...values import text as texts
from ...values import x509_parts as parts
from ...values.keys import load_private_key
from .exchange import exchange
from .key_file import encrypted_pem, is_cheap_to_guess
from .make import ISSUING, MARKER, ROOT, MadeTier, build, ca_name, remove_remains
from .opened import ABOUT, ABOVE, FORMER, Authority, AuthorityError, former_folders, open_authority
from .settings import AuthoritySettings, passphrase_fault

_WARN = datetime.timedelta(0)


@dataclass(frozen=True)
class Changed:
    """What became of the CA.

    :ivar text: one sentence for people. :ivar lines: what is to be done next.
    :ivar path: the file that was written for somebody else, if one was.
    """

    changed: bool
    text: str
    lines: tuple[str, ...] = ()
    path: str | None = None


@dataclass(frozen=True)
class Changing:
    """The CA that is to be changed.

    :ivar passphrase: the one that it has. :ivar settings: how a CA of this inventory is made.
    :ivar crl_url: the CRL URL that certificates get from now on, or None.
    """

    folder: str
    passphrase: str
    settings: AuthoritySettings
    ledger: Ledger
    moment: datetime.datetime
    check_mode: bool = False
    lock_timeout: float = 30.0
    crl_url: str | None = None

    def opened(self) -> Authority:
        """The CA as it is.

        :raises PkiError: it is not whole, or the passphrase does not open it.
        """
        return open_authority(self.folder, self.passphrase, self.moment, _WARN)

    # Passphrase

    def change_passphrase(self, new: object) -> Changed:
        """Encrypt every key anew, all of them or none.

        :param new: the new passphrase; the same one is fine for keys that are cheap to guess.
        :raises InputError: it is missing, too short, or one of the keys does not open.
        """
        fault = passphrase_fault(new)
        if fault:
            raise InputError(replace(fault, variable="new_passphrase").text("local_ca_"))
        passphrase = str(new)
        authority = self.opened()
        names = self._keys()
        cheap = [name for name in names if is_cheap_to_guess(read_file(os.path.join(self.folder, name)))]
        if passphrase == self.passphrase and not cheap:
            return Changed(False, f"the keys of the CA in {self.folder} have this passphrase already")
        for ca in authority.former:
            ca.open_key()  # what does not open is told before anything is made

        def work(folder: str) -> None:
            for name in names:
                path = os.path.join(folder, name)
                key = load_private_key(read_file(path), self.passphrase.encode())
                if not isinstance(key, rsa.RSAPrivateKey):
                    raise AuthorityError(f"{path} is no RSA key")
                replace_file(path, encrypted_pem(key, passphrase), PRIVATE_FILE)

        self._rebuild(work, passphrase)
        lines = ["Put the new passphrase into local_ca_passphrase before the next run, and into the backup's notes"]
        if authority.tiers == 2 and authority.own_root and not authority.root_key_present:
            lines.append("root.key is offline and keeps the passphrase that it has")
        lines.append("Backups of the CA's folder made before still open with the old passphrase")
        many = f"{len(names)} key{'s' if len(names) > 1 else ''}"
        return Changed(True, f"{many} of the CA in {self.folder} encrypted anew", tuple(lines))

    def _keys(self) -> list[str]:
        """The key files, by their path within the CA's folder."""
        found = [f"{tier}.key" for tier in (ROOT, ISSUING) if os.path.exists(os.path.join(self.folder, f"{tier}.key"))]
        for place in former_folders(self.folder):
            found += [
                os.path.relpath(os.path.join(place, name), self.folder)
                for name in sorted(os.listdir(place))
                if name.endswith(".key")
            ]
        return found

    # A new issuing CA

    def new_issuing(self) -> Changed:
        """A new issuing CA under the same root; the one before publishes its CRL until its last certificate ends.

        :raises InputError: there is only one tier, or the root's key is not here.
        """
        authority = self.opened()
        if authority.tiers != 2:
            raise InputError(f"the CA in {self.folder} is a root that issues by itself; it has no issuing CA to change")
        if not authority.own_root:
            raise InputError(
                f"the CA in {self.folder} is under the organization's root; use change_ca_action: request and install"
            )
        root_key = authority.root_key
        if root_key is None:
            raise InputError(
                f"the root's key is offline; bring root.key into {self.folder}, run again, and take it offline again"
            )
        used, url = self._used(authority.certificate)
        if not used:
            return Changed(False, "the issuing CA has issued nothing yet, so it is kept", ())
        if url is not None and url == self.crl_url:
            raise InputError(
                f"local_ca_crl_url is {url}, where the CRL of the issuing CA before stays until its last certificate "
                "ends; wanted: another URL for the new one's, with another file name"
            )
        domains, networks = parts.permitted_names(authority.certificate)
        settings = replace(self.settings, permitted_dns=tuple(domains), permitted_networks=tuple(networks))
        if settings.issuing_validity_days > (authority.root.not_valid_after_utc - self.moment).days:
            settings = replace(settings, issuing_validity_days=(authority.root.not_valid_after_utc - self.moment).days)
        if settings.issuing_validity_days < 1:
            raise InputError("the root itself ends; make a new CA in another folder (local_ca_dir)")
        made: list[MadeTier] = []

        def work(folder: str) -> None:
            key = parts.new_key(settings.key_size)
            subject = ca_name(settings, "Issuing", key)
            certificate = build(
                settings,
                subject,
                key,
                MadeTier(authority.root, root_key),
                settings.issuing_validity_days,
                0,
                self.moment,
            )
            made.append(MadeTier(certificate, key))
            self._set_aside(folder, authority, url, (ISSUING,))
            replace_file(os.path.join(folder, f"{ISSUING}.crt"), parts.pem(certificate), PRIVATE_FILE)
            replace_file(os.path.join(folder, f"{ISSUING}.key"), encrypted_pem(key, self.passphrase), PRIVATE_FILE)
            _mark(folder, fingerprints={ISSUING: parts.fingerprint(certificate)})

        self._rebuild(work, self.passphrase)
        lines = [
            "deploy_certs now issues every sensor's certificate anew; set sensor_certificates_max_changes to do so in "
            "parts. The root stays, so workstations trust both"
        ]
        if url is not None:
            lines.append(f"publish_crl keeps the CRL at {url} fresh until the last certificate that names it ends")
        name = texts.name_text(made[0].certificate.subject) if made else "a new issuing CA"
        return Changed(True, f"{name} {'would take' if self.check_mode else 'takes'} the place of "
                       f"{texts.name_text(authority.certificate.subject)}", tuple(lines))  # fmt: skip

    def _used(self, issuer: x509.Certificate) -> tuple[bool, str | None]:
        """Whether an issuing CA has issued anything, and the CRL URL in its certificates that have not ended."""
        mark, used, url = key_mark(issuer), False, None
        for record in self.ledger.records():
            certificate = record.certificate
            if record.issuer_key != mark or certificate is None:
                continue
            used = True
            if certificate.not_valid_after_utc > self.moment:
                url = parts.crl_url(certificate) or url
        return used, url

    @staticmethod
    def _set_aside(folder: str, authority: Authority, crl_url: str | None, tiers: Sequence[str]) -> None:
        """Keep what another takes the place of, in a folder of its own."""
        first = authority.certificate if ISSUING in tiers else authority.root
        place = os.path.join(folder, FORMER, parts.fingerprint(first)[:16])
        make_folder(place, PRIVATE_FOLDER)
        for tier in tiers:
            for kind in ("crt", "key"):
                path = os.path.join(folder, f"{tier}.{kind}")
                if os.path.exists(path):
                    write_new(os.path.join(place, f"{tier}.{kind}"), read_file(path), PRIVATE_FILE)
        about = {"format": 1, "crl_url": crl_url}
        write_new(os.path.join(place, ABOUT), json.dumps(about).encode() + b"\n", PRIVATE_FILE)

    # Under the organization's root

    def request(self, path: str) -> Changed:
        """Write the issuing CA's request for the organization's root; its key stays where it is.

        :param path: the file to write.
        :raises InputError: there is only one tier.
        """
        authority = self._two_tiers()
        csr = request_of(authority.certificate, authority.key)
        if os.path.exists(path) and read_file(path) == csr:
            return Changed(False, f"the request is in {path} already", _REQUEST_LINES, path)
        if not self.check_mode:
            try:
                make_folder(os.path.dirname(path), PUBLIC_FOLDER)
                replace_file(path, csr, PUBLIC_FILE)
            except OSError as error:
                raise FileError(f"{path} cannot be written: {why(error)}") from error
        return Changed(True, f"the request of {texts.name_text(authority.certificate.subject)} is in {path}",
                       _REQUEST_LINES, path)  # fmt: skip

    def _two_tiers(self) -> Authority:
        authority = self.opened()
        if authority.tiers != 2:
            raise InputError(
                f"the CA in {self.folder} is one root that issues by itself; only an issuing CA (local_ca_tiers: 2) "
                "can be put under the organization's root"
            )
        return authority

    def install(self, chain: Sequence[x509.Certificate]) -> Changed:
        """Take the organization's answer: the issuing CA's new certificate, and those above it up to the root.

        :param chain: judged already (:func:`.answered.read_answer`), the issuing CA's first.
        """
        authority = self._two_tiers()
        if [parts.fingerprint(entry) for entry in chain] == [parts.fingerprint(entry) for entry in authority.chain]:
            return Changed(False, "the CA has this certificate and chain already")
        _used, url = self._used(authority.certificate)

        def work(folder: str) -> None:
            if authority.own_root:
                self._set_aside(folder, authority, url, (ROOT,))
                if os.path.exists(os.path.join(folder, f"{ROOT}.key")):
                    remove_file(os.path.join(folder, f"{ROOT}.key"))
            for name in os.listdir(folder):
                if name.startswith(f"{ABOVE}-"):
                    remove_file(os.path.join(folder, name))
            replace_file(os.path.join(folder, f"{ISSUING}.crt"), parts.pem(chain[0]), PRIVATE_FILE)
            replace_file(os.path.join(folder, f"{ROOT}.crt"), parts.pem(chain[-1]), PRIVATE_FILE)
            for number, entry in enumerate(chain[1:-1], start=1):
                replace_file(os.path.join(folder, f"{ABOVE}-{number}.crt"), parts.pem(entry), PRIVATE_FILE)
            prints = {ISSUING: parts.fingerprint(chain[0]), ROOT: parts.fingerprint(chain[-1])}
            _mark(folder, prints, above=[parts.fingerprint(entry) for entry in chain[1:-1]], own_root=False)

        self._rebuild(work, self.passphrase)
        lines = [
            "deploy_certs now issues every sensor's certificate anew, with the chain up to the organization's root; "
            "set sensor_certificates_max_changes to do so in parts",
            "Workstations keep trusting the root before until trust_store_remove_former: true; run with that when "
            "check_live shows that every sensor presents its new certificate",
        ]
        if authority.own_root:
            lines.append(f"The root before is kept in {os.path.join(self.folder, FORMER)}")
        name = texts.name_text(chain[-1].subject)
        return Changed(True, f"the issuing CA {'would be' if self.check_mode else 'is'} under {name}", tuple(lines))

    # The folder

    def _rebuild(self, work: Callable[[str], None], passphrase: str) -> None:
        """Make the folder anew beside itself, and exchange the two.

        :raises PkiError: it could not be made; the CA is what it was.
        """
        if self.check_mode:
            return
        parent, name = os.path.split(os.path.abspath(self.folder))
        self.ledger.prepare()
        # Not in the ledger itself: what a killed run leaves there would be taken for a record.
        place = os.path.join(self.ledger.folder, LOCKS)
        try:
            make_folder(place, PRIVATE_FOLDER)
        except OSError as error:
            raise FileError(f"the folder {place} cannot be made: {why(error)}") from error
        with locks.hold(place, ["change of the CA"], self.lock_timeout) as holders:
            if holders:
                raise InputError("another run changes this CA and has not ended; try again")
            # Nobody else is at work on it now.
            remove_remains(self.folder, older_than=-1.0)
            try:
                with Folder.open(parent) as above:
                    self._exchange(above, name, work, passphrase)
            except OSError as error:
                raise FileError(
                    f"the CA in {self.folder} could not be changed: {why(error)}; it is what it was"
                ) from error

    def _exchange(self, above: Folder, name: str, work: Callable[[str], None], passphrase: str) -> None:
        """Put a changed copy of the folder in its place, if the copy is a CA that opens."""
        copy = above.unused_name(f".{name}.new-")
        try:
            with Folder.open(self.folder) as now, above.make_folder(copy, PRIVATE_FOLDER) as made:
                _copy(now, made)
            path = above.at(copy)
            work(path)
            make_durable([path])
            # As every run will open it: what does not open takes nobody's place.
            opened = open_authority(path, passphrase, self.moment, _WARN)
            for ca in opened.former:
                ca.open_key()
            exchange(above, copy, name)
            above.fsync()
        finally:
            # The new folder that was not used, or the old one.
            with contextlib.suppress(OSError):
                above.rmtree(copy, missing_ok=True)


def _copy(source: Folder, target: Folder) -> None:
    """Copy all that is in a folder; links are made as they are."""
    for name in source.listdir():
        status = source.look(name)
        if status is None:
            continue
        if stat.S_ISLNK(status.st_mode):
            target.symlink(source.readlink(name), name)
        elif stat.S_ISDIR(status.st_mode):
            with source.folder(name) as inner, target.make_folder(name, PRIVATE_FOLDER) as made:
                _copy(inner, made)
        else:
            target.write_new(name, source.read(name), stat.S_IMODE(status.st_mode))


_REQUEST_LINES = (
    "Have it signed as a subordinate CA (path length 0), and run change_ca_action: install with the answer and its "
    "chain in change_ca_certificate",
)


def request_of(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """A request for the same CA (RFC 2986), PEM: its name, and what limits it. The same each time."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(certificate.subject)
    for kind in (
        x509.SubjectKeyIdentifier,
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.NameConstraints,
        x509.ExtendedKeyUsage,
    ):
        try:
            extension = certificate.extensions.get_extension_for_class(kind)  # type: ignore[type-var]
        except x509.ExtensionNotFound:
            continue
        value = extension.value
        if isinstance(value, x509.BasicConstraints):
            value = x509.BasicConstraints(ca=True, path_length=0)
        builder = builder.add_extension(value, extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _mark(
    folder: str, fingerprints: dict[str, str], above: list[str] | None = None, own_root: bool | None = None
) -> None:
    """Let the folder's marker name its new certificates."""
    path = os.path.join(folder, MARKER)
    content = json.loads(read_file(path))
    content["fingerprints"].update(fingerprints)
    if above is not None:
        content["above"] = above
    if own_root is not None:
        content["own_root"] = own_root
    replace_file(path, json.dumps(content, indent=2).encode() + b"\n", PRIVATE_FILE)
