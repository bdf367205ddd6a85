# syntax=docker/dockerfile:1
# pgwarden in a container: as an ordinary user, on a root file system that may be read-only.
#
#   docker run --read-only --publish 6432:6432 --volume pgwarden:/var/lib/pgwarden \
#     --env PGWARDEN_UPSTREAM=postgresql://db.example.com:5432 pgwarden
#
# Own policies are mounted over /etc/pgwarden/policies. The ledger lies in /var/lib/pgwarden, the one place that is
# written to.

FROM python:3.13-slim AS build
WORKDIR /src
# The compiler is the distribution's, for the modules that setup.py names; it stays in this stage.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml setup.py README.md LICENSE ./
COPY proxy/ proxy/
COPY policies/ policies/
RUN PGWARDEN_PURE=0 pip wheel --no-cache-dir --wheel-dir /wheels '.[backup,oidc,otel]'

FROM python:3.13-slim
LABEL org.opencontainers.image.title="pgwarden" \
      org.opencontainers.image.description="The production gate for Postgres: what would lose data does not pass." \
      org.opencontainers.image.licenses="GPL-3.0-or-later"
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PGWARDEN_ADMIN=0.0.0.0:9187 \
    PGWARDEN_LEDGER=/var/lib/pgwarden/ledger.sqlite
# The versions are those that the build stage resolved: nothing comes from an index here.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels 'pgwarden[backup,oidc,otel]' \
    && useradd --system --uid 10001 --no-create-home --home-dir /var/lib/pgwarden --shell /usr/sbin/nologin pgwarden \
    && install --directory --owner=pgwarden --group=pgwarden --mode=0700 /var/lib/pgwarden
COPY policies/ /etc/pgwarden/policies/
VOLUME /var/lib/pgwarden
WORKDIR /var/lib/pgwarden
USER 10001
EXPOSE 6432 9187
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["pgwarden", "health"]
ENTRYPOINT ["pgwarden"]
CMD ["serve", "--listen", "0.0.0.0:6432", "--policy", "/etc/pgwarden/policies/production.yaml"]
