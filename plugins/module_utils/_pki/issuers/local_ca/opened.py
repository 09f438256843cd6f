# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open the embedded CA that is there: complete, matching, in date; never change it."""

from __future__ import annotations

import datetime
import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...._plain.errors import InputError, KeyReadError, PassphraseError, PkiError
from ...._plain.files import read_file
from ...crypto import rsa, x509
from ...values import moments, text
from ...values import x509_parts as parts
from ...values.keys import load_private_key, public_key_id
from ...values.lists import counted
from .key_file import ROUNDS, is_cheap_to_guess
from .make import FORMAT, ISSUING, MARKER, ROOT, remove_remains
from .settings import AuthoritySettings

# CAs above the issuing one that are no root, and the folder of those that others took the place of.
ABOVE, FORMER, ABOUT = "above", "former", "about.json"


class AuthorityError(PkiError):
    """The embedded CA is not usable as it is; the message says what to do."""


@dataclass(frozen=True)
class Former:
    """An issuing CA that another one took the place of: it issues nothing more, and publishes its CRL to the end.

    :ivar crl_url: the CRL URL in its certificates, or None.
    """

    certificate: x509.Certificate
    crl_url: str | None
    open_key: Callable[[], rsa.RSAPrivateKey] = field(repr=False)


@dataclass(frozen=True)
class Authority:
    """The embedded CA, ready to sign.

    ``chain`` is what a sensor gets: issuing CA first, up to and with the root. ``root_key_present`` is
    false when the root's key was taken offline. ``own_root`` is false if the root is the organization's, and ``former``
    are issuing CAs that this one took the place of. A key is opened when it is asked for, and once: that takes its
    time.
    """

    folder: str
    tiers: int
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    root_key_present: bool
    open_key: Callable[[str], rsa.RSAPrivateKey] = field(repr=False)
    warnings: tuple[str, ...] = ()
    own_root: bool = True
    former: tuple[Former, ...] = ()

    @functools.cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """The key that signs sensors' certificates.

        :raises InputError: the passphrase is wrong. :raises AuthorityError: the file is damaged or another CA's.
        """
        return self.open_key(ISSUING if self.tiers == 2 else ROOT)

    @functools.cached_property
    def root_key(self) -> rsa.RSAPrivateKey | None:
        """The root's key, None if it was taken offline; raises as :attr:`key`."""
        if not self.root_key_present:
            return None
        return self.key if self.tiers == 1 else self.open_key(ROOT)

    @property
    def root(self) -> x509.Certificate:
        """The root certificate, which people's trust stores need."""
        return self.chain[-1]

    @property
    def chain_pem(self) -> bytes:
        """The chain as PEM, in the order that sensors want."""
        return b"".join(parts.pem(certificate) for certificate in self.chain)


def folder_state(folder: str) -> str:
    """``absent`` (missing or an empty folder) or ``present``.

    :raises AuthorityError: something else than a CA stands there, or it cannot be read.
    """
    try:
        entries = os.listdir(folder)
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        raise AuthorityError(f"the CA's folder {folder} cannot be read: {error.strerror}") from error
    if not entries:
        return "absent"
    known = {MARKER, *(f"{tier}.{kind}" for tier in (ROOT, ISSUING) for kind in ("crt", "key"))}
    if not known & set(entries):
        some = ", ".join(sorted(entries)[:3])
        raise AuthorityError(f"{folder} holds other files ({some}) and no CA; name an empty or new folder")
    return "present"


def _is_there(path: str) -> bool:
    """Whether a file is there; one of which that cannot be told is not missing.

    :raises AuthorityError: it cannot be told.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise AuthorityError(f"{path} cannot be read: {error.strerror}") from error
    return True


def _restore(folder: str, name: str) -> AuthorityError:
    return AuthorityError(
        f"{os.path.join(folder, name)} is missing, but the CA was made before; "
        "restore it from the backup. Nothing was changed"
    )


@dataclass(frozen=True)
class _Marker:
    """What the CA's folder says of itself: its tiers, issuing CA first, and their certificates' fingerprints.

    :ivar above: those of CAs between the issuing CA and the root (an organization's), the lowest first.
    :ivar own_root: the root was made here.
    """

    tiers: tuple[str, ...]
    fingerprints: Mapping[str, str]
    above: tuple[str, ...] = ()
    own_root: bool = True


def _marker(folder: str) -> _Marker:
    path = os.path.join(folder, MARKER)
    if not _is_there(path):
        raise _restore(folder, MARKER)
    try:
        content = json.loads(read_file(path))
        if content["format"] != FORMAT:
            raise AuthorityError(f"{path} has format {content['format']}; this version knows format {FORMAT}")
        tiers = {1: (ROOT,), 2: (ISSUING, ROOT)}[content["tiers"]]
        return _Marker(
            tiers,
            {tier: str(content["fingerprints"][tier]) for tier in tiers},
            tuple(str(entry) for entry in content.get("above", ())),
            bool(content.get("own_root", True)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise AuthorityError(f"{path} is damaged; restore it from the backup. Nothing was changed") from error


def _certificate(folder: str, tier: str, fingerprint: str) -> x509.Certificate:
    name = f"{tier}.crt"
    path = os.path.join(folder, name)
    if not _is_there(path):
        raise _restore(folder, name)
    try:
        certificate = x509.load_pem_x509_certificate(read_file(path))
    except ValueError as error:
        raise AuthorityError(f"{path} is not a PEM certificate; restore it from the backup") from error
    if parts.fingerprint(certificate) != fingerprint:
        raise AuthorityError(
            f"{path} is not the certificate that {MARKER} names; restore the CA's folder from one backup"
        )
    return certificate


def _above(folder: str, marker: _Marker) -> tuple[x509.Certificate, ...]:
    return tuple(
        _certificate(folder, f"{ABOVE}-{number}", fingerprint)
        for number, fingerprint in enumerate(marker.above, start=1)
    )


def former_folders(folder: str) -> list[str]:
    """The folders of issuing CAs that were followed by others."""
    place = os.path.join(folder, FORMER)
    try:
        return sorted(os.path.join(place, name) for name in os.listdir(place) if not name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AuthorityError(f"{place} cannot be read: {error.strerror}") from error


def former_certificates(folder: str) -> tuple[x509.Certificate, ...]:
    """The certificates of issuing CAs that others took the place of, without opening any key.

    :raises AuthorityError: one of them is damaged.
    """
    return tuple(ca.certificate for ca in _former(folder, ""))


def _former(folder: str, passphrase: str) -> tuple[Former, ...]:
    found = []
    for place in former_folders(folder):
        if not _is_there(os.path.join(place, f"{ISSUING}.key")):
            continue  # a root that the organization's took the place of
        try:
            certificate = x509.load_pem_x509_certificate(read_file(os.path.join(place, f"{ISSUING}.crt")))
            about = json.loads(read_file(os.path.join(place, ABOUT)))
            url = str(about["crl_url"]) if about.get("crl_url") else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AuthorityError(f"{place} is damaged; restore it from the backup") from error
        key = functools.partial(_key, place, ISSUING, certificate, passphrase)
        found.append(Former(certificate, url, key))
    return tuple(found)


def _key(folder: str, tier: str, certificate: x509.Certificate, passphrase: str) -> rsa.RSAPrivateKey:
    path = os.path.join(folder, f"{tier}.key")
    data = read_file(path)
    if b"ENCRYPTED" not in data:
        raise AuthorityError(
            f"{path} is not encrypted; encrypt it with the CA's passphrase: "
            f"openssl pkcs8 -topk8 -v2 aes256 -iter {ROUNDS} -in {tier}.key -out new.key"
        )
    try:
        key = load_private_key(data, passphrase.encode())
    except PassphraseError as error:
        raise InputError(
            f"local_ca_passphrase does not open {path}; give the passphrase the CA was made with"
        ) from error
    except KeyReadError as error:
        raise AuthorityError(f"{path} is damaged ({error}); restore it from the backup") from error
    if not isinstance(key, rsa.RSAPrivateKey) or public_key_id(key.public_key()) != public_key_id(
        certificate.public_key()
    ):
        raise AuthorityError(f"{path} does not match {tier}.crt; restore the CA's folder from one backup")
    return key


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer signed it, with whatever kind of key: an organization's root may have an elliptic one."""
    if parts.signed_by(certificate, issuer):
        return True
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm: it did not
        return False
    return True


def _check_certificate(folder: str, tier: str, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    path = os.path.join(folder, f"{tier}.crt")
    if not _signed_by(certificate, issuer):
        raise AuthorityError(f"{path} is not signed by the key of {text.name_text(issuer.subject)}")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        constraints = None
    if constraints is None or not constraints.ca:
        raise AuthorityError(f"{path} is not a CA certificate (basicConstraints CA:TRUE is missing)")


def _check_dates(
    folder: str, tier: str, certificate: x509.Certificate, moment: datetime.datetime, warn_before: datetime.timedelta
) -> list[str]:
    path = os.path.join(folder, f"{tier}.crt")
    if moment < certificate.not_valid_before_utc:
        raise AuthorityError(
            f"{path} is not valid before {moments.iso(certificate.not_valid_before_utc)}; "
            "is this machine's clock right?"
        )
    if moment > certificate.not_valid_after_utc:
        raise AuthorityError(
            f"{path} expired on {moments.iso(certificate.not_valid_after_utc)}. Nothing was changed; "
            "make a new CA in another folder (local_ca_dir) with local_ca_create: true, "
            "trust it on the workstations, then run again"
        )
    left = certificate.not_valid_after_utc - moment
    if left < warn_before:
        return [
            f"{path} expires in {counted(left.days, 'day')}, on {moments.iso(certificate.not_valid_after_utc)}; "
            "plan a new CA: certificates cannot live longer than it"
        ]
    return []


def _mode_warnings(folder: str, tiers: Sequence[str]) -> list[str]:
    paths = [(folder, 0o700), *((os.path.join(folder, f"{tier}.key"), 0o600) for tier in tiers)]
    warnings = []
    for path, wanted in paths:
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0
        if mode & 0o077:
            warnings.append(f"{path} has mode {mode:04o}, so others can reach the CA's keys; chmod {wanted:04o} it")
    return warnings


def _cost_warnings(folder: str, tiers: Sequence[str]) -> list[str]:
    """Keys of version 1.0.0: their passphrase is guessed three hundred times faster than that of today's."""
    cheap = [f"{tier}.key" for tier in tiers if is_cheap_to_guess(read_file(os.path.join(folder, f"{tier}.key")))]
    if not cheap:
        return []
    return [
        f"{' and '.join(cheap)} in {folder}: encrypted as version 1.0.0 did, with few "
        "rounds, so the passphrase can be guessed fast; encrypt anew with the playbook change_ca and "
        "change_ca_action: passphrase (the passphrase may stay the same)"
    ]


def open_authority(
    folder: str,
    passphrase: str,
    moment: datetime.datetime,
    warn_before: datetime.timedelta,
    open_keys: bool = True,
) -> Authority:
    """The CA in a folder, after checking that every part is there and belongs together.

    :param warn_before: remaining lifetime below which a warning is given.
    :param open_keys: False leaves the keys closed until they are needed, for what may need none.
    :raises AuthorityError: a part is missing, damaged, expired or does not match another.
    :raises InputError: the passphrase is wrong.
    :raises FileError: a file cannot be read.
    """
    remove_remains(folder)
    marker = _marker(folder)
    tiers = marker.tiers
    certificates = {tier: _certificate(folder, tier, marker.fingerprints[tier]) for tier in tiers}
    above = _above(folder, marker)
    signer = tiers[0]
    keys = [tier for tier in tiers if _is_there(os.path.join(folder, f"{tier}.key"))]
    if signer not in keys:
        raise _restore(folder, f"{signer}.key")
    warnings = []
    for tier in tiers:
        issuer = above[0] if above and tier == signer else certificates[ROOT]
        _check_certificate(folder, tier, certificates[tier], issuer)
        warnings += _check_dates(folder, tier, certificates[tier], moment, warn_before)
    warnings += _mode_warnings(folder, tiers)
    if open_keys:  # told once for a run
        warnings += _cost_warnings(folder, keys)
    authority = Authority(
        folder=folder,
        tiers=len(tiers),
        certificate=certificates[signer],
        chain=(certificates[signer], *above, *(certificates[tier] for tier in tiers[1:])),
        root_key_present=ROOT in keys,
        open_key=lambda tier: _key(folder, tier, certificates[tier], passphrase),
        warnings=tuple(warnings),
        own_root=marker.own_root,
        former=_former(folder, passphrase),
    )
    if open_keys:
        authority.key, authority.root_key  # noqa: B018 - opened here, so that what is wrong with them is told now
    return authority


def public_certificates(folder: str) -> tuple[x509.Certificate, ...]:
    """The CA's certificates, issuing CA first, without opening any key.

    :raises AuthorityError: one is missing or damaged.
    """
    marker = _marker(folder)
    first, *rest = (_certificate(folder, tier, marker.fingerprints[tier]) for tier in marker.tiers)
    return (first, *_above(folder, marker), *rest)


def drift_warnings(authority: Authority, settings: AuthoritySettings) -> list[str]:
    """Settings that differ from how the CA was made: they are not applied, and the user is told once."""
    kept = "the CA keeps what it was made with"
    warnings = []
    if settings.tiers != authority.tiers:
        warnings.append(f"local_ca_tiers is {settings.tiers}, but the CA has {authority.tiers}; {kept}")
    size = authority.certificate.public_key()
    if isinstance(size, rsa.RSAPublicKey) and size.key_size != settings.key_size:
        warnings.append(f"local_ca_key_size is {settings.key_size}, but the CA's key has {size.key_size} bits; {kept}")
    made_dns, made_networks = parts.permitted_names(authority.certificate)
    if (set(made_dns), set(made_networks)) != (set(settings.permitted_dns), set(settings.permitted_networks)):
        made = ", ".join([*made_dns, *made_networks]) or "any name"
        warnings.append(f"local_ca_permitted_names differs from the CA, which is limited to {made}; {kept}")
    if authority.tiers == 2 and authority.own_root:
        made_url = parts.crl_url(authority.certificate)
        if made_url != settings.root_crl_url:
            warnings.append(
                f"local_ca_root_crl_url is {settings.root_crl_url or 'not set'}, "
                f"but the issuing CA was made with {made_url or 'none'}; {kept}"
            )
    return warnings
