"""Where a webhook may not lead, and servers that mean no good."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from partners.webhooks import addresses, posting
from tests.partners.receivers import receiving

INNER = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # metadata of most clouds
    "100.64.0.1",
    "100.100.100.200",  # metadata of Alibaba
    "168.63.129.16",  # of Azure
    "192.0.0.192",  # of Oracle
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of Amazon
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OPEN = ["93.184.216.34", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_not_connected_to(address):
    assert not addresses.may_connect(address)


@pytest.mark.parametrize("address", OPEN)
def test_an_address_of_the_open_internet_is(address):
    assert addresses.may_connect(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "//hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https:///path",
        "https://user:password@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:6379/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/ space",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.exa\tmple.com/",
        "https://hooks.example.com/ü",
        "https://-hooks.example.com/",
        "https://hooks..example.com/",
        f"https://{'a' * 64}.example.com/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
    ],
)
def test_such_a_url_is_refused_when_it_is_given(url):
    with pytest.raises(addresses.Refused):
        addresses.target_of(url)


def test_a_good_url_is_taken_apart_as_it_will_be_sent():
    assert addresses.target_of("https://Hooks.Example.com/in?a=1&b=/") == (
        "https",
        "hooks.example.com",
        443,
        "/in?a=1&b=/",
    )
    assert addresses.target_of("https://hooks.example.com:8443").authority == "hooks.example.com:8443"


class Resolver:
    """Answers in turn, the last one for good; and counts how often it is asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def __call__(self, host, port):
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "found", [["10.0.0.5"], ["93.184.216.34", "10.0.0.5"], ["2606:4700:4700::1111", "::ffff:10.0.0.5"], []]
)
def test_a_name_with_any_inner_address_behind_it_is_not_connected_to(monkeypatch, found):
    monkeypatch.setattr(addresses, "look_up", Resolver(found))
    monkeypatch.setattr(posting, "_connected", lambda *_: pytest.fail("it connected"))
    answer = posting.post("https://inner.example.com/", b"{}", {})
    assert answer.status is None
    assert "10.0.0.5" not in answer.error, "the owner learns nothing of what is inside"


def test_the_address_that_was_checked_is_the_one_connected_to(settings, receiver, monkeypatch):
    """A name server that answers otherwise the second time changes nothing: there is no second time."""
    resolver = Resolver(["127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr(addresses, "look_up", resolver)
    url = receiver.url.replace("127.0.0.1", "hooks.example.com")
    assert posting.post(url, b"{}", {}).status == 204
    assert resolver.asked == 1
    [(_, _, headers, _)] = receiver.requests
    assert headers["Host"] == url.split("/")[2]


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(addresses, "LOOK_UP_SECONDS", 0.2)
    monkeypatch.setattr(addresses, "look_up", lambda host, port: time.sleep(3))
    begun = time.monotonic()
    answer = posting.post("https://hooks.example.com/", b"{}", {})
    assert answer.error == "The host name could not be looked up in time."
    assert time.monotonic() - begun < 2


def test_this_machine_is_refused_without_the_setting(receiver, settings):
    settings.WEBHOOK_INNER_NETWORKS = []
    answer = posting.post(receiver.url, b"{}", {})
    assert (answer.status, answer.error) == (None, "Webhooks do not go to this address.")
    answer = posting.post(receiver.url.replace("127.0.0.1", "localhost"), b"{}", {})
    assert answer.error == "The host name leads to an address that webhooks do not go to."
    assert receiver.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(receiver, status):
    receiver.answers = [(status, {"Location": "/elsewhere"}, b"")]
    answer = posting.post(receiver.url, b"{}", {})
    assert (answer.status, answer.is_success) == (status, False)
    assert [path for _, path, _, _ in receiver.requests] == ["/in?from=us"]


def test_a_proxy_of_the_environment_is_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert posting.post(receiver.url, b"{}", {}).status == 204


def test_of_a_long_answer_a_little_is_read_and_less_is_kept(receiver):
    receiver.answers = [(200, {}, b"\x00\xff" + b"x" * 50_000_000)]
    begun = time.monotonic()
    answer = posting.post(receiver.url, b"{}", {})
    assert (answer.status, len(answer.text)) == (200, posting.KEPT)
    assert answer.text.startswith("\N{REPLACEMENT CHARACTER}" * 2 + "x")
    assert time.monotonic() - begun < 5


@contextmanager
def saying(*pieces, pause=0.0):
    """A server that sends these bytes, whatever it is asked, with a pause before each."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk():
        opened, _ = server.accept()
        try:
            heard = b""
            # All of it: closing on something unread would break the connection off.
            while not heard.endswith(b"{}"):
                heard += opened.recv(65536)
            for piece in pieces:
                time.sleep(pause)
                opened.sendall(piece)
        except OSError:
            pass
        finally:
            opened.close()

    threading.Thread(target=talk, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        server.close()


@pytest.mark.parametrize(
    "drips",
    [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 500, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"z" * 500],
)
def test_who_answers_byte_by_byte_is_cut_off(loopback_allowed, monkeypatch, drips):
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 1.0)
    with saying(*[bytes([each]) for each in drips], pause=0.05) as url:
        begun = time.monotonic()
        answer = posting.post(url, b"{}", {})
        took = time.monotonic() - begun
    assert answer.status is None
    assert "whole answer" in answer.error
    assert 0.8 < took < 3


def test_who_answers_nothing_is_not_waited_for(loopback_allowed, monkeypatch):
    monkeypatch.setattr(posting, "READ_SECONDS", 0.3)
    with saying(b"late", pause=5) as url:
        answer = posting.post(url, b"{}", {})
    assert (answer.status, answer.error) == (None, "The server did not answer in time.")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "The answer was no HTTP."),
        (b"", "The connection broke off."),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "The answer was no HTTP."),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "The answer was no HTTP."),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "The connection broke off."),
    ],
)
def test_an_answer_that_is_no_http_is_an_answer_like_others(loopback_allowed, said, error):
    with saying(said) as url:
        assert posting.post(url, b"{}", {}).error == error


def test_nobody_there_is_told_without_the_address(loopback_allowed):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = posting.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert (answer.status, answer.error) == (None, "The server could not be reached.")


def certificate(folder, *names, issuer=None):
    """A key and a certificate for these names; without an issuer, an authority's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    by_name, by_key = issuer or (name, key)
    now = dt.datetime.now(dt.UTC)
    alternatives = [x509.DNSName(each) for each in names]
    built = (
        x509.CertificateBuilder(
            by_name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(by_key, hashes.SHA256())
    )
    (folder / f"{names[0]}.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return (name, key), folder / f"{names[0]}.pem"


@pytest.fixture
def authority(tmp_path, settings):
    issuer, file = certificate(tmp_path, "authority")
    settings.WEBHOOK_CA_FILE = str(file)
    return issuer


@contextmanager
def receiving_tls(folder, authority, name, seen):
    _, file = certificate(folder, name, issuer=authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.sni_callback = lambda opened, asked, context: seen.append(asked)
    with receiving(wrap=lambda opened: context.wrap_socket(opened, server_side=True)) as receiver:
        yield receiver


def test_tls_is_for_the_name_though_the_address_is_pinned(tmp_path, authority, loopback_allowed, monkeypatch):
    monkeypatch.setattr(addresses, "look_up", Resolver(["127.0.0.1"]))
    seen = []
    with receiving_tls(tmp_path, authority, "hooks.example.com", seen) as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example.com")
        answer = posting.post(url, b"{}", {})
        assert (answer.status, seen) == (204, ["hooks.example.com"]), answer.error


def test_another_names_certificate_is_not_accepted(tmp_path, authority, loopback_allowed, monkeypatch):
    monkeypatch.setattr(addresses, "look_up", Resolver(["127.0.0.1"]))
    with receiving_tls(tmp_path, authority, "other.example.com", []) as receiver:
        answer = posting.post(receiver.url.replace("127.0.0.1", "hooks.example.com"), b"{}", {})
        assert answer.status is None
        assert "certificate was not accepted" in answer.error
        assert receiver.requests == []


def test_a_certificate_of_nobody_known_is_not_accepted(tmp_path, authority, loopback_allowed, monkeypatch, settings):
    settings.WEBHOOK_CA_FILE = ""
    monkeypatch.setattr(addresses, "look_up", Resolver(["127.0.0.1"]))
    with receiving_tls(tmp_path, authority, "hooks.example.com", []) as receiver:
        answer = posting.post(receiver.url.replace("127.0.0.1", "hooks.example.com"), b"{}", {})
        assert answer.status is None
        assert "certificate was not accepted" in answer.error


def test_if_the_first_address_does_not_answer_the_next_is_tried(receiver, monkeypatch):
    monkeypatch.setattr(addresses, "look_up", Resolver(["127.0.0.2", "127.0.0.1"]))
    assert ipaddress.ip_address("127.0.0.2").is_loopback
    assert posting.post(receiver.url.replace("127.0.0.1", "hooks.example.com"), b"{}", {}).status == 204
