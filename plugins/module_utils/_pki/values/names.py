# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a certificate may call itself: host names, addresses, CRL URLs, subject values.

Every function that ends in ``_problem`` returns ``None`` for a fit value, otherwise what is wanted
instead, worded so that it can follow "wanted". Issuing and validation ask the same functions.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

from ..._plain.texts import harmless, is_plain

MAX_COMMON_NAME = 64  # ub-common-name, RFC 5280 appendix A.1
MAX_HOST_NAME = 253  # RFC 1035 section 2.3.4, in its text form

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")


def is_ip_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    if ":" not in text and not text[-1:].isdigit():
        return False  # as nearly all names that are asked about
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host_name_problem(text: str) -> str | None:
    """RFC 1123 section 2.1 host names; wildcards, addresses and a trailing dot are none."""
    if not text:
        return "a host name, for example sensor-1.plant.example"
    if "*" in text:
        return "one full name: wildcards are not supported by the sensors"
    if is_ip_address(text):
        return "a host name, not an IP address"
    if not text.isascii():
        return "ASCII letters, digits, hyphens and dots (write an internationalized name in its xn-- form)"
    if len(text) > MAX_HOST_NAME:
        return f"at most {MAX_HOST_NAME} characters"
    labels = text.split(".")
    if not all(_LABEL.match(label) for label in labels):
        return "a host name: labels of letters, digits and inner hyphens, separated by single dots"
    if labels[-1].isdigit():
        return "a host name whose last label is not a number"
    return None


def common_name_problem(text: str) -> str | None:
    """A sensor's CN: a host name of at most 64 characters (certificate-requirements article; RFC 5280)."""
    if len(text) > MAX_COMMON_NAME:
        return f"at most {MAX_COMMON_NAME} characters (this has {len(text)})"
    return host_name_problem(text)


def folder_name_problem(text: str) -> str | None:
    """Whether an inventory name can be a folder of the stage directory, unaltered."""
    if not text:
        return "a name that is not empty"
    if text.startswith("."):
        return "a name without a leading dot (dot-names are the store's own)"
    if "/" in text or "\\" in text:
        return "a name without / and \\"
    # Most names are plain, and thousands of them are looked at.
    plain = is_plain(text)
    if not plain and any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "a name without control characters"
    if text != text.strip():
        return "a name without blanks around it, which nobody sees and Windows drops"
    hidden = None if plain else next((character for character in text if harmless(character) != character), None)
    if hidden is not None and not _is_half(hidden):
        return f"a name without characters that nobody sees, or that turn text around (it has {harmless(hidden)})"
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return "a name that can be written as UTF-8"
    if len(encoded) > 255:
        return f"a name of at most 255 bytes (this has {len(encoded)})"
    return None


def _is_half(character: str) -> bool:
    return 0xD800 <= ord(character) <= 0xDFFF


def look_alike(name: str) -> str:
    """What two names have in common that people, or file systems which ignore case, take for each other.

    Case, how accents and wide letters are written (Unicode's NFKC), blanks around it, and what is not seen.
    """
    if is_plain(name):
        return " ".join(name.split()).casefold()
    seen = "".join(character for character in unicodedata.normalize("NFKC", name) if harmless(character) == character)
    return unicodedata.normalize("NFKC", " ".join(seen.split()).casefold())


def country_problem(text: str) -> str | None:
    """ISO 3166-1 alpha-2 code, as X.520 countryName wants it."""
    if re.fullmatch(r"[A-Z]{2}", text):
        return None
    return "two capital letters (ISO 3166-1), for example US"


def text_problem(text: str, max_length: int) -> str | None:
    """A subject value that people type: not empty, no control characters, within X.520's upper bound."""
    if not text.strip():
        return "a text that is not empty"
    if text != text.strip():
        return "a text without blanks around it"
    if not is_plain(text):
        if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
            return "a text without control characters"
        if any(_is_half(character) for character in text):
            return "a text that can be written as UTF-8"
    if len(text) > max_length:
        return f"at most {max_length} characters (this has {len(text)})"
    return None


def email_problem(text: str) -> str | None:
    """An address that fits the IA5String of emailAddress (RFC 5280 section 4.1.2.6)."""
    if not text.isascii():
        return "an e-mail address in ASCII"
    if len(text) > 255:
        return f"at most 255 characters (this has {len(text)})"
    local, at, domain = text.rpartition("@")
    if not (local and at) or re.search(r"[\s\x00-\x1f\x7f]", text) or host_name_problem(domain):
        return "an e-mail address, for example pki@plant.example"
    return None


def crl_url_problem(text: str) -> str | None:
    """A CRL distribution point as the sensors fetch it: plain http:// (how-to-deploy-certificates article)."""
    if re.search(r"[\s\x00-\x1f\x7f]", text) or not text.isascii():
        return "an http:// URL without blanks, in ASCII"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return f"an http:// URL ({error})"
    if parts.scheme.lower() != "http":
        return "an http:// URL: sensors fetch a CRL over plain HTTP only"
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        return "an http:// URL without user name and password: everybody who has a certificate reads it"
    if port == 0:
        return "an http:// URL with a port between 1 and 65535"
    if not is_ip_address(host) and host_name_problem(host):
        return "an http:// URL with a host name, for example http://crl.plant.example/issuing.crl"
    return None
