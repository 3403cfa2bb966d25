from hepalith.report.folder import write_folder as write_folder
from hepalith.report.html import render_html as render_html
from hepalith.report.html import write_html as write_html
from hepalith.report.patient import render_patient as render_patient
from hepalith.report.patient import write_patient as write_patient

__all__: list[str]
