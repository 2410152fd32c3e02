"""Executes one run as Dagster's own process of a run does, but in a process that has the definitions already."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.code_pointer import CodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.events import DagsterEventType, EngineEventData
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
from dagster._grpc.impl import core_execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin

_log = logging.getLogger("lakehouse.worker")


class Interrupts(Protocol):
    """Who knows whether this run was cancelled."""

    cancelled: bool


def warm_up(module: str, instance: DagsterInstance) -> None:
    """Imports the definitions and builds every job; what fails is logged, and fails each run in Dagster's own words."""
    here = str(Path.cwd())
    try:
        for target in loadable_targets_from_python_module(module, here):
            pointer = CodePointer.from_module(module, target.attribute, here)
            ReconstructableRepository(pointer).get_definition().load_all_definitions()
        instance.get_runs_count()
        instance.event_log_storage.get_maximum_record_id()
    except Exception:
        _log.exception("%s is not ready", module)


def execute(
    instance: DagsterInstance,
    run_id: str,
    worker: Mapping[str, int | str],
    begun: Callable[[str], None],
    interrupts: Interrupts,
) -> None:
    """Executes a run to its end, whatever that is; it is in the run's log.

    Args:
        instance: where the run is.
        run_id: the run.
        worker: what the run's log says of this worker, beside its process id.
        begun: called with the run's id once its start is recorded.
        interrupts: whether the run was cancelled.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.job_code_origin is None:
        return
    pid = os.getpid()
    shown = EngineEventData(metadata={**EngineEventData.in_process(pid).metadata, **worker})
    instance.report_engine_event(f"Started process for run (pid: {pid}).", run, shown)
    job = recon_job_from_origin(run.job_code_origin)
    try:
        for event in core_execute_run(job, run, instance, inject_env_vars=True):
            if event.event_type == DagsterEventType.PIPELINE_START:
                begun(run_id)
                if interrupts.cancelled:
                    note_cancel(instance, run_id)
    except BaseException as error:  # Dagster has put it into the run's log
        _log.info("run %s: %s", run_id, type(error).__name__)
    _settle(instance, run_id)
    instance.report_engine_event(f"Process for run exited (pid: {pid}).", run)


def note_cancel(instance: DagsterInstance, run_id: str) -> None:
    """A start that is recorded after a cancel hides it; a run that is interrupted then would count as failed."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status == DagsterRunStatus.STARTED:
        instance.report_run_canceling(run)


def _settle(instance: DagsterInstance, run_id: str) -> None:
    """Dagster takes no notice of a run that is cancelled between its hand-over and its start: it is over before whoever
    cancels it can interrupt it."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status == DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run)
