"""Bile ducts: where a focus lies to them, which are wide, and the segments they drain."""
