"""What nodes report, and its drift from the desired state."""
