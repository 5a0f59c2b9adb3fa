"""The life of second factors as a machine: one account, its owner and thieves, in any order."""
