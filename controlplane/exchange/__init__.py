"""Import from and export to files."""
