"""
Hashes that others made, each with its password and where it is from.

The generated ones were made once, in November 2026, with the named release, and are kept as text, so that no test needs it.
"""

from acctsec.hashing.foreign import (
    AspNetIdentity,
    Bcrypt,
    DjangoBcryptSha256,
    DjangoPbkdf2,
    DjangoScrypt,
    Drupal,
    Keycloak,
    Ldap,
    PasslibPbkdf2,
    Phpass,
    WordPress,
)

VECTORS = [
    # Made with Django 5.2.19, its hashers' encode() with few iterations.
    (DjangoPbkdf2(), "pbkdf2_sha256$2000$saltsaltsaltsaltsalt12$UKEYFKaXsfgV6911pjGPW0P2Tan+avUWFy7VuJqwxYI=", "pässword"),
    (DjangoPbkdf2(), "pbkdf2_sha1$2000$saltsaltsaltsaltsalt12$NV6DrwdZbMEYDmDY6VHl+ZdGK5U=", "pässword"),
    (
        DjangoScrypt(),
        "scrypt$1024$saltsaltsaltsaltsalt12$8$2$ofr2nYNvVd2GT0aWbdF+Yyq90RELTWoTWgjqrCr/XAjsQnEf0qiP3DTkkRYGJCfwM031CnHTyPOlWoqbmxiBXw==",
        "pässword",
    ),
    (DjangoBcryptSha256(), "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuu4EAkLIqFCSjdz5Hr2newQUVEvu5mihm", "pässword"),
    # hashcat's page of example hashes: modes 10000, 400, 7900, 111, 1411, 1711 and 3200.
    (DjangoPbkdf2(), "pbkdf2_sha256$20000$H0dPx8NeajVu$GiC4k5kqbbR9qWBlsRgDywNqC2vd9kqfk7zdorEnNas=", "hashcat"),
    (Phpass(), "$P$984478476IagS59wHZvyQMArzfx58u.", "hashcat"),
    (Drupal(), "$S$C33783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf", "hashcat"),
    (Ldap(), "{SSHA}AZKja92fbuuB9SpRlHqaoXxbTc43Mzc2MDM1Ng==", "hashcat"),
    (Ldap(), "{SSHA256}OZiz0cnQ5hgyel3Emh7NCbhBRCQ+HVBwYplQunHYnER7TLuV", "hashcat"),
    (
        Ldap(),
        "{SSHA512}ALtwKGBdRgD+U0fPAy31C28RyKYx7+a8kmfksccsOeLknLHv2DBXYI7TDnTolQMBuPkWDISgZr2cHfnNPFjGZTEyNDU4OTkw",
        "hashcat",
    ),
    (Bcrypt(), "$2a$05$LhayLxezLhK1LhWvKxCyLOj0j1u.Kj0jZ0pEmm134uzrQlFvQJLF6", "hashcat"),
    # phpass' own test program.
    (Phpass(), "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345"),
    # crypt_blowfish's own test program.
    (Bcrypt(), "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    # Made with libpass 1.9.4, passlib's successor.
    (PasslibPbkdf2(), "$pbkdf2$2000$8PHy8/T19vf4.fr7/P3./w$yN5yBnf1DM8f4/sKh5ckFrft1RY", "pässword"),
    (PasslibPbkdf2(), "$pbkdf2-sha256$2000$8PHy8/T19vf4.fr7/P3./w$UlhYdjy9spBkX6xOz4A0NohSlRZbjHykcr3iW0cabRk", "pässword"),
    (
        PasslibPbkdf2(),
        "$pbkdf2-sha512$2000$8PHy8/T19vf4.fr7/P3./w$fSdgQllaIv7tv4iPoTump.8lXfVZY8CA9fxuQBYyiq8a9MrksUeJz.YADZ6uCp5g2TqobiWgaS7h/F10vfgZ3g",
        "pässword",
    ),
    (Phpass(), "$H$5saltsaltKbaAfDDUWn0jAxn9ss/Gj1", "pässword"),
    (Ldap(), "{SSHA}kDJH43m4r76VNznhYS+DfYAWbO9zYWx0", "pässword"),
    # Made with libxcrypt, through crypt(3); the pepper is written out there, as Devise puts it behind the password.
    (Bcrypt(), "$2b$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG", "pässword"),
    (Bcrypt(), "$2y$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG", "pässword"),
    (Bcrypt(pepper="pepper-of-the-platform"), "$2a$04$abcdefghijklmnopqrstuuutHwSKRT1VhZtjMcIDTkoFKGd8oZdPq", "correct horse"),
    # A demonstration site on WordPress 7.1, whose set-up script checks it with PHP's password_verify.
    (WordPress(), "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES", "admin"),
    # ASP.NET Core's PasswordHasherTest (MIT): version 2, then version 3 with SHA-1, SHA-256 and SHA-512.
    (AspNetIdentity(), "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==", "my password"),
    (AspNetIdentity(), "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M", "my password"),
    (
        AspNetIdentity(),
        "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ=",
        "my password",
    ),
    (AspNetIdentity(), "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw", "my password"),
    (
        AspNetIdentity(),
        "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
        "my password",
    ),
    # Keycloak's UserTest (Apache-2.0), updateUserWithHashedCredentials, joined.
    (
        Keycloak(),
        "$keycloak$pbkdf2-sha256$27500$u1VXYxqVfWOzHpF2bGSLyA==$uskEPZWMr83pl2mzNB95SFXfIabe2UH9ClENVx/rrQqOjFEjL2aAOGpWsFNNF3qoll7Qht2mY5KxIDm3Rnve2w==",
        "admin",
    ),
]

KINDS = list({type(one): one for one, _, _ in reversed(VECTORS)}.values())
"""One value of every format."""
