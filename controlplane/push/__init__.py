"""Plans, the durable queue of pushes, and the runner that carries them out."""
