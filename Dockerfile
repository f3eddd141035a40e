# The whole group in one container: the entry point renders supervisord.conf, then becomes supervisord.
FROM python:3.13-slim-trixie

LABEL org.opencontainers.image.title="jira-sync" \
      org.opencontainers.image.description="Keeps pairs of Jira projects in step" \
      org.opencontainers.image.licenses="MIT"

ENV PYTHONUNBUFFERED=1 \
    CONFIG_DIR=/app/configs \
    RUN_DIR=/run/jira-sync

WORKDIR /app

COPY requirements/runtime.lock requirements/runtime.lock
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes \
        -r requirements/runtime.lock

COPY sync_model sync_model
COPY generator generator
COPY sync_worker sync_worker
COPY supervisor_plugin supervisor_plugin
COPY templates templates
# Bytecode that is made now is not made again by every worker; supervisorctl finds its conf without being told.
RUN python -m compileall -q sync_model generator sync_worker supervisor_plugin \
 && groupadd --gid 10001 jira-sync \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jira-sync \
 && install -d -o jira-sync -g jira-sync -m 0700 /run/jira-sync \
 && ln -s /run/jira-sync/supervisord.conf /etc/supervisord.conf

USER jira-sync
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "generator", "start", "--foreground"]
