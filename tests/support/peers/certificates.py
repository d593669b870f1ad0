"""A throw-away certificate authority for peers that speak TLS."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """Key and chain of one server in one PEM file, and the authority's certificate that vouches for it."""

    chain_file: Path
    ca_file: Path

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=self.ca_file)

    def server_context(self) -> ssl.SSLContext:
        """A context that shows this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain_file)
        return context


def make_certificate(folder: Path, *names: str) -> Certificate:
    """Issue a certificate for *names* (host names or addresses) into *folder*."""
    authority = trustme.CA()
    issued = authority.issue_cert(*names)
    certificate = Certificate(folder / "chain.pem", folder / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate.chain_file))
    authority.cert_pem.write_to_path(str(certificate.ca_file))
    certificate.chain_file.chmod(0o644)  # throw-away; peers read it after they have dropped root
    return certificate
