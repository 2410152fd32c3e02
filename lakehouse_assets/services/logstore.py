"""Delta's log store for S3 that lets any number of drivers write: compiled at set-up from its Java source."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.java import java

SOURCE = Path(__file__).with_name("ConditionalPutLogStore.java")
JAR = "lakehouse-logstore.jar"
COMPILE_TIMEOUT_SECONDS = 120
BYTECODE = "17"
"""A Spark elsewhere may run on an older Java."""


def build(compiler: Path, below: Iterable[Path], jar: Path) -> None:
    """Compile the log store into a jar.

    Args:
        compiler: the jar of the Eclipse compiler, which runs on a Java runtime.
        below: the jars of Spark, Hadoop and Delta.
        jar: what to write.

    Raises:
        ServiceError: it does not compile; names the first error.
    """
    with tempfile.TemporaryDirectory(dir=jar.parent) as classes:
        _compile(compiler, below, classes)
        with zipfile.ZipFile(jar, "w") as packed:
            for path in sorted(Path(classes).rglob("*.class")):
                packed.write(path, path.relative_to(classes))


def _compile(compiler: Path, below: Iterable[Path], classes: str) -> None:
    command = [str(java()), "-cp", str(compiler), "org.eclipse.jdt.internal.compiler.batch.Main"]
    command += [f"-{BYTECODE}", "-nowarn", "-proc:none", "-d", classes, "-classpath", ":".join(map(str, below))]
    command.append(str(SOURCE))
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line or "error" in line]
        raise ServiceError(
            f"cannot compile {SOURCE.name}: {(said or ['no output'])[0]}",
            where="jars",
            do="Check that the jars of Spark and Delta fit this version of the project",
        )
