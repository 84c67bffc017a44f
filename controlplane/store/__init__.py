"""Engines, sessions, tables, migrations and sealed secrets."""
