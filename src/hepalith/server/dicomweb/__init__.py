"""DICOMweb: finding, fetching and storing over HTTP."""
