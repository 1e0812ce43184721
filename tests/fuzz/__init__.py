"""Fuzzing of what reads data from elsewhere: listings, pictures, PDFs, requests. README.md says how to run it."""
