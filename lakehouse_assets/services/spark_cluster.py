"""A standalone Spark cluster on loopback: one master, some workers; the Spark Connect server is its only driver.

The workers' executors take the store's key and Kafka's login from the environment that they inherit, and every
process shows the others a generated secret from there too. None of it is in a command line or a Spark property.
"""

from __future__ import annotations

import json
import shlex
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.services.endpoints import HOST
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.jars import classpath, pyspark_jars
from lakehouse_assets.services.java import argument_file, java, properties
from lakehouse_assets.services.service import NotHealthyError, Site
from lakehouse_assets.services.supervisor import Program

HEAP = "256m"
PROBE_SECONDS = 2.0
MISSING_MODULE = "--add-modules=jdk.incubator.vector"
"""Spark asks for it in every executor; the bundled runtime lacks it and would not start."""
IN_ENVIRONMENT = "taken-from-the-environment"
"""A driver demands the property, then prefers `_SPARK_AUTH_SECRET` in its environment to it."""
LAUNCHER = """#!/bin/sh
for option in "$@"; do
  shift
  [ "$option" = {module} ] || set -- "$@" "$option"
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class Cluster:
    """Master and workers of one home; `options` are java options that all of Spark's processes share."""

    site: Site
    folder: Path
    options: tuple[str, ...]

    @property
    def workers(self) -> int:
        """How many workers; 0 means there is no cluster."""
        return self.site.endpoints.modes.spark_workers

    @property
    def url(self) -> str:
        """Where the driver and the workers find the master."""
        return f"spark://{HOST}:{self.site.endpoints.ports['spark_master']}"

    @property
    def cores(self) -> int:
        """Cores of each worker."""
        return max(1, self.site.settings.spark_cores // max(1, self.workers))

    def environment(self) -> dict[str, str]:
        """What every process of the cluster, the driver too, has in its environment."""
        if not self.workers:
            return {}
        secret = self.site.endpoints.credentials["spark_secret"]
        return {
            "_SPARK_AUTH_SECRET": secret,
            "SPARK_LOCAL_IP": HOST,
            "SPARK_HOME": str(pyspark_jars().parent),
            "SPARK_SCALA_VERSION": "2.13",
            "JAVA_HOME": str(self.folder / "java"),
        }

    def configuration(self) -> dict[str, str]:
        """The driver's Spark properties; no secret among them."""
        if not self.workers:
            return {"spark.master": f"local[{self.site.settings.spark_cores}]", "spark.authenticate": "true"}
        return {
            "spark.master": self.url,
            "spark.authenticate": "true",
            "spark.authenticate.secret": IN_ENVIRONMENT,
            "spark.executor.memory": self.site.settings.spark_worker_heap,
            "spark.executor.extraClassPath": classpath("spark"),
            "spark.executor.extraJavaOptions": " ".join(self._executor()),
            "spark.cores.max": str(self.cores * self.workers),
        }

    def prepare(self) -> None:
        """Write the launcher and the options of master and workers."""
        if not self.workers:
            return
        launcher = self.site.home.folder("spark", "java", "bin") / "java"
        write_private(launcher, LAUNCHER.format(module=MISSING_MODULE, java=shlex.quote(str(java()))))
        launcher.chmod(0o700)
        for name, options in self._arguments().items():
            write_private(self.folder / f"{name}.args", argument_file(options))

    def programs(self, environment: Mapping[str, str]) -> list[Program]:
        """One JVM for the master and one for each worker, which starts its executor."""
        environment = {**environment, **self.environment()}
        ui = self.site.endpoints.ports["spark_master_ui"]
        return [
            Program(
                name,
                [str(java()), f"@{self.folder / name}.args"],
                self.folder,
                environment,
                stop_seconds=8,
                port=ui if name == "spark-master" else None,
            )
            for name in self._names()
        ]

    def health(self) -> None:
        """The master answers and knows every worker.

        Raises:
            NotHealthyError: it does not.
        """
        if not self.workers:
            return
        url = f"http://{HOST}:{self.site.endpoints.ports['spark_master_ui']}/json/"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(url, timeout=PROBE_SECONDS) as answer:
                alive = json.load(answer)["aliveworkers"]
        except (OSError, ValueError, KeyError) as error:
            raise NotHealthyError(f"the master does not answer ({error})") from error
        if alive < self.workers:
            raise NotHealthyError(f"the master knows {alive} of {self.workers} workers")

    def _names(self) -> list[str]:
        numbers = range(1, self.workers + 1)
        return ["spark-master", *(f"spark-worker-{number}" for number in numbers)] if self.workers else []

    def _arguments(self) -> dict[str, list[str]]:
        return {name: self._master() if name == "spark-master" else self._worker(name) for name in self._names()}

    def _master(self) -> list[str]:
        ports = self.site.endpoints.ports
        recovery = self.site.home.folder("spark", "recovery")
        kept = {"spark.deploy.recoveryMode": "FILESYSTEM", "spark.deploy.recoveryDirectory": str(recovery)}
        where = ["--host", HOST, "--port", str(ports["spark_master"]), "--webui-port", str(ports["spark_master_ui"])]
        return [*self._java(kept), "org.apache.spark.deploy.master.Master", *where]

    def _worker(self, name: str) -> list[str]:
        size = ["--cores", str(self.cores), "--memory", self.site.settings.spark_worker_heap]
        where = ["--host", HOST, "--webui-port", "0", "--work-dir", str(self.site.home.folder("spark", "work", name))]
        old = {"spark.worker.cleanup.enabled": "true"}
        return [*self._java(old), "org.apache.spark.deploy.worker.Worker", *where, *size, self.url]

    def _java(self, extra: Mapping[str, str]) -> list[str]:
        common = {"spark.authenticate": "true", "spark.master.rest.enabled": "false", **extra}
        jars = f"{pyspark_jars()}/*:{classpath('spark')}"
        return [f"-Xmx{HEAP}", "-XX:+UseSerialGC", *self.options, *properties(common), "-cp", jars]

    def _executor(self) -> list[str]:
        return [shlex.quote(option) for option in self.options if option.startswith(("-D", "-Xss"))]
