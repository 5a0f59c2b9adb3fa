"""
Hashes that others made, each with its password and where it is from.

The generated ones were made once, in November 2026, with the named release, and are kept as text, so that no test needs it.
"""

from acctsec.hashing import Argon2Parameters
from acctsec.hashing.foreign import (
    Argon2,
    AspNetIdentity,
    Bcrypt,
    DjangoArgon2,
    DjangoBcrypt,
    DjangoBcryptSha256,
    DjangoDigest,
    DjangoPbkdf2,
    DjangoScrypt,
    Drupal,
    FirebaseScrypt,
    Keycloak,
    KeycloakArgon2,
    Ldap,
    Md5Crypt,
    PasslibBcryptSha256,
    PasslibPbkdf2,
    PhcPbkdf2,
    Phpass,
    Scrypt,
    ShaCrypt,
    SymfonyDigest,
    SymfonyPbkdf2,
    WordPress,
)

CHEAP = Argon2Parameters(memory_kib=64, time_cost=2)
"""A floor for hashes made for tests."""

FIREBASE = FirebaseScrypt(signer_key="jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==")
"""The project of Firebase's own example."""

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
    # Argon2's own test program (CC0): version 19, and version 16 without and with its name.
    (Argon2(), "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"),
    (Argon2(), "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"),
    (Argon2(), "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ", "password"),
    (Argon2(), "$argon2i$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ", "password"),
    # Made with @noble/hashes 2.4.0, Argon2 in JavaScript.
    (
        Argon2(floor=CHEAP),
        "$argon2d$v=16$m=64,t=2,p=2$8PHy8/T19vf4+fr7/P3+/w$G1bxhNeNXK/CqwTYKiahxcaIsreIc3yVuNqOehRMGKU",
        "pässword",
    ),
    (
        Argon2(floor=CHEAP),
        "$argon2d$v=19$m=64,t=2,p=2$8PHy8/T19vf4+fr7/P3+/w$2BQHApsWwQSY3JS8M9DNlCtVX36pBhr21HM8KloVc0M",
        "pässword",
    ),
    (
        Argon2(floor=CHEAP),
        "$argon2i$v=16$m=64,t=2,p=2$8PHy8/T19vf4+fr7/P3+/w$F91Rs/L5pEgRqpSqQukXGGQf5SZZ44VSdJ+jhHHpH5Y",
        "pässword",
    ),
    (
        Argon2(floor=CHEAP),
        "$argon2id$v=16$m=64,t=2,p=2$8PHy8/T19vf4+fr7/P3+/w$/cCfTXwbaWUvlSKXt8ETHZeSGDM+J1alFexPRiR+8NU",
        "pässword",
    ),
    # Made with libpass 1.9.4.
    (
        Argon2(floor=CHEAP),
        "$argon2id$v=19$m=64,t=2,p=2$8PHy8/T19vf4+fr7/P3+/w$3c5lYlaF+WvsLFoj6rCo6INCfKRg5lE41Hp52127U44",
        "pässword",
    ),
    (
        Argon2(floor=CHEAP),
        "$argon2i$v=19$m=64,t=2,p=2$8PHy8/T19vf4+fr7/P3+/w$kVm+hNck9SCf3RRo+glrh9d+xyqhsduYID3AqcWIsSE",
        "pässword",
    ),
    (Scrypt(), "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$/DgBDhcMFx7L2jKYJ7uWAgzEK8o/Ox9C9F9fKA2H8qU", "pässword"),
    (PasslibBcryptSha256(), "$bcrypt-sha256$v=2,t=2b,r=4$abcdefghijklmnopqrstuu$hsb1JYtpOCrp.zPPL0Oa2NCYkz7eRbC", "pässword"),
    (PasslibBcryptSha256(), "$bcrypt-sha256$2b,4$abcdefghijklmnopqrstuu$Ns2kmpZ51GYdLSBPoZSN0fYG6hy5fl6", "pässword"),
    (PasslibBcryptSha256(), "$bcrypt-sha256$2a,4$abcdefghijklmnopqrstuu$Ns2kmpZ51GYdLSBPoZSN0fYG6hy5fl6", "pässword"),
    (PasslibPbkdf2(), "{PBKDF2}2000$8PHy8/T19vf4.fr7/P3./w$yN5yBnf1DM8f4/sKh5ckFrft1RY", "pässword"),
    (PasslibPbkdf2(), "{PBKDF2-SHA256}2000$8PHy8/T19vf4.fr7/P3./w$UlhYdjy9spBkX6xOz4A0NohSlRZbjHykcr3iW0cabRk", "pässword"),
    (
        PasslibPbkdf2(),
        "{PBKDF2-SHA512}2000$8PHy8/T19vf4.fr7/P3./w$fSdgQllaIv7tv4iPoTump.8lXfVZY8CA9fxuQBYyiq8a9MrksUeJz.YADZ6uCp5g2TqobiWgaS7h/F10vfgZ3g",
        "pässword",
    ),
    (Ldap(), "{SHA}I7dElEdfX4dJgLdnbVEeI9iG2mQ=", "pässword"),
    (Ldap(), "{MD5}jhhDAzoPbuUuL2GKqOu+9A==", "pässword"),
    (Ldap(), "{SMD5}bJXRwcM9V0QWiAEmQ0ADtXNhbHRzYWx0", "pässword"),
    (Bcrypt(), "{CRYPT}$2b$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG", "pässword"),
    (Md5Crypt(), "{CRYPT}$1$salt$2joA30L/61x5jGlXRr5mr1", "pässword"),
    (Md5Crypt(), "$apr1$salt$lXWK8dtPPqeBYJfzZ6AjB1", "pässword"),
    (ShaCrypt(), "$5$rounds=1000$saltsaltsaltsalt$IzIsZ47fWlb1FjlOMtfe9WEe7ha5/z7.yt9JnJfm8r4", "pässword"),
    (
        ShaCrypt(),
        "{CRYPT}$6$rounds=1000$salt$DNnGWyR87BHJVRF4CRGX3CANxtuzsozxbUHU2oqG.Z1zRdeS2SXx3K.zowU3vArlEsvyG6OqsJ.SzTjyDd7Ec.",
        "pässword",
    ),
    (ShaCrypt(), "$6$salt$32h/ATFxF5dEb5jXzWY/Wt0vFX30uqSYSJlncpnBVK9IOUjrUjkAlyx7059Q0O8ZEEc9KOCe9lDoITNv3wOEh1", "pässword"),
    # The specification of SHA-crypt, its own test program (public domain).
    (ShaCrypt(), "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
    (
        ShaCrypt(),
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!",
    ),
    # Made with libxcrypt 4.4.33, through crypt(3).
    (ShaCrypt(), "$5$rounds=1234$short$HQlh12bndcETxpoB8NF.8PAHf9gZSdapl1oIPc5MIcC", "p" * 300),
    (
        ShaCrypt(),
        "$6$rounds=1234$short$oB1BO3a4fF1pX6c6OPY0dWdHxnj7l8siy1TVW/i/D2HMXUf6LcdcWBPJuw5hiKHAE3mNRYZgaFTzSoi1hM6k2.",
        "p" * 300,
    ),
    (Md5Crypt(), "$1$short$jcelS7KsVaFAL/Nqm102F1", "p" * 300),
    # Made with OpenSSL 3.0.19, `openssl passwd`.
    (ShaCrypt(), "$5$OpenSSL.$5h4D9eTA6kIbFJqZOKV88tjgaUR9Pu1EcVy7e8l2KPD", "pässword"),
    (Md5Crypt(), "$1$OpenSSL.$IYHuuEcDpXSFo2.3PjlHq1", "pässword"),
    (Md5Crypt(), "$apr1$OpenSSL.$AVy6VWvkwufvQX7lVbSp4.", "pässword"),
    # Made with Django 5.2.19; the last three with Django 4.2.30, which could still make them.
    (
        DjangoArgon2(),
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdHNhbHQxMg$+NM1FkrJuKadr0+EN7YAWB/oL5G7U7fTZq14LErUSuI",
        "pässword",
    ),
    (DjangoBcrypt(), "bcrypt$$2b$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG", "pässword"),
    (DjangoDigest(), "md5$saltsaltsaltsaltsalt12$0be680d578e579c32645de232c73381d", "pässword"),
    (DjangoDigest(), "sha1$saltsaltsaltsaltsalt12$9b1f84b9c986cac4f58e2a5394105c0b140e8026", "pässword"),
    (DjangoDigest(), "sha1$$23b74494475f5f874980b7676d511e23d886da64", "pässword"),
    (DjangoDigest(), "8e1843033a0f6ee52e2f618aa8ebbef4", "pässword"),
    (DjangoDigest(), "md5$$8e1843033a0f6ee52e2f618aa8ebbef4", "pässword"),  # the same, as Django also reads it
    # RustCrypto's pbkdf2, its tests (Apache-2.0 or MIT).
    (
        PhcPbkdf2(),
        "$pbkdf2-sha256$i=4096,l=40$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q",
        "passwordPASSWORDpassword",
    ),
    # Made with @phc/pbkdf2 1.1.14, of Node.
    (PhcPbkdf2(), "$pbkdf2-sha1$i=2000$2u5LmzBieWDIlwqbDAhcOg$vtcLa3EIuCYPdeHpY7pN2fd4Yoo", "pässword"),
    (PhcPbkdf2(), "$pbkdf2-sha256$i=2000$FlgTDoyWTI1OaNxrKd/nzg$ENJZN0ijb2bqIF5yfPbRdRUxXVVLMPav2k5c/gO1uW8", "pässword"),
    (
        PhcPbkdf2(),
        "$pbkdf2-sha512$i=2000$9JHDySy389ZI7mGSPJhTKQ$FSAV95XO9EAdbD59nUMFtqapQGOmrceU5yavC7YKnll2VKGhiasp3zgRHFLs1X5u3CyViLefjs3hmBaYcBweBg",
        "pässword",
    ),
    # Firebase's own example, joined: the README of github.com/firebase/scrypt.
    (
        FIREBASE,
        "$firebase-scrypt$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
        "user1password",
    ),
    # A row of Keycloak's table with its default parameters, from the tests of City of Espoo's eVaka, joined.
    (
        KeycloakArgon2(),
        "$keycloak$argon2id$v=19$m=7168,t=5,p=1$LgSKeCa5qZH6Dh0PE17AwQ==$O7vS90g14jWr4ESbUpJ3KX5y1NMZcMgjuqPHrZ4Eq8U=",
        "testpassword",
    ),
    # Made with Symfony's hashers on PHP 8.3.33, joined; without a salt, and with "0", which is none to PHP.
    (
        SymfonyDigest(),
        "$symfony$sha512$5000$M2t2bTJncTlubjhrMHNnczhja29rZ3M4d3dvMHdrZw==$O8EmT+k52pNQDFzlDvZUC4fVnIMxDA3OJ8mmFsX80fCatvDHg0GD+oaOzJMh3oa/MShqfzuxk+REVl+bQw0+OA==",
        "pässword",
    ),
    (
        SymfonyDigest(),
        "$symfony$sha512$5000$$YlhjsuZ0o/ekWZEy7XkEQyVPk/1XNi6xs+YFQ3JOaedBjUS6SXlSzptnfcStI+YMNLodMyp6UfAubvqjPNpCJw==",
        "pässword",
    ),
    (
        SymfonyDigest(),
        "$symfony$sha512$5000$MA==$YlhjsuZ0o/ekWZEy7XkEQyVPk/1XNi6xs+YFQ3JOaedBjUS6SXlSzptnfcStI+YMNLodMyp6UfAubvqjPNpCJw==",
        "pässword",
    ),
    (
        SymfonyPbkdf2(),
        "$symfony-pbkdf2$sha512$1000$M2t2bTJncTlubjhrMHNnczhja29rZ3M4d3dvMHdrZw==$zUuMDH4py++WKBVlP1HabKBkudr1JaPWtItHIqgi11Vvfib5nyKgkg==",
        "pässword",
    ),
    # Symfony's Pbkdf2PasswordHasherTest (MIT), joined.
    (SymfonyPbkdf2(), "$symfony-pbkdf2$sha256$1$$wSMvEPYnFf2gaufAogN8oZszzxA7cnulbYcMEfKQoqsQaXTHVgfIow==", "password"),
    # Made with PHP 8.3.33: crypt(), and password_hash() as Symfony calls it for a password of 90 bytes.
    (Md5Crypt(), "$1$saltsalt$QgbQ7EUpcKNQTLgSVL4qr/", "pässword"),
    (ShaCrypt(), "$5$rounds=2000$saltsaltsaltsalt$ZNfDTuV3wN/KF.I1xVb2oDD4K/xfaPd5AxXCMZaMiF.", "pässword"),
    (Bcrypt(symfony=True), "$2y$04$dbOVeLly5wPEROACF9R/wOJZE.TkoKSUYJ9IwCXT7Mrg5NDowuD0C", "pässword" * 10),
    (Bcrypt(symfony=True), "$2y$04$cMxzZwjTHOVMahBy25IXXeVAwUh91oBRbci65A8IUqPOusw.IvAzK", "pässword"),
]

KINDS = list({type(one): one for one, _, _ in reversed(VECTORS)}.values())
"""One value of every format."""
