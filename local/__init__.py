"""The whole system on one computer: Valkey, S3, mail, and dynos behind Heroku's Platform API.

For development and tests. It is no part of the package `pipeline` and is never installed with it.
"""
