"""Throwaway certificates: an authority, and what it signed for loopback."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.servers.household import LOOPBACK, new_folder


class Authority:
    """
    A certificate authority of one session, and one certificate for 127.0.0.1 and localhost that serves servers and clients alike.

    *ca*, *certificate* and *key* are paths of PEM files. A client that trusts another `Authority` must refuse the server.
    """

    def __init__(self):
        folder = new_folder("certificates")
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "certificate.pem", folder / "key.pem"
        own, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acctsec tests")])
        authority = _signed(issuer, own.public_key(), issuer, own, authority=True)
        leaf = _signed(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), other.public_key(), issuer, own, authority=False
        )
        self.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        self.certificate.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )

    def server_context(self, *, protocols=()):
        """What a server in Python shows; *protocols* are those of ALPN (PostgreSQL wants `postgresql`)."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def _signed(subject, public, issuer, signer, *, authority):
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(
            subject_name=subject, issuer_name=issuer, public_key=public, serial_number=x509.random_serial_number()
        )
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    else:
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address(LOOPBACK))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())
