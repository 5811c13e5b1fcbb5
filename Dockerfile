# One image for web, worker and scheduler: the command differs. No state inside: files go through the storage settings.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv /opt/gap && /opt/gap/bin/pip install --require-hashes --no-deps -r /tmp/base.txt

FROM python:3.11.14-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends libdmtx0b \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin gap
ENV PATH=/opt/gap/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=gap.settings STATIC_FROM_SOURCE=0 PRODUCTION=1
WORKDIR /app
COPY --from=build /opt/gap /opt/gap
COPY . /app
# Collecting needs settings, not secrets: these values live in this one command.
RUN SECRET_KEY=build FIELD_ENCRYPTION_KEY=build BLIND_INDEX_KEY=build \
    DATABASE_URL=postgres://build/build REDIS_URL=redis://build \
    python manage.py collectstatic --noinput --verbosity 0 --ignore 'django_htmx/ext/*'
USER gap
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "1", "--no-access-log", "--workers-kill-timeout", "8", "gap.wsgi:application"]
