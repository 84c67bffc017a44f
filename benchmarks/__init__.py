"""What `make bench` measures: lookups beside a bare app, and a change's way to many nodes."""
