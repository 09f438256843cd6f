# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys that can be broken: beside ``badkeys``, and many at once by their common divisors."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import batch_gcd, weak_keys
from badkeys import checks as badkeys
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from validation_bakery import Kitchen

# What both look for; a blocklist of keys needs data that nobody ships, and biased bits are a guess.
BADKEYS = ("fermat", "roca", "rsainvalid", "rsapoly", "sharedprimes", "smalld", "smallfactors")

KEYS: dict[str, dict[str, Any]] = {
    "sound": {},
    "sound with exponent 3": {"exponent": 3},
    "sound, 3072 bits": {"bits": 3072},
    "small factor": {"type": "primes", "p": 2003},
    "small factor at the limit": {"type": "primes", "p": 65537},
    "primes 500 bits apart": {"type": "primes", "distance_bits": 500},
    "primes 515 bits apart": {"type": "primes", "distance_bits": 515},
    "small private exponent": {"type": "primes", "d_bits": 300},
    "private exponent near Wiener's limit": {"type": "primes", "d_bits": 508},
    "two thirds of the bits in one prime": {"type": "primes", "p_bits": 700},
}
# Found by one and not by the other, and why.
DIFFERENT = {
    "two thirds of the bits in one prime": "no public key shows it; beside the private key it is found",
}
WEAK = {name for name in KEYS if not name.startswith("sound")}


def public_key(spec: dict[str, Any]) -> rsa.RSAPublicKey:
    key: rsa.RSAPublicKey = Kitchen({"keys": {"leaf": spec}}).key("leaf").public_key()
    return key


@pytest.mark.parametrize("name", KEYS)
def test_public_keys_beside_badkeys(name: str) -> None:
    key = public_key(KEYS[name])
    numbers = key.public_numbers()
    theirs = badkeys.checkrsa(numbers.n, e=numbers.e, checks=BADKEYS)
    ours = weak_keys.public_weakness(key)
    assert bool(ours) == bool(theirs), (ours, theirs)
    assert bool(ours) == (name in WEAK and name not in DIFFERENT), ours


@pytest.mark.parametrize("name", KEYS)
def test_private_keys_show_what_they_are(name: str) -> None:
    key = Kitchen({"keys": {"leaf": KEYS[name]}}).key("leaf")
    found = weak_keys.private_weakness(key.private_numbers())
    assert bool(found) == (name in WEAK), found


def test_roca_by_the_fingerprint_of_its_moduli() -> None:
    # A modulus lies in the group of 65537 modulo each of the primes; any such number is reported, and by badkeys.
    product = math.prod(weak_keys._ROCA_PRIMES)
    chance = random.Random(1)
    remainder = pow(65537, chance.getrandbits(64), product)
    n = next(
        number
        for number in (remainder + product * chance.getrandbits(2048 - product.bit_length()) for _try in range(10**4))
        if number & 1 and all(number % small for small in weak_keys._small_primes()) and number.bit_length() == 2048
    )
    key = rsa.RSAPublicNumbers(65537, n).public_key()
    assert "ROCA" in str(weak_keys.public_weakness(key))
    assert "roca" in badkeys.checkrsa(n, checks=["roca"])


def test_a_modulus_of_few_bits_set() -> None:
    # Primes whose lower halves are nearly empty, as a broken generator of random numbers makes them.
    p, q = ((1 << 1023 | 1 << 1022 | chance << 960 | low) for chance, low in ((12345, 641), (54321, 1283)))
    key = rsa.RSAPublicNumbers(65537, p * q | 1).public_key()
    assert weak_keys.public_weakness(key) is not None


@pytest.mark.parametrize("power", [2, 3, 5])
def test_powers_and_primes(power: int) -> None:
    prime = Kitchen({}).key("leaf").private_numbers().p
    key = rsa.RSAPublicNumbers(65537, prime**power).public_key()
    assert weak_keys.public_weakness(key) is not None


def test_a_modulus_that_is_a_prime() -> None:
    prime = Kitchen({"keys": {"leaf": {"bits": 4096}}}).key("leaf").private_numbers().p
    found = weak_keys.public_weakness(rsa.RSAPublicNumbers(65537, prime).public_key())
    assert "is a prime" in str(found)


def prime_from(number: int) -> int:
    number |= 1
    while any(number % small == 0 for small in weak_keys._small_primes()) or pow(2, number - 1, number) != 1:
        number += 2
    return number


def private_numbers(p: int, q: int, e: int = 65537) -> rsa.RSAPrivateNumbers:
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)


RANDOM = random.Random(20)
PRIME = prime_from(RANDOM.getrandbits(1024) | 3 << 1022)
OTHER = prime_from(RANDOM.getrandbits(1024) | 3 << 1022)
# One that is 2 * 3 * 5 * ... + 1, so its neighbour below has small factors only.
SMOOTH = next(
    number + 1
    for number in (math.prod(RANDOM.sample(weak_keys._small_primes()[2:1000], k=94)) * 4 for _try in range(10**5))
    if 1000 < number.bit_length() < 1048
    and all((number + 1) % small for small in weak_keys._small_primes()[:2000])
    and pow(2, number, number + 1) == 1
)


def multiplied(d: int) -> int:
    """The least exponent that undoes d: it takes Wiener's method in its original form."""
    return pow(d, -1, math.lcm(PRIME - 1, OTHER - 1))


@pytest.mark.parametrize(
    ("p", "q", "e"),
    [
        (PRIME, OTHER, multiplied(prime_from(1 << 489))),
        (PRIME, OTHER, multiplied(prime_from(1 << 580))),
        (PRIME, prime_from((PRIME + (1 << 519)) | 1), 65537),
        (PRIME, prime_from(2 * PRIME + (1 << 500)), 65537),
        (PRIME, prime_from(PRIME * 3 // 2 + (1 << 500)), 65537),
    ],
    ids=["Wiener, least form", "exponent of 2000 bits", "8000 steps apart", "twice the other", "3:2"],
)
def test_more_that_the_public_key_shows(p: int, q: int, e: int) -> None:
    numbers = private_numbers(p, q, e)
    assert weak_keys.public_weakness(numbers.public_numbers.public_key()) is not None
    assert weak_keys.private_weakness(numbers) is not None


@pytest.mark.parametrize(
    ("p", "q", "e", "thorough"),
    [
        (PRIME, prime_from(PRIME * 100 // 77 + (1 << 800)), 65537, False),
        (PRIME, next(n for n in range(PRIME + (1 << 600), 1 << 1100, 1 << 600) if prime_from(n) == n), 65537, False),
        (PRIME, prime_from(int.from_bytes(b"\xc3\x5a\x96\xf1" * 32, "big")), 65537, False),
        (PRIME, prime_from(15 << 1020), 65537, False),
        (PRIME, OTHER, pow(3 | 1 << 50, -1, PRIME - 1), False),
        (SMOOTH, OTHER, 65537, True),
    ],
    ids=["100:77", "same last bits", "pattern", "zero bits", "short exponent modulo one prime", "smooth neighbour"],
)
def test_more_that_the_private_key_shows(p: int, q: int, e: int, thorough: bool) -> None:
    if math.gcd(e, (p - 1) * (q - 1)) != 1:
        # With the same exponent modulo one of the primes.
        e = next(number for number in range(e, e + 1000 * (p - 1), p - 1) if math.gcd(number, q - 1) == 1)
    assert weak_keys.private_weakness(private_numbers(p, q, e), thorough) is not None


def test_a_modulus_that_pollards_method_factors() -> None:
    key = private_numbers(SMOOTH, OTHER).public_numbers.public_key()
    assert weak_keys.public_weakness(key) is None
    assert "Pollard" in str(weak_keys.public_weakness(key, thorough=True))


def test_sound_primes_are_not_accused() -> None:
    numbers = private_numbers(PRIME, OTHER)
    assert weak_keys.private_weakness(numbers, thorough=True) is None
    assert weak_keys.public_weakness(numbers.public_numbers.public_key(), thorough=True) is None


@pytest.mark.parametrize(("number", "weak"), [(1, True), (200, True), (1 << 200, False)])
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP521R1(), ec.BrainpoolP384R1()], ids=lambda curve: curve.name)
def test_a_private_number_that_is_tried_first(curve: ec.EllipticCurve, number: int, weak: bool) -> None:
    key = ec.derive_private_key(number, curve).public_key()
    assert (weak_keys.public_weakness(key) is not None) == weak


def small_primes() -> list[int]:
    return [number for number in range(1000, 4000) if all(number % d for d in range(2, math.isqrt(number) + 1))]


PRIMES = small_primes()


@given(
    st.lists(
        st.tuples(st.sampled_from(PRIMES), st.sampled_from(PRIMES)).map(lambda pair: pair[0] * pair[1]),
        min_size=0, max_size=40, unique=True,
    )
)  # fmt: skip
def test_shared_factors_are_those_of_each_pair(moduli: list[int]) -> None:
    by_pair: dict[int, set[int]] = {}
    for one, other in itertools.combinations(range(len(moduli)), 2):
        factor = math.gcd(moduli[one], moduli[other])
        if factor != 1:
            by_pair.setdefault(factor, set()).update((one, other))
    assert batch_gcd.shared_factors(moduli) == sorted({tuple(sorted(group)) for group in by_pair.values()})


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 301, 700])
def test_one_shared_prime_among_many(count: int) -> None:
    primes = weak_keys._small_primes()[: 2 * count]
    moduli = [p * q for p, q in zip(primes[::2], primes[1::2])]
    if count >= 3:
        moduli[-1] = primes[-2] * primes[0]
        assert batch_gcd.shared_factors(moduli) == [(0, count - 1)]
    else:
        assert batch_gcd.shared_factors(moduli) == []
