"""One POST to somebody else's server, bounded in every way. The only place that talks to them."""

import email.utils
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import certifi
import urllib3
from django.conf import settings
from django.utils import timezone
from urllib3.connection import HTTPConnection, HTTPSConnection

from partners.webhooks import addresses

# It writes down what strangers' servers say wrong, at length.
logging.getLogger("urllib3").setLevel(logging.ERROR)

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 15.0
MOST_READ = 64 * 1024
KEPT = 1024
MOST_RETRY_AFTER = 24 * 3600


@dataclass(frozen=True)
class Answer:
    """What came of it. Without a status there was no answer, and `error` says why."""

    status: int | None
    seconds: float
    error: str = ""
    text: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send it. Whatever goes wrong is in the answer; no redirect is followed, and no proxy is asked."""
    begun = time.monotonic()
    try:
        status, text, retry_after, error = _exchange(url, body, headers, begun + TOTAL_SECONDS)
    except Exception as caught:
        return Answer(None, time.monotonic() - begun, error=_in_words(caught, begun))
    return Answer(status, time.monotonic() - begun, error, text, retry_after)


def _exchange(url: str, body: bytes, headers: Mapping[str, str], deadline: float) -> tuple[int, str, float | None, str]:
    target = addresses.target_of(url)
    connection = _connected(target, addresses.addresses_of(target), deadline)
    # Time-outs of sockets start anew with every byte: who sends one now and then is cut off by this.
    guard = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [connection.sock])
    guard.start()
    try:
        connection.request("POST", target.path, body, {"Host": target.authority, **headers}, preload_content=False)
        response = connection.getresponse()
        read = response.read(MOST_READ, decode_content=False)
        if time.monotonic() >= deadline:
            # What was cut off can look like an answer that ended.
            raise TimeoutError
        error = "" if 200 <= response.status < 300 else f"The answer was {response.status}."
        text = read[:KEPT].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        return response.status, text, _retry_after(response.headers.get("Retry-After")), error
    finally:
        guard.cancel()
        connection.close()


def _connected(target: addresses.Target, tried: list[str], deadline: float) -> HTTPConnection:
    """A connection to the first of the addresses that takes one; the certificate is checked by the name."""
    for place, address in enumerate(tried):
        connection = _connection(target, address)
        connection.timeout = min(CONNECT_SECONDS, max(0.1, deadline - time.monotonic()))
        try:
            connection.connect()
        except (OSError, urllib3.exceptions.HTTPError) as error:
            connection.close()
            if place == len(tried) - 1 or isinstance(error, ssl.SSLError):
                raise
        else:
            connection.timeout = READ_SECONDS
            return connection
    raise addresses.Refused("The host name is not known.")


def _connection(target: addresses.Target, address: str) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, target.port)
    context = ssl.create_default_context(cafile=settings.WEBHOOK_CA_FILE or certifi.where())
    return HTTPSConnection(
        address,
        target.port,
        ssl_context=context,
        cert_reqs=ssl.CERT_REQUIRED,
        server_hostname=target.host,
    )


def _cut(opened: socket.socket) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


def _retry_after(header: str | None) -> float | None:
    """Seconds; a day at the most."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(min(int(header[:9]), MOST_RETRY_AFTER))
    try:
        seconds = (email.utils.parsedate_to_datetime(header) - timezone.now()).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_RETRY_AFTER)


def _in_words(error: Exception, begun: float) -> str:
    """For the webhook's owner. Texts of exceptions stay here: they name addresses."""
    if isinstance(error, addresses.Refused):
        return str(error)
    if time.monotonic() - begun >= TOTAL_SECONDS:
        return f"There was no whole answer within {TOTAL_SECONDS:.0f} seconds."
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "The server could not be reached."
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return "The server did not answer in time."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate was not accepted: {error.verify_message}."[:300]
    if isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError):
        return "TLS could not be agreed upon."
    if isinstance(error, OSError | urllib3.exceptions.HTTPError):
        return "The connection broke off."
    return "The answer was no HTTP."
