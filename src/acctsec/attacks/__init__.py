"""
Attacks across accounts: what no single account can see.

``reputation`` scores a source, ``spray`` sees one password or one network at many accounts, ``surge`` a rise of failures;
``posture`` says what follows, and ``risk`` weighs one sign-in. Nothing here reads a clock, keeps a secret or lets anybody in.
"""
