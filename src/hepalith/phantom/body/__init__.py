"""The patient: an upper abdomen that varies by seed."""
