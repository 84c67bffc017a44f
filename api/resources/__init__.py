"""The operators' nouns over HTTP, one noun a file."""
