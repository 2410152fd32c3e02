"""A source record as bronze keeps it, whichever source it comes from."""

from __future__ import annotations

import pyspark.sql.types as T

RECORD = T.StructType(
    [
        T.StructField("topic_id", T.StringType(), False),
        T.StructField("partition", T.IntegerType(), False),
        T.StructField("offset", T.LongType(), False),
        T.StructField("timestamp", T.TimestampType()),
        T.StructField("key", T.BinaryType()),
        T.StructField("value", T.BinaryType()),
        T.StructField(
            "headers",
            T.ArrayType(T.StructType([T.StructField("key", T.StringType()), T.StructField("value", T.BinaryType())])),
        ),
    ]
)
"""Before it is dated. For a row of a file: the file version, 0, the byte offset of its line, when the file was dropped,
the file's name, the row as a JSON object of strings, null."""
