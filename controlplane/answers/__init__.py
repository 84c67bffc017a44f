"""Desired state turned into the XML that FreeSWITCH asks for, and its cache."""
