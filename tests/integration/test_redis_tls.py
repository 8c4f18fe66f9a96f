"""TLS is checked unless a URL says otherwise: the certificate, and the host's name in it.

The server of the tests may be built without TLS, so a proxy that has it stands before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aicache.errors import BackendError, BackendUnavailableError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The path of a certificate for the name localhost, with its key, that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


async def pump(reader, writer):
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def proxied(redis_server, context):
    """The port of a proxy with TLS before the server."""
    loop, ports, stop = asyncio.new_event_loop(), [], asyncio.Event()
    ready = threading.Event()

    async def serve(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", redis_server.port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        server.close()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        thread = threading.Thread(target=runner.run, args=(main(),))
        thread.start()
        ready.wait(10)
        yield ports[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def proxy(redis_server, certificate):
    """The port of the proxy. Ask for it before the backends that use it, so that they are closed first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with proxied(redis_server, context) as port:
        yield port


@pytest.fixture
def demanding_proxy(redis_server, certificate):
    """The same, and it wants a certificate of its client too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with proxied(redis_server, context) as port:
        yield port


async def test_a_server_with_a_certificate_that_is_trusted_is_used(proxy, make, certificate, raw, redis_prefix):
    backend = make(url=f"rediss://localhost:{proxy}/0?ssl_ca_certs={certificate}")
    value = bytes(range(256)) * 4000  # more than one record
    await backend.set("k", value, ttl=60)
    assert raw.get(redis_prefix + "k") == value
    assert await backend.get("k") == value
    assert await backend.get_many(["k", "absent"]) == {"k": value}


@pytest.mark.parametrize(
    "address",
    ["rediss://localhost:{port}/0", "valkeys://localhost:{port}/0", "rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}"],
    ids=["unknown authority", "unknown authority, valkeys", "another name"],
)
async def test_a_server_with_another_certificate_is_away(proxy, make, certificate, address):
    backend = make(url=address.format(port=proxy, ca=certificate))
    with pytest.raises(BackendUnavailableError, match=r"(?i)certificate"):
        await backend.get("k")


async def test_a_client_certificate_is_shown_to_a_server_that_wants_one(
    demanding_proxy, make, certificate, raw, redis_prefix
):
    place = f"rediss://localhost:{demanding_proxy}/0?ssl_ca_certs={certificate}"
    backend = make(url=f"{place}&ssl_certfile={certificate}&ssl_keyfile={certificate}")
    await backend.set("k", b"v", ttl=60)
    assert raw.get(redis_prefix + "k") == b"v"
    with pytest.raises(BackendError):
        await make(url=place, timeout=0.5).get("k")


async def test_a_server_without_tls_is_an_error_in_time(make, redis_server):
    """It waits for the rest of what it takes for a command, and so does whoever speaks TLS to it."""
    with pytest.raises(BackendError):
        await make(url=f"rediss://localhost:{redis_server.port}/0", timeout=0.25).get("k")
