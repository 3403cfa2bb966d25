"""The host: the lesion around the calcium, its kind and its enhancement."""
