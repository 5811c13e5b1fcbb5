# One image for web, worker and scheduler: the command differs. No state inside: files go through the storage settings.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv /opt/gap && /opt/gap/bin/pip install --require-hashes --no-deps -r /tmp/base.txt \
    && /opt/gap/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11.14-slim-bookworm
# The folder of the files exists and is the program's own: a volume mounted there for the first time takes its owner.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libdmtx0b \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 gap \
    && useradd --system --uid 10001 --gid gap --home-dir /app --shell /usr/sbin/nologin gap \
    && install --directory --owner=gap --group=gap --mode=0700 /var/lib/gap
ENV PATH=/opt/gap/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=gap.settings GAP_VAR_DIR=/var/lib/gap STATIC_FROM_SOURCE=0 PRODUCTION=1
WORKDIR /app
COPY --from=build /opt/gap /opt/gap
COPY . /app
# Collecting needs settings, not secrets: these values live in this one command.
RUN SECRET_KEY=build FIELD_ENCRYPTION_KEY=build BLIND_INDEX_KEY=build \
    DATABASE_URL=postgres://build/build REDIS_URL=redis://build \
    python manage.py collectstatic --noinput --verbosity 0 --ignore 'django_htmx/ext/*' \
        --ignore 'drf_spectacular_sidecar/redoc/*' --ignore 'rest_framework/*' \
    && python -m compileall -q /app
USER gap
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "1", "--no-access-log", "--workers-kill-timeout", "8", "gap.wsgi:application"]
