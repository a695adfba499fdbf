# One image with many commands: the API and the worker of every service, and the migrations.
# With `--build-arg requirements=telemetry` it can send traces and metrics to a collector (UPWARD_OTLP_URL).
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS requirements
ARG requirements=runtime
COPY requirements/runtime.txt /tmp/runtime.txt
COPY requirements/telemetry.txt /tmp/telemetry.txt
RUN python -m venv /opt/upward \
 && /opt/upward/bin/python -m pip install --no-cache-dir --require-hashes --requirement /tmp/${requirements}.txt

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin upward
COPY --from=requirements /opt/upward /opt/upward
WORKDIR /app
COPY alembic.ini ./
COPY shared/ shared/
COPY services/ services/
COPY workflows/ workflows/
COPY upward/ upward/
COPY migrations/ migrations/
# Compiled once here, and not at every start by every container, which may write nothing.
RUN /opt/upward/bin/python -m compileall -q -j 0 shared services workflows upward migrations
ENV PATH=/opt/upward/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8080
ENTRYPOINT ["python", "-m", "upward"]
CMD ["--help"]
