"""Desired state -> the XML that FreeSWITCH asks for, and the cache that keeps it at hand."""
