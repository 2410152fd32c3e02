"""A Dagster run in a process of its own, as Dagster starts it, whose one step keeps Spark busy for many minutes.

DAGSTER_HOME=... python -m lakehouse_assets_tests.engine.long_run RUN_ID [alone | in_processes]
"""

import sys

from dagster import DagsterInstance, in_process_executor, job, multiprocess_executor, op, reconstructable
from dagster._grpc.impl import core_execute_run
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

from lakehouse_assets.engine.spark import SparkConnect

MANY_MINUTES = "SELECT max(hash(id)) AS most FROM range(0, 10000000000000, 1, 2)"
"""Spark asks between batches of rows whether it was cancelled, as it does while it reads files."""


@op
def rebuild(spark: SparkConnect) -> None:
    spark.spark_session.sql(MANY_MINUTES).collect()


RESOURCES = {"spark": SparkConnect()}


@job(executor_def=in_process_executor, resource_defs=RESOURCES)
def alone() -> None:
    """As a batch runs: the step in the run's own process."""
    rebuild()


@job(executor_def=multiprocess_executor, resource_defs=RESOURCES)
def in_processes() -> None:
    """As a rebuild of assets may run: each step in a process of its own."""
    rebuild()


def main(run_id: str, job_name: str) -> None:
    setup_interrupt_handlers()
    chosen = {"alone": alone, "in_processes": in_processes}[job_name]
    with DagsterInstance.get() as instance, capture_interrupts():
        run = instance.create_run_for_job(chosen, run_id=run_id)
        for _ in core_execute_run(reconstructable(chosen), run, instance, inject_env_vars=False):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
