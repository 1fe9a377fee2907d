"""Where a request comes from. Headers are believed only as far as TRUSTED_PROXIES reaches."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = list[ipaddress.IPv4Network | ipaddress.IPv6Network]


def address_of(request: HttpRequest) -> str | None:
    """The client's address, or None where there is no connection (tests, commands)."""
    peer = _parsed(request.META.get("REMOTE_ADDR", ""))
    told = [_parsed(part) for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    trusted = settings.TRUSTED_PROXIES
    found = _behind(trusted, told) if isinstance(trusted, int) else _first_stranger(trusted, peer, told)
    found = found or peer
    return str(found) if found else None


def _behind(proxies: int, told: list[Address | None]) -> Address | None:
    """Each proxy adds at the end whom it was asked by: with two of them, the last but one is the client."""
    return told[-proxies] if 0 < proxies <= len(told) else None


def _first_stranger(networks: Networks, peer: Address | None, told: list[Address | None]) -> Address | None:
    address = peer
    for earlier in reversed(told):
        if earlier is None or not _is_in(networks, address):
            break
        address = earlier
    return address


def _is_in(networks: Networks, address: Address | None) -> bool:
    return address is not None and any(address in network for network in networks)


def _parsed(text: str) -> Address | None:
    """`1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def trusted(text: str) -> int | Networks:
    """The setting: a number of proxies, or networks separated by commas."""
    if text.isdigit():
        return int(text)
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
