"""The scanner: projection, blur, noise, streaks and what they make of a body."""
