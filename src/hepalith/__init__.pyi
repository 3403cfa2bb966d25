from hepalith.errors import HepalithError as HepalithError
from hepalith.errors import InputError as InputError
from hepalith.errors import OutputError as OutputError
from hepalith.pipeline import read as read
from hepalith.reading import Reading as Reading
from hepalith.reading import load_reading as load_reading
from hepalith.reading import reading_schema as reading_schema
from hepalith.reading.opinion import Opinion as Opinion
from hepalith.reading.opinion import diagnose as diagnose
from hepalith.settings import Formats as Formats
from hepalith.settings import MaskSource as MaskSource
from hepalith.settings import Settings as Settings
from hepalith.study import Patient as Patient
from hepalith.study import read_patient as read_patient
from hepalith.vocabulary import list_terms as list_terms

__version__: str
__all__: list[str]
