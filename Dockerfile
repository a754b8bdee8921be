# The portal in three stages: the charts, the Python packages, and what runs.
#
#   docker build --tag workbench-analytics:1 .
#   docker run --read-only --tmpfs /tmp --volume portal:/data --publish 127.0.0.1:8000:8000 workbench-analytics:1
#
# The versions of Python and of the PostgreSQL client (Debian 12 has 15) are those that the tests run on.

FROM node:20.19.3-bookworm-slim AS charts
WORKDIR /build/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY frontend/ ./
RUN npm run --silent build

FROM python:3.11.13-slim-bookworm AS packages
COPY requirements.txt /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /build/requirements.txt

FROM python:3.11.13-slim-bookworm
# `manage.py backup` and `restore` call pg_dump and pg_restore.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /data portal \
    && install --directory --owner=portal --group=portal --mode=0700 /data
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    DATA_DIR=/data \
    HOST=0.0.0.0 \
    DEMO=false
WORKDIR /app
# .dockerignore says of what.
COPY . ./
COPY --from=charts /build/static/build ./static/build
# Root owns the code and the collected files: the portal can't change them. Its generated secret stays in /tmp here.
RUN python -m compileall -q . \
    && DATA_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/build
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/healthz' % os.environ.get('PORT', 8000), timeout=4)"]
# The whole portal. `manage.py web`, `manage.py worker` and `celery -A config beat` are its parts.
CMD ["python", "manage.py", "portal"]
