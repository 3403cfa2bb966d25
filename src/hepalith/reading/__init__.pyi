from hepalith.reading.acceptance import accept as accept
from hepalith.reading.document import NOTICE as NOTICE
from hepalith.reading.document import SCHEMA as SCHEMA
from hepalith.reading.document import Document as Document
from hepalith.reading.document import reading_schema as reading_schema
from hepalith.reading.document import to_json as to_json
from hepalith.reading.examination import Conclusion as Conclusion
from hepalith.reading.examination import CtRead as CtRead
from hepalith.reading.examination import Examination as Examination
from hepalith.reading.examination import UltrasoundImage as UltrasoundImage
from hepalith.reading.examination import UltrasoundRead as UltrasoundRead
from hepalith.reading.examination import keep_frames as keep_frames
from hepalith.reading.folder import Writer as Writer
from hepalith.reading.folder import private_folder as private_folder
from hepalith.reading.folder import refuse_occupied as refuse_occupied
from hepalith.reading.folder import write_folder as write_folder
from hepalith.reading.folder import write_private as write_private
from hepalith.reading.identity import DEFAULT_PSEUDONYM_KEY as DEFAULT_PSEUDONYM_KEY
from hepalith.reading.load import load_document as load_document
from hepalith.reading.load import load_reading as load_reading
from hepalith.reading.reading import Maps as Maps
from hepalith.reading.reading import Reading as Reading
from hepalith.reading.reading import Run as Run
from hepalith.reading.source import Source as Source
from hepalith.reading.source import SourceImage as SourceImage
from hepalith.reading.source import load_source as load_source

__all__: list[str]
