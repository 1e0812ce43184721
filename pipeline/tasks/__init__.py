"""What workers do. `flow` is the order of things; the other modules are its steps; `app` is Celery."""
