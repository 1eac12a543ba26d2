# One image for all of Donebit; the command in docker-compose.yml decides which part a container runs.

ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS build
# `otel` in place of `run` for traces.
ARG LOCK=run
COPY locks/${LOCK}.txt /lock.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r /lock.txt
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY shared shared
COPY trigger_app trigger_app
COPY done_app done_app
COPY distinct_app distinct_app
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --no-create-home donebit
COPY --from=build /venv /venv
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER donebit
CMD ["python", "-m", "trigger_app"]
