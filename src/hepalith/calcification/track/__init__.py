"""One focus over the frames of a loop and the pictures of an examination."""
