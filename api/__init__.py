"""HTTP: FreeSWITCH's lookups and the operators' API. The top floor."""
