"""
Foreign hashes: what other systems stored, verified as they verified it, and no more of it than a ceiling lets through.

Nothing here makes a new hash. A format is a frozen value that a policy holds; each can also be wrapped at rest.
"""

from acctsec.hashing.foreign.aspnet import AspNetIdentity
from acctsec.hashing.foreign.bcrypt import Bcrypt, DjangoBcryptSha256, WordPress
from acctsec.hashing.foreign.formats import ForeignFormat, Wrappable, identify
from acctsec.hashing.foreign.keycloak import Keycloak
from acctsec.hashing.foreign.ldap import Ldap
from acctsec.hashing.foreign.pbkdf2 import DjangoPbkdf2, PasslibPbkdf2
from acctsec.hashing.foreign.phpass import Drupal, Phpass
from acctsec.hashing.foreign.scrypt import DjangoScrypt

__all__ = [
    "AspNetIdentity",
    "Bcrypt",
    "DjangoBcryptSha256",
    "DjangoPbkdf2",
    "DjangoScrypt",
    "Drupal",
    "ForeignFormat",
    "Keycloak",
    "Ldap",
    "PasslibPbkdf2",
    "Phpass",
    "WordPress",
    "Wrappable",
    "identify",
]
