"""Decoders: a record's bytes as typed columns, strictly, by the format that a table declares."""

from lakehouse_assets.engine.decoding.avro import Avro
from lakehouse_assets.engine.decoding.csv_line import CsvLine
from lakehouse_assets.engine.decoding.decoder import Decoder, EventTime
from lakehouse_assets.engine.decoding.epoch import Epoch
from lakehouse_assets.engine.decoding.json import Json
from lakehouse_assets.engine.decoding.plain_bytes import Bytes

__all__ = ["Avro", "Bytes", "CsvLine", "Decoder", "Epoch", "EventTime", "Json"]
