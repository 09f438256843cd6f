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
from ...values import x509_parts as parts
from ...values.keys import load_private_key, public_key_id
from .key_file import ROUNDS, is_cheap_to_guess
from .make import FORMAT, ISSUING, MARKER, ROOT, remove_remains
from .settings import AuthoritySettings


class AuthorityError(PkiError):
    """The embedded CA is not usable as it is; the message says what to do."""


@dataclass(frozen=True)
class Authority:
    """The embedded CA, ready to sign.

    ``chain`` is what a sensor gets: issuing CA first, up to and with the root. ``root_key_present`` is
    false when the root's key was taken offline. A key is opened when it is asked for, and once: that takes its time.
    """

    folder: str
    tiers: int
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    root_key_present: bool
    open_key: Callable[[str], rsa.RSAPrivateKey] = field(repr=False)
    warnings: tuple[str, ...] = ()

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


def _restore(folder: str, name: str) -> AuthorityError:
    return AuthorityError(
        f"{os.path.join(folder, name)} is missing, but the CA was made before; "
        "restore it from the backup. Nothing was changed"
    )


@dataclass(frozen=True)
class _Marker:
    """What the CA's folder says of itself: its tiers, issuing CA first, and their certificates' fingerprints."""

    tiers: tuple[str, ...]
    fingerprints: Mapping[str, str]


def _marker(folder: str) -> _Marker:
    path = os.path.join(folder, MARKER)
    if not os.path.lexists(path):
        raise _restore(folder, MARKER)
    try:
        content = json.loads(read_file(path))
        if content["format"] != FORMAT:
            raise AuthorityError(f"{path} has format {content['format']}; this version knows format {FORMAT}")
        tiers = {1: (ROOT,), 2: (ISSUING, ROOT)}[content["tiers"]]
        return _Marker(tiers, {tier: str(content["fingerprints"][tier]) for tier in tiers})
    except (ValueError, KeyError, TypeError) as error:
        raise AuthorityError(f"{path} is damaged; restore it from the backup. Nothing was changed") from error


def _certificate(folder: str, tier: str, fingerprint: str) -> x509.Certificate:
    name = f"{tier}.crt"
    path = os.path.join(folder, name)
    if not os.path.lexists(path):
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


def _check_certificate(folder: str, tier: str, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    path = os.path.join(folder, f"{tier}.crt")
    if not parts.signed_by(certificate, issuer):
        raise AuthorityError(f"{path} is not signed by the key of {parts.name_text(issuer.subject)}")
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
            f"{path} is not valid before {parts.iso(certificate.not_valid_before_utc)}; is this machine's clock right?"
        )
    if moment > certificate.not_valid_after_utc:
        raise AuthorityError(
            f"{path} expired on {parts.iso(certificate.not_valid_after_utc)}. Nothing was changed; "
            "make a new CA in another folder (local_ca_dir) with local_ca_create: true, "
            "trust it on the workstations, then run again"
        )
    left = certificate.not_valid_after_utc - moment
    if left < warn_before:
        return [
            f"{path} expires in {left.days} days, on {parts.iso(certificate.not_valid_after_utc)}; "
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
    signer = tiers[0]
    keys = [tier for tier in tiers if os.path.lexists(os.path.join(folder, f"{tier}.key"))]
    if signer not in keys:
        raise _restore(folder, f"{signer}.key")
    warnings = []
    for tier in tiers:
        _check_certificate(folder, tier, certificates[tier], certificates[ROOT])
        warnings += _check_dates(folder, tier, certificates[tier], moment, warn_before)
    warnings += _mode_warnings(folder, tiers)
    if open_keys:  # told once for a run
        warnings += _cost_warnings(folder, keys)
    authority = Authority(
        folder=folder,
        tiers=len(tiers),
        certificate=certificates[signer],
        chain=tuple(certificates[tier] for tier in tiers),
        root_key_present=ROOT in keys,
        open_key=lambda tier: _key(folder, tier, certificates[tier], passphrase),
        warnings=tuple(warnings),
    )
    if open_keys:
        authority.key, authority.root_key  # noqa: B018 - opened here, so that what is wrong with them is told now
    return authority


def public_certificates(folder: str) -> tuple[x509.Certificate, ...]:
    """The CA's certificates, issuing CA first, without opening any key.

    :raises AuthorityError: one is missing or damaged.
    """
    marker = _marker(folder)
    return tuple(_certificate(folder, tier, marker.fingerprints[tier]) for tier in marker.tiers)


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
    if authority.tiers == 2:
        made_url = parts.crl_url(authority.certificate)
        if made_url != settings.root_crl_url:
            warnings.append(
                f"local_ca_root_crl_url is {settings.root_crl_url or 'not set'}, "
                f"but the issuing CA was made with {made_url or 'none'}; {kept}"
            )
    return warnings
