"""The real parts for one computer: Valkey, S3, mail, and dynos behind Heroku's Platform API."""
