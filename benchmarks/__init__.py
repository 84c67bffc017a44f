"""What `make bench` measures: lookups beside a bare app, large tables, a change's way to many nodes."""
