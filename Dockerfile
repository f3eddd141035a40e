# The whole group in one container: the entry point renders supervisord.conf, then becomes supervisord.
FROM python:3.13-slim-trixie

LABEL org.opencontainers.image.title="jira-sync" \
      org.opencontainers.image.description="Keeps pairs of Jira projects in step" \
      org.opencontainers.image.licenses="MIT"

ENV PYTHONUNBUFFERED=1 \
    CONFIG_DIR=/app/configs \
    RUN_DIR=/run/jira-sync \
    BIND=0.0.0.0 \
    PORT=3000

WORKDIR /app

COPY requirements/runtime.lock requirements/runtime.lock
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes \
        -r requirements/runtime.lock

COPY sync_model sync_model
COPY generator generator
COPY sync_worker sync_worker
COPY health_monitor health_monitor
COPY jira_sync jira_sync
COPY templates templates
# `jira-sync` is a command from any folder. Bytecode that is made now is not made again by every worker; supervisorctl
# finds its conf without being told.
RUN python -m compileall -q sync_model generator sync_worker health_monitor jira_sync \
 && pwd > "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/jira-sync.pth" \
 && printf '#!/bin/sh\nexec python -m jira_sync "$@"\n' > /usr/local/bin/jira-sync \
 && chmod 0755 /usr/local/bin/jira-sync \
 && groupadd --gid 10001 jira-sync \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jira-sync \
 && install -d -o jira-sync -g jira-sync -m 0700 /run/jira-sync \
 && ln -s /run/jira-sync/supervisord.conf /etc/supervisord.conf

USER jira-sync
EXPOSE 3000
# Whether the monitor does its work. How the syncs are, /health says: a sync that waits for a person is no reason to
# restart all of them.
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s CMD ["python", "-m", "health_monitor.probe", "live"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "generator", "start", "--foreground"]
