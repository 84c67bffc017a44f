"""The desired state of a fleet of FreeSWITCH nodes and everything that follows from it."""
