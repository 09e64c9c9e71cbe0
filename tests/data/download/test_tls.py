"""Certificates: a self-signed one is refused unless SSL_CERT_FILE names it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deepfacegen.config.schema import Config
from deepfacegen.data.download.catalogue import Bundle, Item
from deepfacegen.data.download.fetch import fetch
from tests.data.download.server import Server

Make = Callable[..., Config]


def certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def test_certificates_are_checked(
    server: Server, config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.add("file", b"hello")
    bundle = Bundle(
        "vox2_test_aac", "b", (Item("file", (f"https://{server.host}/file",), 5, kind="any"),), "meta"
    )
    trusted = {"mirrors": [f"vox1_meta=https://{server.host}/{{file}}"], "official": True}
    (row,) = fetch(config(**trusted), [bundle])
    assert row.status == "tls"
    assert not server.requests
    (row,) = fetch(config(), [bundle])
    assert row.status == "denied"  # in a private network, and no mirror names it
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    (row,) = fetch(config(**trusted), [bundle])
    assert (row.status, (tmp_path / "got/meta/file").read_bytes()) == ("ok", b"hello")
