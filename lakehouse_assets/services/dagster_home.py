"""What the files in Dagster's home say: its instance, and the workspace that names the code server."""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse_assets.access import postgres
from lakehouse_assets.settings import Settings

WORKSPACE = """load_from:
  - grpc_server:
      socket: {socket}
      location_name: lakehouse
"""
INSTANCE = """telemetry:
  enabled: false

nux:
  enabled: false

run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator

run_monitoring:
  enabled: true
  poll_interval_seconds: 5
  start_timeout_seconds: 60
  cancel_timeout_seconds: 60

run_retries:
  enabled: true
  max_retries: 3
  retry_on_asset_or_op_failure: false

sensors:
  use_threads: true
  num_workers: 4

retention:
  sensor:
    purge_after_days:
      skipped: 1
      success: 30
      failure: 30
"""
POSTGRES = f"""
storage:
  postgres:
    postgres_url:
      env: {postgres.ADDRESS}
"""
OUTPUT = """
compute_logs:
  module: lakehouse_assets.engine.orchestration.run_output
  class: RunOutput
  config:
    base_dir: {storage}
"""
WARM = """
run_launcher:
  module: lakehouse_assets.engine.orchestration.workers.launcher
  class: WorkerRunLauncher
  config:
    socket: {socket}
"""
COLD = """
run_launcher:
  module: lakehouse_assets.engine.orchestration.launcher
  class: LocalRunLauncher
"""


def instance(settings: Settings, home: Path, pool: Path) -> str:
    """The text of dagster.yaml.

    Args:
        settings: how many workers there are, and where Dagster's database is.
        home: Dagster's home.
        pool: the socket of the pool of warm workers, where there is one.
    """
    output = OUTPUT.format(storage=json.dumps(str(home / "storage")))
    launcher = WARM.format(socket=json.dumps(str(pool))) if settings.run_workers else COLD
    database = POSTGRES if settings.dagster_postgres_url.get_secret_value() else ""
    return INSTANCE + output + launcher + database


def workspace(socket: Path) -> str:
    """The text of workspace.yaml."""
    return WORKSPACE.format(socket=json.dumps(str(socket)))
