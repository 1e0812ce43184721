"""One door per foreign service."""
