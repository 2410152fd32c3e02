"""Definitions of a project whose one job does what its configuration says."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from dagster import Config, Definitions, OpExecutionContext, in_process_executor, job, op

LEAK = "LEAKED_BY_A_RUN"


class Task(Config):
    do: str = "nothing"
    file: str = ""
    """Where the op writes a line when it begins."""
    seconds: float = 30.0


def nothing(_task: Task) -> None:
    return


def fail(_task: Task) -> None:
    raise ValueError("as it was told")


def sleep(task: Task) -> None:
    try:
        time.sleep(task.seconds)
    finally:
        write(task, "torn down")


def ignore(task: Task) -> None:
    """Whatever interrupts it, it goes on."""
    end = time.monotonic() + task.seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.1)
        except BaseException:
            continue


def leak(_task: Task) -> None:
    os.environ[LEAK] = "yes"
    os.environ["HOME"] = "/nowhere"
    os.chdir("/")
    sys.path.append("/leaked")


def look(task: Task) -> None:
    leaked = [os.environ.get(LEAK), os.environ["HOME"] == "/nowhere", "/leaked" in sys.path]
    write(task, f"{leaked} {Path.cwd()}")


def kill(_task: Task) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_task: Task) -> None:
    raise SystemExit(3)


def drop(_task: Task) -> None:
    """As a cancelled coroutine does: no Exception."""
    raise asyncio.CancelledError


def exhaust(_task: Task) -> None:
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 2**20, resource.RLIM_INFINITY))
    bytearray(2**30)


def talk(task: Task) -> None:
    sys.stdout.write("printed in the step\n")
    os.system("echo said by a child >&2")
    write(task, f"children {len(psutil.Process().children())}")


def grow(_task: Task) -> None:
    KEPT.append(b"x" * (200 * 2**20))


KEPT: list[bytes] = []
TASKS: dict[str, Callable[[Task], None]] = {
    each.__name__: each for each in (nothing, fail, sleep, ignore, leak, look, talk, kill, leave, drop, exhaust, grow)
}


def write(task: Task, text: str) -> None:
    if task.file:
        with Path(task.file).open("a") as file:
            file.write(f"{text}\n")


def made(code: str) -> Definitions:
    """The definitions; the op says which code it is of."""

    @op
    def act(context: OpExecutionContext, config: Task) -> None:
        context.log.info(f"code {code} in {os.getpid()}")
        write(config, f"{context.run_id} {code} {os.getpid()}")
        TASKS[config.do](config)

    @job(executor_def=in_process_executor)
    def work() -> None:
        act()

    return Definitions(jobs=[work])
