"""Jobs: what was received, where it stands, and that nothing of it is lost."""
