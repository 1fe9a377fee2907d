"""Where a webhook may point: at the open internet, and never at anything inside.

A URL is checked when it is given, and the addresses behind its name whenever something is sent: the very addresses
that were checked are connected to, so that a name that answers otherwise a moment later changes nothing.
"""

import ipaddress
import queue
import re
import socket
import threading
import urllib.parse
from typing import NamedTuple

from django.conf import settings

LOOK_UP_SECONDS = 5.0
MOST_TRIED = 4
HTTPS_PORTS = (443, 8443)
# No space, no control character, no backslash: nothing that two programs could read in two ways.
PLAIN_URL = re.compile(r"https?://[!-\[\]-~]+\Z")
NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?\Z")
# What `is_global` of the standard library lets pass, or let pass in one of its versions.
INNER = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carriers' shared addresses; some clouds' metadata
        "168.63.129.16/32",  # Azure's metadata and name server, a public address by its looks
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",
    )
]
# Of IPv6 only what is given out for the open internet, less those parts that stand for an IPv4 address.
GLOBAL_V6 = ipaddress.ip_network("2000::/3")
NOT_GLOBAL_V6 = [ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]


class Refused(ValueError):
    """A webhook may not point there; the text is for its owner, and tells nothing of what is inside."""


class Target(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """What the URL names, or Refused. Nothing is looked up."""
    if not PLAIN_URL.match(url):
        raise Refused("Give a URL such as https://example.com/webhooks, without spaces or backslashes.")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Refused("This is no URL.") from None
    if parts.scheme != "https" and not settings.WEBHOOK_PLAIN_HTTP:
        raise Refused("Webhooks go by https only.")
    if "@" in parts.netloc:
        raise Refused("A webhook's URL holds no user name and no password: messages are signed.")
    if parts.fragment or "#" in url:
        raise Refused("Leave out the part behind #: it would not be sent.")
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    if port not in HTTPS_PORTS and not (settings.WEBHOOK_PLAIN_HTTP and (port == 80 or port >= 1024)):
        raise Refused(f"Webhooks go to port {' or '.join(map(str, HTTPS_PORTS))}.")
    _check_host(host)
    return Target(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _check_host(host: str) -> None:
    literal = _literal(host)
    if literal is not None:
        if not may_connect(literal):
            raise Refused("Webhooks do not go to this address.")
    elif not NAME.match(host) or len(host) > 253:
        raise Refused("This is no host name.")


def _literal(host: str) -> str | None:
    """The address that the host is, if it is one: also 127.1, 0x7f000001 and 2130706433 are addresses."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def may_connect(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if any(ip in ipaddress.ip_network(allowed) for allowed in settings.WEBHOOK_INNER_NETWORKS):
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        return "%" not in address and ip in GLOBAL_V6 and not any(ip in each for each in NOT_GLOBAL_V6)
    return ip.is_global and not any(ip in each for each in INNER)


def addresses_of(target: Target) -> list[str]:
    """The addresses behind the name, every one of them checked, or Refused."""
    found = list(dict.fromkeys(_look_up_in_time(target.host, target.port)))
    if not found:
        raise Refused("The host name is not known.")
    if not all(may_connect(address) for address in found):
        raise Refused("The host name leads to an address that webhooks do not go to.")
    return found[:MOST_TRIED]


def look_up(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in answers]


def _look_up_in_time(host: str, port: int) -> list[str]:
    """The system's resolver takes no time limit; a thread that is not waited for any more does no harm."""
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(look_up(host, port))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=ask, name="looking up a webhook's host", daemon=True).start()
    try:
        return answers.get(timeout=LOOK_UP_SECONDS)
    except queue.Empty:
        raise Refused("The host name could not be looked up in time.") from None
