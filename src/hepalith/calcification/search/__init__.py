"""The search: what stands out of the liver, and which of it is a candidate."""
