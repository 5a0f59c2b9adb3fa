"""
Foreign hashes: what other systems stored, verified as they verified it, and no more of it than a ceiling lets through.

Nothing here makes a new hash. A format is a frozen value that a policy holds; each can also be wrapped at rest.
"""

from acctsec.hashing.foreign.argon2 import Argon2, DjangoArgon2, KeycloakArgon2
from acctsec.hashing.foreign.aspnet import AspNetIdentity
from acctsec.hashing.foreign.bcrypt import Bcrypt, DjangoBcrypt, DjangoBcryptSha256, PasslibBcryptSha256, WordPress
from acctsec.hashing.foreign.crypt import Md5Crypt, ShaCrypt
from acctsec.hashing.foreign.digests import DjangoDigest
from acctsec.hashing.foreign.firebase import FirebaseScrypt
from acctsec.hashing.foreign.formats import ForeignFormat, Wrappable, identify
from acctsec.hashing.foreign.keycloak import Keycloak
from acctsec.hashing.foreign.ldap import Ldap
from acctsec.hashing.foreign.pbkdf2 import DjangoPbkdf2, PasslibPbkdf2, PhcPbkdf2
from acctsec.hashing.foreign.phpass import Drupal, Phpass
from acctsec.hashing.foreign.scrypt import DjangoScrypt, Scrypt
from acctsec.hashing.foreign.symfony import SymfonyDigest, SymfonyPbkdf2

__all__ = [
    "Argon2",
    "AspNetIdentity",
    "Bcrypt",
    "DjangoArgon2",
    "DjangoBcrypt",
    "DjangoBcryptSha256",
    "DjangoDigest",
    "DjangoPbkdf2",
    "DjangoScrypt",
    "Drupal",
    "FirebaseScrypt",
    "ForeignFormat",
    "Keycloak",
    "KeycloakArgon2",
    "Ldap",
    "Md5Crypt",
    "PasslibBcryptSha256",
    "PasslibPbkdf2",
    "PhcPbkdf2",
    "Phpass",
    "Scrypt",
    "ShaCrypt",
    "SymfonyDigest",
    "SymfonyPbkdf2",
    "WordPress",
    "Wrappable",
    "identify",
]
