"""The `controlplane` command: a client of the API, plus what runs offline."""
