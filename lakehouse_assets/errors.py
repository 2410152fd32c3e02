"""Every error this project raises on purpose, as one family.

    LakehouseError
    ├── SettingsError            a setting is missing or unreadable
    ├── ServiceError             an embedded service cannot start, or stopped answering
    ├── UnavailableError         a broker, store or Spark server cannot be reached now; a retry may help
    ├── PlanError                a plan does not fit the table as it is now; a new plan helps
    │   └── SupersededError      another commit came first
    └── BrokenContractError      going on would lose, double or publish something wrong; a retry won't help
        ├── LossError            source records or table rows are gone
        └── ContractError        a table's contract cannot be enforced

Each message says what happened, to which table, topic or service, and what to do; secrets are taken out of it.
"""

from __future__ import annotations

from lakehouse_assets.redaction import redact


class LakehouseError(Exception):
    """The root: catch it to show a message instead of a traceback."""

    def __init__(self, what: str, *, where: str, do: str) -> None:
        self.what, self.where, self.do = redact(what), redact(where), redact(do)
        super().__init__(f"{self.where}: {self.what}. {self.do}.")


class SettingsError(LakehouseError):
    """A setting is missing or unreadable."""


class ServiceError(LakehouseError):
    """An embedded service cannot start, or stopped answering."""


class UnavailableError(LakehouseError):
    """A broker, store or Spark server cannot be reached now; a retry may help."""

    is_absence = False
    """Whether the source answers, and what is asked for is not there yet."""


class PlanError(LakehouseError):
    """A plan does not fit the table as it is now: nothing was written, and a new plan helps."""


class SupersededError(PlanError):
    """Another commit came between plan and commit: plan anew at once."""


class BrokenContractError(LakehouseError):
    """Going on would lose, double or publish something wrong; a retry won't help."""


class LossError(BrokenContractError):
    """Source records or table rows are gone: goes on only after a recorded acceptance."""


class ContractError(BrokenContractError):
    """A table's contract cannot be enforced as it is written."""
