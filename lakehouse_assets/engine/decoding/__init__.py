"""Decoders: a record's bytes as typed columns, strictly, by the format that a table declares."""

from lakehouse_assets.engine.decoding.decoder import Decoder, EventTime
from lakehouse_assets.engine.decoding.epoch import Epoch
from lakehouse_assets.engine.decoding.json import Json

__all__ = ["Decoder", "Epoch", "EventTime", "Json"]
