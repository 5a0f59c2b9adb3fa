"""How the guesses are counted: what an attacker's tricks find, how likely the characters are, and both together."""
