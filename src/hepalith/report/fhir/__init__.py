"""FHIR bundles, R4 and R5, and their check."""
