"""The `controlplane` command: a client of the API, plus what runs on the machine itself."""

__all__ = ["main"]


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    # What a command needs is loaded with it: this package is also imported for its parts.
    from controlplane.cli.program import app

    app(prog_name="controlplane")
