# HQ's processes in one image: web (the default command), edge, live pages, two kinds of worker, beat, migrations.
#
#   docker build -t hq .
#   docker run --env-file hq.env -v hq-data:/var/lib/hq -p 8000:8000 hq
#   docker run ... -e HQ_DB_ROLE=hq_edge -e HQ_HEALTH_PORT=8001 -p 8001:8001 hq \
#     granian --interface wsgi --http 1 --no-ws --host 0.0.0.0 --port 8001 --blocking-threads 16 --backpressure 256 \
#     --http1-buffer-size 65536 --workers-kill-timeout 3 --log-level error edge.wsgi:application     # docs/edge.md
#   docker run ... -e HQ_LIVE_HOST=0.0.0.0 -e HQ_LIVE_PORT=8002 -e HQ_HEALTH_PORT=8002 -p 8002:8002 hq \
#     python -m hq.asgi                                                                               # docs/streams.md
#   docker run ... --no-healthcheck hq celery --app hq.celery worker --queues hq --concurrency 2
#   docker run ... --no-healthcheck hq celery --app hq.celery worker --queues hq.network --pool threads --concurrency 16
#   docker run ... --no-healthcheck hq celery --app hq.celery beat --schedule /tmp/beat --pidfile=
#   docker run ... -e HQ_DB_ROLE=hq_owner hq python manage.py migrate
#
# No secret is in the image or in its build: each is read at run time from a variable, or from the file named by NAME_FILE.
# PostgreSQL and Valkey are services of their own; their wheels for one-command runs stay out. No Debian package is added:
# what makes and looks into PDFs comes as wheels.

FROM python:3.13.9-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/base.txt /tmp/base.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/base.txt
WORKDIR /opt/hq
COPY . .
RUN HQ_STATIC_DIR=/opt/hq/collected HQ_DATA_DIR=/tmp/build /opt/venv/bin/python manage.py collectstatic --noinput --skip-checks \
 && /opt/venv/bin/python -m compileall -q /opt/hq

FROM python:3.13.9-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin hq \
 && install -d -o hq -g hq -m 0700 /var/lib/hq
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/hq /opt/hq
WORKDIR /opt/hq
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=hq.settings \
    HQ_ENV=production HQ_DB_POOL=true HQ_DATA_DIR=/var/lib/hq HQ_STATIC_DIR=/opt/hq/collected
USER hq
VOLUME /var/lib/hq
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "bin/healthcheck.py"]
# As in docs/adr/0002-web-server.md.
CMD ["granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--host", "0.0.0.0", "--port", "8000", "--blocking-threads", "24", "--backpressure", "256", "--http1-buffer-size", "65536", "--workers-kill-timeout", "3", "--log-level", "error", "hq.wsgi:application"]
