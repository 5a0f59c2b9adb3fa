"""Moving a deployment: user tables of other systems, engines named on a command line, and runs that can be taken up again."""
