"""The steps of an export. `flow` holds their order, `step` their common frame, `app` the Celery application."""
