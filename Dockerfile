# The whole group in one container: the entry point renders supervisord.conf, then becomes supervisord.

# Both stages begin with it. By its digest (PYTHON_IMAGE=python:3.13-slim-trixie@sha256:…) a build uses that very one.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

# What needs pip is done here; only its outcome gets into the image.
FROM ${PYTHON_IMAGE} AS build

WORKDIR /app
COPY requirements/runtime.lock /tmp/
RUN python -m venv --without-pip venv \
 && python -m pip --python venv install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes \
        -r /tmp/runtime.lock \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash venv/lib

COPY sync_model sync_model
COPY generator generator
COPY sync_worker sync_worker
COPY supervisor_plugin supervisor_plugin
COPY health_monitor health_monitor
COPY jira_sync jira_sync
COPY templates templates
# Bytecode that is made now is not made again by every process, and is taken as it is, without a look at its source.
# `jira-sync` is a command from any folder. Whoever keeps a checkout to themselves builds an image that its user can read
# nevertheless.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '^./venv/' . \
 && pwd > "$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/jira-sync.pth" \
 && printf '#!/bin/sh\nexec /app/venv/bin/python -m jira_sync "$@"\n' > venv/bin/jira-sync \
 && chmod 0755 venv/bin/jira-sync \
 && mkdir configs \
 && chmod -R a+rX,go-w .


FROM ${PYTHON_IMAGE}

# The base image may come without bytecode of the standard library, and nobody could write it later. Nothing is ever
# installed here again, and nobody becomes another user. supervisorctl finds its conf without being told.
RUN rm -rf /usr/bin/pip* /usr/local/bin/pip* \
        $(python -c 'import ensurepip, pip; print(*ensurepip.__path__, pip.__path__[0], pip.__path__[0] + "-*")') \
 && python -m compileall -q -j 0 -x '/(idlelib|test|tkinter|turtledemo|site-packages|dist-packages)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && groupadd --gid 10001 jira-sync \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jira-sync \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && install -d -o jira-sync -g jira-sync -m 0700 /run/jira-sync \
 && ln -s /run/jira-sync/supervisord.conf /etc/supervisord.conf

COPY --from=build /app /app

ENV PATH=/app/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CONFIG_DIR=/app/configs \
    RUN_DIR=/run/jira-sync \
    BIND=0.0.0.0 \
    PORT=3000

# `make release` gives them. They come last, so that another version is no other layer before this.
ARG VERSION=unreleased
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="jira-sync" \
      org.opencontainers.image.description="Keeps pairs of Jira projects in step" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.licenses="MIT"

WORKDIR /app
# By number, so that it can be seen from outside that this is not root.
USER 10001:10001
EXPOSE 3000
# Whether the monitor does its work. How the syncs are, /health says: a sync that waits for a person is no reason to
# restart all of them.
HEALTHCHECK --interval=15s --timeout=10s --start-period=40s CMD ["python", "-m", "health_monitor.probe", "live"]
STOPSIGNAL SIGTERM
# The kernel keeps a signal from the first process that it has no handler for. A container that is stopped while Python
# starts would go on, and be killed when its grace is over: so the signal is held back until supervisord takes it in.
ENTRYPOINT ["env", "--block-signal=TERM", "python", "-m", "generator", "start", "--foreground"]
