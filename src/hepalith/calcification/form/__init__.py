"""The form of a focus: the words of the vocabulary, from geometry that can be shown."""
