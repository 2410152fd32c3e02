"""The kinds of table: one file each, the same questions answered in each. What a table's file declares is of one.

A new kind is a file here and its test: a subclass of `Table`, or of a kind whose rows come about in the same way (see
`dimension`). It says at least `lives_on` (or `sources`), `code_version`, `increment`, `rebuild`, `full_grain`, `told`
and its columns; what it leaves out is answered by `Table`. Tables may import it from its own file.
"""

from lakehouse_assets.engine.kinds.answer import AnswerTable
from lakehouse_assets.engine.kinds.dimension import DimensionTable
from lakehouse_assets.engine.kinds.drop import DropTable, when_dropped
from lakehouse_assets.engine.kinds.event import EventTable
from lakehouse_assets.engine.kinds.kafka import KafkaTable
from lakehouse_assets.engine.kinds.quarantine import Quarantine
from lakehouse_assets.engine.kinds.selecting import sql_beside
from lakehouse_assets.engine.kinds.view import View
from lakehouse_assets.engine.sources.csv_format import Csv
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.upstreams import Upstream

__all__ = [
    "AnswerTable",
    "Csv",
    "DimensionTable",
    "DropTable",
    "EventTable",
    "KafkaTable",
    "Quarantine",
    "Table",
    "Upstream",
    "View",
    "sql_beside",
    "when_dropped",
]
