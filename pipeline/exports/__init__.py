"""What an export is, and where it stands."""
