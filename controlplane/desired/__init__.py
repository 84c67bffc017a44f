"""What FreeSWITCH should be: frozen values, checks, revisions and rollback."""
