"""DICOM objects: segmentation, structured report, encapsulated PDF, key images."""
