"""What a bright thing is: calcification, or which of the things that look like it."""
