"""The address of Dagster's database, as its storage takes it."""

from __future__ import annotations

from lakehouse_assets.settings import Settings

ADDRESS = "DAGSTER_POSTGRES_URL"
"""Environment variable that dagster.yaml names: the file itself holds no password."""
DRIVER = "postgresql+psycopg2://"
"""SQLAlchemy's own choice became another driver, which Dagster does not bring."""


def environment(settings: Settings) -> dict[str, str]:
    """What every process that opens Dagster's instance needs in its environment; nothing for SQLite files."""
    url = settings.dagster_postgres_url.get_secret_value()
    scheme, separator, rest = url.partition("://")
    if not separator:
        return {}
    return {ADDRESS: DRIVER + rest if scheme in ("postgresql", "postgres") else url}
