"""Mails and webhooks about exports that are over: composed, sent by the keeper, tried again until they arrive."""
