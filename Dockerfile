# The web process, and with `python -m pipeline worker` a worker. How to run them: docs/operations.md, "In a container".
# One stage: every requirement is a wheel, for x86-64 and for ARM, so no compiler has to be left behind.
FROM python:3.11-slim-bookworm
RUN useradd --create-home --user-group --uid 1000 app
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --only-binary :all: --requirement requirements.txt
COPY LICENSE NOTICE pyproject.toml ./
COPY pipeline ./pipeline
USER 1000:1000
# With PORT the web process listens on all addresses of the container.
ENV PORT=5000
EXPOSE 5000
CMD ["gunicorn", "--config", "python:pipeline.web.gunicorn", "pipeline.web:create_app()"]
