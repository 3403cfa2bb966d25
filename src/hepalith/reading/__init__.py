"""Readings: everything found in one examination, held together; the one writer and reader of the folder."""

from hepalith.reading.assemble import Assessment, Examined, assemble
from hepalith.reading.document import NOTICE, SCHEMA, Document, reading_schema, to_json
from hepalith.reading.folder import Writer, refuse_occupied, write_folder
from hepalith.reading.identity import DEFAULT_PSEUDONYM_KEY
from hepalith.reading.load import load_document, load_reading
from hepalith.reading.reading import Maps, Reading, Run, Source

__all__ = [
    "DEFAULT_PSEUDONYM_KEY",
    "NOTICE",
    "SCHEMA",
    "Assessment",
    "Document",
    "Examined",
    "Maps",
    "Reading",
    "Run",
    "Source",
    "Writer",
    "assemble",
    "load_document",
    "load_reading",
    "reading_schema",
    "refuse_occupied",
    "to_json",
    "write_folder",
]
