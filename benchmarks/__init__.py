"""What `make bench` measures: lookups beside a bare app, a large dialplan, a change's way to many nodes."""
