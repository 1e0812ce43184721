"""The steps of an export. `flow` holds their order, `step` their common frame, `app` the Celery application.

A folder is a part of the journey and what belongs to it (`plan`, `join`, `keeper`), or a subject (`child`,
`notices`, `schedules`).
"""
