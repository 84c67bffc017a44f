"""Event Socket: connections to FreeSWITCH nodes, commands, and what nodes report.

The ground floor. Knows nothing of databases or desired state.
"""
