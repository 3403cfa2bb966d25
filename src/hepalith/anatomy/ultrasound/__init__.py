"""The sonogram: its liver, its dark structures, its lesions."""
