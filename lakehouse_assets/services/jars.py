"""Every jar by Ivy: resolves `ivy.xml` with the Ivy inside pyspark, on the bundled Java runtime.

`lakehouse up`, or `python -m lakehouse_assets.services.jars`, fills `<sys.prefix>/share/lakehouse/jars/`, below it
`spark`, `kafka` and `compile`, and compiles Delta's log store into `spark`. A second run does nothing until `ivy.xml`
or the log store changes. All projects of one Python environment share them.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from lakehouse_assets import settings
from lakehouse_assets.errors import LakehouseError, ServiceError
from lakehouse_assets.services import logstore
from lakehouse_assets.services.java import java, properties

BILL_OF_MATERIALS = Path(__file__).with_name("ivy.xml")
PROCESSES = ("spark", "kafka", "compile")
STAMP = "stamp.json"
LOCK = "lock"
RESOLVE_TIMEOUT_SECONDS = 900
TRUST_STORE_PASSWORD = "changeit"
IVY_SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <caches defaultCacheDir="{cache}"/>
  <resolvers><ibiblio name="central" m2compatible="true"/></resolvers>
</ivysettings>
"""


def folder() -> Path:
    """Where the jars of this Python environment are."""
    return Path(sys.prefix) / "share" / "lakehouse" / "jars"


def pyspark_jars() -> Path:
    """The jars that pyspark ships."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ServiceError("pyspark is missing", where="jars", do="Install the project again")
    return Path(spec.origin).parent / "jars"


def missing(process: str) -> list[str]:
    """Names of the jars that a process needs and that are not there."""
    known = _known()
    if known is None:
        return ["all of them"]
    return [name for name in known[process] if not (folder() / process / name).is_file()]


def classpath(process: str) -> str:
    """The jars of a process as a java class path.

    Raises:
        ServiceError: some are missing.
    """
    if gone := missing(process):
        named = ", ".join(gone[:3]) + (", ..." if len(gone) > 3 else "")
        raise ServiceError(
            f"jars are missing from {folder() / process}: {named}",
            where=process,
            do="Run `lakehouse up`, which fetches them (or `python -m lakehouse_assets.services.jars`)",
        )
    return str(folder() / process / "*")


def resolve() -> bool:
    """Fetch what is missing; say whether there was anything to do.

    Raises:
        ServiceError: Ivy could not resolve; the message holds its reason.
    """
    if is_complete():
        return False
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / LOCK).open("w") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        return not is_complete() and _fetch()


def is_complete() -> bool:
    """Whether every jar is there."""
    return not any(missing(process) for process in PROCESSES)


def _fetch() -> bool:
    with tempfile.TemporaryDirectory(dir=folder()) as work, ThreadPoolExecutor() as pool:
        options = _network_options(Path(work))
        list(pool.map(lambda process: _retrieve(process, Path(work), options), PROCESSES))
        below = [*pyspark_jars().glob("*.jar"), *(Path(work) / "spark").glob("*.jar")]
        logstore.build(next((Path(work) / "compile").glob("ecj-*.jar")), below, Path(work) / "spark" / logstore.JAR)
        for process in PROCESSES:
            shutil.rmtree(folder() / process, ignore_errors=True)
            (Path(work) / process).rename(folder() / process)
    found = {process: sorted(path.name for path in (folder() / process).iterdir()) for process in PROCESSES}
    (folder() / STAMP).write_text(json.dumps({"hash": _hash(), "jars": found}, indent=1))
    return True


def _retrieve(process: str, work: Path, options: list[str]) -> None:
    ivy = next(pyspark_jars().glob("ivy-*.jar"))
    config = work / f"{process}-settings.xml"
    config.write_text(IVY_SETTINGS.format(cache=work / f"{process}-cache"))
    target = f"{work}/[conf]/[artifact]-[revision](-[classifier]).[ext]"
    command = [str(java()), *options, "-cp", str(ivy), "org.apache.ivy.Main", "-settings", str(config)]
    command += [
        "-ivy",
        str(BILL_OF_MATERIALS),
        "-confs",
        process,
        "-retrieve",
        target,
        "-types",
        "jar",
        "bundle",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_TIMEOUT_SECONDS, check=False)
    if done.returncode != 0 or not (work / process).is_dir():
        raise ServiceError(
            f"Ivy could not resolve the {process} jars: {_reason(done.stdout + done.stderr)}",
            where="jars",
            do="Check the network, the proxy and SSL_CERT_FILE, then try again",
        )


def _reason(output: str) -> str:
    """The most telling line of Ivy's long output."""
    lines = [line.strip() for line in output.splitlines()]
    for sign in ("PKIX", "UNRESOLVED", "FAILED", "not found", "Exception", "error"):
        for line in lines:
            if sign in line:
                return line.strip(":- ")[:300]
    return lines[-1] if lines else "no output"


def _network_options(work: Path) -> list[str]:
    return [*_proxy_options(), *_trust_options(work)]


def _proxy_options() -> list[str]:
    found: dict[str, str] = {}
    for scheme in ("http", "https"):
        url = urlsplit(settings.proxy(scheme) or "")
        if url.hostname:
            found |= {f"{scheme}.proxyHost": url.hostname, f"{scheme}.proxyPort": str(url.port or 80)}
    return properties(found)


def _trust_options(work: Path) -> list[str]:
    """The company's CA bundle as a Java trust store: the runtime's own does not know it."""
    bundle = settings.ca_bundle()
    if bundle is None or not bundle.is_file():
        return []
    store = work / "trust.p12"
    store.write_bytes(trust_store(bundle.read_bytes()))
    return properties(
        {
            "javax.net.ssl.trustStore": str(store),
            "javax.net.ssl.trustStorePassword": TRUST_STORE_PASSWORD,
            "javax.net.ssl.trustStoreType": "PKCS12",
        }
    )


def trust_store(pem: bytes) -> bytes:
    """A PEM bundle as a PKCS12 trust store that Java reads."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificates = x509.load_pem_x509_certificates(pem)
    entries = [pkcs12.PKCS12Certificate(each, b"ca-%d" % number) for number, each in enumerate(certificates)]
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(TRUST_STORE_PASSWORD.encode()))


def _hash() -> str:
    return hashlib.sha256(BILL_OF_MATERIALS.read_bytes() + logstore.SOURCE.read_bytes()).hexdigest()


def _known() -> Mapping[str, list[str]] | None:
    """Names of the jars that today's bill of materials came to, by process; None when it was never resolved."""
    try:
        stamp = json.loads((folder() / STAMP).read_text())
        jars: Mapping[str, list[str]] | None = stamp["jars"] if stamp["hash"] == _hash() else None
    except (OSError, ValueError, KeyError):
        return None
    return jars


def main() -> None:
    """Fetch the jars, showing that something happens."""
    from rich.console import Console

    console = Console()
    try:
        with console.status("Resolving the jars of Spark and Kafka (about 80 MB, a minute the first time)"):
            fetched = resolve()
    except LakehouseError as error:
        console.print(f"[red]error:[/red] {error}", soft_wrap=True)
        raise SystemExit(1) from error
    console.print(f"jars: {'fetched into' if fetched else 'nothing to do in'} {folder()}", soft_wrap=True)


if __name__ == "__main__":
    main()
