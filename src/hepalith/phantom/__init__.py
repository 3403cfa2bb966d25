"""CT livers whose answers are known on paper. Shares no code with what measures them."""

from hepalith.phantom.demo import DemoStudy, make_demo, make_demo_study
from hepalith.phantom.deposit import Deposit, make_bead_chain, make_rim, make_rod, make_sphere
from hepalith.phantom.dicom import SeriesHeader, write_dicom_series
from hepalith.phantom.implant import Implanted, Recipe, implant, make_implant, write_implant
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.scanner import KERNEL_BLUR_MM, Scanner, SliceProfile, kernel_blur_mm
from hepalith.phantom.scene import ORGANS, Body, Scan, Scene, scan
from hepalith.phantom.truth import FocusTruth, Truth, load_truth, write_truth

__all__ = [
    "KERNEL_BLUR_MM",
    "ORGANS",
    "Body",
    "DemoStudy",
    "Deposit",
    "FocusTruth",
    "Implanted",
    "Recipe",
    "Scan",
    "Scanner",
    "Scene",
    "SeriesHeader",
    "SliceProfile",
    "Truth",
    "implant",
    "kernel_blur_mm",
    "load_truth",
    "make_bead_chain",
    "make_demo",
    "make_demo_study",
    "make_implant",
    "make_rim",
    "make_rod",
    "make_sphere",
    "scan",
    "write_dicom_series",
    "write_implant",
    "write_nifti",
    "write_truth",
]
