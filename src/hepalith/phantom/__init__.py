"""CT and ultrasound livers whose answers are known on paper. Shares no code with what measures them."""

from hepalith.phantom.body.variation import COVERAGES, PHASES, Variation, draw_variation
from hepalith.phantom.demo import DemoStudy, make_demo, make_demo_study
from hepalith.phantom.deposit import Deposit, make_bead_chain, make_rim, make_rod, make_sphere
from hepalith.phantom.dicom import SeriesHeader, write_dicom_series
from hepalith.phantom.family import PhantomStudy, make_study
from hepalith.phantom.folder import write_study_folder
from hepalith.phantom.implant import Implanted, Recipe, implant, make_implant, write_implant
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.scanner.scanner import KERNEL_BLUR_MM, KERNELS, Scanner, SliceProfile, kernel_blur_mm
from hepalith.phantom.scene import ORGANS, Body, Scan, Scene, scan
from hepalith.phantom.study_plan import CONTENTS, CROWD, StudyPlan, draw_plan, list_contents
from hepalith.phantom.truth import FocusTruth, Truth, load_truth, split_of, write_truth
from hepalith.phantom.ultrasound.content import list_sono_contents
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.folder import write_sono_folder
from hepalith.phantom.ultrasound.implant import StillRecipe, implant_into_still
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.phantom.ultrasound.truth import SonoFocus, SonoTruth, load_sono_truth, write_sono_truth

__all__ = [
    "CONTENTS",
    "COVERAGES",
    "CROWD",
    "KERNELS",
    "KERNEL_BLUR_MM",
    "ORGANS",
    "PHASES",
    "Body",
    "DemoStudy",
    "Deposit",
    "FocusTruth",
    "Implanted",
    "PhantomStudy",
    "Recipe",
    "Scan",
    "Scanner",
    "Scene",
    "SeriesHeader",
    "SliceProfile",
    "SonoFocus",
    "SonoPhantom",
    "SonoTruth",
    "StillRecipe",
    "StudyPlan",
    "Truth",
    "Variation",
    "draw_plan",
    "draw_variation",
    "implant",
    "implant_into_still",
    "kernel_blur_mm",
    "list_contents",
    "list_sono_contents",
    "load_sono_truth",
    "load_truth",
    "make_bead_chain",
    "make_demo",
    "make_demo_study",
    "make_implant",
    "make_rim",
    "make_rod",
    "make_sonogram",
    "make_sphere",
    "make_study",
    "scan",
    "split_of",
    "write_dicom_series",
    "write_implant",
    "write_nifti",
    "write_sono_folder",
    "write_sono_truth",
    "write_study_folder",
    "write_truth",
]
